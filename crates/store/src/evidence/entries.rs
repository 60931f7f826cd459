//! Entries of a site's log: appended in batches, found by position or by signer and sequence number.

use proofline_core::{ApplianceId, AssetId, OrgId, SiteId, Timestamp};
use uuid::Uuid;

use crate::error::{During, stored};
use crate::number::{bigint, digest, unsigned};
use crate::{Page, PageRequest, Scope, StoreResult};

/// What an entry states, as the log is filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Results of checks.
    CheckRun,
    /// One closed healing loop.
    Heal,
    /// Nothing changed.
    Heartbeat,
    /// Statements were lost.
    Gap,
    /// A person vouches for something.
    Attestation,
    /// The agent moved an incident.
    Incident,
    /// A key's validity began or ended.
    Key,
    /// Something that happened on the server.
    ServerFact,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::CheckRun,
        Self::Heal,
        Self::Heartbeat,
        Self::Gap,
        Self::Attestation,
        Self::Incident,
        Self::Key,
        Self::ServerFact,
    ];

    /// The spelling in statements, in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CheckRun => "check_run",
            Self::Heal => "heal",
            Self::Heartbeat => "heartbeat",
            Self::Gap => "gap",
            Self::Attestation => "attestation",
            Self::Incident => "incident",
            Self::Key => "key",
            Self::ServerFact => "server_fact",
        }
    }
}

impl std::str::FromStr for EntryKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|k| k.as_str() == text).ok_or(())
    }
}

/// An entry about to be appended. Its position is the log's to give.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// Position in the log, from 0.
    pub index: u64,
    /// The signer's sequence number, from 1.
    pub seq: u64,
    /// What it states.
    pub kind: EntryKind,
    /// The appliance that signed it; `None` for the server's own.
    pub appliance: Option<ApplianceId>,
    /// The asset that it is about.
    pub asset: Option<AssetId>,
    /// By the signer's clock.
    pub started_at: Timestamp,
    /// By the signer's clock.
    pub ended_at: Timestamp,
    /// In one line, at most 300 characters.
    pub summary: String,
    /// Whether it confirmed the whole state of its asset.
    pub confirms: bool,
    /// RFC 6962 leaf hash of the envelope.
    pub leaf_hash: [u8; 32],
    /// SHA-256 of the envelope.
    pub envelope_digest: [u8; 32],
    /// The envelope as received.
    pub envelope: Vec<u8>,
}

/// An entry that speaks of a check.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    /// The check.
    pub check: String,
    /// The entry's position.
    pub index: u64,
    /// On which asset.
    pub asset: AssetId,
}

/// What is known of an entry that is already in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEntry {
    /// The signer's sequence number.
    pub seq: u64,
    /// Position in the log.
    pub index: u64,
    /// SHA-256 of the envelope.
    pub digest: [u8; 32],
}

/// An entry as listed.
#[derive(Debug, Clone)]
pub struct EntryRow {
    /// Position in the log.
    pub index: u64,
    /// The signer's sequence number.
    pub seq: u64,
    /// What it states.
    pub kind: EntryKind,
    /// The appliance that signed it; `None` for the server's own.
    pub appliance: Option<ApplianceId>,
    /// The asset that it is about.
    pub asset: Option<AssetId>,
    /// By the signer's clock.
    pub started_at: Timestamp,
    /// By the signer's clock.
    pub ended_at: Timestamp,
    /// By ours.
    pub received_at: Timestamp,
    /// In one line.
    pub summary: String,
    /// Bytes of the envelope.
    pub size_bytes: u64,
}

/// An entry with its bytes.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Position in the log.
    pub index: u64,
    /// What it states.
    pub kind: EntryKind,
    /// Hex SHA-256 of the signer's public key.
    pub key_id: String,
    /// When it came in.
    pub received_at: Timestamp,
    /// The leaf hash that the tree was built from.
    pub leaf_hash: [u8; 32],
    /// The envelope as received.
    pub envelope: Vec<u8>,
}

