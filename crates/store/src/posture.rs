//! One row per site that says how it stands: written by the resolver, read by lists and overviews.
//!
//! A row holds until its `valid_until`; from then on something in it may have gone stale, and whoever shows it resolves it
//! anew. This file knows how rows are stored and found, not how they are computed.

mod overview;
mod summary;

use proofline_core::{OrgId, SiteId, Timestamp};
use uuid::Uuid;

pub use overview::{FleetCounts, FleetPosture, HealingCounts, OfflineAppliance, UnmeasuredSite};
pub use summary::{SiteFilter, SiteSummary};

use crate::error::During;
use crate::{Scope, StoreResult};

/// How a site stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SitePosture {
    /// Whose.
    pub org: OrgId,
    /// Where.
    pub site: SiteId,
    /// As of when.
    pub computed_at: Timestamp,
    /// Until when nothing in it goes stale.
    pub valid_until: Timestamp,
    /// Controls in each state.
    pub controls: ControlCounts,
    /// One letter per control in catalogue order: `p` pass, `f` fail, `u` not assessed, `s` stale, `n` not applicable, `c` not covered.
    pub strip: String,
    /// Higher is worse.
    pub risk: i32,
    /// Assets in use.
    pub assets: i32,
    /// Incidents that someone or something must act on.
    pub open_incidents: i32,
}

/// How many controls are in each state, and what they weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ControlCounts {
    /// Every applicable check passes, freshly.
    pub pass: i32,
    /// Some applicable check fails.
    pub fail: i32,
    /// Something could not be measured, or was not yet.
    pub not_assessed: i32,
    /// Something was measured too long ago.
    pub stale: i32,
    /// No check applies here.
    pub not_applicable: i32,
    /// Weights of the passing controls, summed.
    pub passing_weight: i32,
    /// Weights of all that apply, summed.
    pub applicable_weight: i32,
}

impl ControlCounts {
    /// The same with nothing taken for granted any more: what was assessed is stale.
    #[must_use]
    pub fn gone_stale(self) -> Self {
        let stale = self.pass + self.fail + self.stale;
        Self { pass: 0, fail: 0, stale, passing_weight: 0, ..self }
    }
}

impl Scope {
    /// Locks the rows of sites until the scope ends, in one order everywhere. Whoever locks first and reads then writes
    /// what is so: nobody who read earlier can write later.
    pub async fn lock_postures(&mut self, sites: &[(OrgId, SiteId)]) -> StoreResult<()> {
        let (orgs, sites): (Vec<Uuid>, Vec<Uuid>) = sites.iter().map(|(o, s)| (o.uuid(), s.uuid())).unzip();
        sqlx::query!(
            r#"SELECT 1 AS "locked!" FROM site_posture p
             JOIN UNNEST($1::uuid[], $2::uuid[]) AS wanted (org_id, site_id)
                ON p.org_id = wanted.org_id AND p.site_id = wanted.site_id
             ORDER BY p.org_id, p.site_id FOR UPDATE OF p"#,
            &orgs,
            &sites
        )
        .fetch_all(self.query())
        .await
        .during("lock postures")
        .map(drop)
    }

