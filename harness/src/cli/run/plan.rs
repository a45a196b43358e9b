//! From arguments to a plan, and back to the commands that repeat it.

use std::fmt::Write;
use std::path::Path;

use crate::bugs::Bug;
use rashomon_workloads::Workload;

use super::Args;
use crate::cli::names::unknown;
use crate::nemesis::{self, FaultSpec};
use crate::plan::{Plan, SCHEMA_VERSION};
use crate::run_folder::WallTime;
use crate::seed::Seed;
use crate::verdict::Commands;

/// A plan together with what its names stand for.
pub(super) struct Resolved {
    pub(super) plan: Plan,
    pub(super) workload: &'static dyn Workload,
}

/// Resolves what was typed, or says what is wrong with it. `program` is how this program was called.
pub(super) fn resolve(args: &Args, program: &str, started: WallTime) -> Result<Resolved, String> {
    let workload = workload(&args.workload)?;
    let mut plan = unnamed(args, workload, started)?;
    plan.command = command(program, &plan, &args.out)?;
    Ok(Resolved { plan, workload })
}

/// A plan that does not yet say which command gives it again.
fn unnamed(args: &Args, workload: &dyn Workload, started: WallTime) -> Result<Plan, String> {
    let nodes = usize::from(args.nodes);
    Ok(Plan {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: started.rfc3339(),
        seed: args.seed.map_or_else(|| started.fresh_seed(), Seed),
        workload: workload.name().to_owned(),
        nodes,
        time_limit_s: args.time_limit.as_secs_f64(),
        concurrency: args.concurrency.of(nodes),
        rate: args.rate,
        op_timeout_ms: millis(args.op_timeout),
        fault_interval_ms: millis(args.fault_interval),
        faults: faults(args.faults.as_deref())?,
        bugs: args.bugs.iter().map(|name| bug(name)).collect::<Result<_, _>>()?,
        election_timeout_ms: millis(args.election_timeout),
        check_time_limit_s: args.check_time_limit.as_secs_f64(),
        check_memory_bytes: args.check_memory.0,
        command: String::new(),
    })
}

/// The commands that repeat a run and what was made of it.
pub(super) fn commands(
    program: &str,
    plan: &Plan,
    workload: &dyn Workload,
    folder: &Path,
) -> Commands {
    let program = quoted(program);
    let history = folder.join("history.jsonl");
    let model = serde_json::to_value(workload.model()).ok();
    let model = model.as_ref().and_then(|name| name.as_str()).expect("a model has a name");
    Commands {
        run_again: plan.command.clone(),
        check_again: format!("{program} check --model {model} {}", quoted_path(&history)),
        report_again: format!("{program} report {}", quoted_path(folder)),
    }
}

/// The shortest command line that gives the plan again: the seed, and what differs from the defaults.
fn command(program: &str, plan: &Plan, out: &Path) -> Result<String, String> {
    let defaults = Args::defaults();
    let usual = unnamed(&defaults, workload(&defaults.workload)?, WallTime::now())?;
    let mut line = format!("{} run", quoted(program));
    let mut flag = |differs: bool, name: &str, value: String| {
        if differs {
            let _ = write!(line, " --{name} {value}");
        }
    };
    flag(plan.workload != usual.workload, "workload", plan.workload.clone());
    flag(plan.nodes != usual.nodes, "nodes", plan.nodes.to_string());
    for bug in &plan.bugs {
        flag(true, "bug", bug.clone());
    }
    flag(differ(plan.time_limit_s, usual.time_limit_s), "time-limit", seconds(plan.time_limit_s));
    flag(differ(plan.rate, usual.rate), "rate", plan.rate.to_string());
    flag(plan.concurrency != usual.concurrency, "concurrency", plan.concurrency.to_string());
    let times = [
        ("op-timeout", plan.op_timeout_ms, usual.op_timeout_ms),
        ("election-timeout", plan.election_timeout_ms, usual.election_timeout_ms),
        ("fault-interval", plan.fault_interval_ms, usual.fault_interval_ms),
    ];
    for (name, ours, theirs) in times {
        flag(ours != theirs, name, format!("{ours}ms"));
    }
    flag(plan.faults != usual.faults, "faults", fault_list(&plan.faults));
    let (limit, usual_limit) = (plan.check_time_limit_s, usual.check_time_limit_s);
    flag(differ(limit, usual_limit), "check-time-limit", seconds(limit));
    let (memory, usual_memory) = (plan.check_memory_bytes, usual.check_memory_bytes);
    flag(memory != usual_memory, "check-memory", memory.to_string());
    flag(out != defaults.out, "out", quoted_path(out));
    flag(true, "seed", plan.seed.0.to_string());
    Ok(line)
}

