//! The policy: one exhaustive match. A new action does not compile until somebody decides who may do it.

use std::fmt::Write as _;

use proofline_core::Role;

use crate::{Action, Effect, Principal, Reach};

/// Proof that the policy allowed `action` to `principal`. Only [`authorise`] makes one.
#[derive(Debug, Clone)]
pub struct Permit {
    principal: Principal,
    action: Action,
    reach: Reach,
}

impl Permit {
    /// Who was allowed.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What was allowed.
    pub fn action(&self) -> Action {
        self.action
    }

    /// How much of the tenancy tree it opens.
    pub fn reach(&self) -> Reach {
        self.reach
    }
}

/// The policy says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{action} is not allowed")]
pub struct Denied {
    /// What was asked.
    pub action: Action,
}

/// Who an action is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Staff,
    StaffWhoAct,
    Admins,
    Appliances,
    Claimants,
    Installation,
}

fn audience(action: Action) -> Audience {
    match action {
        Action::SessionRead
        | Action::SessionEnd
        | Action::OverviewRead
        | Action::PartnerRead
        | Action::OrganisationRead
        | Action::SiteRead
        | Action::CodeRead
        | Action::ApplianceRead
        | Action::IncidentRead
        | Action::EvidenceRead
        | Action::EvidenceExport
        | Action::OrderRead
        | Action::AuditRead
        | Action::SystemRead
        | Action::SettingsRead
        | Action::CatalogRead
        | Action::EventsSubscribe => Audience::Staff,
        Action::PartnerCreate
        | Action::OrganisationCreate
        | Action::SiteCreate
        | Action::CodeCreate
        | Action::CodeRevoke
        | Action::ApplianceRunChecks
        | Action::IncidentApprove
        | Action::IncidentEscalate => Audience::StaffWhoAct,
        Action::ApplianceRevoke | Action::ApplianceSetMode | Action::SettingsUpdate => Audience::Admins,
        Action::AgentCheckIn
        | Action::AgentFinishOrders
        | Action::AgentReadRules
        | Action::AgentSubmitEvidence => Audience::Appliances,
        Action::ProvisionClaim => Audience::Claimants,
        Action::SystemMaintain | Action::SystemProvisionLocal => Audience::Installation,
    }
}

fn role_is_in(role: Role, audience: Audience) -> bool {
    match audience {
        Audience::Staff => matches!(role, Role::StaffAdmin | Role::StaffOperator | Role::StaffReadonly),
        Audience::StaffWhoAct => matches!(role, Role::StaffAdmin | Role::StaffOperator),
        Audience::Admins => matches!(role, Role::StaffAdmin),
        Audience::Appliances | Audience::Claimants | Audience::Installation => false,
    }
}

/// Decides whether `principal` may do `action`.
pub fn authorise(principal: &Principal, action: Action) -> Result<Permit, Denied> {
    let audience = audience(action);
    let allowed = match principal {
        Principal::Person { role, .. } => role_is_in(*role, audience),
        Principal::Appliance { .. } => audience == Audience::Appliances,
        Principal::Claimant => audience == Audience::Claimants,
        Principal::System(_) => audience == Audience::Installation,
    };
    if allowed {
        Ok(Permit { principal: principal.clone(), action, reach: principal.reach() })
    } else {
        Err(Denied { action })
    }
}

/// Every action that a person of this role may do: what the web app enables.
pub fn permissions_of(role: Role) -> Vec<Action> {
    Action::ALL.iter().copied().filter(|&action| role_is_in(role, audience(action))).collect()
}

/// The whole policy as a text table, for `spec/policy.txt`.
pub fn policy_matrix() -> String {
    let mut text = String::from("# action × principal; generated from crates/authz, do not edit\n");
    let heads = ["admin", "operator", "readonly", "appliance", "claimant", "system"];
    let _ = writeln!(
        text,
        "{:<24}{:<7}{}",
        "action",
        "effect",
        heads.map(|h| format!("{h:<11}")).concat().trim_end()
    );
    for &action in Action::ALL {
        let audience = audience(action);
        let cells = Role::ALL
            .map(|role| role_is_in(role, audience))
            .into_iter()
            .chain([Audience::Appliances, Audience::Claimants, Audience::Installation].map(|a| a == audience))
            .map(|yes| format!("{:<11}", if yes { "yes" } else { "-" }))
            .collect::<String>();
        let effect = match action.effect() {
            Effect::Read => "read",
            Effect::Write => "write",
        };
        let _ = writeln!(text, "{:<24}{effect:<7}{}", action.as_str(), cells.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Job;
    use proofline_core::{SeededEntropy, UserId};

    fn person(role: Role) -> Principal {
        let at = proofline_core::Timestamp::UNIX_EPOCH;
        Principal::Person { id: UserId::new(at, &SeededEntropy::new(1)), name: "P".into(), role }
    }

    #[test]
    fn the_printed_policy_is_the_policy() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/policy.txt");
        if std::env::var_os("UPDATE_SPEC").is_some() {
            std::fs::write(path, policy_matrix()).expect("spec/ is writable");
        }
        #[expect(clippy::disallowed_methods, reason = "a small committed file")]
        let committed = std::fs::read_to_string(path).expect("spec/policy.txt is committed");
        assert_eq!(
            committed,
            policy_matrix(),
            "the policy changed: run `make generate` and have the table reviewed"
        );
    }

    #[test]
    fn readonly_staff_change_nothing_but_their_session() {
        let writes: Vec<_> =
            permissions_of(Role::StaffReadonly).into_iter().filter(|a| a.effect() == Effect::Write).collect();
        assert_eq!(writes, [Action::SessionEnd, Action::EvidenceExport]);
    }

    #[test]
    fn no_person_acts_as_an_agent_and_no_agent_as_a_person() {
        for &action in Action::ALL {
            let by_person = Role::ALL.into_iter().any(|role| authorise(&person(role), action).is_ok());
            let by_system = authorise(&Principal::System(Job("test")), action).is_ok();
            assert!(!(by_person && by_system), "{action}");
        }
        assert!(authorise(&Principal::Claimant, Action::SiteRead).is_err());
    }
}
