//! Updates: known, installed, in effect, and automatic.
//!
//! Debian and its relatives are read from apt's and dpkg's own files; Red Hat and its relatives are asked through dnf with
//! the metadata that the machine already has. Nothing here uses the network.

mod files;
mod restart;
mod security;
mod version;

use std::path::Path;

use proofline_core::Timestamp;

use super::finding::{Finding, Outcome, Unmeasured};
use super::{reading, services};
use crate::host::{Host, HostError, RunLimits};

pub(super) use files::as_delivered;
pub(super) use restart::pending as restart_pending;
pub(super) use security::waiting as security_waiting;

const LISTS: &str = "/var/lib/apt/lists";

/// The package system that a machine has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Packages {
    Deb,
    Rpm,
}

pub(super) fn packages(host: &dyn Host) -> Result<Packages, Unmeasured> {
    if reading::exists(host, "/var/lib/dpkg/status")? {
        Ok(Packages::Deb)
    } else if reading::exists(host, "/var/lib/rpm")? || reading::exists(host, "/usr/lib/sysimage/rpm")? {
        Ok(Packages::Rpm)
    } else {
        Err(Unmeasured::unknown("the package system of this machine is not known to the agent", "/var/lib"))
    }
}

fn age_days(host: &dyn Host, at: Timestamp) -> i64 {
    host.now().signed_duration_since(at).num_days()
}

/// The files that list security updates.
fn security_lists(host: &dyn Host) -> Result<Vec<String>, Unmeasured> {
    let is_security = |name: &str| {
        // …_dists_<suite>-security_<component>_binary-<arch>_Packages[.lz4]; long ago <suite>_updates on a host of its own
        let (server, suite) = name.split_once("_dists_").unwrap_or_default();
        suite.contains("_Packages")
            && (suite.contains("-security_")
                || (server.starts_with("security.") && suite.contains("_updates_")))
    };
    let entries = reading::list(host, LISTS)?.into_iter().filter(|entry| is_security(&entry.name));
    Ok(entries.map(|entry| format!("{LISTS}/{}", entry.name)).collect())
}

/// When the package lists were last refreshed, and where that was seen; nothing where there are none.
fn refreshed(host: &dyn Host) -> Result<(&'static str, Option<Timestamp>), Unmeasured> {
    let (location, refreshed) = match packages(host)? {
        Packages::Deb => {
            // apt dates the lists like the server does; the folders change when it refreshes.
            let mut times = Vec::new();
            for path in [LISTS, "/var/lib/apt/lists/partial", "/var/lib/apt/periodic/update-success-stamp"] {
                times.extend(reading::metadata_if_there(host, path)?.map(|found| found.modified));
            }
            let any = reading::list(host, LISTS)?.iter().any(|entry| entry.name.contains("_Packages"));
            (LISTS, times.into_iter().max().filter(|_| any))
        }
        Packages::Rpm => {
            let mut newest = None;
            for entry in reading::list(host, "/var/cache/dnf")? {
                let path = format!("/var/cache/dnf/{}", entry.name);
                newest = newest.max(reading::metadata_if_there(host, &path)?.map(|found| found.modified));
            }
            ("/var/cache/dnf", newest)
        }
    };
    if refreshed.is_some_and(|at| at.signed_duration_since(host.now()) > chrono::TimeDelta::hours(1)) {
        return Err(Unmeasured::unknown("the date of the lists lies in the future", location));
    }
    Ok((location, refreshed))
}

pub(super) fn lists(host: &dyn Host, max_age_days: u32) -> Outcome {
    let (location, refreshed) = refreshed(host)?;
    let security = match packages(host)? {
        Packages::Deb => !security_lists(host)?.is_empty(),
        // Advisories come with the ordinary repositories there.
        Packages::Rpm => true,
    };
    let expected = format!("refreshed within {max_age_days} days, security updates included");
    Ok(match refreshed {
        None => Finding::fail("no lists", "the machine has no package lists", location),
        Some(at) if age_days(host, at) > i64::from(max_age_days) => {
            Finding::fail(format!("not refreshed within {max_age_days} days"), "the lists are old", location)
        }
        Some(_) if !security => {
            Finding::fail("without security updates", "no source of security updates is set up", location)
        }
        Some(_) => Finding::pass(expected, location),
    })
}

/// The timers that start apt's daily work, on machines run by systemd.
const APT_TIMERS: [&str; 2] = ["apt-daily.timer", "apt-daily-upgrade.timer"];

/// Which of apt's timers does not run. Without systemd a daily job of cron does the work.
fn stopped_timer(host: &dyn Host) -> Result<Option<&'static str>, Unmeasured> {
    if !services::has_systemd(host)? {
        return Ok(None);
    }
    let units = services::units(host, &APT_TIMERS)?;
    let runs = |name: &str| units.iter().any(|unit| unit.id == name && unit.loaded && unit.active);
    Ok(APT_TIMERS.into_iter().find(|name| !runs(name)))
}

pub(super) fn automatic(host: &dyn Host) -> Outcome {
    match packages(host)? {
        Packages::Deb => {
            let location = "apt-config dump APT::Periodic";
            let text = reading::answer(host, &["apt-config", "dump", "APT::Periodic"], RunLimits::QUICK)?;
            let on = |key: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
                let value = line.and_then(|value| value.trim().strip_prefix('"')?.strip_suffix("\";"));
                value.is_some_and(|value| {
                    value == "always" || value.starts_with(|c: char| ('1'..='9').contains(&c))
                })
            };
            let installed = match host.metadata(Path::new("/usr/bin/unattended-upgrade")) {
                Ok(_) => true,
                Err(HostError::NotFound) => false,
                Err(error) => return Err(Unmeasured::from_host(&error, "/usr/bin/unattended-upgrade")),
            };
            let stopped = stopped_timer(host)?;
            let enabled = !text.lines().any(|line| line.trim() == "APT::Periodic::Enable \"0\";");
            Ok(if !installed {
                Finding::fail("not installed", "unattended-upgrades is not installed", location)
            } else if let Some(timer) = stopped {
                let reason = format!("{timer}, which would start it, does not run");
                Finding::fail("never started", reason, "systemctl show")
            } else if enabled
                && on("APT::Periodic::Update-Package-Lists")
                && on("APT::Periodic::Unattended-Upgrade")
            {
                Finding::pass("enabled", location)
            } else {
                Finding::fail("disabled", "unattended-upgrades is installed and not switched on", location)
            })
        }
        Packages::Rpm => {
            let location = "systemctl show, /etc/dnf/automatic.conf";
            let timers = ["dnf-automatic.timer", "dnf-automatic-install.timer", "dnf5-automatic.timer"];
            let units = services::units(host, &timers)?;
            let Some(unit) = units.iter().find(|unit| unit.enabled) else {
                return Ok(Finding::fail("disabled", "no timer of dnf-automatic is enabled", location));
            };
            let config = reading::text_if_there(host, "/etc/dnf/automatic.conf")?.unwrap_or_default();
            let applies = reading::settings(&config).any(|line| {
                line.split_once('=').is_some_and(|(key, value)| {
                    key.trim() == "apply_updates" && ["yes", "true", "1"].contains(&value.trim())
                })
            });
            Ok(if applies || unit.id == "dnf-automatic-install.timer" {
                Finding::pass("enabled", location)
            } else {
                Finding::fail("downloads only", "updates are downloaded and not installed", location)
            })
        }
    }
}
