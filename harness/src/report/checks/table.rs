//! All files in one table: what was found, and where to read on.

use rashomon_checker::check::Validity;

use super::{Listed, anchor, is_troubled};
use crate::checked::{Checked, CheckedFile};
use crate::report::markup::Markup;
use crate::report::{escape, units};

/// Characters of a file's name that a line shows; it ends with what tells files apart.
const NAME_CHARS_MAX: usize = 120;
/// Characters of a reason that a line shows; sections have it all.
const REASON_CHARS_MAX: usize = 160;

const COLUMNS: [(&str, &str); 8] = [
    ("File", ""),
    ("Verdict", ""),
    ("What must hold", ""),
    ("Operations", "num"),
    ("Crashed", "num"),
    ("Decided by", ""),
    ("Time", "num"),
    ("Reason", ""),
];

/// The table. `left_out` of the invalid files have no section.
pub(super) fn files(listed: &Listed<'_>, left_out: usize) -> Markup {
    let mut out = Markup::new();
    out.raw(
        "<section id=\"files\" aria-labelledby=\"files-title\"><h2 id=\"files-title\">Files</h2>",
    );
    if left_out > 0 {
        let files = units::counted(left_out as u64, "invalid file");
        let note = format!(
            "The page would grow too large: {files} without a section, to be checked in a page of their own."
        );
        out.element("p", "note", &note);
    }
    out.raw(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Files\"><table class=\"checks\"><thead><tr>",
    );
    for (name, class) in COLUMNS {
        out.tag("th").class(class).attr("scope", "col").text(name);
    }
    out.raw("</tr></thead><tbody>");
    let with_section = listed.invalid - left_out;
    for (number, file) in listed.files.iter().enumerate() {
        let section = (number < with_section).then(|| anchor(number));
        lines(&mut out, file, section.as_deref());
    }
    out.raw("</tbody></table></div></section>");
    out
}

/// A line for each check; one for a file that has none.
fn lines(out: &mut Markup, file: &CheckedFile, section: Option<&str>) {
    let name = escape::shorten_middle(&file.name, NAME_CHARS_MAX);
    let checks: Vec<Option<&Checked>> = match file.checks.as_slice() {
        [] => vec![None],
        some => some.iter().map(Some).collect(),
    };
    for check in checks {
        out.raw("<tr><th scope=\"row\">");
        match section {
            Some(section) => out.tag("a").attr("href", &format!("#{section}")).text(&name),
            None => out.text(&name),
        };
        out.raw("</th><td>");
        verdict(out, file, check);
        out.raw("</td>");
        cells(out, file, check);
        let reason = check.map_or_else(|| file.reason(), Checked::reason).unwrap_or_default();
        let reason = escape::shorten(reason, REASON_CHARS_MAX);
        out.element("td", "words", &reason).raw("</tr>");
    }
}

fn cells(out: &mut Markup, file: &CheckedFile, check: Option<&Checked>) {
    let Some(check) = check else {
        out.raw("<td></td><td></td><td></td><td></td><td></td>");
        return;
    };
    out.raw("<td>").text(check.asked.name()).raw("</td>");
    out.element("td", "num", &units::count(file.operations as u64));
    out.element("td", "num", &units::count(file.crashed as u64));
    let by = check.outcome.as_ref().map(crate::checked::Found::decided_by_whom).unwrap_or_default();
    out.element("td", "", &by);
    out.element("td", "num", &time(check.seconds));
}

/// The verdict as a word with a shape.
fn verdict(out: &mut Markup, file: &CheckedFile, check: Option<&Checked>) {
    let troubled = check.map_or(is_troubled(file), |check| check.outcome.is_err());
    let (class, words) = match check.map_or(Validity::Unknown, Checked::validity) {
        Validity::Unknown if troubled => ("unknown", "✕ none"),
        Validity::Valid => ("valid", "● valid"),
        Validity::Invalid => ("invalid", "⬣ invalid"),
        Validity::Unknown => ("unknown", "◆ unknown"),
    };
    out.element("span", &format!("word {class}"), words);
}

/// `3 ms`, from seconds.
pub(super) fn time(seconds: f64) -> String {
    units::span((seconds.max(0.0) * 1e9) as u64)
}
