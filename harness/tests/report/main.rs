//! The report page: golden files, structure, safety, size, colours, the verb, and a look through a browser where there
//! is one.
//!
//! `UPDATE_GOLDEN=1 cargo test -p rashomon --test report` writes the golden files anew; the difference is to be reviewed.
//! `REPORT_PAGES=FOLDER` keeps the whole pages of all samples, to be looked at.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests do")]

mod browser;
mod checks;
mod colours;
mod html;
mod samples;
mod verb;

use std::collections::BTreeSet;
use std::path::Path;

use rashomon::report::{self, HISTORY_ROWS_MAX, RunRecord};
use rashomon_checker::Value;
use rashomon_checker::check::{CheckOptions, ModelKind, Validity, check};
use rashomon_checker::counterexample::Counterexample;
use rashomon_checker::history::{History, Outcome};

use html::{Tag, data, tags};

/// The page without what has files or tests of its own: style, script, JSON; one element a line.
fn skeleton(page: &str) -> String {
    let mut page = page.to_owned();
    for (open, close) in [
        ("<style>", "</style>"),
        ("<script>", "</script>"),
        ("<script type=\"application/json\" id=\"verdict\">", "</script>"),
        ("<script type=\"application/json\" id=\"operations\">", "</script>"),
        ("style-src &#39;", "&#39;"),
        ("script-src &#39;", "&#39;"),
    ] {
        if let Some((before, rest)) = page.split_once(open) {
            let (_, after) = rest.split_once(close).unwrap();
            page = format!("{before}{open}{close}{after}");
        }
    }
    page.replace("><", ">\n<")
        .replace(concat!("rashomon ", env!("CARGO_PKG_VERSION")), "rashomon VERSION")
}

#[test]
fn pages_are_as_they_were() {
    for (name, run) in [
        ("stale-read", samples::stale_read()),
        ("twelve-faults", samples::twelve_faults()),
        ("nothing", samples::nothing()),
        ("without-times", samples::without_times()),
    ] {
        assert_as_it_was(name, &report::render(&run));
    }
}

/// Compares a page with its golden file.
fn assert_as_it_was(name: &str, page: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/golden");
    let path = folder.join(format!("{name}.html"));
    let now = skeleton(page);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let then = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (now, then)) in now.lines().zip(then.lines()).enumerate() {
        assert_eq!(
            now,
            then,
            "{}:{}: UPDATE_GOLDEN=1 takes the page as it is now",
            path.display(),
            line + 1
        );
    }
    assert_eq!(now.lines().count(), then.lines().count(), "{}", path.display());
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    for (name, run) in samples::all() {
        let page = report::render(&run);
        assert_eq!(page, report::render(&run.clone()), "{name}");
        if let Some(folder) = std::env::var_os("REPORT_PAGES") {
            std::fs::write(Path::new(&folder).join(format!("{name}.html")), page).unwrap();
        }
    }
}

#[test]
fn verdicts_differ_in_words_class_and_shape() {
    let mut shapes = BTreeSet::new();
    for (run, words, class) in [
        (samples::stale_read(), "NOT LINEARIZABLE", "invalid"),
        (samples::nine_nodes(), "LINEARIZABLE", "valid"),
        (samples::unknown(), "UNKNOWN", "unknown"),
    ] {
        let tags = tags(&report::render(&run));
        let headings: Vec<_> =
            tags.iter().filter(|tag| tag.name == "h1").map(|tag| tag.text.as_str()).collect();
        assert_eq!(headings, [words]);
        assert!(tags.iter().any(|tag| tag.has_class("verdict") && tag.has_class(class)));
        let shape = tags.iter().find(|tag| tag.has_class("face")).unwrap();
        shapes.insert((shape.name.clone(), shape.attribute("d").map(str::to_owned)));
    }
    assert_eq!(shapes.len(), 3);
}

