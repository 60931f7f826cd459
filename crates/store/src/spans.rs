//! Verdicts as spans: extended while nothing changes, closed when something does.
//!
//! For one (asset, check) spans do not overlap and at most one is open. A span's own confirmation is the last statement
//! that named its check; an asset's confirmation covers all of its open spans at once.

use proofline_core::{ApplianceId, AssetId, OrgId, SiteId, Timestamp, Verdict};
use uuid::Uuid;

use crate::error::{During, stored};
use crate::number::{bigint, digest, unsigned};
use crate::{Page, PageRequest, Scope, StoreResult};

/// One verdict of one check on one asset, and for how long it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// On what.
    pub asset: AssetId,
    /// Which check.
    pub check: String,
    /// Since when.
    pub from_at: Timestamp,
    /// Until when; `None` while it holds.
    pub ended_at: Option<Timestamp>,
    /// When a statement last named the check within the span.
    pub last_confirmed_at: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
    /// The expected value.
    pub expected: String,
    /// The observed value.
    pub observed: String,
    /// SHA-256 of the observed value.
    pub observed_digest: [u8; 32],
    /// Why the verdict is what it is.
    pub reason: String,
    /// Where the value was read.
    pub location: String,
    /// Log position of the statement that opened the span.
    pub from_index: u64,
    /// Log position of the last statement that named the check.
    pub last_index: u64,
}

/// As much of an open span as a verdict needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanVerdict {
    /// Where.
    pub site: SiteId,
    /// On what.
    pub asset: AssetId,
    /// Which check.
    pub check: String,
    /// The verdict.
    pub verdict: Verdict,
    /// When a statement last named the check.
    pub last_confirmed_at: Timestamp,
}

/// A machine or service that is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Which.
    pub id: AssetId,
    /// Where.
    pub site: SiteId,
    /// The appliance that checks it.
    pub appliance: ApplianceId,
    /// `appliance`, `server`, `workstation`, `network_device` or `cloud_account`.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// Operating system and version.
    pub platform: String,
    /// Its role at the clinic.
    pub role: String,
    /// When its whole state was last confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// By which entry.
    pub confirmed_index: Option<u64>,
}

/// A confirmation of an asset's whole state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// Of which asset.
    pub asset: AssetId,
    /// When the statement was made.
    pub at: Timestamp,
    /// Its log position.
    pub index: u64,
}

