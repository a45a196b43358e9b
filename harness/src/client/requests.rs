//! How the objects of a workload are kept in an etcd-like store, and which requests an operation becomes.
//!
//! | shape | object | operation | requests |
//! |---|---|---|---|
//! | register | key `k` holds a JSON value | read | Range `k` |
//! | | | write | Put `k` |
//! | | | cas | Txn: if value of `k` = from (nil: if `k` is absent) then Put `k` |
//! | list | key `l` holds a JSON array | read | Range `l` |
//! | | | append | Range `l`; Txn: if `l` unchanged since then Put the longer array |
//! | set | keys `set/s/1`, `set/s/2`... | read | Range over the prefix `set/s/` |
//! | | | add | Put `set/s/<element>` |
//!
//! All ranges are linearizable. What a node answers is taken as seen: bytes that no client wrote become a text value, for the
//! checker to judge.

use std::time::Duration;

use rashomon_checker::Value;
use rashomon_workloads::{Invocation, Shape};

use super::outcome::Failure;
use crate::etcd_api::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::etcd_api::etcdserverpb::request_op::Request;
use crate::etcd_api::etcdserverpb::{
    Compare, PutRequest, RangeRequest, RangeResponse, RequestOp, TxnRequest,
};
use crate::etcd_api::mvccpb::KeyValue;
use crate::reach::Wire;

/// Performs one operation and says what it answered.
pub(super) async fn perform(
    wire: &mut impl Wire,
    shape: Shape,
    invocation: &Invocation,
    deadline: Duration,
) -> Result<Value, Failure> {
    let mut exchange = Exchange { wire, deadline };
    let (key, argument) = (invocation.key.as_str(), &invocation.value);
    match (shape, invocation.f) {
        (Shape::Register | Shape::List, "read") => return exchange.read(key).await,
        (Shape::Set, "read") => return exchange.read_set(key).await,
        (Shape::Register, "write") => exchange.put(key, argument).await?,
        (Shape::Register, "cas") => exchange.cas(key, argument).await?,
        (Shape::List, "append") => exchange.append(key, argument).await?,
        (Shape::Set, "add") => exchange.put(&element_key(key, argument), argument).await?,
        (shape, f) => unreachable!("no workload asks for {f} on a {shape:?}"),
    }
    Ok(argument.clone())
}

/// The requests of one operation, all under its deadline.
struct Exchange<'a, W> {
    wire: &'a mut W,
    deadline: Duration,
}

impl<W: Wire> Exchange<'_, W> {
    async fn read(&mut self, key: &str) -> Result<Value, Failure> {
        Ok(self.get(key).await?.map_or(Value::Nil, |found| parse(&found.value)))
    }

    async fn read_set(&mut self, key: &str) -> Result<Value, Failure> {
        let prefix = set_prefix(key).into_bytes();
        let mut end = prefix.clone();
        // The key right after everything that begins with `.../`: `/` is followed by `0`.
        *end.last_mut().expect("the prefix ends with a slash") += 1;
        let request =
            RangeRequest { key: prefix.clone(), range_end: end, ..RangeRequest::default() };
        let answer = self.range(request).await?;
        let elements = answer
            .kvs
            .iter()
            .map(|found| parse(found.key.strip_prefix(prefix.as_slice()).unwrap_or(&found.key)));
        let mut elements: Vec<Value> = elements.collect();
        elements.sort();
        Ok(Value::List(elements))
    }

    async fn put(&mut self, key: &str, value: &Value) -> Result<(), Failure> {
        let request = put_request(key, value);
        let answer = self.wire.put(request, self.deadline).await;
        answer.map(drop).map_err(|why| Failure::unanswered(why, true))
    }

    async fn cas(&mut self, key: &str, pair: &Value) -> Result<(), Failure> {
        let Some([from, to]) = pair.as_list() else {
            unreachable!("a compare-and-set has two values: {pair}");
        };
        let (target, union) = if from.is_nil() {
            (CompareTarget::Create, TargetUnion::CreateRevision(0))
        } else {
            (CompareTarget::Value, TargetUnion::Value(json(from)))
        };
        let guard = compare_equal(key, target, union);
        self.guarded_put(guard, put_request(key, to), "the value was another one").await
    }

    async fn append(&mut self, key: &str, element: &Value) -> Result<(), Failure> {
        let found = self.get(key).await?;
        let seen_at = found.as_ref().map_or(0, |found| found.mod_revision);
        let list = match found.map(|found| parse(&found.value)) {
            None => Vec::new(),
            Some(Value::List(list)) => list,
            Some(_) => return Err(Failure::nonsense("a list key holds no list", false)),
        };
        let longer = Value::List(list.into_iter().chain([element.clone()]).collect());
        // An absent key has modification revision 0, so one guard serves the first append as well.
        let guard = compare_equal(key, CompareTarget::Mod, TargetUnion::ModRevision(seen_at));
        self.guarded_put(guard, put_request(key, &longer), "the list changed since it was read")
            .await
    }

    async fn guarded_put(
        &mut self,
        guard: Compare,
        put: PutRequest,
        declined: &'static str,
    ) -> Result<(), Failure> {
        let put = RequestOp { request: Some(Request::RequestPut(put)) };
        let request = TxnRequest { compare: vec![guard], success: vec![put], failure: Vec::new() };
        let answer = self.wire.txn(request, self.deadline).await;
        let answer = answer.map_err(|why| Failure::unanswered(why, true))?;
        if answer.succeeded { Ok(()) } else { Err(Failure::declined(declined)) }
    }

    async fn get(&mut self, key: &str) -> Result<Option<KeyValue>, Failure> {
        let request = RangeRequest { key: key.into(), ..RangeRequest::default() };
        let mut answer = self.range(request).await?;
        if answer.kvs.len() > 1 {
            return Err(Failure::nonsense("several values for one key", false));
        }
        Ok(answer.kvs.pop())
    }

    async fn range(&mut self, request: RangeRequest) -> Result<RangeResponse, Failure> {
        let answer = self.wire.range(request, self.deadline).await;
        answer.map_err(|why| Failure::unanswered(why, false))
    }
}

fn put_request(key: &str, value: &Value) -> PutRequest {
    PutRequest { key: key.into(), value: json(value), ..PutRequest::default() }
}

fn compare_equal(key: &str, target: CompareTarget, union: TargetUnion) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key: key.into(),
        target_union: Some(union),
        range_end: Vec::new(),
    }
}

fn set_prefix(key: &str) -> String {
    format!("set/{key}/")
}

fn element_key(key: &str, element: &Value) -> String {
    format!("{}{}", set_prefix(key), String::from_utf8_lossy(&json(element)))
}

fn json(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a value always has a JSON form")
}

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::Text(String::from_utf8_lossy(bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_store() {
        for value in [Value::Int(-5), Value::from("a\"b"), Value::List(vec![Value::Int(1)])] {
            assert_eq!(parse(&json(&value)), value);
        }
    }

    #[test]
    fn bytes_that_no_client_wrote_are_reported_as_seen() {
        assert_eq!(parse(b"4711x"), Value::from("4711x"));
        assert_eq!(parse(b"\xff"), Value::from("\u{fffd}"));
    }

    #[test]
    fn elements_of_one_set_share_a_prefix_that_no_other_set_has() {
        let key = element_key("s1", &Value::Int(12));
        assert_eq!(key, "set/s1/12");
        assert!(!element_key("s12", &Value::Int(1)).starts_with(&set_prefix("s1")));
    }
}
