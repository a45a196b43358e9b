//! Every change of every key, and the state at any revision read from them.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::proto::mvccpb::KeyValue;

/// One change of one key. A key may change more than once in a transaction; the later change is the later element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// Main revision of the change.
    pub(crate) mod_revision: i64,
    pub(crate) create_revision: i64,
    pub(crate) version: i64,
    /// `None`: the key was deleted.
    pub(crate) value: Option<Vec<u8>>,
}

impl Change {
    /// The stored pair; must not be asked of a deletion.
    pub(crate) fn key_value(&self, key: &[u8]) -> KeyValue {
        KeyValue {
            key: key.to_vec(),
            value: self.value.clone().unwrap_or_default(),
            ..self.key_only(key)
        }
    }

    /// The stored pair without its value.
    pub(crate) fn key_only(&self, key: &[u8]) -> KeyValue {
        KeyValue {
            key: key.to_vec(),
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
            value: Vec::new(),
            lease: 0,
        }
    }
}

/// The keys that a request names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<'a> {
    start: &'a [u8],
    end: SpanEnd<'a>,
}

#[derive(Debug, Clone, Copy)]
enum SpanEnd<'a> {
    /// The start alone.
    Single,
    /// Everything from the start on.
    Unbounded,
    /// Up to, but without, this key; nothing if it is not above the start.
    Before(&'a [u8]),
}

impl<'a> Span<'a> {
    /// etcd's convention: no range end is one key, one zero byte is "from the key on".
    pub(crate) fn new(key: &'a [u8], range_end: &'a [u8]) -> Self {
        let end = match range_end {
            [] => SpanEnd::Single,
            [0] => SpanEnd::Unbounded,
            end => SpanEnd::Before(end),
        };
        Self { start: key, end }
    }
}

/// All keys that ever existed, each with its changes, oldest first and never empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Keys(BTreeMap<Vec<u8>, Vec<Change>>);

impl Keys {
    /// The keys of `span` that exist at `revision`, in order.
    pub(crate) fn live_at<'a>(
        &'a self,
        span: Span<'a>,
        revision: i64,
    ) -> impl Iterator<Item = (&'a [u8], &'a Change)> {
        self.bounds(span).filter_map(move |(key, changes)| {
            let seen = changes.partition_point(|change| change.mod_revision <= revision);
            let change = changes[..seen].last()?;
            change.value.as_ref()?;
            Some((key.as_slice(), change))
        })
    }

    /// The change that made `key` what it is now; `None` if it does not exist.
    pub(crate) fn live(&self, key: &[u8]) -> Option<&Change> {
        self.0.get(key)?.last().filter(|change| change.value.is_some())
    }

    pub(crate) fn push(&mut self, key: Vec<u8>, change: Change) {
        self.0.entry(key).or_default().push(change);
    }

    /// Takes back the last change of `key`.
    pub(crate) fn pop(&mut self, key: &[u8]) {
        let changes = self.0.get_mut(key).expect("a change that is taken back was made");
        changes.pop();
        if changes.is_empty() {
            self.0.remove(key);
        }
    }

    fn bounds<'a>(
        &'a self,
        span: Span<'a>,
    ) -> std::collections::btree_map::Range<'a, Vec<u8>, Vec<Change>> {
        let start = span.start;
        let (from, to) = match span.end {
            SpanEnd::Single => (Bound::Included(start), Bound::Included(start)),
            SpanEnd::Unbounded => (Bound::Included(start), Bound::Unbounded),
            // BTreeMap::range panics on a start above the end; such a span is merely empty.
            SpanEnd::Before(end) => (Bound::Included(start), Bound::Excluded(end.max(start))),
        };
        self.0.range::<[u8], _>((from, to))
    }
}
