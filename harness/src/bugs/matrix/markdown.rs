//! The kill matrix as Markdown, for code hosts.

use std::fmt::Write;

use super::{Clean, Matrix, ORACLES, Row, Said, figure, interval, share};
use crate::bugs::hunt::{Example, Hunt};
use crate::bugs::statistics::Median;
use crate::report::units;

/// The whole page.
pub(super) fn page(matrix: &Matrix) -> String {
    let mut page = String::from("# Kill matrix\n\n");
    let _ = writeln!(page, "**{}**\n", matrix.headline());
    let Matrix { command, budget_s, tool_version, .. } = matrix;
    let _ = writeln!(
        page,
        "Made by {} with rashomon {tool_version}; a hunt had up to {budget_s:.0} s.\n",
        code(command)
    );
    classes(&mut page, matrix);
    clean(&mut page, matrix);
    survivors(&mut page, matrix);
    bugs(&mut page, matrix);
    not_built(&mut page, matrix);
    page
}

fn classes(page: &mut String, matrix: &Matrix) {
    page.push_str("## By class\n\n");
    page.push_str("Easy, medium, hard, very hard: as estimated before anybody tried.\n\n");
    page.push_str("| class | backend | hunted | caught | out of reach |\n|---|---|--:|--:|--:|\n");
    for count in &matrix.classes {
        let super::ClassCount { class, backend, hunted, caught, out_of_reach } = count;
        let _ = writeln!(page, "| {class} | {backend} | {hunted} | {caught} | {out_of_reach} |");
    }
}

fn clean(page: &mut String, matrix: &Matrix) {
    page.push_str("\n## Correct builds in the same campaigns\n\n");
    page.push_str("| backend | runs | operations | alarms | chance of an alarm in a run, 95 % |\n|---|--:|--:|--:|---|\n");
    for Clean { chance_below, hunt } in &matrix.clean {
        let Hunt { backend, runs, operations, catches, .. } = hunt;
        let bound = bound(*chance_below);
        let [runs, operations] = [*runs, *operations].map(units::count);
        let _ = writeln!(page, "| {backend} | {runs} | {operations} | {catches} | {bound} |");
    }
}

fn bound(chance_below: Option<f64>) -> String {
    chance_below.map_or_else(
        || "there were alarms".to_owned(),
        |chance| format!("below {:.3} %", chance * 100.0),
    )
}

fn survivors(page: &mut String, matrix: &Matrix) {
    page.push_str("\n## Survivors\n\n");
    let survivors = matrix.survivors();
    if survivors.is_empty() {
        page.push_str("None of those that were hunted.\n");
        return;
    }
    page.push_str("| bug | class | backend | what is wrong | what clients could see | why it was not caught |\n|---|---|---|---|---|---|\n");
    for (row, backend, why) in survivors {
        let Row { id, name, class, summary, visible, out_of_reach, .. } = row;
        let reach = out_of_reach.as_ref().filter(|_| backend == "process");
        let why = cell(reach.unwrap_or(&why.words));
        let [summary, visible] = [summary, visible].map(|text| cell(text));
        let _ = writeln!(
            page,
            "| {id} `{name}` | {class} | {backend} | {summary} | {visible} | {why} |"
        );
    }
}

fn bugs(page: &mut String, matrix: &Matrix) {
    page.push_str("\n## Bugs\n\n");
    page.push_str(
        "Share of catches in which an oracle saw something; **bold**: it was the first, most often. Then medians until a \
         catch with their 95 % confidence intervals; what the smallest run of the example still needs (faults of `rashomon \
         list faults`, settings of schedules); and how to see it.\n",
    );
    let other = matrix.has_other_oracles();
    let mut family = "";
    for row in &matrix.rows {
        if row.family != family {
            family = row.family;
            let _ = writeln!(page, "\n### {family}\n");
            let other = if other { " other |" } else { "" };
            let _ = writeln!(
                page,
                "| bug | class | backend | linearizability | invariants | liveness | crash |{other} seconds | runs | operations | needs | example |"
            );
            let dashes = if other.is_empty() { 12 } else { 13 };
            let _ = writeln!(page, "|{}", "---|".repeat(dashes));
        }
        for (backend, said) in row.all_said() {
            let _ = writeln!(page, "{}", line(row, backend, said, other));
        }
        if let (Some(why), None) = (&row.out_of_reach, &row.process)
            && matrix.backends().contains(&"process")
        {
            let Row { id, name, class, .. } = row;
            let rest = "|".repeat(ORACLES.len() + 4 - usize::from(!other));
            let why = cell(why);
            let _ =
                writeln!(page, "| {id} `{name}` | {class} | process | out of reach: {why} |{rest}");
        }
    }
}

