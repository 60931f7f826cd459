//! Stored-proof sampling: every hour random entries are read back and verified as a stranger would.
//!
//! Drawn over all logs in proportion to their size. Each drawn entry is parsed, its signature verified with the key that
//! the log itself enrolled, its leaf proved against the log's signed checkpoint. One of the drawn logs is also rebuilt from
//! what is published of it, and nothing else. A failure is an alarm that stays.

use std::collections::BTreeMap;

use proofline_core::{Entropy, OrgId, SiteId};
use proofline_evidence::dsse::{Envelope, STATEMENT_PAYLOAD_TYPE};
use proofline_evidence::merkle::{leaf_hash, verify_inclusion};
use proofline_evidence::note::{Checkpoint, NoteKey, SignatureKind};
use proofline_evidence::statement::{KeyEvent, Statement};
use proofline_evidence::{Defect, Digest, Reason};
use proofline_store::{Alarm, AlarmKind, Entry, LogHead, LogSize};

use super::proofs::{Nothing, Wanted, prove};
use super::read::{key_events, key_named};
use super::rebuild::rebuild;
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
        let proof = prove(&mut scope, org, site, &wanted, &Nothing).await;
        let entry = scope.entry_range(org, site, index, index + 1).await?.into_iter().next();
        let missing = || Defect::new(Reason::EntryMissing, format!("entry {index}"));
        let defect = match (entry, proof) {
            (Some(entry), Ok(proofs)) => {
                let proof = proofs.inclusion.into_iter().next().unwrap_or_default();
                sound(app, site, &head, &keys, &entry, &proof).err()
            }
            (None, _) | (_, Err(_)) => Some(missing()),
        };
        verdicts.push((index, defect));
    }
    Ok(verdicts)
}

/// What is wrong with what is published of a log, if anything is.
async fn published(app: &AppState, org: OrgId, site: SiteId) -> ApiResult<Option<Defect>> {
    let head = app.background_scope("sampling").await?.log_head(org, site).await?;
    if head.is_none_or(|head| head.published_at.is_none()) {
        return Ok(None);
    }
    match rebuild(app, site).await {
        Ok(Ok(_)) => Ok(None),
        Ok(Err(defect)) => Ok(Some(defect)),
        Err(problem) => Ok(Some(Defect::new(Reason::EntryMissing, problem.detail()))),
    }
}

/// What a stranger would check of one entry.
fn sound(
    app: &AppState,
    site: SiteId,
    head: &LogHead,
    keys: &[(u64, KeyEvent)],
    entry: &Entry,
    proof: &[Digest],
) -> Result<(), Defect> {
    let installation = app.installation().id;
    let (name, origin) = (Checkpoint::key_name(installation), Checkpoint::origin_of(installation, site));
    let key = NoteKey::new(&name, SignatureKind::Plain, app.keys().checkpoint.public_key().clone())?;
    let checkpoint = Checkpoint::open(head.checkpoint.as_bytes(), &key, &origin)?.checkpoint;
    verify_inclusion(entry.index, checkpoint.size, &leaf_hash(&entry.envelope), proof, &checkpoint.root)?;
    let envelope = Envelope::parse(&entry.envelope)?;
    let signer = key_named(keys, envelope.key_id())
        .ok_or_else(|| Defect::new(Reason::KeyNotEnrolled, format!("key {}", envelope.key_id())))?;
    let payload = envelope.verify(STATEMENT_PAYLOAD_TYPE, &signer.public_key)?;
    let statement = Statement::parse(payload)?;
    if statement.header.installation != installation {
        return Err(Defect::new(Reason::WrongInstallation, statement.header.installation.to_string()));
    }
    if statement.header.site != site {
        return Err(Defect::new(Reason::WrongSite, statement.header.site.to_string()));
    }
    if statement.header.appliance != signer.holder {
        return Err(Defect::new(Reason::WrongSigner, format!("key {}", envelope.key_id())));
    }
    Ok(())
}

async fn raise(app: &AppState, org: OrgId, site: SiteId, what: String, defect: &Defect) -> ApiResult<()> {
    tracing::error!(%site, what, reason = %defect.reason, "stored evidence does not verify");
    let detail = format!("{what} does not verify: {}", defect.reason.sentence());
    let (id, raised_at) = (app.new_uuid(), app.now());
    let mut scope = app.background_scope("sampling").await?;
    scope.raise_alarm(&Alarm { id, org, site, kind: AlarmKind::SampleFailed, detail, raised_at }).await?;
    Ok(scope.commit_unaudited().await?)
}
