use super::*;

/// Lines `ms node term message`, as the node writes them.
fn testimony(script: &str) -> Testimony {
    let mut logs = vec![Vec::new(); 3];
    for line in script.lines() {
        let mut words = line.trim().splitn(4, ' ');
        let [ms, node, term, message] = std::array::from_fn(|_| words.next().unwrap());
        let (ms, node): (u64, usize) = (ms.parse().unwrap(), node.parse().unwrap());
        let line = format!(
            r#"{{"time":"2026-01-01T00:00:{:02}.{:03}000Z","level":"INFO","node":"n{node}","term":{term},"role":"x","message":"{message}"}}"#,
            ms / 1_000,
            ms % 1_000
        );
        logs[node - 1].extend_from_slice(line.as_bytes());
        logs[node - 1].push(b'\n');
    }
    Testimony::of(&logs)
}

fn found(script: &str) -> Vec<(String, String)> {
    let found = testimony(script).findings(Duration::from_millis(150));
    found.into_iter().map(|finding| (finding.oracle.to_string(), finding.what)).collect()
}

const CORRECT: &str = "0 1 0 started
    1 2 0 started
    2 3 0 started
    200 1 0 heard no leader: asking for pre-votes
    201 2 1 no leader known
    202 1 1 campaigning
    203 1 1 elected: this node leads
    204 2 1 following
    205 3 1 following
    400 1 1 started
    700 2 1 heard no leader: asking for pre-votes
    701 2 2 campaigning
    702 2 2 elected: this node leads
    703 3 2 following";

#[test]
fn correct_nodes_are_accused_of_nothing() {
    assert_eq!(found(CORRECT), []);
    assert_eq!(testimony(CORRECT).elections(), 2);
}

#[test]
fn two_leaders_of_one_term_are_named() {
    let also = format!("{CORRECT}\n 704 3 2 campaigning\n 705 3 2 elected: this node leads");
    let safety =
        ("invariant election-safety".to_owned(), "n2 and n3 were elected in term 2".to_owned());
    assert_eq!(found(&also), [safety]);
}

#[test]
fn whoever_leads_has_stood_for_election_since_it_began() {
    let resumed = format!("{CORRECT}\n 710 2 2 started\n 711 2 2 elected: this node leads");
    let what = "n2 leads term 2, in which it did not stand for election".to_owned();
    assert_eq!(found(&resumed), [("invariant elected-by-votes".to_owned(), what)]);
}

#[test]
fn a_leader_does_not_fall_back_behind_its_term() {
    let forgot = format!("{CORRECT}\n 710 2 0 started\n 711 2 1 following");
    let what = "n2 led term 2 and is in term 1 later".to_owned();
    assert_eq!(found(&forgot), [("invariant term-kept".to_owned(), what)]);
    assert_eq!(found(&format!("{CORRECT}\n 710 2 0 started")), [], "it has not read its disk yet");
}

#[test]
fn a_term_begins_with_a_candidate() {
    let bumped = format!("{CORRECT}\n 900 3 5 heard no leader: asking for pre-votes");
    let what = "n3 is in term 5, in which nobody stood for election".to_owned();
    assert_eq!(found(&bumped), [("invariant terms-by-candidates".to_owned(), what)]);
}

#[test]
fn a_follower_may_write_before_the_candidate_does() {
    assert_eq!(found("0 1 3 following\n 1 2 3 campaigning"), []);
}

#[test]
fn torn_lines_and_those_of_others_are_passed_over() {
    let mut logs =
        vec![b"{\"time\":\"2026-01-01T00:00:00Z\",\"te".to_vec(), b"\xff\n{}\n[1]\n".to_vec()];
    assert_eq!(Testimony::of(&logs), Testimony::default());
    logs[1].extend_from_slice(
        b"{\"time\":\"2026-01-01T00:00:00Z\",\"term\":1,\"message\":\"slow sync\"}\n",
    );
    assert_eq!(Testimony::of(&logs), Testimony::default());
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Testimony::read(folder.path(), 3).unwrap(), Testimony::default());
}
