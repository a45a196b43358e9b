//! The page of `rashomon bugs`: which built-in bugs were caught, by whom, how soon, and what that took.
//!
//! ```text
//! in one sentence        banner
//! classes                caught of hunted, a column for each backend
//! correct builds         runs, operations, alarms, bound
//! survivors              each with why
//! matrix                 bugs by oracles, time on a logarithmic scale, needs, example (`table.rs`, `scale.rs`)
//! not built              folded
//! how it was made
//! ```
//!
//! A pure function of the matrix, with the style, script and rules of all pages.

mod scale;
mod table;

use rashomon_checker::check::Validity;

use super::markup::Markup;
use super::{escape, header, page, units};
use crate::bugs::matrix::{BACKENDS, CLASSES, Clean, Matrix, Reason, Row};

const FRAME: &str = include_str!("kills.html");
const COMMAND_CHARS_MAX: usize = 2_000;
const WORDS_CHARS_MAX: usize = 1_000;

/// The whole page. Deterministic.
pub fn render(matrix: &Matrix) -> String {
    let face = header::face(validity(matrix));
    page::fill(FRAME, |out, name| {
        match name {
            "verb" => out.raw("bugs"),
            "point" => out.raw("matrix"),
            "data" => out,
            "title" => out.text(&format!("Kill matrix: {}", matrix.headline())),
            "icon" => out.text(face.icon),
            "subtitle" => out.raw("kill matrix"),
            "navigation" => out.add(&navigation(matrix)),
            "banner" => out.add(&banner(matrix)),
            "classes" => out.add(&classes(matrix)),
            "clean" => out.add(&clean(matrix)),
            "survivors" => out.add(&survivors(matrix)),
            "matrix" => out.add(&table::section(matrix)),
            "not-built" => out.add(&not_built(matrix)),
            "made" => out.add(&made(matrix)),
            "footer" => out.raw("rashomon ").text(matrix.tool_version),
            unknown => unreachable!("kills.html names a part that does not exist: {unknown}"),
        };
    })
}

/// Alarms are the worst: they make all catches doubtful.
fn validity(matrix: &Matrix) -> Validity {
    if matrix.alarms() > 0 {
        Validity::Invalid
    } else if matrix.rows.is_empty() || matrix.caught() < matrix.rows.len() {
        Validity::Unknown
    } else {
        Validity::Valid
    }
}

fn navigation(matrix: &Matrix) -> Markup {
    let mut out = Markup::new();
    for (there, target, name) in [
        (!matrix.classes.is_empty(), "#classes", "By class"),
        (!matrix.clean.is_empty(), "#clean", "Correct builds"),
        (!matrix.survivors().is_empty(), "#survivors", "Survivors"),
        (!matrix.rows.is_empty(), "#matrix", "Matrix"),
        (!matrix.not_built.is_empty(), "#not-built", "Not built"),
        (true, "#made", "Made by"),
    ] {
        if there {
            out.raw("<li>").tag("a").attr("href", target).text(name).raw("</li>");
        }
    }
    out
}

fn banner(matrix: &Matrix) -> Markup {
    let (caught, all) = (matrix.caught(), matrix.rows.len());
    let words = match validity(matrix) {
        Validity::Invalid => "FALSE ALARM",
        Validity::Valid => "ALL CAUGHT",
        Validity::Unknown if all == 0 => "NOTHING HUNTED",
        Validity::Unknown => "NOT ALL CAUGHT",
    };
    let mut out = Markup::new();
    header::open_banner(&mut out, validity(matrix), words);
    out.element("p", "sentence", &matrix.headline());
    out.raw("<ul class=\"figures\">");
    for class in CLASSES {
        let of_class = || matrix.rows.iter().filter(|row| row.class == class);
        let (all, caught) = (of_class().count(), of_class().filter(|row| row.caught).count());
        if all > 0 {
            out.raw("<li>").text(class).raw(" ").element("b", "", &format!("{caught}/{all}"));
            out.raw("</li>");
        }
    }
    let said = || matrix.rows.iter().flat_map(Row::all_said);
    let runs: u64 = said().map(|(_, said)| said.hunt.runs).sum();
    let catches: u64 = said().map(|(_, said)| said.hunt.catches).sum();
    let figures = [(caught as u64, "bugs caught"), (catches, "catches"), (runs, "runs")];
    for (count, what) in figures {
        out.raw("<li>").element("b", "", &units::count(count)).raw(" ").raw(what).raw("</li>");
    }
    out.raw("</ul></div></section>");
    out
}

/// How a backend is spoken of.
fn backend_name(backend: &str) -> &'static str {
    match backend {
        "sim" => "Simulator",
        "process" => "Processes",
        _ => "Other",
    }
}

fn class_name(class: &str) -> &'static str {
    match class {
        "E" => "easy",
        "M" => "medium",
        "H" => "hard",
        _ => "very hard",
    }
}