    /// Writes rows of sites that are locked or new, in one statement.
    pub async fn put_postures(&mut self, rows: &[SitePosture]) -> StoreResult<()> {
        let orgs: Vec<Uuid> = rows.iter().map(|r| r.org.uuid()).collect();
        let sites: Vec<Uuid> = rows.iter().map(|r| r.site.uuid()).collect();
        let computed: Vec<Timestamp> = rows.iter().map(|r| r.computed_at).collect();
        let valid: Vec<Timestamp> = rows.iter().map(|r| r.valid_until).collect();
        let counts = |f: fn(&SitePosture) -> i32| rows.iter().map(f).collect::<Vec<i32>>();
        let strips: Vec<&str> = rows.iter().map(|r| r.strip.as_str()).collect();
        sqlx::query!(
            "INSERT INTO site_posture (org_id, site_id, computed_at, valid_until, pass, fail, not_assessed,
                stale, not_applicable, passing_weight, applicable_weight, strip, risk, assets, open_incidents)
             SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::int[], $6::int[],
                $7::int[], $8::int[], $9::int[], $10::int[], $11::int[], $12::text[], $13::int[], $14::int[], $15::int[])
             ON CONFLICT (org_id, site_id) DO UPDATE SET computed_at = EXCLUDED.computed_at,
                valid_until = EXCLUDED.valid_until, pass = EXCLUDED.pass, fail = EXCLUDED.fail,
                not_assessed = EXCLUDED.not_assessed, stale = EXCLUDED.stale,
                not_applicable = EXCLUDED.not_applicable, passing_weight = EXCLUDED.passing_weight,
                applicable_weight = EXCLUDED.applicable_weight, strip = EXCLUDED.strip, risk = EXCLUDED.risk,
                assets = EXCLUDED.assets, open_incidents = EXCLUDED.open_incidents",
            &orgs,
            &sites,
            &computed,
            &valid,
            &counts(|r| r.controls.pass),
            &counts(|r| r.controls.fail),
            &counts(|r| r.controls.not_assessed),
            &counts(|r| r.controls.stale),
            &counts(|r| r.controls.not_applicable),
            &counts(|r| r.controls.passing_weight),
            &counts(|r| r.controls.applicable_weight),
            &strips as &[&str],
            &counts(|r| r.risk),
            &counts(|r| r.assets),
            &counts(|r| r.open_incidents)
        )
        .execute(self.query())
        .await
        .during("write postures")
        .map(drop)
    }

    /// Sites whose row no longer holds at `at`, longest first; rows that were made after `before` are left out.
    pub async fn expired_postures(
        &mut self,
        at: Timestamp,
        before: Timestamp,
        limit: i64,
    ) -> StoreResult<Vec<(OrgId, SiteId)>> {
        sqlx::query!(
            "SELECT org_id, site_id FROM site_posture WHERE valid_until <= $1 AND computed_at < $2
             ORDER BY valid_until LIMIT $3",
            at,
            before,
            limit
        )
        .map(|row| (OrgId::from_uuid(row.org_id), SiteId::from_uuid(row.site_id)))
        .fetch_all(self.query())
        .await
        .during("find expired postures")
    }

    /// Has a site's row renewed before it is shown again, if it holds anything stale: a confirmation may have ended that.
    pub async fn expire_stale_posture(&mut self, org: OrgId, site: SiteId, at: Timestamp) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE site_posture SET valid_until = $3
             WHERE org_id = $1 AND site_id = $2 AND stale > 0 AND valid_until > $3",
            org.uuid(),
            site.uuid(),
            at
        )
        .execute(self.query())
        .await
        .during("expire posture")
        .map(drop)
    }

    /// How many live incidents each of these sites has; sites without one are left out.
    pub async fn live_incident_counts(
        &mut self,
        sites: &[(OrgId, SiteId)],
    ) -> StoreResult<Vec<(SiteId, i64)>> {
        let (orgs, sites): (Vec<Uuid>, Vec<Uuid>) = sites.iter().map(|(o, s)| (o.uuid(), s.uuid())).unzip();
        sqlx::query!(
            r#"SELECT i.site_id, count(*) AS "count!"
             FROM UNNEST($1::uuid[], $2::uuid[]) AS wanted (org_id, site_id)
             JOIN incident i ON i.org_id = wanted.org_id AND i.site_id = wanted.site_id AND i.resolved_at IS NULL
             GROUP BY i.site_id"#,
            &orgs,
            &sites
        )
        .map(|row| (SiteId::from_uuid(row.site_id), row.count))
        .fetch_all(self.query())
        .await
        .during("count live incidents")
    }
}
