//! The command line of the fleet simulator.

mod bench;
mod cli;
mod commands;
mod faults;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Verdict;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(arguments)) {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::BrokenWord) => {
            eprintln!("the server broke its word: see the report");
            ExitCode::from(2)
        }
        Ok(Verdict::Missed(misses)) => {
            for miss in misses {
                eprintln!("limit missed: {miss}");
            }
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
