//! Ports for nodes and proxies, reserved without races.
//!
//! A port found free by bind-and-close can be gone before its user binds it. Here it is held for the whole run, by a
//! socket that is bound but never listens:
//!
//! ```text
//! bind without SO_REUSEADDR     an exclusive claim: fails if anybody, say another harness, has the port
//! set SO_REUSEADDR afterwards   now a listener that sets SO_REUSEADDR too (std and tokio do) may share it,
//! and never listen              as long as no sharer but that one listens
//! ```
//!
//! So a node binds its own port, dies, and binds it again, over connections in `TIME_WAIT` as well, while every
//! exclusive bind and every ephemeral one is kept away. Connects are refused while no node listens.
//!
//! All ports lie outside the range from which the kernel takes local ports of outgoing connections: inside it, a port
//! may be in use by a connection of any process at the moment a restarted node wants it back.
//!
//! Source: `inet_csk_bind_conflict` in Linux' `net/ipv4/inet_connection_sock.c`; the tests below show each claim.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Range;

use socket2::{Domain, Protocol, Socket, Type};

use crate::seed::Seed;

/// Below it, well-known services live.
const LOWEST_PORT: u16 = 10_000;

/// Fewer than this below the ephemeral range, and we look above it as well.
const PORTS_MIN: usize = 1_000;

/// What Linux uses if nobody changed it.
const EPHEMERAL_DEFAULT: (u16, u16) = (32_768, 60_999);

/// Why no port could be reserved.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Every port of the range was tried.
    #[error("no free port on 127.0.0.1 in {low}-{high}: all {} are in use", u32::from(*high) - u32::from(*low) + 1)]
    Exhausted {
        /// First port tried.
        low: u16,
        /// Last port tried.
        high: u16,
    },
    /// The machine would not give us a socket, or not let us set it up.
    #[error("cannot reserve a port on 127.0.0.1: {0}")]
    Socket(#[from] std::io::Error),
}

/// A port of 127.0.0.1 that is ours until this is dropped.
#[derive(Debug)]
pub struct ReservedPort {
    addr: SocketAddr,
    /// Holds the claim; never listens, never connects.
    _claim: Socket,
}

impl ReservedPort {
    /// Where a listener may be bound.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Hands out ports, each once.
#[derive(Debug)]
pub struct PortPool {
    range: Range<u32>,
    next: u32,
    left: u32,
}

impl PortPool {
    /// A pool that starts looking at a place derived from the seed and this process, so that harnesses that run at the
    /// same time rarely meet.
    pub fn new(seed: Seed) -> Self {
        let range = usable_ports(ephemeral_range());
        let start = seed.derive(&format!("ports of {}", std::process::id())).0;
        Self::over(range, start)
    }

    fn over(range: Range<u32>, start: u64) -> Self {
        let length = range.end - range.start;
        let offset = u32::try_from(start % u64::from(length.max(1))).expect("below a u32");
        Self { next: range.start + offset, left: length, range }
    }

