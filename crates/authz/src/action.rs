//! Everything that can be asked of Central Command.

/// Whether an action leaves an audit row: writes do, exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Leaves nothing that somebody has to answer for: reads, and what is its own record (signed evidence, what a check-in
    /// says of the appliance, background work).
    Read,
    /// Changes something, and leaves exactly one audit row.
    Write,
}

macro_rules! actions {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $effect:ident;)*) => {
        /// One thing that a principal may be allowed to do. The spelling is stable: it stands in the OpenAPI description,
        /// in the audit log and in the session's list of permissions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$meta])* $variant,)*
        }

        impl Action {
            /// Every action, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// `noun.verb`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The action of this spelling.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == name)
            }

            /// Whether the action changes anything.
            pub const fn effect(self) -> Effect {
                match self { $(Self::$variant => Effect::$effect,)* }
            }
        }
    };
}

actions! {
    /// Sign in.
    SessionStart = "auth.login", Write;
    /// Become the first administrator.
    Bootstrap = "auth.bootstrap", Write;
    /// Sign in by way of an OpenID provider.
    OidcSignIn = "auth.oidc_login", Write;
    /// See one's own session.
    SessionRead = "session.read", Read;
    /// End one's own session.
    SessionEnd = "session.end", Write;
    /// Prove a second factor.
    FactorProve = "factor.prove", Write;
    /// See one's own second factors.
    FactorRead = "factor.read", Read;
    /// Add a second factor of one's own.
    FactorEnrol = "factor.enrol", Write;
    /// Take a second factor of one's own away, or replace the recovery codes.
    FactorRemove = "factor.remove", Write;
    /// See which second factors are asked of whom.
    FactorPolicyRead = "factor_policy.read", Read;
    /// Decide which second factors are asked of whom.
    FactorPolicyUpdate = "factor_policy.update", Write;
    /// See the OpenID providers that are linked to oneself.
    IdentityRead = "identity.read", Read;
    /// Go to a provider in order to link it to oneself.
    IdentityBeginLink = "identity.begin_link", Write;
    /// Come back from there, linked.
    IdentityLink = "identity.link", Write;
    /// Unlink a provider from oneself.
    IdentityUnlink = "identity.unlink", Write;
    /// List the OpenID providers of one's place.
    ProviderRead = "provider.read", Read;
    /// Add a provider.
    ProviderCreate = "provider.create", Write;
    /// Change a provider.
    ProviderUpdate = "provider.update", Write;
    /// Remove a provider.
    ProviderDelete = "provider.delete", Write;
    /// List people whom a provider vouches for and who wait to be let in.
    ApprovalRead = "approval.read", Read;
    /// Let one of them in, with a role, or not.
    ApprovalDecide = "approval.decide", Write;
    /// See where one is signed in.
    SessionList = "session.list", Read;
    /// End a session of one's own on another browser.
    SessionEndOther = "session.end_other", Write;
    /// Change one's own name.
    ProfileUpdate = "profile.update", Write;
    /// Ask that another address becomes one's own.
    ProfileChangeEmail = "profile.change_email", Write;
    /// Prove that one reads the mail of the new address.
    ProfileConfirmEmail = "profile.confirm_email", Write;
    /// Change one's own password.
    PasswordChange = "password.change", Write;
    /// Set a new password in place of a forgotten one.
    PasswordReset = "password.reset", Write;
    /// List people and see one.
    UserRead = "user.read", Read;
    /// Give a person another role.
    UserUpdate = "user.update", Write;
    /// Keep a person from signing in.
    UserSuspend = "user.suspend", Write;
    /// Let a suspended person sign in again.
    UserRestore = "user.restore", Write;
    /// Take all second factors of a person away, so that they enrol anew.
    UserResetFactors = "user.reset_factors", Write;
    /// Delete a person for good.
    UserDelete = "user.delete", Write;
    /// List invitations.
    InvitationRead = "invitation.read", Read;
    /// Invite somebody.
    InvitationCreate = "invitation.create", Write;
    /// Send an invitation again, under a new link.
    InvitationResend = "invitation.resend", Write;
    /// Withdraw an invitation.
    InvitationRevoke = "invitation.revoke", Write;
    /// Become a person by an invitation.
    InvitationAccept = "invitation.accept", Write;
    /// See what mail waits, was sent or failed; never what stands in it.
    MailRead = "mail.read", Read;
    /// Try again to send a mail.
    MailRetry = "mail.retry", Write;
    /// See the fleet at a glance.
    OverviewRead = "overview.read", Read;
    /// List partners.
    PartnerRead = "partner.read", Read;
    /// Add a partner.
    PartnerCreate = "partner.create", Write;
    /// List organisations.
    OrganisationRead = "organisation.read", Read;
    /// Add an organisation.
    OrganisationCreate = "organisation.create", Write;
    /// List sites, see one, its assets and its posture.
    SiteRead = "site.read", Read;
    /// Add a site.
    SiteCreate = "site.create", Write;
    /// List provisioning codes (never the codes themselves).
    CodeRead = "code.read", Read;
    /// Issue a provisioning code.
    CodeCreate = "code.create", Write;
    /// Revoke an unclaimed provisioning code.
    CodeRevoke = "code.revoke", Write;
    /// List appliances.
    ApplianceRead = "appliance.read", Read;
    /// Revoke an appliance's key for good.
    ApplianceRevoke = "appliance.revoke", Write;
    /// Choose between audit, ask and enforce.
    ApplianceSetMode = "appliance.set_mode", Write;
    /// Have an appliance run its checks now.
    ApplianceRunChecks = "appliance.run_checks", Write;
    /// List an appliance's credentials (never what is in them).
    CredentialRead = "credential.read", Read;
    /// Give an appliance a credential for something it looks after.
    CredentialSet = "credential.set", Write;
    /// Take a credential away again.
    CredentialDelete = "credential.delete", Write;
    /// List incidents and see one.
    IncidentRead = "incident.read", Read;
    /// Approve the plan of an incident that waits for a person.
    IncidentApprove = "incident.approve", Write;
    /// Hand an incident to a person.
    IncidentEscalate = "incident.escalate", Write;
    /// List evidence and see an entry with its proof.
    EvidenceRead = "evidence.read", Read;
    /// Take a site's log away for offline verification.
    EvidenceExport = "evidence.export", Write;
    /// List orders.
    OrderRead = "order.read", Read;
    /// Read the audit log.
    AuditRead = "audit.read", Read;
    /// Take the audit log away as a file.
    AuditExport = "audit.export", Write;
    /// List API tokens of one's own (never the tokens themselves).
    TokenRead = "token.read", Read;
    /// See and revoke the API tokens of everybody within one's reach, too.
    TokenOversee = "token.oversee", Read;
    /// Make an API token that acts for oneself.
    TokenCreate = "token.create", Write;
    /// Revoke an API token.
    TokenRevoke = "token.revoke", Write;
    /// See whether a client is restricted, and who is let in.
    AccessRead = "access.read", Read;
    /// Restrict a client, or open it again.
    AccessRestrict = "access.restrict", Write;
    /// Let somebody above a client in.
    AccessGrant = "access.grant", Write;
    /// Take that back.
    AccessRevoke = "access.revoke", Write;
    /// List break-glass accesses.
    BreakGlassRead = "break_glass.read", Read;
    /// Ask for reading access to a restricted client for some hours.
    BreakGlassRequest = "break_glass.request", Write;
    /// Approve what somebody else asked for.
    BreakGlassApprove = "break_glass.approve", Write;
    /// End an access, or withdraw a request.
    BreakGlassEnd = "break_glass.end", Write;
    /// See how the installation is doing.
    SystemRead = "system.read", Read;
    /// See the settings.
    SettingsRead = "settings.read", Read;
    /// Change the settings.
    SettingsUpdate = "settings.update", Write;
    /// Read the catalogue of controls, checks, runbooks and rules.
    CatalogRead = "catalog.read", Read;
    /// Follow changes as they happen.
    EventsSubscribe = "events.subscribe", Read;
    /// Agent: report presence and fetch what changed.
    AgentCheckIn = "agent.check_in", Read;
    /// Agent: say at a check-in what became of orders. Only what was pending changes, and only then there is a row.
    AgentFinishOrders = "agent.finish_orders", Write;
    /// Agent: fetch the signed rule set.
    AgentReadRules = "agent.read_rules", Read;
    /// Agent: fetch the credentials that are sealed to its key.
    AgentReadCredentials = "agent.read_credentials", Read;
    /// Agent: append signed statements to the site's log. The entry is its own record: no audit row beside it.
    AgentSubmitEvidence = "agent.submit_evidence", Read;
    /// Say of an alarm about evidence that somebody looked into it.
    AlarmClear = "alarm.clear", Write;
    /// Background work of the installation itself.
    SystemMaintain = "system.maintain", Read;
    /// Give a key a successor, or seal everything anew under the current master key.
    KeyRotate = "key.rotate", Write;
    /// Ask for another signing key, on the server's machine.
    KeyRotationAsk = "key_rotation.ask", Write;
    /// Approve or turn down what was asked for on the server's machine.
    KeyRotationDecide = "key_rotation.decide", Write;
    /// Set up a site for the machine that the server itself runs on.
    SystemProvisionLocal = "system.provision_local", Write;
    /// Bring people of another system in, from a file on the server.
    SystemImportUsers = "system.import_users", Write;
    /// Put bcrypt around password digests of an earlier system, without anybody signing in.
    SystemWrapPasswords = "system.wrap_passwords", Write;
    /// Take all second factors of a person away, by whoever runs the server.
    SystemResetFactors = "system.reset_factors", Write;
    /// Turn a provisioning code into an appliance.
    ProvisionClaim = "provision.claim", Write;
}

