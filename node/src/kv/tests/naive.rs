//! The obvious store: a whole copy of the state for every revision, and lists searched from end to end.

#![expect(clippy::cast_possible_wrap, reason = "lengths of a test's collections")]

use std::collections::BTreeMap;

use super::*;
use crate::kv::command::header;

type State = BTreeMap<Vec<u8>, KeyValue>;

/// `history[r - 1]` is the state at revision r.
pub(super) struct Naive {
    history: Vec<State>,
}

impl Naive {
    pub(super) fn new() -> Self {
        Self { history: vec![State::new()] }
    }

    fn revision(&self) -> i64 {
        self.history.len() as i64
    }

    pub(super) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, KvError> {
        let history: Vec<&State> = self.history.iter().collect();
        range_of(&history, request)
    }

    pub(super) fn write(&mut self, request: &KvRequest) -> Result<KvResponse, KvError> {
        let mut draft = Draft { history: &self.history, state: None };
        let response = match request {
            KvRequest::Put(put) => {
                if put.key.is_empty() {
                    return Err(KvError::EmptyKey);
                }
                check_put_fields(put)?;
                if put.lease != 0 {
                    return Err(KvError::LeaseNotFound);
                }
                KvResponse::Put(draft.put(put)?)
            }
            KvRequest::DeleteRange(delete) => {
                if delete.key.is_empty() {
                    return Err(KvError::EmptyKey);
                }
                KvResponse::DeleteRange(draft.delete(delete))
            }
            KvRequest::Txn(txn) => {
                check_shape(txn)?;
                writes(&txn.success)?;
                writes(&txn.failure)?;
                draft.precheck(txn)?;
                let mut response = draft.txn(txn)?;
                response.header = header(draft.revision());
                KvResponse::Txn(response)
            }
        };
        if let Some(state) = draft.state {
            self.history.push(state);
        }
        debug_assert!(self.revision() > 0);
        Ok(response)
    }
}

fn in_range(key: &[u8], start: &[u8], end: &[u8]) -> bool {
    match end {
        [] => key == start,
        [0] => key >= start,
        end => key >= start && key < end,
    }
}

fn select<'a>(state: &'a State, key: &[u8], range_end: &[u8]) -> Vec<&'a KeyValue> {
    state.values().filter(|kv| in_range(&kv.key, key, range_end)).collect()
}

fn range_of(history: &[&State], request: &RangeRequest) -> Result<RangeResponse, KvError> {
    if request.key.is_empty() {
        return Err(KvError::EmptyKey);
    }
    let current = history.len() as i64;
    if request.revision > current {
        return Err(KvError::FutureRevision);
    }
    let at = if request.revision <= 0 { current } else { request.revision };
    let mut kvs: Vec<KeyValue> = select(history[at as usize - 1], &request.key, &request.range_end)
        .into_iter()
        .cloned()
        .collect();
    let count = kvs.len() as i64;
    if request.count_only {
        kvs.clear();
    }
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    if request.sort_order == 0 && request.limit > 0 && filters == [0; 4] {
        // etcd's quirk: "no order" sorts by the target, but only what it fetched.
        kvs.truncate((request.limit as usize).saturating_add(1));
    }
    let unset_or = |bound: i64, holds: bool| bound == 0 || holds;
    kvs.retain(|kv| {
        unset_or(request.min_mod_revision, kv.mod_revision >= request.min_mod_revision)
    });
    kvs.retain(|kv| {
        unset_or(request.max_mod_revision, kv.mod_revision <= request.max_mod_revision)
    });
    kvs.retain(|kv| {
        unset_or(request.min_create_revision, kv.create_revision >= request.min_create_revision)
    });
    kvs.retain(|kv| {
        unset_or(request.max_create_revision, kv.create_revision <= request.max_create_revision)
    });
    let number = |kv: &KeyValue| match request.sort_target {
        1 => kv.version,
        2 => kv.create_revision,
        _ => kv.mod_revision,
    };
    let descending = request.sort_order == 2;
    kvs.sort_by(|a, b| {
        let order = match request.sort_target {
            0 => a.key.cmp(&b.key),
            4 => a.value.cmp(&b.value),
            _ => number(a).cmp(&number(b)),
        };
        if descending { order.reverse() } else { order }
    });
    let more = request.limit > 0 && kvs.len() as i64 > request.limit;
    if more {
        kvs.truncate(request.limit as usize);
    }
    if request.keys_only {
        for kv in &mut kvs {
            kv.value.clear();
        }
    }
    Ok(RangeResponse { header: header(current), kvs, more, count })
}

