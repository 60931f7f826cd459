//! The policy: one exhaustive match. A new action does not compile until somebody decides who may do it.

use std::fmt::Write as _;

use proofline_core::Role;

use crate::{Action, Effect, Principal, Proof, Reach};

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
    /// Nobody by role: the credential that the request brings decides, before there is anybody to permit it to.
    Bearer,
    People(&'static [Role]),
    Appliances,
    Claimants,
    Installation,
}

use Role::{
    PartnerAdmin, PartnerBilling, PartnerTechnician, PracticeManager, PracticeOwner, PracticeViewer,
    StaffAdmin, StaffOperator, StaffReadonly,
};

/// Whoever has a session.
const EVERYONE: Audience = Audience::People(&Role::ALL);
/// Who sees how clinics stand. Row-level security decides which clinics.
const LOOKING: Audience = Audience::People(&[
    StaffAdmin,
    StaffOperator,
    StaffReadonly,
    PartnerAdmin,
    PartnerTechnician,
    PracticeOwner,
    PracticeManager,
    PracticeViewer,
]);
/// Who takes evidence away.
const EXPORTING: Audience = Audience::People(&[
    StaffAdmin,
    StaffOperator,
    StaffReadonly,
    PartnerAdmin,
    PartnerTechnician,
    PracticeOwner,
    PracticeManager,
]);
/// Who sees how the machinery of a clinic is set up.
const TECHNICAL: Audience =
    Audience::People(&[StaffAdmin, StaffOperator, StaffReadonly, PartnerAdmin, PartnerTechnician]);
/// Who may have to look into a client that does not show itself to them: an access is for reading, so whoever reads is enough.
const NEEDING: Audience = TECHNICAL;
/// Who works on clinics.
const ACTING: Audience = Audience::People(&[StaffAdmin, StaffOperator, PartnerAdmin, PartnerTechnician]);
/// Who may ask that a person looks at something.
const ASKING: Audience = Audience::People(&[
    StaffAdmin,
    StaffOperator,
    PartnerAdmin,
    PartnerTechnician,
    PracticeOwner,
    PracticeManager,
]);
/// Who adds clinics.
const TENANT_BUILDERS: Audience = Audience::People(&[StaffAdmin, StaffOperator, PartnerAdmin]);
/// Who decides what the machinery may do, and who signs in.
const IN_CHARGE: Audience = Audience::People(&[StaffAdmin, PartnerAdmin]);
/// Who answers for a place, and so for who gets in and how; which people, `manage` says.
const WELCOMING: Audience = Audience::People(&[StaffAdmin, PartnerAdmin, PracticeOwner]);
/// Who may know who is let into a restricted client, and end an access: whoever may ask for one or approve it. Which one, the
/// use-case says.
const WATCHING: Audience = Audience::People(&[
    StaffAdmin,
    StaffOperator,
    StaffReadonly,
    PartnerAdmin,
    PartnerTechnician,
    PracticeOwner,
]);
/// Who reads the record of what people did, and who those people are.
const OVERSEEING: Audience =
    Audience::People(&[StaffAdmin, StaffOperator, StaffReadonly, PartnerAdmin, PracticeOwner]);
/// Who makes tokens for programs of theirs.
const TOKEN_MAKERS: Audience = Audience::People(&[
    StaffAdmin,
    StaffOperator,
    StaffReadonly,
    PartnerAdmin,
    PartnerTechnician,
    PartnerBilling,
]);
/// The installation's own people.
const STAFF: Audience = Audience::People(&[StaffAdmin, StaffOperator, StaffReadonly]);
/// Those of them who act.
const STAFF_WHO_ACT: Audience = Audience::People(&[StaffAdmin, StaffOperator]);
/// Those of them who answer for the installation.
const ADMINS: Audience = Audience::People(&[StaffAdmin]);