/// The terminal says the verdict in its sentence; the page says it above.
#[test]
fn the_sentence_does_not_repeat_the_verdict() {
    for (mut run, prefix) in [
        (samples::stale_read(), "not linearizable: "),
        (samples::nine_nodes(), "linearizable: "),
        (samples::unknown(), "unknown: "),
    ] {
        run.verdict.sentence = format!("{prefix}all is told here");
        let tags = tags(&report::render(&run));
        let sentence = tags.iter().find(|tag| tag.has_class("sentence")).unwrap();
        assert_eq!(sentence.text, "All is told here.");
    }
}

/// What must hold of any drawn counterexample.
fn assert_drawn(tags: &[Tag], example: &Counterexample) {
    let marks = |tag: &&Tag| tag.name == "g" && tag.has_class("op");
    let mut drawn: Vec<usize> = tags
        .iter()
        .filter(marks)
        .map(|tag| tag.attribute("data-op").unwrap().parse().unwrap())
        .collect();
    drawn.sort_unstable();
    let mut expected: Vec<usize> =
        example.operations.iter().map(|operation| operation.id.0).collect();
    expected.sort_unstable();
    assert_eq!(drawn, expected, "each operation is drawn once");
    let listed: BTreeSet<&str> =
        tags.iter().filter(|tag| tag.name == "li").filter_map(|tag| tag.attribute("id")).collect();
    assert!(expected.iter().all(|id| listed.contains(format!("op-{id}").as_str())), "{listed:?}");
    let blocked: Vec<_> =
        tags.iter().filter(marks).filter(|tag| tag.has_class("blocked")).collect();
    assert_eq!(blocked.len(), 1);
    assert_eq!(blocked[0].attribute("data-op"), Some(example.blocked.0.to_string().as_str()));
    let contradicted =
        tags.iter().filter(marks).filter(|tag| tag.has_class("contradicted")).count();
    assert_eq!(contradicted, usize::from(example.contradicts.is_some()));
    let points = tags.iter().filter(|tag| tag.has_class("point")).count();
    assert_eq!(points, example.linearization.len());
    let states = tags.iter().filter(|tag| tag.name == "g" && tag.has_class("state")).count();
    assert_eq!(
        states,
        example.linearization.len() + 1,
        "the state at the start and after each step"
    );
}

fn example(run: &RunRecord) -> &Counterexample {
    run.verdict.check.as_ref().unwrap().counterexample.as_ref().unwrap()
}

#[test]
fn a_counterexample_is_drawn_and_told() {
    for run in [samples::stale_read(), samples::forty_operations(), samples::without_times()] {
        assert_drawn(&tags(&report::render(&run)), example(&run));
    }
}

/// The checker's own counterexample of a recorded history, not one made up to suit the page.
#[test]
fn what_stands_out_is_seen_without_scrolling() {
    for run in [samples::stale_read(), samples::own_stale_read()] {
        let page = tags(&report::render(&run));
        let number = |tag: &Tag, name: &str| tag.attribute(name).unwrap().parse::<f64>().unwrap();
        let picture = page.iter().find(|tag| tag.has_class("picture")).unwrap();
        // The page's column without the names of the rows.
        assert!(number(picture, "width") <= 1_050.0, "{picture:?}");
        let badge = |sign: char| {
            let badges = page.iter().filter(|tag| tag.has_class("badge"));
            let tag = badges.into_iter().find(|tag| tag.text.starts_with(sign)).unwrap();
            (tag.attribute("y").unwrap(), number(tag, "x"), tag.text.chars().count() as f64 * 7.0)
        };
        let ((row, x, width), (blocked_row, blocked_x, _)) = (badge('▲'), badge('✕'));
        assert!(row != blocked_row || x + width < blocked_x, "{x} + {width} runs into {blocked_x}");
    }
}

#[test]
fn what_the_checker_finds_is_drawn() {
    let mut run = samples::stale_read();
    let history = History::from_events(&run.history).unwrap();
    let options = CheckOptions {
        memory_bytes_max: 256 << 20,
        should_stop: &|| false,
        threads: 1,
        initial: None,
        failed_cas_observed: false,
        ..CheckOptions::default()
    };
    run.history.retain(|event| event.key.as_deref() == Some("k7"));
    let small = History::from_events(&run.history).unwrap();
    assert!(history.len() > small.len());
    let found = check(&small, ModelKind::Register, &options).unwrap();
    assert_eq!(found.validity, Validity::Invalid);
    run.verdict.check = Some(found);
    run.verdict.sentence.clone_from(&example(&run).sentence.clone());
    let page = report::render(&run);
    assert_drawn(&tags(&page), example(&run));
    if let Some(folder) = std::env::var_os("REPORT_PAGES") {
        std::fs::write(Path::new(&folder).join("real-check.html"), page).unwrap();
    }
}