/// What a session must have proved for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// A password: what it takes to prove or enrol a second factor, and to leave.
    Password,
    /// Everything that the policy asks of the person.
    Full,
    /// That, and a second factor within the last five minutes: what a stolen session must not make lasting. Who gets in and
    /// how, what leaves the installation, keys and credentials, and what machines may do by themselves.
    Fresh,
}

impl Action {
    /// What it takes. What is not named here takes everything that the policy asks: an action is never weaker by omission.
    pub const fn proof(self) -> Proof {
        match self {
            Self::SessionRead
            | Self::SessionEnd
            | Self::FactorProve
            | Self::FactorRead
            | Self::FactorEnrol => Proof::Password,
            Self::FactorRemove
            | Self::FactorPolicyUpdate
            | Self::EvidenceExport
            | Self::AuditExport
            | Self::TokenCreate
            | Self::ProfileChangeEmail
            | Self::IdentityBeginLink
            | Self::IdentityUnlink
            | Self::ProviderCreate
            | Self::ProviderUpdate
            | Self::ProviderDelete
            | Self::ApprovalDecide
            | Self::UserUpdate
            | Self::UserRestore
            | Self::UserResetFactors
            | Self::UserDelete
            | Self::InvitationResend
            | Self::CredentialSet
            | Self::ApplianceSetMode
            | Self::AccessRestrict
            | Self::AccessGrant
            | Self::BreakGlassRequest
            | Self::BreakGlassApprove
            | Self::KeyRotationDecide => Proof::Fresh,
            _ => Proof::Full,
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