fn differ(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() > f64::EPSILON
}

fn seconds(seconds: f64) -> String {
    format!("{seconds}s")
}

fn fault_list(faults: &[FaultSpec]) -> String {
    if faults.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = faults.iter().map(|fault| fault.0.as_str()).collect();
    names.join(",")
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn workload(name: &str) -> Result<&'static dyn Workload, String> {
    rashomon_workloads::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = rashomon_workloads::all().iter().map(|one| one.name()).collect();
        unknown("workload", name, &known, "rashomon list workloads")
    })
}

fn bug(name: &str) -> Result<String, String> {
    let bug: Bug = name
        .parse()
        .map_err(|_| unknown("bug", name, &Bug::ALL.map(Bug::name), "rashomon list bugs"))?;
    Ok(bug.name().to_owned())
}

/// The faults that a list names, each once, in the order of the list.
fn faults(list: Option<&[String]>) -> Result<Vec<FaultSpec>, String> {
    let Some(list) = list else { return Ok(nemesis::default_faults()) };
    if list == ["none"] {
        return Ok(Vec::new());
    }
    let mut faults: Vec<FaultSpec> = Vec::new();
    for name in list {
        if name == "none" {
            return Err("\"none\" stands alone: leave it out or leave out the others".to_owned());
        }
        for fault in nemesis::parse(name).map_err(|_| unknown_fault(name))? {
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
    }
    Ok(faults)
}

fn unknown_fault(name: &str) -> String {
    let known: Vec<&str> = nemesis::all_faults().iter().map(|fault| fault.name).collect();
    unknown("fault", name, &known, "rashomon list faults")
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn typed(words: &[&str]) -> Args {
        Line::try_parse_from([&["run"], words].concat()).unwrap().args
    }

    fn plan(words: &[&str]) -> Result<Plan, String> {
        let started = WallTime::now();
        resolve(&typed(words), "rashomon", started).map(|resolved| resolved.plan)
    }

    #[test]
    fn the_default_plan_needs_no_flag_but_its_seed() {
        let plan = plan(&["--seed", "7"]).unwrap();
        assert_eq!(plan.command, "rashomon run --seed 7");
        assert_eq!((plan.nodes, plan.concurrency, plan.workload.as_str()), (3, 10, "register"));
        assert_eq!(plan.faults, nemesis::default_faults());
    }

    #[test]
    fn the_command_gives_the_same_plan_again() {
        let words = [
            "-w",
            "set",
            "--nodes",
            "5",
            "--bug",
            "R01",
            "--bug",
            "half-quorum",
            "--time-limit",
            "1500ms",
            "--rate",
            "99.5",
            "--concurrency",
            "2n",
            "--op-timeout",
            "700ms",
            "--election-timeout",
            "300ms",
            "--faults",
            "none",
            "--fault-interval",
            "5s",
            "--check-time-limit",
            "5s",
            "--check-memory",
            "1GiB",
            "--out",
            "my runs",
            "--seed",
            "1",
        ];
        let first = plan(&words).unwrap();
        assert!(first.command.contains(" --out 'my runs'"), "{}", first.command);
        let unquoted = first.command.replace("'my runs'", "my_runs");
        let again: Vec<&str> = unquoted.split(' ').skip(2).collect();
        let mut second = plan(&again).unwrap();
        second.command.clone_from(&first.command);
        second.started_at.clone_from(&first.started_at);
        assert_eq!(second, first);
        assert_eq!(first.bugs, ["local-leader-read", "half-quorum"]);
        assert_eq!(first.concurrency, 10);
    }

    #[test]
    fn misspelt_names_are_answered_with_the_nearest() {
        let error = |words: &[&str]| plan(words).unwrap_err();
        assert!(error(&["-w", "regster"]).contains("did you mean \"register\"?"));
        assert!(error(&["--bug", "ack-on-apend"]).contains("did you mean \"ack-on-append\"?"));
        assert!(error(&["--faults", "none,kill"]).contains("stands alone"));
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("target/release/rashomon"), "target/release/rashomon");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn commands_name_model_history_and_folder() {
        let plan = plan(&["--seed", "7"]).unwrap();
        let workload = workload("append").unwrap();
        let commands = commands("./r", &plan, workload, Path::new("runs/x"));
        assert_eq!(commands.check_again, "./r check --model append-list runs/x/history.jsonl");
        assert_eq!(commands.report_again, "./r report runs/x");
        assert_eq!(commands.run_again, plan.command);
    }
}
