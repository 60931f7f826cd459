//! What can be judged of a submission without the database: form, signature, signer, dates. On a blocking thread, because
//! a hundred signatures are milliseconds of a core.

use std::sync::Arc;

use chrono::TimeDelta;
use proofline_core::{InstallationId, Timestamp};
use proofline_evidence::dsse::{Envelope, STATEMENT_PAYLOAD_TYPE};
use proofline_evidence::export::CLOCK_TOLERANCE;
use proofline_evidence::statement::{Body, Statement, rules};
use proofline_evidence::{Digest, Reason};
use proofline_protocol::{RejectCode, Rejected};

use crate::http::{ApiResult, KnownAppliance, Problem};

/// How far ahead of our clock a statement may be dated. A little less than every verifier tolerates.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(4);
const _: () = assert!(CLOCK_TOLERANCE.num_seconds() > MAX_AHEAD.num_seconds());

/// A statement with the bytes that are logged.
pub(super) struct Signed {
    /// The envelope.
    pub(super) envelope: Vec<u8>,
    /// SHA-256 of the envelope.
    pub(super) digest: Digest,
    /// What it says.
    pub(super) statement: Statement,
}

/// A submitted envelope after that.
pub(super) enum Candidate {
    /// Nothing speaks against it so far.
    Sound(Box<Signed>),
    /// It will not be taken. It may still be one that was taken earlier.
    Refused {
        /// Digest of the bytes.
        digest: Digest,
        /// Why.
        rejected: Rejected,
    },
}

/// Judges every envelope, in order.
pub(super) async fn verify(
    installation: InstallationId,
    appliance: Arc<KnownAppliance>,
    envelopes: Vec<Vec<u8>>,
    now: Timestamp,
) -> ApiResult<Vec<Candidate>> {
    let judge = move || {
        envelopes.into_iter().map(|envelope| candidate(installation, &appliance, envelope, now)).collect()
    };
    tokio::task::spawn_blocking(judge).await.map_err(|error| Problem::internal(&error))
}

fn candidate(
    installation: InstallationId,
    appliance: &KnownAppliance,
    envelope: Vec<u8>,
    now: Timestamp,
) -> Candidate {
    let digest = Digest::of(&envelope);
    match statement(installation, appliance, &envelope, now) {
        Ok(statement) => Candidate::Sound(Box::new(Signed { envelope, digest, statement })),
        Err(rejected) => Candidate::Refused { digest, rejected },
    }
}

fn statement(
    installation: InstallationId,
    appliance: &KnownAppliance,
    bytes: &[u8],
    now: Timestamp,
) -> Result<Statement, Rejected> {
    let refuse = |code| {
        move |defect: proofline_evidence::Defect| Rejected { seq: 0, code, detail: defect.to_string() }
    };
    let envelope = Envelope::parse(bytes).map_err(refuse(RejectCode::Malformed))?;
    let payload = envelope
        .verify(STATEMENT_PAYLOAD_TYPE, &appliance.key)
        .map_err(refuse(RejectCode::SignatureInvalid))?;
    let statement = Statement::parse(payload).map_err(refuse(RejectCode::Malformed))?;
    let header = &statement.header;
    let refuse = |code, reason: Reason| {
        let detail = format!("{} ({reason})", reason.sentence());
        Err(Rejected { seq: header.seq, code, detail })
    };
    if header.installation != installation {
        return refuse(RejectCode::WrongSite, Reason::WrongInstallation);
    }
    if header.site != appliance.site {
        return refuse(RejectCode::WrongSite, Reason::WrongSite);
    }
    if header.appliance != Some(appliance.id) {
        return refuse(RejectCode::WrongSite, Reason::WrongSigner);
    }
    if let Some(reason) = rules::broken(&statement).first() {
        return refuse(RejectCode::Malformed, *reason);
    }
    if header.ended > now + MAX_AHEAD {
        return refuse(RejectCode::Malformed, Reason::TimeAfterCheckpoint);
    }
    if needs_asset(&statement.body) && header.asset.is_none() {
        return refuse(RejectCode::Malformed, Reason::FieldMissing);
    }
    Ok(statement)
}

/// Whether a statement is about one asset.
fn needs_asset(body: &Body) -> bool {
    match body {
        Body::CheckRun(_) | Body::Heal(_) | Body::Heartbeat(_) | Body::Incident(_) => true,
        Body::Gap(_) | Body::Attestation(_) | Body::Key(_) | Body::ServerFact(_) => false,
    }
}
