//! Whether an update waits for a restart to take effect.

use crate::host::{Host, RunLimits};
use crate::probes::finding::{Finding, Outcome, Unmeasured};
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
    let location = "/run/reboot-required, /boot";
    let kernels: Vec<String> = reading::list(host, "/boot")?
        .into_iter()
        .filter_map(|entry| entry.name.strip_prefix("vmlinuz-").map(str::to_owned))
        .filter(|version| flavour(version) == flavour(&running))
        .collect();
    let newest = kernels.iter().max_by(|a, b| version_key(a).cmp(&version_key(b)));
    match newest {
        Some(newest) if version_key(newest) > version_key(&running) => {
            Ok(Finding::fail("pending", format!("kernel {newest} is installed and {running} runs"), location))
        }
        // Only a kernel that is among the installed ones can be the newest of them.
        Some(_) if kernels.contains(&running) => Ok(Finding::pass("none", location)),
        _ => {
            let reason = format!("the running kernel {running} is not among those in /boot");
            Err(Unmeasured::unknown(reason, location))
        }
    }
}

/// The numbers of a version, in order.
fn version_key(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// Which of several lines of kernels a version belongs to: `cloud-amd`, `generic`, `rt`. Its words without numbers, and
/// without those that name the release of a distribution: `el9_3` and `el9_4` are one line.
fn flavour(version: &str) -> Vec<&str> {
    let words = version.split(|c: char| !c.is_ascii_alphabetic());
    words.filter(|word| !["", "el", "fc", "deb", "bpo", "rc", "uek", "amzn"].contains(word)).collect()
}