fn audience(action: Action) -> Audience {
    match action {
        Action::SessionStart
        | Action::Bootstrap
        | Action::OidcSignIn
        | Action::IdentityLink
        | Action::InvitationAccept
        | Action::PasswordReset
        | Action::ProfileConfirmEmail => Audience::Bearer,
        Action::SessionRead
        | Action::SessionEnd
        | Action::SessionList
        | Action::SessionEndOther
        | Action::ProfileUpdate
        | Action::ProfileChangeEmail
        | Action::PasswordChange
        | Action::FactorProve
        | Action::FactorRead
        | Action::FactorEnrol
        | Action::FactorRemove
        | Action::IdentityRead
        | Action::IdentityBeginLink
        | Action::IdentityUnlink
        | Action::PartnerRead
        | Action::OrganisationRead
        | Action::CatalogRead => EVERYONE,
        Action::OverviewRead
        | Action::SiteRead
        | Action::ApplianceRead
        | Action::IncidentRead
        | Action::EvidenceRead
        | Action::EventsSubscribe => LOOKING,
        Action::EvidenceExport => EXPORTING,
        Action::CodeRead | Action::OrderRead | Action::CredentialRead => TECHNICAL,
        Action::SiteCreate
        | Action::CodeCreate
        | Action::CodeRevoke
        | Action::ApplianceRunChecks
        | Action::CredentialSet
        | Action::CredentialDelete
        | Action::IncidentApprove => ACTING,
        Action::BreakGlassRequest => NEEDING,
        Action::AccessRead | Action::BreakGlassRead | Action::BreakGlassEnd => WATCHING,
        Action::IncidentEscalate => ASKING,
        Action::OrganisationCreate => TENANT_BUILDERS,
        Action::ApplianceRevoke
        | Action::ApplianceSetMode
        | Action::FactorPolicyRead
        | Action::FactorPolicyUpdate
        | Action::TokenOversee => IN_CHARGE,
        Action::ProviderRead
        | Action::ProviderCreate
        | Action::ProviderUpdate
        | Action::ProviderDelete
        | Action::ApprovalRead
        | Action::ApprovalDecide
        | Action::UserUpdate
        | Action::UserSuspend
        | Action::UserRestore
        | Action::UserResetFactors
        | Action::UserDelete
        | Action::InvitationCreate
        | Action::InvitationResend
        | Action::InvitationRevoke
        | Action::AccessRestrict
        | Action::AccessGrant
        | Action::AccessRevoke
        | Action::BreakGlassApprove => WELCOMING,
        Action::AuditRead | Action::AuditExport | Action::UserRead | Action::InvitationRead => OVERSEEING,
        Action::TokenRead | Action::TokenCreate | Action::TokenRevoke => TOKEN_MAKERS,
        Action::SystemRead | Action::SettingsRead => STAFF,
        Action::PartnerCreate => STAFF_WHO_ACT,
        Action::SettingsUpdate
        | Action::MailRead
        | Action::MailRetry
        | Action::AlarmClear
        | Action::KeyRotationDecide => ADMINS,
        Action::AgentCheckIn
        | Action::AgentFinishOrders
        | Action::AgentReadRules
        | Action::AgentReadCredentials
        | Action::AgentSubmitEvidence => Audience::Appliances,
        Action::ProvisionClaim => Audience::Claimants,
        Action::SystemMaintain
        | Action::SystemProvisionLocal
        | Action::SystemImportUsers
        | Action::SystemWrapPasswords
        | Action::SystemResetFactors
        | Action::KeyRotationAsk
        | Action::KeyRotate => Audience::Installation,
    }
}

fn role_is_in(role: Role, audience: Audience) -> bool {
    matches!(audience, Audience::People(roles) if roles.contains(&role))
}

impl Action {
    /// Whether a token may be given the action: a closed list, so that a new action is none of it until somebody says so.
    ///
    /// Not on it is what a person has to be there for: their session, factors, password and tokens, people, settings,
    /// approvals, what is final, and what leaves the installation as a file.
    pub const fn grantable(self) -> bool {
        matches!(
            self,
            Self::OverviewRead
                | Self::PartnerRead
                | Self::PartnerCreate
                | Self::OrganisationRead
                | Self::OrganisationCreate
                | Self::SiteRead
                | Self::SiteCreate
                | Self::CodeRead
                | Self::CodeCreate
                | Self::CodeRevoke
                | Self::ApplianceRead
                | Self::ApplianceRunChecks
                | Self::IncidentRead
                | Self::IncidentEscalate
                | Self::EvidenceRead
                | Self::OrderRead
                | Self::AuditRead
                | Self::SystemRead
                | Self::SettingsRead
                | Self::CatalogRead
        )
    }
}

/// What somebody of this role can give a token; nothing where the role makes none.
pub fn grantable_by(role: Role) -> Vec<Action> {
    Action::ALL.iter().copied().filter(|&action| by_token(role, action)).collect()
}

fn by_token(role: Role, action: Action) -> bool {
    action.grantable() && role_is_in(role, TOKEN_MAKERS) && role_is_in(role, audience(action))
}