#[test]
fn more_operations_than_a_picture_holds_are_cut_and_the_page_says_so() {
    let mut run = samples::forty_operations();
    let all = example(&run).operations.clone();
    let example = run.verdict.check.as_mut().unwrap().counterexample.as_mut().unwrap();
    for copy in 0..2 {
        for mut operation in all.iter().take(30).cloned() {
            operation.id.0 += 1_000 * (copy + 1);
            operation.process.0 += 1_000;
            example.operations.insert(0, operation);
        }
    }
    assert_eq!(example.operations.len(), 100);
    let page = report::render(&run);
    let tags = tags(&page);
    assert_eq!(tags.iter().filter(|tag| tag.name == "g" && tag.has_class("op")).count(), 60);
    assert_eq!(tags.iter().filter(|tag| tag.name == "g" && tag.has_class("blocked")).count(), 1);
    assert!(page.contains("Only the 60 operations nearest to the failure are drawn, of 100"));
}

#[test]
fn an_invalid_run_without_a_counterexample_says_so() {
    let mut run = samples::stale_read();
    run.verdict.check.as_mut().unwrap().counterexample = None;
    let page = report::render(&run);
    assert!(page.contains("The checker handed out none"));
    assert!(data(&page, "operations").is_none());
}

#[test]
fn faults_are_shown_with_state_and_evidence() {
    let page = report::render(&samples::twelve_faults());
    let tags = tags(&page);
    let count = |class: &str| tags.iter().filter(|tag| tag.has_class(class)).count();
    assert_eq!(
        (count("state-healed"), count("state-not-healed"), count("state-not-installed")),
        (10, 1, 1)
    );
    assert_eq!(tags.iter().filter(|tag| tag.name == "g" && tag.has_class("fault")).count(), 12);
    for text in [
        "no traffic on the links while cut",
        "n4 pid 4712 state T after SIGCONT",
        "pid 4711 gone, signal 9",
    ] {
        // Once as a tip of the drawing, once in the table.
        assert!(page.matches(text).count() >= 2, "{text}");
    }
}

#[test]
fn bugs_that_were_switched_on_are_flagged() {
    let flagged =
        |run: &RunRecord| tags(&report::render(run)).iter().any(|tag| tag.has_class("bugs"));
    assert!(flagged(&samples::stale_read()));
    assert!(!flagged(&samples::forty_operations()));
}

/// Whatever the system under test says, the page consists of our own elements and attributes.
#[test]
fn nothing_that_was_said_becomes_markup() {
    let names = |page: &str| tags(page).into_iter().map(|tag| tag.name).collect::<BTreeSet<_>>();
    let mut ours: BTreeSet<String> = samples::all()
        .into_iter()
        .filter(|(name, _)| *name != "hostile")
        .flat_map(|(_, run)| names(&report::render(&run)))
        .collect();
    ours.extend(["details", "summary", "pre"].map(str::to_owned));
    let page = report::render(&samples::hostile());
    assert_eq!(names(&page).difference(&ours).collect::<Vec<_>>(), Vec::<&String>::new());
    for tag in tags(&page) {
        let odd = |(name, _): &&(String, String)| {
            name.starts_with("on") || name == "style" || name == "src"
        };
        assert_eq!(tag.attributes.iter().find(odd), None, "{}", tag.name);
    }
    assert!(
        !page.contains("<img")
            && !page.contains('\u{202e}')
            && !page.contains('\u{2028}')
            && !page.contains('\0')
    );
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert!(page.contains("{{banner}}"), "a placeholder that was said is text");
}

