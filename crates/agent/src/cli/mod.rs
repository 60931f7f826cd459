//! Commands, and what they print.

mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use proofline_agent::client::Client;
use proofline_agent::cycle::{Observer, Responder};
use proofline_agent::doctor::{self, Gravity};
use proofline_agent::enroll::enroll;
use proofline_agent::executor::{Disk, Journals};
use proofline_agent::healer::{self, Healer, Machine};
use proofline_agent::host::LocalHost;
use proofline_agent::identity::{Identity, Route, StateDir};
use proofline_agent::lifeline::ServerLifeline;
use proofline_agent::machine;
use proofline_agent::observer::MachineObserver;
use proofline_agent::run::{self, Parts, Stop};
use proofline_agent::server_url::{PlainHttp, ServerUrl};
use proofline_agent::settings::{LOG_VARIABLE, MachineSettings, RunSettings, ServerSettings, StateSettings};
use proofline_agent::status::Status;
use proofline_catalog::Catalog;
use proofline_core::{Clock, Entropy, Secret, SystemClock, Verdict};
use proofline_outbox::Outbox;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing_subscriber::EnvFilter;

/// The Proofline compliance agent: observes this machine, keeps signed evidence, heals what it may.
#[derive(Parser)]
#[command(name = "proofline-agent", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make this machine an appliance of a site, with the one-time code from Central Command.
    Enroll {
        #[command(flatten)]
        server: ServerSettings,
        /// The one-time code.
        #[arg(long, env = "PROOFLINE_AGENT_CODE", hide_env_values = true)]
        code: String,
        #[command(flatten)]
        state: StateSettings,
    },
    /// Observe, state, heal and report, until stopped.
    Run {
        /// The server's address where it is no longer that of the enrolment; kept from then on.
        #[arg(long, env = "PROOFLINE_AGENT_SERVER", value_name = "URL")]
        server: Option<ServerUrl>,
        #[command(flatten)]
        state: StateSettings,
        #[command(flatten)]
        machine: MachineSettings,
        #[command(flatten)]
        settings: RunSettings,
    },
    /// Run every check once and print the verdicts. Needs no server, changes nothing, keeps nothing.
    Check {
        #[command(flatten)]
        state: StateSettings,
        #[command(flatten)]
        machine: MachineSettings,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show what the running agent is doing.
    Status {
        #[command(flatten)]
        state: StateSettings,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Look for whatever keeps this appliance from working, and say how to mend it.
    Doctor {
        #[command(flatten)]
        state: StateSettings,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// The operating system's randomness.
struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("a machine without randomness cannot sign");
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

/// What the log holds. An agent does not stop observing for a mistake in that, and says so.
fn log_filter() -> EnvFilter {
    let wanted = std::env::var(LOG_VARIABLE).unwrap_or_default();
    let wanted = if wanted.is_empty() { "info" } else { &wanted };
    EnvFilter::try_new(wanted).unwrap_or_else(|error| {
        eprintln!("proofline-agent: {LOG_VARIABLE} is {wanted:?}: {error}; the log holds \"info\"");
        EnvFilter::new("info")
    })
}

pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(log_filter())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    // An error would mean that a provider is there already, which nobody else installs.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli.command {
        Command::Enroll { server, code, state } => enrol(server, &code, &state),
        Command::Run { server, state, machine, settings } => serve(server, &state, &machine, settings),
        Command::Check { state, machine, format } => check(&state, &machine, format),
        Command::Status { state, format } => status(&state, format),
        Command::Doctor { state, format } => examine(&state, format),
    }
}

fn enrol(server: ServerSettings, code: &str, state: &StateSettings) -> anyhow::Result<ExitCode> {
    let plain_http = if server.allow_plain_http { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly };
    // An absolute path: the agent will run from another folder.
    let ca_file = server.ca_file.map(|path| std::path::absolute(&path).unwrap_or(path));
    let route = Route { server: server.server.parse()?, plain_http, ca_file };
    let machine = machine::describe(&PathBuf::from("/"));
    let identity = enroll(&state.dir(), route, &Secret::new(code.trim()), &machine, &clock(), entropy())?;
    println!("This machine is now {} at {}, mode {}.", identity.appliance, identity.site, identity.mode);
    println!("Start it with: proofline-agent run --state-dir {}", state.state_dir.display());
    Ok(ExitCode::SUCCESS)
}

fn serve(
    server: Option<ServerUrl>,
    state: &StateSettings,
    machine: &MachineSettings,
    settings: RunSettings,
) -> anyhow::Result<ExitCode> {
    if let Some(server) = server {
        Identity::move_server(&state.dir(), server)?;
    }
    let observer = MachineObserver::new(&machine.root, state.dir().path().to_owned(), clock());
    let (root, dir) = (machine.root.clone(), state.dir());
    let responder = move |identity: &Identity, outbox: &Outbox| -> std::io::Result<Box<dyn Responder>> {
        let machine = Machine {
            host: Arc::new(LocalHost::rooted(&root, clock())),
            files: Arc::new(Disk::new(&root)),
            journals: Journals::open(dir.journals())?,
            lifeline: Arc::new(ServerLifeline::new(identity.route.server.clone())),
            org: identity.org,
            site: identity.site,
            asset: identity.asset,
        };
        let stored = outbox.note(healer::NOTE).map_err(std::io::Error::other)?;
        let healer = Healer::open(machine, Catalog::embedded(), clock(), entropy(), stored.as_deref())?;
        Ok(Box::new(healer))
    };
    let parts = Parts {
        state: state.dir(),
        override_file: state.override_path(),
        settings,
        catalogue: catalogue(),
        observer: Arc::new(observer),
        responder: Box::new(responder),
        clock: clock(),
        entropy: entropy(),
    };
    run::run(&parts, stop_on_signals)?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn stop_on_signals(stop: Stop) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            tracing::info!(signal, "stopping");
            stop.stop();
        }
    })?;
    Ok(())
}

