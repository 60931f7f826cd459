//! Statements on their way into the log.
//!
//! Verified first, without the database; then one transaction in a constant number of queries: lock the log, compare
//! numbers and digests, append, draw the consequences, sign the new head, prove.

use std::collections::{BTreeSet, HashMap, HashSet};

use axum::Json;
use axum::http::StatusCode;
use proofline_core::{AlarmId, AssetId, Timestamp};
use proofline_evidence::Digest;
use proofline_evidence::merkle::Appended;
use proofline_evidence::statement::{Body, Statement};
use proofline_protocol::signature::Refusal;
use proofline_protocol::{Accepted, KeyRole, RejectCode, Rejected, SubmitRequest, SubmitResponse};
use proofline_store::{AlarmKind, LogHead, Scope, Signer};

use super::effects::{Changes, Effects};
use super::healing::Context;
use super::proofs::{Nothing, Wanted, prove};
use super::site_log::{SiteLog, current_note};
use super::verify::{Candidate, Signed, verify};
use crate::events::{Change, Topic};
use crate::http::{ApiResult, Call, KnownAppliance, Problem, SignedBody};
use crate::scoring;

/// Signed statements for the site's log. What is accepted is durable when the answer leaves, and proved in it.
#[utoipa::path(post, path = "/api/appliances/evidence", tag = "agent", request_body = SubmitRequest,
    responses((status = 200, body = SubmitResponse, description = "What was accepted, with proofs, and what was not")))]
pub(crate) async fn submit(
    call: Call,
    SignedBody(request): SignedBody<SubmitRequest>,
) -> ApiResult<Json<SubmitResponse>> {
    let app = call.app();
    let appliance = call.appliance()?.clone();
    let envelopes = request.envelopes.into_iter().map(|envelope| envelope.0).collect();
    let candidates = verify(app.installation().id, appliance.clone(), envelopes, call.at).await?;
    let mut scope = call.scope().await?;
    let key_id = appliance.key.id().to_string();
    let mut log = SiteLog::lock(app, &mut scope, appliance.org, appliance.site, &key_id, call.at).await?;
    // Whether it was revoked while this waited, only the log's lock can tell: nothing is appended behind a revocation.
    let assets = scope.assets_spoken_for(appliance.org, appliance.id).await?.ok_or_else(revoked)?;
    let known = known(&mut scope, &appliance, &log, &candidates).await?;
    let mut intake = Intake::new(known, assets);
    for candidate in candidates {
        intake.take(&mut log, candidate);
    }
    let submission = Submission { call: &call, appliance: &appliance, from_size: request.from_size };
    submission.conclude(scope, log, intake).await.map(Json)
}

fn revoked() -> Problem {
    let refusal = Refusal::ApplianceRevoked;
    Problem::new(StatusCode::UNAUTHORIZED, refusal.code(), format!("Refused: {refusal}."))
}

/// Those of the submitted statements whose numbers are already in the log: number → position and digest.
async fn known(
    scope: &mut Scope,
    appliance: &KnownAppliance,
    log: &SiteLog,
    candidates: &[Candidate],
) -> ApiResult<HashMap<u64, (u64, Digest)>> {
    let next = log.signer().next_seq;
    let numbers = candidates.iter().filter_map(|candidate| match candidate {
        Candidate::Sound(signed) => Some(signed.statement.header.seq),
        Candidate::Refused { rejected, .. } => (rejected.seq > 0).then_some(rejected.seq),
    });
    let taken: BTreeSet<u64> = numbers.filter(|seq| *seq < next).collect();
    let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return Ok(HashMap::new()) };
    let (org, site, key_id) = (appliance.org, appliance.site, &log.signer().key_id);
    let mut known = HashMap::new();
    // Usually one short run; a submission that jumps about costs one query per run of a hundred.
    let mut from = *first;
    while from <= *last {
        let to = from.saturating_add(99).min(*last);
        for entry in scope.known_entries(org, site, key_id, from, to).await? {
            known.insert(entry.seq, (entry.index, Digest::from_bytes(entry.digest)));
        }
        from = taken.range(to.saturating_add(1)..).next().copied().unwrap_or(u64::MAX);
    }
    Ok(known)
}

