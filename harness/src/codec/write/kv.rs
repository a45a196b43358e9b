//! Events as Porcupine's test data has them: `{:process 9, :type :invoke, :f :get, :key "0", :value nil}`.
//!
//! Its reader goes by the words and their order, so nothing else is written, and what it has no words for is refused.

use rashomon_checker::Value;
use rashomon_checker::history::EventRef;

use super::edn::{push, push_text};

/// Appends a line, or says why it cannot.
pub(super) fn push_event(out: &mut Vec<u8>, event: &EventRef<'_>) -> Result<(), String> {
    const REMEDY: &str = "--to edn takes any event";
    let f = event.f;
    if !matches!(f, "get" | "put" | "append") {
        return Err(format!("`{f}`: porcupine-kv has get, put and append only; {REMEDY}"));
    }
    let Some(key) = event.key else {
        return Err(format!("`{f}` without a key: porcupine-kv has one in each event; {REMEDY}"));
    };
    if !matches!(event.value, Value::Nil | Value::Text(_)) {
        let value = &event.value;
        return Err(format!("`{f}` with value {value}: porcupine-kv has text only; {REMEDY}"));
    }
    push(out, format_args!("{{:process {}, :type :{}, :f :{f}, :key ", event.process, event.kind));
    push_text(out, key);
    out.extend_from_slice(b", :value ");
    match &event.value {
        Value::Text(text) => push_text(out, text),
        _ => out.extend_from_slice(b"nil"),
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}
