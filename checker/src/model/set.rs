//! A growing set: `add x`, and `read` that answers all elements, in any order, each once.
//!
//! A state is the root of a binary tree over the element numbers whose leaves are 64-bit words. Equal subtrees share
//! one number, so adding an element to a set of thousands makes a handful of new nodes, and two sets are equal exactly
//! if their roots have the same number.

use std::mem::size_of;

use rustc_hash::FxHashMap;

use crate::Value;
use crate::history::packed::heap_bytes;
use crate::history::{Op, OutcomeRef};
use crate::model::intern::{Interner, StepTable, table_bytes};
use crate::model::{ClassId, Meaning, Misfit, Object, Recurrence, Selection, StateId};
use crate::model::{ELEMENTS_DESCRIBED_MAX, LEFT_OUT};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum SetOp {
    Add(u32),
    /// The elements answered, sorted.
    Read(Vec<u32>),
    /// Answered an element twice, which no set does.
    NotASet,
}

/// One growing set.
pub(crate) struct Set {
    nil_reads_unknown: bool,
    elements: Interner<Value>,
    classes: Interner<SetOp>,
    tree: BitTree,
    /// The state in which each class is legal, for reads.
    answers: Vec<Option<StateId>>,
    /// By element: how many selected reads contain it.
    seen: Vec<u32>,
    steps: StepTable,
    heap: usize,
}

impl Set {
    pub(crate) fn new(nil_reads_unknown: bool) -> Self {
        Self {
            nil_reads_unknown,
            elements: Interner::new(),
            classes: Interner::new(),
            tree: BitTree::default(),
            answers: Vec::new(),
            seen: Vec::new(),
            steps: StepTable::default(),
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
        let mut members: Vec<u32> = items.iter().map(|item| self.elements.intern(item)).collect();
        self.heap += heap_bytes(answer) + 2 * members.len() * size_of::<u32>();
        members.sort_unstable();
        let repeats = members.windows(2).any(|pair| pair[0] == pair[1]);
        let op = if repeats { SetOp::NotASet } else { SetOp::Read(members) };
        Ok(Meaning::observer(ClassId(self.classes.intern(&op))))
    }

    /// Gives every read the state that it answered. The tree is as high as all elements together need.
    fn resolve_answers(&mut self) {
        if self.answers.len() == self.classes.len() {
            return;
        }
        self.tree.fit(self.elements.len());
        for number in self.answers.len()..self.classes.len() {
            let answer = match self.classes.get(number as u32) {
                SetOp::Read(members) => {
                    let mut root = BitTree::EMPTY;
                    for member in members {
                        root = self.tree.insert(root, *member);
                    }
                    Some(StateId(root))
                }
                SetOp::Add(_) | SetOp::NotASet => None,
            };
            self.answers.push(answer);
        }
    }
}

impl Object for Set {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match (operation.f(), &operation.outcome()) {
            ("add" | "read", OutcomeRef::Fail(_)) | ("read", OutcomeRef::Info) => {
                Ok(Meaning::NOTHING)
            }
            ("add", OutcomeRef::Ok(_) | OutcomeRef::Info) => {
                let element = self.elements.intern(&operation.input());
                Ok(Meaning::update(ClassId(self.classes.intern(&SetOp::Add(element)))))
            }
            ("read", OutcomeRef::Ok(answer)) => self.read(answer),
            _ => Err(Misfit::Function),
        }
    }

    fn initial(&self) -> StateId {
        StateId(BitTree::EMPTY)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        let element = match self.classes.get(class.0) {
            SetOp::Add(element) => *element,
            SetOp::Read(_) => {
                return (self.answers[class.0 as usize] == Some(state)).then_some(state);
            }
            SetOp::NotASet => return None,
        };
        if let Some(taken) = self.steps.get(state, class) {
            return taken.0;
        }
        let next = StateId(self.tree.insert(state.0, element));
        self.steps.put(state, class, Some(next))
    }

    fn is_observer(&self, class: ClassId) -> bool {
        !matches!(self.classes.get(class.0), SetOp::Add(_))
    }