/// Decides, statement by statement, what is new, what is known and what is refused.
struct Intake {
    known: HashMap<u64, (u64, Digest)>,
    assets: HashSet<AssetId>,
    /// Number and position of everything that is in the log.
    accepted: Vec<(u64, u64)>,
    rejected: Vec<Rejected>,
    conflicts: Vec<u64>,
    /// Statements that are new, with their positions.
    fresh: Vec<(u64, Statement)>,
    /// A new statement was refused: what follows it cannot be appended either.
    blocked: bool,
}

impl Intake {
    fn new(known: HashMap<u64, (u64, Digest)>, assets: HashSet<AssetId>) -> Self {
        Self {
            known,
            assets,
            accepted: Vec::new(),
            rejected: Vec::new(),
            conflicts: Vec::new(),
            fresh: Vec::new(),
            blocked: false,
        }
    }

    fn take(&mut self, log: &mut SiteLog, candidate: Candidate) {
        let (seq, digest) = match &candidate {
            Candidate::Sound(signed) => (signed.statement.header.seq, signed.digest),
            Candidate::Refused { digest, rejected } => (rejected.seq, *digest),
        };
        if let Some((index, logged)) = self.known.get(&seq).copied() {
            if logged == digest {
                self.accepted.push((seq, index));
            } else {
                self.conflicts.push(seq);
                self.reject(
                    seq,
                    RejectCode::SeqConflict,
                    "This number belongs to another statement in the log.",
                );
            }
            return;
        }
        if (1..log.signer().next_seq).contains(&seq) {
            return self.reject(
                seq,
                RejectCode::SeqConflict,
                "A gap statement in the log says that this number is lost.",
            );
        }
        let Signed { envelope, statement, .. } = match candidate {
            Candidate::Sound(signed) => *signed,
            Candidate::Refused { rejected, .. } => {
                self.blocked = true;
                return self.rejected.push(rejected);
            }
        };
        if self.blocked {
            return self.reject(seq, RejectCode::NotReached, "A statement before it was refused.");
        }
        match self.objection(log.signer(), &statement) {
            None => {
                let index = log.push(envelope, digest, &statement);
                self.known.insert(seq, (index, digest));
                self.accepted.push((seq, index));
                self.fresh.push((index, statement));
            }
            Some((code, detail)) => {
                self.blocked = true;
                self.reject(seq, code, &detail);
            }
        }
    }

    /// What speaks against the signer's next statement being this one.
    fn objection(&self, signer: &Signer, statement: &Statement) -> Option<(RejectCode, String)> {
        let header = &statement.header;
        if header.asset.is_some_and(|asset| !self.assets.contains(&asset)) {
            return Some((RejectCode::WrongSite, "The asset is not one of this appliance.".to_owned()));
        }
        let expected = signer.next_seq;
        let chained = *header.prev.as_bytes() == signer.last_digest;
        match &statement.body {
            // Whoever lost statements may have lost their digests too.
            Body::Gap(gap) if gap.first_seq == expected && (chained || header.prev == Digest::ZERO) => None,
            Body::Gap(_) => {
                Some((RejectCode::Malformed, format!("The gap must begin at number {expected}.")))
            }
            _ if header.seq > expected => Some((RejectCode::SeqGap, format!("Number {expected} is next."))),
            _ if !chained => Some((
                RejectCode::PrevMismatch,
                "It does not name the digest of the statement before it.".to_owned(),
            )),
            _ => None,
        }
    }

    fn reject(&mut self, seq: u64, code: RejectCode, detail: &str) {
        self.rejected.push(Rejected { seq, code, detail: detail.to_owned() });
    }
}

/// A submission that was judged.
struct Submission<'a> {
    call: &'a Call,
    appliance: &'a KnownAppliance,
    from_size: u64,
}

