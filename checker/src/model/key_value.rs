//! One key of a text store (MIT 6.824): `get` answers the text, `put v` replaces it, `append v` puts `v` behind it,
//! `delete` makes it absent. An absent key reads as "", so absent and empty are one state.
//!
//! A state is a node of a trie over the characters, so that `put "ab"` and `put "a"`, `append "b"` lead to the same one.

use crate::Value;
use crate::history::{Op, OutcomeRef};
use crate::model::append_list::Counts;
use crate::model::intern::{Interner, StepTable, Trie};
use crate::model::{CHARS_DESCRIBED_MAX, LEFT_OUT};
use crate::model::{ClassId, Meaning, Misfit, Object, Recurrence, Selection, StateId};

/// Bytes of a text that are looked through while two numbers are compared.
const BYTES_A_LOOK: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum KvOp {
    /// Answered the text of this node.
    Get(u32),
    /// Leaves the text of this node.
    Put(u32),
    /// Puts this text behind the present one.
    Append(u32),
}

/// The text of one key.
pub(crate) struct KeyValue {
    nil_reads_unknown: bool,
    texts: Interner<String>,
    classes: Interner<KvOp>,
    trie: Trie,
    counts: Counts,
    steps: StepTable,
    /// By class of a get: how long its answer is.
    answer_bytes_of: Vec<usize>,
    /// The distinct texts that selected gets answered.
    answers: Vec<String>,
    answer_bytes: usize,
    replaces: bool,
    appends: bool,
    heap: usize,
}

impl KeyValue {
    pub(crate) fn new(nil_reads_unknown: bool) -> Self {
        Self {
            nil_reads_unknown,
            texts: Interner::new(),
            classes: Interner::new(),
            trie: Trie::new(),
            counts: Counts::default(),
            answer_bytes_of: Vec::new(),
            steps: StepTable::default(),
            answers: Vec::new(),
            answer_bytes: 0,
            replaces: false,
            appends: false,
            heap: 0,
        }
    }

    fn update(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        let input = operation.input();
        let text = match (operation.f(), input.as_text()) {
            ("delete", _) => "",
            (_, Some(text)) => text,
            _ => return Err(Misfit::Argument { expected: "text" }),
        };
        if operation.is_fail() {
            return Ok(Meaning::NOTHING);
        }
        let op = if operation.f() == "append" {
            self.appends = true;
            KvOp::Append(self.text(text))
        } else {
            self.replaces = true;
            KvOp::Put(self.node(text))
        };
        Ok(Meaning::update(ClassId(self.classes.intern(&op))))
    }

    fn get(&mut self, outcome: &OutcomeRef<'_>) -> Result<Meaning, Misfit> {
        let text = match outcome {
            OutcomeRef::Fail(_) | OutcomeRef::Info => return Ok(Meaning::NOTHING),
            OutcomeRef::Ok(answer) => match answer.as_ref() {
                Value::Nil if self.nil_reads_unknown => return Ok(Meaning::NOTHING),
                Value::Nil => "",
                Value::Text(text) => text,
                other => return Err(Misfit::Answer { expected: "text", value: other.clone() }),
            },
        };
        let node = self.node(text);
        let class = self.classes.intern(&KvOp::Get(node));
        if class as usize >= self.answer_bytes_of.len() {
            self.answer_bytes_of.resize(class as usize + 1, 0);
            self.answer_bytes_of[class as usize] = text.len();
        }
        Ok(Meaning::observer(ClassId(class)))
    }

    fn node(&mut self, text: &str) -> u32 {
        text.chars().fold(Trie::EMPTY, |node, c| self.trie.push(node, u32::from(c)))
    }

    fn text(&mut self, text: &str) -> u32 {
        self.heap += 2 * text.len();
        self.texts.intern(&text.to_owned())
    }

    fn text_of(&self, node: u32) -> String {
        self.trie.symbols(node).into_iter().filter_map(char::from_u32).collect()
    }
}

