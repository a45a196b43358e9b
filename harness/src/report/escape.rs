//! Making text from the system under test harmless.
//!
//! Three dangers: markup (`</script>`, quotes), characters that cannot be seen or that turn the reading order around
//! (controls, bidirectional overrides, line separators), and sheer length. The page never drops a character in
//! silence: what is invisible becomes a visible stand-in, what is cut says so.

use serde::Serialize;

use super::units;
pub(super) use crate::visible::visible;
use crate::visible::{is_hidden, push_stand_in};

/// Appends `text` so that it can stand in an element or in a double-quoted attribute.
pub(super) fn escape_into(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            hidden if is_hidden(hidden) => push_stand_in(out, hidden),
            plain => out.push(plain),
        }
    }
}

/// The first `chars_max` characters, and a note on the rest.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    // Bytes bound characters from above: most texts are settled without counting.
    if text.len() <= chars_max {
        return text.to_owned();
    }
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => {
            let total = units::count(text.chars().count() as u64);
            format!("{}… (cut: {total} characters in all)", &text[..end])
        }
    }
}

/// A phrase of the terminal (lower case, no full stop) as a sentence of a page; names such as `p3` stay as they are.
pub(super) fn sentence(phrase: &str) -> String {
    let mut characters = phrase.chars();
    let first = characters.next();
    let plain_word =
        characters.next().is_some_and(|second| second.is_alphabetic() || second == ' ');
    let mut text = String::with_capacity(phrase.len() + 1);
    match first {
        Some(first) if plain_word => text.extend(first.to_uppercase()),
        first => text.extend(first),
    }
    text.push_str(&phrase[first.map_or(0, char::len_utf8)..]);
    if !text.is_empty() && !text.ends_with(['.', '!', '?', '…', ')', ':']) {
        text.push('.');
    }
    text
}

/// The first `chars_max` characters, with an ellipsis in place of the rest: for labels, which have a full text elsewhere.
pub(super) fn shorten(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// At most `chars_max` characters, with an ellipsis in place of the middle: for growing lists, whose end is what changed.
pub(super) fn shorten_middle(text: &str, chars_max: usize) -> String {
    let total = text.chars().count();
    if total <= chars_max {
        return text.to_owned();
    }
    let tail = chars_max.saturating_sub(1) * 2 / 3;
    let head = chars_max.saturating_sub(1) - tail;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(total - tail).collect();
    format!("{start}…{end}")
}

/// JSON that can stand inside a `<script>` element: equal to the plain JSON once parsed.
///
/// `<`, `>`, `&` and what cannot be seen occur only inside JSON strings (compact JSON has no line breaks), so that
/// replacing them everywhere by their escapes changes nothing but the spelling.
pub(super) fn script_json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let plain = serde_json::to_string(value)?;
    let mut safe = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '<' | '>' | '&' => push_json_escape(&mut safe, character),
            hidden if is_hidden(hidden) => push_json_escape(&mut safe, hidden),
            other => safe.push(other),
        }
    }
    Ok(safe)
}

fn push_json_escape(out: &mut String, character: char) {
    let mut units = [0; 2];
    for unit in character.encode_utf16(&mut units) {
        out.push_str("\\u");
        for shift in [12, 8, 4, 0] {
            out.extend(char::from_digit(u32::from(*unit >> shift) & 15, 16));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape_into(&mut out, text);
        out
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(
            escaped("</script><img src=x onerror='a(\"b\")'>&"),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;"
        );
    }

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(escaped("a\0b\u{1b}[31m\r"), "a␀b␛[31m␍");
        assert_eq!(escaped("\u{2028}\u{202e}\u{feff}\u{7f}"), "\\u{2028}\\u{202e}\\u{feff}\\u{7f}");
        assert_eq!(escaped("line\n\tnext, 羅生門"), "line\n\tnext, 羅生門");
    }

    #[test]
    fn phrases_become_sentences() {
        assert_eq!(sentence("at some moment"), "At some moment.");
        assert_eq!(sentence("p3 read 40"), "p3 read 40.");
        assert_eq!(sentence("éa"), "Éa.");
        assert_eq!((sentence("Done."), sentence("")), ("Done.".to_owned(), String::new()));
    }

    #[test]
    fn a_cut_says_how_much_there_was() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("羅生門", 3), "羅生門");
        assert_eq!(cut(&"x".repeat(1_048_576), 2), "xx… (cut: 1,048,576 characters in all)");
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(shorten("abcd", 4), "abcd");
        assert_eq!(shorten_middle("[1 2 3 4 5 6]", 10), "[1 …4 5 6]");
        assert_eq!(shorten_middle("[1 2 3]", 7), "[1 2 3]");
    }

    #[test]
    fn json_in_a_script_parses_to_the_same_value() {
        let value = vec!["</script>\u{2028}\u{e0001}&amp;<!--", "plain\0\n"];
        let safe = script_json(&value).unwrap();
        assert!(!safe.chars().any(|c| is_hidden(c) || "<>&".contains(c)), "{safe}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), value);
    }
}
