//! How much processor time it takes, for people: `RASHOMON_TXNS=1000000 cargo test --release -p rashomon-checker speed -- --ignored
//! --nocapture`.

use super::generate::Random;
use crate::Value;
use crate::history::{Builder, EventKind, EventRef, History, ProcessId};
use crate::transactions::{Family, TransactionOptions, check};

const CLIENTS: usize = 20;

/// A strictly serializable store under 20 clients; of the reads, one in so many sees an older state.
fn run(family: Family, txns: usize, stale_one_in: usize) -> History {
    let mut random = Random(5);
    let mut builder = Builder::with_capacity(txns);
    let mut open: Vec<Option<Vec<Value>>> = vec![None; CLIENTS];
    let mut lists: Vec<Vec<Value>> = vec![Vec::new(); 10];
    let (mut first, mut value, mut begun) = (0, 0, 0);
    while begun < txns || open.iter().any(Option::is_some) {
        let client = random.below(CLIENTS);
        let event = |kind, value| EventRef {
            time: None,
            process: ProcessId(client as u64),
            kind,
            f: "txn",
            key: None,
            value,
            node: None,
            error: None,
        };
        if let Some(micros) = open[client].take() {
            let mut micros = micros;
            for micro in &mut micros {
                act(family, micro, &mut lists, &mut random, stale_one_in);
            }
            builder.push(event(EventKind::Ok, Value::List(micros))).unwrap();
        } else if begun < txns {
            begun += 1;
            let micros: Vec<Value> = (0..3)
                .map(|_| {
                    let key = Value::Int(i64::from((first + random.below(10)) as u32));
                    value += 1;
                    match (random.chance(50), family) {
                        (true, Family::ListAppend) => {
                            (Value::from("append"), Value::Int(value), key)
                        }
                        (true, Family::RwRegister) => (Value::from("w"), Value::Int(value), key),
                        (false, _) => (Value::from("r"), Value::Nil, key),
                    }
                })
                .map(|(f, value, key)| Value::List(vec![f, key, value]))
                .collect();
            builder.push(event(EventKind::Invoke, Value::List(micros.clone()))).unwrap();
            open[client] = Some(micros);
            // Keys are used up one after another.
            if begun % 20 == 0 {
                first += 1;
                lists.push(Vec::new());
            }
        }
    }
    builder.finish()
}

fn act(
    family: Family,
    micro: &mut Value,
    lists: &mut [Vec<Value>],
    random: &mut Random,
    stale_one_in: usize,
) {
    let Value::List(parts) = micro else { return };
    let key = parts[1].as_int().unwrap_or_default() as usize;
    if parts[0].as_text() != Some("r") {
        lists[key].push(parts[2].clone());
        return;
    }
    let list = &lists[key];
    let stale = random.below(stale_one_in) == 0;
    let len = list.len().saturating_sub(if stale { 8 } else { 0 });
    parts[2] = match family {
        Family::ListAppend => Value::List(list[..len].to_vec()),
        Family::RwRegister => list[..len].last().cloned().unwrap_or_default(),
    };
}

/// Time that this thread has had on a processor; 0 where the system does not tell.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

#[test]
#[ignore = "measures, asserts nothing"]
#[expect(clippy::print_stderr, reason = "a measurement for people")]
fn speed() {
    let txns = std::env::var("RASHOMON_TXNS").ok().and_then(|count| count.parse().ok());
    let txns = txns.unwrap_or(200_000);
    for family in [Family::ListAppend, Family::RwRegister] {
        for stale_one_in in [usize::MAX, 10_000, 10] {
            let history = run(family, txns, stale_one_in);
            let start = cpu_nanos();
            let report = check(&history, &TransactionOptions::default()).unwrap();
            let names: Vec<String> =
                report.anomalies.iter().map(|found| found.anomaly.to_string()).collect();
            eprintln!(
                "{family:?}, {txns} transactions, a stale read in {stale_one_in}: {} ms, {:?} {names:?} {:?}",
                (cpu_nanos() - start) / 1_000_000,
                report.validity,
                report.not_searched_through
            );
        }
    }
}
