//! Processor time of the processes that serve, from `/proc`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process, all_processes};
use procfs::{ProcError, ProcResult};

/// Processes whose time is taken together.
#[derive(Debug, Clone, Default)]
pub(super) struct Processes(Vec<i32>);

impl Processes {
    pub(super) fn new(pids: Vec<i32>) -> Self {
        Self(pids)
    }

    /// Those that listen on the addresses, as far as this user may see them.
    pub(super) fn listening_on(addresses: &[SocketAddr]) -> Self {
        let sockets = listening_sockets(addresses);
        let owners =
            all_processes().map(|all| all.flatten().filter(|process| holds(process, &sockets)));
        Self(owners.map(|owners| owners.map(|process| process.pid).collect()).unwrap_or_default())
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Time that all of them have computed so far, for themselves and in the kernel, all threads. `None` if nobody is
    /// known, or somebody is gone.
    pub(super) fn time(&self) -> Option<Duration> {
        if self.0.is_empty() {
            return None;
        }
        self.0.iter().map(|pid| time_of(&Process::new(*pid)?)).sum::<ProcResult<Duration>>().ok()
    }
}

/// Time that this process has computed so far.
pub(super) fn own_time() -> Option<Duration> {
    Process::myself().and_then(|process| time_of(&process)).ok()
}

fn time_of(process: &Process) -> Result<Duration, ProcError> {
    let stat = process.stat()?;
    let ticks = stat.utime + stat.stime;
    Ok(Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64))
}

/// Inode numbers of the sockets that listen there.
fn listening_sockets(addresses: &[SocketAddr]) -> BTreeSet<u64> {
    let v4 = procfs::net::tcp().unwrap_or_default();
    let v6 = procfs::net::tcp6().unwrap_or_default();
    let serves = |entry: &TcpNetEntry| {
        let local = entry.local_address;
        entry.state == TcpState::Listen
            && addresses.iter().any(|wanted| {
                local.port() == wanted.port()
                    && (local.ip().is_unspecified() || local.ip().to_canonical() == wanted.ip())
            })
    };
    v4.into_iter().chain(v6).filter(serves).map(|entry| entry.inode).collect()
}

fn holds(process: &Process, sockets: &BTreeSet<u64>) -> bool {
    let Ok(descriptors) = process.fd() else { return false };
    descriptors
        .flatten()
        .any(|fd| matches!(fd.target, FDTarget::Socket(inode) if sockets.contains(&inode)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn whoever_listens_is_found_with_its_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = Processes::listening_on(&[listener.local_addr().unwrap()]);
        assert_eq!(found.0, [i32::try_from(std::process::id()).unwrap()]);
        assert!(found.time().is_some());
    }

    #[test]
    fn where_nobody_listens_nobody_is_found() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let elsewhere = SocketAddr::from(([127, 0, 0, 2], address.port()));
        let found = Processes::listening_on(&[elsewhere]);
        assert_eq!((found.count(), found.time()), (0, None));
    }
}