fn classes(matrix: &Matrix) -> Markup {
    let mut out = Markup::new();
    if matrix.classes.is_empty() {
        return out;
    }
    out.raw("<section id=\"classes\"><h2>By class</h2><p class=\"under\">How hard each bug is to see from outside, as estimated before anybody tried.</p><table class=\"classes\"><thead><tr><th scope=\"col\">Class</th>");
    let backends = matrix.backends();
    for backend in &backends {
        out.tag("th").attr("scope", "col").text(backend_name(backend));
    }
    out.raw("</tr></thead><tbody>");
    for class in CLASSES {
        let counts = || matrix.classes.iter().filter(|count| count.class == class);
        if counts().next().is_none() {
            continue;
        }
        out.raw("<tr><th scope=\"row\">").text(class).raw(" <span class=\"dim\">");
        out.raw(class_name(class)).raw("</span></th>");
        for backend in &backends {
            let count = counts().find(|count| count.backend == *backend);
            out.raw("<td>");
            if let Some(count) = count.filter(|count| count.hunted > 0) {
                scale::share_bar(&mut out, count.caught, count.hunted);
                out.text(&format!("{} of {} caught", count.caught, count.hunted));
            }
            if let Some(far) = count.map(|count| count.out_of_reach).filter(|far| *far > 0) {
                out.element("span", "dim", &format!(" {far} out of reach"));
            }
            out.raw("</td>");
        }
        out.raw("</tr>");
    }
    out.raw("</tbody></table></section>");
    out
}

fn clean(matrix: &Matrix) -> Markup {
    let mut out = Markup::new();
    if matrix.clean.is_empty() {
        return out;
    }
    out.raw("<section id=\"clean\"><h2>Correct builds in the same campaigns</h2><p class=\"under\">What is found there is a false alarm, or a real bug of ours.</p><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Backend</th><th scope=\"col\" class=\"num\">Runs</th><th scope=\"col\" class=\"num\">Operations</th><th scope=\"col\" class=\"num\">Alarms</th><th scope=\"col\">Chance of an alarm in a run, with 95 % confidence</th></tr></thead><tbody>");
    for Clean { chance_below, hunt } in &matrix.clean {
        out.raw("<tr>").tag("th").attr("scope", "row").text(backend_name(&hunt.backend));
        for count in [hunt.runs, hunt.operations, hunt.catches] {
            out.element("td", "num", &units::count(count));
        }
        out.raw("<td>");
        match (chance_below, &hunt.example) {
            (Some(chance), _) => {
                out.text(&format!("below {:.3} % (rule of three)", chance * 100.0));
            }
            (None, Some(example)) => {
                let what = escape::cut(&example.finding.what, WORDS_CHARS_MAX);
                out.element("span", "word invalid", "⬣ alarm").raw(" ");
                out.element("code", "", &example.command).raw(": ").text(&what);
            }
            (None, None) => {
                out.element("span", "word invalid", "⬣ alarm");
            }
        }
        out.raw("</td></tr>");
    }
    out.raw("</tbody></table></div></section>");
    out
}

fn survivors(matrix: &Matrix) -> Markup {
    let mut out = Markup::new();
    let survivors = matrix.survivors();
    if survivors.is_empty() {
        return out;
    }
    out.raw("<section id=\"survivors\"><h2>Survivors</h2><p class=\"under\">Bugs that were hunted and not caught.</p><dl class=\"survivors\">");
    for (row, backend, why) in survivors {
        out.raw("<div><dt>").text(row.id).raw(" ").element("code", "", row.name);
        out.raw(" <span class=\"dim\">").text(row.class).raw(", ");
        out.text(&backend_name(backend).to_lowercase()).raw("</span></dt><dd>");
        out.text(&escape::sentence(row.summary)).raw(" <span class=\"dim\">To be seen: ");
        out.text(row.visible).raw(".</span><br>");
        let reach = row.out_of_reach.as_ref().filter(|_| backend == "process");
        let (word, words) = match (reach, why.reason) {
            (Some(reach), _) => ("Out of reach", reach),
            (None, Reason::Fault) => ("A fault we lack", &why.words),
            (None, Reason::Budget) => ("Budget", &why.words),
        };
        out.element("span", "word unknown", &format!("◆ {word}:")).raw(" ");
        out.text(&escape::sentence(words.strip_prefix("budget: ").unwrap_or(words)));
        out.raw("</dd></div>");
    }
    out.raw("</dl></section>");
    out
}

fn not_built(matrix: &Matrix) -> Markup {
    let mut out = Markup::new();
    if matrix.not_built.is_empty() {
        return out;
    }
    let count = units::count(matrix.not_built.len() as u64);
    out.raw("<section id=\"not-built\"><h2>Not built</h2><details><summary>").text(&count);
    out.raw(" bugs of the catalogue wait for something that this node does not have yet</summary><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Bug</th><th scope=\"col\">Waits for</th></tr></thead><tbody>");
    for missing in &matrix.not_built {
        out.raw("<tr><th scope=\"row\">").text(missing.id).raw(" ");
        out.element("code", "", missing.name).raw("</th>");
        out.element("td", "", missing.waits_for).raw("</tr>");
    }
    out.raw("</tbody></table></div></details></section>");
    out
}

fn made(matrix: &Matrix) -> Markup {
    let mut out = Markup::new();
    out.raw("<section id=\"made\"><h2>How it was made</h2><dl class=\"commands\"><div><dt>The command; what is known already is taken from bugs.jsonl</dt><dd><code class=\"command\" tabindex=\"0\">");
    out.text(&escape::cut(&matrix.command, COMMAND_CHARS_MAX));
    out.raw("</code><button class=\"copy\" type=\"button\" hidden>Copy</button></dd></div></dl><p class=\"made\">");
    out.text(&format!("Up to {:.0} s for each bug, in ", matrix.budget_s));
    let backends: Vec<String> = BACKENDS
        .iter()
        .filter(|backend| matrix.backends().contains(backend))
        .map(|backend| backend_name(backend).to_lowercase())
        .collect();
    out.text(if backends.is_empty() { "no backend" } else { "" }).text(&backends.join(" and "));
    out.raw(". Where half of that brought nothing, the rest was directed by what is known of the bug. kill-matrix.json has all figures.</p></section>");
    out
}
