//! What was run: the plan in words, operations by function and outcome, and by node.

use std::collections::BTreeMap;

use rashomon_checker::history::{Operation, Outcome};
use rashomon_workloads as workloads;

use super::markup::Markup;
use super::operations::{Kind, natural_order};
use super::{Run, escape, units};

const TEXT_CHARS_MAX: usize = 300;
/// Rows of a table of nodes or functions; a bundled run has far fewer.
const ROWS_MAX: usize = 200;

/// The facts.
pub(super) fn section(run: &Run<'_>) -> Markup {
    let mut out = Markup::new();
    out.raw("<section id=\"facts\" aria-labelledby=\"facts-title\"><h2 id=\"facts-title\">Facts</h2><dl class=\"facts\">");
    for (name, value) in
        target_facts(run).into_iter().chain(load_facts(run)).chain(check_facts(run))
    {
        out.raw("<div>")
            .element("dt", "", name)
            .element("dd", "", &escape::cut(&value, TEXT_CHARS_MAX))
            .raw("</div>");
    }
    out.raw("</dl></section>");
    out
}

fn or_none(texts: &[String]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn target_facts(run: &Run<'_>) -> Vec<(&'static str, String)> {
    let plan = run.plan;
    let faults: Vec<String> = plan.faults.iter().map(|fault| fault.0.clone()).collect();
    vec![
        ("Target", format!("{} of the bundled store", units::counted(plan.nodes as u64, "node"))),
        ("Built-in bugs", or_none(&plan.bugs)),
        ("Election timeout", format!("{} ms", plan.election_timeout_ms)),
        ("Workload", plan.workload.clone()),
        ("Model", model(run)),
        ("Faults drawn from", or_none(&faults)),
        ("Mean time between faults", format!("{} ms", units::count(plan.fault_interval_ms))),
    ]
}

/// The counterexample knows it for sure; otherwise it is the workload's.
fn model(run: &Run<'_>) -> String {
    let own = || workloads::all().iter().find(|workload| workload.name() == run.plan.workload);
    match run.counterexample() {
        Some(example) => example.model.to_string(),
        None => own().map_or("not recorded".to_owned(), |workload| workload.model().to_string()),
    }
}

fn load_facts(run: &Run<'_>) -> Vec<(&'static str, String)> {
    let plan = run.plan;
    let mut facts = vec![
        ("Load", format!("{} s", units::plain(plan.time_limit_s))),
        ("Rate", format!("{} operations a second", units::plain(plan.rate))),
        ("Clients", format!("{} at the same time", units::count(plan.concurrency as u64))),
        ("Given up as unknown after", format!("{} ms", units::count(plan.op_timeout_ms))),
        ("Seed", plan.seed.0.to_string()),
        ("Started at", plan.started_at.clone()),
        ("Written by", format!("rashomon {}", plan.tool_version)),
    ];
    if run.paired.strays > 0 {
        facts.push(("Completions without an invocation", units::count(run.paired.strays)));
    }
    facts
}

fn check_facts(run: &Run<'_>) -> Vec<(&'static str, String)> {
    let plan = run.plan;
    let mut facts = Vec::new();
    if let Some(check) = &run.verdict.check {
        facts.push(("Operations checked", units::count(check.operations as u64)));
        facts.push(("Keys checked", units::count(check.keys as u64)));
        facts.push(("Configurations explored", units::count(check.configurations)));
        facts.push(("Check took", format!("{:.2} s", run.verdict.check_seconds)));
    } else {
        facts.push(("Check", "not reached".to_owned()));
    }
    let limit = format!(
        "{} s, {}",
        units::plain(plan.check_time_limit_s),
        units::bytes(plan.check_memory_bytes)
    );
    facts.push(("Check budget", limit));
    facts
}

/// Operations by function and outcome.
pub(super) fn outcomes(run: &Run<'_>) -> Markup {
    let mut out = Markup::new();
    out.raw("<section id=\"outcomes\" aria-labelledby=\"outcomes-title\"><h2 id=\"outcomes-title\">Operations</h2>");
    if run.verdict.operations.is_empty() {
        out.raw("<p>No operation was recorded.</p></section>");
        return out;
    }
    head(
        &mut out,
        "Operations by function and outcome",
        &["function", "ok", "fail", "info", "all", "share"],
    );
    for (f, counts) in run.verdict.operations.iter().take(ROWS_MAX) {
        row(&mut out, f, [counts.ok, counts.fail, counts.info]);
    }
    if run.verdict.operations.len() > 1 {
        row(&mut out, "all", super::header::totals(run));
    }
    out.raw("</tbody></table></div></section>");
    out
}

fn head(out: &mut Markup, label: &str, columns: &[&str]) {
    out.tag("div")
        .class("scroll")
        .attr("tabindex", "0")
        .attr("role", "region")
        .attr("aria-label", label)
        .open();
    out.raw("<table><thead><tr>");
    for (index, column) in columns.iter().enumerate() {
        let class = if index == 0 { "" } else { "num" };
        out.tag("th").attr("scope", "col").class(class).text(column);
    }
    out.raw("</tr></thead><tbody>");
}

fn row(out: &mut Markup, name: &str, counts: [u64; 3]) {
    let total: u64 = counts.iter().sum();
    out.raw("<tr>").tag("th").attr("scope", "row").text(&escape::cut(name, 100));
    for count in counts {
        out.element("td", "num", &units::count(count));
    }
    out.element("td", "num", &units::count(total)).raw("<td class=\"num\">");
    share(out, counts);
    out.raw("</td></tr>");
}

/// A small stacked bar; the numbers stand next to it.
fn share(out: &mut Markup, counts: [u64; 3]) {
    const WIDTH: f64 = 120.0;
    let total: u64 = counts.iter().sum();
    out.raw("<svg class=\"share\" width=\"120\" height=\"12\" aria-hidden=\"true\">");
    let mut x = 0.0;
    for (kind, count) in Kind::ALL.into_iter().zip(counts) {
        if count > 0 {
            let width = WIDTH * count as f64 / total as f64;
            out.tag("rect")
                .class(&format!("stack {}", kind.word()))
                .frame(x, 0.0, width.max(1.0), 12.0)
                .empty();
            x += width;
        }
    }
    out.raw("</svg>");
}

/// What clients got from each node.
#[derive(Default)]
struct NodeFacts {
    counts: [u64; 3],
    latencies: Vec<u64>,
}

/// Operations by the node that was asked.
pub(super) fn nodes(run: &Run<'_>) -> Markup {
    let mut by_node: BTreeMap<_, NodeFacts> = BTreeMap::new();
    for operation in &run.paired.operations {
        if let Some(node) = &operation.node {
            count(by_node.entry(natural_order(node)).or_default(), operation);
        }
    }
    let mut out = Markup::new();
    if by_node.is_empty() {
        return out;
    }
    out.raw(
        "<section id=\"nodes\" aria-labelledby=\"nodes-title\"><h2 id=\"nodes-title\">Nodes</h2>",
    );
    let columns = [
        "node asked",
        "ok",
        "fail",
        "info",
        "all",
        "share",
        "median ok",
        "99 % of ok",
        "slowest ok",
    ];
    head(&mut out, "Operations by node and outcome", &columns);
    for ((_, _, node), facts) in by_node.iter_mut().take(ROWS_MAX) {
        node_row(&mut out, node, facts);
    }
    out.raw("</tbody></table></div></section>");
    out
}

fn count(facts: &mut NodeFacts, operation: &Operation) {
    let place = match operation.outcome {
        Outcome::Ok(_) => 0,
        Outcome::Fail(_) => 1,
        Outcome::Info => 2,
    };
    facts.counts[place] += 1;
    if let (Outcome::Ok(_), Some(call), Some(ret)) =
        (&operation.outcome, operation.call_time, operation.ret_time)
    {
        facts.latencies.push(ret.saturating_sub(call));
    }
}

fn node_row(out: &mut Markup, node: &str, facts: &mut NodeFacts) {
    facts.latencies.sort_unstable();
    let total: u64 = facts.counts.iter().sum();
    out.raw("<tr>").tag("th").attr("scope", "row").text(&escape::cut(node, 100));
    for count in facts.counts {
        out.element("td", "num", &units::count(count));
    }
    out.element("td", "num", &units::count(total)).raw("<td class=\"num\">");
    share(out, facts.counts);
    out.raw("</td>");
    for part in [0.5, 0.99, 1.0] {
        let latency = quantile(&facts.latencies, part).map_or("-".to_owned(), units::span);
        out.element("td", "num", &latency);
    }
    out.raw("</tr>");
}

/// The smallest of `sorted` that at least this part of them does not exceed.
fn quantile(sorted: &[u64], part: f64) -> Option<u64> {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let sorted: Vec<u64> = (1..=100).collect();
        assert_eq!(quantile(&sorted, 0.5), Some(50));
        assert_eq!(quantile(&sorted, 0.99), Some(99));
        assert_eq!(quantile(&sorted, 1.0), Some(100));
        assert_eq!((quantile(&[7], 0.5), quantile(&[], 0.5)), (Some(7), None));
    }
}
