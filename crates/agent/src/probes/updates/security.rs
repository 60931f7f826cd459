//! Security updates that the machine knows of and has not installed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use proofline_core::Timestamp;

use super::version::is_newer;
use super::{LISTS, Packages, age_days, packages, refreshed, security_lists};
use crate::host::{Host, RunLimits};
use crate::probes::finding::{Finding, Outcome, Unmeasured, enumerate};
use crate::probes::memory::Memory;
use crate::probes::reading;

const STATUS: &str = "/var/lib/dpkg/status";
/// apt's own reader of its lists, whatever they are compressed with.
const HELPER: &str = "/usr/lib/apt/apt-helper";
/// Debian's security list has 3 MiB, Ubuntu's for a long-lived release 8; one is held at a time.
const LIST_LIMITS: RunLimits = RunLimits { timeout: Duration::from_secs(20), output_limit: 12 * 1024 * 1024 };
/// The status file of a machine with 3 000 packages has about 3 MiB.
const STATUS_LIMIT: usize = 8 * 1024 * 1024;
/// What older lists do not name says nothing. The same as `linux.patches.package_lists` asks for.
const MAX_LIST_AGE_DAYS: u32 = 7;

pub(in crate::probes) fn waiting(host: &dyn Host, max_wait_days: u32, memory: &dyn Memory) -> Outcome {
    match packages(host)? {
        Packages::Deb => waiting_deb(host, max_wait_days, memory),
        Packages::Rpm => waiting_rpm(host, max_wait_days),
    }
}

/// Compares the installed packages with the lists of security updates, packages on hold included.
///
/// The lists do not say since when an update waits, so the agent remembers when it first saw it. Of what was waiting
/// already when the agent first looked, only a recent run of upgrades tells that it cannot have waited for long, and
/// that says nothing of packages on hold.
fn waiting_deb(host: &dyn Host, max_wait_days: u32, memory: &dyn Memory) -> Outcome {
    let lists = security_lists(host)?;
    if lists.is_empty() {
        return Err(Unmeasured::unknown("the machine has no list of security updates", LISTS));
    }
    let location = format!("{LISTS}, {STATUS}");
    let status =
        host.read(Path::new(STATUS), STATUS_LIMIT).map_err(|error| Unmeasured::from_host(&error, STATUS))?;
    let status = String::from_utf8_lossy(&status);
    if packages_in(&status).next().is_none() {
        return Err(Unmeasured::unknown("the list of installed packages was not understood", STATUS));
    }
    let mut installed: HashMap<&str, Vec<Package<'_>>> = HashMap::new();
    for package in packages_in(&status).filter(|package| package.installed) {
        installed.entry(package.name).or_default().push(package);
    }
    let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
    for list in lists {
        let argv = [HELPER, "cat-file", &list];
        let output = reading::ask(host, &argv, LIST_LIMITS)?
            .ok_or_else(|| Unmeasured::unknown("apt-helper is not installed", HELPER))?;
        if !output.success() {
            return Err(reading::refused(&argv, &output));
        }
        let list = String::from_utf8_lossy(&output.stdout);
        // A suite without any update yet has an empty list.
        if !list.trim().is_empty() && packages_in(&list).next().is_none() {
            return Err(Unmeasured::unknown("a list of security updates was not understood", argv.join(" ")));
        }
        for update in packages_in(&list) {
            let own = installed.get(update.name).map(Vec::as_slice).unwrap_or_default();
            let fits = |own: &&Package<'_>| {
                own.architecture == update.architecture
                    || [own.architecture, update.architecture].contains(&"all")
            };
            for own in own.iter().filter(fits).filter(|own| is_newer(update.version, own.version)) {
                let found = Waiting { name: update.name.to_owned(), on_hold: own.on_hold };
                // What is installed waits, not each of the versions that would replace it.
                waiting.insert(format!("{} {}", own.name, own.version), found);
            }
        }
    }
    let seen = memory.note("security_updates", &waiting.keys().cloned().collect(), host.now());
    let upgraded = last_upgrade(host)?.is_some_and(|at| age_days(host, at) <= i64::from(max_wait_days));
    let late = |key: &String, update: &Waiting| match seen.get(key) {
        Some(sighting) if age_days(host, sighting.since) > i64::from(max_wait_days) => true,
        Some(sighting) => sighting.from_the_start && (update.on_hold || !upgraded),
        None => true,
    };
    let late: Vec<String> = waiting
        .iter()
        .filter(|(key, update)| late(key, update))
        .map(
            |(_, update)| {
                if update.on_hold { format!("{} (on hold)", update.name) } else { update.name.clone() }
            },
        )
        .collect();
    let nothing = if waiting.is_empty() {
        "none waiting".to_owned()
    } else {
        let names = waiting.into_values().map(|update| update.name).collect();
        format!("waiting for at most {max_wait_days} days: {}", enumerate(names))
    };
    let reason = format!("nothing shows that these were installable for {max_wait_days} days or less");
    if late.is_empty() {
        not_by_old_lists(host)?;
    }
    Ok(Finding::offenders(late, &nothing, &reason, location))
}

