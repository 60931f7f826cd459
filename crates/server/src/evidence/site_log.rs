//! A site's log while it is locked: entries are pushed, then sealed under a new signed head in a constant number of queries.

use std::collections::HashMap;

use proofline_core::{ApplianceId, AssetId, OrgId, SiteId, Timestamp};
use proofline_evidence::merkle::{Appended, Frontier, leaf_hash};
use proofline_evidence::note::{Checkpoint, CheckpointKeys, sign_checkpoint};
use proofline_evidence::statement::{Body, Header, KeyAction, KeyEvent, KeyRole as StatedRole, Statement};
use proofline_evidence::tile::{TILE_WIDTH, TileRef, full_tile_root, hashes_to_bytes};
use proofline_evidence::{Defect, Digest, SigningKey, dsse};
use proofline_protocol::KeyRole;
use proofline_store::{EntryKind, LogHead, NewEntry, NewTile, Scope, Signer};

use super::summary::summary;
use crate::AppState;
use crate::http::{ApiResult, Problem};

/// The log, and where one signer stands in it.
pub(super) struct SiteLog {
    org: OrgId,
    site: SiteId,
    head: LogHead,
    signer: Signer,
    frontier: Frontier,
    entries: Vec<NewEntry>,
}

/// The log after what was pushed is in it.
pub(super) struct Sealed {
    /// The new head.
    pub(super) head: LogHead,
    /// The nodes that prove what was appended.
    pub(super) appended: Appended,
}

impl SiteLog {
    /// Locks a site's log for one signer, until the scope ends. The first time, the log begins with the server stating
    /// its own keys.
    pub(super) async fn lock(
        app: &AppState,
        scope: &mut Scope,
        org: OrgId,
        site: SiteId,
        key_id: &str,
        at: Timestamp,
    ) -> ApiResult<Self> {
        if let Some((head, signer)) = scope.lock_log(org, site, key_id).await? {
            return Self::new(app, (org, site), head, signer, key_id);
        }
        let empty = Frontier::new();
        scope.create_log(org, site, &head(app, site, &empty, None, at)?).await?;
        let server = app.keys().signer(KeyRole::ServerFacts, at).id().to_string();
        let mut log = Self::relock(app, scope, org, site, &server).await?;
        // Another transaction may have begun the log while this one waited.
        if log.head.size == 0 {
            log.state_keys(app, at)?;
            log.seal(app, scope, at).await?;
        }
        Self::relock(app, scope, org, site, key_id).await
    }

    async fn relock(
        app: &AppState,
        scope: &mut Scope,
        org: OrgId,
        site: SiteId,
        key_id: &str,
    ) -> ApiResult<Self> {
        let (head, signer) = scope.lock_log(org, site, key_id).await?.ok_or_else(Problem::not_found)?;
        Self::new(app, (org, site), head, signer, key_id)
    }

    /// Goes on only from a head that this installation signed: whoever can write the database cannot have it sign another
    /// past.
    fn new(
        app: &AppState,
        (org, site): (OrgId, SiteId),
        head: LogHead,
        signer: Option<Signer>,
        key_id: &str,
    ) -> ApiResult<Self> {
        let damaged = |_| Problem::internal(&Damaged("peaks"));
        let peaks = head.peaks.as_chunks::<32>().0.iter().map(|peak| Digest::from_bytes(*peak)).collect();
        let frontier = Frontier::from_parts(head.size, peaks).map_err(damaged)?;
        if frontier.root().as_bytes() != &head.root {
            return Err(Problem::internal(&Damaged("root")));
        }
        let signed = open_head(app, site, head.checkpoint.as_bytes())
            .map_err(|_| Problem::internal(&Damaged("head")))?;
        if (signed.size, signed.root) != (head.size, frontier.root()) {
            return Err(Problem::internal(&Damaged("head")));
        }
        let signer = signer.unwrap_or_else(|| Signer {
            key_id: key_id.to_owned(),
            next_seq: 1,
            last_digest: *Digest::ZERO.as_bytes(),
            resync: false,
            latest_at: None,
        });
        Ok(Self { org, site, head, signer, frontier, entries: Vec::new() })
    }

    /// The head as it was when the log was locked.
    pub(super) fn head(&self) -> &LogHead {
        &self.head
    }

    /// Where the signer stands, what was pushed included.
    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Whether the signer has statements in the log.
    pub(super) fn has_begun(&self) -> bool {
        self.signer.next_seq > 1
    }

    /// Notes what the signer's statements came to: whether its whole state is wanted, and how far its time has come.
    pub(super) fn set_standing(&mut self, resync: bool, latest_at: Option<Timestamp>) {
        self.signer.resync = resync;
        self.signer.latest_at = latest_at;
    }

