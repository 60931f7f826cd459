//! Services and their states, from systemd where it runs the machine and from the process table elsewhere.

use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::{processes, reading};
use crate::host::{Host, RunLimits};

/// What systemd says about one unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) id: String,
    pub(super) loaded: bool,
    pub(super) active: bool,
    pub(super) enabled: bool,
}

/// Whether systemd is what started this machine.
pub(super) fn has_systemd(host: &dyn Host) -> Result<bool, Unmeasured> {
    reading::exists(host, "/run/systemd/system")
}

/// The states of units; names that are aliases come back under their real id, once.
pub(super) fn units(host: &dyn Host, names: &[&str]) -> Result<Vec<Unit>, Unmeasured> {
    let mut argv = vec!["systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", "--"];
    argv.extend(names);
    let text = reading::answer(host, &argv, RunLimits::QUICK)?;
    let mut found: Vec<Unit> = Vec::new();
    for block in text.split("\n\n") {
        let mut unit = Unit::default();
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "Id" => value.clone_into(&mut unit.id),
                "LoadState" => unit.loaded = value == "loaded",
                "ActiveState" => unit.active = ["active", "reloading"].contains(&value),
                "UnitFileState" => unit.enabled = ["enabled", "enabled-runtime"].contains(&value),
                _ => {}
            }
        }
        if !unit.id.is_empty() && !found.iter().any(|known| known.id == unit.id) {
            found.push(unit);
        }
    }
    if found.is_empty() {
        return Err(Unmeasured::unknown("systemctl named no unit", "systemctl show"));
    }
    Ok(found)
}

pub(super) fn any_running(host: &dyn Host, any_of: &[String], process_names: &[String]) -> Outcome {
    if has_systemd(host)? {
        let names: Vec<&str> = any_of.iter().map(String::as_str).collect();
        let running = units(host, &names)?.into_iter().find(|unit| unit.active);
        let location = "systemctl show";
        return Ok(match running {
            Some(unit) => Finding::pass(format!("{} runs", unit.id), location),
            None => Finding::fail("none runs", format!("none of {} runs", any_of.join(", ")), location),
        });
    }
    let location = "/proc/<pid>/comm";
    Ok(match processes::first_running(host, process_names.iter().map(String::as_str))? {
        Some(name) => Finding::pass(format!("{name} runs"), location),
        None => Finding::fail("none runs", format!("none of {} runs", process_names.join(", ")), location),
    })
}

pub(super) fn enabled_running(host: &dyn Host, names: &[String]) -> Outcome {
    if !has_systemd(host)? {
        return Err(Unmeasured::unknown("this machine is not run by systemd", "/run/systemd/system"));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut enabled = units(host, &names)?;
    enabled.retain(|unit| unit.loaded && unit.enabled);
    if enabled.is_empty() {
        return Err(Unmeasured::not_applicable("none of these services is installed and enabled"));
    }
    let stopped = enabled.into_iter().filter(|unit| !unit.active).map(|unit| unit.id).collect();
    Ok(Finding::offenders(
        stopped,
        "every enabled one runs",
        "these are enabled and do not run",
        "systemctl show",
    ))
}

pub(super) fn failed(host: &dyn Host) -> Outcome {
    // That none is listed could have many reasons; that there are zero, systemd has to say.
    const COUNT: [&str; 3] = ["systemctl", "show", "--property=NFailedUnits"];
    const LIST: [&str; 7] =
        ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager", "--full"];
    if !has_systemd(host)? {
        return Err(Unmeasured::not_applicable("this machine is not run by systemd"));
    }
    let text = reading::answer(host, &COUNT, RunLimits::QUICK)?;
    let count = text.trim().strip_prefix("NFailedUnits=").and_then(|count| count.parse::<u32>().ok());
    let count = count.ok_or_else(|| Unmeasured::unknown("the answer was not understood", COUNT.join(" ")))?;
    if count == 0 {
        return Ok(Finding::pass("none", COUNT.join(" ")));
    }
    let text = reading::answer(host, &LIST, RunLimits::QUICK)?;
    let units: Vec<String> =
        text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    if units.is_empty() {
        return Err(Unmeasured::unknown("units have failed, and none is named", LIST.join(" ")));
    }
    Ok(Finding::fail(enumerate(units), "these units have failed", "systemctl list-units --state=failed"))
}
