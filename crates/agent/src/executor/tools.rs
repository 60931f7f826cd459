//! The programs that may be run, and the package managers among them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StepError;
use crate::host::{Host, HostError, Output, RunLimits};

/// Everything that an executor may start. What is not here cannot be reached by any runbook.
const PROGRAMS: [&str; 11] = [
    "apt-get",
    "augenrules",
    "chronyc",
    "dnf",
    "dpkg-query",
    "journalctl",
    "nft",
    "rpm",
    "sshd",
    "systemctl",
    "timedatectl",
];

/// For tools that answer at once.
const ASK: RunLimits = RunLimits { timeout: Duration::from_secs(10), output_limit: 256 * 1024 };
/// For tools that wait for a service.
const ACT: RunLimits = RunLimits { timeout: Duration::from_secs(90), output_limit: 256 * 1024 };
/// For package managers.
const INSTALL: RunLimits = RunLimits { timeout: Duration::from_mins(10), output_limit: 4 * 1024 * 1024 };

/// Runs allowed programs on a host.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    host: &'a dyn Host,
}

impl<'a> Tools<'a> {
    pub(super) const fn new(host: &'a dyn Host) -> Self {
        Self { host }
    }

    pub(super) const fn host(self) -> &'a dyn Host {
        self.host
    }

    /// Runs a tool that only answers, whatever its status.
    pub(super) fn ask(self, argv: &[&str]) -> Result<Output, StepError> {
        self.run(argv, ASK)
    }

    /// Runs a tool that changes something; a status other than zero is an error.
    pub(super) fn act(self, argv: &[&str]) -> Result<(), StepError> {
        successful(argv, &self.run(argv, ACT)?)
    }

    fn install(self, argv: &[&str]) -> Result<(), StepError> {
        successful(argv, &self.run(argv, INSTALL)?)
    }

    fn run(self, argv: &[&str], limits: RunLimits) -> Result<Output, StepError> {
        let program = argv.first().copied().unwrap_or_default();
        if !PROGRAMS.contains(&program) {
            return Err(StepError::NotAllowed(program.to_owned()));
        }
        self.host.run(argv, limits).map_err(|source| StepError::Host { what: program.to_owned(), source })
    }
}

pub(super) fn successful(argv: &[&str], output: &Output) -> Result<(), StepError> {
    if output.success() {
        return Ok(());
    }
    let program = argv.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let complaint = match (output.complaint(), output.status) {
        (text, _) if !text.is_empty() => text,
        (_, Some(status)) => format!("exit status {status}"),
        (_, None) => "ended by a signal".to_owned(),
    };
    Err(StepError::Failed { program, complaint })
}

/// Who manages packages on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageManager {
    /// Debian and its relatives.
    Apt,
    /// Red Hat and its relatives.
    Dnf,
}

impl PackageManager {
    /// The one that the machine has.
    pub(super) fn of(tools: Tools<'_>) -> Result<Self, StepError> {
        let asked = |argv: &[&str]| match tools.ask(argv) {
            Ok(_) => Ok(true),
            Err(StepError::Host { source: HostError::NotFound, .. }) => Ok(false),
            Err(other) => Err(other),
        };
        if asked(&["dpkg-query", "--version"])? {
            Ok(Self::Apt)
        } else if asked(&["rpm", "--version"])? {
            Ok(Self::Dnf)
        } else {
            Err(StepError::NotSo("the machine has no known package manager".to_owned()))
        }
    }

    pub(super) fn is_installed(self, tools: Tools<'_>, name: &str) -> Result<bool, StepError> {
        match self {
            Self::Apt => {
                let output =
                    tools.ask(&["dpkg-query", "--show", "--showformat=${db:Status-Status}", name])?;
                Ok(output.success() && output.text().trim() == "installed")
            }
            Self::Dnf => Ok(tools.ask(&["rpm", "--query", name])?.success()),
        }
    }

    pub(super) fn install(self, tools: Tools<'_>, name: &str) -> Result<(), StepError> {
        match self {
            Self::Apt => tools.install(&[
                "apt-get",
                "--yes",
                "--quiet",
                "--no-install-recommends",
                "--option=Dpkg::Options::=--force-confdef",
                "--option=Dpkg::Options::=--force-confold",
                "install",
                name,
            ]),
            Self::Dnf => tools.install(&["dnf", "--assumeyes", "--quiet", "install", name]),
        }
    }

    pub(super) fn remove(self, tools: Tools<'_>, name: &str) -> Result<(), StepError> {
        match self {
            Self::Apt => tools.install(&["apt-get", "--yes", "--quiet", "remove", name]),
            Self::Dnf => tools.install(&["dnf", "--assumeyes", "--quiet", "remove", name]),
        }
    }
}
