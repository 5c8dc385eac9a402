//! The `catalog` program; everything it does lives in the library beside it.

use std::process::ExitCode;

use catalog::cli::{self, Cli};
use clap::Parser as _;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::run(cli)
}
