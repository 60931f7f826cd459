//! Safeguards that are either there and at work or not: file integrity, malware scanner, mandatory access control.

use proofline_core::Timestamp;

use super::finding::{Finding, Outcome, Unmeasured};
use super::{processes, reading};
use crate::host::{FileKind, Host, HostError};

/// Programs that watch files by themselves.
const WATCHERS: [&str; 6] =
    ["wazuh-syscheckd", "ossec-syscheckd", "samhain", "osqueryd", "auditbeat", "falcon-sensor"];
/// Endpoint protection whose vendor keeps the signatures current.
const ENDPOINT: [&str; 10] = [
    "falcon-sensor",
    "s1-agent",
    "wdavdaemon",
    "cbagentd",
    "sophos_threat_d",
    "ds_agent",
    "esets_daemon",
    "kesl",
    "bdsecd",
    "cortex-xdr",
];
const SCANNERS: [&str; 2] = ["clamd", "clamonacc"];

const DATABASES: [&str; 3] =
    ["/var/lib/aide/aide.db", "/var/lib/aide/aide.db.gz", "/var/lib/tripwire/report"];

const PLANS: [&str; 4] = [
    "/etc/systemd/system/timers.target.wants/dailyaidecheck.timer",
    "/etc/systemd/system/timers.target.wants/aidecheck.timer",
    "/etc/cron.daily/aide",
    "/etc/cron.d/aide",
];

pub(super) fn integrity_baseline(host: &dyn Host, max_age_days: u32) -> Outcome {
    if let Some(watcher) = processes::first_running(host, WATCHERS)? {
        return Ok(Finding::pass(format!("kept by {watcher}"), "/proc/<pid>/comm"));
    }
    let mut newest = None;
    for path in DATABASES {
        newest = newest.max(reading::metadata_if_there(host, path)?.map(|found| found.modified));
    }
    let location = "/var/lib/aide";
    let Some(made) = newest else {
        return Ok(Finding::fail("none", "no baseline exists and nothing watches files", location));
    };
    not_in_the_future(host, made, location)?;
    if host.now().signed_duration_since(made).num_days() > i64::from(max_age_days) {
        let observed = format!("older than {max_age_days} days");
        return Ok(Finding::fail(observed, "the baseline was not renewed", location));
    }
    for plan in PLANS {
        // A link into the units counts although its target is elsewhere.
        match host.link_metadata(std::path::Path::new(plan)) {
            Ok(found) if matches!(found.kind, FileKind::File | FileKind::Symlink) => {
                return Ok(Finding::pass(
                    format!("at most {max_age_days} days old, compared regularly"),
                    plan,
                ));
            }
            Ok(_) | Err(HostError::NotFound) => {}
            Err(error) => return Err(Unmeasured::from_host(&error, plan)),
        }
    }
    let crontab = reading::text_if_there(host, "/etc/crontab")?.unwrap_or_default();
    Ok(if reading::settings(&crontab).any(|line| line.contains("aide")) {
        Finding::pass(format!("at most {max_age_days} days old, compared regularly"), "/etc/crontab")
    } else {
        Finding::fail("never compared", "a baseline exists, but no job compares with it", location)
    })
}

/// A time that is yet to come says that the clock or the file is wrong, not that something is recent.
fn not_in_the_future(host: &dyn Host, at: Timestamp, location: &str) -> Result<(), Unmeasured> {
    if at.signed_duration_since(host.now()) > chrono::TimeDelta::hours(1) {
        return Err(Unmeasured::unknown("the date of the file lies in the future", location));
    }
    Ok(())
}

pub(super) fn malware(host: &dyn Host, max_signature_age_h: u32) -> Outcome {
    if let Some(agent) = processes::first_running(host, ENDPOINT)? {
        return Ok(Finding::pass(format!("{agent} runs"), "/proc/<pid>/comm"));
    }
    let Some(scanner) = processes::first_running(host, SCANNERS)? else {
        return Ok(Finding::fail(
            "no scanner runs",
            "nothing looks for malicious software",
            "/proc/<pid>/comm",
        ));
    };
    let location = "/var/lib/clamav";
    let mut newest = None;
    for name in ["daily.cld", "daily.cvd"] {
        let path = format!("{location}/{name}");
        newest = newest.max(reading::metadata_if_there(host, &path)?.map(|found| found.modified));
    }
    let Some(changed) = newest else {
        return Ok(Finding::fail(
            format!("{scanner} runs without signatures"),
            "there are no signatures",
            location,
        ));
    };
    not_in_the_future(host, changed, location)?;
    let age = host.now().signed_duration_since(changed).num_hours();
    Ok(if age <= i64::from(max_signature_age_h) {
        Finding::pass(format!("{scanner} runs, signatures of at most {max_signature_age_h} hours"), location)
    } else {
        let observed = format!("{scanner} runs, signatures older than {max_signature_age_h} hours");
        Finding::fail(observed, "the signatures are not renewed", location)
    })
}

const SELINUX: &str = "/sys/fs/selinux/enforce";

const ENABLED: &str = "/sys/module/apparmor/parameters/enabled";

const PROFILES: &str = "/sys/kernel/security/apparmor/profiles";

pub(super) fn access_control(host: &dyn Host) -> Outcome {
    if let Some(text) = reading::text_if_there(host, SELINUX)? {
        return match text.trim() {
            "1" => Ok(Finding::pass("SELinux enforces", SELINUX)),
            "0" => Ok(Finding::fail("SELinux only warns", "SELinux is in permissive mode", SELINUX)),
            _ => Err(Unmeasured::unknown("the answer was not understood", SELINUX)),
        };
    }
    let enabled = reading::text_if_there(host, ENABLED)?.is_some_and(|text| text.trim() == "Y");
    if !enabled {
        let reason = "neither AppArmor nor SELinux is active in the kernel";
        return Ok(Finding::fail("none", reason, format!("{SELINUX}, {ENABLED}")));
    }
    let profiles = reading::text(host, PROFILES)?;
    Ok(if profiles.lines().any(|line| line.ends_with("(enforce)")) {
        Finding::pass("AppArmor with enforced profiles", PROFILES)
    } else {
        Finding::fail("AppArmor without enforced profiles", "no loaded profile is enforced", PROFILES)
    })
}