    /// How many entries were pushed.
    pub(super) fn pushed(&self) -> usize {
        self.entries.len()
    }

    /// Notes that a pushed entry confirmed the whole state of its asset.
    pub(super) fn confirms(&mut self, index: u64) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.index == index) {
            entry.confirms = true;
        }
    }

    /// Takes the signer's next statement in its envelope and gives its position. Whoever pushes has compared `seq` and
    /// `prev`.
    pub(super) fn push(&mut self, envelope: Vec<u8>, digest: Digest, statement: &Statement) -> u64 {
        let index = self.frontier.size() + self.entries.len() as u64;
        let header = &statement.header;
        self.signer.next_seq = header.seq + 1;
        self.signer.last_digest = *digest.as_bytes();
        self.entries.push(NewEntry {
            index,
            seq: header.seq,
            kind: kind(&statement.body),
            appliance: header.appliance,
            asset: header.asset,
            started_at: header.started,
            ended_at: header.ended,
            summary: summary(&statement.body),
            confirms: false,
            leaf_hash: *leaf_hash(&envelope).as_bytes(),
            envelope_digest: *digest.as_bytes(),
            envelope,
        });
        index
    }

    /// Signs a statement of the server itself with its key that the log was locked for, and pushes it.
    pub(super) fn push_own(
        &mut self,
        app: &AppState,
        key: &SigningKey,
        body: Body,
        at: Timestamp,
    ) -> ApiResult<u64> {
        let header = Header {
            installation: app.installation().id,
            site: self.site,
            appliance: None::<ApplianceId>,
            asset: None::<AssetId>,
            seq: self.signer.next_seq,
            prev: Digest::from_bytes(self.signer.last_digest),
            catalogue: app.catalog().digest().parse().map_err(refused)?,
            started: at,
            ended: at,
            clock_offset_ms: None,
        };
        let statement = Statement::new(header, body);
        let payload = statement.to_bytes().map_err(refused)?;
        let envelope = dsse::sign(dsse::STATEMENT_PAYLOAD_TYPE, &payload, key);
        let digest = Digest::of(&envelope);
        Ok(self.push(envelope, digest, &statement))
    }

    fn state_keys(&mut self, app: &AppState, at: Timestamp) -> ApiResult<()> {
        let [facts, checkpoint] =
            [KeyRole::ServerFacts, KeyRole::Checkpoint].map(|role| app.keys().signer(role, at));
        for (role, key) in [(StatedRole::ServerFacts, &facts), (StatedRole::Checkpoint, &checkpoint)] {
            let reason = "key of the installation when this log began";
            let event = KeyEvent::new(KeyAction::Enrolled, role, key.public_key().clone(), None, reason);
            self.push_own(app, &facts, Body::Key(event), at)?;
        }
        Ok(())
    }

    /// Writes what was pushed, with the tiles that it completes, the new head and its signed checkpoint.
    pub(super) async fn seal(
        mut self,
        app: &AppState,
        scope: &mut Scope,
        at: Timestamp,
    ) -> ApiResult<Sealed> {
        let at = at.max(self.head.signed_at);
        let leaves: Vec<_> = self.entries.iter().map(|entry| Digest::from_bytes(entry.leaf_hash)).collect();
        let appended = self.frontier.append(&leaves);
        scope.append_entries(self.org, self.site, &self.signer.key_id, at, &self.entries).await?;
        let tiles = self.completed_tiles(scope, &leaves).await?;
        if !tiles.is_empty() {
            scope.put_tiles(self.org, self.site, &tiles).await?;
        }
        let head = head(app, self.site, &self.frontier, Some(&self.head), at)?;
        scope.put_log(self.org, self.site, &head, &self.signer).await?;
        Ok(Sealed { head, appended })
    }

    /// The tiles that became full, lowest level first. Reads only where a tile began before this batch.
    async fn completed_tiles(&self, scope: &mut Scope, leaves: &[Digest]) -> ApiResult<Vec<NewTile>> {
        let (old_size, size) = (self.head.size, self.frontier.size());
        let mut roots: HashMap<(u8, u64), Digest> = HashMap::new();
        let mut tiles = Vec::new();
        for tile in TileRef::completed(old_size, size) {
            let nodes = tile.nodes();
            let hashes: Vec<Digest> = if tile.level() == 0 {
                let stored_until = nodes.end.min(old_size).max(nodes.start);
                let stored = match nodes.start < stored_until {
                    true => scope.leaf_hashes(self.org, self.site, nodes.start, stored_until).await?,
                    false => Vec::new(),
                };
                let fresh = place(stored_until.max(old_size) - old_size)..place(nodes.end - old_size);
                stored.into_iter().map(Digest::from_bytes).chain(leaves[fresh].iter().copied()).collect()
            } else {
                let below = tile.level() - 1;
                let fresh_from =
                    nodes.clone().find(|node| roots.contains_key(&(below, *node))).unwrap_or(nodes.end);
                let stored = match nodes.start < fresh_from {
                    true => scope.tile_roots(self.org, self.site, below, nodes.start, fresh_from).await?,
                    false => Vec::new(),
                };
                let fresh = (fresh_from..nodes.end).filter_map(|node| roots.get(&(below, node)).copied());
                stored.into_iter().map(Digest::from_bytes).chain(fresh).collect()
            };
            let root = full_tile_root(&hashes).map_err(|_| Problem::internal(&Damaged("tile")))?;
            roots.insert((tile.level(), tile.index()), root);
            tiles.push(NewTile {
                level: tile.level(),
                position: tile.index(),
                hashes: hashes_to_bytes(&hashes),
                root: *root.as_bytes(),
            });
        }
        debug_assert!(tiles.iter().all(|tile| tile.hashes.len() as u64 == 32 * TILE_WIDTH));
        Ok(tiles)
    }
}