/// Decides whether `principal` may do `action`.
pub fn authorise(principal: &Principal, action: Action) -> Result<Permit, Denied> {
    let audience = audience(action);
    let allowed = match principal {
        Principal::Person { membership, .. } => role_is_in(membership.role(), audience),
        Principal::Token { membership, actions, .. } => {
            actions.contains(&action) && by_token(membership.role(), action)
        }
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
    let heads = Role::ALL.map(Role::as_str).into_iter().chain(["token", "appliance", "claimant", "system"]);
    let heads: String = heads.map(|head| format!("{head:<19}")).collect();
    let _ = writeln!(text, "{:<24}{:<7}{:<10}{}", "action", "effect", "proof", heads.trim_end());
    for &action in Action::ALL {
        let audience = audience(action);
        let cells = Role::ALL
            .map(|role| role_is_in(role, audience))
            .into_iter()
            .chain([action.grantable()])
            .chain([Audience::Appliances, Audience::Claimants, Audience::Installation].map(|a| a == audience))
            .map(|yes| format!("{:<19}", if yes { "yes" } else { "-" }))
            .collect::<String>();
        let effect = match action.effect() {
            Effect::Read => "read",
            Effect::Write => "write",
        };
        let proof = match action.proof() {
            Proof::Password => "password",
            Proof::Full => "full",
            Proof::Fresh => "fresh",
        };
        let _ = writeln!(text, "{:<24}{effect:<7}{proof:<10}{}", action.as_str(), cells.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Job;
    use proofline_core::{Level, Membership, OrgId, PartnerId, Place, SeededEntropy, UserId};

    fn person(role: Role) -> Principal {
        let at = proofline_core::Timestamp::UNIX_EPOCH;
        let entropy = SeededEntropy::new(1);
        let place = match role.level() {
            Level::Platform => Place::Platform,
            Level::Partner => Place::Partner(PartnerId::new(at, &entropy)),
            Level::Practice => Place::Practice(OrgId::new(at, &entropy)),
        };
        let membership = Membership::new(role, place).expect("of one level");
        Principal::Person { id: UserId::new(at, &entropy), name: "P".into(), membership }
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
    fn readonly_staff_change_nothing_but_what_is_their_own() {
        let writes: Vec<_> =
            permissions_of(Role::StaffReadonly).into_iter().filter(|a| a.effect() == Effect::Write).collect();
        let own = [
            Action::SessionEnd,
            Action::FactorProve,
            Action::FactorEnrol,
            Action::FactorRemove,
            Action::SessionEndOther,
            Action::ProfileUpdate,
            Action::ProfileChangeEmail,
            Action::PasswordChange,
        ];
        let links = [Action::IdentityBeginLink, Action::IdentityUnlink];
        let exports = [Action::EvidenceExport, Action::AuditExport];
        let tokens = [Action::TokenCreate, Action::TokenRevoke];
        // For reading: what is asked for shows them a client, and lets them change nothing in it.
        let emergency = [Action::BreakGlassRequest, Action::BreakGlassEnd];
        let mut expected = [own.as_slice(), &links, &exports, &tokens, &emergency].concat();
        expected.sort_unstable();
        assert_eq!(writes, expected);
        assert!(grantable_by(Role::StaffReadonly).into_iter().all(|a| a.effect() == Effect::Read));
    }

    #[test]
    fn no_role_below_the_platform_sees_or_changes_the_installation() {
        let theirs =
            [Action::SystemRead, Action::SettingsRead, Action::SettingsUpdate, Action::PartnerCreate];
        for role in Role::ALL.into_iter().filter(|role| role.level() != Level::Platform) {
            assert!(theirs.iter().all(|&action| authorise(&person(role), action).is_err()), "{role}");
        }
        assert_eq!(person(Role::PartnerBilling).reach(), person(Role::PartnerAdmin).reach());
        assert!(matches!(person(Role::PracticeViewer).reach(), Reach::Organisation(_)));
    }

    #[test]
    fn a_token_does_what_its_list_and_its_makers_role_both_say() {
        let at = proofline_core::Timestamp::UNIX_EPOCH;
        for role in Role::ALL {
            let Principal::Person { id: maker, membership, .. } = person(role) else { unreachable!() };
            let token = |actions: &[Action]| Principal::Token {
                id: proofline_core::ApiTokenId::new(at, &SeededEntropy::new(3)),
                name: "T".into(),
                maker,
                maker_name: "P".into(),
                membership,
                actions: actions.to_vec(),
            };
            for &action in Action::ALL {
                let with_all = authorise(&token(Action::ALL), action).is_ok();
                assert_eq!(with_all, grantable_by(role).contains(&action), "{role} {action}");
                assert!(!with_all || authorise(&person(role), action).is_ok(), "{role} {action}");
                assert!(authorise(&token(&[]), action).is_err());
            }
            assert_eq!(token(&[]).reach(), person(role).reach());
            assert_eq!(role.level() == Level::Practice, grantable_by(role).is_empty(), "{role}");
        }
    }

    #[test]
    fn what_a_person_has_to_be_there_for_is_given_to_no_token() {
        let kinds = ["auth", "session", "token", "agent", "provision", "settings.update", "evidence.export"];
        for &action in Action::ALL.iter().filter(|action| action.grantable()) {
            assert!(kinds.iter().all(|kind| !action.as_str().starts_with(kind)), "{action}");
        }
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
