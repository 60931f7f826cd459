//! Security updates: known, installed, in effect, and automatic.
//!
//! Debian and its relatives are asked through apt, which only simulates here; Red Hat and its relatives through dnf with
//! the metadata that the machine already has. Nothing here uses the network.

use std::path::Path;

use proofline_core::Timestamp;

use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::{reading, services};
use crate::host::{Host, HostError, RunLimits};

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

pub(super) fn security(host: &dyn Host, max_wait_days: u32) -> Outcome {
    match packages(host)? {
        Packages::Deb => security_deb(host, max_wait_days),
        Packages::Rpm => security_rpm(host, max_wait_days),
    }
}

/// apt does not say since when an update waits. Whatever waits now appeared after the last complete run of upgrades,
/// so that run bounds the wait; packages on hold are never part of a run.
fn security_deb(host: &dyn Host, max_wait_days: u32) -> Outcome {
    const SIMULATE: [&str; 6] = ["apt-get", "-s", "-q", "-o", "Debug::NoLocking=true", "dist-upgrade"];
    let location = SIMULATE.join(" ");
    if !lists_include_security(host)? {
        return Err(Unmeasured::unknown("the machine has no list of security updates", LISTS));
    }
    let text = reading::answer(host, &SIMULATE, RunLimits::SLOW)?;
    let waiting: Vec<String> = text.lines().filter_map(waiting_deb).collect();
    if waiting.is_empty() {
        return Ok(Finding::pass("none waiting", location));
    }
    let last_run = last_upgrade(host)?;
    let recent = last_run.is_some_and(|at| age_days(host, at) <= i64::from(max_wait_days));
    Ok(if recent {
        let observed = format!("waiting for at most {max_wait_days} days: {}", enumerate(waiting));
        Finding::pass(observed, location)
    } else {
        let reason = format!("no complete run of upgrades within {max_wait_days} days");
        Finding::fail(enumerate(waiting), reason, location)
    })
}

/// `Inst name [old] (new origin:version/suite-security [arch])`
fn waiting_deb(line: &str) -> Option<String> {
    let rest = line.strip_prefix("Inst ")?;
    let (name, details) = rest.split_once(' ')?;
    // Without an old version it would be a new package, not an update.
    (details.starts_with('[') && details.to_lowercase().contains("security")).then(|| name.to_owned())
}

/// When upgrades were last applied: by unattended-upgrades or by a person.
fn last_upgrade(host: &dyn Host) -> Result<Option<Timestamp>, Unmeasured> {
    let mut times = Vec::new();
    for stamp in ["unattended-upgrades-stamp", "upgrade-stamp"] {
        let path = format!("/var/lib/apt/periodic/{stamp}");
        times.extend(reading::metadata_if_there(host, &path)?.map(|found| found.modified));
    }
    let history = reading::text_if_there(host, "/var/log/apt/history.log")?.unwrap_or_default();
    for entry in history.split("\n\n") {
        let field = |name: &str| entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let upgraded = field("Commandline").is_some_and(|line| {
            line.split_whitespace().any(|word| ["upgrade", "dist-upgrade", "full-upgrade"].contains(&word))
                || line.contains("unattended-upgrade")
        });
        let ended = field("End-Date").and_then(|text| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S").ok()
        });
        if let (true, Some(ended)) = (upgraded, ended) {
            times.push(ended.and_utc());
        }
    }
    Ok(times.into_iter().max())
}

/// dnf knows when each advisory was issued.
fn security_rpm(host: &dyn Host, max_wait_days: u32) -> Outcome {
    const ASK: [&str; 6] = ["dnf", "-C", "-q", "updateinfo", "info", "--security"];
    let location = ASK.join(" ");
    let text = reading::answer(host, &ASK, RunLimits::SLOW)?;
    let (mut late, mut waiting, mut id) = (Vec::new(), 0_usize, None);
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.trim() {
            "Update ID" | "Name" => id = Some(value.to_owned()),
            "Updated" | "Issued" => {
                let Some(id) = id.take() else { continue };
                waiting += 1;
                let day = value.get(..10).unwrap_or_default();
                let issued = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").ok();
                let issued = issued.and_then(|day| day.and_hms_opt(0, 0, 0)).map(|time| time.and_utc());
                let unclear =
                    || Unmeasured::unknown(format!("the date of {id} was not understood"), location.clone());
                if age_days(host, issued.ok_or_else(unclear)?) > i64::from(max_wait_days) {
                    late.push(id);
                }
            }
            _ => {}
        }
    }
    let nothing = match waiting {
        0 => "none waiting".to_owned(),
        _ => format!("waiting for at most {max_wait_days} days"),
    };
    Ok(Finding::offenders(late, &nothing, "these advisories wait for longer", location))
}

fn age_days(host: &dyn Host, at: Timestamp) -> i64 {
    host.now().signed_duration_since(at).num_days()
}

fn lists_include_security(host: &dyn Host) -> Result<bool, Unmeasured> {
    Ok(reading::list(host, LISTS)?
        .iter()
        .any(|entry| entry.name.contains("security") && entry.name.contains("_Packages")))
}