    fn recurrence(&self) -> Recurrence {
        Recurrence::Never
    }

    fn select(&mut self, selection: &Selection<'_>) {
        self.resolve_answers();
        self.seen.clear();
        self.seen.resize(self.elements.len(), 0);
        for class in selection.completed {
            if let SetOp::Read(members) = self.classes.get(class.0) {
                for member in members {
                    self.seen[*member as usize] += 1;
                }
            }
        }
    }

    /// Reads that contain an element were not answered before it was added, so those still to come are all of them.
    fn agreeing(&self, class: ClassId, _next: StateId) -> u32 {
        match self.classes.get(class.0) {
            SetOp::Add(element) => self.seen[*element as usize],
            SetOp::Read(_) | SetOp::NotASet => u32::MAX,
        }
    }

    fn commutes(&self) -> bool {
        true
    }

    fn is_idle_in(&self, state: StateId, class: ClassId) -> bool {
        matches!(self.classes.get(class.0), SetOp::Add(element) if self.tree.contains(state.0, *element))
    }

    fn unobservable(&self, class: ClassId) -> bool {
        matches!(self.classes.get(class.0), SetOp::Add(element) if self.seen[*element as usize] == 0)
    }

    fn traces(&self, class: ClassId) -> Vec<u32> {
        match self.classes.get(class.0) {
            SetOp::Add(element) => vec![*element],
            SetOp::Read(_) | SetOp::NotASet => Vec::new(),
        }
    }

    fn sees(&self, class: ClassId) -> bool {
        self.is_observer(class)
    }

    fn shows(&self, class: ClassId, trace: u32) -> bool {
        match self.classes.get(class.0) {
            SetOp::Read(members) => members.binary_search(&trace).is_ok(),
            // Which element it repeats was not kept: it may be any.
            SetOp::NotASet => true,
            SetOp::Add(_) => false,
        }
    }

    fn describe(&self, state: StateId) -> String {
        let mut members = self.tree.highest(state.0, ELEMENTS_DESCRIBED_MAX + 1);
        let more = members.len() > ELEMENTS_DESCRIBED_MAX;
        members.truncate(ELEMENTS_DESCRIBED_MAX);
        let mut values: Vec<&Value> =
            members.into_iter().map(|member| self.elements.get(member)).collect();
        values.sort_unstable();
        let words = values.into_iter().map(Value::to_string);
        let words: Vec<String> =
            more.then(|| LEFT_OUT.to_owned()).into_iter().chain(words).collect();
        format!("{{{}}}", words.join(" "))
    }

    fn bytes(&self) -> usize {
        self.elements.bytes()
            + self.classes.bytes()
            + self.tree.bytes()
            + self.steps.bytes()
            + self.heap
            + (self.answers.capacity() * size_of::<Option<StateId>>())
            + (self.seen.capacity() * size_of::<u32>())
    }
}

/// Sets of small numbers with shared subtrees. A tree of height 0 is one word; number 0 is the empty set of any height.
#[derive(Debug, Default)]
pub(super) struct BitTree {
    height: u32,
    numbers: FxHashMap<Node, u32>,
    /// Node `n` is at `n - 1`.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Word(u64),
    Pair(u32, u32),
}

impl BitTree {
    pub(super) const EMPTY: u32 = 0;

    /// Makes room for `members` numbers. Only before the first insertion: numbers of trees depend on the height.
    pub(super) fn fit(&mut self, members: usize) {
        let words = members.div_ceil(64).max(1);
        let height = words.next_power_of_two().trailing_zeros();
        assert!(
            self.nodes.is_empty() || height <= self.height,
            "a tree with nodes cannot grow from height {} to {height}",
            self.height
        );
        if self.nodes.is_empty() {
            self.height = height;
        }
    }

    pub(super) fn insert(&mut self, root: u32, member: u32) -> u32 {
        self.with(root, member, true, self.height)
    }

    pub(super) fn remove(&mut self, root: u32, member: u32) -> u32 {
        self.with(root, member, false, self.height)
    }

