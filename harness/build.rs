//! Compiles the client half of the etcd API subset. The files are the node's, but the harness keeps its own stubs: it
//! talks to nodes, the bundled one or a real etcd, by the wire only.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../node/proto");
    let files = protox::compile(["rpc.proto", "kv.proto"], ["../node/proto"])?;
    tonic_prost_build::configure().build_server(false).compile_fds(files)?;
    Ok(())
}
