//! The clients of a script: the harness's own, each with one operation at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rashomon_checker::history::{Event, ProcessId};
use rashomon_workloads::{Invocation, Shape};

use super::command::CLIENTS_MAX;
use crate::client::{Client, Completion};
use crate::recorder::{Kept, Recorder, RunClock};
use crate::sim::reach::Simulated;
use crate::sim::world::World;

/// What a client's process gets on top of its number each time that nobody knows what became of an operation.
const NEXT_LIFE: u64 = CLIENTS_MAX as u64;
/// After which a client gives a write up; a read after a quarter of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// All clients, and what they saw.
#[derive(Debug)]
pub(super) struct Clients {
    reach: Simulated,
    recorder: Arc<Recorder>,
    kept: Kept,
    nodes: usize,
    open: BTreeMap<usize, Open>,
    processes: BTreeMap<usize, u64>,
}

#[derive(Debug)]
struct Open {
    /// The operation in words.
    said: String,
    answer: Answer,
}

type Answer = Arc<Mutex<Option<Completion>>>;

impl Clients {
    pub(super) fn new(world: &World) -> Self {
        let (recorder, kept) = Recorder::in_memory(RunClock::told_by(world.clock()));
        Self {
            reach: Simulated::new(world.booth().clone()),
            recorder: Arc::new(recorder),
            kept,
            nodes: world.plan.nodes,
            open: BTreeMap::new(),
            processes: BTreeMap::new(),
        }
    }

    /// Lets a client begin an operation. Each has connections of its own.
    pub(super) fn begin(
        &mut self,
        world: &mut World,
        client: usize,
        invocation: Invocation,
        node: usize,
    ) -> Result<(), String> {
        if self.waits(client) {
            return Err(format!("c{client} waits for an answer"));
        }
        let process = ProcessId(*self.processes.entry(client).or_insert(client as u64));
        let name = format!("n{}", node + 1);
        let said = match invocation.f {
            "read" => format!("c{client} read {} via {name}", invocation.key),
            f => format!("c{client} {f} {} {} via {name}", invocation.key, invocation.value),
        };
        let answer = Answer::default();
        self.open.insert(client, Open { said, answer: Arc::clone(&answer) });
        let mut hands = Client::new(self.reach.clone(), Shape::Register, self.nodes, PATIENCE);
        let recorder = Arc::clone(&self.recorder);
        world.hire(async move {
            // In memory nothing can fail to be written, and there are no sockets to run out of.
            let Ok(()) = recorder.invoke(process, &invocation, &name) else { return };
            let Ok(completion) = hands.perform(&invocation, node).await else { return };
            if recorder.complete(process, &invocation, &name, &completion).is_ok() {
                *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(completion);
            }
        });
        Ok(())
    }

    /// Whether a client has no answer yet.
    pub(super) fn waits(&self, client: usize) -> bool {
        self.open.get(&client).is_some_and(|open| {
            open.answer.lock().unwrap_or_else(PoisonError::into_inner).is_none()
        })
    }

    /// What was answered since the last time, in words.
    pub(super) fn answered(&mut self) -> Vec<String> {
        let done: Vec<usize> =
            self.open.keys().copied().filter(|client| !self.waits(*client)).collect();
        done.into_iter().filter_map(|client| self.close(client)).collect()
    }

    fn close(&mut self, client: usize) -> Option<String> {
        let Open { said, answer } = self.open.remove(&client)?;
        let completion = answer.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(match completion {
            Completion::Ok(value) => format!("{said}: ok {value}"),
            // Their reasons are long, and the outcome table's own tests say which they are.
            Completion::Fail(_) => format!("{said}: failed"),
            Completion::Info(_) => {
                *self.processes.entry(client).or_default() += NEXT_LIFE;
                format!("{said}: unknown")
            }
        })
    }

    /// Everything that they saw.
    pub(super) fn history(&self) -> Vec<Event> {
        self.kept.look(<[Event]>::to_vec)
    }
}