/// What verifies this installation's checkpoints.
pub(super) fn log_keys(app: &AppState) -> Result<CheckpointKeys, Defect> {
    app.keys().checkpoint_keys(app.installation().id)
}

/// What a head of the site's log says, if this installation signed it. When does not matter here: a database that was
/// restored from before a change of keys has heads of the key before.
pub(super) fn open_head(app: &AppState, site: SiteId, note: &[u8]) -> Result<Checkpoint, Defect> {
    let origin = Checkpoint::origin_of(app.installation().id, site);
    Ok(log_keys(app)?.open_at_any_time(note, &origin)?.0.checkpoint)
}

/// The checkpoint of a head, under the key that signs now.
pub(super) fn current_note(app: &AppState, site: SiteId, head: &LogHead, at: Timestamp) -> ApiResult<String> {
    let origin = Checkpoint::origin_of(app.installation().id, site);
    let keys = log_keys(app).map_err(refused)?;
    let at = at.max(head.signed_at);
    let signer = app.keys().signer(KeyRole::Checkpoint, at);
    match keys.open(head.checkpoint.as_bytes(), &origin) {
        Ok((_, place)) if keys.place(signer.public_key()) == Some(place) => Ok(head.checkpoint.clone()),
        _ => sign(app, site, (head.size, Digest::from_bytes(head.root)), at),
    }
}

/// Signs a checkpoint of a site's log.
pub(super) fn sign(
    app: &AppState,
    site: SiteId,
    (size, root): (u64, Digest),
    at: Timestamp,
) -> ApiResult<String> {
    let installation = app.installation().id;
    let checkpoint = Checkpoint { origin: Checkpoint::origin_of(installation, site), size, root };
    let key = app.keys().signer(KeyRole::Checkpoint, at);
    sign_checkpoint(&checkpoint, &Checkpoint::key_name(installation), &key, at).map_err(refused)
}

/// A head with its signed checkpoint.
fn head(
    app: &AppState,
    site: SiteId,
    frontier: &Frontier,
    before: Option<&LogHead>,
    at: Timestamp,
) -> ApiResult<LogHead> {
    let root = frontier.root();
    Ok(LogHead {
        size: frontier.size(),
        root: *root.as_bytes(),
        peaks: hashes_to_bytes(frontier.peaks()),
        checkpoint: sign(app, site, (frontier.size(), root), at)?,
        signed_at: at,
        last_entry_at: at,
        published_size: before.map_or(0, |head| head.published_size),
        published_checkpoint: before.and_then(|head| head.published_checkpoint.clone()),
        published_at: before.and_then(|head| head.published_at),
    })
}

fn kind(body: &Body) -> EntryKind {
    match body {
        Body::CheckRun(_) => EntryKind::CheckRun,
        Body::Heal(_) => EntryKind::Heal,
        Body::Heartbeat(_) => EntryKind::Heartbeat,
        Body::Gap(_) => EntryKind::Gap,
        Body::Attestation(_) => EntryKind::Attestation,
        Body::Incident(_) => EntryKind::Incident,
        Body::Key(_) => EntryKind::Key,
        Body::ServerFact(_) => EntryKind::ServerFact,
    }
}

/// A distance within one batch or one tile.
fn place(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

/// Something of our own that the format refuses: a mistake in this program.
#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
pub(super) fn refused(defect: Defect) -> Problem {
    Problem::internal(&defect)
}

/// The log's own row does not add up: the database was changed behind our back.
#[derive(Debug, thiserror::Error)]
#[error("the stored {0} of an evidence log does not add up")]
struct Damaged(&'static str);
