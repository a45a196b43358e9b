//! Carries the steps of a script out.

use rashomon_checker::check::ModelKind;
use rashomon_node::bugs::Bug;
use rashomon_node::raft::Role;

use super::clients::{Clients, PATIENCE};
use super::command::{Command, Condition, kinds_named};
use super::{Played, Settings};
use crate::proxy::{Link, LinkRule};
use crate::sim::act::Act;
use crate::sim::heap::Moment;
use crate::sim::network::{Act as OnLetters, Kinds};
use crate::sim::plan::{MS, SECOND, SimPlan};
use crate::sim::run::judge;
use crate::sim::world::{Health, World};

/// How long something is waited for.
const WAIT: Moment = 5 * SECOND;

/// A world, and what a script has done to it.
pub(super) struct Stage {
    world: World,
    clients: Clients,
    /// What was done and not undone, by the number to undo it by.
    standing: Vec<(usize, Act)>,
    text: String,
    findings: usize,
}

impl Stage {
    /// A world in which nothing has happened, and only what a script says will.
    pub(super) fn new(settings: &Settings, bug: Option<Bug>) -> Self {
        let mut plan = SimPlan::calm(settings.seed, settings.nodes);
        plan.bugs = bug.iter().map(ToString::to_string).collect();
        (plan.node.skew, plan.node.boot_max) = (0, MS);
        if let Some(bytes) = settings.batch_bytes {
            plan.node.batch_bytes_max = bytes;
        }
        let world = World::new(plan);
        let clients = Clients::new(&world);
        Self { world, clients, standing: Vec::new(), text: String::new(), findings: 0 }
    }

    /// One step. Says why it makes no sense, if it does not.
    pub(super) fn perform(&mut self, command: &Command) -> Result<(), String> {
        match command {
            Command::Elect(node) => self.favour(*node, Role::Leader)?,
            Command::Stand(node) => self.favour(*node, Role::Candidate)?,
            Command::Until(node, condition) => self.until(*node, *condition),
            Command::Run(span) => self.run_until(*span, |_| false),
            Command::Cut(sides) => self.cut(sides)?,
            Command::Heal => self.undo("nothing is cut", |act| matches!(act, Act::Links { .. }))?,
            Command::Letters { links, kinds, act } => self.filter(links, *kinds, *act)?,
            Command::Release { links, kinds } => self.release(links, *kinds)?,
            Command::Do(act) => self.act(act.clone())?,
            Command::Boot(node) => self.boot(*node)?,
            Command::Resume(node) => {
                self.undo("it is not paused", |act| *act == Act::Pause { node: *node })?;
            }
            Command::Operate { client, invocation, node, waits } => {
                self.clients.begin(&mut self.world, *client, invocation.clone(), *node)?;
                if *waits {
                    self.wait_for(*client);
                }
            }
            Command::Settle => self.settle(),
            Command::Show => self.show(),
            Command::Check => self.check(),
        }
        self.listen();
        Ok(())
    }

    /// What it came to.
    pub(super) fn conclude(self) -> Played {
        Played { text: self.text, findings: self.findings }
    }

