//! The identity file's text.
//!
//! ```text
//!   rashomon-node 2
//!   cluster 1
//!   node 2
//!   members 1,2,3        all of them, rising; this node among them
//!   incarnation 4        starts so far
//!   log yes              whether a write-ahead log was ever opened here
//!   crc 1f0a93c2         CRC-32C of all bytes before this line
//! ```
//!
//! A text is read only if writing what was read gives the same text again: a digit too few, a line too many or a number
//! that does not fit is never taken for something else.

use std::collections::BTreeSet;

use crate::raft::NodeId;

/// First line of the file.
const FORMAT: &str = "rashomon-node 2";

/// What a data directory knows of its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) cluster: u64,
    pub(super) node: NodeId,
    pub(super) members: BTreeSet<NodeId>,
    pub(super) incarnation: u64,
    pub(super) has_log: bool,
}

impl Record {
    /// The text for the file.
    pub(super) fn render(&self) -> String {
        let Self { cluster, node, members, incarnation, has_log } = self;
        let members: Vec<String> = members.iter().map(|member| member.0.to_string()).collect();
        let (members, log) = (members.join(","), if *has_log { "yes" } else { "no" });
        let text = format!(
            "{FORMAT}\ncluster {cluster}\nnode {}\nmembers {members}\nincarnation {incarnation}\nlog {log}\n",
            node.0
        );
        let crc = crc32c::crc32c(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    /// Reads the file's bytes, or says what is wrong with them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "not a text".to_owned())?;
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) {
            return Err(format!(
                "the first line is not {FORMAT:?}, which this build reads and writes"
            ));
        }
        let mut value = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.ok_or_else(|| format!("no line \"{name} ...\" where there should be"))
        };
        let record = Self {
            cluster: number("cluster", value("cluster")?)?,
            node: NodeId(number("node", value("node")?)?),
            members: value("members")?
                .split(',')
                .map(|member| number("members", member).map(NodeId))
                .collect::<Result<_, _>>()?,
            incarnation: number("incarnation", value("incarnation")?)?,
            has_log: value("log")? == "yes",
        };
        if record.render() == text { Ok(record) } else { Err("fails its CRC".to_owned()) }
    }
}

fn number(name: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|error| format!("line \"{name}\": {text:?} is not a number: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            cluster: 7,
            node: NodeId(2),
            members: [1, 2, 12].map(NodeId).into(),
            incarnation: 4310,
            has_log: true,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        for record in [record(), Record { has_log: false, ..record() }] {
            assert_eq!(Record::parse(record.render().as_bytes()), Ok(record));
        }
    }

    #[test]
    fn no_part_of_the_text_and_no_other_byte_in_it_passes() {
        let whole = record().render().into_bytes();
        for length in 0..whole.len() {
            Record::parse(&whole[..length]).unwrap_err();
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                Record::parse(&damaged).unwrap_err();
            }
        }
    }

    #[test]
    fn more_than_the_text_does_not_pass() {
        let whole = record().render();
        for text in [format!("{whole}x"), format!("{whole}\n"), whole.replace('\n', "\r\n")] {
            Record::parse(text.as_bytes()).unwrap_err();
        }
    }
}
