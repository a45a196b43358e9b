//! `rashomon report`: the page of a saved run, made anew.
//!
//! For pages of a newer look, and for runs whose page was lost. It decides nothing: the verdict is the saved one, and the
//! exit code only tells whether the page was written.

use std::fs;
use std::io;
use std::path::PathBuf;

use rashomon_checker::check::Validity;
use serde::Serialize;

use super::run::Format;
use super::usage_error;
use crate::console::{result, say};
use crate::exit::Exit;
use crate::report::{self, Loaded};
use crate::run_folder::RunFolder;

/// Arguments of `rashomon report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run folder: runs/latest, or any other under runs/
    #[arg(value_name = "RUN_FOLDER")]
    folder: PathBuf,
    /// Write the page here [default: report.html in the run folder]
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// The path of the page, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
}

/// What `--format json` prints.
#[derive(Debug, Serialize)]
struct Written<'a> {
    report: String,
    validity: Validity,
    sentence: &'a str,
    bytes: usize,
    warnings: &'a [String],
}

/// Makes the page.
pub fn main(args: &Args) -> Exit {
    let Loaded { run, warnings } = match report::load(&args.folder) {
        Ok(loaded) => loaded,
        Err(error) => return usage_error(&error.to_string()),
    };
    for warning in &warnings {
        say(&format!("warning: {warning}"));
    }
    let page = report::render(&run);
    let path = match write(args, &page) {
        Ok(path) => path,
        Err(error) => {
            say(&format!("error: {error}"));
            return Exit::Internal;
        }
    };
    result(&match args.format {
        Format::Human => path.display().to_string(),
        Format::Json => {
            let written = Written {
                report: path.display().to_string(),
                validity: run.verdict.validity,
                sentence: &run.verdict.sentence,
                bytes: page.len(),
                warnings: &warnings,
            };
            serde_json::to_string(&written).expect("texts and numbers have a JSON form")
        }
    })
}

/// In the run folder the page appears whole or not at all; elsewhere (a pipe, a device) it is just written.
fn write(args: &Args, page: &str) -> Result<PathBuf, String> {
    if let Some(path) = &args.output {
        let tell = |error: io::Error| format!("cannot write {}: {error}", path.display());
        return fs::write(path, page).map_err(tell).map(|()| path.clone());
    }
    let folder = RunFolder::open(&args.folder);
    folder.write("report.html", page.as_bytes()).map_err(|error| error.to_string())?;
    Ok(folder.file("report.html"))
}
