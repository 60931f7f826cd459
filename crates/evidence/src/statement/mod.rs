//! What is claimed: in-toto Statement v1 with Proofline's predicate, `urn:proofline:evidence:v1`.
//!
//! Invariants: [`Statement::to_bytes`] never makes what [`Statement::parse`] would refuse, and parsing gives the same
//! statement back; strings are at most 2 KiB and hold no NUL; times are UTC with microseconds at most. A parsed statement
//! is well-formed, not true: see [`rules::broken`] for what can be judged about one statement, and `export` for what can
//! only be judged from the whole log. This module does not know who may sign what.

mod body;
mod parse;
pub mod rules;
mod state;
mod text;
mod time;

use proofline_core::{ApplianceId, AssetId, InstallationId, SiteId, Timestamp};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use body::{
    Attestation, Body, CheckResult, CheckRun, Gap, Heal, HealOutcome, HealStep, Heartbeat, IncidentChange,
    KeyAction, KeyEvent, KeyRole, ServerFact, StepOutcome,
};
pub use state::{StateLine, state_digest};
pub use text::{MAX_NAME_BYTES, MAX_TEXT_BYTES, cut_text};
pub(crate) use time::parse as parse_time;

use crate::{Defect, Digest, Reason};

/// `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// `predicateType` of every statement.
pub const PREDICATE_TYPE: &str = "urn:proofline:evidence:v1";

/// The largest statement in bytes: in base64, with its envelope around it, it still fits one log entry.
pub const MAX_STATEMENT_BYTES: usize = 24_000;

/// How many results one check run may carry. A larger run is split over several statements.
pub const MAX_RESULTS: usize = 256;

/// How many steps one heal may carry.
pub const MAX_STEPS: usize = 64;

/// How many artefacts one statement may name.
pub const MAX_SUBJECTS: usize = 16;

/// One artefact that the statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name: an asset id, a file name.
    pub name: String,
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
}

/// Who says it, where in their sequence, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The deployment.
    pub installation: InstallationId,
    /// The site whose log holds this statement.
    pub site: SiteId,
    /// The appliance that signs, or `None` for a statement of the server.
    pub appliance: Option<ApplianceId>,
    /// The machine or service that this is about, where there is one.
    pub asset: Option<AssetId>,
    /// The place in the signer's sequence at this site: 1, 2, 3, … without a hole.
    pub seq: u64,
    /// SHA-256 of the bytes of the signer's previous envelope at this site; [`Digest::ZERO`] for the first.
    pub prev: Digest,
    /// Digest of the control and check catalogue in force.
    pub catalogue: Digest,
    /// When the work began, by the signer's clock.
    #[serde(serialize_with = "time::serialize")]
    pub started: Timestamp,
    /// When it ended, by the signer's clock.
    #[serde(serialize_with = "time::serialize")]
    pub ended: Timestamp,
    /// The signer's clock minus the server's, in milliseconds, where it is known.
    pub clock_offset_ms: Option<i64>,
}

/// One statement: the artefacts, the header and what is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The artefacts: 1 to [`MAX_SUBJECTS`].
    pub subject: Vec<Subject>,
    /// Who, where in the sequence, when.
    pub header: Header,
    /// What.
    pub body: Body,
}

impl Statement {
    /// A statement whose one subject is the asset (or the site) with the digest that sums the body up: the overall state
    /// of a run or heartbeat, the plan of a heal, the key of a key event, else the free text.
    pub fn new(header: Header, body: Body) -> Self {
        let name = header.asset.map_or_else(|| header.site.to_string(), |asset| asset.to_string());
        let subject = vec![Subject { name, sha256: body.summary_digest() }];
        Self { subject, header, body }
    }

    /// The bytes to sign. Refused is whatever [`Statement::parse`] would refuse: a text that is too long, a time with
    /// nanoseconds, too many results.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Defect> {
        let bytes = serde_json::to_vec(self)
            .map_err(|_| Defect::new(Reason::FieldValue, "the statement cannot be written as JSON"))?;
        let read_back = Self::parse(&bytes)?;
        if read_back != *self {
            return Err(Defect::new(Reason::FieldValue, "the statement does not survive being written"));
        }
        Ok(bytes)
    }

    /// Reads a statement strictly.
    pub fn parse(bytes: &[u8]) -> Result<Self, Defect> {
        parse::statement(bytes)
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Predicate<'a> {
            #[serde(flatten)]
            header: &'a Header,
            body: &'a Body,
        }
        let mut statement = serializer.serialize_struct("Statement", 4)?;
        statement.serialize_field("_type", STATEMENT_TYPE)?;
        statement.serialize_field("subject", &self.subject)?;
        statement.serialize_field("predicateType", PREDICATE_TYPE)?;
        statement.serialize_field("predicate", &Predicate { header: &self.header, body: &self.body })?;
        statement.end()
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct DigestSet<'a> {
            sha256: &'a Digest,
        }
        let mut subject = serializer.serialize_struct("Subject", 2)?;
        subject.serialize_field("name", &self.name)?;
        subject.serialize_field("digest", &DigestSet { sha256: &self.sha256 })?;
        subject.end()
    }
}
