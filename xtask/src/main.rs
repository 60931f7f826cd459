//! Repository chores: hold the crate graph and the migrations, make the generated files, stop the test cluster.
//!
//! Everything here runs from any folder of the checkout as `cargo xtask <command>`. A check prints one line for each
//! thing that is wrong, with what to do about it, and ends with status 1.

mod findings;
mod generate;
mod migrations;
mod repository;
mod sbom;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use proofline_embedded_postgres::TestCluster;

use crate::repository::Repository;

#[derive(Parser)]
#[command(about, bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold the crate graph, and what every crate must have.
    CheckWorkspace,
    /// Hold the numbering of the migrations, and that none was edited.
    CheckMigrations {
        /// Write down the checksums of new migrations.
        #[arg(long)]
        record: bool,
    },
    /// Make the committed generated files.
    Generate {
        /// Only say whether they are up to date.
        #[arg(long)]
        check: bool,
        /// Which of them; all if none is named.
        #[arg(value_enum)]
        only: Vec<generate::Product>,
    },
    /// List the components of the programs and of the web app, as CycloneDX.
    Sbom {
        /// Where to.
        #[arg(default_value = "target/sbom")]
        folder: PathBuf,
    },
    /// Stop the PostgreSQL server that the tests of this checkout share.
    StopTestCluster,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let repository = Repository::find()?;
    match command {
        Command::CheckWorkspace => workspace::check(&repository)?.conclude("the workspace"),
        Command::CheckMigrations { record } => {
            migrations::check(&repository, record)?.conclude("the migrations")
        }
        Command::Generate { check, only } => {
            generate::run(&repository, &only, check)?.conclude("the generated files")
        }
        Command::Sbom { folder } => sbom::write(&repository, &repository.path(folder)),
        Command::StopTestCluster => {
            let was_there = TestCluster::of_checkout()?.stop()?;
            println!(
                "{}",
                if was_there { "the test cluster is stopped" } else { "no test cluster was running" }
            );
            Ok(())
        }
    }
}
