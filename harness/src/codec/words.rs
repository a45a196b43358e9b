//! Eight bytes at a time: the two inner loops that the quick readers share.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where a text stops being plain: the first quote, backslash or control character.
///
/// In a word, `x - ONES & !x & HIGHS` marks zero bytes, and `x - 0x20.. & !x & HIGHS` bytes below 0x20. A borrow runs
/// upwards from a byte that is marked, so the lowest mark is always right, and it is the only one that is used.
pub(super) fn find_special(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let marks = (quote | backslash | control) & HIGHS;
        if marks != 0 {
            return Some(at * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    Some(words.len() * 8 + rest.iter().position(special)?)
}

/// The whole number that the bytes begin with, and its digits. `None` without a digit, or if it has more than 64 bits.
pub(super) fn number_of(bytes: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut length) = (0_u64, 0);
    // Sixteen digits always fit; what follows them is rare.
    for word in bytes.as_chunks::<8>().0.iter().take(2) {
        let (part, digits) = digits_of(u64::from_le_bytes(*word));
        number = number * POWERS[digits] + part;
        length += digits;
        if digits < 8 {
            return (length > 0).then_some((number, length));
        }
    }
    for byte in &bytes[length..] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
        length += 1;
    }
    (length > 0).then_some((number, length))
}

const POWERS: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The number that the digits at the start of a word make, and how many they are.
///
/// A digit is a byte that differs from `'0'` by at most 9: adding 0x76 to more than that reaches the highest bit. As above
/// only the lowest mark counts. The digits are moved up, so that zeros stand before them, and neighbours are joined: digits
/// to pairs, pairs to fours, fours to the number.
fn digits_of(word: u64) -> (u64, usize) {
    let off = word ^ (ONES * u64::from(b'0'));
    let marks = (off.wrapping_add(ONES * 0x76) | off) & HIGHS;
    let digits = marks.trailing_zeros() as usize / 8;
    if digits == 0 {
        return (0, 0);
    }
    let ones = off << (64 - 8 * digits);
    let pairs = (ones.wrapping_mul(10).wrapping_add(ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let all = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff;
    (all, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for special in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for plain in [b'a', 0x20, 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']'] {
                for at in 0..24 {
                    let mut bytes = vec![plain; 40];
                    bytes[at] = special;
                    bytes[at + 5] = b'"';
                    assert_eq!(find_special(&bytes), Some(at), "{special} in {plain}");
                    assert_eq!(find_special(&bytes[..at]), None);
                }
            }
        }
    }

    #[test]
    fn numbers_have_up_to_64_bits() {
        assert_eq!(number_of(b"12x"), Some((12, 2)));
        assert_eq!(number_of(b"x"), None);
        assert_eq!(number_of(u64::MAX.to_string().as_bytes()), Some((u64::MAX, 20)));
        assert_eq!(number_of(b"18446744073709551616"), None);
        assert_eq!(number_of(b"000000000000000000000000000001"), Some((1, 30)));
        for digits in 1..=19 {
            let text = &"1234567890987654321"[..digits];
            let number = text.parse().unwrap();
            for after in ["", ",", ":\"x\":0,\"y\"", "/", "\u{e9}\u{e9}\u{e9}\u{e9}", "x9999999999"]
            {
                let found = number_of(format!("{text}{after}").as_bytes());
                assert_eq!(found, Some((number, digits)), "{text}{after}");
            }
        }
    }
}
