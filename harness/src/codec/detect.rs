//! Telling a format by how a file begins.

use crate::codec::InputFormat;
use crate::codec::error::Flaw;

/// Functions that only the key-value runs have; with a `:key` beside them, no Jepsen history looks like that.
const KV_FUNCTIONS: [&str; 4] = [":get", ":put", ":append", ":delete"];

/// The format of a file that begins like this. `start` is not blank.
pub(super) fn format_of(start: &[u8]) -> Result<InputFormat, Flaw> {
    // The cut may fall into a character; what comes before it is enough.
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => {
            let line = start[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            return Err(Flaw::at(line as u64, "not UTF-8 text"));
        }
    };
    let text = skip_comments(text);
    let mut rest = text.chars().filter(|c| !c.is_whitespace() && *c != ',');
    match (rest.next(), rest.next()) {
        // A lone brace is the start of a line that was never finished.
        (Some('{'), Some('"') | None) => Ok(InputFormat::Jsonl),
        (Some('['), Some('{')) if rest.next() == Some('"') => {
            Err(Flaw::Format("a JSON array; jsonl has one object a line".to_owned()))
        }
        (Some('{'), Some(_)) | (Some('[' | '('), Some('{')) => Ok(edn_or_kv(text)),
        (Some('[' | '(' | '#'), _) => Ok(InputFormat::Edn),
        _ if text.lines().take(20).any(|line| line.contains("jepsen.util - ")) => {
            Ok(InputFormat::JepsenLog)
        }
        _ => {
            let line: String = text.lines().next().unwrap_or_default().chars().take(40).collect();
            Err(Flaw::Format(format!("it begins with {line:?}")))
        }
    }
}

/// The text after blank lines and `;` comments.
fn skip_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        if !text.starts_with(';') {
            return text;
        }
        text = text.split_once('\n').map_or("", |(_, rest)| rest);
    }
}

/// A form that begins with a map, or with a list of maps: a key-value run if the map has a key and one of its functions.
fn edn_or_kv(text: &str) -> InputFormat {
    let map = text.split_inclusive('}').next().unwrap_or(text);
    let words: Vec<&str> = map.split([' ', ',', '[', '(', '{', '}', '\n', '\t', '\r']).collect();
    let kv_function =
        words.windows(2).any(|pair| pair[0] == ":f" && KV_FUNCTIONS.contains(&pair[1]));
    if kv_function && words.contains(&":key") { InputFormat::PorcupineKv } else { InputFormat::Edn }
}