impl Object for KeyValue {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match operation.f() {
            "get" => self.get(&operation.outcome()),
            "put" | "append" | "delete" => self.update(operation),
            _ => Err(Misfit::Function),
        }
    }

    fn initial(&self) -> StateId {
        StateId(Trie::EMPTY)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        let text = match *self.classes.get(class.0) {
            KvOp::Get(node) => return (node == state.0).then_some(state),
            KvOp::Put(node) => return Some(StateId(node)),
            KvOp::Append(text) => text,
        };
        if let Some(taken) = self.steps.get(state, class) {
            return taken.0;
        }
        let mut node = state.0;
        for c in self.texts.get(text).chars() {
            node = self.trie.push(node, u32::from(c));
        }
        self.steps.put(state, class, Some(StateId(node)))
    }

    fn is_observer(&self, class: ClassId) -> bool {
        matches!(self.classes.get(class.0), KvOp::Get(_))
    }

    fn blind(&self, class: ClassId) -> Option<StateId> {
        self.makes(class)
    }

    /// Without `append` this is a register; without `put` and `delete` it only grows.
    fn recurrence(&self) -> Recurrence {
        match (self.replaces, self.appends) {
            (true, true) => Recurrence::Free,
            (true, false) => Recurrence::ByMakers,
            (false, _) => Recurrence::Never,
        }
    }

    fn needs(&self, class: ClassId) -> Option<StateId> {
        match *self.classes.get(class.0) {
            KvOp::Get(node) => Some(StateId(node)),
            KvOp::Put(_) | KvOp::Append(_) => None,
        }
    }

    fn makes(&self, class: ClassId) -> Option<StateId> {
        match *self.classes.get(class.0) {
            KvOp::Put(node) => Some(StateId(node)),
            KvOp::Get(_) | KvOp::Append(_) => None,
        }
    }

    fn select(&mut self, selection: &Selection<'_>) {
        let mut nodes: Vec<u32> = selection
            .completed
            .iter()
            .filter_map(|class| match *self.classes.get(class.0) {
                KvOp::Get(node) => Some(node),
                KvOp::Put(_) | KvOp::Append(_) => None,
            })
            .collect();
        self.counts.count(&self.trie, nodes.iter().copied());
        nodes.sort_unstable();
        nodes.dedup();
        self.answers = nodes.into_iter().map(|node| self.text_of(node)).collect();
        self.answer_bytes = self.answers.iter().map(String::capacity).sum();
    }

    fn agreeing(&self, class: ClassId, next: StateId) -> u32 {
        match self.classes.get(class.0) {
            KvOp::Append(_) => self.counts.below(next.0),
            KvOp::Get(_) | KvOp::Put(_) => u32::MAX,
        }
    }

    /// Whatever follows an append before the next `put` or `delete` would contain its text, and what follows a `put`
    /// would begin with it.
    fn unobservable(&self, class: ClassId) -> bool {
        match *self.classes.get(class.0) {
            KvOp::Get(_) => false,
            KvOp::Append(text) => {
                let text = self.texts.get(text);
                text.is_empty() || !self.answers.iter().any(|answer| answer.contains(text.as_str()))
            }
            KvOp::Put(node) => {
                let text = self.text_of(node);
                !text.is_empty() && !self.answers.iter().any(|answer| answer.starts_with(&text))
            }
        }
    }

    /// An update's class is its trace: what it left behind depends on the texts around it.
    fn traces(&self, class: ClassId) -> Vec<u32> {
        if self.is_observer(class) { Vec::new() } else { vec![class.0] }
    }

    fn sees(&self, class: ClassId) -> bool {
        self.is_observer(class)
    }

    /// A get of "" may have seen any `delete`, and a text that begins with a `put` text or contains an append's may
    /// have seen those.
    fn shows(&self, class: ClassId, trace: u32) -> bool {
        self.sight(class)(trace)
    }

    fn sight(&self, class: ClassId) -> Box<dyn Fn(u32) -> bool + '_> {
        let KvOp::Get(node) = *self.classes.get(class.0) else { return Box::new(|_| false) };
        let answer = self.text_of(node);
        Box::new(move |trace| match *self.classes.get(trace) {
            KvOp::Get(_) => false,
            KvOp::Append(text) => answer.contains(self.texts.get(text).as_str()),
            KvOp::Put(Trie::EMPTY) => true,
            KvOp::Put(put) => answer.starts_with(&self.text_of(put)),
        })
    }

    /// Looking for one text in another takes as long as that one is.
    fn sight_cost(&self, class: ClassId) -> usize {
        1 + self.answer_bytes_of.get(class.0 as usize).map_or(0, |bytes| bytes / BYTES_A_LOOK)
    }

    fn describe(&self, state: StateId) -> String {
        let (symbols, more) = self.trie.last_symbols(state.0, CHARS_DESCRIBED_MAX);
        let text: String = symbols.into_iter().filter_map(char::from_u32).collect();
        format!("{}{text:?}", if more { LEFT_OUT } else { "" })
    }

    fn bytes(&self) -> usize {
        self.texts.bytes()
            + self.classes.bytes()
            + self.trie.bytes()
            + self.answer_bytes_of.capacity() * size_of::<usize>()
            + self.counts.bytes()
            + self.steps.bytes()
            + self.heap
            + self.answer_bytes
    }
}
