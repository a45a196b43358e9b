//! The command line: verbs, help, and what becomes of mistakes.
//!
//! One file a verb, each with its `Args` (what was typed) and a `main` that says how the program ends. stdout carries the
//! result, stderr everything else. Whatever clap or a verb cannot understand ends with [`Exit::Usage`]; clap's own code
//! for that, 2, would read as "unknown verdict". A name that does not exist is answered with the nearest one that does.

pub mod bench;
pub mod bugs;
pub mod check;
pub mod convert;
pub mod list;
mod memory;
mod names;
pub mod node;
mod quantity;
pub mod report;
pub mod run;
pub mod sim;
mod target;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::console::{result, say};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  rashomon run                                   three nodes, 20 s of load and faults, a verdict
  rashomon run --bug local-leader-read           the same with a built-in bug: exits 1
  rashomon run -w append --faults kill,pause     another workload, chosen faults
  rashomon check runs/latest/history.jsonl       check a history again, or anybody's
  rashomon check -c serializable txns.edn        transactions against a weaker promise
  rashomon check --report page.html *.edn        a page with every counterexample drawn
  rashomon check --stream long.jsonl.zst         a history of any length, judged while it is read
  rashomon convert history.edn history.jsonl.zst the same history in another format
  rashomon list                                  workloads, faults, what can be checked, built-in bugs

Exit codes:
  0 valid   1 invalid   2 unknown   130 stopped at once   254 bad arguments or input   255 harness failed";

/// Runs a replicated store through faults, records what its clients saw, and says whether one order of events explains
/// it all.
#[derive(Debug, Parser)]
#[command(name = "rashomon", version, after_help = EXAMPLES, disable_help_subcommand = true)]
#[command(arg_required_else_help = true, max_term_width = 120)]
struct Root {
    /// Colours on the terminal
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    #[arg(help_heading = "Output")]
    color: Color,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Also in a pipe
    Always,
    /// Nowhere
    Never,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run nodes through load and faults, check what clients saw, write a report
    Run(run::Args),
    /// Check recorded histories, of this tool or another
    Check(check::Args),
    /// Simulate whole clusters of the bundled node in virtual time, seed by seed
    Sim(sim::Args),
    /// Hunt the built-in bugs: which are caught, by whom, how soon
    Bugs(bugs::Args),
    /// Write a history in another format
    Convert(convert::Args),
    /// Make the report of a run anew
    Report(report::Args),
    /// List workloads, faults, models, properties, consistency models and built-in bugs
    List(list::Args),
    /// Measure the bundled node, beside another server, or the proxy
    Bench(bench::Args),
    #[command(hide = true)]
    Node(node::Args),
}

/// Runs the program with the given arguments, the first of which is its own name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = arguments
        .first()
        .map_or_else(|| "rashomon".to_owned(), |program| program.to_string_lossy().into_owned());
    let root = match Root::try_parse_from(&arguments) {
        Ok(root) => root,
        Err(error) => return misunderstood(&error, &arguments),
    };
    match root.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    // Rust's own code for a panic is 101, which no script knows. What happened is on stderr already.
    catch_unwind(AssertUnwindSafe(|| root.verb.main(&program))).unwrap_or_else(|_| {
        say("error: rashomon itself failed, which is a bug in it; there is no verdict");
        Exit::Internal
    })
}

impl Verb {
    fn main(self, program: &str) -> Exit {
        match self {
            Self::Run(args) => run::main(&args, program),
            Self::Check(args) => check::main(&args),
            Self::Sim(args) => sim::main(&args),
            Self::Bugs(args) => bugs::main(&args),
            Self::Convert(args) => convert::main(&args),
            Self::Report(args) => report::main(&args),
            Self::List(args) => list::main(&args),
            Self::Bench(args) => bench::main(&args),
            Self::Node(args) => node::main(args),
        }
    }
}

/// Help and version were asked for; everything else is a mistake.
fn misunderstood(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let text = error.render().ansi().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return result(text.trim_end());
        }
        ErrorKind::InvalidSubcommand => match error.get(ContextKind::InvalidSubcommand) {
            Some(ContextValue::String(typed)) => say(&unknown_verb(typed, arguments)),
            _ => say(text.trim_end()),
        },
        _ => say(text.trim_end()),
    }
    Exit::Usage
}

fn unknown_verb(typed: &str, arguments: &[OsString]) -> String {
    let root = Root::command();
    let (mut group, mut path) = (&root, "rashomon".to_owned());
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(verb) = group.find_subcommand(word) {
            (group, path) = (verb, format!("{path} {word}"));
        }
    }
    let verbs = group.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs: Vec<&str> = verbs.map(clap::Command::get_name).collect();
    format!("error: {}", names::unknown("verb", typed, &verbs, &format!("{path} --help")))
}

/// Tells a mistake in the arguments that clap could not see.
fn usage_error(text: &str) -> Exit {
    say(&format!("error: {text}"));
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Root::command().debug_assert();
    }

    #[test]
    fn a_misspelt_verb_is_answered_with_the_nearest() {
        let answer = |words: &str| {
            let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            unknown_verb(words.last().unwrap().to_str().unwrap(), &words)
        };
        assert_eq!(
            answer("rashomon chekc"),
            "error: there is no verb \"chekc\"; did you mean \"check\"? (\"rashomon --help\" shows all)"
        );
        assert_eq!(
            answer("rashomon bench nod"),
            "error: there is no verb \"nod\"; did you mean \"node\"? (\"rashomon bench --help\" shows all)"
        );
        assert!(!answer("rashomon nod").contains("\"node\""), "hidden verbs stay hidden");
    }
}
