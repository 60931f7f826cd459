//! The log as people read it: a list, and one entry with everything that its verification needs.

use axum::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use proofline_core::{ApplianceId, AssetId, OrgId, SiteId};
use proofline_evidence::PublicKey;
use proofline_evidence::dsse::Envelope;
use proofline_evidence::statement::{Body, KeyAction, KeyEvent, KeyRole, Statement};
use proofline_protocol::KeyRole as ServerRole;
use proofline_store::{EntryFilter, EntryKind, EntryRow, PageRequest, Scope};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::proofs::{Nothing, Wanted, prove};
use super::site_log::{log_keys, refused};
use crate::AppState;
use crate::http::{ApiResult, Call, Id, Listing, Problem, Query, page_request};

/// Most key statements that one log is searched for: far more than a site ever has machines.
pub(super) const MOST_KEYS: u16 = 1_000;

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntriesQuery {
    /// `check_run`, `heal`, `heartbeat`, `gap`, `attestation`, `incident`, `key` or `server_fact`.
    #[param(pattern = "^(check_run|heal|heartbeat|gap|attestation|incident|key|server_fact)$")]
    kind: Option<String>,
    /// Only entries that speak of this check.
    check_id: Option<String>,
    /// Only entries before this position.
    #[param(format = "uint64")]
    before_index: Option<u64>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An entry as listed.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryRowBody {
    /// Position in the log, from 0.
    index: u64,
    /// The signer's sequence number, from 1.
    seq: u64,
    /// What it states.
    kind: &'static str,
    /// Who signed it; null for the server.
    appliance_id: Option<String>,
    /// What it is about.
    asset_id: Option<String>,
    /// By the signer's clock.
    started_at: DateTime<Utc>,
    /// By the signer's clock.
    ended_at: DateTime<Utc>,
    /// By ours.
    received_at: DateTime<Utc>,
    /// In one line.
    summary: String,
    size_bytes: u64,
}

impl From<EntryRow> for EntryRowBody {
    fn from(row: EntryRow) -> Self {
        Self {
            index: row.index,
            seq: row.seq,
            kind: row.kind.as_str(),
            appliance_id: row.appliance.map(|id: ApplianceId| id.to_string()),
            asset_id: row.asset.map(|id: AssetId| id.to_string()),
            started_at: row.started_at,
            ended_at: row.ended_at,
            received_at: row.received_at,
            summary: row.summary,
            size_bytes: row.size_bytes,
        }
    }
}

/// A site's log, newest entry first.
#[utoipa::path(get, path = "/api/sites/{site_id}/evidence", tag = "evidence",
    params(("site_id" = String, Path, description = "Site"), EntriesQuery),
    responses((status = 200, body = Listing<EntryRowBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Id(id): Id<SiteId>,
    Query(query): Query<EntriesQuery>,
) -> ApiResult<Json<Listing<EntryRowBody>>> {
    let kind = query.kind.as_deref().map(str::parse::<EntryKind>).transpose();
    let kind =
        kind.map_err(|()| Problem::invalid("kind", "unknown", "There is no such kind of statement."))?;
    let mut page: PageRequest<u64> = page_request(query.limit, query.cursor.as_deref())?;
    page.after = page.after.or(query.before_index);
    let mut scope = call.scope().await?;
    let site = scope.site(id).await?;
    let filter = EntryFilter { kind, check: query.check_id };
    let page = scope.entries(site.org, id, &filter, &page).await?;
    Ok(Json(Listing::from_page(page, EntryRowBody::from)))
}

/// The key that signed an entry, and from where to where the log holds it as valid.
#[derive(Serialize, ToSchema)]
pub(super) struct SignerKeyBody {
    /// Hex SHA-256 of the public key.
    key_id: String,
    public_key_base64: String,
    /// `appliance` or `server_facts`.
    role: &'static str,
    /// The appliance that holds it; null for the server.
    holder: Option<String>,
    /// The entry that enrolled it.
    enrolled_index: Option<u64>,
    /// The entry that ended it.
    revoked_index: Option<u64>,
}

/// The signed head that the proof leads to.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckpointBody {
    /// The signed note.
    note: String,
    size: u64,
    root_hex: String,
    /// When this entry was last published; null before.
    published_at: Option<DateTime<Utc>>,
}

/// The log's first checkpoint key. It verifies the checkpoint, or the successors lead from it to the key that does. Compare
/// it with the key that you were given on another way.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckpointKeyBody {
    name: String,
    /// The four bytes on the note's signature line.
    key_id_hex: String,
    public_key_base64: String,
    /// All of it in one line: what `proofline-verify --checkpoint-key` takes.
    vkey: String,
}

/// One entry with everything that its verification needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryBody {
    index: u64,
    /// What it states.
    kind: &'static str,
    /// The envelope, byte for byte as it was logged.
    envelope_base64: String,
    received_at: DateTime<Utc>,
    key: SignerKeyBody,
    checkpoint: CheckpointBody,
    /// RFC 6962 audit path, leaf to root, each hash in base64.
    inclusion_proof: Vec<String>,
    checkpoint_key: CheckpointKeyBody,
    /// DSSE envelopes, each with what one checkpoint key says about the next; empty where the first key has no successor.
    checkpoint_successors: Vec<String>,
}

/// One entry, its proof and the keys.
#[utoipa::path(get, path = "/api/sites/{site_id}/evidence/{index}", tag = "evidence",
    params(("site_id" = String, Path, description = "Site"), ("index" = u64, Path, description = "Position in the log")),
    responses((status = 200, body = EntryBody, description = "The entry")))]
