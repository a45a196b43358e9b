//! Visible stand-ins for characters that cannot be seen, or that change how others are seen.
//!
//! Keys, values and errors come from histories and stores that nobody vouches for. On a terminal they could move the
//! cursor or start a line of their own; on a page they could turn the reading order around.

/// Whether a character cannot be seen, or changes how its neighbours are seen.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// U+0000 to U+001F have pictures of their own in Unicode; the rest is shown as a code.
pub(crate) fn push_stand_in(out: &mut String, hidden: char) {
    let code = u32::from(hidden);
    if let Some(picture) = char::from_u32(0x2400 + code).filter(|_| code < 0x20) {
        out.push(picture);
    } else {
        out.extend(hidden.escape_unicode());
    }
}

/// The text with stand-ins for what cannot be seen: one line, whatever it was.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) { push_stand_in(&mut out, character) } else { out.push(character) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_has_a_stand_in() {
        assert_eq!(visible("a\u{202e}<b\0"), "a\\u{202e}<b␀");
        assert_eq!(visible("k\n\u{1b}[2Kx"), "k␊␛[2Kx");
    }
}
