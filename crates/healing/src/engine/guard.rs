//! The guards between a governing rule and an action, in the order of [`WhyNot`].

use chrono::TimeDelta;
use proofline_catalog::canonical::Digest;
use proofline_catalog::rule::{Rule, When};
use proofline_core::{Mode, Timestamp};

use super::situation::{Posture, SENSITIVE_ROLES, Situation};
use super::why::{ModeSource, Opponent, WhyNot};
use crate::history::AttemptOutcome;
use crate::incident::State;

/// After this many heals in vain, one after the other, people take over.
const FUTILE_CYCLES: u8 = 3;
/// Heals farther apart than this do not make a circle; no back-off is longer.
const DAY: TimeDelta = TimeDelta::days(1);

pub(super) enum Allowed {
    Run,
    Ask { reason: String },
}

pub(super) fn check(
    rule: &Rule,
    hash: Digest,
    situation: &Situation<'_>,
    consent: bool,
) -> Result<Allowed, WhyNot> {
    tries_left(rule, hash, situation)?;
    let mode = effective_mode(rule, situation)?;
    not_paused(situation.posture, situation.now)?;
    if !consent {
        cooled_down(rule, hash, situation)?;
    }
    within_caps(rule, situation)?;
    if rule.when == When::MaintenanceWindow {
        inside_window(situation.posture, situation.now)?;
    }
    match mode {
        Ceiling::Ask { reason } if !consent => Ok(Allowed::Ask { reason }),
        Ceiling::Ask { .. } | Ceiling::Enforce => Ok(Allowed::Run),
    }
}

fn tries_left(rule: &Rule, hash: Digest, situation: &Situation<'_>) -> Result<(), WhyNot> {
    let incident = situation.incident;
    let of_incident = || situation.history.of_rule(hash).filter(|attempt| attempt.incident == incident.id);
    if incident.state == State::Escalated && of_incident().next().is_some() {
        return Err(WhyNot::Escalated);
    }
    if let Some(opponent) = futile(hash, situation) {
        return Err(WhyNot::FutileLoop { cycles: FUTILE_CYCLES, opponent });
    }
    if rule.once_per_incident && of_incident().next().is_some() {
        return Err(WhyNot::OncePerIncident);
    }
    let used = of_incident().filter(|attempt| attempt.recurrence == incident.recurrences).count();
    if used >= usize::from(rule.max_attempts) {
        return Err(WhyNot::AttemptsExhausted { attempts: rule.max_attempts });
    }
    Ok(())
}

/// The check fails although the last heals of this rule all reported success, each within a day of the next.
fn futile(hash: Digest, situation: &Situation<'_>) -> Option<Opponent> {
    let mut later = situation.now;
    let mut passed_in_between = false;
    let mut cycles = 0;
    for attempt in situation.history.of_rule(hash) {
        match attempt.outcome {
            AttemptOutcome::Resolved => passed_in_between = true,
            AttemptOutcome::NotEffective => {}
            AttemptOutcome::Failed | AttemptOutcome::Interrupted => return None,
        }
        if later.signed_duration_since(attempt.at) > DAY {
            return None;
        }
        later = attempt.at;
        cycles += 1;
        if cycles == FUTILE_CYCLES {
            return Some(if !passed_in_between {
                Opponent::RunbookInsufficient
            } else if situation.managers.is_empty() {
                Opponent::UnknownWriter
            } else {
                Opponent::Managers(situation.managers.to_vec())
            });
        }
    }
    None
}

enum Ceiling {
    Ask { reason: String },
    Enforce,
}

fn effective_mode(rule: &Rule, situation: &Situation<'_>) -> Result<Ceiling, WhyNot> {
    let posture = situation.posture;
    if posture.local_override == Some(Mode::Audit) {
        return Err(WhyNot::LocalOverride);
    }
    let sensitive = situation.roles.iter().find(|role| SENSITIVE_ROLES.contains(role));
    if let (Some(role), None) = (sensitive, posture.asset_mode) {
        return Err(WhyNot::SensitiveRole { role: role.as_str().to_owned() });
    }
    let modes = [
        (rule.mode, ModeSource::Rule),
        (posture.site_mode, ModeSource::Site),
        (posture.asset_mode.unwrap_or(Mode::Enforce), ModeSource::Asset),
    ];
    let (mode, source) = modes.into_iter().min_by_key(|(mode, _)| *mode).expect("three modes");
    match (mode, posture.local_override) {
        (Mode::Audit, _) => Err(WhyNot::ModeAudit { source }),
        (Mode::Ask | Mode::Enforce, Some(Mode::Ask)) => {
            Ok(Ceiling::Ask { reason: "the clinic set this machine to ask".to_owned() })
        }
        (Mode::Ask, _) => {
            let who = match source {
                ModeSource::Rule => "rule",
                ModeSource::Site => "site",
                ModeSource::Asset => "asset",
            };
            Ok(Ceiling::Ask { reason: format!("the {who} is set to ask") })
        }
        (Mode::Enforce, _) => Ok(Ceiling::Enforce),
    }
}

fn not_paused(posture: &Posture, now: Timestamp) -> Result<(), WhyNot> {
    let paused = posture.paused_until.filter(|until| now < *until);
    let patients = posture.patient_hours.iter().filter_map(|hours| hours.end_if_inside(now)).max();
    match paused.max(patients) {
        Some(until) => Err(WhyNot::Paused { until }),
        None => Ok(()),
    }
}

fn cooled_down(rule: &Rule, hash: Digest, situation: &Situation<'_>) -> Result<(), WhyNot> {
    let incident = situation.incident;
    let Some(last) = situation.history.of_rule(hash).next() else { return Ok(()) };
    let tries = situation
        .history
        .of_rule(hash)
        .filter(|attempt| attempt.incident == incident.id && attempt.recurrence == incident.recurrences)
        .count();
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let wait = TimeDelta::seconds(i64::from(rule.cooldown_s) << doublings).min(DAY);
    let until = last.at + wait;
    // A last attempt that lies days ahead was stamped by a broken clock and says nothing.
    if situation.now < until && last.at.signed_duration_since(situation.now) <= DAY {
        return Err(WhyNot::Cooldown { until });
    }
    Ok(())
}

fn within_caps(rule: &Rule, situation: &Situation<'_>) -> Result<(), WhyNot> {
    let (on_site, on_role) = situation.heals.last_hour(situation.now, situation.roles);
    let caps = rule.blast_radius;
    if on_site >= usize::from(caps.site_per_hour) {
        return Err(WhyNot::SiteCap { per_hour: caps.site_per_hour });
    }
    if on_role >= usize::from(caps.role_per_hour) {
        return Err(WhyNot::RoleCap { per_hour: caps.role_per_hour });
    }
    Ok(())
}

fn inside_window(posture: &Posture, now: Timestamp) -> Result<(), WhyNot> {
    let windows = &posture.maintenance_windows;
    if windows.iter().any(|window| window.end_if_inside(now).is_some()) {
        return Ok(());
    }
    Err(WhyNot::OutsideMaintenanceWindow {
        next: windows.iter().filter_map(|window| window.next_start(now)).min(),
    })
}