fn line(row: &Row, backend: &str, said: &Said, other: bool) -> String {
    let Row { id, name, class, .. } = row;
    let directed = if said.hunt.directed { ", directed" } else { "" };
    let mut line = format!("| {id} `{name}` | {class} | {backend}{directed} |");
    let columns = if other { &ORACLES[..] } else { &ORACLES[..4] };
    if !said.caught {
        let _ = write!(line, " **not caught** |{}", "|".repeat(columns.len() + 4));
        return line;
    }
    for oracle in columns {
        let _ = write!(line, " {} |", sight(said, oracle));
    }
    for of in [said.seconds, said.runs, said.operations] {
        let _ = write!(line, " {} |", median(of));
    }
    let needs = said.needs().map_or_else(String::new, |needs| match needs.as_slice() {
        [] => "nothing".to_owned(),
        some => some.join(", "),
    });
    let _ = write!(line, " {} | {} |", cell(&needs), example(said));
    line
}

fn sight(said: &Said, oracle: &str) -> String {
    let sight = said.sight(oracle);
    if sight.seen == 0 {
        return String::new();
    }
    let is_first = said.is_first(oracle);
    let share = share(sight.seen, sight.catches);
    let share = if is_first { format!("**{share}**") } else { share };
    let names: Vec<&str> =
        sight.names.iter().filter_map(|(name, _)| Some(name.split_once(' ')?.1)).take(2).collect();
    if names.is_empty() { share } else { format!("{share} {}", cell(&names.join(", "))) }
}

fn median(median: Option<Median>) -> String {
    median.map_or_else(String::new, |it| format!("{} ({})", figure(it.value), interval(it)))
}

fn example(said: &Said) -> String {
    let Some(example) = &said.hunt.example else { return String::new() };
    let Example { command, folder, small, .. } = example;
    let mut parts = Vec::new();
    if let Some(small) = small {
        let size = small.after.unwrap_or(small.before);
        let words = units::counted(size.operations as u64, "operation");
        parts.push(format!("[{words}]({})", link(&small.file)));
    }
    parts.extend(folder.as_ref().map(|folder| format!("[run]({})", link(folder))));
    parts.push(code(command));
    parts.join(", ")
}

fn not_built(page: &mut String, matrix: &Matrix) {
    if matrix.not_built.is_empty() {
        return;
    }
    let count = matrix.not_built.len();
    let _ = writeln!(
        page,
        "\n## Not built\n\n<details><summary>{count} bugs of the catalogue wait for something that this node does not have</summary>\n"
    );
    page.push_str("| bug | waits for |\n|---|---|\n");
    for super::NotBuilt { id, name, waits_for } in &matrix.not_built {
        let _ = writeln!(page, "| {id} `{name}` | {} |", cell(waits_for));
    }
    page.push_str("\n</details>\n");
}

/// Text that stays in its cell.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '_' | '[' | ']' | '\\' | '`' | '#' => out.extend(['\\', character]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            control if control.is_control() => out.push(' '),
            plain => out.push(plain),
        }
    }
    out
}

/// Text as code that stays in its cell.
fn code(text: &str) -> String {
    let harmless = |character: char| match character {
        '`' => '\'',
        control if control.is_control() => ' ',
        plain => plain,
    };
    format!("`{}`", text.chars().map(harmless).collect::<String>().replace('|', "\\|"))
}

/// A path as the target of a link: no scheme, no markup.
pub(crate) fn link(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                out.push(byte as char);
            }
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}
