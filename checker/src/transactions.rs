//! Transactions: several reads and writes that take effect at once. Is there an order of them that explains what each saw?
//!
//! An operation with function `txn` is a transaction: a list of micro-operations, `[r key value]` with the value filled in
//! by the completion, and `[append key value]` (lists) or `[w key value]` (registers). Lists begin empty, registers nil
//! unless told otherwise.
//!
//! # How
//!
//! To find an order of transactions is NP-complete in general. As Elle does (Kingsbury and Alvaro, "Elle: Inferring
//! Isolation Anomalies from Experimental Observations", VLDB 2020), dependencies are inferred from what was read instead:
//! `wr` from whoever wrote what was read, `ww` between writers of successive versions, `rw` from a reader to whoever wrote
//! the next version; besides, the order of each process, and of real time. Every order of the transactions must agree with
//! all of these; where they go in a circle, there is none. The kind of circle, and a few faults that are seen without one,
//! say which consistency models the history rules out.
//!
//! ```text
//! T1  [r x = 0, r y = 0, w x 1]      T1 read y = 0, which T2 replaced: T1 before T2   rw
//! T2  [r x = 0, r y = 0, w y 1]      T2 read x = 0, which T1 replaced: T2 before T1   rw    write skew
//! ```
//!
//! Everything is linear in the history, or n log n.
//!
//! # What it means
//!
//! *Invalid* is certain: every dependency holds in every store that keeps the promise asked for. *Valid* is proven for
//! lists whose elements were each appended once, under serializability in its three variants (the notes on lists say why); for
//! registers and weaker models it says that nothing was found. A transaction of unknown outcome counts once a read shows
//! a write of it; before that it may not have happened, and constrains nothing.
//!
//! # What it is not
//!
//! No predicates, no deletions, no other data types; linearizability of single operations is [`crate::check`]'s business.

mod anomaly;
mod components;
mod consistency;
mod cycles;
mod data;
mod evidence;
mod findings;
mod graph;
mod index;
mod lists;
mod order;
mod read;
mod registers;
mod report;
#[cfg(test)]
mod tests;
mod walk;
mod words;

pub use anomaly::{Anomaly, CycleClass, OrderBasis, UnknownName};
pub use consistency::Consistency;
pub use read::TransactionError;
pub use report::{EdgeKind, Example, FoundAnomaly, ShownEdge, ShownTransaction, TransactionReport};

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::check::Validity;
use crate::history::History;
use crate::stop::{Stop, Stopped, TOLD_TO_STOP};
use data::Fate;
use evidence::Evidence;
use findings::Findings;
use index::Index;
use read::ReadError;
use registers::touch::Touches;
use words::Words;

/// What transactions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Append to lists, and read them.
    ListAppend,
    /// Write registers, and read them.
    RwRegister,
}

/// What to hold a history of transactions against.
pub struct TransactionOptions<'a> {
    /// The promise to check.
    pub consistency: Consistency,
    /// What the transactions do; `None` to see it from the first write.
    pub family: Option<Family>,
    /// The initial value of registers.
    pub initial: Value,
    /// Examples to give of each anomaly, at least 1.
    pub examples_max: usize,
    /// Asked now and then; true ends the check as unknown, unless something was found by then.
    pub should_stop: &'a dyn Fn() -> bool,
}

impl Default for TransactionOptions<'_> {
    /// Strict serializability, the family seen from the history, nil at first, no stop.
    fn default() -> Self {
        Self {
            consistency: Consistency::default(),
            family: None,
            initial: Value::Nil,
            examples_max: 8,
            should_stop: &|| false,
        }
    }
}

/// Decides whether a history of transactions can come from a store of the consistency asked for.
///
/// ```
/// use rashomon_checker::history::{Event, History};
/// use rashomon_checker::transactions::{check, TransactionOptions};
///
/// let lines = r#"[
///     {"index": 0, "process": 0, "type": "invoke", "f": "txn", "value": [["append", "x", 1]]},
///     {"index": 1, "process": 0, "type": "ok", "f": "txn", "value": [["append", "x", 1]]},
///     {"index": 2, "process": 1, "type": "invoke", "f": "txn", "value": [["r", "x", null]]},
///     {"index": 3, "process": 1, "type": "ok", "f": "txn", "value": [["r", "x", []]]}
/// ]"#;
/// let events: Vec<Event> = serde_json::from_str(lines).unwrap();
/// let history = History::from_events(&events).unwrap();
/// let report = check(&history, &TransactionOptions::default()).unwrap();
/// assert_eq!(report.anomalies[0].anomaly.to_string(), "G-single-realtime");
/// assert_eq!(
///     report.anomalies[0].examples[0].cycle[0].text,
///     "T1 read x = [], which T0's append of 1 came after"
/// );
/// ```
pub fn check(
    history: &History,
    options: &TransactionOptions<'_>,
) -> Result<TransactionReport, TransactionError> {
    let txns = match read::read(history, options.family, &options.initial, options.should_stop) {
        Ok(txns) => txns,
        Err(ReadError::Misfit(error)) => return Err(error),
        Err(ReadError::Stopped) => return Ok(unread(history, options)),
    };
    let index = Index::new(&txns);
    let words = Words { txns: &txns, index: &index };
    let mut findings = Findings::new(words, options.examples_max);
    let searched = search(words, &mut findings, Stop(options.should_stop));
    Ok(conclude(words, findings, searched, options))
}