    /// The tree with or without a member. As deep as the tree is high: 26 levels at most.
    fn with(&mut self, node: u32, member: u32, inside: bool, level: u32) -> u32 {
        if level == 0 {
            let word = match self.node(node) {
                Some(Node::Word(word)) => word,
                Some(Node::Pair(..)) => unreachable!("level 0 has words only"),
                None => 0,
            };
            let bit = 1 << (member % 64);
            return self.number(Node::Word(if inside { word | bit } else { word & !bit }));
        }
        let (mut left, mut right) = match self.node(node) {
            Some(Node::Pair(left, right)) => (left, right),
            Some(Node::Word(_)) => unreachable!("words are at level 0 only"),
            None => (Self::EMPTY, Self::EMPTY),
        };
        if member >> (5 + level) & 1 == 0 {
            left = self.with(left, member, inside, level - 1);
        } else {
            right = self.with(right, member, inside, level - 1);
        }
        self.number(Node::Pair(left, right))
    }

    pub(super) fn contains(&self, root: u32, member: u32) -> bool {
        let mut number = root;
        for level in (1..=self.height).rev() {
            let Some(Node::Pair(left, right)) = self.node(number) else { return false };
            number = if member >> (5 + level) & 1 == 0 { left } else { right };
        }
        matches!(self.node(number), Some(Node::Word(word)) if word >> (member % 64) & 1 == 1)
    }

    fn node(&self, number: u32) -> Option<Node> {
        (number as usize).checked_sub(1).map(|at| self.nodes[at])
    }

    fn number(&mut self, node: Node) -> u32 {
        if matches!(node, Node::Word(0) | Node::Pair(Self::EMPTY, Self::EMPTY)) {
            return Self::EMPTY;
        }
        if let Some(number) = self.numbers.get(&node) {
            return *number;
        }
        self.nodes.push(node);
        let number = u32::try_from(self.nodes.len()).expect("fewer than 2^32 distinct sets");
        self.numbers.insert(node, number);
        number
    }

    /// The highest members, at most so many, from the highest down.
    pub(super) fn highest(&self, root: u32, members_max: usize) -> Vec<u32> {
        let mut members = Vec::new();
        let mut pending = vec![(root, self.height, 0)];
        while let Some((number, level, first)) =
            pending.pop().filter(|_| members.len() < members_max)
        {
            match self.node(number) {
                None => {}
                Some(Node::Word(word)) => {
                    let bits = (0..64).rev().filter(|bit| word >> bit & 1 == 1);
                    members.extend(bits.map(|bit| first + bit));
                }
                Some(Node::Pair(left, right)) => {
                    pending.push((left, level - 1, first));
                    pending.push((right, level - 1, first + (64 << (level - 1))));
                }
            }
        }
        members.truncate(members_max);
        members
    }

    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + table_bytes(&self.numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_have_equal_numbers_whatever_the_order() {
        let mut tree = BitTree::default();
        tree.fit(1000);
        let members = [0, 1, 63, 64, 65, 500, 999];
        let forward = members.iter().fold(BitTree::EMPTY, |root, m| tree.insert(root, *m));
        let backward = members.iter().rev().fold(BitTree::EMPTY, |root, m| tree.insert(root, *m));
        assert_eq!(forward, backward);
        assert_eq!(tree.highest(forward, 3), [999, 500, 65]);
        assert_eq!(tree.highest(forward, 64), [999, 500, 65, 64, 63, 1, 0]);
        assert!(members.iter().all(|m| tree.contains(forward, *m)));
        assert!([2, 62, 66, 501, 998].iter().all(|m| !tree.contains(forward, *m)));
        assert!(!tree.contains(BitTree::EMPTY, 0));
        assert_ne!(tree.insert(forward, 2), forward);
        let more = tree.insert(forward, 2);
        assert_eq!(tree.remove(more, 2), forward);
        assert_eq!(tree.remove(forward, 2), forward);
        let emptied = members.iter().fold(forward, |root, m| tree.remove(root, *m));
        assert_eq!(emptied, BitTree::EMPTY);
        assert_eq!(tree.insert(forward, 64), forward);
    }
}
