//! Carries a schedule out: each fault is a task that waits, takes aim, strikes, holds, heals, and records each step.

mod laggard;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::aim::{self, Field};
use super::evidence::{self, Traffic};
use super::in_force::InForce;
use super::kind::{Aim, Fault};
use super::shape::{self, LinkFault};
use super::{FaultLog, FaultPhase, FaultRecord, NemesisSummary, PlannedFault, Receipt};
use crate::cluster::{Cluster, ClusterError};
use crate::proxy::{Endpoint, Link, LinkRule, LinkStats};

/// How long a fault that needs a leader waits for one.
const LEADER_PATIENCE: Duration = Duration::from_secs(1);

/// Pause between two questions to a cluster that has no answer yet.
const POLL: Duration = Duration::from_millis(10);

/// Pause between two looks at whether a rule bites.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long listeners may take to follow a change of rules.
const SETTLE: Duration = Duration::from_secs(1);

/// Carries a schedule out, from now on, and heals everything before it returns, also when it is told to stop early.
pub async fn run(
    cluster: Arc<Cluster>,
    schedule: Vec<PlannedFault>,
    log: Arc<dyn FaultLog>,
    stop: CancellationToken,
) -> NemesisSummary {
    let (started, base) = (Instant::now(), log.now());
    let (in_force, broken) = Default::default();
    let conductor = Arc::new(Conductor { cluster, log, stop, in_force, broken });
    let mut summary = NemesisSummary { planned: schedule.len() as u64, ..Default::default() };
    for fault in &schedule {
        conductor.log.record(FaultRecord { time: base + fault.at, ..FaultRecord::planned(fault) });
    }
    let mut tasks = JoinSet::new();
    for fault in schedule {
        let begin = started + Duration::from_nanos(fault.at);
        let conductor = Arc::clone(&conductor);
        tasks.spawn(async move { conductor.carry_out(&fault, begin).await });
    }
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(end) => end.count(&mut summary),
            Err(error) => conductor.broke(format!("a fault was lost: {error}")),
        }
    }
    conductor.verify_links(&mut summary).await;
    summary.broken = lock(&conductor.broken).take();
    summary
}

/// How a fault's life ended.
enum End {
    /// The run was stopped before its time came, or before it could bite.
    NotReached,
    NotInstalled,
    /// Without evidence that it bit, and it could not be undone either.
    Stuck(String),
    Healed,
    NotHealed(String),
}

impl End {
    fn count(self, summary: &mut NemesisSummary) {
        match self {
            Self::NotReached => {}
            Self::NotInstalled => summary.not_installed += 1,
            Self::Stuck(why) => {
                summary.not_installed += 1;
                summary.not_healed.push(why);
            }
            Self::Healed => {
                summary.installed += 1;
                summary.healed += 1;
            }
            Self::NotHealed(why) => {
                summary.installed += 1;
                summary.not_healed.push(why);
            }
        }
    }
}

/// What a fault's aim has become.
enum Target {
    Links(LinkFault),
    Kill(Vec<usize>),
    Pause(Vec<usize>),
    Laggard(laggard::Parts),
}

struct Conductor {
    cluster: Arc<Cluster>,
    log: Arc<dyn FaultLog>,
    stop: CancellationToken,
    in_force: Mutex<InForce>,
    /// See [`NemesisSummary::broken`].
    broken: Mutex<Option<String>>,
}