pub(crate) async fn entry(call: Call, Id((id, index)): Id<(SiteId, u64)>) -> ApiResult<Json<EntryBody>> {
    let app = call.app();
    let mut scope = call.scope().await?;
    let site = scope.site(id).await?;
    let entry = scope.entry(site.org, id, index).await?;
    let head = scope.log_head(site.org, id).await?.ok_or_else(Problem::not_found)?;
    let keys = key_events(&mut scope, site.org, id).await?;
    let wanted = Wanted { size: head.size, entries: &[index], from_size: 0 };
    let proofs = prove(&mut scope, site.org, id, &wanted, &Nothing).await?;
    let path = proofs.inclusion.into_iter().flatten();
    Ok(Json(EntryBody {
        index,
        kind: entry.kind.as_str(),
        envelope_base64: STANDARD.encode(&entry.envelope),
        received_at: entry.received_at,
        key: key_body(app, &entry.key_id, &keys),
        checkpoint: CheckpointBody {
            note: head.checkpoint,
            size: head.size,
            root_hex: hex::encode(head.root),
            published_at: head.published_at.filter(|_| index < head.published_size),
        },
        inclusion_proof: path.map(|hash| STANDARD.encode(hash)).collect(),
        checkpoint_key: checkpoint_key(app)?,
        checkpoint_successors: app
            .keys()
            .successors_of(ServerRole::Checkpoint)
            .iter()
            .map(|said| said.get().to_owned())
            .collect(),
    }))
}

/// A log's statements about keys, oldest first, each with its position.
pub(super) async fn key_events(
    scope: &mut Scope,
    org: OrgId,
    site: SiteId,
) -> ApiResult<Vec<(u64, KeyEvent)>> {
    let entries = scope.entries_of_kind(org, site, EntryKind::Key, MOST_KEYS).await?;
    let events = entries.into_iter().filter_map(|entry| {
        let envelope = Envelope::parse(&entry.envelope).ok()?;
        match Statement::parse(envelope.unverified_payload()).ok()?.body {
            Body::Key(event) => Some((entry.index, event)),
            _ => None,
        }
    });
    Ok(events.collect())
}

/// A key as a log's statements have it: what it is, from which entry on, and which entry ended it.
pub(super) struct KeySpan<'a> {
    pub(super) event: &'a KeyEvent,
    pub(super) from: u64,
    pub(super) until: Option<u64>,
}

impl KeySpan<'_> {
    /// Whether it may sign the entry at `index`. The entry that enrols the server's own first key carries its signature.
    pub(super) fn covers(&self, index: u64) -> bool {
        let own = self.event.role == KeyRole::ServerFacts && self.event.action == KeyAction::Enrolled;
        let begun = self.from < index || (self.from == index && own);
        begun && self.until.is_none_or(|until| index <= until)
    }
}

/// What a log says of the key of that name; `None` where it never enrolled it.
pub(super) fn key_span<'a>(events: &'a [(u64, KeyEvent)], key_id: &str) -> Option<KeySpan<'a>> {
    let of_key = || events.iter().filter(|(_, event)| event.key_id.to_string() == key_id);
    let (from, event) = of_key().find(|(_, event)| event.action != KeyAction::Revoked)?;
    let revoked = of_key().find(|(_, event)| event.action == KeyAction::Revoked);
    // Rotation ends the holder's earlier key of the same role.
    let rotated = events.iter().find(|(index, later)| {
        let same = later.role == event.role && later.holder == event.holder;
        index > from && same && later.action == KeyAction::Rotated
    });
    Some(KeySpan { event, from: *from, until: revoked.or(rotated).map(|(index, _)| *index) })
}

fn key_body(app: &AppState, key_id: &str, events: &[(u64, KeyEvent)]) -> SignerKeyBody {
    let span = key_span(events, key_id);
    let event = span.as_ref().map(|span| span.event);
    SignerKeyBody {
        key_id: key_id.to_owned(),
        public_key_base64: event
            .map_or_else(|| first_facts_key(app).to_base64(), |event| event.public_key.to_base64()),
        role: event.map_or(KeyRole::ServerFacts, |event| event.role).as_str(),
        holder: event.and_then(|event| event.holder).map(|id| id.to_string()),
        enrolled_index: span.as_ref().map(|span| span.from),
        revoked_index: span.and_then(|span| span.until),
    }
}

fn checkpoint_key(app: &AppState) -> ApiResult<CheckpointKeyBody> {
    let keys = log_keys(app).map_err(refused)?;
    let key = keys.at(0).ok_or_else(Problem::not_found)?;
    Ok(CheckpointKeyBody {
        name: key.name().to_owned(),
        key_id_hex: hex::encode(key.hash()),
        public_key_base64: key.public_key().to_base64(),
        vkey: key.to_string(),
    })
}

/// The key of the server's statements that was valid at the log's first entry.
pub(super) fn first_server_key(app: &AppState, events: &[(u64, KeyEvent)]) -> PublicKey {
    let first = events.iter().map(|(_, event)| event).find(|event| event.role == KeyRole::ServerFacts);
    first.map_or_else(|| first_facts_key(app), |event| event.public_key.clone())
}

fn first_facts_key(app: &AppState) -> PublicKey {
    app.keys().chains().of(ServerRole::ServerFacts).first().public_key().clone()
}
