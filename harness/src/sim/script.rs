//! Scripts: scenarios that chance hardly finds, told step by step and carried out in the simulator.
//!
//! ```text
//! # What goes wrong, and where the story is from.
//! bug figure-8
//! nodes 5
//! elect n1
//! write c1 k1 7 via n1
//! check
//! ----
//! n1 leads term 1                      the output with the bug
//! ...
//! ----
//! correct: holds                       without it; or the whole output, where that tells more
//! ```
//!
//! Each file below `script/golden` is carried out twice: with its bug, which some oracle has to find, and without, where
//! nothing may be found. The test compares what is printed; `UPDATE_GOLDEN=1` writes the files anew, and the difference is
//! to be reviewed. Under the text form lie the parts that random runs have as well: acts on the world ([`super::act`]), the
//! harness's clients, the watch and the checker. So a script shows that the oracles see a bug which the search may miss, and
//! that the search misses it for want of luck only.
//!
//! **Owns** the grammar ([`command`]), the order of steps, and what is printed. **Refuses to own** what acts do.
//!
//! Nothing here is drawn but what the world draws from the script's seed: latencies, syncs and election timeouts. A script
//! that needs one of several racing nodes to win says so (`elect`, `stand`, `until`), and does not count on the seed.
//!
//! Not here yet: the flaw of single-server membership changes that was found in 2015, which needs members that come and go.

use rashomon_node::bugs::Bug;

mod clients;
mod command;
mod stage;

use command::Command;

/// Between the script and its outputs.
const LINE: &str = "----";
/// In place of the output without the bug, where nobody wants to read it.
const HOLDS: &str = "correct: holds";

/// Why a script cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
struct ScriptError {
    /// From 1; 0 if it is about the whole.
    line: usize,
    what: String,
}

/// A scenario.
#[derive(Debug)]
struct Script {
    bug: Bug,
    settings: Settings,
    steps: Vec<(usize, Command)>,
}

/// What is fixed before anything happens.
#[derive(Debug)]
struct Settings {
    nodes: usize,
    seed: u64,
    /// Bytes of entries in a message, at most; there is always one entry.
    batch_bytes: Option<usize>,
}

/// What a script came to.
#[derive(Debug)]
struct Played {
    /// What is printed.
    text: String,
    /// How many things the oracles found.
    findings: usize,
}

impl Script {
    /// Reads the part above the first line of dashes.
    fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut settings = Settings { nodes: 3, seed: 1, batch_bytes: None };
        let (mut bug, mut steps) = (None, Vec::new());
        for (line, content) in (1..).zip(text.lines()) {
            let words: Vec<&str> =
                content.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
            let wrong = |what: &str| ScriptError { line, what: what.to_owned() };
            match words[..] {
                [] => {}
                ["bug" | "nodes" | "seed" | "batch-bytes", ..] if !steps.is_empty() => {
                    return Err(wrong("settings come first"));
                }
                ["bug", name] => {
                    bug = Some(name.parse().map_err(|_| wrong("there is no such bug"))?);
                }
                ["nodes", number] => {
                    let nodes = number.parse().ok().filter(|nodes| (1..=9).contains(nodes));
                    settings.nodes = nodes.ok_or_else(|| wrong("nodes 1 to 9"))?;
                }
                ["seed", number] => {
                    settings.seed = number.parse().map_err(|_| wrong("seed NUMBER"))?;
                }
                ["batch-bytes", number] => {
                    let bytes = number.parse().ok().filter(|bytes| *bytes > 0);
                    settings.batch_bytes =
                        Some(bytes.ok_or_else(|| wrong("batch-bytes 1 or more"))?);
                }
                _ => {
                    let command =
                        Command::parse(&words, settings.nodes).map_err(|what| wrong(&what))?;
                    steps.push((line, command));
                }
            }
        }
        let bug = bug.ok_or_else(|| ScriptError { line: 0, what: "which bug?".to_owned() })?;
        Ok(Self { bug, settings, steps })
    }

    fn play(&self, with_bug: bool) -> Result<Played, ScriptError> {
        let mut stage = stage::Stage::new(&self.settings, with_bug.then_some(self.bug));
        for (line, command) in &self.steps {
            stage.perform(command).map_err(|what| ScriptError { line: *line, what })?;
        }
        Ok(stage.conclude())
    }
}

/// The script of a file with the outputs that belong to it, after what the file says now.
fn with_outputs(file: &str) -> Result<String, ScriptError> {
    let line = format!("\n{LINE}\n");
    let mut parts = file.split(&line);
    let text = parts.next().unwrap_or_default().trim_end();
    let brief = parts.nth(1).is_none_or(|correct| correct.trim() == HOLDS);
    let failed = |what: String| Err(ScriptError { line: 0, what });
    if !text.starts_with("# ") {
        return failed("a file begins with what it is about".to_owned());
    }
    let script = Script::parse(text)?;
    let (wrong, right) = (script.play(true)?, script.play(false)?);
    if wrong.findings == 0 {
        return failed(format!("nothing is found with the bug:\n{}", wrong.text));
    }
    if right.findings > 0 {
        return failed(format!("a correct node is accused:\n{}", right.text));
    }
    let right = if brief { format!("{HOLDS}\n") } else { right.text };
    Ok(format!("{text}\n{LINE}\n{}{LINE}\n{right}", wrong.text))
}

#[cfg(test)]
mod tests;
