//! What a line of a script says.

use rashomon_checker::Value;
use rashomon_node::raft::Role;
use rashomon_workloads::Invocation;

use crate::proxy::Link;
use crate::sim::act::{Act, ClockChange, Loss, Trouble};
use crate::sim::heap::Moment;
use crate::sim::network::{Act as OnLetters, Kinds};
use crate::sim::parcel::KIND_NAMES;
use crate::sim::plan::SECOND;

/// Clients of a script, at most: their numbers are those of their first processes.
pub(super) const CLIENTS_MAX: usize = 1000;
/// The fastest clock, in thousandths of true time.
const PACE_MAX: u64 = 1_000_000;
/// The longest time, in nanoseconds.
const LONGEST: Moment = 3600 * SECOND;

/// One step. Nodes are numbered from 0; in the text from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `elect n1`: runs until it leads. What the others would need to stand is lost meanwhile.
    Elect(usize),
    /// `stand n1`: runs until it is a candidate; else as `elect`.
    Stand(usize),
    /// `until n2 commit 3`: runs until that is so.
    Until(usize, Condition),
    /// `run 200ms`
    Run(Moment),
    /// `cut n1 n2 | n3`: no letter goes from one side to another. Nodes that are not named are on no side.
    Cut(Vec<Vec<usize>>),
    /// `heal`: the cuts are gone.
    Heal,
    /// `hold n1>n2 n1>n3 AppendRequest`, `drop n2>n1 VoteResponse,PreVoteResponse`
    Letters { links: Vec<Link>, kinds: Kinds, act: OnLetters },
    /// `release n1>n2`: nothing is held or dropped there any more, or nothing of these kinds.
    Release { links: Vec<Link>, kinds: Option<Kinds> },
    /// Something about one node, until it is undone: `crash n1 all` (what was not synced is lost), `nothing` (it is not) or
    /// `torn 7` (a part is), `kill n1`, `pause n1`, `slow n1 50ms` (its syncs take longer, from the next one on),
    /// `eio n1 17` (after so many calls of its disk one fails), `clock n1 pace 3000` (in thousandths of true time).
    Do(Act),
    /// `boot n1`: after a crash or a kill; runs until it is up.
    Boot(usize),
    /// `resume n1`
    Resume(usize),
    /// `write c1 k1 7 via n2`, `cas c1 k1 7 8 via n2`, `read c1 k1 via n2`; with `async` at the end its answer is not
    /// waited for.
    Operate { client: usize, invocation: Invocation, node: usize, waits: bool },
    /// `settle`: runs until all nodes that work have applied everything that is in any of their logs.
    Settle,
    /// `show`: how each node stands.
    Show,
    /// `check`: what invariants and history say.
    Check,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// `leads`, `stands`, `follows`
    Is(Role),
    /// `term 3`: at least.
    Term(u64),
    /// `last 3`: its log ends there, or behind that.
    Last(u64),
    /// `durable 3`: as its core believes.
    Durable(u64),
    /// `commit 3`
    Commit(u64),
}

type Parsed<T> = Result<T, String>;

impl Command {
    /// A line, as words, in a cluster of so many nodes.
    pub(super) fn parse(words: &[&str], nodes: usize) -> Parsed<Self> {
        let node = |word: &str| node(word, nodes);
        Ok(match *words {
            ["elect", it] => Self::Elect(node(it)?),
            ["stand", it] => Self::Stand(node(it)?),
            ["until", it, ref condition @ ..] => {
                Self::Until(node(it)?, self::condition(condition)?)
            }
            ["run", time] => Self::Run(span(time)?),
            ["cut", ref sides @ ..] => {
                let side = |side: &[&str]| side.iter().map(|word| node(word)).collect();
                Self::Cut(sides.split(|word| *word == "|").map(side).collect::<Parsed<_>>()?)
            }
            ["heal"] => Self::Heal,
            ["hold", ref rest @ ..] => letters(rest, nodes, OnLetters::Hold)?,
            ["drop", ref rest @ ..] => letters(rest, nodes, OnLetters::Drop)?,
            ["release", ref rest @ ..] => {
                let (links, kinds) = links_and_kinds(rest, nodes)?;
                Self::Release { links, kinds }
            }
            ["boot", it] => Self::Boot(node(it)?),
            ["resume", it] => Self::Resume(node(it)?),
            ["settle"] => Self::Settle,
            ["show"] => Self::Show,
            ["check"] => Self::Check,
            ["write" | "read" | "cas", ..] => operation(words, nodes)?,
            ["crash" | "kill" | "pause" | "slow" | "eio" | "clock", it, ref how @ ..] => {
                Self::Do(act(words[0], node(it)?, how)?)
            }
            _ => return Err(format!("nobody knows how to {:?}", words.join(" "))),
        })
    }
}

