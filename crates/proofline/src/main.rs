//! Central Command's command line.
//!
//! `serve` is the server; `run` is the server together with an agent that observes this very machine; the other commands
//! look after a deployment. Here, and only here, the real clock and the operating system's randomness are made.

mod admin;
mod company;
mod database;
mod doctor;
mod entropy;
mod fault;
mod keys;
mod log;
mod migrate;
mod orphan;
mod redis;
mod rotate;
mod run;
mod secrets;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// Proofline Central Command.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the web app until told to stop.
    Serve,
    /// Serve, and observe this very machine with a local agent: the quickest way to see Proofline at work.
    Run(run::RunArgs),
    /// Bring the database's schema up or down, or show where it stands.
    #[command(subcommand)]
    Migrate(migrate::MigrateCommand),
    /// Explain this deployment: what works, what does not, and what to do about it.
    Doctor,
    /// Look after an installation.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(fault) = log::install(&cli.command.log_style()) {
        eprintln!("proofline: {fault}");
        return fault.exit_code();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("proofline: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve => serve::serve(&cli.settings).await,
            Command::Run(args) => run::run(&cli.settings, &args).await,
            Command::Migrate(command) => migrate::migrate(&cli.settings, &command).await,
            Command::Doctor => doctor::doctor(&cli.settings).await,
            Command::Admin(command) => admin::admin(&cli.settings, &command).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("proofline: {fault}");
            fault.exit_code()
        }
    }
}

impl Command {
    /// Servers log JSON for machines; everything else speaks to the person who typed it.
    fn log_style(&self) -> log::Style {
        match self {
            Self::Serve => log::Style::Json,
            Self::Run(_) | Self::Migrate(_) | Self::Doctor | Self::Admin(_) => log::Style::Quiet,
        }
    }
}
