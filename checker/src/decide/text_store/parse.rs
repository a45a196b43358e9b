//! Takes answers apart: which updates made them.

use super::super::lists::{NONE, Read};
use super::super::{Refutation, Rule, Timed};
use super::{Broken, Sabotage, TextOp};

/// Which operation follows which, as answers tell. The start is an operation too, with the number after all others.
pub(super) struct Parsed<'a> {
    /// Of a get: the last update in its answer.
    pub(super) seen: Vec<u32>,
    /// Of an update that some answer holds: the one before it in its chain, `NONE` for a `put`.
    pub(super) before: Vec<u32>,
    /// Of an update: the one after it in its chain.
    pub(super) after: Vec<u32>,
    /// The first answer that contradicts those before it. Later ones have not been taken apart.
    pub(super) refuted: Option<Refutation>,
    chains: Vec<Chain<'a>>,
    /// Of an update: its chain.
    chain: Vec<u32>,
}

/// The updates that began with one `put`, or with the start.
struct Chain<'a> {
    /// The longest answer, and who got it.
    text: &'a str,
    reader: u32,
    /// Where each update's text ends in it.
    ends: Vec<(usize, u32)>,
}

/// Updates by their texts, sorted.
struct Texts<'a>(Vec<(&'a str, u32)>);

