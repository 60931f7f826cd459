//! Appliances, the assets they check, and what their last check-ins said.

use chrono::{DateTime, Utc};
use proofline_core::{ApplianceId, AssetId, OrgId, ProvisioningCodeId, SiteId, Timestamp};
use uuid::Uuid;

use crate::error::During;
use crate::{Page, PageRequest, Scope, StoreResult};

/// A machine about to become an appliance.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Which.
    pub id: ApplianceId,
    /// Whose.
    pub org: OrgId,
    /// Where.
    pub site: SiteId,
    /// What it calls itself.
    pub hostname: String,
    /// Operating system and version.
    pub platform: String,
    /// Its Ed25519 public key.
    pub public_key: [u8; 32],
    /// Hex SHA-256 of that key.
    pub key_id: String,
    /// `audit`, `ask` or `enforce`.
    pub mode: String,
    /// The code it claims.
    pub code: ProvisioningCodeId,
    /// When.
    pub at: Timestamp,
}

/// A machine or service about to be checked.
#[derive(Debug, Clone)]
pub struct NewAsset {
    /// Which.
    pub id: AssetId,
    /// `appliance`, `server`, `workstation`, `network_device` or `cloud_account`.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// Operating system and version.
    pub platform: String,
    /// Its role at the clinic.
    pub role: String,
}

/// An appliance's key as the request verifier caches it.
#[derive(Debug, Clone)]
pub struct ApplianceKey {
    /// Which.
    pub id: ApplianceId,
    /// Whose.
    pub org: OrgId,
    /// Where.
    pub site: SiteId,
    /// Its Ed25519 public key.
    pub public_key: Vec<u8>,
    /// Hex SHA-256 of that key.
    pub key_id: String,
    /// `audit`, `ask` or `enforce`.
    pub mode: String,
    /// Since when.
    pub mode_changed_at: Timestamp,
    /// Set when the key no longer counts.
    pub revoked_at: Option<Timestamp>,
    /// Grows with every change of its credentials.
    pub credentials_version: i64,
}

/// The last check cycle that an appliance reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CycleReport {
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// How many checks ran.
    pub checks: i32,
    /// How many of them ended in `error` or `unknown`.
    pub errors: i32,
}

/// What an appliance's last check-in said.
#[derive(Debug, Clone)]
pub struct Presence {
    /// When.
    pub last_seen_at: Timestamp,
    /// The agent's version.
    pub agent_version: String,
    /// Digest of the catalogue it works with.
    pub catalogue: String,
    /// What the clinic itself has set, if anything.
    pub local_override: Option<String>,
    /// Entries waiting on the appliance.
    pub outbox_depth: i64,
    /// The oldest of them.
    pub outbox_oldest_at: Option<Timestamp>,
    /// The rule set it works with.
    pub rules_version: i64,
    /// Its last cycle.
    pub cycle: Option<CycleReport>,
}

/// A presence to be written.
#[derive(Debug, Clone)]
pub struct PresenceRow {
    /// Whose organisation.
    pub org: OrgId,
    /// At which site; known to the writer, not stored again.
    pub site: SiteId,
    /// Which appliance.
    pub appliance: ApplianceId,
    /// What it said.
    pub presence: Presence,
}

/// An appliance as listed.
#[derive(Debug, Clone)]
pub struct Appliance {
    /// Which.
    pub id: ApplianceId,
    /// Whose.
    pub org: OrgId,
    /// The organisation's name.
    pub org_name: String,
    /// Where.
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// What it calls itself.
    pub hostname: String,
    /// Operating system and version.
    pub platform: String,
    /// Hex SHA-256 of its public key.
    pub key_id: String,
    /// `audit`, `ask` or `enforce`.
    pub mode: String,
    /// When it joined.
    pub enrolled_at: Timestamp,
    /// When its key was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why.
    pub revoked_reason: Option<String>,
    /// What its last check-in said; `None` before the first.
    pub presence: Option<Presence>,
}