fn check_put_fields(put: &PutRequest) -> Result<(), KvError> {
    match put {
        _ if put.ignore_value && !put.value.is_empty() => Err(KvError::ValueProvided),
        _ if put.ignore_lease && put.lease != 0 => Err(KvError::LeaseProvided),
        _ => Ok(()),
    }
}

fn check_shape(txn: &TxnRequest) -> Result<(), KvError> {
    if txn.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(KvError::EmptyKey);
    }
    for op in txn.success.iter().chain(&txn.failure) {
        let key = match op.request.as_ref().ok_or(KvError::KeyNotFound)? {
            Request::RequestRange(range) => &range.key,
            Request::RequestPut(put) => &put.key,
            Request::RequestDeleteRange(delete) => &delete.key,
            Request::RequestTxn(txn) => {
                check_shape(txn)?;
                continue;
            }
        };
        if key.is_empty() {
            return Err(KvError::EmptyKey);
        }
        if let Some(Request::RequestPut(put)) = &op.request {
            check_put_fields(put)?;
        }
    }
    Ok(())
}

type Written = (Vec<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>);

fn writes(ops: &[RequestOp]) -> Result<Written, KvError> {
    let (mut puts, mut deletes): Written = (Vec::new(), Vec::new());
    for op in ops {
        if let Some(Request::RequestDeleteRange(delete)) = &op.request {
            deletes.push((delete.key.clone(), delete.range_end.clone()));
        }
    }
    let hit =
        |deletes: &[(Vec<u8>, Vec<u8>)], key: &Vec<u8>| {
            // "\0" as an end is below every key, so it never hits; etcd's quirk.
            deletes.iter().any(|(start, end)| {
                if end.is_empty() { key == start } else { key >= start && key < end }
            })
        };
    for op in ops {
        let Some(Request::RequestTxn(txn)) = &op.request else { continue };
        let ((yes, yes_deletes), (no, no_deletes)) = (writes(&txn.success)?, writes(&txn.failure)?);
        for key in yes.iter().chain(no.iter().filter(|key| !yes.contains(key))) {
            if puts.contains(key) || hit(&deletes, key) {
                return Err(KvError::DuplicateKey);
            }
        }
        puts.extend(yes);
        puts.extend(no);
        deletes.extend(yes_deletes);
        deletes.extend(no_deletes);
    }
    for op in ops {
        let Some(Request::RequestPut(put)) = &op.request else { continue };
        if puts.contains(&put.key) || hit(&deletes, &put.key) {
            return Err(KvError::DuplicateKey);
        }
        puts.push(put.key.clone());
    }
    Ok((puts, deletes))
}

/// A write under way; `state` is set by its first change.
struct Draft<'a> {
    history: &'a [State],
    state: Option<State>,
}