impl<'a> Texts<'a> {
    fn new(ops: &[Timed<TextOp<'a>>]) -> Result<Self, &'static str> {
        let text = |(at, op): (u32, &Timed<TextOp<'a>>)| match op.op {
            TextOp::Put(text) | TextOp::Append(text) => Some((text, at)),
            TextOp::Get(_) => None,
        };
        let mut texts: Vec<(&str, u32)> = (0..).zip(ops).filter_map(text).collect();
        texts.sort_unstable();
        if texts.first().is_some_and(|(text, _)| text.is_empty()) {
            return Err("an update writes an empty text");
        }
        // What begins with a text stands right behind it.
        if texts.windows(2).any(|pair| pair[1].0.starts_with(pair[0].0)) {
            return Err("the text of an update begins with that of another");
        }
        Ok(Self(texts))
    }

    /// The update whose text this begins with, and its length.
    fn first_in(&self, text: &str) -> Option<(u32, usize)> {
        let at = self.0.partition_point(|(other, _)| *other <= text).checked_sub(1)?;
        let (first, op) = self.0[at];
        text.starts_with(first).then_some((op, first.len()))
    }
}

/// Takes the answers apart in order of completion, until one contradicts those before it.
pub(super) fn parse<'a>(
    ops: &[Timed<TextOp<'a>>],
    ends: &[u32],
    broken: Broken,
) -> Result<Parsed<'a>, &'static str> {
    let texts = Texts::new(ops)?;
    let count = ops.len() + 1;
    let mut parsed = Parsed {
        seen: vec![NONE; count],
        before: vec![NONE; count],
        after: vec![NONE; count],
        refuted: None,
        chains: vec![Chain { text: "", reader: NONE, ends: vec![(0, ops.len() as u32)] }],
        chain: vec![NONE; count],
    };
    for at in ends {
        let Timed { call, ret, op: TextOp::Get(answer) } = ops[*at as usize] else { continue };
        let read = Read { op: *at, call, ret };
        if let Err(refutation) = parsed.get(ops, &texts, read, answer, broken) {
            parsed.refuted = Some(refutation);
            break;
        }
    }
    Ok(parsed)
}

impl<'a> Parsed<'a> {
    fn get(
        &mut self,
        ops: &[Timed<TextOp<'a>>],
        texts: &Texts<'_>,
        read: Read,
        answer: &'a str,
        broken: Broken,
    ) -> Result<(), Refutation> {
        let number = self.chain_of(ops, texts, read, answer)?;
        let chain = &mut self.chains[number as usize];
        let shared = chain.text.len().min(answer.len());
        if chain.text.as_bytes()[..shared] != answer.as_bytes()[..shared] {
            let known = is_made_of(texts, answer);
            let rule = if known { Rule::Incompatible } else { Rule::FromNowhere };
            let others: &[u32] = if known { &[chain.reader] } else { &[] };
            return Err(read.refute(rule, others));
        }
        if answer.len() <= chain.text.len() {
            let at = chain.ends.partition_point(|(end, _)| *end < answer.len());
            let (end, update) = chain.ends[at];
            if end != answer.len() && !broken.is(Sabotage::Halves) {
                return Err(read.refute(Rule::FromNowhere, &[]));
            }
            self.seen[read.op as usize] = update;
            return Ok(());
        }
        self.lengthen(ops, texts, read, answer, number, broken)
    }

    /// The chain that an answer belongs to; a new one if it is the first that begins with this `put`.
    fn chain_of(
        &mut self,
        ops: &[Timed<TextOp<'a>>],
        texts: &Texts<'_>,
        read: Read,
        answer: &str,
    ) -> Result<u32, Refutation> {
        if answer.is_empty() {
            return Ok(0);
        }
        let Some((root, _)) = texts.first_in(answer) else {
            return Err(read.refute(Rule::FromNowhere, &[]));
        };
        let is_put = matches!(ops[root as usize].op, TextOp::Put(_));
        let known = &mut self.chain[root as usize];
        if is_put && *known == NONE {
            *known = self.chains.len() as u32;
            self.chains.push(Chain { text: "", reader: NONE, ends: Vec::new() });
        }
        Ok(if is_put { *known } else { 0 })
    }

    /// Adds the updates in an answer that is longer than those of its chain before it.
    fn lengthen(
        &mut self,
        ops: &[Timed<TextOp<'a>>],
        texts: &Texts<'_>,
        read: Read,
        answer: &'a str,
        number: u32,
        broken: Broken,
    ) -> Result<(), Refutation> {
        let mut end = self.chains[number as usize].text.len();
        while end < answer.len() {
            let Some((update, len)) = texts.first_in(&answer[end..]) else {
                return Err(read.refute(Rule::FromNowhere, &[]));
            };
            let is_root = end == 0 && number != 0;
            if matches!(ops[update as usize].op, TextOp::Put(_)) && !is_root {
                return Err(read.refute(Rule::FromNowhere, &[]));
            }
            let other = self.chain[update as usize];
            if other != NONE && !is_root {
                if broken.is(Sabotage::Repeats) {
                    end += len;
                    continue;
                }
                let reader = self.chains[other as usize].reader;
                let others = if reader == NONE { vec![update] } else { vec![update, reader] };
                return Err(read.refute(Rule::Twice, &others));
            }
            end += len;
            self.chain[update as usize] = number;
            let chain = &mut self.chains[number as usize];
            if let Some((_, before)) = chain.ends.last() {
                self.before[update as usize] = *before;
                self.after[*before as usize] = update;
            }
            chain.ends.push((end, update));
        }
        let chain = &mut self.chains[number as usize];
        (chain.text, chain.reader) = (answer, read.op);
        self.seen[read.op as usize] = chain.ends.last().map_or(NONE, |(_, update)| *update);
        Ok(())
    }
}

/// These operations, and the updates that the gets among them saw, as far as their answers can be taken apart. Sorted.
pub(crate) fn with_what_they_saw(ops: &[Timed<TextOp<'_>>], blamed: &[u32]) -> Vec<u32> {
    let mut all = blamed.to_vec();
    if let Ok(texts) = Texts::new(ops) {
        for at in blamed {
            let TextOp::Get(mut rest) = ops[*at as usize].op else { continue };
            while let Some((update, len)) = texts.first_in(rest) {
                all.push(update);
                rest = &rest[len..];
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn is_made_of(texts: &Texts<'_>, answer: &str) -> bool {
    let mut rest = answer;
    while let Some((_, len)) = texts.first_in(rest) {
        rest = &rest[len..];
    }
    rest.is_empty()
}
