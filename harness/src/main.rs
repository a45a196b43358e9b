//! The `rashomon` program. Everything is in the library; see [`rashomon::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    rashomon::cli::main(std::env::args_os()).into()
}