impl Scope {
    /// The open spans of some assets of a site.
    pub async fn current_spans(
        &mut self,
        org: OrgId,
        site: SiteId,
        assets: &[AssetId],
    ) -> StoreResult<Vec<Span>> {
        const OPERATION: &str = "load current spans";
        let assets: Vec<Uuid> = assets.iter().map(|a| a.uuid()).collect();
        sqlx::query_as!(
            StoredSpan,
            "SELECT asset_id, check_id, from_at, ended_at, last_confirmed_at, verdict, expected, observed,
                observed_digest, reason, location, from_index, last_index
             FROM verdict_span WHERE org_id = $1 AND site_id = $2 AND asset_id = ANY ($3) AND ended_at IS NULL",
            org.uuid(),
            site.uuid(),
            &assets
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }

    /// The spans of a site that held at `at`. One that was closed at that very instant no longer did.
    pub async fn spans_as_of(&mut self, org: OrgId, site: SiteId, at: Timestamp) -> StoreResult<Vec<Span>> {
        const OPERATION: &str = "load spans as of a date";
        sqlx::query_as!(
            StoredSpan,
            r#"SELECT asset_id AS "asset_id!", check_id AS "check_id!", from_at AS "from_at!", ended_at,
                last_confirmed_at AS "last_confirmed_at!", verdict AS "verdict!", expected AS "expected!",
                observed AS "observed!", observed_digest AS "observed_digest!", reason AS "reason!",
                location AS "location!", from_index AS "from_index!", last_index AS "last_index!"
             FROM verdict_span
             WHERE org_id = $1 AND site_id = $2 AND ended_at IS NULL AND from_at <= $3
             UNION ALL
             SELECT asset_id, check_id, from_at, ended_at, last_confirmed_at, verdict, expected, observed,
                observed_digest, reason, location, from_index, last_index
             FROM verdict_span
             WHERE org_id = $1 AND site_id = $2 AND ended_at > $3 AND from_at <= $3"#,
            org.uuid(),
            site.uuid(),
            at
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }

    /// The open spans of whole sites, as far as verdicts need them, in one query.
    pub async fn span_verdicts(&mut self, sites: &[(OrgId, SiteId)]) -> StoreResult<Vec<SpanVerdict>> {
        const OPERATION: &str = "load span verdicts";
        let (orgs, sites): (Vec<Uuid>, Vec<Uuid>) = sites.iter().map(|(o, s)| (o.uuid(), s.uuid())).unzip();
        let rows = sqlx::query!(
            "SELECT v.site_id, v.asset_id, v.check_id, v.verdict, v.last_confirmed_at
             FROM UNNEST($1::uuid[], $2::uuid[]) AS wanted (org_id, site_id)
             JOIN verdict_span v ON v.org_id = wanted.org_id AND v.site_id = wanted.site_id AND v.ended_at IS NULL",
            &orgs,
            &sites
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        rows.into_iter()
            .map(|row| {
                Ok(SpanVerdict {
                    site: SiteId::from_uuid(row.site_id),
                    asset: AssetId::from_uuid(row.asset_id),
                    check: row.check_id,
                    verdict: stored(row.verdict.parse(), OPERATION, "verdict")?,
                    last_confirmed_at: row.last_confirmed_at,
                })
            })
            .collect()
    }

    /// Writes back open spans that were confirmed or closed, found by asset, check and start.
    pub async fn update_spans(&mut self, org: OrgId, site: SiteId, spans: &[Span]) -> StoreResult<()> {
        let columns = SpanColumns::of(spans);
        sqlx::query!(
            "UPDATE verdict_span v SET ended_at = n.ended_at, last_confirmed_at = n.last_confirmed_at,
                last_index = n.last_index, reason = n.reason, location = n.location
             FROM UNNEST($3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::bigint[],
                $9::text[], $10::text[])
                AS n (asset_id, check_id, from_at, ended_at, last_confirmed_at, last_index, reason, location)
             WHERE v.org_id = $1 AND v.site_id = $2 AND v.asset_id = n.asset_id AND v.check_id = n.check_id
                AND v.from_at = n.from_at",
            org.uuid(),
            site.uuid(),
            &columns.assets,
            &columns.checks as &[&str],
            &columns.from_at,
            &columns.ended_at as &[Option<Timestamp>],
            &columns.confirmed_at,
            &columns.last_index,
            &columns.reasons as &[&str],
            &columns.locations as &[&str]
        )
        .execute(self.query())
        .await
        .during("update spans")
        .map(drop)
    }

    /// Opens spans. Close the ones that they follow first.
    pub async fn open_spans(&mut self, org: OrgId, site: SiteId, spans: &[Span]) -> StoreResult<()> {
        let columns = SpanColumns::of(spans);
        let verdicts: Vec<&str> = spans.iter().map(|s| s.verdict.as_str()).collect();
        let expected: Vec<&str> = spans.iter().map(|s| s.expected.as_str()).collect();
        let observed: Vec<&str> = spans.iter().map(|s| s.observed.as_str()).collect();
        let digests: Vec<&[u8]> = spans.iter().map(|s| s.observed_digest.as_slice()).collect();
        let from_index: Vec<i64> = spans.iter().map(|s| bigint(s.from_index)).collect();
        sqlx::query!(
            "INSERT INTO verdict_span (org_id, site_id, asset_id, check_id, from_at, ended_at, last_confirmed_at,
                last_index, reason, location, verdict, expected, observed, observed_digest, from_index)
             SELECT $1, $2, * FROM UNNEST($3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                $7::timestamptz[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                $14::bytea[], $15::bigint[])",
            org.uuid(),
            site.uuid(),
            &columns.assets,
            &columns.checks as &[&str],
            &columns.from_at,
            &columns.ended_at as &[Option<Timestamp>],
            &columns.confirmed_at,
            &columns.last_index,
            &columns.reasons as &[&str],
            &columns.locations as &[&str],
            &verdicts as &[&str],
            &expected as &[&str],
            &observed as &[&str],
            &digests as &[&[u8]],
            &from_index
        )
        .execute(self.query())
        .await
        .during("open spans")
        .map(drop)
    }

    /// Notes that statements confirmed the whole state of assets. An older confirmation never replaces a newer one.
    pub async fn confirm_assets(&mut self, org: OrgId, confirmations: &[Confirmation]) -> StoreResult<()> {
        let assets: Vec<Uuid> = confirmations.iter().map(|c| c.asset.uuid()).collect();
        let at: Vec<Timestamp> = confirmations.iter().map(|c| c.at).collect();
        let indices: Vec<i64> = confirmations.iter().map(|c| bigint(c.index)).collect();
        sqlx::query!(
            "UPDATE asset a SET confirmed_at = n.at, confirmed_index = n.leaf_index
             FROM UNNEST($2::uuid[], $3::timestamptz[], $4::bigint[]) AS n (asset_id, at, leaf_index)
             WHERE a.org_id = $1 AND a.id = n.asset_id AND (a.confirmed_at IS NULL OR a.confirmed_at <= n.at)",
            org.uuid(),
            &assets,
            &at,
            &indices
        )
        .execute(self.query())
        .await
        .during("confirm assets")
        .map(drop)
    }

    /// The assets in use of whole sites, in one query.
    ///
    /// `OFFSET 0` keeps the inner query whole, so that it is looked up in the index for each site: joined freely, a plan for any
    /// number of sites reads the table from end to end while it is small.
    pub async fn assets_of(&mut self, sites: &[(OrgId, SiteId)]) -> StoreResult<Vec<Asset>> {
        const OPERATION: &str = "load assets";
        let (orgs, sites): (Vec<Uuid>, Vec<Uuid>) = sites.iter().map(|(o, s)| (o.uuid(), s.uuid())).unzip();
        sqlx::query_as!(
            StoredAsset,
            "SELECT a.id, a.site_id, a.appliance_id, a.kind, a.name, a.platform, a.role, a.confirmed_at,
                a.confirmed_index
             FROM UNNEST($1::uuid[], $2::uuid[]) AS wanted (org_id, site_id)
             CROSS JOIN LATERAL (
                SELECT * FROM asset b
                WHERE b.org_id = wanted.org_id AND b.site_id = wanted.site_id AND b.retired_at IS NULL OFFSET 0) a
             ORDER BY a.id",
            &orgs,
            &sites
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }

    /// The assets that a site had at `at`, each with its last confirmation until then.
    pub async fn assets_as_of(&mut self, org: OrgId, site: SiteId, at: Timestamp) -> StoreResult<Vec<Asset>> {
        const OPERATION: &str = "load assets as of a date";
        sqlx::query_as!(
            StoredAsset,
            r#"SELECT a.id, a.site_id, a.appliance_id, a.kind, a.name, a.platform, a.role,
                c.ended_at AS "confirmed_at?", c.leaf_index AS "confirmed_index?"
             FROM asset a LEFT JOIN LATERAL (
                SELECT e.ended_at, e.leaf_index FROM evidence_entry e
                WHERE e.org_id = a.org_id AND e.site_id = a.site_id AND e.asset_id = a.id AND e.confirms
                    AND e.ended_at <= $3 ORDER BY e.ended_at DESC LIMIT 1) c ON true
             WHERE a.org_id = $1 AND a.site_id = $2 AND a.created_at <= $3
                AND (a.retired_at IS NULL OR a.retired_at > $3)
             ORDER BY a.id"#,
            org.uuid(),
            site.uuid(),
            at
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }

    /// A page of a site's assets in use, oldest first.
    pub async fn assets(
        &mut self,
        org: OrgId,
        site: SiteId,
        page: &PageRequest<Uuid>,
    ) -> StoreResult<Page<Asset>> {
        const OPERATION: &str = "list assets";
        let rows = sqlx::query_as!(
            StoredAsset,
            "SELECT id, site_id, appliance_id, kind, name, platform, role, confirmed_at, confirmed_index FROM asset
             WHERE org_id = $1 AND site_id = $2 AND id > $3 AND retired_at IS NULL ORDER BY id LIMIT $4",
            org.uuid(),
            site.uuid(),
            page.after.unwrap_or(Uuid::nil()),
            page.fetch()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect::<StoreResult<Vec<_>>>()?;
        Ok(page.page(rows, |asset| asset.id.uuid()))
    }
}

/// The columns that updating and opening share.
struct SpanColumns<'a> {
    assets: Vec<Uuid>,
    checks: Vec<&'a str>,
    from_at: Vec<Timestamp>,
    ended_at: Vec<Option<Timestamp>>,
    confirmed_at: Vec<Timestamp>,
    last_index: Vec<i64>,
    reasons: Vec<&'a str>,
    locations: Vec<&'a str>,
}

impl<'a> SpanColumns<'a> {
    fn of(spans: &'a [Span]) -> Self {
        Self {
            assets: spans.iter().map(|s| s.asset.uuid()).collect(),
            checks: spans.iter().map(|s| s.check.as_str()).collect(),
            from_at: spans.iter().map(|s| s.from_at).collect(),
            ended_at: spans.iter().map(|s| s.ended_at).collect(),
            confirmed_at: spans.iter().map(|s| s.last_confirmed_at).collect(),
            last_index: spans.iter().map(|s| bigint(s.last_index)).collect(),
            reasons: spans.iter().map(|s| s.reason.as_str()).collect(),
            locations: spans.iter().map(|s| s.location.as_str()).collect(),
        }
    }
}

struct StoredSpan {
    asset_id: Uuid,
    check_id: String,
    from_at: Timestamp,
    ended_at: Option<Timestamp>,
    last_confirmed_at: Timestamp,
    verdict: String,
    expected: String,
    observed: String,
    observed_digest: Vec<u8>,
    reason: String,
    location: String,
    from_index: i64,
    last_index: i64,
}

impl StoredSpan {
    fn read(self, operation: &'static str) -> StoreResult<Span> {
        Ok(Span {
            asset: AssetId::from_uuid(self.asset_id),
            check: self.check_id,
            from_at: self.from_at,
            ended_at: self.ended_at,
            last_confirmed_at: self.last_confirmed_at,
            verdict: stored(self.verdict.parse(), operation, "verdict")?,
            expected: self.expected,
            observed: self.observed,
            observed_digest: digest(self.observed_digest, operation, "observed digest")?,
            reason: self.reason,
            location: self.location,
            from_index: unsigned(self.from_index, operation, "leaf index")?,
            last_index: unsigned(self.last_index, operation, "leaf index")?,
        })
    }
}

struct StoredAsset {
    id: Uuid,
    site_id: Uuid,
    appliance_id: Uuid,
    kind: String,
    name: String,
    platform: String,
    role: String,
    confirmed_at: Option<Timestamp>,
    confirmed_index: Option<i64>,
}

impl StoredAsset {
    fn read(self, operation: &'static str) -> StoreResult<Asset> {
        Ok(Asset {
            id: AssetId::from_uuid(self.id),
            site: SiteId::from_uuid(self.site_id),
            appliance: ApplianceId::from_uuid(self.appliance_id),
            kind: self.kind,
            name: self.name,
            platform: self.platform,
            role: self.role,
            confirmed_at: self.confirmed_at,
            confirmed_index: self
                .confirmed_index
                .map(|index| unsigned(index, operation, "leaf index"))
                .transpose()?,
        })
    }
}