impl Draft<'_> {
    fn base(&self) -> &State {
        self.history.last().expect("there is always revision 1")
    }

    fn current(&self) -> &State {
        self.state.as_ref().unwrap_or_else(|| self.base())
    }

    fn revision(&self) -> i64 {
        self.history.len() as i64 + i64::from(self.state.is_some())
    }

    fn change(&mut self) -> &mut State {
        let base = self.base().clone();
        self.state.get_or_insert(base)
    }

    fn put(&mut self, request: &PutRequest) -> Result<PutResponse, KvError> {
        let previous = self.current().get(&request.key).cloned();
        if (request.ignore_value || request.ignore_lease) && previous.is_none() {
            return Err(KvError::KeyNotFound);
        }
        let revision = self.history.len() as i64 + 1;
        let mut kv = previous.clone().unwrap_or(KeyValue {
            key: request.key.clone(),
            create_revision: revision,
            ..KeyValue::default()
        });
        kv.version += 1;
        kv.mod_revision = revision;
        if !request.ignore_value {
            kv.value.clone_from(&request.value);
        }
        self.change().insert(request.key.clone(), kv);
        Ok(PutResponse { header: header(revision), prev_kv: previous.filter(|_| request.prev_kv) })
    }

    fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let gone: Vec<KeyValue> =
            select(self.current(), &request.key, &request.range_end).into_iter().cloned().collect();
        for kv in &gone {
            self.change().remove(&kv.key);
        }
        DeleteRangeResponse {
            header: header(self.revision()),
            deleted: gone.len() as i64,
            prev_kvs: if request.prev_kv { gone } else { Vec::new() },
        }
    }

    fn compare(&self, compare: &Compare) -> bool {
        let found = select(self.base(), &compare.key, &compare.range_end);
        if found.is_empty() {
            return compare.target != 3 && compare_one(compare, &KeyValue::default());
        }
        found.into_iter().all(|kv| compare_one(compare, kv))
    }

    fn branch<'t>(&self, txn: &'t TxnRequest) -> (bool, &'t [RequestOp]) {
        let succeeded = txn.compare.iter().all(|compare| self.compare(compare));
        (succeeded, if succeeded { &txn.success } else { &txn.failure })
    }

    fn chosen_ops<'t>(&self, txn: &'t TxnRequest, out: &mut Vec<&'t Request>) {
        for op in self.branch(txn).1 {
            match op.request.as_ref().expect("checked") {
                Request::RequestTxn(nested) => self.chosen_ops(nested, out),
                leaf => out.push(leaf),
            }
        }
    }

    fn precheck(&self, txn: &TxnRequest) -> Result<(), KvError> {
        let mut ops = Vec::new();
        self.chosen_ops(txn, &mut ops);
        for op in &ops {
            let Request::RequestPut(put) = op else { continue };
            if (put.ignore_value || put.ignore_lease) && !self.base().contains_key(&put.key) {
                return Err(KvError::KeyNotFound);
            }
            if put.lease != 0 {
                return Err(KvError::LeaseNotFound);
            }
        }
        for op in &ops {
            let Request::RequestRange(range) = op else { continue };
            if range.revision > self.history.len() as i64 {
                return Err(KvError::FutureRevision);
            }
            if range.revision < -1 {
                return Err(KvError::Compacted);
            }
        }
        Ok(())
    }

    fn txn(&mut self, txn: &TxnRequest) -> Result<TxnResponse, KvError> {
        let (succeeded, ops) = self.branch(txn);
        let mut responses = Vec::new();
        for op in ops {
            let response = match op.request.as_ref().expect("checked") {
                Request::RequestRange(range) => {
                    let history: Vec<&State> = self.history.iter().chain(&self.state).collect();
                    Response::ResponseRange(range_of(&history, range)?)
                }
                Request::RequestPut(put) => Response::ResponsePut(self.put(put)?),
                Request::RequestDeleteRange(delete) => {
                    Response::ResponseDeleteRange(self.delete(delete))
                }
                Request::RequestTxn(nested) => Response::ResponseTxn(self.txn(nested)?),
            };
            responses.push(crate::proto::etcdserverpb::ResponseOp { response: Some(response) });
        }
        Ok(TxnResponse { header: header(0), succeeded, responses })
    }
}

fn compare_one(compare: &Compare, kv: &KeyValue) -> bool {
    let operand = compare.target_union.clone();
    let order = match (compare.target, operand) {
        (0, Some(TargetUnion::Version(number))) => kv.version.cmp(&number),
        (1, Some(TargetUnion::CreateRevision(number))) => kv.create_revision.cmp(&number),
        (2, Some(TargetUnion::ModRevision(number))) => kv.mod_revision.cmp(&number),
        (3, Some(TargetUnion::Value(value))) => kv.value.cmp(&value),
        (4, Some(TargetUnion::Lease(number))) => 0.cmp(&number),
        (0, _) => kv.version.cmp(&0),
        (1, _) => kv.create_revision.cmp(&0),
        (2, _) => kv.mod_revision.cmp(&0),
        (3, _) => kv.value.cmp(&Vec::new()),
        _ => std::cmp::Ordering::Equal,
    };
    match compare.result {
        0 => order.is_eq(),
        1 => order.is_gt(),
        2 => order.is_lt(),
        3 => order.is_ne(),
        _ => true,
    }
}
