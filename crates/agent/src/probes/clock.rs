//! Whether the clock is kept right, and by how many sources.
//!
//! What is observed says on which side of the limit the offset is, never the offset itself: that changes with every look.

use super::finding::{Finding, Outcome, Unmeasured};
use super::{processes, reading, services};
use crate::host::{Host, RunLimits};

/// Programs that keep a clock right.
const KEEPERS: [&str; 9] = [
    "chronyd",
    "ntpd",
    "ntpd-rs",
    "ntp-daemon",
    "systemd-timesyncd",
    "openntpd",
    "ptp4l",
    "vmtoolsd",
    "VBoxService",
];

pub(super) fn offset(host: &dyn Host, max_ms: u32) -> Outcome {
    let keeper = processes::first_running(host, KEEPERS)?;
    match keeper {
        Some("chronyd") => from_chrony(host, max_ms),
        Some("ntpd") => from_ntpd(host, max_ms),
        Some("systemd-timesyncd") => from_timesyncd(host),
        Some(other) => {
            let reason = format!("{other} keeps the clock, and it cannot be asked by how much it is off");
            Err(Unmeasured::unknown(reason, "/proc/<pid>/comm"))
        }
        None => Ok(Finding::fail("not synchronised", "no time service runs", "/proc/<pid>/comm")),
    }
}

fn judge(synchronised: bool, offset_ms: f64, max_ms: u32, location: &str) -> Finding {
    if !synchronised {
        Finding::fail("not synchronised", "the time service has no usable source", location)
    } else if offset_ms.abs() < f64::from(max_ms) {
        Finding::pass(format!("synchronised, off by less than {max_ms} ms"), location)
    } else {
        Finding::fail(format!("off by {max_ms} ms or more"), "the clock is wrong", location)
    }
}

/// Fields of `chronyc -c tracking`: 4 is the offset of the system clock in seconds, 13 the leap status.
fn from_chrony(host: &dyn Host, max_ms: u32) -> Outcome {
    let location = "chronyc -c tracking";
    let text = reading::answer(host, &["chronyc", "-c", "tracking"], RunLimits::QUICK)?;
    let fields: Vec<&str> = text.trim().split(',').collect();
    let offset = fields.get(4).and_then(|field| field.parse::<f64>().ok());
    match (offset, fields.get(13)) {
        (Some(seconds), Some(leap)) => {
            Ok(judge(*leap != "Not synchronised", seconds * 1000.0, max_ms, location))
        }
        _ => Err(Unmeasured::unknown("the answer was not understood", location)),
    }
}

/// System variables of `ntpq -c rv`: `leap=11` or `leap_alarm` means not synchronised, `offset` is in milliseconds.
fn from_ntpd(host: &dyn Host, max_ms: u32) -> Outcome {
    let location = "ntpq -c rv";
    let text = reading::answer(host, &["ntpq", "-c", "rv"], RunLimits::QUICK)?;
    let mut words = text.split([',', ' ', '\n']).map(str::trim);
    let offset = words.clone().find_map(|word| word.strip_prefix("offset=")?.parse::<f64>().ok());
    let Some(offset) = offset else {
        return Err(Unmeasured::unknown("the answer was not understood", location));
    };
    let alarm = words.any(|word| word == "leap_alarm" || word == "leap=11" || word == "leap=3");
    Ok(judge(!alarm, offset, max_ms, location))
}

/// systemd-timesyncd steps the clock whenever it is off by more than 0.4 s, so being synchronised is enough.
fn from_timesyncd(host: &dyn Host) -> Outcome {
    let location = "timedatectl show: NTPSynchronized";
    let argv = ["timedatectl", "show", "--property=NTPSynchronized", "--value"];
    match reading::answer(host, &argv, RunLimits::QUICK)?.trim() {
        "yes" => Ok(Finding::pass("synchronised", location)),
        "no" => Ok(Finding::fail("not synchronised", "the time service has no usable source", location)),
        _ => Err(Unmeasured::unknown("the answer was not understood", location)),
    }
}

pub(super) fn sources(host: &dyn Host, min_sources: u32) -> Outcome {
    let keeper = processes::first_running(host, KEEPERS)?;
    let (usable, location) = match keeper {
        Some("chronyd") => {
            let text = reading::answer(host, &["chronyc", "-c", "sources"], RunLimits::QUICK)?;
            // The second field is the state: * best, + combined, - usable, ? unreachable, x wrong, ~ too variable.
            let usable = text
                .lines()
                .filter_map(|line| line.split(',').nth(1))
                .filter(|s| ["*", "+", "-"].contains(s));
            (usable.count(), "chronyc -c sources")
        }
        Some("ntpd") => {
            let text = reading::answer(host, &["ntpq", "-pn"], RunLimits::QUICK)?;
            (text.lines().filter(|line| line.starts_with(['*', '+', '-', '#', 'o'])).count(), "ntpq -pn")
        }
        Some("systemd-timesyncd") if services::has_systemd(host)? => {
            (1, "systemd-timesyncd, which asks one server")
        }
        Some(other) => {
            return Err(Unmeasured::unknown(
                format!("{other} cannot be asked for its sources"),
                "/proc/<pid>/comm",
            ));
        }
        None => (0, "/proc/<pid>/comm: no time service runs"),
    };
    Ok(if u32::try_from(usable).is_ok_and(|usable| usable >= min_sources) {
        Finding::pass(format!("at least {min_sources} usable sources"), location)
    } else {
        Finding::fail(
            format!("{usable} usable sources"),
            "the clock is compared with too few servers",
            location,
        )
    })
}
