//! The server as a signer of its own statements, over changes of its keys.
//!
//! A log takes a successor with a statement that the key before signs: from that entry on the key before may state nothing
//! there. Before the server states anything else in a log, and at the latest some minutes after a change, it does so.
//! Successors of the checkpoint key are stated, too, so that a head of the key before cannot hold what came later.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use proofline_core::{OrgId, SiteId, Timestamp};
use proofline_evidence::SigningKey;
use proofline_evidence::statement::{Body, KeyAction, KeyEvent, KeyRole as StatedRole};
use proofline_protocol::KeyRole;
use proofline_store::{Scope, Signer};

use super::read::{MOST_KEYS, key_events};
use super::site_log::SiteLog;
use crate::AppState;
use crate::http::{ApiResult, Problem};

/// Seconds after which a node that lacks a key is asked again.
const RETRY: u64 = 10;

/// A log that is locked for the server's own statements, the key that they are signed with, and their time.
pub(super) struct Own {
    pub(super) log: SiteLog,
    pub(super) key: SigningKey,
    pub(super) at: Timestamp,
}

/// Locks a site's log for the server, until the scope ends. By then the log knows the keys that sign now.
pub(super) async fn lock_own(
    app: &AppState,
    scope: &mut Scope,
    org: OrgId,
    site: SiteId,
    at: Timestamp,
) -> ApiResult<Own> {
    let latest = app.keys().signer(KeyRole::ServerFacts, at).id().to_string();
    let log = SiteLog::lock(app, scope, org, site, &latest, at).await?;
    // Another node's clock may be ahead: a key that it has replaced in this log signs nothing here any more.
    let at = at.max(log.head().signed_at);
    let key = app.keys().signer(KeyRole::ServerFacts, at);
    let chains = app.keys().chains();
    let facts = chains.of(KeyRole::ServerFacts).begun(at);
    let checkpoints = chains.of(KeyRole::Checkpoint).begun(at);
    all_known(scope, &facts, at).await?;
    if facts.len() == 1 && checkpoints.len() == 1 {
        return Ok(Own { log, key, at });
    }
    let mut log = state_facts_keys(app, scope, (org, site), &facts, at).await?;
    for successor in unstated(scope, (org, site), &checkpoints).await? {
        log.push_own(app, &key, rotated(StatedRole::Checkpoint, successor), at)?;
    }
    Ok(Own { log, key, at })
}

/// The checkpoint keys behind the last one that the log names.
async fn unstated<'k>(
    scope: &mut Scope,
    (org, site): (OrgId, SiteId),
    checkpoints: &'k [SigningKey],
) -> ApiResult<&'k [SigningKey]> {
    if checkpoints.len() == 1 {
        return Ok(&[]);
    }
    let events = key_events(scope, org, site).await?;
    // Of a log with more key statements than are read, nobody knows what the last of them says.
    let readable = events.len() < usize::from(MOST_KEYS);
    let begins =
        |event: &KeyEvent| event.role == StatedRole::Checkpoint && event.action != KeyAction::Revoked;
    let stated = events.iter().map(|(_, event)| event).rfind(|event| begins(event)).filter(|_| readable);
    let place =
        stated.and_then(|event| checkpoints.iter().position(|key| *key.public_key() == event.public_key));
    Ok(place.and_then(|place| checkpoints.get(place + 1..)).unwrap_or_default())
}

/// A successor that another node made, and that this one was not given, signs already: what its predecessor states now
/// would not count.
async fn all_known(scope: &mut Scope, facts: &[SigningKey], at: Timestamp) -> ApiResult<()> {
    let ours: BTreeSet<String> = facts.iter().map(|key| key.id().to_string()).collect();
    let rows = scope.server_keys().await?;
    let mut begun =
        rows.iter().filter(|row| row.role == KeyRole::ServerFacts.as_str() && row.created_at <= at);
    match begun.find(|row| !ours.contains(&row.key_id)) {
        None => Ok(()),
        Some(row) => {
            tracing::error!(key = row.key_id, "a successor of the key for facts is missing");
            Err(Problem::unavailable(RETRY))
        }
    }
}

/// Goes on from the key that stated last, and has each key name the next one.
async fn state_facts_keys(
    app: &AppState,
    scope: &mut Scope,
    (org, site): (OrgId, SiteId),
    facts: &[SigningKey],
    at: Timestamp,
) -> ApiResult<SiteLog> {
    let mut place = facts.len();
    let mut log = loop {
        let key = place.checked_sub(1).and_then(|last| facts.get(last)).ok_or_else(Problem::not_found)?;
        let log = SiteLog::lock(app, scope, org, site, &key.id().to_string(), at).await?;
        if log.has_begun() {
            break log;
        }
        place -= 1;
    };
    for (key, successor) in facts.iter().zip(facts.iter().skip(1)).skip(place.saturating_sub(1)) {
        log.push_own(app, key, rotated(StatedRole::ServerFacts, successor), at)?;
        let standing = Signer { key_id: successor.id().to_string(), ..log.signer().clone() };
        let sealed = log.seal(app, scope, at).await?;
        scope.put_log(org, site, &sealed.head, &standing).await?;
        log = SiteLog::lock(app, scope, org, site, &standing.key_id, at).await?;
    }
    Ok(log)
}

fn rotated(role: StatedRole, successor: &SigningKey) -> Body {
    let reason = "successor of the installation's key";
    Body::Key(KeyEvent::new(KeyAction::Rotated, role, successor.public_key().clone(), None, reason))
}

/// Which keys every log is known to have taken.
#[derive(Default)]
pub(crate) struct Stated(Mutex<Option<[String; 2]>>);

/// Job: has every log take the keys that sign now. Does nothing where no key has a successor that signs, and nothing twice.
pub(crate) async fn state_successors(app: &AppState) -> ApiResult<String> {
    let (at, chains) = (app.now(), app.keys().chains());
    let begun = [KeyRole::ServerFacts, KeyRole::Checkpoint].map(|role| chains.of(role).begun(at));
    let current =
        begun.each_ref().map(|keys| keys.last().map(|key| key.id().to_string()).unwrap_or_default());
    let done = |stated: &Stated| stated.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if begun.iter().all(|keys| keys.len() == 1) || done(app.stated_keys()).as_ref() == Some(&current) {
        return Ok("nothing to state".to_owned());
    }
    let logs = app.background_scope("key succession").await?.log_sizes().await?;
    let (mut taken, mut failed) = (0_u64, 0_u64);
    for log in logs {
        match take(app, log.org, log.site, at).await {
            Ok(()) => taken += 1,
            Err(problem) => {
                tracing::warn!(site = %log.site, code = problem.code(), "the log does not take the server's new keys");
                failed += 1;
            }
        }
    }
    if failed == 0 {
        *app.stated_keys().0.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
    }
    Ok(format!("{taken} logs know the keys, {failed} failed"))
}

async fn take(app: &AppState, org: OrgId, site: SiteId, at: Timestamp) -> ApiResult<()> {
    let mut scope = app.background_scope("key succession").await?;
    let own = lock_own(app, &mut scope, org, site, at).await?;
    if own.log.pushed() > 0 {
        own.log.seal(app, &mut scope, own.at).await?;
    }
    Ok(scope.commit_unaudited().await?)
}
