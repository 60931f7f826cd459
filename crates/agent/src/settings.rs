//! Every setting of the agent, in one place: as an option on the command line or as `PROOFLINE_AGENT_…` in the
//! environment. What enrolment decides (server, keys, ids) is not a setting: it is the identity.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cycle::Pace;

/// Where the agent keeps what it must not forget.
#[derive(Debug, Clone, Args)]
pub struct StateSettings {
    /// Folder of the key, the identity and the queue of evidence.
    #[arg(
        long,
        env = "PROOFLINE_AGENT_STATE_DIR",
        default_value = "/var/lib/proofline-agent",
        value_name = "DIR"
    )]
    pub state_dir: PathBuf,
    /// The clinic's own file with `mode = audit` or `paused_until = …`; default `override.conf` in the state folder.
    #[arg(long, env = "PROOFLINE_AGENT_OVERRIDE_FILE", value_name = "FILE")]
    pub override_file: Option<PathBuf>,
}

/// Which machine is observed.
#[derive(Debug, Clone, Args)]
pub struct MachineSettings {
    /// Where the observed machine's `/` is: another place when the agent runs in a container with the host mounted.
    #[arg(long, env = "PROOFLINE_AGENT_ROOT", default_value = "/", value_name = "DIR", value_parser = machine_root)]
    pub root: PathBuf,
}

/// A folder that holds a machine. What is not there would look like a machine without anything.
fn machine_root(text: &str) -> Result<PathBuf, String> {
    let root = PathBuf::from(text);
    if root.is_dir() { Ok(root) } else { Err("there is no such folder".to_owned()) }
}

/// How the agent works.
#[derive(Debug, Clone, Args)]
pub struct RunSettings {
    /// Seconds between two cycles of checks.
    #[arg(long, env = "PROOFLINE_AGENT_CYCLE_S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub cycle_s: u64,
    /// Seconds between two cycles after an incident opened.
    #[arg(long, env = "PROOFLINE_AGENT_INCIDENT_CYCLE_S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub incident_cycle_s: u64,
    /// How many MiB of evidence may wait for the server. Beyond it statements are replaced by a statement of the gap.
    #[arg(long, env = "PROOFLINE_AGENT_OUTBOX_MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub outbox_mib: u64,
}

impl RunSettings {
    /// How often cycles come.
    pub fn pace(&self) -> Pace {
        Pace {
            cycle: Duration::from_secs(self.cycle_s),
            fast: Duration::from_secs(self.incident_cycle_s.min(self.cycle_s)),
        }
    }
}

/// How to reach the server when enrolling; kept in the identity afterwards.
#[derive(Debug, Clone, Args)]
pub struct ServerSettings {
    /// Address of Central Command, such as `https://central.example`.
    #[arg(long, env = "PROOFLINE_AGENT_SERVER", value_name = "URL")]
    pub server: String,
    /// Send requests without TLS even to another machine.
    #[arg(long, env = "PROOFLINE_AGENT_ALLOW_PLAIN_HTTP")]
    pub allow_plain_http: bool,
    /// PEM file with the certificate authority of the server, instead of the public ones.
    #[arg(long, env = "PROOFLINE_AGENT_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// What the log holds: a `tracing` filter such as `info` or `proofline_agent=debug`.
pub const LOG_VARIABLE: &str = "PROOFLINE_AGENT_LOG";
