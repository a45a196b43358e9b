//! The page of `rashomon check --report`.

use std::collections::BTreeSet;

use rashomon::checked::{Asked, Checked, CheckedFile, Found, Trouble};
use rashomon::codec::InputFormat;
use rashomon::report::RunRecord;
use rashomon::report::checks::{self, MARK, MARK_WITHIN, PAGE_BYTES_MAX};
use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::{Event, History};
use rashomon_checker::properties::{self, PropertyKind, PropertyOptions};
use rashomon_checker::transactions::{self, TransactionOptions};

use super::html::tags;
use super::{assert_as_it_was, browser, samples};

fn file(name: &str, asked: Asked, outcome: Result<Found, Trouble>) -> CheckedFile {
    CheckedFile {
        name: name.to_owned(),
        format: Some(InputFormat::Jsonl),
        operations: 3,
        crashed: 0,
        warnings: Vec::new(),
        checks: vec![Checked { asked, seconds: 0.0125, outcome }],
        trouble: None,
        streamed: None,
    }
}

/// What a check of a run's history said.
fn of_run(name: &str, run: &RunRecord) -> CheckedFile {
    let report = run.verdict.check.clone().unwrap();
    let (operations, crashed) = (report.operations, report.crashed);
    let found = Found::Model(Value::Nil, report);
    let file = file(name, Asked::Model(ModelKind::Register), Ok(found));
    CheckedFile { operations, crashed, ..file }
}

fn history(lines: &str) -> History {
    let events: Vec<Event> =
        lines.trim().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    History::from_events(&events).unwrap()
}

fn bank() -> CheckedFile {
    let history = history(
        r#"{"index":0,"process":1,"type":"invoke","f":"read","value":null}
{"index":1,"process":1,"type":"ok","f":"read","value":[["<b>",60],["b",30]]}"#,
    );
    let options = PropertyOptions { total: Some(100), ..PropertyOptions::default() };
    let report = properties::check(PropertyKind::Bank, &history, &options).unwrap();
    file("bank.jsonl", Asked::Property(PropertyKind::Bank), Ok(Found::Property(report)))
}

fn lists() -> CheckedFile {
    let history = history(
        r#"{"index":0,"process":0,"type":"invoke","f":"txn","value":[["append","x",1]]}
{"index":1,"process":0,"type":"ok","f":"txn","value":[["append","x",1]]}
{"index":2,"process":1,"type":"invoke","f":"txn","value":[["r","x",null]]}
{"index":3,"process":1,"type":"ok","f":"txn","value":[["r","x",[]]]}"#,
    );
    let report = transactions::check(&history, &TransactionOptions::default()).unwrap();
    let asked = Asked::Transactions(report.consistency);
    file("lists.jsonl", asked, Ok(Found::Transactions(report)))
}

fn several() -> Vec<CheckedFile> {
    let trouble = || Trouble::Input("broken.edn:7: no <form> \u{202e}".to_owned());
    vec![
        of_run("runs/1/history.jsonl", &samples::nine_nodes()),
        of_run("runs/2/history.jsonl", &samples::stale_read()),
        of_run("runs/3/history.jsonl", &samples::unknown()),
        file("misfit.edn", Asked::Model(ModelKind::Set), Err(trouble())),
        CheckedFile { checks: Vec::new(), trouble: Some(trouble()), ..bank() },
        bank(),
        lists(),
        of_run("runs/4/history.jsonl", &samples::without_times()),
    ]
}

#[test]
fn the_page_is_as_it_was() {
    assert_as_it_was("checks", &checks::render(&several()));
}

#[test]
fn every_file_is_listed_and_every_link_leads_somewhere() {
    for files in [Vec::new(), several(), vec![of_run("h", &samples::nine_nodes())]] {
        let page = checks::render(&files);
        let tags = tags(&page);
        let rows =
            tags.iter().filter(|tag| tag.name == "th" && tag.attribute("scope") == Some("row"));
        assert_eq!(rows.count(), files.len());
        let mut anchors = BTreeSet::new();
        for anchor in tags.iter().filter_map(|tag| tag.attribute("id")) {
            assert!(anchors.insert(anchor), "{anchor} is there twice");
        }
        for target in tags.iter().filter_map(|tag| tag.attribute("href")) {
            let inside = target.strip_prefix('#').is_none_or(|target| anchors.contains(target));
            assert!(inside, "{target} leads nowhere");
        }
        let cases = tags.iter().filter(|tag| tag.has_class("case")).count();
        assert_eq!(cases, if files.len() > 1 { 4 } else { 0 });
        assert!(page[..MARK_WITHIN].contains(MARK));
        assert!(page[..MARK_WITHIN].is_ascii());
    }
}

#[test]
fn invalid_files_come_first_and_a_few_stand_open() {
    let page = checks::render(&several());
    let at = |text: &str| page.find(&format!(">{text}</")).unwrap_or_else(|| panic!("no {text}"));
    assert!(at("runs/2/history.jsonl") < at("bank.jsonl"));
    assert!(at("runs/4/history.jsonl") < at("⬣ invalid") || at("⬣ invalid") < at("◆ unknown"));
    assert!(at("◆ unknown") < at("✕ none") && at("✕ none") < at("● valid"));
    assert_eq!(page.matches("<details class=\"case\" open>").count(), 3);
    assert!(page.contains("4 of 8 files cannot have come from a correct store"));
}

#[test]
fn nothing_that_a_history_says_is_markup() {
    let mut files = several();
    files.push(of_run("<img src=x onerror=alert(1)>", &samples::hostile()));
    let page = checks::render(&files);
    assert!(!page.contains("<img") && !page.contains("<form") && !page.contains("<b>6"));
    assert!(!page.contains('\u{202e}'), "nothing turns the reading order around");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn a_page_of_very_many_files_stays_usable() {
    let bad = of_run("bad.jsonl", &samples::forty_operations());
    let files = vec![bad; 400];
    let page = checks::render(&files);
    assert!(page.len() < PAGE_BYTES_MAX + PAGE_BYTES_MAX / 10, "{} bytes", page.len());
    let sections = page.matches("<details class=\"case\"").count();
    assert!((30..400).contains(&sections), "{sections} sections");
    assert!(page.contains(&format!("{} invalid files without a section", 400 - sections)));
    assert_eq!(page.matches("⬣ invalid").count(), 400, "the table has them all");
    assert_eq!(page.matches("<th scope=\"row\"><a href=").count(), sections);
}

#[test]
fn a_browser_opens_what_a_link_leads_to() {
    let page = checks::render(&several());
    let Some(seen) = browser::look_at(&page, "?theme=dark#file-4") else { return };
    assert_eq!(seen.complaints, Vec::<String>::new());
    assert_eq!(seen.document.matches("<details class=\"case\" open").count(), 4);
    assert!(seen.document.contains(">Close all</button>"), "the script ran");
    let none = browser::look_at(&checks::render(&[]), "").unwrap();
    assert_eq!(none.complaints, Vec::<String>::new());
}
