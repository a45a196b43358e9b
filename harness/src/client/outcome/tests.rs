use std::sync::Arc;

use super::*;

fn answered(status: Status, write_sent: bool) -> Failure {
    Failure::unanswered(status.into(), write_sent)
}

fn deadline(write_sent: bool) -> Failure {
    Failure::unanswered(Unanswered::Deadline, write_sent)
}

fn then(completion: &Completion) -> Then {
    match completion {
        Completion::Fail(_) => Then::Fail,
        Completion::Info(_) => Then::Info,
        Completion::Ok(_) => panic!("a failure is never ok: {completion:?}"),
    }
}

fn of_write(status: Status) -> Then {
    then(&answered(status, true).completion())
}

fn of_read(status: Status) -> Then {
    then(&answered(status, false).completion())
}

fn with_source(mut status: Status, source: impl Error + Send + Sync + 'static) -> Status {
    status.set_source(Arc::new(source));
    status
}

/// A status that only matches this row, or a later one with another answer.
fn example(row: &Row) -> Failure {
    let status = match &row.when {
        When::Deadline => return deadline(true),
        When::Spent => with_source(Status::unknown("transport"), io::Error::other(Spent)),
        When::Broken => with_source(
            Status::unavailable("transport"),
            io::Error::from(io::ErrorKind::ConnectionReset),
        ),
        When::Stated(outcome) => {
            let mut status = Status::unavailable("whatever");
            status.metadata_mut().insert(OUTCOME_KEY, outcome.parse().unwrap());
            status
        }
        When::Says(code, text) => Status::new(*code, format!("{text}, possibly for a reason")),
        When::Code(code) => Status::new(*code, "etcdserver: something new"),
    };
    answered(status, true)
}

#[test]
fn every_row_decides_its_case_and_gives_its_reason() {
    for row in TABLE {
        let completion = example(row).completion();
        assert_eq!(then(&completion), row.then, "{row:?}");
        let (Completion::Fail(reason) | Completion::Info(reason)) = completion else {
            panic!("{row:?}");
        };
        assert!(reason.ends_with(&format!("({})", row.why)), "{row:?} was shadowed: {reason}");
    }
}

#[test]
fn every_code_but_ok_has_a_row() {
    for number in 1..=16 {
        let code = Code::from(number);
        let known = TABLE.iter().any(|row| matches!(row.when, When::Code(known) if known == code));
        assert!(known, "{code:?}");
    }
}

#[test]
fn an_unanswered_read_is_a_fail_whatever_was_met() {
    for row in TABLE {
        let Failure { met, .. } = example(row);
        let completion = Failure { met, write_sent: false }.completion();
        assert_eq!(then(&completion), Then::Fail, "{row:?}");
    }
    assert_eq!(of_read(Status::unavailable("etcdserver: leader changed")), Then::Fail);
    assert_eq!(then(&deadline(false).completion()), Then::Fail);
}

#[test]
fn a_write_past_its_deadline_is_never_a_fail() {
    assert_eq!(then(&deadline(true).completion()), Then::Info);
    assert_eq!(of_write(Status::deadline_exceeded("")), Then::Info);
}

#[test]
fn without_a_connection_nothing_was_written() {
    let failure = Failure::from(NotOpened::Refused("connection refused".to_owned()));
    assert_eq!(
        failure.completion(),
        Completion::Fail("no connection: connection refused (nothing was written)".to_owned())
    );
}

#[test]
fn a_node_that_knows_overrides_its_code() {
    let mut status = Status::unavailable("etcdserver: leader changed");
    status.metadata_mut().insert(OUTCOME_KEY, "fail".parse().unwrap());
    assert_eq!(of_write(status), Then::Fail);
    let mut status = Status::invalid_argument("late");
    status.metadata_mut().insert(OUTCOME_KEY, "info".parse().unwrap());
    assert_eq!(of_write(status), Then::Info);
}

/// The transport invents codes (a reset stream can come as `ResourceExhausted`), which prove nothing.
#[test]
fn codes_of_the_transport_prove_nothing() {
    let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
    let status = with_source(Status::resource_exhausted("enhance your calm"), reset());
    assert_eq!(of_write(status), Then::Info);
    let status = with_source(Status::invalid_argument("header"), reset());
    assert_eq!(of_write(status), Then::Info);
}

#[test]
fn a_declined_compare_is_a_fail() {
    let failure = Failure::declined("the value differed");
    assert_eq!(failure.completion(), Completion::Fail("the value differed".to_owned()));
    assert!(!failure.spoils_connection());
}

#[test]
fn nonsense_after_a_write_is_unknown() {
    assert_eq!(then(&Failure::nonsense("no responses", true).completion()), Then::Info);
    assert_eq!(then(&Failure::nonsense("no responses", false).completion()), Then::Fail);
}

#[test]
fn a_lack_of_sockets_is_the_fault_of_the_harness() {
    let full = "Too many open files";
    let failure = Failure::from(NotOpened::NoSocket(full.to_owned()));
    assert_eq!(failure.of_the_harness(), Some(ClientError::NoSocket(full.to_owned())));
    let refused = NotOpened::Refused("Connection refused".to_owned());
    assert_eq!(Failure::from(refused).of_the_harness(), None);
}

#[test]
fn only_a_broken_connection_is_given_up() {
    assert!(!deadline(false).spoils_connection());
    assert!(!answered(Status::unavailable("etcdserver: no leader"), true).spoils_connection());
    let broken = with_source(Status::unknown(""), io::Error::from(io::ErrorKind::BrokenPipe));
    assert!(answered(broken, true).spoils_connection());
}
