//! Events as EDN maps, one a line, in the words of Jepsen's stored histories.
//!
//! Functions are keywords where a keyword can have that name, text otherwise, and so are the functions of the
//! micro-operations in transactions; every other text stays text. Reading makes text of both.

use std::fmt;
use std::io::Write;

use rashomon_checker::Value;
use rashomon_checker::history::EventRef;

/// Functions whose values are lists of micro-operations, `[:append 1 2]`.
const TRANSACTIONS: [&str; 3] = ["txn", "poll", "send"];

/// Appends a line.
pub(super) fn push_event(out: &mut Vec<u8>, event: &EventRef<'_>, index: u64) {
    push(out, format_args!("{{:index {index}"));
    if let Some(time) = event.time {
        push(out, format_args!(", :time {time}"));
    }
    push(out, format_args!(", :process {}, :type :{}", event.process, event.kind));
    out.extend_from_slice(b", :f ");
    push_name(out, event.f);
    for (field, text) in
        [(", :key ", event.key), (", :node ", event.node), (", :error ", event.error)]
    {
        if let Some(text) = text {
            out.extend_from_slice(field.as_bytes());
            push_text(out, text);
        }
    }
    out.extend_from_slice(b", :value ");
    match &event.value {
        Value::List(items) if TRANSACTIONS.contains(&event.f) => {
            push_list(out, items, push_micro_operation);
        }
        other => push_value(out, other),
    }
    out.extend_from_slice(b"}\n");
}

fn push_micro_operation(out: &mut Vec<u8>, value: &Value) {
    let Value::List(items) = value else { return push_value(out, value) };
    let mut first = true;
    push_list(out, items, |out, item| match item {
        Value::Text(name) if std::mem::take(&mut first) => push_name(out, name),
        other => {
            first = false;
            push_value(out, other);
        }
    });
}

fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Nil => out.extend_from_slice(b"nil"),
        Value::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Int(number) => push(out, format_args!("{number}")),
        Value::Text(text) => push_text(out, text),
        Value::List(items) => push_list(out, items, push_value),
    }
}

fn push_list(out: &mut Vec<u8>, items: &[Value], mut push: impl FnMut(&mut Vec<u8>, &Value)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        push(out, item);
    }
    out.push(b']');
}

pub(super) fn push(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes any bytes");
}

/// A keyword, if one can have that name.
fn push_name(out: &mut Vec<u8>, name: &str) {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_?!*+<>=.".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(inner) {
        out.push(b':');
        out.extend_from_slice(name.as_bytes());
    } else {
        push_text(out, name);
    }
}

/// Text with quotes and escapes.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\r' => out.extend_from_slice(b"\\r"),
            control if control < ' ' => push(out, format_args!("\\u{:04x}", u32::from(control))),
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
