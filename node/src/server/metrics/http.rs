//! Just enough HTTP/1.1 to be scraped: `GET /metrics` and `GET /health`, one request a connection.
//!
//! Whatever else is sent is answered with an error or hung up on: a request has 8 KiB, 2 seconds, and one of 32 places.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Metrics;
use crate::server::view::View;

const HEAD_BYTES_MAX: usize = 8 * 1024;
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECTIONS_MAX: usize = 32;
/// Pause after a failed accept (out of file descriptors, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped.
pub(in crate::server) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    view: Arc<View>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (metrics, view) = (Arc::clone(&metrics), Arc::clone(&view));
                tokio::spawn(async move {
                    // A scraper that hangs up or stalls is its own trouble.
                    let _ = tokio::time::timeout(EXCHANGE_TIMEOUT, answer(stream, &metrics, &view))
                        .await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, metrics: &Metrics, view: &View) -> io::Result<()> {
    let reply = match read_head(&mut stream).await? {
        Some(head) => route(&head, metrics, view),
        None => Reply::text(431, "Request Header Fields Too Large", "too long\n"),
    };
    stream.write_all(reply.render().as_bytes()).await?;
    stream.shutdown().await
}

/// The head of the request; `None` if it does not fit.
async fn read_head(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX {
            return Ok(None);
        }
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(Some(head))
}

struct Reply {
    code: u16,
    reason: &'static str,
    kind: &'static str,
    body: String,
}

impl Reply {
    fn text(code: u16, reason: &'static str, body: &str) -> Self {
        Self { code, reason, kind: "text/plain; charset=utf-8", body: body.to_owned() }
    }

    fn render(&self) -> String {
        let Self { code, reason, kind, body } = self;
        format!(
            "HTTP/1.1 {code} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

fn route(head: &[u8], metrics: &Metrics, view: &View) -> Reply {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    if !version.is_some_and(|version| version.starts_with(b"HTTP/1.")) {
        return Reply::text(400, "Bad Request", "not HTTP/1\n");
    }
    if method != Some(b"GET") {
        return Reply::text(405, "Method Not Allowed", "only GET\n");
    }
    let path = target.and_then(|target| target.split(|byte| *byte == b'?').next());
    match path {
        Some(b"/metrics") => Reply {
            code: 200,
            reason: "OK",
            kind: "text/plain; version=0.0.4; charset=utf-8",
            body: metrics.render(view),
        },
        Some(b"/health") => health(view),
        _ => Reply::text(404, "Not Found", "see /metrics and /health\n"),
    }
}

/// In etcd's words.
fn health(view: &View) -> Reply {
    let kind = "application/json";
    if view.standing().leader.is_some() {
        let body = "{\"health\":\"true\"}\n".to_owned();
        Reply { code: 200, reason: "OK", kind, body }
    } else {
        let body = "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n".to_owned();
        Reply { code: 503, reason: "Service Unavailable", kind, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{NodeId, Role, Term};
    use crate::replica::Standing;
    use std::path::PathBuf;

    fn code(head: &[u8]) -> u16 {
        route(head, &Metrics::default(), &View::new(NodeId(1), 1, PathBuf::new(), Term(0))).code
    }

    #[test]
    fn requests_are_told_apart() {
        assert_eq!(code(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
        assert_eq!(code(b"GET /metrics?name=x HTTP/1.0\r\n\r\n"), 200);
        assert_eq!(code(b"GET / HTTP/1.1\r\n\r\n"), 404);
        assert_eq!(code(b"POST /metrics HTTP/1.1\r\n\r\n"), 405);
        for garbage in [b"".as_slice(), b"\0\xff\xfe", b"GET", b"GET /metrics", b"\r\n\r\n"] {
            assert_eq!(code(garbage), 400, "{garbage:?}");
        }
    }

    #[test]
    fn health_needs_a_leader() {
        let view = View::new(NodeId(1), 1, PathBuf::new(), Term(0));
        assert_eq!(health(&view).code, 503);
        view.set_standing(Standing {
            role: Role::Follower,
            term: Term(1),
            leader: Some(NodeId(2)),
        });
        assert_eq!(health(&view).code, 200);
    }

    #[tokio::test]
    async fn a_scrape_over_a_socket_and_one_that_is_too_long() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let view = Arc::new(View::new(NodeId(1), 1, PathBuf::new(), Term(0)));
        let server = tokio::spawn(serve(listener, Arc::default(), view));
        for (request, expected) in [
            (b"GET /metrics HTTP/1.1\r\n\r\n".to_vec(), "HTTP/1.1 200 "),
            (vec![b'x'; HEAD_BYTES_MAX], "HTTP/1.1 431 "),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&request).await.unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).await.unwrap();
            assert!(reply.starts_with(expected), "{reply}");
        }
        server.abort();
    }
}
