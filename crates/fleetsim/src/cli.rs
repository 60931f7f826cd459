//! Arguments and environment.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use proofline_core::Secret;
use proofline_fleetsim::fleet::Credentials;
use proofline_fleetsim::load::Limits;
use proofline_fleetsim::wire::LoopbackServer;

/// Simulates a fleet of appliances against a server on this machine.
///
/// Exit status: 0, or 2 where the server lost, doubled or contradicted what it had acknowledged, or 3 where a run missed a
/// limit that it was given, or 1 for anything else.
#[derive(Parser)]
#[command(name = "proofline-fleetsim", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args)]
pub(crate) struct Common {
    /// The server; only addresses of this machine are accepted.
    #[arg(long, global = true, default_value = "http://127.0.0.1:8800")]
    pub server: LoopbackServer,
    /// Folder with the fleet's keys and its journal of acknowledged entries.
    #[arg(long, global = true, default_value = "fleet")]
    pub state: PathBuf,
    /// Requests under way at once.
    #[arg(long, global = true, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub connections: u32,
    /// Seconds to wait for an answer.
    #[arg(long, global = true, default_value_t = 30)]
    pub patience: u64,
    /// Use only the first so many appliances of the fleet.
    #[arg(long, global = true)]
    pub appliances: Option<u32>,
    /// Print the report as JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct SignIn {
    /// One-time token of a fresh installation: registers the account instead of signing in.
    #[arg(long, env = "PROOFLINE_FLEETSIM_BOOTSTRAP_TOKEN", hide_env_values = true)]
    pub bootstrap_token: Option<String>,
    /// Address of a staff account.
    #[arg(long, env = "PROOFLINE_FLEETSIM_EMAIL", default_value = "fleetsim@proofline.example")]
    pub email: String,
    /// Its password.
    #[arg(long, env = "PROOFLINE_FLEETSIM_PASSWORD", hide_env_values = true)]
    pub password: String,
}

impl SignIn {
    pub(crate) fn credentials(&self) -> Credentials {
        let (email, password) = (self.email.clone(), Secret::new(&self.password));
        match &self.bootstrap_token {
            Some(token) => Credentials::Bootstrap { token: Secret::new(token), email, password },
            None => Credentials::Password { email, password },
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Creates organisations, sites and codes, and claims them, until the fleet has as many appliances as asked.
    Enroll {
        #[command(flatten)]
        sign_in: SignIn,
        /// Appliances in all.
        #[arg(long, default_value_t = 100)]
        fleet: u32,
        /// Appliances at one site.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        per_site: u32,
        /// Sites of one organisation.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        sites_per_organisation: u32,
    },
    /// Everyone checks in once per interval and now and then delivers an entry.
    Steady {
        /// Seconds between two check-ins of one appliance, ± 10 %.
        #[arg(long, default_value_t = 60.0)]
        interval: f64,
        /// Seconds between two entries of one appliance, ± 10 %.
        #[arg(long, default_value_t = 3_600.0)]
        evidence_every: f64,
        /// How long, in seconds.
        #[arg(long, default_value_t = 300.0)]
        duration: f64,
        #[command(flatten)]
        require: Require,
    },
    /// Everyone comes back within a window, checks in and delivers what queued up.
    Storm {
        /// The window, in seconds.
        #[arg(long, default_value_t = 300.0)]
        window: f64,
        /// Entries that each appliance has.
        #[arg(long, default_value_t = 5)]
        queued: u32,
        /// Seconds after which undelivered entries are given up.
        #[arg(long, default_value_t = 900.0)]
        give_up: f64,
        #[command(flatten)]
        require: Require,
    },
    /// Everyone delivers a backlog that was made beforehand, in submissions of 100, as fast as the server takes it.
    Burst {
        /// Entries that each appliance has.
        #[arg(long, default_value_t = 100)]
        queued: u32,
        /// Seconds after which undelivered entries are given up.
        #[arg(long, default_value_t = 300.0)]
        give_up: f64,
    },
    /// Check-ins as fast as the server answers.
    Flood {
        /// How long, in seconds.
        #[arg(long, default_value_t = 10.0)]
        duration: f64,
    },
    /// Reads every log back and looks for every entry that was ever acknowledged.
    Verify {
        #[command(flatten)]
        sign_in: SignIn,
    },
    /// Starts a server of its own, kills it and its PostgreSQL under load, and looks for everything acknowledged.
    Faults {
        /// The server's program.
        #[arg(long, default_value = "target/fast/proofline")]
        program: PathBuf,
        /// A real agent's program: one takes part, observes a folder that stands in for a machine, and is killed, too.
        #[arg(long)]
        agent: Option<PathBuf>,
        /// A folder that is not there yet, for the server's data. Logs and the agent's files are made beside it.
        #[arg(long)]
        data: PathBuf,
        /// How often to kill.
        #[arg(long, default_value_t = 50)]
        kills: u32,
        /// Appliances.
        #[arg(long, default_value_t = 60)]
        fleet: u32,
        /// Repeats the choices of another run.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// What this machine can do at most.
    Ceilings(Ceiling),
    /// Ceilings, flood and burst in one run, as ratios.
    Bench {
        #[command(flatten)]
        ceiling: Ceiling,
        /// Entries that each appliance has for the burst.
        #[arg(long, default_value_t = 100)]
        queued: u32,
    },
}

#[derive(Args)]
pub(crate) struct Require {
    /// Fail if one request in a hundred took longer, in milliseconds from the planned time to the whole answer.
    #[arg(long)]
    pub require_p99_ms: Option<f64>,
    /// Fail on any error, any deferred request and any entry that was not acknowledged.
    #[arg(long)]
    pub require_no_errors: bool,
}

impl Require {
    pub(crate) const fn limits(&self) -> Limits {
        Limits { p99_ms: self.require_p99_ms, no_errors: self.require_no_errors }
    }
}

#[derive(Args)]
pub(crate) struct Ceiling {
    /// Database to measure, in a schema made for it and removed after.
    #[arg(long, env = "PROOFLINE_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Seconds per figure.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
}
