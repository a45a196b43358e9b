use super::*;

#[test]
fn a_node_is_told_its_own_ports_and_the_proxies_of_its_peers() {
    let mut pool = PortPool::new(Seed(3).derive("node args"));
    let ports = NodePorts {
        client: pool.reserve().unwrap(),
        peer: pool.reserve().unwrap(),
        metrics: pool.reserve().unwrap(),
    };
    let options = ClusterOptions {
        binary: "rashomon".into(),
        nodes: 3,
        data_root: "nodes".into(),
        election_timeout: Duration::from_millis(150),
        heartbeat: Duration::from_millis(30),
        seed: Seed(3),
        bugs: vec!["ack-on-append".to_owned()],
        proxied: true,
    };
    let proxies = [(0, "127.0.0.1:1001".parse().unwrap()), (2, "127.0.0.1:1003".parse().unwrap())];
    let args = node_args(&options, 1, Path::new("nodes/n2/data"), &ports, &proxies.into());
    let line = args.join(" ".as_ref()).into_string().unwrap();
    let (client, peer) = (ports.client.addr(), ports.peer.addr());
    let start =
        format!("node --id 2 --data nodes/n2/data --client {client} --peer {peer} --metrics ");
    assert!(line.starts_with(&start), "{line}");
    assert!(line.contains(" --peer-of 1=127.0.0.1:1001 --peer-of 3=127.0.0.1:1003 "), "{line}");
    assert!(line.contains(" --election-timeout-ms 150 --heartbeat-ms 30 --seed "), "{line}");
    let end = format!(" --parent {} --bug ack-on-append", std::process::id());
    assert!(line.ends_with(&end), "{line}");
    // The same for all nodes of a run, another one for another run.
    let id = |seed, node| {
        let options = ClusterOptions { seed, ..options.clone() };
        let args = node_args(&options, node, Path::new("data"), &ports, &proxies.into());
        let place = args.iter().position(|arg| arg == "--cluster-id").unwrap();
        args[place + 1].clone()
    };
    assert_eq!(id(Seed(3), 0), id(Seed(3), 1));
    assert_ne!(id(Seed(3), 0), id(Seed(4), 0));
}