#[test]
fn long_values_are_cut_with_a_note() {
    let page = report::render(&samples::hostile());
    assert!(page.contains("… (cut: 1,048,6"), "the note says how much there was");
    let longest =
        |tag: &Tag| tag.name != "script" && tag.name != "style" && tag.text.len() > 20_000;
    assert!(!tags(&page).iter().any(longest));
    let json = data(&page, "operations").unwrap();
    assert!(json.len() < 2_000_000, "{}", json.len());
}

#[test]
fn the_page_reaches_for_nothing() {
    for (name, run) in samples::all() {
        let page = report::render(&run);
        let all = tags(&page);
        let policy = all
            .iter()
            .find(|tag| tag.attribute("http-equiv") == Some("Content-Security-Policy"))
            .unwrap();
        let policy = policy.attribute("content").unwrap();
        assert!(
            policy.starts_with("default-src &#39;none&#39;; style-src &#39;sha256-"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        for tag in &all {
            for (attribute, value) in &tag.attributes {
                let inside = value.starts_with('#') || value.starts_with("data:");
                assert!(
                    !["href", "src", "action", "data"].contains(&attribute.as_str()) || inside,
                    "{name}: {tag:?}"
                );
            }
            let loads = ["img", "iframe", "object", "embed", "video", "audio", "form", "base"];
            assert!(!loads.contains(&tag.name.as_str()), "{name}: {tag:?}");
        }
        let style = &all.iter().find(|tag| tag.name == "style").unwrap().text;
        assert!(!style.contains("@import") && !style.contains("//"), "{name}");
        assert!(style.matches("url(").count() == style.matches("url(#").count(), "{name}");
    }
}

#[test]
fn programs_can_read_the_verdict() {
    for (name, run) in samples::all() {
        let embedded: serde_json::Value =
            serde_json::from_str(&data(&report::render(&run), "verdict").unwrap()).unwrap();
        assert_eq!(embedded, serde_json::to_value(&run.verdict).unwrap(), "{name}");
    }
    let mut run = samples::hostile();
    run.verdict.reasons = vec!["x".repeat(5 << 20)];
    let page = report::render(&run);
    let embedded: serde_json::Value =
        serde_json::from_str(&data(&page, "verdict").unwrap()).unwrap();
    assert_eq!(embedded["instead"], "too large for the page: see verdict.json in the run folder");
    assert_eq!(embedded["validity"], "invalid");
}

#[test]
fn the_history_around_the_failure_is_embedded() {
    let run = samples::without_times();
    let page = report::render(&run);
    let json: serde_json::Value =
        serde_json::from_str(&data(&page, "operations").unwrap()).unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), HISTORY_ROWS_MAX);
    let blocked = example(&run).blocked.0;
    let place = rows.iter().position(|row| row[0] == blocked).unwrap();
    assert_eq!(place, HISTORY_ROWS_MAX / 2, "the failure is in the middle");
    assert!(page.contains("only the 2,000 around the failure are listed"));
}

#[test]
fn a_hundred_thousand_operations_make_a_small_page() {
    let mut run = samples::stale_read();
    let last = run.history.last().unwrap().clone();
    for number in 0..100_000_u64 {
        let mut event = last.clone();
        event.index = run.history.len() as u64;
        event.time = Some(20_000 * samples::MILLI + number * 10_000);
        event.process.0 = 5_000 + number;
        event.key = Some("k7".to_owned());
        event.kind = rashomon_checker::history::EventKind::Invoke;
        run.history.push(event);
    }
    let page = report::render(&run);
    assert!(page.len() < 5_000_000, "{}", page.len());
    let shell = report::render(&samples::nothing());
    assert!(shell.len() < 100_000, "{}", shell.len());
}

#[test]
fn unknown_outcomes_are_never_shown_as_answers() {
    let run = samples::stale_read();
    let unknown = example(&run)
        .operations
        .iter()
        .find(|operation| operation.outcome == Outcome::Info)
        .unwrap();
    assert_eq!(unknown.input, Value::Int(43));
    let page = report::render(&run);
    assert!(page.contains("write 43 → ?") && !page.contains("write 43 → ok"));
}
