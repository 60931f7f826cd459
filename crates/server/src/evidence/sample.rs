//! Stored-proof sampling: every hour random entries are read back and verified as a stranger would.
//!
//! Drawn over all logs in proportion to their size. Each drawn entry is verified step by step as by everybody else, with the
//! key that the log itself enrolled and held valid there. One of the drawn logs is also rebuilt from what is published of it,
//! and nothing else. A failure is an alarm that stays; what could not be read is no failure of the evidence.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use proofline_core::{Entropy, OrgId, SiteId};
use proofline_evidence::dsse::Envelope;
use proofline_evidence::entry::{EntryProof, verify_entry};
use proofline_evidence::note::Checkpoint;
use proofline_evidence::statement::{KeyEvent, KeyRole};
use proofline_evidence::{Defect, Digest, Reason};
use proofline_store::{AlarmKind, Entry, LogHead, LogSize};

use super::alarm;
use super::proofs::{Nothing, Wanted, prove};
use super::read::{key_events, key_span};
use super::rebuild::{extends, rebuild};
use super::site_log::log_keys;
use crate::AppState;
use crate::http::ApiResult;

/// How many entries one run reads.
const DRAWN: usize = 64;

/// The largest log that one run rebuilds: the reading stays within some tens of megabytes.
const REBUILT_AT_MOST: u64 = 20_000;

/// Job: verifies a random sample of what is stored.
pub(crate) async fn sample(app: &AppState) -> ApiResult<String> {
    let logs = app.background_scope("sampling").await?.log_sizes().await?;
    let drawn = draw(&logs, app.entropy());
    let (mut checked, mut failed) = (0, 0);
    for ((org, site), entries) in &drawn {
        for (index, defect) in verify(app, *org, *site, entries).await? {
            checked += 1;
            if let Some(defect) = defect {
                failed += 1;
                raise(app, *org, *site, format!("entry {index}"), &defect).await?;
            }
        }
    }
    let small = |site: &SiteId| logs.iter().any(|log| log.site == *site && log.size <= REBUILT_AT_MOST);
    let candidates: Vec<_> = drawn.keys().filter(|(_, site)| small(site)).collect();
    let [any] = app.entropy().bytes::<1>();
    if let Some((org, site)) = candidates.get(usize::from(any) % candidates.len().max(1))
        && let Some(defect) = published(app, *org, *site).await?
    {
        failed += 1;
        raise(app, *org, *site, "the published log".to_owned(), &defect).await?;
    }
    metrics::counter!("evidence_samples_total", "outcome" => "failed").increment(failed);
    metrics::counter!("evidence_samples_total", "outcome" => "sound").increment(checked - failed);
    Ok(format!("{checked} checked, {failed} failed"))
}

type Drawn = BTreeMap<(OrgId, SiteId), Vec<u64>>;

fn draw(logs: &[LogSize], entropy: &dyn Entropy) -> Drawn {
    let total: u64 = logs.iter().map(|log| log.size).sum();
    let mut drawn = Drawn::new();
    if total == 0 {
        return drawn;
    }
    for _ in 0..DRAWN {
        let mut place = u64::from_le_bytes(entropy.bytes::<8>()) % total;
        for log in logs {
            if place < log.size {
                drawn.entry((log.org, log.site)).or_default().push(place);
                break;
            }
            place -= log.size;
        }
    }
    for entries in drawn.values_mut() {
        entries.sort_unstable();
        entries.dedup();
    }
    drawn
}

/// Each entry with what is wrong about it.
async fn verify(
    app: &AppState,
    org: OrgId,
    site: SiteId,
    entries: &[u64],
) -> ApiResult<Vec<(u64, Option<Defect>)>> {
    let mut scope = app.background_scope("sampling").await?;
    let Some(head) = scope.log_head(org, site).await? else { return Ok(Vec::new()) };
    let keys = key_events(&mut scope, org, site).await?;
    let mut verdicts = Vec::with_capacity(entries.len());
    for &index in entries {
        let wanted = Wanted { size: head.size, entries: &[index], from_size: 0 };
        let proof = match prove(&mut scope, org, site, &wanted, &Nothing).await {
            Ok(proofs) => proofs.inclusion.into_iter().next(),
            // A database that cannot be asked says nothing about the log: this run ends, the next one asks again.
            Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => return Err(problem),
            Err(_) => None,
        };
        let entry = scope.entry_range(org, site, index, index + 1).await?.into_iter().next();
        let defect = match (entry, proof) {
            (Some(entry), Some(proof)) => sound(app, site, &head, &keys, &entry, &proof).err(),
            (None, _) | (_, None) => Some(Defect::new(Reason::EntryMissing, format!("entry {index}"))),
        };
        verdicts.push((index, defect));
    }
    Ok(verdicts)
}

/// What is wrong with what is published of a log, if anything is: it does not add up, is less than was published once, or
/// is not what the database goes on from.
async fn published(app: &AppState, org: OrgId, site: SiteId) -> ApiResult<Option<Defect>> {
    let mut scope = app.background_scope("sampling").await?;
    scope.lock_publication(site).await?;
    let Some(head) = scope.log_head(org, site).await? else { return Ok(None) };
    if head.published_at.is_none() {
        return Ok(None);
    }
    let found = match rebuild(app, site).await? {
        Ok(found) => found,
        Err(defect) => return Ok(Some(defect)),
    };
    if found.size < head.published_size {
        let detail = format!("{} of {} published entries are left", found.size, head.published_size);
        return Ok(Some(Defect::new(Reason::EntryMissing, detail)));
    }
    let extended = extends(&mut scope, org, site, &head, &found).await?;
    Ok((!extended)
        .then(|| Defect::new(Reason::RootMismatch, "the database does not extend what is published")))
}

/// What a stranger would check of one entry, and whether its key was in force there.
fn sound(
    app: &AppState,
    site: SiteId,
    head: &LogHead,
    keys: &[(u64, KeyEvent)],
    entry: &Entry,
    proof: &[Digest],
) -> Result<(), Defect> {
    let key_id = Envelope::parse(&entry.envelope)?.key_id();
    let named = || format!("key {key_id}");
    let key =
        key_span(keys, &key_id.to_string()).ok_or_else(|| Defect::new(Reason::KeyNotEnrolled, named()))?;
    let proof = EntryProof {
        envelope: &entry.envelope,
        index: entry.index,
        inclusion_proof: proof,
        checkpoint_note: head.checkpoint.as_bytes(),
        checkpoint_keys: &log_keys(app)?,
        signer_key: &key.event.public_key,
        expected_origin: &Checkpoint::origin_of(app.installation().id, site),
    };
    let statement = verify_entry(&proof).map_err(|refused| refused.defect)?.statement;
    let role = if statement.header.appliance.is_some() { KeyRole::Appliance } else { KeyRole::ServerFacts };
    if (key.event.role, key.event.holder) != (role, statement.header.appliance) {
        return Err(Defect::new(Reason::WrongSigner, named()));
    }
    if !key.covers(entry.index) {
        return Err(Defect::new(Reason::KeyRevoked, named()));
    }
    Ok(())
}

async fn raise(app: &AppState, org: OrgId, site: SiteId, what: String, defect: &Defect) -> ApiResult<()> {
    tracing::error!(%site, what, reason = %defect.reason, "stored evidence does not verify");
    let detail = format!("{what} does not verify: {}", defect.reason.sentence());
    alarm::raise(app, "sampling", (org, site), (AlarmKind::SampleFailed, &detail)).await
}
