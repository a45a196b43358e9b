//! From arguments to a plan, and back to the commands that repeat it.

use std::fmt::Write;
use std::path::Path;

use crate::bugs::{Bug, Bugs};
use rashomon_workloads::Workload;

use super::Args;
use crate::cli::memory;
use crate::cli::names::unknown;
use crate::nemesis::{self, Backend, FaultSpec, Tempo};
use crate::plan::{Plan, SCHEMA_VERSION};
use crate::run_folder::WallTime;
use crate::runner::OK_MIN;
use crate::seed::Seed;
use crate::verdict::Commands;

/// Operations a second that one client can hardly pass, however high the rate: it waits for each answer.
const CLIENT_RATE_MAX: f64 = 2_000.0;
/// Bytes of memory that an operation costs in the end: in the history that is checked as a whole, and in the nodes, which
/// keep all of their log.
const BYTES_PER_OPERATION: f64 = 4_000.0;

/// A plan together with what its names stand for.
pub(super) struct Resolved {
    pub(super) plan: Plan,
    pub(super) workload: &'static dyn Workload,
}

/// Resolves what was typed, or says what is wrong with it. `program` is how this program was called.
pub(super) fn resolve(args: &Args, program: &str, started: WallTime) -> Result<Resolved, String> {
    let workload = workload(&args.workload)?;
    let mut plan = unnamed(args, workload, started)?;
    feasible(&plan, memory::available())?;
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
        faults: faults(args.faults.as_deref(), nodes)?,
        bugs: args.bugs.iter().map(|name| bug(name)).collect::<Result<_, _>>()?,
        election_timeout_ms: millis(args.election_timeout),
        check_time_limit_s: args.check_time_limit.as_secs_f64(),
        check_memory_bytes: args.check_memory.0,
        command: String::new(),
    })
}

/// Refuses a plan that can only end without a verdict, before anybody waits for it. `memory`: the bytes that this machine
/// can spare, if that is known.
fn feasible(plan: &Plan, memory: Option<u64>) -> Result<(), String> {
    let limit = plan.time_limit();
    if let Some(least) = Tempo::default().least_time(&plan.faults).filter(|least| limit < *least) {
        let (limit, least) = (plan.time_limit_s, least.as_secs_f64());
        return Err(format!(
            "no fault fits into {limit}s: these faults need --time-limit {least}s or more, or say --faults none"
        ));
    }
    let needed = plan.time_for(2 * OK_MIN);
    if limit < needed {
        return Err(format!(
            "{} operations a second in {}s are too few to tell anything: at this rate, --time-limit {}s or more",
            plan.rate,
            plan.time_limit_s,
            needed.as_secs_f64().ceil()
        ));
    }
    let Some(memory) = memory else { return Ok(()) };
    let rate = plan.rate.min(CLIENT_RATE_MAX * plan.concurrency as f64);
    let bytes = rate * plan.time_limit_s * BYTES_PER_OPERATION;
    if bytes <= memory as f64 {
        return Ok(());
    }
    let fits = (memory as f64 / (rate * BYTES_PER_OPERATION)).floor();
    Err(format!(
        "{rate} operations a second for {}s need about {:.0} GB, and this machine has {:.0} GB to spare: --time-limit \
         {fits}s fits, or a lower --rate",
        plan.time_limit_s,
        (bytes / 1e9).ceil(),
        (memory as f64 / 1e9).floor()
    ))
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
    flag(plan.faults != faults(None, plan.nodes)?, "faults", fault_list(&plan.faults));
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
    if !Bugs::COMPILED_IN {
        return Err("this program was built without bugs (feature no-bugs)".to_owned());
    }
    let bug: Bug = name
        .parse()
        .map_err(|_| unknown("bug", name, &Bug::ALL.map(Bug::name), "rashomon list bugs"))?;
    Ok(bug.name().to_owned())
}

