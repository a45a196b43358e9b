//! Carries a schedule out: each fault is a task that waits, takes aim, strikes, holds, heals, and records each step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::aim::{self, Field};
use super::evidence;
use super::in_force::InForce;
use super::kind::{Aim, Fault};
use super::shape::{self, LinkFault};
use super::{FaultLog, FaultPhase, FaultRecord, NemesisSummary, PlannedFault, Receipt};
use crate::cluster::{Cluster, ClusterError};
use crate::proxy::{Endpoint, Link, LinkRule};

/// How long a fault that needs a leader waits for one.
const LEADER_PATIENCE: Duration = Duration::from_secs(1);

/// Pause between two questions to a cluster that has no answer yet.
const POLL: Duration = Duration::from_millis(10);

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
        conductor.log.record(FaultRecord { time: base + fault.at, ..planned(fault) });
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
    // Each fault has taken its own rules away; this also covers one that was lost.
    conductor.cluster.network().pass_all();
    if !conductor.cluster.network().settled(SETTLE).await {
        summary.not_healed.push("the proxy did not open all listeners again".to_owned());
    }
    summary.broken = lock(&conductor.broken).take();
    summary
}

/// How a fault's life ended.
enum End {
    /// The run was stopped before its time came.
    NotReached,
    NotInstalled,
    Healed,
    NotHealed(String),
}

impl End {
    fn count(self, summary: &mut NemesisSummary) {
        match self {
            Self::NotReached => {}
            Self::NotInstalled => summary.not_installed += 1,
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
    Laggard { leader: usize, links: LinkFault },
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
        let mut record = planned(fault);
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
            Target::Laggard { leader, links } => {
                ([&links.nodes[..], &[*leader]].concat(), Some(links))
            }
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
            Target::Laggard { leader, links } => self.laggard(&record, leader, &links).await,
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
                let victim = self.take_nodes(Aim::Leader, leader, &mut rng)?[0];
                let links = shape::follower_alone(nodes, victim, &mut rng);
                if links.is_err() {
                    self.in_force().go_on(victim);
                }
                links.map(|links| Target::Laggard { leader: victim, links })
            }
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
        let before = evidence::Traffic::of(self.cluster.network(), fault);
        let end = Instant::now() + Duration::from_nanos(record.duration);
        if !self.impose(record, fault, &before, end).await {
            return End::NotInstalled;
        }
        self.hold_until(end).await;
        let lifted = self.lift(record, fault, &before).await;
        self.record_heal(record, lifted)
    }

    /// The follower is behind when its links open again, and the leader gone: whoever is elected now has to be the other
    /// one.
    async fn laggard(&self, record: &FaultRecord, leader: usize, fault: &LinkFault) -> End {
        let begin = Instant::now();
        let before = evidence::Traffic::of(self.cluster.network(), fault);
        let opening = begin + Duration::from_nanos(record.duration / 2);
        if !self.impose(record, fault, &before, opening).await {
            self.in_force().go_on(leader);
            return End::NotInstalled;
        }
        self.hold_until(opening).await;
        let killed = self.cluster.kill(leader).await;
        let lifted = self.lift(record, fault, &before).await;
        let restarted = match &killed {
            Ok(_) => {
                self.hold_until(begin + Duration::from_nanos(record.duration)).await;
                self.cluster.restart(leader).await
            }
            // It had ended by itself, which is told elsewhere; what matters here is that it comes back.
            Err(_) => self.cluster.restart(leader).await,
        };
        self.in_force().go_on(leader);
        let back = restarted.is_ok();
        let seen = self.tell(&[(leader, killed), (leader, restarted)]);
        self.record_heal(
            record,
            match lifted {
                Ok(lifted) if back => Ok(format!("{lifted}; {seen}")),
                Ok(lifted) | Err(lifted) => Err(format!("{lifted}; {seen}")),
            },
        )
    }

    /// Puts a fault's rules in force and waits for them to bite. If they have not by `until`, they are taken away again and
    /// the fault counts as not installed: false.
    async fn impose(
        &self,
        record: &FaultRecord,
        fault: &LinkFault,
        before: &evidence::Traffic,
        until: Instant,
    ) -> bool {
        let begin = Instant::now();
        let network = self.cluster.network();
        self.change_rules(|in_force| in_force.add(record.id, fault));
        let bite = tokio::select! {
            bite = evidence::wait_for_bite(network, fault, before, until) => bite,
            () = self.stop.cancelled() => None,
        };
        if let Some(bite) = bite {
            self.record(record, FaultPhase::Installed, Some(bite));
            return true;
        }
        self.change_rules(|in_force| in_force.remove(record.id, fault));
        let links = record.links.join(", ");
        let waited = begin.elapsed().as_millis();
        let why = format!("nothing tried to cross {links} in {waited} ms");
        self.record(record, FaultPhase::NotInstalled, Some(why));
        false
    }

    /// Takes a fault's rules away; what got through since, or what did not.
    async fn lift(
        &self,
        record: &FaultRecord,
        fault: &LinkFault,
        before: &evidence::Traffic,
    ) -> Result<String, String> {
        let network = self.cluster.network();
        let in_all = evidence::Traffic::of(network, fault).since(before);
        self.change_rules(|in_force| in_force.remove(record.id, fault));
        if !network.settled(SETTLE).await {
            return Err("listeners did not open again".to_owned());
        }
        let seen = evidence::links_pass(network, fault, || self.open_links(fault)).await?;
        Ok(format!("{seen}; in all {in_all}"))
    }

    /// Under the lock, so that rules reach the links in the order in which they were decided.
    fn change_rules(&self, change: impl FnOnce(&mut InForce) -> Vec<(Link, LinkRule)>) {
        let mut in_force = self.in_force();
        for (link, rule) in change(&mut in_force) {
            self.cluster.network().apply(link, rule);
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
        for (node, _) in &missed {
            self.in_force().go_on(*node);
        }
        let seen = self.tell(hit.iter().chain(&missed));
        if hit.is_empty() {
            self.record(record, FaultPhase::NotInstalled, Some(seen));
            return End::NotInstalled;
        }
        self.record(record, FaultPhase::Installed, Some(seen));
        self.hold_until(Instant::now() + Duration::from_nanos(record.duration)).await;
        let hit: Vec<usize> = hit.into_iter().map(|(node, _)| node).collect();
        let healed = self.each(&hit, move |cluster, node| stop.heal(cluster, node)).await;
        for node in &hit {
            self.in_force().go_on(*node);
        }
        let seen = self.tell(&healed);
        let all = healed.iter().all(|(_, seen)| seen.is_ok());
        self.record_heal(record, if all { Ok(seen) } else { Err(seen) })
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

fn planned(fault: &PlannedFault) -> FaultRecord {
    FaultRecord {
        id: fault.id,
        phase: FaultPhase::Planned,
        time: fault.at,
        fault: fault.fault.0.clone(),
        duration: fault.duration,
        nodes: Vec::new(),
        links: Vec::new(),
        receipt: None,
    }
}

fn node_name(node: usize) -> String {
    format!("n{}", node + 1)
}