impl Submission<'_> {
    /// Writes what is new, proves everything, commits, and only then tells anyone.
    async fn conclude(
        &self,
        mut scope: Scope,
        mut log: SiteLog,
        intake: Intake,
    ) -> ApiResult<SubmitResponse> {
        let (app, at) = (self.call.app(), self.call.at);
        let count = log.pushed();
        let raised =
            self.alarm(&mut scope, &intake.conflicts).await? | self.forgotten(&mut scope, &log).await?;
        let mut changes = Changes::default();
        let (signer, head, answer) = if intake.fresh.is_empty() {
            let (signer, mut head) = (log.signer().clone(), log.head().clone());
            head.checkpoint = current_note(app, self.appliance.site, &head, at)?;
            let answer = self.prove(&mut scope, &head, &intake, None).await?;
            (signer, head, answer)
        } else {
            changes = self.effects(&mut scope, &log, &intake.fresh).await?;
            for index in &changes.confirming {
                log.confirms(*index);
            }
            log.set_standing(changes.resync, changes.latest_at);
            let signer = log.signer().clone();
            let sealed = log.seal(app, &mut scope, at).await?;
            self.write(&mut scope, &changes).await?;
            let answer = self.prove(&mut scope, &sealed.head, &intake, Some(&sealed.appended)).await?;
            (signer, sealed.head, answer)
        };
        if count > 0 || raised {
            scope.commit_unaudited().await?;
        }
        self.tell(&changes, count);
        let (consistency, entries) = answer;
        Ok(SubmitResponse {
            checkpoint: head.checkpoint,
            consistency,
            entries,
            rejected: intake.rejected,
            next_seq: signer.next_seq,
            last_digest: Digest::from_bytes(signer.last_digest),
            successors: app.keys().successors_of(KeyRole::Checkpoint),
        })
    }

    /// Alarms for numbers that were submitted with other bytes.
    async fn alarm(&self, scope: &mut Scope, conflicts: &[u64]) -> ApiResult<bool> {
        let Some(first) = conflicts.first() else { return Ok(false) };
        let detail = format!("{} sent other bytes under number {first}", self.appliance.id);
        metrics::counter!("evidence_conflicts_total").increment(conflicts.len() as u64);
        self.raise(scope, AlarmKind::SeqConflict, detail).await?;
        Ok(true)
    }

    /// Alarms where the appliance knows more of the log than there is: the database was set back.
    async fn forgotten(&self, scope: &mut Scope, log: &SiteLog) -> ApiResult<bool> {
        let there = log.head().size;
        if self.from_size <= there {
            return Ok(false);
        }
        let (appliance, known) = (self.appliance.id, self.from_size);
        let detail =
            format!("{appliance} was told of {known} entries, and the log holds {there}: some were lost");
        self.raise(scope, AlarmKind::SampleFailed, detail).await?;
        Ok(true)
    }

    async fn raise(&self, scope: &mut Scope, kind: AlarmKind, detail: String) -> ApiResult<()> {
        let id = AlarmId::new(self.call.at, self.call.app().entropy());
        let place = (self.appliance.org, self.appliance.site);
        Ok(scope.raise_alarm(id, place, (kind, &detail), self.call.at).await?)
    }

    /// Loads what the statements speak of and follows them.
    async fn effects(
        &self,
        scope: &mut Scope,
        log: &SiteLog,
        fresh: &[(u64, Statement)],
    ) -> ApiResult<Changes> {
        let (org, site) = (self.appliance.org, self.appliance.site);
        let assets: BTreeSet<AssetId> =
            fresh.iter().filter_map(|(_, statement)| statement.header.asset).collect();
        let assets: Vec<_> = assets.into_iter().collect();
        let spans = match assets.is_empty() {
            true => Vec::new(),
            false => scope.current_spans(org, site, &assets).await?,
        };
        let mut pairs: BTreeSet<(AssetId, String)> = BTreeSet::new();
        for (_, statement) in fresh {
            let Some(asset) = statement.header.asset else { continue };
            match &statement.body {
                Body::CheckRun(run) => {
                    pairs.extend(run.results.iter().map(|result| (asset, result.check.clone())));
                    if run.state.is_some() {
                        // A whole run ends incidents of checks that it no longer names.
                        pairs.extend(
                            spans.iter().filter(|s| s.asset == asset).map(|s| (asset, s.check.clone())),
                        );
                    }
                }
                Body::Heal(heal) => drop(pairs.insert((asset, heal.check.clone()))),
                Body::Incident(change) => drop(pairs.insert((asset, change.check.clone()))),
                Body::Heartbeat(_)
                | Body::Gap(_)
                | Body::Attestation(_)
                | Body::Key(_)
                | Body::ServerFact(_) => {}
            }
        }
        let pairs: Vec<_> = pairs.into_iter().collect();
        let incidents = match pairs.is_empty() {
            true => Vec::new(),
            false => scope.incidents_of(org, site, &pairs).await?,
        };
        let app = self.call.app();
        let context = Context { site, catalog: app.catalog(), entropy: app.entropy(), now: self.call.at };
        let mut effects =
            Effects::new(context, spans, incidents, log.signer().resync, log.signer().latest_at);
        for (index, statement) in fresh {
            effects.apply(*index, statement);
        }
        Ok(effects.finish())
    }

    async fn write(&self, scope: &mut Scope, changes: &Changes) -> ApiResult<()> {
        let (org, site, at): (_, _, Timestamp) = (self.appliance.org, self.appliance.site, self.call.at);
        if !changes.mentions.is_empty() {
            scope.append_mentions(org, site, &changes.mentions).await?;
        }
        if !changes.updated.is_empty() {
            scope.update_spans(org, site, &changes.updated).await?;
        }
        if !changes.opened.is_empty() {
            scope.open_spans(org, site, &changes.opened).await?;
        }
        if !changes.confirmed.is_empty() {
            scope.confirm_assets(org, &changes.confirmed).await?;
        }
        if !changes.incidents.is_empty() {
            scope.put_incidents(org, &changes.incidents).await?;
        }
        if !changes.transitions.is_empty() {
            scope.append_transitions(org, &changes.transitions).await?;
        }
        if let Some(detail) = changes.mismatch.clone() {
            self.raise(scope, AlarmKind::StateMismatch, detail).await?;
        } else if changes.caught_up {
            scope.clear_alarms(org, site, AlarmKind::StateMismatch, at).await?;
        }
        if changes.concern_posture() {
            scoring::refresh(scope, self.call.app().catalog(), org, site, at).await?;
        } else if !changes.confirmed.is_empty() {
            scope.expire_stale_posture(org, site, at).await?;
        }
        Ok(())
    }

    /// Proofs of everything that is in the log, against `head`.
    async fn prove(
        &self,
        scope: &mut Scope,
        head: &LogHead,
        intake: &Intake,
        appended: Option<&Appended>,
    ) -> ApiResult<(Vec<Digest>, Vec<Accepted>)> {
        let entries: Vec<u64> = intake.accepted.iter().map(|(_, index)| *index).collect();
        let wanted = Wanted { size: head.size, entries: &entries, from_size: self.from_size };
        let (org, site) = (self.appliance.org, self.appliance.site);
        let proofs = match appended {
            Some(appended) => prove(scope, org, site, &wanted, appended).await?,
            None => prove(scope, org, site, &wanted, &Nothing).await?,
        };
        let entries = intake.accepted.iter().zip(proofs.inclusion);
        let entries = entries.map(|(&(seq, index), proof)| Accepted { seq, index, proof });
        Ok((proofs.consistency, entries.collect()))
    }

    /// After the commit: metrics, the wish for the whole state, and events for open pages.
    fn tell(&self, changes: &Changes, count: usize) {
        let app = self.call.app();
        metrics::counter!("evidence_entries_total").increment(count as u64);
        if changes.resync {
            app.resyncs().want(self.appliance.id);
        }
        if count == 0 {
            return;
        }
        let (org_id, site_id) = (self.appliance.org, self.appliance.site);
        app.events().publish(Change { topic: Topic::Evidence, org_id, site_id, id: None });
        for record in &changes.incidents {
            let id = Some(record.incident.id.to_string());
            app.events().publish(Change { topic: Topic::Incident, org_id, site_id, id });
        }
        if changes.concern_posture() {
            app.events().site_changed(org_id, site_id);
        }
    }
}