/// Narrows the list of entries.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Only entries that state this.
    pub kind: Option<EntryKind>,
    /// Only entries that speak of this check.
    pub check: Option<String>,
}

impl Scope {
    /// Appends a batch by one signer to a locked log, in one statement.
    pub async fn append_entries(
        &mut self,
        org: OrgId,
        site: SiteId,
        key_id: &str,
        received_at: Timestamp,
        entries: &[NewEntry],
    ) -> StoreResult<()> {
        let indices: Vec<i64> = entries.iter().map(|e| bigint(e.index)).collect();
        let seqs: Vec<i64> = entries.iter().map(|e| bigint(e.seq)).collect();
        let kinds: Vec<&str> = entries.iter().map(|e| e.kind.as_str()).collect();
        let appliances: Vec<Option<Uuid>> =
            entries.iter().map(|e| e.appliance.map(ApplianceId::uuid)).collect();
        let assets: Vec<Option<Uuid>> = entries.iter().map(|e| e.asset.map(AssetId::uuid)).collect();
        let started: Vec<Timestamp> = entries.iter().map(|e| e.started_at).collect();
        let ended: Vec<Timestamp> = entries.iter().map(|e| e.ended_at).collect();
        let summaries: Vec<&str> = entries.iter().map(|e| e.summary.as_str()).collect();
        let confirms: Vec<bool> = entries.iter().map(|e| e.confirms).collect();
        let leaves: Vec<&[u8]> = entries.iter().map(|e| e.leaf_hash.as_slice()).collect();
        let digests: Vec<&[u8]> = entries.iter().map(|e| e.envelope_digest.as_slice()).collect();
        let envelopes: Vec<&[u8]> = entries.iter().map(|e| e.envelope.as_slice()).collect();
        sqlx::query!(
            "INSERT INTO evidence_entry (org_id, site_id, key_id, received_at, leaf_index, seq, kind, appliance_id,
                asset_id, started_at, ended_at, summary, confirms, leaf_hash, envelope_digest, envelope)
             SELECT $1, $2, $3, $4, * FROM UNNEST($5::bigint[], $6::bigint[], $7::text[], $8::uuid[], $9::uuid[],
                $10::timestamptz[], $11::timestamptz[], $12::text[], $13::boolean[], $14::bytea[], $15::bytea[],
                $16::bytea[])",
            org.uuid(),
            site.uuid(),
            key_id,
            received_at,
            &indices,
            &seqs,
            &kinds as &[&str],
            &appliances as &[Option<Uuid>],
            &assets as &[Option<Uuid>],
            &started,
            &ended,
            &summaries as &[&str],
            &confirms,
            &leaves as &[&[u8]],
            &digests as &[&[u8]],
            &envelopes as &[&[u8]]
        )
        .execute(self.query())
        .await
        .during("append entries")
        .map(drop)
    }

    /// Notes which entries speak of which checks.
    pub async fn append_mentions(
        &mut self,
        org: OrgId,
        site: SiteId,
        mentions: &[Mention],
    ) -> StoreResult<()> {
        let checks: Vec<&str> = mentions.iter().map(|m| m.check.as_str()).collect();
        let indices: Vec<i64> = mentions.iter().map(|m| bigint(m.index)).collect();
        let assets: Vec<Uuid> = mentions.iter().map(|m| m.asset.uuid()).collect();
        sqlx::query!(
            "INSERT INTO evidence_mention (org_id, site_id, check_id, leaf_index, asset_id)
             SELECT $1, $2, * FROM UNNEST($3::text[], $4::bigint[], $5::uuid[])",
            org.uuid(),
            site.uuid(),
            &checks as &[&str],
            &indices,
            &assets
        )
        .execute(self.query())
        .await
        .during("append mentions")
        .map(drop)
    }

    /// The entries of one signer with sequence numbers `from..=to` that are in the log.
    pub async fn known_entries(
        &mut self,
        org: OrgId,
        site: SiteId,
        key_id: &str,
        from: u64,
        to: u64,
    ) -> StoreResult<Vec<KnownEntry>> {
        const OPERATION: &str = "find known entries";
        let rows = sqlx::query!(
            "SELECT seq, leaf_index, envelope_digest FROM evidence_entry
             WHERE org_id = $1 AND site_id = $2 AND key_id = $3 AND seq >= $4 AND seq <= $5 ORDER BY seq",
            org.uuid(),
            site.uuid(),
            key_id,
            bigint(from),
            bigint(to)
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        rows.into_iter()
            .map(|row| {
                Ok(KnownEntry {
                    seq: unsigned(row.seq, OPERATION, "sequence number")?,
                    index: unsigned(row.leaf_index, OPERATION, "leaf index")?,
                    digest: digest(row.envelope_digest, OPERATION, "envelope digest")?,
                })
            })
            .collect()
    }

    /// A page of a site's entries, newest first.
    pub async fn entries(
        &mut self,
        org: OrgId,
        site: SiteId,
        filter: &EntryFilter,
        page: &PageRequest<u64>,
    ) -> StoreResult<Page<EntryRow>> {
        const OPERATION: &str = "list entries";
        let before = bigint(page.after.unwrap_or(u64::MAX));
        let kind = filter.kind.map(EntryKind::as_str);
        macro_rules! rows {
            ($($query:tt)*) => {
                sqlx::query_as!(StoredRow, $($query)*).fetch_all(self.query()).await.during(OPERATION)?
            };
        }
        let rows = match (&filter.check, kind) {
            (None, None) => rows!(
                r#"SELECT leaf_index, seq, kind, appliance_id, asset_id, started_at, ended_at, received_at, summary,
                    octet_length(envelope) AS "size_bytes!"
                 FROM evidence_entry WHERE org_id = $1 AND site_id = $2 AND leaf_index < $3
                 ORDER BY leaf_index DESC LIMIT $4"#,
                org.uuid(),
                site.uuid(),
                before,
                page.fetch()
            ),
            (None, Some(kind)) => rows!(
                r#"SELECT leaf_index, seq, kind, appliance_id, asset_id, started_at, ended_at, received_at, summary,
                    octet_length(envelope) AS "size_bytes!"
                 FROM evidence_entry WHERE org_id = $1 AND site_id = $2 AND kind = $5 AND leaf_index < $3
                 ORDER BY leaf_index DESC LIMIT $4"#,
                org.uuid(),
                site.uuid(),
                before,
                page.fetch(),
                kind
            ),
            (Some(check), kind) => rows!(
                r#"SELECT e.leaf_index, e.seq, e.kind, e.appliance_id, e.asset_id, e.started_at, e.ended_at,
                    e.received_at, e.summary, octet_length(e.envelope) AS "size_bytes!"
                 FROM evidence_mention m JOIN evidence_entry e
                    ON e.org_id = m.org_id AND e.site_id = m.site_id AND e.leaf_index = m.leaf_index
                 WHERE m.org_id = $1 AND m.site_id = $2 AND m.check_id = $5 AND m.leaf_index < $3
                    AND ($6::text IS NULL OR e.kind = $6)
                 ORDER BY m.leaf_index DESC LIMIT $4"#,
                org.uuid(),
                site.uuid(),
                before,
                page.fetch(),
                check,
                kind
            ),
        };
        let rows = rows.into_iter().map(|row| row.read(OPERATION)).collect::<StoreResult<Vec<_>>>()?;
        Ok(page.page(rows, |row| row.index))
    }

    /// One entry with its bytes.
    pub async fn entry(&mut self, org: OrgId, site: SiteId, index: u64) -> StoreResult<Entry> {
        const OPERATION: &str = "find entry";
        let found = self.entry_range(org, site, index, index.saturating_add(1)).await?;
        found.into_iter().next().ok_or(crate::StoreError::NotFound(OPERATION))
    }

    /// The entries at positions `from..to`, in order, with their bytes. Ask for a few hundred at a time.
    pub async fn entry_range(
        &mut self,
        org: OrgId,
        site: SiteId,
        from: u64,
        to: u64,
    ) -> StoreResult<Vec<Entry>> {
        const OPERATION: &str = "read entries";
        sqlx::query_as!(
            StoredEntry,
            "SELECT leaf_index, kind, key_id, received_at, leaf_hash, envelope FROM evidence_entry
             WHERE org_id = $1 AND site_id = $2 AND leaf_index >= $3 AND leaf_index < $4 ORDER BY leaf_index",
            org.uuid(),
            site.uuid(),
            bigint(from),
            bigint(to)
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }

    /// A site's entries of one kind, oldest first, at most `limit`: key statements, which are few.
    pub async fn entries_of_kind(
        &mut self,
        org: OrgId,
        site: SiteId,
        kind: EntryKind,
        limit: u16,
    ) -> StoreResult<Vec<Entry>> {
        const OPERATION: &str = "read entries of a kind";
        sqlx::query_as!(
            StoredEntry,
            "SELECT leaf_index, kind, key_id, received_at, leaf_hash, envelope FROM evidence_entry
             WHERE org_id = $1 AND site_id = $2 AND kind = $3 ORDER BY leaf_index LIMIT $4",
            org.uuid(),
            site.uuid(),
            kind.as_str(),
            i64::from(limit)
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }

    /// The newest heals of one check on one asset, newest first.
    pub async fn heals(
        &mut self,
        org: OrgId,
        site: SiteId,
        asset: AssetId,
        check: &str,
        limit: u16,
    ) -> StoreResult<Vec<Entry>> {
        const OPERATION: &str = "read heals";
        sqlx::query_as!(
            StoredEntry,
            "SELECT e.leaf_index, e.kind, e.key_id, e.received_at, e.leaf_hash, e.envelope
             FROM evidence_mention m JOIN evidence_entry e
                ON e.org_id = m.org_id AND e.site_id = m.site_id AND e.leaf_index = m.leaf_index
             WHERE m.org_id = $1 AND m.site_id = $2 AND m.check_id = $3 AND m.asset_id = $4 AND e.kind = 'heal'
             ORDER BY m.leaf_index DESC LIMIT $5",
            org.uuid(),
            site.uuid(),
            check,
            asset.uuid(),
            i64::from(limit)
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }
}

struct StoredRow {
    leaf_index: i64,
    seq: i64,
    kind: String,
    appliance_id: Option<Uuid>,
    asset_id: Option<Uuid>,
    started_at: Timestamp,
    ended_at: Timestamp,
    received_at: Timestamp,
    summary: String,
    size_bytes: i32,
}

impl StoredRow {
    fn read(self, operation: &'static str) -> StoreResult<EntryRow> {
        Ok(EntryRow {
            index: unsigned(self.leaf_index, operation, "leaf index")?,
            seq: unsigned(self.seq, operation, "sequence number")?,
            kind: stored(self.kind.parse(), operation, "entry kind")?,
            appliance: self.appliance_id.map(ApplianceId::from_uuid),
            asset: self.asset_id.map(AssetId::from_uuid),
            started_at: self.started_at,
            ended_at: self.ended_at,
            received_at: self.received_at,
            summary: self.summary,
            size_bytes: unsigned(self.size_bytes.into(), operation, "envelope size")?,
        })
    }
}

struct StoredEntry {
    leaf_index: i64,
    kind: String,
    key_id: String,
    received_at: Timestamp,
    leaf_hash: Vec<u8>,
    envelope: Vec<u8>,
}

impl StoredEntry {
    fn read(self, operation: &'static str) -> StoreResult<Entry> {
        Ok(Entry {
            index: unsigned(self.leaf_index, operation, "leaf index")?,
            kind: stored(self.kind.parse(), operation, "entry kind")?,
            key_id: self.key_id,
            received_at: self.received_at,
            leaf_hash: digest(self.leaf_hash, operation, "leaf hash")?,
            envelope: self.envelope,
        })
    }
}
