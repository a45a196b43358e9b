//! The client against a store that others wrote: etcd from the system's packages. Skipped where there is none.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tokio::time::Instant;

use super::*;
use crate::ports::{PortPool, ReservedPort};
use crate::reach::Processes;
use crate::seed::Seed;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A single etcd that is killed when the test ends.
struct Etcd {
    process: Child,
    address: SocketAddr,
    _data: tempfile::TempDir,
    /// For clients and for peers: etcd cannot be told to choose them itself.
    _ports: [ReservedPort; 2],
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn etcd() -> Option<Etcd> {
    let data = tempfile::tempdir().unwrap();
    let mut pool = PortPool::new(Seed(1).derive("etcd"));
    let ports = [pool.reserve().unwrap(), pool.reserve().unwrap()];
    let [client, peer] = [ports[0].addr(), ports[1].addr()];
    let url = |addr| format!("http://{addr}");
    let spawned = Command::new("etcd")
        .args(["--data-dir", data.path().to_str().unwrap(), "--log-level", "info"])
        .args(["--logger", "zap", "--log-outputs", "stderr"])
        .args(["--listen-client-urls", &url(client), "--advertise-client-urls", &url(client)])
        .args(["--listen-peer-urls", &url(peer), "--initial-advertise-peer-urls", &url(peer)])
        .args(["--initial-cluster", &format!("default={}", url(peer))])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(process) = spawned else {
        anstream::eprintln!("skipped: there is no etcd to be a client of");
        return None;
    };
    let etcd = Etcd { process, address: client, _data: data, _ports: ports };
    etcd.serves().await;
    Some(etcd)
}

impl Etcd {
    /// Waits until a read is answered.
    async fn serves(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut client = client_at(self.address, Shape::Register, Duration::from_secs(1));
        loop {
            let seen = client.perform(&Invocation::read("nothing".to_owned()), 0).await.unwrap();
            if let Completion::Ok(_) = seen {
                return;
            }
            assert!(Instant::now() < deadline, "etcd does not serve: {seen:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn client_at(address: SocketAddr, shape: Shape, op_timeout: Duration) -> Client<Processes> {
    Client::new(Processes::new(&[address]), shape, 1, op_timeout)
}

fn client(shape: Shape, etcd: &Etcd) -> Client<Processes> {
    client_at(etcd.address, shape, TIMEOUT)
}

fn op(f: &'static str, value: Value) -> Invocation {
    Invocation { f, key: "x".to_owned(), value }
}

fn read() -> Invocation {
    Invocation::read("x".to_owned())
}

fn ints(numbers: &[i64]) -> Value {
    Value::List(numbers.iter().copied().map(Value::Int).collect())
}

#[tokio::test]
async fn registers_lists_and_sets_work_on_etcd() {
    let Some(etcd) = etcd().await else { return };

    let mut register = client(Shape::Register, &etcd);
    assert_eq!(register.perform(&read(), 0).await.unwrap(), Completion::Ok(Value::Nil));
    let first = op("cas", Value::List(vec![Value::Nil, Value::Int(1)]));
    assert_eq!(register.perform(&first, 0).await.unwrap(), Completion::Ok(first.value.clone()));
    let declined = Completion::Fail("the value was another one".to_owned());
    assert_eq!(register.perform(&first, 0).await.unwrap(), declined, "the key exists now");
    assert_eq!(register.perform(&op("cas", ints(&[2, 3])), 0).await.unwrap(), declined);
    let cas = op("cas", ints(&[1, 3]));
    assert_eq!(register.perform(&cas, 0).await.unwrap(), Completion::Ok(ints(&[1, 3])));
    assert_eq!(register.perform(&read(), 0).await.unwrap(), Completion::Ok(Value::Int(3)));
    let write = op("write", Value::Int(4));
    assert_eq!(register.perform(&write, 0).await.unwrap(), Completion::Ok(Value::Int(4)));
    assert_eq!(register.perform(&read(), 0).await.unwrap(), Completion::Ok(Value::Int(4)));

    let mut list = client(Shape::List, &etcd);
    let on_list = |f, value| Invocation { f, key: "l".to_owned(), value };
    let read_list = on_list("read", Value::Nil);
    assert_eq!(list.perform(&read_list, 0).await.unwrap(), Completion::Ok(Value::Nil));
    for element in [7, 5] {
        let append = on_list("append", Value::Int(element));
        assert_eq!(list.perform(&append, 0).await.unwrap(), Completion::Ok(Value::Int(element)));
    }
    assert_eq!(list.perform(&read_list, 0).await.unwrap(), Completion::Ok(ints(&[7, 5])));

    let mut set = client(Shape::Set, &etcd);
    assert_eq!(set.perform(&read(), 0).await.unwrap(), Completion::Ok(ints(&[])));
    for element in [10, 9] {
        let add = op("add", Value::Int(element));
        assert_eq!(set.perform(&add, 0).await.unwrap(), Completion::Ok(Value::Int(element)));
    }
    assert_eq!(set.perform(&read(), 0).await.unwrap(), Completion::Ok(ints(&[9, 10])));
}

#[tokio::test]
async fn a_store_that_dies_leaves_one_unknown_write_at_most() {
    let Some(mut etcd) = etcd().await else { return };
    let mut register = client(Shape::Register, &etcd);
    let write = op("write", Value::Int(1));
    assert_eq!(register.perform(&write, 0).await.unwrap(), Completion::Ok(Value::Int(1)));
    etcd.process.kill().unwrap();
    etcd.process.wait().unwrap();
    // The first write meets the broken connection, before or after it left; the second finds nobody.
    assert!(!matches!(register.perform(&write, 0).await.unwrap(), Completion::Ok(_)));
    assert!(!register.is_connected(0));
    let second = register.perform(&write, 0).await.unwrap();
    let Completion::Fail(reason) = second else { panic!("{second:?}") };
    assert!(reason.starts_with("no connection: Connection refused"), "{reason}");
}

/// A proxy in front of a dead node accepts and says nothing.
#[tokio::test]
async fn a_silent_listener_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut register = client_at(address, Shape::Register, Duration::from_millis(100));
    let write = register.perform(&op("write", Value::Int(1)), 0).await.unwrap();
    let Completion::Fail(reason) = write else { panic!("a write that never left: {write:?}") };
    assert!(reason.starts_with("no connection: no answer in "), "{reason}");
}

#[tokio::test]
async fn a_listener_that_hangs_up_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let mut register = client_at(address, Shape::Register, TIMEOUT);
    let write = register.perform(&op("write", Value::Int(1)), 0).await.unwrap();
    let Completion::Fail(reason) = write else { panic!("a write that never left: {write:?}") };
    assert!(reason.starts_with("no connection: "), "{reason}");
}
