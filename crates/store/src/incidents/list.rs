//! Incidents as people read them: lists by keyset, each order and filter on an index of its own.

use proofline_core::{ApplianceId, AssetId, IncidentId, OrgId, Severity, SiteId, Timestamp};
use proofline_healing::incident::State;
use uuid::Uuid;

use super::record::rank;
use crate::error::{During, stored};
use crate::number::unsigned;
use crate::{Page, PageRequest, Scope, StoreError, StoreResult};

/// Which states a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncidentStates {
    /// Whatever someone or something still has to act on.
    #[default]
    Live,
    /// All.
    All,
    /// One.
    Only(State),
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncidentOrder {
    /// Last opened first.
    #[default]
    Newest,
    /// Most severe first, and among those the last opened.
    Worst,
}

/// Narrows a list of incidents.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// Which states.
    pub states: IncidentStates,
    /// Only of this site.
    pub site: Option<SiteId>,
    /// Only of this severity.
    pub severity: Option<Severity>,
    /// In which order.
    pub order: IncidentOrder,
}

/// The sort key of a row: severity rank, when it was opened, its id.
pub type IncidentKey = (i16, Timestamp, Uuid);

/// An incident as listed.
#[derive(Debug, Clone)]
pub struct IncidentRow {
    /// Which.
    pub id: IncidentId,
    /// Whose.
    pub org: OrgId,
    /// The organisation's name.
    pub org_name: String,
    /// Where.
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// On what.
    pub asset: AssetId,
    /// The asset's name.
    pub asset_name: String,
    /// The appliance that checks the asset.
    pub appliance: ApplianceId,
    /// The mode that people chose for that appliance.
    pub appliance_mode: String,
    /// What the clinic set on the machine itself, as of its last check-in.
    pub local_override: Option<String>,
    /// When the appliance was last seen.
    pub last_seen_at: Option<Timestamp>,
    /// Which check fails.
    pub check: String,
    /// How severe that is.
    pub severity: Severity,
    /// Where it stands.
    pub state: State,
    /// Why it stands there.
    pub cause: String,
    /// The plan that waits for a person, in hex.
    pub plan_digest: Option<String>,
    /// How often it came back.
    pub recurrences: u32,
    /// When it was opened, or opened again.
    pub opened_at: Timestamp,
    /// Its last step.
    pub updated_at: Timestamp,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// Log position of the statement that opened it.
    pub opened_index: u64,
}

/// Past every row, whichever way a list runs: where a first page begins.
fn first_page() -> IncidentKey {
    let end_of_time = Timestamp::from_timestamp(253_402_300_799, 0).unwrap_or(Timestamp::MAX_UTC);
    (i16::MAX, end_of_time, Uuid::max())
}

impl Scope {
    /// A page of incidents.
    pub async fn incidents(
        &mut self,
        filter: &IncidentFilter,
        page: &PageRequest<IncidentKey>,
    ) -> StoreResult<Page<IncidentRow>> {
        let key = page.after.unwrap_or_else(first_page);
        let ids = self.incident_ids(filter, key, page.fetch()).await?;
        let rows = self.incident_rows(&ids).await?;
        Ok(page.page(rows, |row| (rank(row.severity), row.opened_at, row.id.uuid())))
    }

