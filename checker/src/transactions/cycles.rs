//! Cycles of transactions, by class and variant.
//!
//! Every cycle lies within a strongly connected component of the whole graph; where there is none of two transactions or
//! more, there is nothing to find, and one pass has shown it. In each component the classes are looked for in turn, first
//! among dependencies of data alone, then with the order of processes, then with real time; a class that follows from one
//! that was found there is not looked for. Whether there is a cycle is seen from components again, of the part of the graph
//! that the class may use:
//! - G0, G1c: a component of writes, of writes and reads, has one;
//! - G-nonadjacent: a component of pairs of transaction and "came by an anti-dependency" has one, or one of the above;
//! - G2-item: an anti-dependency within a component of everything is part of one.
//!
//! A shortest one through a given start is found breadth first. G-single alone has no such test: each anti-dependency of a
//! component that has a G-nonadjacent walk is tried, until a bound on all such work; passing it is noted.
//!
//! What is found is named by what it turns out to be made of, so a name is right whatever led to it.

use std::collections::BTreeMap;

use super::anomaly::{Anomaly, CycleClass, OrderBasis};
use super::components::{Space, Tarjan};
use super::data::NONE;
use super::findings::Findings;
use super::graph::{ANTI, Graph, Label};
use super::report::ShownEdge;
use super::walk::{Hop, Walker};
use super::{Stop, Stopped};

/// Steps that making a cycle shorter may take, for each one found.
const SHORTENING_STEPS_MAX: u64 = 200_000;

/// Steps that all searches which may be in vain may take, beside a few times the size of the graph.
const SEARCH_STEPS_MAX: u64 = 100_000_000;

/// The labels that a class may use in a variant: all but anti-dependencies, and these.
fn labels(class: CycleClass, order: OrderBasis) -> (u16, u16) {
    let mut base = Label::Ww.bit();
    let mut anti = 0;
    if class >= CycleClass::G1c {
        base |= Label::Wr.bit();
    }
    let inferred = class >= CycleClass::GSingle;
    if inferred {
        anti |= Label::Rw.bit();
    }
    if order >= OrderBasis::Process {
        base |= Label::Process.bit();
        if inferred {
            base |= Label::WwProcess.bit();
            anti |= Label::RwProcess.bit();
        }
    }
    if order >= OrderBasis::Realtime {
        base |= Label::Realtime.bit();
        if inferred {
            base |= Label::WwRealtime.bit();
            anti |= Label::RwRealtime.bit();
        }
    }
    (base, anti)
}

/// What a cycle is, by its edges.
pub(super) fn classify(hops: &[Hop]) -> Anomaly {
    let is_anti = |hop: &Hop| hop.label.is_in(ANTI);
    let count = hops.iter().filter(|hop| is_anti(hop)).count();
    let mut in_a_row = hops.iter().zip(hops.iter().cycle().skip(1));
    let class = match count {
        0 if hops.iter().all(|hop| !matches!(hop.label, Label::Wr)) => CycleClass::G0,
        0 => CycleClass::G1c,
        1 => CycleClass::GSingle,
        _ if in_a_row.any(|(a, b)| is_anti(a) && is_anti(b)) => CycleClass::G2Item,
        _ => CycleClass::GNonadjacent,
    };
    let order = hops.iter().map(|hop| match hop.label {
        Label::Ww | Label::Wr | Label::Rw => OrderBasis::Data,
        Label::Process | Label::WwProcess | Label::RwProcess => OrderBasis::Process,
        Label::Realtime | Label::WwRealtime | Label::RwRealtime => OrderBasis::Realtime,
    });
    let order = order.max().unwrap_or(OrderBasis::Data);
    // An order of versions that rests on processes or time counts only where stale reads are forbidden.
    let inferred = |hop: &Hop| matches!(hop.label, Label::WwProcess | Label::WwRealtime);
    let class = if hops.iter().any(inferred) { class.max(CycleClass::GSingle) } else { class };
    match hops {
        [a, b] if class == CycleClass::G2Item && order == OrderBasis::Data && a.key != b.key => {
            Anomaly::WriteSkew
        }
        _ => Anomaly::Cycle(class, order),
    }
}

