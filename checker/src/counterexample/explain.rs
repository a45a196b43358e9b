//! The case in words: one sentence, one reason, and the operation that is contradicted most plainly.
//!
//! What is said is looked up in the history, case by case, from the plainest to the least plain: a value that nobody
//! wrote, one whose write failed, a newer write that had completed, an older answer that had been newer, and last that
//! no order exists. One file for each kind of model.

mod answers;
mod cell;
mod containers;
mod counters;
mod lists;
mod locks;
mod texts;

use crate::Value;
use crate::check::{Job, ModelKind};
use crate::counterexample::words::{answer, answered, clip, deed, object, short, takes, took, who};
use crate::history::{Op, OpId, Operation, Outcome};

/// Whether it is a queue, a stack or a priority queue.
pub(super) fn is_box(model: ModelKind) -> bool {
    matches!(model, ModelKind::FifoQueue | ModelKind::Stack | ModelKind::PriorityQueue)
}

/// The case.
pub(super) struct Story {
    pub(super) sentence: String,
    pub(super) why: String,
    pub(super) contradicts: Option<OpId>,
    /// Operations outside the core that the sentence names.
    pub(super) mentions: Vec<OpId>,
}

/// A sentence and the operations it rests on.
struct Finding {
    sentence: String,
    contradicts: Option<OpId>,
}

/// The operations that a sentence can be about: there may be millions. Of a register's, those that concern the value
/// which the blocked one met; of what grows, the updates, and no answers but those of the core, which may be long; of
/// boxes, those that concern an element of the core, and open takes; of others those of the core.
fn relevant(job: &Job<'_>, first: u64, blocked: OpId, core: &[OpId]) -> Vec<Operation> {
    let culprit = job.history.op(blocked);
    let (answer, input) = (culprit.answer(), culprit.input());
    let met = match input.as_list() {
        Some([from, _]) => Some(from),
        _ => answer.as_deref(),
    };
    let met_word = met.and_then(|met| job.history.values.find(met));
    // Most values are told apart by their words.
    let concerns = |operation: Op<'_>| match (operation.record().input, met_word) {
        (word, Some(met)) if !word.is_kept() => {
            word == met || word.as_pair().is_some_and(|(_, to)| to == met)
        }
        _ => {
            let value = operation.input();
            Some(&*value) == met || value.as_list().is_some_and(|pair| pair.last() == met)
        }
    };
    let elements = if is_box(job.model) { containers::elements(job, core) } else { Vec::new() };
    let all = job.model == ModelKind::MultiRegister;
    let own = job.history.ops().filter(|op| all || op.key_number() == culprit.key_number());
    let relevant = own.filter(|operation| {
        let in_core = || core.binary_search(&operation.id()).is_ok() || operation.id() == blocked;
        let may_matter = match job.model {
            ModelKind::Register | ModelKind::CasRegister => concerns(*operation),
            ModelKind::AppendList | ModelKind::Set | ModelKind::KeyValue => {
                !matches!(operation.f(), "read" | "get")
            }
            ModelKind::FifoQueue | ModelKind::Stack | ModelKind::PriorityQueue => {
                containers::may_matter(*operation, &elements, first)
            }
            ModelKind::ElementSet => operation.input() == input,
            ModelKind::MultiRegister => true,
            ModelKind::Mutex
            | ModelKind::OwnedMutex
            | ModelKind::FencedMutex
            | ModelKind::Counter
            | ModelKind::VersionedRegister => false,
        };
        may_matter || in_core()
    });
    relevant.map(Op::to_operation).collect()
}

/// What a story is told from.
struct Evidence<'a> {
    job: &'a Job<'a>,
    /// Position of the impossible completion.
    first: u64,
    blocked: &'a Operation,
    /// The operations of the core, in order of invocation.
    core: Vec<&'a Operation>,
    /// The operations that a sentence can be about, in order of invocation.
    all: Vec<&'a Operation>,
}

/// Tells the case. `stuck` are the states, in words, that the other operations can leave; empty if not known.
pub(super) fn explain(
    job: &Job<'_>,
    first: u64,
    blocked: OpId,
    core: &[OpId],
    stuck: &[String],
) -> Story {
    let operations = relevant(job, first, blocked, core);
    let find = |id: OpId| operations.binary_search_by_key(&id, |operation| operation.id).ok();
    let Some(blocked) = find(blocked).map(|at| &operations[at]) else {
        unreachable!("the blocked operation is relevant")
    };
    let evidence = Evidence {
        job,
        first,
        blocked,
        core: core.iter().filter_map(|id| find(*id)).map(|at| &operations[at]).collect(),
        all: operations.iter().collect(),
    };
    let found = match job.model {
        ModelKind::Register | ModelKind::CasRegister => cell::find(&evidence),
        ModelKind::AppendList | ModelKind::Set => lists::find(&evidence),
        ModelKind::KeyValue => texts::find(&evidence),
        ModelKind::FifoQueue | ModelKind::Stack | ModelKind::PriorityQueue => {
            containers::find(&evidence)
        }
        ModelKind::Mutex | ModelKind::OwnedMutex | ModelKind::FencedMutex => locks::find(&evidence),
        ModelKind::ElementSet | ModelKind::VersionedRegister => answers::find(&evidence),
        ModelKind::Counter => counters::find(&evidence),
        ModelKind::MultiRegister => None,
    };
    let found = found.unwrap_or_else(|| evidence.no_order());
    Story {
        why: why(&evidence, stuck),
        mentions: found.contradicts.into_iter().collect(),
        sentence: found.sentence,
        contradicts: found.contradicts,
    }
}

