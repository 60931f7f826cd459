//! Whether an update waits for a restart to take effect.

use crate::host::{Host, RunLimits};
use crate::probes::finding::{Finding, Outcome};
use crate::probes::reading;

pub(in crate::probes) fn pending(host: &dyn Host) -> Outcome {
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
