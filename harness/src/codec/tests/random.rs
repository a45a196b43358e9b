//! Random events and random damage, the same for the same seed.

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, ProcessId};

/// Numbers by `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    pub(crate) fn int(&mut self) -> i64 {
        match self.below(5) {
            0 => self.next().cast_signed(),
            1 => self.pick(&[i64::MAX, i64::MIN, 0, -1, 1]),
            _ => self.below(100).cast_signed() as i64 - 10,
        }
    }

    pub(crate) fn unsigned(&mut self) -> u64 {
        match self.below(5) {
            0 => self.pick(&[u64::MAX, i64::MAX as u64 + 1, i64::MAX as u64]),
            1 => self.next(),
            _ => self.below(100) as u64,
        }
    }

    pub(crate) fn text(&mut self) -> String {
        const PARTS: [&str; 18] = [
            "k1",
            "a",
            " ",
            "\"",
            "\\",
            "\n",
            "\t",
            "\u{1}",
            "\u{7f}",
            "\u{e9}",
            "\u{1f980}",
            "nil",
            ":x",
            "[1]",
            "{",
            "7",
            "#",
            "\u{2028}",
        ];
        (0..self.below(4)).map(|_| self.pick(&PARTS)).collect()
    }

    pub(crate) fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth < 4 { 7 } else { 5 }) {
            0 => Value::Nil,
            1 => Value::Bool(self.one_in(2)),
            2 | 3 => Value::Int(self.int()),
            4 => Value::Text(self.text()),
            _ => Value::List((0..self.below(4)).map(|_| self.value(depth + 1)).collect()),
        }
    }

    pub(crate) fn event(&mut self, index: u64) -> Event {
        use EventKind::{Fail, Info, Invoke, Ok};
        let maybe = |random: &mut Self| random.one_in(2).then(|| random.text());
        let (key, node, error) = (maybe(self), maybe(self), maybe(self));
        Event {
            index,
            time: self.one_in(2).then(|| self.unsigned()),
            process: ProcessId(self.unsigned()),
            kind: self.pick(&[Invoke, Ok, Fail, Info]),
            f: if self.one_in(4) {
                self.text()
            } else {
                self.pick(&["read", "cas", "txn"]).to_owned()
            },
            key,
            value: self.value(0),
            node,
            error,
        }
    }

    /// Changes, drops, doubles or inserts bytes.
    pub(crate) fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(2) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.pick(b"\"\\{}[]:,;#0-.eEn \n\xff\x01\x80(x"),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, self.pick(b"\"\\{}[]:,0-.eEn \xc3\xa9(u")),
                3 => bytes.truncate(at),
                _ => {
                    let end = (at + self.below(20)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
            }
        }
    }
}
