//! What must hold inside any correct cluster, whatever happens to it: one property a file, each with its source.
//!
//! Clients may never notice that one of these is broken, and may notice what none of these is about: so they are an oracle
//! of their own beside the history, and are reported apart from it.
//!
//! They are asked after everything that happens, so each looks at what has just changed and at nothing else; what several
//! of them need is noted once, in [`Shadows`]. Only a process that starts is looked at from its first entry on, as it has
//! just read them all. Sources: "Raft" is the paper (Ongaro and Ousterhout, ATC 2014), "thesis" is Ongaro's.

use std::fmt::Debug;

use rashomon_node::raft::{LogIndex, NodeId, Role, Status};

use super::watch::{Mark, Shadows, Sight, SightKind};

mod ack_durable;
mod command_once;
mod commit_own_term;
mod committed_immutable;
mod committed_on_quorum;
mod committed_same;
mod durable_claim;
mod elected_by_quorum;
mod election_safety;
mod leader_append_only;
mod leader_completeness;
mod log_matching;
mod match_monotone;
mod message_durable;
mod monotone;
mod nothing_absurd;
mod one_vote;
mod own_answer;
mod random_timeouts;
mod read_position;
mod recovery;
mod refused_write;
mod same_state;
mod state_machine_safety;
mod vote_persists;
mod write_once;

/// One property.
pub(super) trait Invariant: Debug + Send {
    /// Looks at what happens. In words what is wrong, if the property does not hold.
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String>;
}

/// What there is to know about an invariant.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// Its name, for `--without`.
    pub(super) name: &'static str,
    /// What must hold, in a line.
    pub(super) holds: &'static str,
    /// Where that comes from.
    pub(super) source: &'static str,
    /// What it looks at. It is told of nothing else.
    pub(super) sees: &'static [SightKind],
    make: fn(usize) -> Box<dyn Invariant>,
}

/// All of them: elections, logs, commitment, disks, the state machine, clients.
pub(super) const ALL: &[About] = &[
    election_safety::ABOUT,
    elected_by_quorum::ABOUT,
    one_vote::ABOUT,
    random_timeouts::ABOUT,
    vote_persists::ABOUT,
    log_matching::ABOUT,
    leader_append_only::ABOUT,
    leader_completeness::ABOUT,
    commit_own_term::ABOUT,
    committed_on_quorum::ABOUT,
    committed_same::ABOUT,
    committed_immutable::ABOUT,
    monotone::ABOUT,
    match_monotone::ABOUT,
    durable_claim::ABOUT,
    message_durable::ABOUT,
    recovery::ABOUT,
    state_machine_safety::ABOUT,
    same_state::ABOUT,
    write_once::ABOUT,
    command_once::ABOUT,
    refused_write::ABOUT,
    own_answer::ABOUT,
    ack_durable::ABOUT,
    read_position::ABOUT,
    nothing_absurd::ABOUT,
];

/// All of them with what there is to know about each, for a cluster of so many nodes.
pub(super) fn all(nodes: usize) -> impl Iterator<Item = (&'static About, Box<dyn Invariant>)> {
    ALL.iter().map(move |about| (about, (about.make)(nodes)))
}

/// Whether a node leads a term that it did not lead at the end of its last turn.
fn comes_to_lead(node: usize, status: &Status, shadows: &Shadows) -> bool {
    let led = |before: &Status| before.role == Role::Leader && before.term == status.term;
    status.role == Role::Leader && !shadows.nodes[node].status.as_ref().is_some_and(led)
}

/// What people call a node.
const fn id(node: usize) -> NodeId {
    NodeId(node as u64 + 1)
}

/// What people call what stands at an index.
fn entry(index: LogIndex, mark: Option<Mark>) -> String {
    match mark {
        Some(Mark { term, request: None, .. }) => format!("the no-op {index} of term {term}"),
        Some(Mark { term, .. }) => format!("entry {index} of term {term}"),
        None => format!("no entry {index}"),
    }
}

#[cfg(test)]
mod stage;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn names_are_unique_and_of_small_letters_and_hyphens() {
        let names: BTreeSet<&str> = ALL.iter().map(|about| about.name).collect();
        assert_eq!(names.len(), ALL.len());
        for About { name, holds, source, .. } in ALL {
            let mut words = name.split('-');
            let word =
                |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
            assert!(words.all(word), "{name}");
            assert!(!holds.is_empty() && !source.is_empty(), "{name}");
        }
    }

    /// An invariant that forgot to say what it looks at would hold for ever.
    #[test]
    fn each_looks_at_what_its_code_names_and_at_nothing_else() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sim/invariants");
        for About { name, sees, .. } in ALL {
            let file = folder.join(name.replace('-', "_")).with_extension("rs");
            let text = fs::read_to_string(file).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            let named: BTreeSet<&str> = code
                .split("Sight::")
                .skip(1)
                .filter_map(|rest| rest.split(|char: char| !char.is_alphanumeric()).next())
                .collect();
            let told: Vec<String> = sees.iter().map(|kind| format!("{kind:?}")).collect();
            assert_eq!(named, told.iter().map(String::as_str).collect(), "{name}");
        }
    }
}