/// What is done to a node, and how.
fn act(verb: &str, node: usize, how: &[&str]) -> Parsed<Act> {
    let crash = |loss| Act::Crash { node, loss };
    let disk = |trouble| Act::Disk { node, trouble };
    Ok(match (verb, how) {
        ("crash", ["all"]) => crash(Loss::All),
        ("crash", ["nothing"]) => crash(Loss::Nothing),
        ("crash", ["torn", seed]) => crash(Loss::Torn(number(seed)?)),
        ("kill", []) => Act::Kill { node },
        ("pause", []) => Act::Pause { node },
        ("slow", [time]) => disk(Trouble::Slow { by: span(time)? }),
        ("eio", [calls]) => disk(Trouble::FailOnce { after: number(calls)? }),
        ("clock", ["pace", pace]) => {
            let thousandths = Some(number(pace)?).filter(|pace| (1..=PACE_MAX).contains(pace));
            let thousandths = thousandths.ok_or(format!("a pace from 1 to {PACE_MAX}"))?;
            Act::Clock { node, change: ClockChange::Pace { thousandths } }
        }
        _ => return Err(format!("nobody knows how to {verb:?} {:?}", how.join(" "))),
    })
}

fn operation(words: &[&str], nodes: usize) -> Parsed<Command> {
    let (words, waits) = match words {
        [words @ .., "async"] => (words, false),
        words => (words, true),
    };
    let [what @ .., "via", via] = words else { return Err("via which node?".to_owned()) };
    let value = |word: &str| whole(word).map(Value::Int).ok_or(format!("{word:?}: a whole number"));
    let (client, invocation) = match *what {
        ["write", client, key, to] => {
            (client, Invocation { f: "write", key: key.to_owned(), value: value(to)? })
        }
        ["cas", client, key, from, to] => {
            let value = Value::List(vec![value(from)?, value(to)?]);
            (client, Invocation { f: "cas", key: key.to_owned(), value })
        }
        ["read", client, key] => (client, Invocation::read(key.to_owned())),
        _ => return Err("write c1 KEY TO, cas c1 KEY FROM TO or read c1 KEY".to_owned()),
    };
    let number = client.strip_prefix('c').and_then(whole).filter(|it| *it < CLIENTS_MAX);
    let client = number.ok_or(format!("{client:?}: a client, c0 to c{}", CLIENTS_MAX - 1))?;
    Ok(Command::Operate { client, invocation, node: node(via, nodes)?, waits })
}

fn condition(words: &[&str]) -> Parsed<Condition> {
    Ok(match *words {
        ["leads"] => Condition::Is(Role::Leader),
        ["stands"] => Condition::Is(Role::Candidate),
        ["follows"] => Condition::Is(Role::Follower),
        ["term", it] => Condition::Term(number(it)?),
        ["last", it] => Condition::Last(number(it)?),
        ["durable", it] => Condition::Durable(number(it)?),
        ["commit", it] => Condition::Commit(number(it)?),
        _ => {
            return Err(
                "leads, stands, follows, or NUMBER of term, last, durable, commit".to_owned()
            );
        }
    })
}

fn letters(words: &[&str], nodes: usize, act: OnLetters) -> Parsed<Command> {
    let (links, kinds) = links_and_kinds(words, nodes)?;
    let kinds = kinds.ok_or("which kinds of letters?")?;
    Ok(Command::Letters { links, kinds, act })
}

/// Links, then kinds of letters with commas between, if any.
fn links_and_kinds(words: &[&str], nodes: usize) -> Parsed<(Vec<Link>, Option<Kinds>)> {
    let (names, links): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| !word.contains('>'));
    let links: Vec<Link> = links.iter().map(|word| link(word, nodes)).collect::<Parsed<_>>()?;
    if links.is_empty() {
        return Err("on which links?".to_owned());
    }
    let kinds = match names[..] {
        [] => None,
        [names] => Some(kinds_named(names)?),
        _ => return Err("kinds of letters have commas between".to_owned()),
    };
    Ok((links, kinds))
}

/// Kinds of letters by name, with commas between.
pub(super) fn kinds_named(names: &str) -> Parsed<Kinds> {
    let bit = |name: &str| match KIND_NAMES.iter().position(|kind| *kind == name) {
        Some(place) => Ok(1 << place),
        None => Err(format!("{name:?}: no kind of letter")),
    };
    names.split(',').try_fold(0, |bits, name| Ok(bits | bit(name)?)).map(Kinds)
}

fn link(word: &str, nodes: usize) -> Parsed<Link> {
    let wrong = || format!("{word:?}: a link, as n1>n2");
    let (from, to) = word.split_once('>').ok_or_else(wrong)?;
    let (from, to) = (node(from, nodes)?, node(to, nodes)?);
    if from == to { Err(wrong()) } else { Ok(Link::peers(from, to)) }
}

fn node(word: &str, nodes: usize) -> Parsed<usize> {
    let number = word.strip_prefix('n').and_then(whole::<usize>);
    let place = number.and_then(|number| number.checked_sub(1)).filter(|place| *place < nodes);
    place.ok_or_else(|| format!("{word:?}: a node, n1 to n{nodes}"))
}

fn number(word: &str) -> Parsed<u64> {
    whole::<u32>(word).map(u64::from).ok_or_else(|| format!("{word:?}: a whole number"))
}

fn span(word: &str) -> Parsed<Moment> {
    let units = [("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let nanos = units
        .iter()
        .find_map(|(unit, nanos)| Some(u64::from(whole::<u32>(word.strip_suffix(unit)?)?) * nanos));
    let nanos = nanos.filter(|nanos| *nanos <= LONGEST);
    nanos.ok_or_else(|| format!("{word:?}: a time, as 20ms, of an hour at most"))
}

fn whole<T: std::str::FromStr>(word: &str) -> Option<T> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok())?
}
