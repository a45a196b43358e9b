//! The log: one JSON object a line on stderr, each with the node, its term and its role at that moment.
//!
//! ```text
//! {"time":"2026-01-31T12:00:00.000000Z","level":"INFO","node":"n2","term":3,"role":"leader","message":"...","peer":"n1"}
//! ```
//!
//! What is logged at `info` is rare: starts, recovery, role changes, connections, slow syncs; never a request.
//! `RASHOMON_LOG` takes a filter, such as `debug` or `rashomon_node=trace,h2=info`.
//!
//! A process is one node, so node, term and role live in statics: a subscriber is global anyway.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

use crate::raft::{NodeId, Role, Term};

/// Environment variable with the filter.
const FILTER_VARIABLE: &str = "RASHOMON_LOG";
/// What is logged if it says nothing: libraries only when something is wrong.
const FILTER_DEFAULT: &str = "warn,rashomon_node=info,rashomon=info";

static TERM: AtomicU64 = AtomicU64::new(0);
static ROLE: AtomicU8 = AtomicU8::new(0);
/// In the order of [`role_number`].
const ROLES: [Role; 4] = [Role::Follower, Role::PreCandidate, Role::Candidate, Role::Leader];

/// Sends the log of this process to stderr, and panics to the log. The second and later calls change nothing.
pub fn init_logging(id: NodeId) {
    let filter =
        EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(FILTER_DEFAULT));
    let lines = JsonLines { node: id.to_string() };
    if Registry::default().with(lines.with_filter(filter)).try_init().is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// Tells the log what the node is from now on.
pub(super) fn set_standing(role: Role, term: Term) {
    TERM.store(term.0, Ordering::Relaxed);
    ROLE.store(role_number(role), Ordering::Relaxed);
}

const fn role_number(role: Role) -> u8 {
    match role {
        Role::Follower => 0,
        Role::PreCandidate => 1,
        Role::Candidate => 2,
        Role::Leader => 3,
    }
}

/// A panic is a broken invariant: one line that says which, and where.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let what = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    tracing::error!(place, thread, "broken invariant: {what}");
}

struct JsonLines {
    node: String,
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let role = ROLES[usize::from(ROLE.load(Ordering::Relaxed))];
        let standing = (TERM.load(Ordering::Relaxed), role);
        let line = render(&self.node, standing, event.metadata(), fields);
        // Nobody to tell if stderr is gone.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// One line. Written by hand up to the event's own fields, since a map would put the keys in alphabetical order.
fn render(
    node: &str,
    (term, role): (u64, Role),
    metadata: &tracing::Metadata<'_>,
    fields: Fields,
) -> String {
    let mut time = String::new();
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let level = metadata.level();
    let role = role.name();
    let message = Value::String(fields.message);
    let mut line = format!(
        r#"{{"time":"{time}","level":"{level}","node":"{node}","term":{term},"role":"{role}","message":{message}"#
    );
    for (key, value) in fields.others {
        let _ = write!(line, ",{}:{value}", Value::String(key));
    }
    if !metadata.target().starts_with("rashomon") {
        let _ = write!(line, ",\"target\":{}", Value::from(metadata.target()));
    }
    line.push_str("}\n");
    line
}

/// The fields of an event, its message apart.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, Value::String(text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, Value::from(value));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, Value::String(value.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Keeps the lines instead of printing them.
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let line = render("n2", (7, Role::Leader), event.metadata(), fields);
            self.0.lock().unwrap().push(line);
        }
    }

    #[test]
    fn a_line_is_one_json_object_whatever_is_logged() {
        let lines = Arc::default();
        let subscriber = Registry::default().with(Kept(Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(peer = %NodeId(3), count = 5_u64, up = true, "said \"no\"\nand left");
        });
        let lines = lines.lock().unwrap();
        let [line] = lines.as_slice() else { panic!("not one line: {lines:?}") };
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["message"], "said \"no\"\nand left");
        assert_eq!(value["node"], "n2");
        assert_eq!(value["term"], 7);
        assert_eq!(value["role"], "leader");
        assert_eq!(value["peer"], "n3");
        assert_eq!(value["count"], 5);
        assert_eq!(value["up"], true);
    }

    #[test]
    fn roles_keep_their_names_through_the_static() {
        for role in ROLES {
            assert_eq!(ROLES[usize::from(role_number(role))], role);
        }
    }
}