impl<'a> Evidence<'a> {
    /// Operations that had been invoked when the blocked one completed, and did not fail.
    fn begun(&self) -> impl Iterator<Item = &'a Operation> {
        let first = self.first;
        self.all.iter().copied().filter(move |operation| {
            operation.call < first && !matches!(operation.outcome, Outcome::Fail(_))
        })
    }

    /// Whether `operation` had completed, successfully, before the blocked one was invoked.
    fn had_completed(&self, operation: &Operation) -> bool {
        let completed = matches!(operation.outcome, Outcome::Ok(_));
        completed && operation.ret.is_some_and(|ret| ret < self.blocked.call)
    }

    /// Whether `operation` had been invoked when the blocked one completed, and failed, then or later.
    fn had_failed(&self, operation: &Operation) -> bool {
        operation.call < self.first && matches!(operation.outcome, Outcome::Fail(_))
    }

    /// The plainest thing that can always be said.
    fn no_order(&self) -> Finding {
        let what = match self.blocked.f.as_str() {
            f if takes(f) => took(self.blocked),
            "read" | "get" => format!("{} {}", who(self.blocked), answered(self.blocked)),
            "txn" => format!(
                "{} completed txn {}",
                who(self.blocked),
                clip(&crate::counterexample::words::answer(self.blocked).to_string())
            ),
            _ if !matches!(answer(self.blocked), Value::Nil)
                && *answer(self.blocked) != self.blocked.input =>
            {
                let answer = short(answer(self.blocked));
                format!(
                    "{}'s {}{} answered {answer}",
                    who(self.blocked),
                    deed(self.blocked),
                    on(self)
                )
            }
            _ => format!("{}'s {}{} completed", who(self.blocked), deed(self.blocked), on(self)),
        };
        Finding {
            sentence: format!(
                "{what}, which no order of the {} operations shown explains",
                self.core.len()
            ),
            contradicts: None,
        }
    }
}

/// The object after "on", if it has a name.
fn on(evidence: &Evidence<'_>) -> String {
    match &evidence.blocked.key {
        Some(_) => format!(" on{}", object(evidence.blocked)),
        None => String::new(),
    }
}

/// What the blocked operation would have needed, and what there was.
fn why(evidence: &Evidence<'_>, stuck: &[String]) -> String {
    let blocked = evidence.blocked;
    let need = need(evidence);
    let met = match stuck {
        [] => "no order of the other operations shown allows that".to_owned(),
        [one] => format!("in every order of the other operations shown it is {}", clip(one)),
        several => {
            let words: Vec<String> = several.iter().map(|state| clip(state)).collect();
            format!("the orders of the other operations shown leave only {}", words.join(" or "))
        }
    };
    format!(
        "at some moment between the invocation and the completion of {}'s {}, {need}; {met}",
        who(blocked),
        deed(blocked)
    )
}

/// What the blocked operation would have needed.
fn need(evidence: &Evidence<'_>) -> String {
    let blocked = evidence.blocked;
    let said = short(answer(blocked));
    match (evidence.job.model, blocked.f.as_str()) {
        (ModelKind::Mutex | ModelKind::OwnedMutex, "acquire") => "the lock must be free".to_owned(),
        (ModelKind::FencedMutex, "acquire") => {
            format!("the lock must be free and every earlier token less than {said}")
        }
        (ModelKind::Mutex, _) => "the lock must be held".to_owned(),
        (ModelKind::OwnedMutex | ModelKind::FencedMutex, _) => {
            format!("the lock must be held by {}", who(blocked))
        }
        (ModelKind::MultiRegister, _) => "all its reads must hold together".to_owned(),
        (ModelKind::VersionedRegister, "get") => format!("the key must hold {said}"),
        (ModelKind::VersionedRegister, _) => format!("its answer must be {said}"),
        (ModelKind::Counter, "add-and-get") => format!("the value must become {said}"),
        (ModelKind::ElementSet, _) => {
            let inside = answers::found_inside(blocked) == Some(true);
            let relation = if inside { "in" } else { "absent from" };
            format!("{} must be {relation} the set", short(&blocked.input))
        }
        (_, f) if takes(f) => match f {
            _ if answer(blocked).is_nil() => "nothing must be there".to_owned(),
            "dequeue" => format!("{said} must be the oldest element of those there"),
            "pop" => format!("{said} must be the newest element of those there"),
            _ => format!("{said} must be the least element of those there"),
        },
        (_, "cas") => match cell::from_of(blocked) {
            Some(from) if matches!(blocked.outcome, Outcome::Fail(_)) => {
                format!("the value must differ from {}", short(from))
            }
            Some(from) => format!("the value must be {}", short(from)),
            None => "the value must be the expected one".to_owned(),
        },
        (ModelKind::Set, _) => format!("the elements must be {said}"),
        _ => format!("the value must be {said}"),
    }
}
