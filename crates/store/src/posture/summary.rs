//! Sites with their posture, by risk or by name.

use proofline_core::{OrgId, SiteId, Timestamp};
use uuid::Uuid;

use super::{ControlCounts, SitePosture};
use crate::error::During;
use crate::{Page, PageRequest, Scope, StoreError, StoreResult};

/// A site as listed.
#[derive(Debug, Clone)]
pub struct SiteSummary {
    /// How it stands, as far as the row still holds.
    pub posture: SitePosture,
    /// Its name.
    pub name: String,
    /// The organisation's name.
    pub org_name: String,
    /// The partner's name.
    pub partner_name: String,
    /// Appliances with a valid key.
    pub appliances: i64,
    /// Those of them that never checked in.
    pub unseen: i64,
    /// When the one that was not seen for longest was last seen.
    pub longest_unseen_since: Option<Timestamp>,
    /// When the last evidence came in.
    pub last_evidence_at: Option<Timestamp>,
}

/// Narrows the list of sites.
#[derive(Debug, Clone, Default)]
pub struct SiteFilter {
    /// Only sites whose own name or whose organisation's name contains this, whatever the case.
    pub contains: Option<String>,
}

macro_rules! summaries {
    ($scope:expr, $operation:literal, $tail:literal, $($argument:expr),*) => {
        sqlx::query_as!(
            StoredSummary,
            r#"SELECT p.org_id, p.site_id, p.computed_at, p.valid_until, p.pass, p.fail, p.not_assessed,
                p.stale, p.not_applicable, p.passing_weight, p.applicable_weight, p.strip, p.risk, p.assets,
                p.open_incidents, s.name, o.name AS org_name, r.name AS partner_name, l.last_entry_at AS "last_evidence_at?",
                (SELECT count(*) FROM appliance a
                    WHERE a.org_id = p.org_id AND a.site_id = p.site_id AND a.revoked_at IS NULL) AS "appliances!",
                (SELECT count(*) FROM appliance a WHERE a.org_id = p.org_id AND a.site_id = p.site_id
                    AND a.revoked_at IS NULL AND NOT EXISTS (SELECT FROM appliance_presence v
                        WHERE v.org_id = a.org_id AND v.appliance_id = a.id)) AS "unseen!",
                (SELECT min(v.last_seen_at) FROM appliance a JOIN appliance_presence v
                    ON v.org_id = a.org_id AND v.appliance_id = a.id
                    WHERE a.org_id = p.org_id AND a.site_id = p.site_id
                    AND a.revoked_at IS NULL) AS longest_unseen_since
             FROM site_posture p JOIN site s ON s.org_id = p.org_id AND s.id = p.site_id
             JOIN organisation o ON o.org_id = p.org_id JOIN partner r ON r.id = o.partner_id
             LEFT JOIN evidence_log l ON l.org_id = p.org_id AND l.site_id = p.site_id "#
                + $tail,
            $($argument),*
        )
        .fetch_all($scope.query())
        .await
        .during($operation)
        .map(|rows| rows.into_iter().map(SiteSummary::from).collect::<Vec<_>>())
    };
}

impl Scope {
    /// A page of sites, worst first.
    pub async fn sites_by_risk(
        &mut self,
        filter: &SiteFilter,
        page: &PageRequest<(i32, Uuid)>,
    ) -> StoreResult<Page<SiteSummary>> {
        let (risk, site) = page.after.unwrap_or((i32::MAX, Uuid::max()));
        let contains = filter.contains.as_deref().map(str::to_lowercase);
        let rows = summaries!(
            self,
            "list sites by risk",
            "WHERE (p.risk, p.site_id) < ($1, $2)
                AND ($3::text IS NULL OR strpos(lower(s.name), $3) > 0 OR strpos(lower(o.name), $3) > 0)
             ORDER BY p.risk DESC, p.site_id DESC LIMIT $4",
            risk,
            site,
            contains,
            page.fetch()
        )?;
        Ok(page.page(rows, |row| (row.posture.risk, row.posture.site.uuid())))
    }

    /// A page of sites by name.
    pub async fn sites_by_name(
        &mut self,
        filter: &SiteFilter,
        page: &PageRequest<(String, Uuid)>,
    ) -> StoreResult<Page<SiteSummary>> {
        let (name, site) = page.after.clone().unwrap_or((String::new(), Uuid::nil()));
        let contains = filter.contains.as_deref().map(str::to_lowercase);
        let rows = summaries!(
            self,
            "list sites by name",
            "WHERE (s.name, s.id) > ($1, $2)
                AND ($3::text IS NULL OR strpos(lower(s.name), $3) > 0 OR strpos(lower(o.name), $3) > 0)
             ORDER BY s.name, s.id LIMIT $4",
            name,
            site,
            contains,
            page.fetch()
        )?;
        Ok(page.page(rows, |row| (row.name.clone(), row.posture.site.uuid())))
    }

    /// One site as listed.
    pub async fn site_summary(&mut self, org: OrgId, site: SiteId) -> StoreResult<SiteSummary> {
        const OPERATION: &str = "summarise site";
        let rows = summaries!(
            self,
            "summarise site",
            "WHERE p.org_id = $1 AND p.site_id = $2",
            org.uuid(),
            site.uuid()
        )?;
        rows.into_iter().next().ok_or(StoreError::NotFound(OPERATION))
    }
}

struct StoredSummary {
    org_id: Uuid,
    site_id: Uuid,
    computed_at: Timestamp,
    valid_until: Timestamp,
    pass: i32,
    fail: i32,
    not_assessed: i32,
    stale: i32,
    not_applicable: i32,
    passing_weight: i32,
    applicable_weight: i32,
    strip: String,
    risk: i32,
    assets: i32,
    open_incidents: i32,
    name: String,
    org_name: String,
    partner_name: String,
    last_evidence_at: Option<Timestamp>,
    appliances: i64,
    unseen: i64,
    longest_unseen_since: Option<Timestamp>,
}

impl From<StoredSummary> for SiteSummary {
    fn from(row: StoredSummary) -> Self {
        Self {
            posture: SitePosture {
                org: OrgId::from_uuid(row.org_id),
                site: SiteId::from_uuid(row.site_id),
                computed_at: row.computed_at,
                valid_until: row.valid_until,
                controls: ControlCounts {
                    pass: row.pass,
                    fail: row.fail,
                    not_assessed: row.not_assessed,
                    stale: row.stale,
                    not_applicable: row.not_applicable,
                    passing_weight: row.passing_weight,
                    applicable_weight: row.applicable_weight,
                },
                strip: row.strip,
                risk: row.risk,
                assets: row.assets,
                open_incidents: row.open_incidents,
            },
            name: row.name,
            org_name: row.org_name,
            partner_name: row.partner_name,
            appliances: row.appliances,
            unseen: row.unseen,
            longest_unseen_since: row.longest_unseen_since,
            last_evidence_at: row.last_evidence_at,
        }
    }
}