/// The faults that a list names, each once, in the order of the list; of groups and of the default mix, those that
/// processes can suffer, and that can do something in a cluster of so many nodes.
fn faults(list: Option<&[String]>, nodes: usize) -> Result<Vec<FaultSpec>, String> {
    let fits = |fault: &FaultSpec| nemesis::nodes_min(fault) <= nodes;
    let Some(list) = list else {
        return Ok(nemesis::default_faults().into_iter().filter(fits).collect());
    };
    if list == ["none"] {
        return Ok(Vec::new());
    }
    let mut faults: Vec<FaultSpec> = Vec::new();
    for name in list {
        if name == "none" {
            return Err("\"none\" stands alone: leave it out or leave out the others".to_owned());
        }
        let mut named = nemesis::parse(name).map_err(|_| unknown_fault(name))?;
        named.retain(|fault| nemesis::backend(fault) == Backend::Both);
        if named.is_empty() {
            return Err(format!("{name} is for the simulator only: rashomon sim --faults {name}"));
        }
        if let Some(least) =
            named.iter().map(nemesis::nodes_min).min().filter(|least| nodes < *least)
        {
            return Err(format!("\"{name}\" needs --nodes {least} or more"));
        }
        for fault in named.into_iter().filter(fits) {
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
    use std::time::Duration;

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
    fn small_clusters_have_the_faults_that_are_possible_there() {
        let one = plan(&["--nodes", "1"]).unwrap();
        assert!(
            one.faults
                .iter()
                .all(|fault| fault.0.starts_with("kill") || fault.0.starts_with("pause"))
        );
        assert!(one.faults.len() >= 6 && !one.command.contains("--faults"), "{one:?}");
        let two = plan(&["--nodes", "2", "--faults", "partition"]).unwrap();
        assert_eq!(two.faults.len(), 6, "{two:?}");
        for (nodes, fault, least) in [
            ("1", "partition", 2),
            ("1", "kill-follower", 2),
            ("2", "partition-ring", 3),
            ("2", "combo", 3),
        ] {
            let error = plan(&["--nodes", nodes, "--faults", fault]).unwrap_err();
            assert_eq!(error, format!("\"{fault}\" needs --nodes {least} or more"));
        }
    }

    #[test]
    fn faults_that_only_the_simulator_has_are_refused_and_left_out_of_all() {
        for name in ["crash-leader", "crash", "disk", "sim", "bit-flip", "reset-links"] {
            let error = plan(&["--faults", &format!("kill,{name}")]).unwrap_err();
            let only = format!("{name} is for the simulator only: rashomon sim --faults {name}");
            assert_eq!(error, only);
        }
        let all = plan(&["--faults", "all"]).unwrap().faults;
        assert!(all.iter().all(|fault| nemesis::backend(fault) == Backend::Both));
        assert_eq!(all.len(), 28);
    }

    #[test]
    fn a_time_into_which_no_fault_fits_is_refused() {
        let error = plan(&["--faults", "kill-leader", "--time-limit", "1s"]).unwrap_err();
        assert!(
            error.starts_with("no fault fits into 1s: these faults need --time-limit 1.3s"),
            "{error}"
        );
        assert!(plan(&["--faults", "kill-leader", "--time-limit", "1300ms"]).is_ok());
        assert!(plan(&["--faults", "none", "--time-limit", "1s"]).is_ok());
        assert!(plan(&["--time-limit", "1s"]).unwrap_err().contains("--faults none"));
    }

    #[test]
    fn a_rate_that_tells_nothing_in_its_time_is_refused() {
        let error = plan(&["--rate", "1", "--time-limit", "20s"]).unwrap_err();
        assert!(error.contains("too few") && error.contains("--time-limit 40s"), "{error}");
        assert!(plan(&["--rate", "2", "--time-limit", "20s"]).is_ok());
    }

    #[test]
    fn a_history_that_does_not_fit_into_memory_is_refused() {
        const GB: u64 = 1_000_000_000;
        let mut plan = plan(&["--seed", "7"]).unwrap();
        assert_eq!(feasible(&plan, Some(GB)), Ok(()));
        plan.time_limit_s = 86_400.0;
        let error = feasible(&plan, Some(8 * GB)).unwrap_err();
        assert_eq!(
            error,
            "1000 operations a second for 86400s need about 346 GB, and this machine has 8 GB to spare: --time-limit \
             2000s fits, or a lower --rate"
        );
        plan.time_limit_s = 2000.0;
        assert_eq!(feasible(&plan, Some(8 * GB)), Ok(()), "what was advised is accepted");
        (plan.time_limit_s, plan.rate) = (20.0, 1e6);
        assert_eq!(feasible(&plan, Some(2 * GB)), Ok(()), "ten clients do not get that far");
        plan.time_limit_s = 86_400.0;
        assert_eq!(feasible(&plan, None), Ok(()), "who knows");
    }

    #[test]
    fn election_timeouts_have_a_range() {
        for bad in ["1ms", "9ms", "5001ms", "20s"] {
            let words = ["run", "--election-timeout", bad];
            let error = Line::try_parse_from(words).err().unwrap().to_string();
            assert!(error.contains("10ms to 5s"), "{error}");
        }
        for good in ["10ms", "5s"] {
            assert!(plan(&["--election-timeout", good]).is_ok(), "{good}");
        }
        assert_eq!(plan(&[]).unwrap().election_timeout(), Duration::from_millis(150));
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