pub(super) fn lists(host: &dyn Host, max_age_days: u32) -> Outcome {
    let (location, refreshed, security) = match packages(host)? {
        Packages::Deb => {
            // apt dates the lists like the server does; the folders change when it refreshes.
            let mut times = Vec::new();
            for path in [LISTS, "/var/lib/apt/lists/partial", "/var/lib/apt/periodic/update-success-stamp"] {
                times.extend(reading::metadata_if_there(host, path)?.map(|found| found.modified));
            }
            let any = reading::list(host, LISTS)?.iter().any(|entry| entry.name.contains("_Packages"));
            (LISTS, times.into_iter().max().filter(|_| any), lists_include_security(host)?)
        }
        Packages::Rpm => {
            let mut newest = None;
            for entry in reading::list(host, "/var/cache/dnf")? {
                let path = format!("/var/cache/dnf/{}", entry.name);
                newest = newest.max(reading::metadata_if_there(host, &path)?.map(|found| found.modified));
            }
            // Advisories come with the ordinary repositories there.
            ("/var/cache/dnf", newest, true)
        }
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

pub(super) fn reboot_pending(host: &dyn Host) -> Outcome {
    for path in ["/run/reboot-required", "/var/run/reboot-required"] {
        if reading::exists(host, path)? {
            return Ok(Finding::fail("pending", "an update asked for a restart", path));
        }
    }
    if let Some(output) = reading::ask(host, &["needs-restarting", "-r"], RunLimits::SLOW)? {
        let location = "needs-restarting -r";
        return match output.status {
            Some(0) => Ok(Finding::pass("none", location)),
            Some(1) => Ok(Finding::fail(
                "pending",
                "updated programs are still running in their old version",
                location,
            )),
            _ => Err(reading::refused(&["needs-restarting", "-r"], &output)),
        };
    }
    let running = reading::text(host, "/proc/sys/kernel/osrelease")?.trim().to_owned();
    let installed = reading::list(host, "/boot")?;
    let newest = installed
        .iter()
        .filter_map(|entry| entry.name.strip_prefix("vmlinuz-"))
        .filter(|version| flavour(version) == flavour(&running))
        .max_by(|a, b| version_key(a).cmp(&version_key(b)));
    let location = "/run/reboot-required, /boot";
    Ok(match newest {
        Some(newest) if version_key(newest) > version_key(&running) => {
            Finding::fail("pending", format!("kernel {newest} is installed and {running} runs"), location)
        }
        _ => Finding::pass("none", location),
    })
}

/// The numbers of a version, in order.
fn version_key(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// What follows the last number: `cloud-amd64`, `generic`.
fn flavour(version: &str) -> &str {
    version.rsplit_once(|c: char| c.is_ascii_digit()).map_or("", |_| {
        let start = version.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(version.len());
        &version[start..]
    })
}

pub(super) fn automatic(host: &dyn Host) -> Outcome {
    match packages(host)? {
        Packages::Deb => {
            let location = "apt-config dump APT::Periodic";
            let text = reading::answer(host, &["apt-config", "dump", "APT::Periodic"], RunLimits::QUICK)?;
            let on = |key: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
                line.is_some_and(|value| !["\"0\";", "\"\";"].contains(&value.trim()))
            };
            let installed = match host.metadata(Path::new("/usr/bin/unattended-upgrade")) {
                Ok(_) => true,
                Err(HostError::NotFound) => false,
                Err(error) => return Err(Unmeasured::from_host(&error, "/usr/bin/unattended-upgrade")),
            };
            Ok(if !installed {
                Finding::fail("not installed", "unattended-upgrades is not installed", location)
            } else if on("APT::Periodic::Update-Package-Lists") && on("APT::Periodic::Unattended-Upgrade") {
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

/// Files of installed packages that are not as delivered. Settings and documentation are meant to differ.
pub(super) fn package_files(host: &dyn Host, deb: &[String], rpm: &[String]) -> Outcome {
    let (query, verify, wanted): (&[&str], &[&str], _) = match packages(host)? {
        Packages::Deb => {
            (&["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\\n"], &["dpkg", "--verify"], deb)
        }
        Packages::Rpm => (&["rpm", "-q", "--queryformat", "installed %{NAME}\\n"], &["rpm", "--verify"], rpm),
    };
    // The query ends with an error when one of the packages is not installed; the others are named all the same.
    let argv: Vec<&str> = query.iter().copied().chain(wanted.iter().map(String::as_str)).collect();
    let Some(output) = reading::ask(host, &argv, RunLimits::SLOW)? else {
        return Err(Unmeasured::unknown(format!("{} is not installed", query[0]), query[0]));
    };
    let text = output.text();
    let installed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("installed ")).collect();
    if installed.is_empty() {
        return Err(Unmeasured::not_applicable("none of these packages is installed"));
    }
    let argv: Vec<&str> = verify.iter().copied().chain(installed).collect();
    let Some(output) = reading::ask(host, &argv, RunLimits::SLOW)? else {
        return Err(Unmeasured::unknown(format!("{} is not installed", verify[0]), verify[0]));
    };
    let text = output.text();
    // dpkg exits with 2 when it could not do its work; rpm counts differences.
    if !output.success() && text.trim().is_empty() {
        return Err(reading::refused(&argv, &output));
    }
    let changed = text.lines().filter_map(changed_file).collect();
    Ok(Finding::offenders(
        changed,
        "no program differs",
        "these files are not as delivered",
        verify.join(" "),
    ))
}

/// `??5??????   /path` (dpkg) or `S.5....T.  c /path` (rpm): the digest differs. `missing   /path`: it is gone.
fn changed_file(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (flags, rest) = (words.next()?, words.collect::<Vec<_>>());
    let (kind, path) = match rest[..] {
        [path] => ("", path),
        [kind, path, ..] => (kind, path),
        [] => return None,
    };
    let documentation =
        ["/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info", "/usr/share/lintian"];
    if ["c", "d", "g", "l", "r"].contains(&kind)
        || documentation.iter().any(|folder| path.starts_with(folder))
    {
        return None;
    }
    let digest_differs = flags.as_bytes().get(2) == Some(&b'5');
    (flags == "missing" || digest_differs).then(|| path.to_owned())
}
