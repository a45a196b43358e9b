//! The store: keys, the revision, and one command after the other.

use super::command::header;
use super::history::{Change, Keys, Span};
use super::txn::Branch;
use super::{KvError, KvRequest, KvResponse, range, validate, validate_range};
use crate::proto::etcdserverpb::range_request::SortOrder;
use crate::proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
    TxnRequest, TxnResponse,
};

/// The replicated state. Equal command sequences make equal stores.
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    keys: Keys,
    revision: i64,
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}

impl Store {
    /// An empty store, at revision 1.
    pub fn new() -> Self {
        Self { keys: Keys::default(), revision: 1 }
    }

    /// Revision of the last change; 1 if there was none.
    pub const fn revision(&self) -> i64 {
        self.revision
    }

    /// Applies a committed command. An error changed nothing, and every node gets the same one.
    pub fn apply(&mut self, request: KvRequest) -> Result<KvResponse, KvError> {
        validate(&request)?;
        let mut writing = Writing::begin(self);
        let result = match request {
            KvRequest::Put(put) => {
                if put.lease == 0 {
                    writing.put(put).map(KvResponse::Put)
                } else {
                    Err(KvError::LeaseNotFound)
                }
            }
            KvRequest::DeleteRange(delete) => {
                Ok(KvResponse::DeleteRange(writing.delete_range(&delete)))
            }
            KvRequest::Txn(txn) => writing.txn(&txn).map(KvResponse::Txn),
        };
        match result {
            Ok(response) => {
                writing.commit();
                Ok(response)
            }
            Err(error) => {
                writing.roll_back();
                Err(error)
            }
        }
    }

    /// Reads a range from this state. Whether this state may answer is for the shell to know.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, KvError> {
        validate_range(request)?;
        range::execute(&self.keys, self.revision, request)
    }

    /// The built-in bug `torn-scan`: of a range with an end, the first half of the keys is read as it was three changes ago.
    pub fn torn_range(&self, request: &RangeRequest) -> Result<RangeResponse, KvError> {
        let mut response = self.range(request)?;
        let asks_for_all = request.limit <= 0 && !request.count_only;
        let in_order = request.sort_order() == SortOrder::None && request.revision <= 0;
        let middle = response.kvs.len() / 2;
        let Some(split) = response.kvs.get(middle).map(|pair| pair.key.clone()) else {
            return Ok(response);
        };
        if request.range_end.is_empty() || !asks_for_all || !in_order {
            return Ok(response);
        }
        let revision = (self.revision - 3).max(1);
        let old = self.range(&RangeRequest { revision, ..request.clone() })?.kvs;
        let old = old.into_iter().take_while(|pair| pair.key < split);
        response.kvs = old.chain(response.kvs.drain(middle..).collect::<Vec<_>>()).collect();
        response.count = response.kvs.len().try_into().unwrap_or(i64::MAX);
        Ok(response)
    }

    /// Runs a transaction that [`is_read_only`](super::is_read_only) on this state.
    pub fn read_txn(&self, request: &TxnRequest) -> Result<TxnResponse, KvError> {
        Branch::choose(&self.keys, self.revision, request)?.read(&self.keys, self.revision)
    }
}

/// A command half done: changes are in the store already, each noted so that it can be taken back.
pub(crate) struct Writing<'a> {
    store: &'a mut Store,
    changed: Vec<Vec<u8>>,
}

impl<'a> Writing<'a> {
    fn begin(store: &'a mut Store) -> Self {
        Self { store, changed: Vec::new() }
    }

    fn commit(self) {
        if !self.changed.is_empty() {
            self.store.revision += 1;
        }
    }

    fn roll_back(self) {
        for key in self.changed.iter().rev() {
            self.store.keys.pop(key);
        }
    }

    /// The revision that all changes of this command carry.
    fn next_revision(&self) -> i64 {
        self.store.revision + 1
    }

    /// The revision that a read inside this command sees and reports.
    fn read_revision(&self) -> i64 {
        if self.changed.is_empty() { self.store.revision } else { self.next_revision() }
    }

    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, KvError> {
        range::execute(&self.store.keys, self.read_revision(), request)
    }

    pub(crate) fn put(&mut self, request: PutRequest) -> Result<PutResponse, KvError> {
        let previous = self.store.keys.live(&request.key);
        if (request.ignore_value || request.ignore_lease) && previous.is_none() {
            return Err(KvError::KeyNotFound);
        }
        let prev_kv =
            previous.filter(|_| request.prev_kv).map(|change| change.key_value(&request.key));
        let kept =
            previous.filter(|_| request.ignore_value).and_then(|change| change.value.clone());
        let mod_revision = self.next_revision();
        let change = Change {
            mod_revision,
            create_revision: previous.map_or(mod_revision, |change| change.create_revision),
            version: previous.map_or(1, |change| change.version + 1),
            value: Some(kept.unwrap_or(request.value)),
        };
        self.push(request.key, change);
        Ok(PutResponse { header: header(mod_revision), prev_kv })
    }

    pub(crate) fn delete_range(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let span = Span::new(&request.key, &request.range_end);
        let mut prev_kvs = Vec::new();
        let mut doomed = Vec::new();
        for (key, change) in self.store.keys.live_at(span, self.next_revision()) {
            if request.prev_kv {
                prev_kvs.push(change.key_value(key));
            }
            doomed.push(key.to_vec());
        }
        let deleted =
            i64::try_from(doomed.len()).expect("fewer keys than i64::MAX fit into memory");
        let mod_revision = self.next_revision();
        for key in doomed {
            self.push(key, Change { mod_revision, create_revision: 0, version: 0, value: None });
        }
        DeleteRangeResponse { header: header(self.read_revision()), deleted, prev_kvs }
    }

    fn txn(&mut self, request: &TxnRequest) -> Result<TxnResponse, KvError> {
        let branch = Branch::choose(&self.store.keys, self.store.revision, request)?;
        let mut response = branch.write(self)?;
        response.header = header(self.read_revision());
        Ok(response)
    }

    fn push(&mut self, key: Vec<u8>, change: Change) {
        self.changed.push(key.clone());
        self.store.keys.push(key, change);
    }
}
