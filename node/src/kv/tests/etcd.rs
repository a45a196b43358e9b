//! The same random requests to the store and to a real etcd, if one is installed (Debian: `etcd-server`).

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tonic::transport::{Channel, Endpoint};

use super::requests::{AnyRequest, any_request};
use super::*;
use crate::proto::etcdserverpb::ResponseHeader;
use crate::proto::etcdserverpb::kv_client::KvClient;

/// As many on a fresh etcd, several times over: revisions stay in the range that requests name.
const REQUESTS_PER_ETCD: usize = 400;
const ETCDS: usize = 3;

/// A one-node etcd in a folder of its own, on unix sockets there, so that no port can be taken.
struct Etcd {
    process: Child,
    directory: tempfile::TempDir,
}

impl Etcd {
    /// `None` if there is no such program.
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let (client, peer) = ("unix://client:1", "unix://peer:1");
        let process = Command::new("etcd")
            .args(["--name", "n", "--data-dir", "data", "--unsafe-no-fsync", "--log-level", "info"])
            .args(["--listen-client-urls", client, "--advertise-client-urls", client])
            .args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer])
            .args(["--initial-cluster", &format!("n={peer}")])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let process = match process {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            other => other.expect("etcd starts"),
        };
        let mut etcd = Self { process, directory };
        etcd.wait_until_ready();
        Some(etcd)
    }

    /// Reads the log until it says so, and goes on reading, or etcd would block on a full pipe.
    fn wait_until_ready(&mut self) {
        let log = self.process.stderr.take().expect("it is piped");
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if line.contains("ready to serve client requests") {
                    tell.send(()).ok();
                }
            }
        });
        told.recv_timeout(Duration::from_secs(20)).expect("etcd is ready within 20 s");
    }

    async fn connect(&self) -> KvClient<Channel> {
        let socket = self.directory.path().join("client:1");
        assert!(Path::new(&socket).exists(), "etcd listens on {}", socket.display());
        let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display())).unwrap();
        KvClient::new(endpoint.timeout(Duration::from_secs(10)).connect().await.unwrap())
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// An answer without what only the shell knows.
#[derive(Debug, PartialEq)]
enum Answer {
    Range(RangeResponse),
    Write(KvResponse),
    Refused(tonic::Code, String),
}

fn bare(header: &mut Option<ResponseHeader>) {
    *header =
        Some(ResponseHeader { revision: header.map_or(0, |it| it.revision), ..Default::default() });
}

fn refused(error: &KvError) -> Answer {
    Answer::Refused(error.code(), error.to_string())
}

async fn ask_etcd(client: &mut KvClient<Channel>, request: &AnyRequest) -> Answer {
    let answer = match request.clone() {
        AnyRequest::Range(range) => client.range(range).await.map(|response| {
            let mut response = response.into_inner();
            bare(&mut response.header);
            Answer::Range(response)
        }),
        AnyRequest::Write(write) => {
            let response = match write {
                KvRequest::Put(put) => {
                    client.put(put).await.map(|it| KvResponse::Put(it.into_inner()))
                }
                KvRequest::DeleteRange(delete) => client
                    .delete_range(delete)
                    .await
                    .map(|it| KvResponse::DeleteRange(it.into_inner())),
                KvRequest::Txn(txn) => {
                    client.txn(txn).await.map(|it| KvResponse::Txn(it.into_inner()))
                }
            };
            response.map(|mut response| {
                let revision = response.header_mut().revision;
                *response.header_mut() = ResponseHeader { revision, ..Default::default() };
                Answer::Write(response)
            })
        }
    };
    answer.unwrap_or_else(|status| Answer::Refused(status.code(), status.message().to_owned()))
}

fn ask_store(store: &mut Store, request: &AnyRequest) -> Answer {
    match request {
        AnyRequest::Range(range) => {
            store.range(range).map_or_else(|error| refused(&error), Answer::Range)
        }
        AnyRequest::Write(write) => {
            apply(store, write).map_or_else(|error| refused(&error), Answer::Write)
        }
    }
}

/// What makes etcd 3.4 panic: a value that is to be kept, of a key that the same transaction deleted before.
fn would_kill_etcd(txn: &TxnRequest) -> bool {
    fn any(txn: &TxnRequest, found: &dyn Fn(&Request) -> bool) -> bool {
        txn.success.iter().chain(&txn.failure).filter_map(|op| op.request.as_ref()).any(|request| {
            match request {
                Request::RequestTxn(nested) => any(nested, found),
                leaf => found(leaf),
            }
        })
    }
    let deletes = |request: &Request| matches!(request, Request::RequestDeleteRange(_));
    let keeps = |request: &Request| matches!(request, Request::RequestPut(put) if put.ignore_value || put.ignore_lease);
    any(txn, &deletes) && any(txn, &keeps)
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
async fn etcd_answers_the_same() {
    let strategy = any_request();
    let mut runner = TestRunner::deterministic();
    let mut answered = 0;
    for _ in 0..ETCDS {
        let Some(etcd) = Etcd::start() else {
            eprintln!("skipped: no program called etcd in PATH");
            return;
        };
        let mut client = etcd.connect().await;
        let mut store = Store::new();
        for number in 0..REQUESTS_PER_ETCD {
            let request = strategy.new_tree(&mut runner).unwrap().current();
            if matches!(&request, AnyRequest::Write(KvRequest::Txn(txn)) if would_kill_etcd(txn)) {
                continue;
            }
            let expected = ask_etcd(&mut client, &request).await;
            let actual = ask_store(&mut store, &request);
            assert_eq!(
                actual, expected,
                "store (left) and etcd differ at request {number}: {request:?}"
            );
            answered += i32::from(!matches!(actual, Answer::Refused(..)));
        }
    }
    assert!(answered > 200, "too few requests were answered: {answered}");
}
