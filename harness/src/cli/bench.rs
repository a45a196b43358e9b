//! `rashomon bench`: figures, on stdout; nothing is judged.

mod node;
mod proxy;
mod sim;

use std::io::IsTerminal;

use clap::Subcommand;
use serde::Serialize;

use super::run::Format;
use crate::bench::{BenchError, Steps};
use crate::console::{result, say};
use crate::exit::{Exit, worst};

/// Arguments of `rashomon bench`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Puts and gets of the bundled node: by the second, by server CPU second, latencies; beside another etcd v3 server
    Node(node::Args),
    /// One link of the proxy: the time it adds to a round trip, bytes by the second
    Proxy(proxy::Args),
    /// The simulator on one core: virtual time by the second, with and without invariants, and what takes the time
    Sim(sim::Args),
}

/// Measures.
pub fn main(args: &Args) -> Exit {
    match &args.what {
        What::Node(args) => node::main(args),
        What::Proxy(args) => proxy::main(args),
        What::Sim(args) => sim::main(args),
    }
}

/// Tells figures, or why there are none.
fn tell<F: Serialize>(
    measured: Result<F, BenchError>,
    format: Format,
    for_people: impl FnOnce(&F) -> String,
    exit: impl FnOnce(&F) -> Exit,
) -> Exit {
    match measured {
        Ok(figures) => {
            let told = result(&match format {
                Format::Human => for_people(&figures),
                Format::Json => serde_json::to_string(&figures).expect("figures have a JSON form"),
            });
            worst([exit(&figures), told])
        }
        Err(error) => {
            say(&format!("error: {error}"));
            if error.is_usage() { Exit::Usage } else { Exit::Internal }
        }
    }
}

fn steps() -> Steps {
    Steps::new(std::io::stderr().is_terminal())
}

/// `1 node`, `2 nodes`, `2 processes`.
fn counted(count: usize, what: &str) -> String {
    let ending = match (count, what.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{count} {what}{ending}")
}