/// Finds everything. Answers which anomalies were not looked for everywhere.
fn search(
    words: Words<'_>,
    findings: &mut Findings<'_>,
    stop: Stop<'_>,
) -> Result<Vec<Anomaly>, Stopped> {
    let Words { txns, index } = words;
    stop.ask()?;
    let mut builder = graph::GraphBuilder::new(txns.len());
    let touches = match txns.family {
        Family::ListAppend => {
            lists::faults::find(txns, index, findings);
            stop.ask()?;
            lists::edges(txns, index, &mut builder);
            None
        }
        Family::RwRegister => {
            registers::faults::find(txns, index, findings);
            stop.ask()?;
            let touches = Touches::new(txns, index);
            registers::edges(txns, index, &touches, &mut builder);
            Some(touches)
        }
    };
    stop.ask()?;
    order::edges(txns, index, &mut builder);
    let graph = builder.finish();
    stop.ask()?;
    let evidence = Evidence { words, touches: touches.as_ref() };
    cycles::find(&graph, findings, &|hop| evidence.show(hop), stop)
}

/// The verdict, and the report on it.
fn conclude(
    words: Words<'_>,
    findings: Findings<'_>,
    searched: Result<Vec<Anomaly>, Stopped>,
    options: &TransactionOptions<'_>,
) -> TransactionReport {
    let Words { txns, index } = words;
    let mut report = empty(txns.len(), txns.family, options);
    report.committed = txns.committed().count();
    let crashed = |txn: &usize| txns.fates[*txn] == Fate::Crashed;
    report.crashed = (0..txns.len()).filter(crashed).count();
    report.crashed_but_seen =
        (0..txns.len()).filter(crashed).filter(|txn| index.live[*txn]).count();
    report.keys = txns.keys.len();
    report.ambiguous_values = index.writes.iter().filter(|writes| **writes > 1).count();
    let names = findings.names();
    report.ruled_out = consistency::ruled_out(&names);
    report.weakest_ruled_out = consistency::weakest(&report.ruled_out);
    let forbidden = |anomaly: &Anomaly| options.consistency.forbids(*anomaly);
    let something_read = txns.committed().any(|txn| !txns.span(txn).is_empty());
    let judged = judge(&names, &searched, something_read, options.consistency);
    (report.validity, report.reason) = judged;
    report.proven = report.validity == Validity::Valid
        && txns.family == Family::ListAppend
        && report.ambiguous_values == 0
        && options.consistency.implies(Consistency::Serializable);
    report.not_searched_through = searched.unwrap_or_default();
    report.anomalies = findings
        .into_found()
        .into_iter()
        .map(|(anomaly, found)| FoundAnomaly {
            anomaly,
            meaning: anomaly.meaning().to_owned(),
            forbidden: forbidden(&anomaly),
            examples: found.examples,
            more: found.more,
        })
        .collect();
    report
}

fn judge(
    names: &[Anomaly],
    searched: &Result<Vec<Anomaly>, Stopped>,
    something_done: bool,
    consistency: Consistency,
) -> (Validity, Option<String>) {
    let forbidden = names.iter().find(|anomaly| consistency.forbids(**anomaly));
    let given_up =
        |found: &Vec<Anomaly>| found.iter().copied().find(|anomaly| consistency.forbids(*anomaly));
    match (forbidden, searched.as_ref().map(given_up)) {
        (Some(anomaly), _) => {
            let reason = format!("{anomaly}: {}; {consistency} forbids it", anomaly.meaning());
            (Validity::Invalid, Some(reason))
        }
        (None, Err(Stopped)) => (Validity::Unknown, Some(TOLD_TO_STOP.to_owned())),
        (None, Ok(Some(anomaly))) => {
            let reason = format!("{anomaly} was not looked for everywhere: it would take too long");
            (Validity::Unknown, Some(reason))
        }
        (None, Ok(None)) if !something_done => {
            (Validity::Unknown, Some("no transaction completed, so nothing was seen".to_owned()))
        }
        (None, Ok(None)) => (Validity::Valid, None),
    }
}

/// The report where the check was told to stop before it had read the history.
fn unread(history: &History, options: &TransactionOptions<'_>) -> TransactionReport {
    let mut report = empty(history.len(), options.family.unwrap_or(Family::ListAppend), options);
    report.reason = Some(TOLD_TO_STOP.to_owned());
    report
}

/// A report that says nothing yet.
fn empty(
    transactions: usize,
    family: Family,
    options: &TransactionOptions<'_>,
) -> TransactionReport {
    TransactionReport {
        validity: Validity::Unknown,
        reason: None,
        proven: false,
        consistency: options.consistency,
        family,
        transactions,
        committed: 0,
        crashed: 0,
        crashed_but_seen: 0,
        keys: 0,
        ambiguous_values: 0,
        anomalies: Vec::new(),
        ruled_out: Vec::new(),
        weakest_ruled_out: Vec::new(),
        not_searched_through: Vec::new(),
    }
}
