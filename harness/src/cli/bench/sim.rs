//! `rashomon bench sim`.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use super::{counted, steps, tell};
use crate::bench;
use crate::bench::median;
use crate::bench::sim::{Case, Measured, Round, SimBench, SimFigures};
use crate::cli::run::Format;
use crate::cli::{quantity, sim};
use crate::exit::Exit;
use crate::sim::Part;

const EXAMPLES: &str = "\
Examples:
  rashomon bench sim
  rashomon bench sim --nodes 3,5,7 --rate 20
  rashomon bench sim --seeds 0..50 --rounds 9 --format json

A run's virtual time is its load and what comes after it: healing, final reads, a power cut.
Runs include the checker. The shares of parts are samples, taken every 100 us in a round
that does not count.";

/// Arguments of `rashomon bench sim`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Nodes of the clusters under the default load, one size after the other
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "3")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: Vec<u8>,
    /// Operations a second there, of all ten clients together
    #[arg(long, value_name = "N", default_value = "100", value_parser = quantity::rate)]
    rate: f64,
    /// Virtual time of the load there
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = quantity::time)]
    duration: Duration,
    /// Seeds of a turn, for calm clusters and for storms
    #[arg(long, value_name = "A..B", default_value = "0..10", value_parser = sim::seeds)]
    seeds: Range<u64>,
    /// Turns; figures are medians of them
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Result on stdout: tables, or one object with every turn
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Measures the simulator.
pub(super) fn main(args: &Args) -> Exit {
    let bench = SimBench {
        nodes: args.nodes.iter().map(|nodes| usize::from(*nodes)).collect(),
        rate: args.rate,
        load_s: args.duration.as_secs_f64(),
        seeds: args.seeds.clone(),
        turns: usize::from(args.rounds),
    };
    tell(Ok(bench::sim::run(&bench, &steps())), args.format, for_people, |_| Exit::Valid)
}

fn for_people(figures: &SimFigures) -> String {
    let bench = &figures.bench;
    let mut text = format!(
        "one thread; idle and calm: {} operations a second from 10 clients, {} s of load; storm: as each seed draws\n\
         seeds {}..{} in each turn; medians of {}\n",
        bench.rate,
        bench.load_s,
        bench.seeds.start,
        bench.seeds.end,
        counted(bench.turns, "turn")
    );
    speeds(&mut text, figures);
    work(&mut text, figures);
    shares(&mut text, figures);
    let failed = figures.rounds.iter().filter(|round| round.measured.failed > 0).count();
    if failed > 0 {
        let _ = write!(text, "\nSomething was found in {failed} measurements: see `rashomon sim`");
    }
    text.trim_end().to_owned()
}

fn heading(text: &mut String) {
    let _ = write!(text, "\n{:<6} {:>5} {:>10}", "load", "nodes", "invariants");
}

fn name(text: &mut String, case: Case) {
    let nodes = case.nodes.map_or_else(|| "1-7".to_owned(), |nodes| nodes.to_string());
    let invariants = if case.invariants { "on" } else { "off" };
    let _ = write!(text, "{:<6} {nodes:>5} {invariants:>10}", case.load.name());
}

/// Virtual seconds, by the second of processor and of wall.
fn speeds(text: &mut String, figures: &SimFigures) {
    heading(text);
    let _ = writeln!(
        text,
        " {:>13} {:>15} {:>14} {:>12} {:>14}",
        "sim s/CPU s", "least-most", "sim s/wall s", "ops/CPU s", "on/off, by CPU"
    );
    for case in cases(figures) {
        let by_cpu = |turn: &Measured| turn.simulated_s / turn.cpu_s;
        let speeds: Vec<f64> = turns(figures, case).map(by_cpu).collect();
        let (least, most) = speeds.iter().fold((f64::MAX, 0.0_f64), |(least, most), speed| {
            (least.min(*speed), most.max(*speed))
        });
        let spread = format!("{least:.0}-{most:.0}");
        name(text, case);
        let _ = writeln!(
            text,
            " {:>13.0} {spread:>15} {:>14.0} {:>12.0} {:>14}",
            median(speeds).unwrap_or_default(),
            of(figures, case, |turn| turn.simulated_s / turn.wall_s),
            of(figures, case, |turn| turn.operations as f64 / turn.cpu_s),
            cost_of_invariants(figures, case)
        );
    }
}

/// How much longer a run takes with invariants than without: the median over the turns of that turn's ratio.
fn cost_of_invariants(figures: &SimFigures, case: Case) -> String {
    if !case.invariants {
        return String::new();
    }
    let bare = Case { invariants: false, ..case };
    let ratios = rounds(figures, case).filter_map(|on| {
        let off = rounds(figures, bare).find(|off| off.turn == on.turn)?;
        Some(on.measured.cpu_s / off.measured.cpu_s)
    });
    median(ratios).map_or_else(String::new, |ratio| format!("x{ratio:.2}"))
}

/// What happens in a second of virtual time, and what one thing that happens takes.
fn work(text: &mut String, figures: &SimFigures) {
    heading(text);
    let _ = writeln!(
        text,
        " {:>10} {:>10} {:>10} {:>10} {:>10} {:>12}",
        "ops/sim s", "events", "letters", "turns", "syncs", "ns an event"
    );
    for case in cases(figures).into_iter().filter(|case| case.invariants) {
        let each = |count: fn(&Measured) -> u64| {
            of(figures, case, |turn| count(turn) as f64 / turn.simulated_s)
        };
        name(text, case);
        let _ = writeln!(
            text,
            " {:>10.1} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>12.0}",
            each(|turn| turn.operations),
            each(|turn| turn.work.events),
            each(|turn| turn.work.letters),
            each(|turn| turn.work.turns),
            each(|turn| turn.work.syncs),
            of(figures, case, |turn| turn.cpu_s * 1e9 / turn.work.events as f64)
        );
    }
}

/// Where the time goes, in percent.
fn shares(text: &mut String, figures: &SimFigures) {
    heading(text);
    for part in Part::ALL {
        let _ = write!(text, " {:>10}", part.name());
    }
    text.push_str("  (% of the time)\n");
    for shares in &figures.shares {
        name(text, shares.case);
        for part in Part::ALL {
            let _ = write!(text, " {:>10.1}", 100.0 * shares.parts[&part]);
        }
        text.push('\n');
    }
}

/// The cases, in the order of the first turn.
fn cases(figures: &SimFigures) -> Vec<Case> {
    figures.shares.iter().map(|shares| shares.case).collect()
}

fn rounds(figures: &SimFigures, case: Case) -> impl Iterator<Item = &Round> {
    figures.rounds.iter().filter(move |round| round.case == case)
}

fn turns(figures: &SimFigures, case: Case) -> impl Iterator<Item = &Measured> {
    rounds(figures, case).map(|round| &round.measured)
}

/// The median of a figure.
fn of(figures: &SimFigures, case: Case, figure: impl Fn(&Measured) -> f64) -> f64 {
    median(turns(figures, case).map(figure)).unwrap_or_default()
}