/// What is found in old lists stands; what is not found there may be in new ones.
fn not_by_old_lists(host: &dyn Host) -> Result<(), Unmeasured> {
    let (location, refreshed) = refreshed(host)?;
    match refreshed {
        Some(at) if (0..=i64::from(MAX_LIST_AGE_DAYS)).contains(&age_days(host, at)) => Ok(()),
        _ => {
            let reason = format!("the package lists were not refreshed within {MAX_LIST_AGE_DAYS} days");
            Err(Unmeasured::unknown(reason, location))
        }
    }
}

/// An installed package that a security update would replace.
struct Waiting {
    name: String,
    on_hold: bool,
}

/// One stanza of a list or of the status file.
#[derive(Default, Clone, Copy)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    architecture: &'a str,
    installed: bool,
    on_hold: bool,
}

/// The complete stanzas of a control file. deb-control(5)
fn packages_in(text: &str) -> impl Iterator<Item = Package<'_>> {
    text.split("\n\n").filter_map(|stanza| {
        let mut package = Package::default();
        for line in stanza.lines() {
            // Continuation lines begin with white space and never match a key.
            let Some((key, value)) = line.split_once(": ") else { continue };
            match key {
                "Package" => package.name = value.trim(),
                "Version" => package.version = value.trim(),
                "Architecture" => package.architecture = value.trim(),
                "Status" => {
                    package.installed = value.trim().ends_with(" installed");
                    package.on_hold = value.trim().starts_with("hold ");
                }
                _ => {}
            }
        }
        (!package.name.is_empty() && !package.version.is_empty()).then_some(package)
    })
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
fn waiting_rpm(host: &dyn Host, max_wait_days: u32) -> Outcome {
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
    if waiting == 0 && !text.trim().is_empty() {
        return Err(Unmeasured::unknown("the answer was not understood", location));
    }
    if late.is_empty() {
        not_by_old_lists(host)?;
    }
    let nothing = match waiting {
        0 => "none waiting".to_owned(),
        _ => format!("waiting for at most {max_wait_days} days"),
    };
    Ok(Finding::offenders(late, &nothing, "these advisories wait for longer", location))
}

#[cfg(test)]
mod tests {
    use proofline_catalog::{Catalog, ProbeSpec};

    use super::*;

    #[test]
    fn lists_are_too_old_here_when_their_own_check_says_so() {
        let checks = Catalog::embedded().checks();
        let limits: Vec<u32> = checks
            .iter()
            .filter_map(|check| match check.probe {
                ProbeSpec::PackageLists { max_age_days } => Some(max_age_days),
                _ => None,
            })
            .collect();
        assert_eq!(limits, [MAX_LIST_AGE_DAYS]);
    }
}
