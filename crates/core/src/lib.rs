//! The words of Proofline as types.
//!
//! Everything here is plain data: identifiers, instants, verdicts, severities, roles, fractions, secrets.
//! This crate knows nothing of HTTP, SQL, files, processes or signatures, and it never reads a clock or a
//! random source itself: both are handed in through [`Clock`] and [`Entropy`].

mod assurance;
mod clock;
mod entropy;
mod fraction;
mod id;
mod mode;
mod redacted;
mod role;
mod severity;
mod verdict;

pub use assurance::{Assurance, FactorRequirement, UnknownAssurance, UnknownRequirement};
pub use clock::{Clock, FixedClock, SystemClock, TimeError, Timestamp, format_rfc3339, parse_rfc3339};
pub use entropy::{Entropy, SeededEntropy};
pub use fraction::{Fraction, FractionError};
pub use id::{
    AlarmId, ApiTokenId, ApplianceId, ApprovalId, AssetId, BreakGlassId, CeremonyId, CredentialId, IdError,
    IdentityId, IncidentId, InstallationId, InvitationId, KeyRotationId, MailId, OrderId, OrgId, PartnerId,
    PasskeyId, ProviderId, ProvisioningCodeId, SessionId, SiteId, UserId,
};
pub use mode::{Mode, UnknownMode};
pub use redacted::{Email, EmailError, Secret};
pub use role::{Level, Membership, Place, Role, UnknownRole, WrongPlace};
pub use severity::{Severity, UnknownSeverity};
pub use verdict::{Freshness, UnknownVerdict, Verdict};