/// Adds all cycles, a few of each name. Answers which names were not looked for everywhere.
pub(super) fn find(
    graph: &Graph,
    findings: &mut Findings<'_>,
    show: &dyn Fn(&Hop) -> ShownEdge,
    stop: Stop<'_>,
) -> Result<Vec<Anomaly>, Stopped> {
    let all = labels(CycleClass::G2Item, OrderBasis::Realtime);
    let space = Space { graph, labels: all.0 | all.1, alternating: false, tags: &[], tag: 0 };
    let mut components: Vec<Vec<u32>> = Vec::new();
    let mut tarjan = Tarjan::default();
    tarjan.run(&space, 0..graph.nodes, stop, |members| components.push(members.to_vec()))?;
    if components.is_empty() {
        return Ok(Vec::new());
    }
    for component in &mut components {
        component.sort_unstable();
    }
    components.sort_unstable();
    let mut hunt = Hunt {
        graph,
        tarjan,
        walker: Walker::default(),
        component: vec![0; graph.len()],
        part: vec![0; graph.len()],
        parts: 0,
        steps_left: SEARCH_STEPS_MAX + 8 * graph.size() as u64,
        given_up: Vec::new(),
        stop,
    };
    for (number, members) in components.iter().enumerate() {
        let tag = number as u32 + 1;
        for member in members {
            hunt.component[*member as usize] = tag;
        }
        hunt.search(members, tag, findings, show)?;
    }
    hunt.given_up.retain(|anomaly| !findings.names().iter().any(|found| found.implies(*anomaly)));
    hunt.given_up.sort_unstable();
    hunt.given_up.dedup();
    Ok(hunt.given_up)
}

/// The search and its memory.
struct Hunt<'g> {
    graph: &'g Graph,
    tarjan: Tarjan,
    walker: Walker,
    /// By node: which component of the whole graph it belongs to, from 1.
    component: Vec<u32>,
    /// By node: which part of a component it was last found to belong to.
    part: Vec<u32>,
    parts: u32,
    steps_left: u64,
    given_up: Vec<Anomaly>,
    stop: Stop<'g>,
}

