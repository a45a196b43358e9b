//! A growing list: `append x`, and `read` that answers all elements in order.
//!
//! A state is a node of a trie over the elements, so that a list of thousands costs one entry more than the list before
//! it. All reads of a history are put into the trie first: a read that is not below a state can never be answered once
//! the list has come there, which lets the search turn round at once.

use crate::Value;
use crate::history::packed::heap_bytes;
use crate::history::{Op, OutcomeRef};
use crate::model::intern::{Interner, Trie};
use crate::model::{ClassId, Meaning, Misfit, Object, Recurrence, Selection, StateId};
use crate::model::{ELEMENTS_DESCRIBED_MAX, LEFT_OUT};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ListOp {
    Append(u32),
    /// Answered the list of this trie node.
    Read(u32),
}

/// One growing list.
pub(crate) struct AppendList {
    nil_reads_unknown: bool,
    elements: Interner<Value>,
    classes: Interner<ListOp>,
    lists: Trie,
    /// By class: the elements of a read, sorted.
    members: Vec<Vec<u32>>,
    counts: Counts,
    heap: usize,
}

impl AppendList {
    pub(crate) fn new(nil_reads_unknown: bool) -> Self {
        Self {
            nil_reads_unknown,
            elements: Interner::new(),
            classes: Interner::new(),
            lists: Trie::new(),
            members: Vec::new(),
            counts: Counts::default(),
            heap: 0,
        }
    }

    fn read(&mut self, answer: &Value) -> Result<Meaning, Misfit> {
        let items: &[Value] = match answer {
            Value::Nil if self.nil_reads_unknown => return Ok(Meaning::NOTHING),
            Value::Nil => &[],
            Value::List(items) => items,
            other => {
                let expected = "the elements, as a list";
                return Err(Misfit::Answer { expected, value: other.clone() });
            }
        };
        let mut node = Trie::EMPTY;
        let mut members = Vec::with_capacity(items.len());
        for item in items {
            let element = self.element(item);
            node = self.lists.push(node, element);
            members.push(element);
        }
        let class = self.class(ListOp::Read(node));
        let known = &mut self.members[class.0 as usize];
        if known.is_empty() {
            members.sort_unstable();
            self.heap += members.len() * size_of::<u32>();
            *known = members;
        }
        Ok(Meaning::observer(class))
    }

    fn class(&mut self, op: ListOp) -> ClassId {
        let class = self.classes.intern(&op);
        self.members.resize(self.classes.len(), Vec::new());
        ClassId(class)
    }

    fn element(&mut self, value: &Value) -> u32 {
        let before = self.elements.len();
        let element = self.elements.intern(value);
        if self.elements.len() > before {
            self.heap += 2 * heap_bytes(value);
        }
        element
    }
}

impl Object for AppendList {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match (operation.f(), &operation.outcome()) {
            ("append" | "read", OutcomeRef::Fail(_)) | ("read", OutcomeRef::Info) => {
                Ok(Meaning::NOTHING)
            }
            ("append", OutcomeRef::Ok(_) | OutcomeRef::Info) => {
                let element = self.element(&operation.input());
                Ok(Meaning::update(self.class(ListOp::Append(element))))
            }
            ("read", OutcomeRef::Ok(answer)) => self.read(answer),
            _ => Err(Misfit::Function),
        }
    }

    fn initial(&self) -> StateId {
        StateId(Trie::EMPTY)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        match *self.classes.get(class.0) {
            ListOp::Append(element) => Some(StateId(self.lists.push(state.0, element))),
            ListOp::Read(node) => (node == state.0).then_some(state),
        }
    }

    fn is_observer(&self, class: ClassId) -> bool {
        matches!(self.classes.get(class.0), ListOp::Read(_))
    }

    fn recurrence(&self) -> Recurrence {
        Recurrence::Never
    }

    fn select(&mut self, selection: &Selection<'_>) {
        let nodes =
            selection.completed.iter().filter_map(|class| match *self.classes.get(class.0) {
                ListOp::Read(node) => Some(node),
                ListOp::Append(_) => None,
            });
        self.counts.count(&self.lists, nodes);
        self.counts.mark_symbols(&self.lists, self.elements.len());
    }

    fn agreeing(&self, class: ClassId, next: StateId) -> u32 {
        match self.classes.get(class.0) {
            ListOp::Append(_) => self.counts.below(next.0),
            ListOp::Read(_) => u32::MAX,
        }
    }

    /// All answers were put into the trie, so what is not there is not the beginning of any.
    fn leads_nowhere(&self, state: StateId, class: ClassId) -> bool {
        match *self.classes.get(class.0) {
            ListOp::Append(element) => self.lists.find(state.0, element).is_none(),
            ListOp::Read(_) => false,
        }
    }

    fn unobservable(&self, class: ClassId) -> bool {
        match *self.classes.get(class.0) {
            ListOp::Append(element) => !self.counts.symbol_seen(element),
            ListOp::Read(_) => false,
        }
    }

    fn traces(&self, class: ClassId) -> Vec<u32> {
        match *self.classes.get(class.0) {
            ListOp::Append(element) => vec![element],
            ListOp::Read(_) => Vec::new(),
        }
    }

    fn sees(&self, class: ClassId) -> bool {
        self.is_observer(class)
    }

    fn shows(&self, class: ClassId, trace: u32) -> bool {
        self.members[class.0 as usize].binary_search(&trace).is_ok()
    }

    fn describe(&self, state: StateId) -> String {
        let (elements, more) = self.lists.last_symbols(state.0, ELEMENTS_DESCRIBED_MAX);
        let words = elements.into_iter().map(|element| self.elements.get(element).to_string());
        let words: Vec<String> =
            more.then(|| LEFT_OUT.to_owned()).into_iter().chain(words).collect();
        format!("[{}]", words.join(" "))
    }

    fn bytes(&self) -> usize {
        self.elements.bytes()
            + self.classes.bytes()
            + self.lists.bytes()
            + self.counts.bytes()
            + self.members.capacity() * size_of::<Vec<u32>>()
            + self.heap
    }
}

/// How many selected reads answered a trie node or one below it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    below: Vec<u32>,
    symbols: Vec<bool>,
}

impl Counts {
    pub(super) fn count(&mut self, trie: &Trie, reads: impl Iterator<Item = u32>) {
        self.below.clear();
        self.below.resize(trie.len(), 0);
        for node in reads {
            self.below[node as usize] += 1;
        }
        // A parent has a smaller number than its children, so one pass backwards adds everything up.
        for node in (1..self.below.len()).rev() {
            if let Some(parent) = trie.parent(node as u32) {
                self.below[parent as usize] += self.below[node];
            }
        }
    }

    /// Notes which symbols occur in a counted sequence.
    fn mark_symbols(&mut self, trie: &Trie, symbols: usize) {
        self.symbols.clear();
        self.symbols.resize(symbols, false);
        for node in 1..self.below.len() {
            if self.below[node] > 0 {
                self.symbols[trie.last(node as u32) as usize] = true;
            }
        }
    }

    /// Nodes that were made after the count have no reads below them.
    pub(super) fn below(&self, node: u32) -> u32 {
        self.below.get(node as usize).copied().unwrap_or(0)
    }

    fn symbol_seen(&self, symbol: u32) -> bool {
        self.symbols.get(symbol as usize).copied().unwrap_or(false)
    }

    pub(super) fn bytes(&self) -> usize {
        self.below.capacity() * size_of::<u32>() + self.symbols.capacity()
    }
}