    /// Reserves the next port that nobody has. Busy ones are stepped over.
    pub fn reserve(&mut self) -> Result<ReservedPort, PortError> {
        while self.left > 0 {
            let port = u16::try_from(self.next).expect("ranges end at 65535");
            self.left -= 1;
            self.next =
                if self.next + 1 < self.range.end { self.next + 1 } else { self.range.start };
            if let Some(reserved) = claim(port)? {
                return Ok(reserved);
            }
        }
        Err(PortError::Exhausted {
            low: u16::try_from(self.range.start).expect("a port"),
            high: u16::try_from(self.range.end - 1).expect("a port"),
        })
    }
}

/// Claims one port; `None` if somebody else has it.
fn claim(port: u16) -> Result<Option<ReservedPort>, PortError> {
    let addr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    match socket.bind(&addr.into()) {
        Ok(()) => {}
        Err(error) if is_taken(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // Only now: set before the bind, two harnesses could both have the port.
    socket.set_reuse_address(true)?;
    Ok(Some(ReservedPort { addr, _claim: socket }))
}

fn is_taken(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrInUse, PermissionDenied};
    // Denied: some machines keep single ports from unprivileged users.
    matches!(error.kind(), AddrInUse | PermissionDenied)
}

/// From which ports the kernel picks for outgoing connections, both ends included.
fn ephemeral_range() -> (u16, u16) {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|text| parse_range(&text))
        .unwrap_or(EPHEMERAL_DEFAULT)
}

fn parse_range(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    let (low, high) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (low <= high).then_some((low, high))
}

/// The larger part of 10000-65535 that the ephemeral range leaves; all of it if it leaves next to nothing.
fn usable_ports((low, high): (u16, u16)) -> Range<u32> {
    let below = u32::from(LOWEST_PORT)..u32::from(low.max(LOWEST_PORT));
    let above = (u32::from(high) + 1).max(u32::from(LOWEST_PORT))..u32::from(u16::MAX) + 1;
    let best = if above.len() > below.len() { above } else { below };
    if best.len() < PORTS_MIN { u32::from(LOWEST_PORT)..u32::from(u16::MAX) + 1 } else { best }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Tests run at the same time in one process; each looks at a place of its own.
    fn pool(test: &str) -> PortPool {
        PortPool::new(Seed(7).derive(test))
    }

    #[test]
    fn reservers_in_parallel_never_share_a_port() {
        // All start at the same place, so they race for every single port.
        let threads: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(|| {
                    let mut pool = pool("race");
                    (0..40).map(|_| pool.reserve().unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        let reserved: Vec<ReservedPort> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let distinct: BTreeSet<SocketAddr> = reserved.iter().map(ReservedPort::addr).collect();
        assert_eq!(distinct.len(), 8 * 40);
    }

    #[test]
    fn a_reserved_port_lies_outside_the_ephemeral_range_and_above_the_services() {
        let (low, high) = ephemeral_range();
        let port = pool("outside").reserve().unwrap().addr().port();
        assert!(port >= LOWEST_PORT && !(low..=high).contains(&port), "{port} in {low}-{high}");
    }

    #[test]
    fn a_listener_comes_back_on_a_reserved_port_over_time_wait() {
        let reserved = pool("time-wait").reserve().unwrap();
        for round in 0..3 {
            let listener = TcpListener::bind(reserved.addr())
                .unwrap_or_else(|error| panic!("round {round}: {error}"));
            let mut client = TcpStream::connect(reserved.addr()).unwrap();
            let (mut served, _) = listener.accept().unwrap();
            served.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            // The server's end closes first, so TIME_WAIT stays on the reserved port.
            drop(served);
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        }
        let refused = TcpStream::connect(reserved.addr()).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_port_with_a_listener_is_stepped_over() {
        let reserved = pool("listener").reserve().unwrap();
        let _listener = TcpListener::bind(reserved.addr()).unwrap();
        assert!(claim(reserved.addr().port()).unwrap().is_none());
    }

    #[test]
    fn a_port_is_free_again_after_its_reservation() {
        let reserved = pool("free-again").reserve().unwrap();
        let port = reserved.addr().port();
        assert!(claim(port).unwrap().is_none());
        drop(reserved);
        assert!(claim(port).unwrap().is_some());
    }

    #[test]
    fn exhaustion_names_the_range() {
        let held = pool("exhaustion").reserve().unwrap();
        let port = u32::from(held.addr().port());
        let error = PortPool::over(port..port + 1, 5).reserve().unwrap_err();
        assert!(matches!(error, PortError::Exhausted { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!("no free port on 127.0.0.1 in {port}-{port}: all 1 are in use")
        );
    }

    #[test]
    fn the_larger_part_outside_the_ephemeral_range_is_used() {
        assert_eq!(usable_ports((32_768, 60_999)), 10_000..32_768);
        assert_eq!(usable_ports((10_240, 40_000)), 40_001..65_536);
        assert_eq!(usable_ports((1_024, 65_535)), 10_000..65_536);
        assert_eq!(parse_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(parse_range("9 1"), None);
        assert_eq!(parse_range("what"), None);
    }
}
