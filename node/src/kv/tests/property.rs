//! Random requests to the store and to the naive one must be answered alike.

use proptest::prelude::*;

use super::naive::Naive;
use super::requests::{AnyRequest, any_request};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn the_store_answers_as_whole_copies_would(
        requests in prop::collection::vec(any_request(), 1..60),
    ) {
        let (mut store, mut naive) = (Store::new(), Naive::new());
        for request in &requests {
            match request {
                AnyRequest::Range(range) => prop_assert_eq!(store.range(range), naive.range(range)),
                AnyRequest::Write(write) => {
                    if let KvRequest::Txn(txn) = write
                        && is_read_only(txn)
                        && validate(write).is_ok()
                    {
                        let read = store.read_txn(txn).map(KvResponse::Txn);
                        prop_assert_eq!(read, naive.write(write));
                    }
                    prop_assert_eq!(apply(&mut store, write), naive.write(write));
                }
            }
        }
        for revision in 1..=store.revision() {
            let all = RangeRequest { revision, ..all() };
            prop_assert_eq!(store.range(&all), naive.range(&all));
        }
    }
}