impl Hunt<'_> {
    fn search(
        &mut self,
        members: &[u32],
        tag: u32,
        findings: &mut Findings<'_>,
        show: &dyn Fn(&Hop) -> ShownEdge,
    ) -> Result<(), Stopped> {
        let mut here: Vec<Anomaly> = Vec::new();
        for order in OrderBasis::ALL {
            for class in CycleClass::ALL {
                let wanted = Anomaly::Cycle(class, order);
                let known = here.iter().any(|found| found.implies(wanted));
                if known || findings.is_full(wanted) {
                    continue;
                }
                let Some(hops) = self.cycle(members, tag, class, order)? else { continue };
                let hops = innermost(hops);
                let found = classify(&hops);
                if !here.contains(&found) {
                    here.push(found);
                    let txns: Vec<u32> = hops.iter().map(|hop| hop.from).collect();
                    findings.add_cycle(found, &txns, hops.iter().map(show).collect());
                }
            }
        }
        for found in here {
            if findings.is_full(found) {
                findings.may_have_more(found);
            }
        }
        Ok(())
    }

    /// A cycle of this class, or of a worse one, within a component.
    fn cycle(
        &mut self,
        members: &[u32],
        tag: u32,
        class: CycleClass,
        order: OrderBasis,
    ) -> Result<Option<Vec<Hop>>, Stopped> {
        let (base, anti) = labels(class, order);
        match class {
            CycleClass::G0 | CycleClass::G1c => self.plain(members, tag, base),
            CycleClass::GSingle => {
                let parts = self.parts_of(members, tag, base | anti, true)?;
                let wanted = Anomaly::Cycle(class, order);
                let taken = Taken { anti, rest: base, alternating: false };
                if let Some(hops) = self.through_anti(&parts, taken, wanted)? {
                    return Ok(Some(hops));
                }
                // An order of versions that was inferred stands for a read that would have missed a write.
                let inferred = Label::WwProcess.bit() | Label::WwRealtime.bit();
                let hops =
                    if base & inferred == 0 { None } else { self.plain(members, tag, base)? };
                Ok(hops.filter(|hops| hops.iter().any(|hop| hop.label.is_in(inferred))))
            }
            CycleClass::GNonadjacent => {
                let parts = self.parts_of(members, tag, base | anti, true)?;
                let wanted = Anomaly::Cycle(class, order);
                let taken = Taken { anti, rest: base | anti, alternating: true };
                self.through_anti(&parts, taken, wanted)
            }
            CycleClass::G2Item => {
                let parts = self.parts_of(members, tag, base | anti, false)?;
                let wanted = Anomaly::Cycle(class, order);
                let taken = Taken { anti, rest: base | anti, alternating: false };
                self.through_anti(&parts, taken, wanted)
            }
        }
    }

    /// Components of a component: the part of it that edges of these labels can close cycles in. Each gets a tag of its
    /// own in `part`; a node that is in two by its two states keeps one of them.
    fn parts_of(
        &mut self,
        members: &[u32],
        tag: u32,
        labels: u16,
        alternating: bool,
    ) -> Result<Vec<(u32, Vec<u32>)>, Stopped> {
        let graph = self.graph;
        let space = Space { graph, labels, alternating, tags: &self.component, tag };
        let mut parts = Vec::new();
        let (part, count) = (&mut self.part, &mut self.parts);
        let roots = members.iter().copied().filter(|member| !graph.is_fan(*member));
        self.tarjan.run(&space, roots, self.stop, |states| {
            if alternating && !states.iter().any(|state| space.is_after_anti(*state)) {
                return;
            }
            *count += 1;
            let mut txns = Vec::new();
            for state in states {
                let node = space.node(*state);
                part[node as usize] = *count;
                if !graph.is_fan(node) {
                    txns.push(node);
                }
            }
            txns.sort_unstable();
            txns.dedup();
            parts.push((*count, txns));
        })?;
        Ok(parts)
    }

    /// A cycle of edges of these labels, none of them an anti-dependency: the shortest through the starts that were tried.
    fn plain(&mut self, members: &[u32], tag: u32, base: u16) -> Result<Option<Vec<Hop>>, Stopped> {
        let parts = self.parts_of(members, tag, base, false)?;
        let Some((part, txns)) = parts.first() else { return Ok(None) };
        let space = Space {
            graph: self.graph,
            labels: base,
            alternating: false,
            tags: &self.part,
            tag: *part,
        };
        let mut best: Option<Vec<Hop>> = None;
        let mut steps = 0;
        for txn in txns {
            if best.as_ref().is_some_and(|best| best.len() == 2 || steps > SHORTENING_STEPS_MAX) {
                break;
            }
            let found = self.walker.cycle(&space, *txn, base, self.stop)?;
            steps += self.walker.steps();
            best = shorter(best, found);
        }
        Ok(best)
    }

    /// A cycle that begins with an anti-dependency.
    fn through_anti(
        &mut self,
        parts: &[(u32, Vec<u32>)],
        taken: Taken,
        wanted: Anomaly,
    ) -> Result<Option<Vec<Hop>>, Stopped> {
        let mut best: Option<Vec<Hop>> = None;
        let mut shortening = 0;
        for (part, txns) in parts {
            // States of a node may be in different parts; so where they matter, all of a component is walked.
            let component = txns.first().map_or(NONE, |txn| self.component[*txn as usize]);
            let whole = taken.alternating || taken.rest & ANTI == 0;
            let (tags, tag) =
                if whole { (&self.component, component) } else { (&self.part, *part) };
            let (labels, alternating) = (taken.rest, taken.alternating);
            let space = Space { graph: self.graph, labels, alternating, tags, tag };
            for txn in txns {
                if best
                    .as_ref()
                    .is_some_and(|best| best.len() == 2 || shortening > SHORTENING_STEPS_MAX)
                {
                    return Ok(best);
                }
                let mut leaving = self.graph.span(*txn);
                if !leaving.any(|edge| self.graph.edge(edge).label.is_in(taken.anti)) {
                    continue;
                }
                if self.steps_left == 0 {
                    self.given_up.push(wanted);
                    return Ok(best);
                }
                let found = self.walker.cycle(&space, *txn, taken.anti, self.stop)?;
                self.steps_left = self.steps_left.saturating_sub(self.walker.steps());
                shortening += self.walker.steps();
                best = shorter(best, found);
            }
        }
        Ok(best)
    }
}

/// Labels that a cycle may be made of.
#[derive(Clone, Copy)]
struct Taken {
    /// Of the first edge.
    anti: u16,
    /// Of all others.
    rest: u16,
    /// Whether anti-dependencies must not follow each other.
    alternating: bool,
}

/// The first loop of a walk, where it comes through a transaction twice: by an anti-dependency, and not by one.
fn innermost(hops: Vec<Hop>) -> Vec<Hop> {
    let mut first: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, hop) in hops.iter().enumerate() {
        if let Some(start) = first.insert(hop.from, at) {
            return hops[start..at].to_vec();
        }
    }
    hops
}

fn shorter(best: Option<Vec<Hop>>, found: Option<Vec<Hop>>) -> Option<Vec<Hop>> {
    match (best, found) {
        (Some(best), Some(found)) if found.len() < best.len() => Some(found),
        (None, found) => found,
        (best, _) => best,
    }
}