    fn say(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    /// Says what clients have heard.
    fn listen(&mut self) {
        for line in self.clients.answered() {
            self.say(&line);
        }
    }

    fn run_until(&mut self, span: Moment, done: impl FnMut(&World) -> bool) {
        let limit = self.world.now + span;
        self.world.run_until(limit, done);
    }

    fn act(&mut self, act: Act) -> Result<(), String> {
        let number = self.world.impose(act.clone()).ok_or("that cannot be done now")?;
        self.standing.push((number, act));
        Ok(())
    }

    /// Undoes what stands and is meant; `nothing` if there is nothing.
    fn undo(&mut self, nothing: &str, mut meant: impl FnMut(&Act) -> bool) -> Result<(), String> {
        let (gone, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.standing).into_iter().partition(|(_, act)| meant(act));
        self.standing = left;
        for (number, _) in &gone {
            self.world.relent(*number);
        }
        if gone.is_empty() { Err(nothing.to_owned()) } else { Ok(()) }
    }

    /// Runs until a node has a role. The others ask in vain whether they could be elected.
    fn favour(&mut self, node: usize, role: Role) -> Result<(), String> {
        let nodes = self.world.plan.nodes;
        let asks = kinds_named("PreVoteRequest")?;
        let mut filters = Vec::new();
        for from in (0..nodes).filter(|from| *from != node) {
            for to in (0..nodes).filter(|to| *to != from) {
                let link = Some(Link::peers(from, to));
                let act = Act::Letters { link, kinds: asks, act: OnLetters::Drop };
                filters.push(self.world.impose(act).ok_or("that cannot be done now")?);
            }
        }
        self.until(node, Condition::Is(role));
        for number in filters {
            self.world.relent(number);
        }
        Ok(())
    }

    fn until(&mut self, node: usize, condition: Condition) {
        self.run_until(WAIT, |world| holds(world, node, condition));
        let name = format!("n{}", node + 1);
        let line = match self.world.health(node) {
            Health::Up { status, .. } if holds(&self.world, node, condition) => match condition {
                Condition::Is(Role::Leader) => format!("{name} leads term {}", status.term),
                Condition::Is(role) => format!("{name} is {} of term {}", role.name(), status.term),
                _ => return,
            },
            _ => format!("{name}: {condition} does not come"),
        };
        self.say(&line);
    }

    fn cut(&mut self, sides: &[Vec<usize>]) -> Result<(), String> {
        let side_of = |node| sides.iter().position(|side| side.contains(&node));
        let apart = |from, to| side_of(from).zip(side_of(to)).is_some_and(|(a, b)| a != b);
        let nodes = self.world.plan.nodes;
        let all = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        let links = all.filter(|(from, to)| apart(*from, *to));
        let links = links.map(|(from, to)| Link::peers(from, to)).collect();
        self.act(Act::Links { links, rule: LinkRule::Cut })
    }

    fn filter(&mut self, links: &[Link], kinds: Kinds, act: OnLetters) -> Result<(), String> {
        for link in links {
            self.act(Act::Letters { link: Some(*link), kinds, act })?;
        }
        Ok(())
    }

    fn release(&mut self, links: &[Link], only: Option<Kinds>) -> Result<(), String> {
        self.undo("nothing is held or dropped there", |act| match act {
            Act::Letters { link: Some(link), kinds, .. } => {
                links.contains(link) && only.is_none_or(|only| only == *kinds)
            }
            _ => false,
        })
    }

    fn boot(&mut self, node: usize) -> Result<(), String> {
        let nothing = format!("n{} was neither killed nor crashed", node + 1);
        self.undo(&nothing, |act| match act {
            Act::Kill { node: dead } | Act::Crash { node: dead, .. } => *dead == node,
            _ => false,
        })?;
        self.run_until(WAIT, |world| world.health(node) != Health::Starts);
        Ok(())
    }

    fn wait_for(&mut self, client: usize) {
        let patience = 2 * u64::try_from(PATIENCE.as_nanos()).unwrap_or(Moment::MAX / 4);
        let limit = self.world.now + patience;
        let clients = &self.clients;
        self.world.run_until(limit, |_| !clients.waits(client));
    }

    fn settle(&mut self) {
        self.run_until(WAIT, World::is_settled);
        if !self.world.is_settled() {
            self.say("the nodes do not settle");
        }
    }

    fn show(&mut self) {
        for node in 0..self.world.plan.nodes {
            let name = format!("n{}", node + 1);
            let line = match self.world.health(node) {
                Health::Up { status, paused } => {
                    let log: Vec<String> =
                        self.world.log_terms(node).iter().map(ToString::to_string).collect();
                    format!(
                        "{name} {}{} of term {}, commit {}, log {}",
                        if paused { "paused " } else { "" },
                        status.role.name(),
                        status.term,
                        status.commit,
                        log.join(" ")
                    )
                }
                Health::Starts => format!("{name} starts"),
                Health::Down => format!("{name} is down"),
                Health::Broken(why) => format!("{name} is broken: {why}"),
            };
            self.say(&line);
        }
    }

    fn check(&mut self) {
        let mut lines: Vec<String> = Vec::new();
        for breach in self.world.watch.breaches() {
            lines.push(format!("{}: {}", breach.invariant, breach.what));
        }
        for collapse in self.world.collapses() {
            lines.push(format!("n{} broke: {}", collapse.node + 1, collapse.what));
        }
        let violation = judge(&self.clients.history(), ModelKind::CasRegister);
        lines.extend(violation.map(|finding| format!("history: {}", finding.what)));
        self.findings += lines.len();
        if lines.is_empty() {
            lines.push("all holds".to_owned());
        }
        self.listen();
        for line in lines {
            self.say(&line);
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(role) => out.write_str(role.name()),
            Self::Term(it) => write!(out, "term {it}"),
            Self::Last(it) => write!(out, "last {it}"),
            Self::Durable(it) => write!(out, "durable {it}"),
            Self::Commit(it) => write!(out, "commit {it}"),
        }
    }
}

fn holds(world: &World, node: usize, condition: Condition) -> bool {
    let Health::Up { status, .. } = world.health(node) else { return false };
    match condition {
        Condition::Is(role) => status.role == role,
        Condition::Term(term) => status.term.0 >= term,
        Condition::Last(index) => status.last_index.0 >= index,
        Condition::Durable(index) => status.durable.0 >= index,
        Condition::Commit(index) => status.commit.0 >= index,
    }
}