fn check(state: &StateSettings, machine: &MachineSettings, format: Format) -> anyhow::Result<ExitCode> {
    let observer = MachineObserver::new(&machine.root, state.dir().path().to_owned(), clock());
    let checks: Vec<_> = observer.checks().into_iter().map(|planned| planned.check).collect();
    let begun = Instant::now();
    let mut observations = observer.observe(&checks, &[]);
    let elapsed = begun.elapsed();
    observations.sort_by(|a, b| a.check.cmp(&b.check));
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&observations)?),
        Format::Table => show::observations(&observations, elapsed),
    }
    let failed = observations.iter().any(|observation| observation.verdict == Verdict::Fail);
    Ok(if failed { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn status(state: &StateSettings, format: Format) -> anyhow::Result<ExitCode> {
    readable(state)?;
    let Some(status) = Status::read(&state.dir()) else {
        println!("No agent has run with {} yet.", state.state_dir.display());
        return Ok(ExitCode::FAILURE);
    };
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&status)?),
        Format::Table => show::status(&status, clock().now()),
    }
    let fine = status.is_running() && status.alarms.is_empty();
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What somebody else's folder holds cannot be seen, and is not nothing.
fn readable(state: &StateSettings) -> anyhow::Result<()> {
    let folder = &state.state_dir;
    if std::fs::read_dir(folder).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) {
        anyhow::bail!(
            "{} belongs to another user: run this as the one that the agent runs as",
            folder.display()
        );
    }
    Ok(())
}

fn examine(state: &StateSettings, format: Format) -> anyhow::Result<ExitCode> {
    readable(state)?;
    let connect = |identity: &Identity| {
        let (_, key) = Identity::load(&state.dir()).map_err(|error| error.to_string())?;
        Client::new(&identity.route, key, clock(), entropy()).map_err(|error| error.to_string())
    };
    let findings = doctor::examine(&state.dir(), &state.override_path(), &*clock(), connect);
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&findings).context("cannot print")?),
        Format::Table => show::findings(&findings),
    }
    let wrong = findings.iter().any(|finding| finding.gravity == Gravity::Wrong);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Digest of the embedded catalogue.
fn catalogue() -> proofline_evidence::Digest {
    Catalog::embedded().digest().parse().expect("the catalogue's digest is a SHA-256")
}

trait Paths {
    fn dir(&self) -> StateDir;
    fn override_path(&self) -> PathBuf;
}

impl Paths for StateSettings {
    fn dir(&self) -> StateDir {
        // An absolute path: probes look at the machine by absolute paths, and the agent may run from another folder.
        StateDir::new(std::path::absolute(&self.state_dir).unwrap_or_else(|_| self.state_dir.clone()))
    }

    fn override_path(&self) -> PathBuf {
        self.override_file.clone().unwrap_or_else(|| self.dir().local_override())
    }
}
