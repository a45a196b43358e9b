//! Where clients and the simulated world meet: what clients ask for, and what has come for them.
//!
//! Clients are the harness's own, as futures. A future that waits has left an *errand* here and holds a *slip* for it; the
//! world carries errands out in virtual time, puts what came of each on its slip, and polls the client that waits. So nothing
//! is woken, and the order in which clients run is the world's order of events.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::Status;

use super::heap::Moment;

/// Names a slip: its place, and how often the place was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slip {
    place: u32,
    used: u32,
}

/// A connection of a client; numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Connection(pub(super) u64);

/// What a client wants done.
#[derive(Debug)]
pub(super) enum Errand {
    /// To be told when a moment has come.
    Wait { slip: Slip, until: Moment },
    /// To connect to a node and see it answer.
    Open { slip: Slip, node: usize, connection: Connection },
    /// To ask a node.
    Ask { slip: Slip, node: usize, connection: Connection, request: Request },
    /// To close a connection.
    Close { node: usize, connection: Connection },
}

/// A request to a node: a protobuf message of etcd's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// A `RangeRequest`.
    Range(Vec<u8>),
    /// A `PutRequest`.
    Put(Vec<u8>),
    /// A `TxnRequest`.
    Txn(Vec<u8>),
}

/// What came of an errand.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// The moment has come.
    Time,
    /// The node is there.
    Opened,
    /// Nobody listens, or the connection was refused.
    Refused(&'static str),
    /// The response, as protobuf.
    Response(Vec<u8>),
    /// The node answers with an error.
    Error(Status),
    /// The connection broke after the request may have left.
    Broken,
    /// The connection had broken before the request could leave.
    Spent,
}

/// The meeting place. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Booth {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    now: Moment,
    /// The client that runs at the moment.
    client: usize,
    errands: Vec<Errand>,
    slips: Vec<Place>,
    free: Vec<u32>,
    connections: u64,
}

#[derive(Debug, Default)]
struct Place {
    used: u32,
    client: usize,
    content: Content,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Free,
    Awaited,
    Here(News),
}

impl Booth {
    /// The time.
    pub(super) fn now(&self) -> Moment {
        self.lock().now
    }

    /// It is later now.
    pub(super) fn set_now(&self, now: Moment) {
        self.lock().now = now;
    }

    /// From now on errands are those of this client.
    pub(super) fn set_client(&self, client: usize) {
        self.lock().client = client;
    }

    /// Takes what clients have asked for since the last time, in their order.
    pub(super) fn take_errands(&self, errands: &mut Vec<Errand>) {
        errands.append(&mut self.lock().errands);
    }

    /// Puts news on a slip. The client that waits for it, if it still does.
    pub(super) fn deliver(&self, slip: Slip, news: News) -> Option<usize> {
        let mut state = self.lock();
        let place = &mut state.slips[slip.place as usize];
        if place.used != slip.used || !matches!(place.content, Content::Awaited) {
            return None;
        }
        place.content = Content::Here(news);
        Some(place.client)
    }

    /// A number for a connection.
    pub(super) fn new_connection(&self) -> Connection {
        let mut state = self.lock();
        state.connections += 1;
        Connection(state.connections)
    }

    /// Leaves an errand that nobody waits for.
    pub(super) fn leave(&self, errand: Errand) {
        self.lock().errands.push(errand);
    }

    /// Waits for a moment.
    pub(super) fn wait(&self, until: Duration) -> Waiting {
        let until = u64::try_from(until.as_nanos()).unwrap_or(Moment::MAX);
        self.order(|slip| Errand::Wait { slip, until })
    }

    /// Leaves an errand with a slip for what comes of it.
    pub(super) fn order(&self, errand: impl FnOnce(Slip) -> Errand) -> Waiting {
        let mut state = self.lock();
        let place = state.free.pop().unwrap_or_else(|| {
            state.slips.push(Place::default());
            u32::try_from(state.slips.len() - 1).expect("clients wait for a few things each")
        });
        let client = state.client;
        let content = &mut state.slips[place as usize];
        content.client = client;
        content.content = Content::Awaited;
        let slip = Slip { place, used: content.used };
        state.errands.push(errand(slip));
        drop(state);
        Waiting { booth: self.clone(), slip }
    }

    fn take(&self, slip: Slip) -> Option<News> {
        let mut state = self.lock();
        let place = &mut state.slips[slip.place as usize];
        match std::mem::take(&mut place.content) {
            Content::Here(news) => Some(news),
            waiting => {
                place.content = waiting;
                None
            }
        }
    }

    fn give_back(&self, slip: Slip) {
        let mut state = self.lock();
        let place = &mut state.slips[slip.place as usize];
        place.used = place.used.wrapping_add(1);
        place.content = Content::Free;
        state.free.push(slip.place);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for what comes of an errand.
#[derive(Debug)]
pub(super) struct Waiting {
    booth: Booth,
    slip: Slip,
}

impl Future for Waiting {
    type Output = News;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<News> {
        self.booth.take(self.slip).map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.booth.give_back(self.slip);
    }
}

/// What comes first; if both are there, `wanted`. `None` if that was the time.
pub(super) async fn by_then(mut wanted: Waiting, mut time: Waiting) -> Option<News> {
    std::future::poll_fn(move |context| {
        if let Poll::Ready(news) = Pin::new(&mut wanted).poll(context) {
            return Poll::Ready(Some(news));
        }
        Pin::new(&mut time).poll(context).map(|_| None)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn slips(booth: &Booth) -> Vec<Slip> {
        let mut errands = Vec::new();
        booth.take_errands(&mut errands);
        let slip = |errand| match errand {
            Errand::Wait { slip, .. } | Errand::Open { slip, .. } => slip,
            other => panic!("{other:?}"),
        };
        errands.into_iter().map(slip).collect()
    }

    fn open(booth: &Booth) -> Waiting {
        let connection = booth.new_connection();
        booth.order(|slip| Errand::Open { slip, node: 0, connection })
    }

    #[test]
    fn news_go_to_whoever_waits_and_to_nobody_else() {
        let booth = Booth::default();
        booth.set_client(3);
        let mut first = Box::pin(open(&booth));
        let gone = open(&booth);
        let [one, two] = slips(&booth)[..] else { panic!("two errands") };
        drop(gone);
        assert_eq!(booth.deliver(two, News::Opened), None, "nobody waits");
        let _next = open(&booth);
        assert_eq!(booth.deliver(two, News::Opened), None, "the place is another's now");
        assert!(poll(&mut first).is_pending());
        assert_eq!(booth.deliver(one, News::Opened), Some(3));
        assert_eq!(booth.deliver(one, News::Broken), None, "only once");
        assert!(matches!(poll(&mut first), Poll::Ready(News::Opened)));
    }

    #[test]
    fn an_answer_wins_over_a_deadline_at_the_same_moment() {
        for answer_first in [true, false] {
            let booth = Booth::default();
            let mut race = Box::pin(by_then(open(&booth), booth.wait(Duration::from_secs(1))));
            let [answer, time] = slips(&booth)[..] else { panic!("two errands") };
            assert!(poll(&mut race).is_pending());
            if answer_first {
                booth.deliver(answer, News::Opened);
            }
            booth.deliver(time, News::Time);
            let Poll::Ready(news) = poll(&mut race) else { panic!("nothing came") };
            assert_eq!(news.is_some(), answer_first);
        }
    }
}
