//! What goes wrong in the proxy itself. Links that die in silence would look like the work of faults.

use std::io;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::descriptors;

/// The first thing that went wrong, shared by all parts of the proxy.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<OnceLock<String>>);

impl Trouble {
    /// What it was.
    pub(super) fn first(&self) -> Option<String> {
        self.0.get().cloned()
    }

    /// Takes note; the first one stays.
    fn note(&self, what: String) {
        let _ = self.0.set(what);
    }

    /// Takes note of an error that is the machine's and not the other end's.
    pub(super) fn note_shortage(&self, error: &io::Error) {
        if descriptors::are_exhausted(error) {
            self.note(error.to_string());
        }
    }

    /// Returns when told to stop. Until then, listeners must not end.
    pub(super) async fn watch(
        &self,
        listeners: &mut JoinSet<()>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        loop {
            tokio::select! {
                // Also if the network is gone.
                _ = &mut stopped => return,
                Some(ended) = listeners.join_next() => {
                    self.note(match ended {
                        Ok(()) => "a listener has ended".to_owned(),
                        Err(error) => format!("a listener has ended: {error}"),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_that_panics_is_noticed_and_the_others_go_on() {
        let trouble = Trouble::default();
        let (stop, stopped) = oneshot::channel();
        let (ask, asked) = oneshot::channel::<()>();
        let mut listeners = JoinSet::new();
        listeners.spawn(async { panic!("no such thing") });
        listeners.spawn(async move {
            let _ = asked.await;
            drop(stop);
        });
        assert_eq!(trouble.first(), None);
        let look = async {
            while trouble.first().is_none() {
                tokio::task::yield_now().await;
            }
            drop(ask);
        };
        tokio::join!(trouble.watch(&mut listeners, stopped), look);
        let what = trouble.first().unwrap();
        assert!(what.contains("no such thing"), "{what}");
    }

    #[test]
    fn only_errors_of_the_machine_are_trouble() {
        let trouble = Trouble::default();
        trouble.note_shortage(&io::ErrorKind::ConnectionRefused.into());
        assert_eq!(trouble.first(), None);
        let full = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        trouble.note_shortage(&full);
        assert!(trouble.first().unwrap().contains("Too many open files"));
    }
}
