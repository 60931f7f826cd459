//! Messages between agent and server, and the signature on every request.
//!
//! * What the server receives is strict: unknown or repeated fields, over-long texts and lists, control characters and
//!   base64 that is not canonical are refused while parsing. So is everything signed, in either direction.
//! * What the agent receives unsigned is tolerant: an older agent ignores a field that a newer server adds.
//! * A request is signed over method, path, query and body digest ([`signature`]); who is speaking follows from the
//!   key alone, so no message names its sender.
//!
//! This crate knows nothing of sockets, HTTP libraries, storage or clocks. It does not know what a rule or a
//! maintenance window looks like ([`RuleSet`] is generic over both) and does not open DSSE envelopes: it gives and
//! takes the payload inside.

mod check_in;
mod claim;
pub mod credentials;
mod evidence;
mod field;
mod order;
pub mod paths;
mod problem;
mod rules;
pub mod signature;
mod successor;

pub use check_in::{CheckInRequest, CheckInResponse, LastCycle, LocalOverride, OrderOutcome, OrderReport};
pub use claim::{ClaimRequest, ClaimResponse, KeyRole, ServerKey, UnknownKeyRole};
pub use credentials::{CREDENTIALS_PAYLOAD_TYPE, CredentialSet, SealedCredential};
pub use evidence::{Accepted, RejectCode, Rejected, SubmitRequest, SubmitResponse};
pub use field::{Base64, FieldError, Text};
pub use order::{Instruction, ORDER_PAYLOAD_TYPE, Order, OrderError, OrderKind};
pub use problem::Problem;
pub use proofline_evidence::Digest;
pub use rules::{RULES_PAYLOAD_TYPE, RuleSet};
pub use successor::{KeySuccessor, MAX_SUCCESSOR_BYTES, MAX_SUCCESSORS, SUCCESSOR_PAYLOAD_TYPE};

/// The most envelopes in one submission.
pub const MAX_ENVELOPES: usize = 100;

/// The most bytes of one envelope.
pub const MAX_ENVELOPE_BYTES: usize = 32 * 1024;

/// The most bytes of a request body of an agent: a full submission in base64 (100 × 32 KiB × 4⁄3) and its frame.
pub const MAX_REQUEST_BYTES: usize = MAX_ENVELOPES * MAX_ENVELOPE_BYTES / 3 * 4 + 64 * 1024;