    /// One incident as listed, by its own id or by the one that the agent knows it by.
    pub async fn incident(&mut self, id: IncidentId) -> StoreResult<IncidentRow> {
        const OPERATION: &str = "find incident";
        let found = sqlx::query_scalar!(
            r#"SELECT id AS "id!" FROM (
                (SELECT id, 0 AS preference FROM incident WHERE id = $1)
                UNION ALL
                (SELECT id, 1 FROM incident WHERE agent_ref = $1 ORDER BY opened_at LIMIT 1)) AS found
             ORDER BY preference LIMIT 1"#,
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?;
        let rows = self.incident_rows(&[found]).await?;
        rows.into_iter().next().ok_or(StoreError::NotFound(OPERATION))
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one query per order, each a literal that is checked at compile time"
    )]
    /// Ids of a page in its order. Each branch has an index that gives this order; a filter beside it is cheap.
    async fn incident_ids(
        &mut self,
        filter: &IncidentFilter,
        key: IncidentKey,
        limit: i64,
    ) -> StoreResult<Vec<Uuid>> {
        const OPERATION: &str = "list incidents";
        let (after_rank, after_at, after_id) = key;
        let severity = filter.severity.map(rank);
        // Within one severity both orders are the same, and the index of "worst" finds it.
        let (least, most) = severity.map_or((0, i16::MAX), |rank| (rank, rank));
        let order = if severity.is_some() { IncidentOrder::Worst } else { filter.order };
        let only = match filter.states {
            IncidentStates::Only(state) => Some(state.as_str()),
            IncidentStates::Live | IncidentStates::All => None,
        };
        if let Some(site) = filter.site {
            // A site has one incident for each check of each asset at most: read them all, then sort.
            return sqlx::query_scalar!(
                "SELECT i.id FROM site s JOIN incident i ON i.org_id = s.org_id AND i.site_id = s.id
                 WHERE s.id = $1 AND ($2::text IS NULL OR i.state = $2) AND (NOT $3 OR i.resolved_at IS NULL)
                    AND ($4::smallint IS NULL OR i.severity_rank = $4)
                    AND CASE WHEN $5 THEN (i.severity_rank, i.opened_at, i.id) < ($6, $7, $8)
                        ELSE (i.opened_at, i.id) < ($7, $8) END
                 ORDER BY CASE WHEN $5 THEN i.severity_rank END DESC NULLS LAST, i.opened_at DESC, i.id DESC LIMIT $9",
                site.uuid(),
                only,
                filter.states == IncidentStates::Live,
                severity,
                filter.order == IncidentOrder::Worst,
                after_rank,
                after_at,
                after_id,
                limit
            )
            .fetch_all(self.query())
            .await
            .during(OPERATION);
        }
        match (filter.states, order) {
            (IncidentStates::Live, IncidentOrder::Newest) => {
                sqlx::query_scalar!(
                    "SELECT id FROM incident
                     WHERE resolved_at IS NULL AND (opened_at, id) < ($1, $2)
                     ORDER BY opened_at DESC, id DESC LIMIT $3",
                    after_at,
                    after_id,
                    limit
                )
                .fetch_all(self.query())
                .await
            }
            (IncidentStates::Live, IncidentOrder::Worst) => {
                sqlx::query_scalar!(
                    "SELECT id FROM incident
                     WHERE resolved_at IS NULL AND (severity_rank, opened_at, id) < ($1, $2, $3)
                        AND severity_rank >= $4 AND severity_rank <= $5
                     ORDER BY severity_rank DESC, opened_at DESC, id DESC LIMIT $6",
                    after_rank,
                    after_at,
                    after_id,
                    least,
                    most,
                    limit
                )
                .fetch_all(self.query())
                .await
            }
            (IncidentStates::All, IncidentOrder::Newest) => {
                sqlx::query_scalar!(
                    "SELECT id FROM incident
                     WHERE (opened_at, id) < ($1, $2) ORDER BY opened_at DESC, id DESC LIMIT $3",
                    after_at,
                    after_id,
                    limit
                )
                .fetch_all(self.query())
                .await
            }
            (IncidentStates::All, IncidentOrder::Worst) => {
                sqlx::query_scalar!(
                    "SELECT id FROM incident
                     WHERE (severity_rank, opened_at, id) < ($1, $2, $3)
                        AND severity_rank >= $4 AND severity_rank <= $5
                     ORDER BY severity_rank DESC, opened_at DESC, id DESC LIMIT $6",
                    after_rank,
                    after_at,
                    after_id,
                    least,
                    most,
                    limit
                )
                .fetch_all(self.query())
                .await
            }
            (IncidentStates::Only(_), IncidentOrder::Newest) => {
                sqlx::query_scalar!(
                    "SELECT id FROM incident
                     WHERE state = $1 AND (opened_at, id) < ($2, $3) ORDER BY opened_at DESC, id DESC LIMIT $4",
                    only,
                    after_at,
                    after_id,
                    limit
                )
                .fetch_all(self.query())
                .await
            }
            (IncidentStates::Only(_), IncidentOrder::Worst) => {
                sqlx::query_scalar!(
                    "SELECT id FROM incident
                     WHERE state = $1 AND (severity_rank, opened_at, id) < ($2, $3, $4)
                        AND severity_rank >= $5 AND severity_rank <= $6
                     ORDER BY severity_rank DESC, opened_at DESC, id DESC LIMIT $7",
                    only,
                    after_rank,
                    after_at,
                    after_id,
                    least,
                    most,
                    limit
                )
                .fetch_all(self.query())
                .await
            }
        }
        .during(OPERATION)
    }

    /// The rows of these ids with the names around them, in the order of the ids.
    async fn incident_rows(&mut self, ids: &[Uuid]) -> StoreResult<Vec<IncidentRow>> {
        const OPERATION: &str = "read incidents";
        let rows = sqlx::query!(
            r#"SELECT i.id, i.org_id, o.name AS org_name, i.site_id, s.name AS site_name, i.asset_id,
                a.name AS asset_name, a.appliance_id, p.mode AS appliance_mode, r.local_override AS "local_override?",
                r.last_seen_at AS "last_seen_at?", i.check_id, i.severity, i.state, i.cause, i.plan_digest,
                i.recurrences, i.opened_at, i.updated_at, i.resolved_at, i.opened_index
             FROM UNNEST($1::uuid[]) WITH ORDINALITY AS wanted (id, place)
             JOIN incident i ON i.id = wanted.id
             JOIN organisation o ON o.org_id = i.org_id
             JOIN site s ON s.org_id = i.org_id AND s.id = i.site_id
             JOIN asset a ON a.org_id = i.org_id AND a.id = i.asset_id
             JOIN appliance p ON p.org_id = a.org_id AND p.id = a.appliance_id
             LEFT JOIN appliance_presence r ON r.org_id = p.org_id AND r.appliance_id = p.id
             ORDER BY wanted.place"#,
            ids
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        rows.into_iter()
            .map(|row| {
                Ok(IncidentRow {
                    id: IncidentId::from_uuid(row.id),
                    org: OrgId::from_uuid(row.org_id),
                    org_name: row.org_name,
                    site: SiteId::from_uuid(row.site_id),
                    site_name: row.site_name,
                    asset: AssetId::from_uuid(row.asset_id),
                    asset_name: row.asset_name,
                    appliance: ApplianceId::from_uuid(row.appliance_id),
                    appliance_mode: row.appliance_mode,
                    local_override: row.local_override,
                    last_seen_at: row.last_seen_at,
                    check: row.check_id,
                    severity: stored(row.severity.parse(), OPERATION, "severity")?,
                    state: stored(row.state.parse(), OPERATION, "incident state")?,
                    cause: row.cause,
                    plan_digest: row.plan_digest,
                    recurrences: stored(row.recurrences.try_into(), OPERATION, "recurrences")?,
                    opened_at: row.opened_at,
                    updated_at: row.updated_at,
                    resolved_at: row.resolved_at,
                    opened_index: unsigned(row.opened_index, OPERATION, "leaf index")?,
                })
            })
            .collect()
    }
}
