//! The command line of the compliance agent. Its program, and only it, makes a clock, randomness and a TLS provider.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // The cause behind the cause as well: "cannot be used" alone helps nobody.
            eprintln!("proofline-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