/// Narrows the list of appliances.
#[derive(Debug, Clone, Default)]
pub struct ApplianceFilter {
    /// Only this site.
    pub site: Option<SiteId>,
    /// Only this appliance.
    pub id: Option<ApplianceId>,
    /// Only those seen after.
    pub seen_from: Option<Timestamp>,
    /// Only those last seen at or before.
    pub seen_before: Option<Timestamp>,
    /// Only those never seen.
    pub never_seen: bool,
    /// Only those that were revoked, or only those that were not.
    pub revoked: Option<bool>,
}

impl Scope {
    /// Turns a code into an appliance with one asset, itself. The code must be locked by this scope.
    pub async fn enrol(&mut self, enrolment: &Enrolment, asset: &NewAsset) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO appliance (org_id, id, site_id, hostname, platform, public_key, key_id, mode,
                mode_changed_at, enrolled_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
            enrolment.org.uuid(),
            enrolment.id.uuid(),
            enrolment.site.uuid(),
            enrolment.hostname,
            enrolment.platform,
            enrolment.public_key.as_slice(),
            enrolment.key_id,
            enrolment.mode,
            enrolment.at
        )
        .execute(self.query())
        .await
        .during("create appliance")?;
        sqlx::query!(
            "INSERT INTO asset (org_id, id, site_id, appliance_id, kind, name, platform, role, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            enrolment.org.uuid(),
            asset.id.uuid(),
            enrolment.site.uuid(),
            enrolment.id.uuid(),
            asset.kind,
            asset.name,
            asset.platform,
            asset.role,
            enrolment.at
        )
        .execute(self.query())
        .await
        .during("create asset")?;
        sqlx::query!(
            "UPDATE provisioning_code SET claimed_at = $3, claimed_by = $4 WHERE org_id = $1 AND id = $2",
            enrolment.org.uuid(),
            enrolment.code.uuid(),
            enrolment.at,
            enrolment.id.uuid()
        )
        .execute(self.query())
        .await
        .during("claim provisioning code")
        .map(drop)
    }

    /// The asset that is the appliance itself.
    pub async fn own_asset(&mut self, org: OrgId, appliance: ApplianceId) -> StoreResult<AssetId> {
        sqlx::query_scalar!(
            "SELECT id FROM asset WHERE org_id = $1 AND appliance_id = $2 AND kind = 'appliance' ORDER BY id LIMIT 1",
            org.uuid(),
            appliance.uuid()
        )
        .fetch_one(self.query())
        .await
        .during("find own asset")
        .map(AssetId::from_uuid)
    }

    /// The appliance with this key, revoked ones included.
    pub async fn appliance_key(&mut self, key_id: &str) -> StoreResult<Option<ApplianceKey>> {
        sqlx::query!(
            "SELECT org_id, id, site_id, public_key, key_id, mode, mode_changed_at, revoked_at, credentials_version
             FROM appliance WHERE key_id = $1",
            key_id
        )
        .map(|row| ApplianceKey {
            id: ApplianceId::from_uuid(row.id),
            org: OrgId::from_uuid(row.org_id),
            site: SiteId::from_uuid(row.site_id),
            public_key: row.public_key,
            key_id: row.key_id,
            mode: row.mode,
            mode_changed_at: row.mode_changed_at,
            revoked_at: row.revoked_at,
            credentials_version: row.credentials_version,
        })
        .fetch_optional(self.query())
        .await
        .during("find appliance key")
    }

    /// A page of appliances, newest first.
    pub async fn appliances(
        &mut self,
        filter: &ApplianceFilter,
        page: &PageRequest<Uuid>,
    ) -> StoreResult<Page<Appliance>> {
        let rows = sqlx::query!(
            r#"SELECT a.id, a.org_id, a.site_id, a.hostname, a.platform, a.key_id, a.mode, a.enrolled_at, a.revoked_at,
                a.revoked_reason, o.name AS org_name, s.name AS site_name,
                p.last_seen_at AS "last_seen_at?", p.agent_version AS "agent_version?", p.catalogue AS "catalogue?",
                p.local_override, p.outbox_depth AS "outbox_depth?", p.outbox_oldest_at,
                p.rules_version AS "rules_version?", p.cycle_started_at, p.cycle_duration_ms, p.cycle_checks,
                p.cycle_errors
             FROM appliance a JOIN organisation o ON o.org_id = a.org_id
                JOIN site s ON s.org_id = a.org_id AND s.id = a.site_id
                LEFT JOIN appliance_presence p ON p.org_id = a.org_id AND p.appliance_id = a.id
             WHERE ($1::uuid IS NULL OR a.site_id = $1) AND ($2::uuid IS NULL OR a.id = $2)
               AND ($3::timestamptz IS NULL OR p.last_seen_at > $3)
               AND ($4::timestamptz IS NULL OR p.last_seen_at <= $4)
               AND (NOT $5 OR p.last_seen_at IS NULL) AND ($6::uuid IS NULL OR a.id < $6)
               AND ($8::boolean IS NULL OR (a.revoked_at IS NOT NULL) = $8)
             ORDER BY a.id DESC LIMIT $7"#,
            filter.site.map(SiteId::uuid),
            filter.id.map(ApplianceId::uuid),
            filter.seen_from,
            filter.seen_before,
            filter.never_seen,
            page.after,
            page.fetch(),
            filter.revoked
        )
        .map(|row| Appliance {
            id: ApplianceId::from_uuid(row.id),
            org: OrgId::from_uuid(row.org_id),
            org_name: row.org_name,
            site: SiteId::from_uuid(row.site_id),
            site_name: row.site_name,
            hostname: row.hostname,
            platform: row.platform,
            key_id: row.key_id,
            mode: row.mode,
            enrolled_at: row.enrolled_at,
            revoked_at: row.revoked_at,
            revoked_reason: row.revoked_reason,
            presence: row.last_seen_at.map(|last_seen_at| Presence {
                last_seen_at,
                agent_version: row.agent_version.unwrap_or_default(),
                catalogue: row.catalogue.unwrap_or_default(),
                local_override: row.local_override,
                outbox_depth: row.outbox_depth.unwrap_or_default(),
                outbox_oldest_at: row.outbox_oldest_at,
                rules_version: row.rules_version.unwrap_or_default(),
                cycle: row.cycle_started_at.map(|started_at| CycleReport {
                    started_at,
                    duration_ms: row.cycle_duration_ms.unwrap_or_default(),
                    checks: row.cycle_checks.unwrap_or_default(),
                    errors: row.cycle_errors.unwrap_or_default(),
                }),
            }),
        })
        .fetch_all(self.query())
        .await
        .during("list appliances")?;
        Ok(page.page(rows, |a| a.id.uuid()))
    }

    /// The appliance, if it is within reach.
    pub async fn appliance(&mut self, id: ApplianceId) -> StoreResult<Appliance> {
        let filter = ApplianceFilter { id: Some(id), ..ApplianceFilter::default() };
        let page = self.appliances(&filter, &PageRequest { limit: 1, after: None }).await?;
        page.items.into_iter().next().ok_or(crate::StoreError::NotFound("find appliance"))
    }

    /// Ends an appliance's key for good. An appliance that is already revoked is "not found".
    pub async fn revoke_appliance(
        &mut self,
        org: OrgId,
        id: ApplianceId,
        reason: &str,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query_scalar!(
            "UPDATE appliance SET revoked_at = $3, revoked_reason = $4
             WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id",
            org.uuid(),
            id.uuid(),
            at,
            reason
        )
        .fetch_one(self.query())
        .await
        .during("revoke appliance")
        .map(drop)
    }

    /// Retires what an appliance checks: nothing is measured there any more. Returns how many assets that were.
    pub async fn retire_assets(
        &mut self,
        org: OrgId,
        appliance: ApplianceId,
        at: Timestamp,
    ) -> StoreResult<u64> {
        let retired = sqlx::query!(
            "UPDATE asset SET retired_at = $3 WHERE org_id = $1 AND appliance_id = $2 AND retired_at IS NULL",
            org.uuid(),
            appliance.uuid(),
            at
        )
        .execute(self.query())
        .await
        .during("retire assets")?;
        Ok(retired.rows_affected())
    }

    /// Chooses between `audit`, `ask` and `enforce`.
    pub async fn set_appliance_mode(
        &mut self,
        org: OrgId,
        id: ApplianceId,
        mode: &str,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query_scalar!(
            "UPDATE appliance SET mode = $3, mode_changed_at = $4 WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id",
            org.uuid(),
            id.uuid(),
            mode,
            at
        )
        .fetch_one(self.query())
        .await
        .during("set appliance mode")
        .map(drop)
    }

    /// Writes what many check-ins said, in one statement; an older report never replaces a newer one.
    pub async fn put_presence(&mut self, rows: &[PresenceRow]) -> StoreResult<u64> {
        let orgs: Vec<Uuid> = rows.iter().map(|r| r.org.uuid()).collect();
        let ids: Vec<Uuid> = rows.iter().map(|r| r.appliance.uuid()).collect();
        let seen: Vec<DateTime<Utc>> = rows.iter().map(|r| r.presence.last_seen_at).collect();
        let versions: Vec<String> = rows.iter().map(|r| r.presence.agent_version.clone()).collect();
        let catalogues: Vec<String> = rows.iter().map(|r| r.presence.catalogue.clone()).collect();
        let overrides: Vec<Option<String>> = rows.iter().map(|r| r.presence.local_override.clone()).collect();
        let depths: Vec<i64> = rows.iter().map(|r| r.presence.outbox_depth).collect();
        let oldest: Vec<Option<DateTime<Utc>>> = rows.iter().map(|r| r.presence.outbox_oldest_at).collect();
        let rules: Vec<i64> = rows.iter().map(|r| r.presence.rules_version).collect();
        let started: Vec<Option<DateTime<Utc>>> =
            rows.iter().map(|r| r.presence.cycle.map(|c| c.started_at)).collect();
        let took: Vec<Option<i64>> = rows.iter().map(|r| r.presence.cycle.map(|c| c.duration_ms)).collect();
        let checks: Vec<Option<i32>> = rows.iter().map(|r| r.presence.cycle.map(|c| c.checks)).collect();
        let errors: Vec<Option<i32>> = rows.iter().map(|r| r.presence.cycle.map(|c| c.errors)).collect();
        let written = sqlx::query!(
            "INSERT INTO appliance_presence AS p (org_id, appliance_id, last_seen_at, agent_version, catalogue,
                local_override, outbox_depth, outbox_oldest_at, rules_version, cycle_started_at, cycle_duration_ms,
                cycle_checks, cycle_errors)
             SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                $7::bigint[], $8::timestamptz[], $9::bigint[], $10::timestamptz[], $11::bigint[], $12::int[], $13::int[])
             ON CONFLICT (org_id, appliance_id) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at,
                agent_version = EXCLUDED.agent_version, catalogue = EXCLUDED.catalogue,
                local_override = EXCLUDED.local_override, outbox_depth = EXCLUDED.outbox_depth,
                outbox_oldest_at = EXCLUDED.outbox_oldest_at, rules_version = EXCLUDED.rules_version,
                cycle_started_at = EXCLUDED.cycle_started_at, cycle_duration_ms = EXCLUDED.cycle_duration_ms,
                cycle_checks = EXCLUDED.cycle_checks, cycle_errors = EXCLUDED.cycle_errors
             WHERE p.last_seen_at < EXCLUDED.last_seen_at",
            &orgs,
            &ids,
            &seen,
            &versions,
            &catalogues,
            &overrides as &[Option<String>],
            &depths,
            &oldest as &[Option<DateTime<Utc>>],
            &rules,
            &started as &[Option<DateTime<Utc>>],
            &took as &[Option<i64>],
            &checks as &[Option<i32>],
            &errors as &[Option<i32>],
        )
        .execute(self.query())
        .await
        .during("write presence")?;
        Ok(written.rows_affected())
    }
}
