//! PostgreSQL: migrations, row-level security, scopes, and every line of SQL.
//!
//! # What is promised
//! - The pool is private. Tenant tables are reachable only through a [`Scope`], a scope opens only for a
//!   [`proofline_authz::Permit`], and opening it sets the tenant that row-level security filters by.
//! - Dropping a scope undoes everything; [`Scope::commit`] also writes the one audit row that a change leaves behind.
//! - [`SignIn`] is the only other way in: it sees people, and what signing in takes, OpenID providers of all tenants included.
//!   It sees no row of a site.
//! - The runtime role owns nothing, so row-level security always applies; [`Store::connect`] refuses a role that could
//!   go around it.
//!
//! This crate knows nothing of HTTP, of how a score is computed, or of when work is due.

mod access;
mod appliances;
mod audit;
mod connect;
mod credentials;
mod error;
mod evidence;
mod factors;
mod idempotency;
mod incidents;
mod invitations;
mod key_rotations;
mod links;
mod mail;
mod migrate;
mod number;
mod oidc;
mod orders;
mod own_sessions;
mod page;
mod passkeys;
mod people;
mod posture;
mod scope;
mod sealed;
mod sign_in;
mod spans;
mod system;
mod tenants;
mod tokens;

pub use access::{BreakGlass, Client, Grant, Opening};
pub use appliances::{
    Appliance, ApplianceFilter, ApplianceKey, CycleReport, Enrolment, NewAsset, Presence, PresenceRow,
};
pub use audit::{AuditEntry, AuditFilter, AuditNote, DeniedNote};
pub use connect::{Announcements, ConnectOptions, Store};
pub use credentials::{Credential, CredentialPlace, NewCredential, StoredCredential};
pub use error::{Said, StoreError, StoreResult};
pub use evidence::{
    Alarm, AlarmKind, Entry, EntryFilter, EntryKind, EntryRow, KnownEntry, LogHead, LogSize, Mention,
    NewEntry, NewTile, PublicationProgress, Signer, TileRow, Unpublished,
};
pub use factors::{FactorRule, Factors, Passkey, ProvedSession, StoredTotp};
pub use idempotency::{EarlierAnswer, EarlierRequest};
pub use incidents::{
    IncidentFilter, IncidentKey, IncidentOrder, IncidentRecord, IncidentRow, IncidentStates, TransitionRow,
};
pub use invitations::{Invitation, InvitationState};
pub use key_rotations::KeyRotation;
pub use links::{AskedLink, LinkPurpose, LinkRequest, NewLink, OpenLink};
pub use mail::{ClaimedMail, MailOutcome, MailRow, MailState, NewMail, UnknownMailState};
pub use migrate::{MigrateError, MigrationState, Migrator, Schema, Standing};
pub use oidc::{
    Approval, ApprovalState, Approved, Flow, FlowPurpose, IdentityOwner, LinkedIdentity, NewApproval,
    NewIdentity, Provider, ProviderChange,
};
pub use orders::{FinishedOrder, NewOrder, Order, OrderState};
pub use own_sessions::OwnSession;
pub use page::{Cursor, CursorError, Page, PageRequest};
pub use passkeys::{CeremonyPurpose, NewCeremony, NewPasskey, PasskeyHolder};
pub use people::{LockedPeople, LockedPerson, PersonFilter, PersonRow};
pub use posture::{
    ControlCounts, FleetCounts, FleetPosture, HealingCounts, OfflineAppliance, SiteFilter, SitePosture,
    SiteSummary, UnmeasuredSite,
};
pub use scope::{QueryMeter, Scope};
pub use sealed::{KnownSecret, Resealed, SEALED_COLUMNS, SealedColumn, SealedRow, SecretPurpose};
pub use sign_in::{LockRule, LoginRecord, NewPerson, SessionRecord, SignIn};
pub use spans::{Asset, Confirmation, Span, SpanVerdict};
pub use system::{DatabaseFacts, Installation, JobRun, ServerKeyRow};
pub use tenants::{Code, CodeState, NewCode, Organisation, Partner, Site};
pub use tokens::{LiveToken, NewToken, Token};