impl Conductor {
    async fn carry_out(&self, fault: &PlannedFault, begin: Instant) -> End {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return End::NotReached,
            () = tokio::time::sleep_until(begin) => {}
        }
        let mut record = FaultRecord::planned(fault);
        let target = match self.take_aim(fault).await {
            Ok(target) => target,
            Err(why) => {
                self.record(&record, FaultPhase::NotInstalled, Some(why));
                return End::NotInstalled;
            }
        };
        let (mut nodes, links) = match &target {
            Target::Links(links) => (links.nodes.clone(), Some(links)),
            Target::Kill(nodes) | Target::Pause(nodes) => (nodes.clone(), None),
            Target::Laggard(parts) => (parts.nodes(), Some(&parts.links)),
        };
        nodes.sort_unstable();
        record.nodes = nodes.into_iter().map(node_name).collect();
        let links = links.into_iter().flat_map(|fault| &fault.links);
        record.links = links.map(ToString::to_string).collect();
        self.record(&record, FaultPhase::Resolved, None);
        match target {
            Target::Links(links) => self.bend_links(&record, &links).await,
            Target::Kill(nodes) => self.stop_nodes(&record, Stop::Kill, nodes).await,
            Target::Pause(nodes) => self.stop_nodes(&record, Stop::Pause, nodes).await,
            Target::Laggard(parts) => self.laggard(&record, &parts).await,
        }
    }

    /// Turns leader, minority and the like into nodes and links, as things stand now. Nodes that are to be stopped are
    /// taken at once, so that no other fault takes them.
    async fn take_aim(&self, fault: &PlannedFault) -> Result<Target, String> {
        let kind = Fault::named(&fault.fault.0).ok_or("there is no such fault")?;
        let nodes = self.cluster.names().len();
        let leader = self.find_leader(kind, Duration::from_nanos(fault.duration)).await;
        let mut rng = fault.seed.rng();
        match kind {
            Fault::Partition(shape) => {
                shape::partition(shape, nodes, leader, &mut rng).map(Target::Links)
            }
            Fault::Bend(bend) => shape::bend(bend, nodes, leader, &mut rng).map(Target::Links),
            Fault::Kill(aim) => self.take_nodes(aim, leader, &mut rng).map(Target::Kill),
            Fault::Pause(aim) => self.take_nodes(aim, leader, &mut rng).map(Target::Pause),
            Fault::Laggard => {
                let leader = self.take_nodes(Aim::Leader, leader, &mut rng)?[0];
                self.give_parts(leader, &mut rng).map(Target::Laggard)
            }
            Fault::Crash(_)
            | Fault::Disk(_)
            | Fault::Damage(_)
            | Fault::Letters(_)
            | Fault::Clock(_)
            | Fault::ResetLinks => Err("only the simulator can do that".to_owned()),
        }
    }

    async fn find_leader(&self, kind: Fault, patience: Duration) -> Option<usize> {
        let needed = kind.needs_leader();
        let until = Instant::now() + patience.min(LEADER_PATIENCE);
        loop {
            let leader = self.cluster.leader().await;
            let give_up = !needed || self.stop.is_cancelled() || Instant::now() >= until;
            if leader.is_some() || give_up {
                return leader;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn take_nodes(
        &self,
        aim: Aim,
        leader: Option<usize>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<usize>, String> {
        let mut in_force = self.in_force();
        let nodes = self.cluster.names().len();
        let chosen = aim::choose(aim, Field { nodes, leader, stopped: in_force.stopped() }, rng)?;
        in_force.stop(&chosen);
        Ok(chosen)
    }

    async fn bend_links(&self, record: &FaultRecord, fault: &LinkFault) -> End {
        let end = Instant::now() + Duration::from_nanos(record.duration);
        if let Err(end) = self.impose(record, fault, end).await {
            return end;
        }
        self.hold_until(end).await;
        let lifted = self.lift(record, fault).await;
        self.record_heal(record, lifted)
    }

    /// Puts a fault's rules in force and waits for them to bite. If they have not by `until`, they are taken away again and
    /// the fault has come to its end.
    async fn impose(
        &self,
        record: &FaultRecord,
        fault: &LinkFault,
        until: Instant,
    ) -> Result<(), End> {
        let begin = Instant::now();
        self.change_rules(|in_force, stats| in_force.add(record.id, fault, stats));
        let bite = tokio::select! {
            bite = self.wait_for_bite(record, fault, until) => bite,
            () = self.stop.cancelled() => Err(End::NotReached),
        };
        match bite {
            Ok(seen) => {
                let (count, rule) = (fault.links.len(), fault.rule);
                let evidence = format!("{count} links: {rule}; {seen} so far");
                self.record(record, FaultPhase::Installed, Some(evidence));
                Ok(())
            }
            Err(end) => {
                let seen = self.traffic(record, fault);
                self.change_rules(|in_force, stats| in_force.remove(record.id, fault, stats));
                if let End::NotInstalled = end {
                    let why = why_no_bite(record, seen, begin.elapsed());
                    self.record(record, FaultPhase::NotInstalled, Some(why));
                }
                Err(end)
            }
        }
    }

    /// Waits until the rule has done something to some link, and tells what.
    async fn wait_for_bite(
        &self,
        record: &FaultRecord,
        fault: &LinkFault,
        until: Instant,
    ) -> Result<Traffic, End> {
        loop {
            match self.traffic(record, fault) {
                Some(seen) if !seen.is_nothing() => return Ok(seen),
                _ if Instant::now() >= until => return Err(End::NotInstalled),
                _ => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// What the fault has done to its links so far; `None` if other faults had them all the time.
    fn traffic(&self, record: &FaultRecord, fault: &LinkFault) -> Option<Traffic> {
        let network = self.cluster.network();
        self.in_force().traffic(record.id, fault, |link| network.stats(link))
    }

    /// Takes a fault's rules away; what got through since, or what did not.
    async fn lift(&self, record: &FaultRecord, fault: &LinkFault) -> Result<String, String> {
        let in_all = self.open(record, fault);
        self.passes(fault, in_all).await
    }

    /// Takes a fault's rules away; what they did in all.
    fn open(&self, record: &FaultRecord, fault: &LinkFault) -> Traffic {
        let in_all = self.traffic(record, fault).unwrap_or_default();
        self.change_rules(|in_force, stats| in_force.remove(record.id, fault, stats));
        in_all
    }

    /// What got through since a fault's rules are gone, or what did not.
    async fn passes(&self, fault: &LinkFault, in_all: Traffic) -> Result<String, String> {
        let network = self.cluster.network();
        if !network.settled(SETTLE).await {
            return Err("listeners did not open again".to_owned());
        }
        let seen = evidence::links_pass(network, fault, || self.open_links(fault)).await?;
        Ok(format!("{seen}; in all {in_all}"))
    }

    /// Under the lock, so that rules reach the links in the order in which they were decided.
    fn change_rules(
        &self,
        change: impl FnOnce(&mut InForce, &dyn Fn(Link) -> LinkStats) -> Vec<(Link, LinkRule)>,
    ) {
        let network = self.cluster.network();
        let mut in_force = self.in_force();
        for (link, rule) in change(&mut in_force, &|link| network.stats(link)) {
            network.apply(link, rule);
        }
    }

    /// When all faults are over: every link lets something through. Each fault has taken its own rules away and seen to the
    /// links that were then free; this also covers links to nodes that were stopped at that time, and a fault that was lost.
    async fn verify_links(&self, summary: &mut NemesisSummary) {
        let network = self.cluster.network();
        network.pass_all();
        if !network.settled(SETTLE).await {
            summary.not_healed.push("the proxy did not open all listeners again".to_owned());
        }
        let runs = |end: Endpoint| match end {
            Endpoint::Client => true,
            Endpoint::Node(node) => self.cluster.pid(node).is_some(),
        };
        let mut links = network.links();
        // Who is down is told by the fault that could not restart it.
        links.retain(|link| summary.planned > 0 && runs(link.from) && runs(link.to));
        for link in evidence::shut_links(&self.cluster, links).await {
            summary.not_healed.push(format!("nothing gets through {link} after all faults"));
        }
        if let Some(why) = network.broken() {
            self.broke(format!("the proxy is broken: {why}"));
        }
    }

    /// The fault's links that no other fault holds, between nodes that run.
    fn open_links(&self, fault: &LinkFault) -> Vec<Link> {
        let in_force = self.in_force();
        let runs = |end: Endpoint| match end {
            Endpoint::Client => true,
            Endpoint::Node(node) => !in_force.stopped().contains(&node),
        };
        let open = |link: &Link| {
            let free = |link| in_force.rule(link) == LinkRule::Pass;
            free(*link) && free(link.reverse()) && runs(link.from) && runs(link.to)
        };
        fault.links.iter().copied().filter(open).collect()
    }

    async fn stop_nodes(&self, record: &FaultRecord, stop: Stop, nodes: Vec<usize>) -> End {
        let struck = self.each(&nodes, move |cluster, node| stop.strike(cluster, node)).await;
        let (hit, missed): (Vec<_>, Vec<_>) =
            struck.into_iter().partition(|(_, seen)| seen.is_ok());
        let seen = self.tell(hit.iter().chain(&missed));
        let unsure = unsure(&missed);
        for (node, _) in missed.iter().filter(|(node, _)| !unsure.contains(node)) {
            self.in_force().go_on(*node);
        }
        if hit.is_empty() {
            self.record(record, FaultPhase::NotInstalled, Some(seen));
            return match self.heal_nodes(stop, &unsure).await {
                Ok(_) => End::NotInstalled,
                Err(why) => End::Stuck(format!("{}: {why}", record.fault)),
            };
        }
        self.record(record, FaultPhase::Installed, Some(seen));
        self.hold_until(Instant::now() + Duration::from_nanos(record.duration)).await;
        let hit = hit.into_iter().map(|(node, _)| node);
        let healed = self.heal_nodes(stop, &hit.chain(unsure).collect::<Vec<_>>()).await;
        self.record_heal(record, healed)
    }

    /// Lets nodes go on, whatever that takes; what was seen, or what was not.
    async fn heal_nodes(&self, stop: Stop, nodes: &[usize]) -> Result<String, String> {
        let healed = self.each(nodes, move |cluster, node| stop.heal(cluster, node)).await;
        for node in nodes {
            self.in_force().go_on(*node);
        }
        let seen = self.tell(&healed);
        let all = healed.iter().all(|(_, seen)| seen.is_ok());
        if all { Ok(seen) } else { Err(seen) }
    }

    /// Does something to several nodes at the same time; what came of it, by node.
    async fn each<F>(
        &self,
        nodes: &[usize],
        act: impl Fn(Arc<Cluster>, usize) -> F,
    ) -> Vec<(usize, Result<Receipt, ClusterError>)>
    where
        F: Future<Output = Result<Receipt, ClusterError>> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        for node in nodes.iter().copied() {
            let action = act(Arc::clone(&self.cluster), node);
            tasks.spawn(async move { (node, action.await) });
        }
        let mut done = tasks.join_all().await;
        done.sort_by_key(|(node, _)| *node);
        done
    }

    async fn hold_until(&self, end: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(end) => {}
            () = self.stop.cancelled() => {}
        }
    }

    fn record_heal(&self, record: &FaultRecord, healed: Result<String, String>) -> End {
        match healed {
            Ok(seen) => {
                self.record(record, FaultPhase::Healed, Some(seen));
                End::Healed
            }
            Err(why) => {
                let text = format!("{}: {why}", record.fault);
                self.record(record, FaultPhase::NotHealed, Some(why));
                End::NotHealed(text)
            }
        }
    }

    fn record(&self, record: &FaultRecord, phase: FaultPhase, evidence: Option<String>) {
        let receipt = evidence.map(|evidence| Receipt { evidence });
        self.log.record(FaultRecord { phase, time: self.log.now(), receipt, ..record.clone() });
    }

    /// What was done to nodes, in words. An error of our own is kept: it is no finding about the store.
    fn tell<'a>(
        &self,
        results: impl IntoIterator<Item = &'a (usize, Result<Receipt, ClusterError>)>,
    ) -> String {
        let line = |(node, result): &(usize, Result<Receipt, ClusterError>)| match result {
            Ok(receipt) => receipt.evidence.clone(),
            Err(error) => {
                if error.is_ours() {
                    self.broke(error.to_string());
                }
                format!("{}: {error}", node_name(*node))
            }
        };
        results.into_iter().map(line).collect::<Vec<_>>().join("; ")
    }

    /// Keeps the first of what broke; healing goes on.
    fn broke(&self, what: String) {
        lock(&self.broken).get_or_insert(what);
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        lock(&self.in_force)
    }
}

/// Nobody leaves these half changed by a panic; and healing has to go on in any case.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ways to stop a process.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Kill,
    Pause,
}

impl Stop {
    async fn strike(self, cluster: Arc<Cluster>, node: usize) -> Result<Receipt, ClusterError> {
        match self {
            Self::Kill => cluster.kill(node).await,
            Self::Pause => cluster.pause(node).await,
        }
    }

    async fn heal(self, cluster: Arc<Cluster>, node: usize) -> Result<Receipt, ClusterError> {
        match self {
            Self::Kill => cluster.restart(node).await,
            Self::Pause => cluster.resume(node).await,
        }
    }
}

/// Why a fault on links did not bite.
fn why_no_bite(record: &FaultRecord, seen: Option<Traffic>, waited: Duration) -> String {
    let (links, waited) = (record.links.join(", "), waited.as_millis());
    match seen {
        None => format!("for {waited} ms, {links} were in the hands of other faults"),
        Some(_) => format!("nothing tried to cross {links} in {waited} ms"),
    }
}

/// Of the nodes that could not be shown to be stopped, those that have been sent the signal: it may yet act.
fn unsure(missed: &[(usize, Result<Receipt, ClusterError>)]) -> Vec<usize> {
    let sent = |result: &Result<_, _>| matches!(result, Err(ClusterError::Unmoved { .. }));
    missed.iter().filter(|(_, result)| sent(result)).map(|(node, _)| *node).collect()
}

fn node_name(node: usize) -> String {
    format!("n{}", node + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_whose_signal_may_yet_act_are_healed_as_well() {
        let node = "n1".to_owned();
        let unmoved =
            ClusterError::Unmoved { node: node.clone(), pid: 7, signal: "SIGSTOP", state: 'D' };
        let off_duty = ClusterError::OffDuty { node, is: "down".to_owned() };
        assert_eq!(unsure(&[(0, Err(unmoved)), (2, Err(off_duty))]), [0]);
    }
}
