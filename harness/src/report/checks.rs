//! The page of `rashomon check --report`: what checks of files found, with every counterexample drawn.
//!
//! ```text
//! verdict over all files        banner, with counts
//! files                         a line each, invalid ones first: the table of contents
//! file                          a section for each invalid one, the first few open
//!   check                       the verdict, who decided; then what shows it:
//!     counterexample            as a run's page draws it (`counterexample.rs`)
//!     findings                  of a property, in words
//!     anomalies                 of transactions: each circle with its evidence
//! ```
//!
//! A pure function of what was found, as the page of a run is, with the same style, script and rules: no network, nothing
//! that a history says is markup, what is cut says so. The page stays below [`PAGE_BYTES_MAX`] however many files are
//! invalid: the table has them all, and says which sections were left out. It stands by itself: no section assumes that
//! the history is at hand.

mod section;
mod table;

use rashomon_checker::check::Validity;

use super::markup::Markup;
use super::{header, page, units};
use crate::checked::CheckedFile;

/// Bytes of sections and table that a page has at most; the frame around them takes less than a tenth of that.
pub const PAGE_BYTES_MAX: usize = 4_500_000;

/// What tells a page of this kind from any other file.
pub const MARK: &str = "<meta name=\"generator\" content=\"rashomon check\">";

/// The mark stands within so many bytes, all of them ASCII.
pub const MARK_WITHIN: usize = 512;

/// Sections that stand open.
const OPEN_MAX: usize = 3;

const FRAME: &str = include_str!("checks.html");

/// The whole page. Deterministic: the same checks give the same bytes.
pub fn render(files: &[CheckedFile]) -> String {
    let listed = Listed::new(files);
    let (sections, left_out) = sections(&listed);
    page::fill(FRAME, |out, name| {
        match name {
            "verb" => out.raw("check"),
            "point" => out.raw("verdicts"),
            "data" => out,
            "title" => out.text(&title(&listed)),
            "icon" => out.text(header::face(listed.worst()).icon),
            "subtitle" => {
                out.text(&format!("{} checked", units::counted(files.len() as u64, "file")))
            }
            "navigation" => out.add(&navigation(&listed)),
            "banner" => out.add(&banner(&listed)),
            "files" => out.add(&table::files(&listed, left_out)),
            "sections" => out.add(&sections),
            "footer" => out.raw(concat!("rashomon ", env!("CARGO_PKG_VERSION"))),
            unknown => unreachable!("checks.html names a part that does not exist: {unknown}"),
        };
    })
}

/// Files in the order of the page: invalid, unknown, without a verdict, valid; each as they were named.
struct Listed<'a> {
    files: Vec<&'a CheckedFile>,
    invalid: usize,
    unknown: usize,
    troubled: usize,
}

impl<'a> Listed<'a> {
    fn new(files: &'a [CheckedFile]) -> Self {
        let rank = |file: &&CheckedFile| match file.validity() {
            Validity::Invalid => 0,
            Validity::Unknown if !is_troubled(file) => 1,
            Validity::Unknown => 2,
            Validity::Valid => 3,
        };
        let count = |wanted| files.iter().filter(|file| rank(file) == wanted).count();
        let mut listed: Vec<&CheckedFile> = files.iter().collect();
        listed.sort_by_key(rank);
        Self { invalid: count(0), unknown: count(1), troubled: count(2), files: listed }
    }

    /// The files that get a section.
    fn invalid(&self) -> &[&'a CheckedFile] {
        &self.files[..self.invalid]
    }

    fn valid(&self) -> usize {
        self.files.len() - self.invalid - self.unknown - self.troubled
    }

    fn worst(&self) -> Validity {
        match (self.invalid, self.unknown + self.troubled) {
            (1.., _) => Validity::Invalid,
            (0, 1..) => Validity::Unknown,
            (0, 0) => Validity::Valid,
        }
    }
}

/// Whether a file has no verdict, as it could not be used.
fn is_troubled(file: &CheckedFile) -> bool {
    file.trouble.is_some() || file.checks.iter().any(|check| check.outcome.is_err())
}

/// What the anchors of a file begin with.
fn anchor(number: usize) -> String {
    format!("file-{}", number + 1)
}

/// The sections of the invalid files, as many as there is room for, and how many were left out.
fn sections(listed: &Listed<'_>) -> (Markup, usize) {
    let mut out = Markup::new();
    if listed.invalid > 0 {
        out.raw(
            "<div class=\"all\"><h2>Invalid files</h2><button id=\"open-all\" type=\"button\" hidden>Open all</button></div>",
        );
    }
    for (number, file) in listed.invalid().iter().enumerate() {
        let section = section::file(file, number, number < OPEN_MAX);
        if out.len() + section.len() > PAGE_BYTES_MAX {
            return (out, listed.invalid - number);
        }
        out.add(&section);
    }
    (out, 0)
}

fn title(listed: &Listed<'_>) -> String {
    let files = listed.files.len() as u64;
    match (listed.worst(), listed.invalid) {
        (Validity::Invalid, invalid) => format!("{invalid} of {files} invalid"),
        (Validity::Unknown, _) => "Unknown".to_owned(),
        (Validity::Valid, _) => format!("{} valid", units::counted(files, "file")),
    }
}

fn navigation(listed: &Listed<'_>) -> Markup {
    let mut out = Markup::new();
    out.raw("<li><a href=\"#files\">Files</a></li>");
    if listed.invalid > 0 {
        out.raw("<li><a href=\"#sections\">Counterexamples</a></li>");
    }
    out
}

/// The verdict over all files in words, shape and colour, and how many there are of each.
fn banner(listed: &Listed<'_>) -> Markup {
    let worst = listed.worst();
    let mut out = Markup::new();
    let words = match worst {
        Validity::Invalid => "INVALID",
        Validity::Unknown => "UNKNOWN",
        Validity::Valid => "VALID",
    };
    header::open_banner(&mut out, worst, words);
    out.element("p", "sentence", &sentence(listed));
    out.raw("<ul class=\"figures\">");
    for (count, what) in [
        (listed.invalid, "invalid"),
        (listed.unknown, "unknown"),
        (listed.troubled, "without a verdict"),
        (listed.valid(), "valid"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    {
        out.raw("<li>")
            .element("b", "", &units::count(count as u64))
            .raw(" ")
            .raw(what)
            .raw("</li>");
    }
    out.raw("</ul></div></section>");
    out
}

fn sentence(listed: &Listed<'_>) -> String {
    let files = units::counted(listed.files.len() as u64, "file");
    match (listed.worst(), listed.invalid) {
        (Validity::Invalid, 1) => {
            "One history cannot have come from a correct store: its section shows why.".to_owned()
        }
        (Validity::Invalid, invalid) => format!(
            "{} of {files} cannot have come from a correct store: each has a section that shows why.",
            units::count(invalid as u64)
        ),
        (Validity::Unknown, _) => {
            format!("Nothing was found to be wrong in {files}, but not all of it could be decided.")
        }
        (Validity::Valid, _) => format!("Everything that was asked for holds in {files}."),
    }
}
