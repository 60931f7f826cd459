//! Units of the service manager: what state they are in, and how to bring it about.

use proofline_catalog::runbook::ServiceOperation;
use serde::{Deserialize, Serialize};

use super::StepError;
use super::tools::Tools;

/// Enablement and activity of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitState {
    /// Whether it starts at boot.
    pub enabled: bool,
    /// Whether nothing may start it.
    pub masked: bool,
    /// Whether it runs.
    pub active: bool,
    /// Whether it is being started, which may never end: a crash loop is always starting.
    pub starting: bool,
}

impl UnitState {
    /// A unit that the machine does not know.
    pub(super) const UNKNOWN: Self = Self { enabled: false, masked: false, active: false, starting: false };

    /// Whether it runs or will.
    pub(super) const fn is_up(self) -> bool {
        self.active || self.starting
    }
}

/// The state of `unit`, or `None` where the machine does not know it.
pub(super) fn state(tools: Tools<'_>, unit: &str) -> Result<Option<UnitState>, StepError> {
    let output =
        tools.ask(&["systemctl", "show", "--property=LoadState,ActiveState,UnitFileState", "--", unit])?;
    let text = output.text();
    let property = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let masked = property("LoadState") == Some("masked");
    if !masked && property("LoadState") != Some("loaded") {
        return Ok(None);
    }
    Ok(Some(UnitState {
        enabled: matches!(property("UnitFileState"), Some("enabled" | "enabled-runtime" | "alias")),
        masked,
        active: matches!(property("ActiveState"), Some("active" | "reloading")),
        starting: property("ActiveState") == Some("activating"),
    }))
}

/// The first of `units` that the machine knows, with its state.
pub(super) fn first_known<'u>(
    tools: Tools<'_>,
    units: &[&'u str],
) -> Result<Option<(&'u str, UnitState)>, StepError> {
    for unit in units {
        if let Some(state) = state(tools, unit)? {
            return Ok(Some((unit, state)));
        }
    }
    Ok(None)
}

/// Carries out an operation.
pub(super) fn operate(tools: Tools<'_>, unit: &str, operation: ServiceOperation) -> Result<(), StepError> {
    match operation {
        ServiceOperation::Enable => {
            tools.act(&["systemctl", "unmask", "--", unit])?;
            tools.act(&["systemctl", "enable", "--", unit])?;
            tools.act(&["systemctl", "start", "--", unit])
        }
        ServiceOperation::Start => tools.act(&["systemctl", "start", "--", unit]),
        ServiceOperation::Restart => tools.act(&["systemctl", "restart", "--", unit]),
        ServiceOperation::Stop => tools.act(&["systemctl", "stop", "--", unit]),
        ServiceOperation::Mask => {
            tools.act(&["systemctl", "stop", "--", unit])?;
            tools.act(&["systemctl", "mask", "--", unit])
        }
    }
}

/// Brings a unit back to an earlier state. One that is gone meanwhile has none.
pub(super) fn restore(tools: Tools<'_>, unit: &str, was: UnitState) -> Result<(), StepError> {
    let Some(now) = state(tools, unit)? else { return Ok(()) };
    if now.masked && !was.masked {
        tools.act(&["systemctl", "unmask", "--", unit])?;
    }
    if now.is_up() && !was.is_up() {
        tools.act(&["systemctl", "stop", "--", unit])?;
    }
    if was.masked && !now.masked {
        return tools.act(&["systemctl", "mask", "--", unit]);
    }
    // A mask hides whether the unit was enabled: say it again.
    if was.enabled && (!now.enabled || now.masked) {
        tools.act(&["systemctl", "enable", "--", unit])?;
    } else if !was.enabled && now.enabled {
        tools.act(&["systemctl", "disable", "--", unit])?;
    }
    if was.is_up() && !now.is_up() {
        tools.act(&["systemctl", "start", "--", unit])?;
    }
    Ok(())
}
