//! Incidents as the state machine works on them. Writers hold the lock of the site's log or of the incident itself.

use proofline_core::{ApplianceId, AssetId, IncidentId, OrgId, Severity, SiteId, Timestamp};
use proofline_healing::incident::{Incident, State, Transition};
use uuid::Uuid;

use crate::error::{During, stored};
use crate::number::{bigint, unsigned};
use crate::{Scope, StoreResult};

/// An incident with what the log says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRecord {
    /// The state machine's part.
    pub incident: Incident,
    /// Severity of the check when it last failed.
    pub severity: Severity,
    /// The id by which the agent knows it, once it named one.
    pub agent_ref: Option<IncidentId>,
    /// When it was resolved or closed.
    pub resolved_at: Option<Timestamp>,
    /// Log position of the statement that opened it.
    pub opened_index: u64,
    /// Log position of the statement that ended it.
    pub resolved_index: Option<u64>,
    /// How many transitions it has.
    pub steps: u32,
}

/// A step of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionRow {
    /// Of which incident.
    pub incident: IncidentId,
    /// Its number, from 0.
    pub step: u32,
    /// The step.
    pub transition: Transition,
    /// Log position of the statement that brought it, where one did.
    pub entry_index: Option<u64>,
}

impl Scope {
    /// The incidents of some (asset, check) pairs of a site, resolved ones included.
    pub async fn incidents_of(
        &mut self,
        org: OrgId,
        site: SiteId,
        pairs: &[(AssetId, String)],
    ) -> StoreResult<Vec<IncidentRecord>> {
        const OPERATION: &str = "load incidents";
        let assets: Vec<Uuid> = pairs.iter().map(|(asset, _)| asset.uuid()).collect();
        let checks: Vec<&str> = pairs.iter().map(|(_, check)| check.as_str()).collect();
        sqlx::query_as!(
            StoredIncident,
            "SELECT i.id, i.site_id, i.asset_id, i.check_id, i.severity, i.state, i.cause, i.plan_digest, i.agent_ref,
                i.recurrences, i.opened_at, i.updated_at, i.last_failed_at, i.resolved_at, i.opened_index,
                i.resolved_index, i.steps
             FROM UNNEST($3::uuid[], $4::text[]) AS wanted (asset_id, check_id)
             JOIN incident i ON i.org_id = $1 AND i.site_id = $2 AND i.asset_id = wanted.asset_id
                AND i.check_id = wanted.check_id",
            org.uuid(),
            site.uuid(),
            &assets,
            &checks as &[&str]
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }

    /// One incident, locked until the scope ends: of two people who decide at once, one waits and sees the other's decision.
    pub async fn lock_incident(&mut self, id: IncidentId) -> StoreResult<(OrgId, IncidentRecord)> {
        const OPERATION: &str = "lock incident";
        let org = sqlx::query_scalar!("SELECT org_id FROM incident WHERE id = $1 FOR UPDATE", id.uuid())
            .fetch_one(self.query())
            .await
            .during(OPERATION)?;
        let row = sqlx::query_as!(
            StoredIncident,
            "SELECT id, site_id, asset_id, check_id, severity, state, cause, plan_digest, agent_ref, recurrences,
                opened_at, updated_at, last_failed_at, resolved_at, opened_index, resolved_index, steps
             FROM incident WHERE org_id = $1 AND id = $2",
            org,
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?;
        Ok((OrgId::from_uuid(org), row.read(OPERATION)?))
    }

    /// The incidents of an appliance's assets that are not over, locked until the scope ends.
    pub async fn lock_live_incidents(
        &mut self,
        org: OrgId,
        appliance: ApplianceId,
    ) -> StoreResult<Vec<IncidentRecord>> {
        const OPERATION: &str = "lock incidents of an appliance";
        sqlx::query_as!(
            StoredIncident,
            "SELECT i.id, i.site_id, i.asset_id, i.check_id, i.severity, i.state, i.cause, i.plan_digest, i.agent_ref,
                i.recurrences, i.opened_at, i.updated_at, i.last_failed_at, i.resolved_at, i.opened_index,
                i.resolved_index, i.steps
             FROM incident i JOIN asset a ON a.org_id = i.org_id AND a.id = i.asset_id
             WHERE i.org_id = $1 AND a.appliance_id = $2 AND i.resolved_at IS NULL ORDER BY i.id FOR UPDATE OF i",
            org.uuid(),
            appliance.uuid()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }

    /// Writes incidents as they now are, new ones included, in one statement.
    pub async fn put_incidents(&mut self, org: OrgId, records: &[IncidentRecord]) -> StoreResult<()> {
        let of = |f: fn(&IncidentRecord) -> Uuid| records.iter().map(f).collect::<Vec<_>>();
        let times = |f: fn(&IncidentRecord) -> Timestamp| records.iter().map(f).collect::<Vec<_>>();
        let checks: Vec<&str> = records.iter().map(|r| r.incident.check.as_str()).collect();
        let severities: Vec<&str> = records.iter().map(|r| r.severity.as_str()).collect();
        let ranks: Vec<i16> = records.iter().map(|r| rank(r.severity)).collect();
        let states: Vec<&str> = records.iter().map(|r| r.incident.state.as_str()).collect();
        let causes: Vec<&str> = records.iter().map(|r| r.incident.cause.as_str()).collect();
        let plans: Vec<Option<String>> =
            records.iter().map(|r| r.incident.pending_plan.map(|plan| plan.to_string())).collect();
        let agent_refs: Vec<Option<Uuid>> =
            records.iter().map(|r| r.agent_ref.map(IncidentId::uuid)).collect();
        let recurrences: Vec<i32> =
            records.iter().map(|r| i32::try_from(r.incident.recurrences).unwrap_or(i32::MAX)).collect();
        let resolved_at: Vec<Option<Timestamp>> = records.iter().map(|r| r.resolved_at).collect();
        let opened_index: Vec<i64> = records.iter().map(|r| bigint(r.opened_index)).collect();
        let resolved_index: Vec<Option<i64>> = records.iter().map(|r| r.resolved_index.map(bigint)).collect();
        let steps: Vec<i32> = records.iter().map(|r| i32::try_from(r.steps).unwrap_or(i32::MAX)).collect();
        sqlx::query!(
            "INSERT INTO incident (org_id, id, site_id, asset_id, check_id, severity, severity_rank, state, cause,
                plan_digest, agent_ref, recurrences, opened_at, updated_at, last_failed_at, resolved_at, opened_index,
                resolved_index, steps)
             SELECT $1, * FROM UNNEST($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::smallint[],
                $8::text[], $9::text[], $10::text[], $11::uuid[], $12::int[], $13::timestamptz[], $14::timestamptz[],
                $15::timestamptz[], $16::timestamptz[], $17::bigint[], $18::bigint[], $19::int[])
             ON CONFLICT (org_id, id) DO UPDATE SET severity = EXCLUDED.severity,
                severity_rank = EXCLUDED.severity_rank, state = EXCLUDED.state, cause = EXCLUDED.cause,
                plan_digest = EXCLUDED.plan_digest, agent_ref = EXCLUDED.agent_ref,
                recurrences = EXCLUDED.recurrences, opened_at = EXCLUDED.opened_at, updated_at = EXCLUDED.updated_at,
                last_failed_at = EXCLUDED.last_failed_at, resolved_at = EXCLUDED.resolved_at,
                opened_index = EXCLUDED.opened_index, resolved_index = EXCLUDED.resolved_index,
                steps = EXCLUDED.steps",
            org.uuid(),
            &of(|r| r.incident.id.uuid()),
            &of(|r| r.incident.site.uuid()),
            &of(|r| r.incident.asset.uuid()),
            &checks as &[&str],
            &severities as &[&str],
            &ranks,
            &states as &[&str],
            &causes as &[&str],
            &plans as &[Option<String>],
            &agent_refs as &[Option<Uuid>],
            &recurrences,
            &times(|r| r.incident.opened_at),
            &times(|r| r.incident.changed_at),
            &times(|r| r.incident.last_failed_at),
            &resolved_at as &[Option<Timestamp>],
            &opened_index,
            &resolved_index as &[Option<i64>],
            &steps
        )
        .execute(self.query())
        .await
        .during("write incidents")
        .map(drop)
    }

    /// Records steps that incidents took.
    pub async fn append_transitions(&mut self, org: OrgId, rows: &[TransitionRow]) -> StoreResult<()> {
        let incidents: Vec<Uuid> = rows.iter().map(|r| r.incident.uuid()).collect();
        let steps: Vec<i32> = rows.iter().map(|r| i32::try_from(r.step).unwrap_or(i32::MAX)).collect();
        let at: Vec<Timestamp> = rows.iter().map(|r| r.transition.at).collect();
        let from: Vec<Option<&str>> = rows.iter().map(|r| r.transition.from.map(State::as_str)).collect();
        let to: Vec<&str> = rows.iter().map(|r| r.transition.to.as_str()).collect();
        let actors: Vec<String> = rows.iter().map(|r| r.transition.actor.to_string()).collect();
        let causes: Vec<&str> = rows.iter().map(|r| r.transition.cause.as_str()).collect();
        let indices: Vec<Option<i64>> = rows.iter().map(|r| r.entry_index.map(bigint)).collect();
        sqlx::query!(
            "INSERT INTO incident_transition (org_id, incident_id, step, at, from_state, to_state, actor, cause,
                entry_index)
             SELECT $1, * FROM UNNEST($2::uuid[], $3::int[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::bigint[])",
            org.uuid(),
            &incidents,
            &steps,
            &at,
            &from as &[Option<&str>],
            &to as &[&str],
            &actors,
            &causes as &[&str],
            &indices as &[Option<i64>]
        )
        .execute(self.query())
        .await
        .during("append transitions")
        .map(drop)
    }

    /// The newest steps of an incident, oldest of them first.
    pub async fn transitions(
        &mut self,
        org: OrgId,
        incident: IncidentId,
        limit: u16,
    ) -> StoreResult<Vec<TransitionRow>> {
        const OPERATION: &str = "list transitions";
        let rows = sqlx::query!(
            "SELECT step, at, from_state, to_state, actor, cause, entry_index FROM incident_transition
             WHERE org_id = $1 AND incident_id = $2 ORDER BY step DESC LIMIT $3",
            org.uuid(),
            incident.uuid(),
            i64::from(limit)
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        rows.into_iter()
            .rev()
            .map(|row| {
                let from = row.from_state.map(|state| state.parse()).transpose();
                Ok(TransitionRow {
                    incident,
                    step: stored(row.step.try_into(), OPERATION, "step")?,
                    transition: Transition {
                        from: stored(from, OPERATION, "incident state")?,
                        to: stored(row.to_state.parse(), OPERATION, "incident state")?,
                        actor: stored(row.actor.parse(), OPERATION, "actor")?,
                        cause: row.cause,
                        at: row.at,
                    },
                    entry_index: row
                        .entry_index
                        .map(|index| unsigned(index, OPERATION, "leaf index"))
                        .transpose()?,
                })
            })
            .collect()
    }
}

/// 1 for the least severe to 4.
pub(super) const fn rank(severity: Severity) -> i16 {
    match severity {
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

struct StoredIncident {
    id: Uuid,
    site_id: Uuid,
    asset_id: Uuid,
    check_id: String,
    severity: String,
    state: String,
    cause: String,
    plan_digest: Option<String>,
    agent_ref: Option<Uuid>,
    recurrences: i32,
    opened_at: Timestamp,
    updated_at: Timestamp,
    last_failed_at: Timestamp,
    resolved_at: Option<Timestamp>,
    opened_index: i64,
    resolved_index: Option<i64>,
    steps: i32,
}

impl StoredIncident {
    fn read(self, operation: &'static str) -> StoreResult<IncidentRecord> {
        let plan = self.plan_digest.map(|digest| digest.parse()).transpose();
        Ok(IncidentRecord {
            incident: Incident {
                id: IncidentId::from_uuid(self.id),
                site: SiteId::from_uuid(self.site_id),
                asset: AssetId::from_uuid(self.asset_id),
                check: self.check_id,
                state: stored(self.state.parse(), operation, "incident state")?,
                recurrences: stored(self.recurrences.try_into(), operation, "recurrences")?,
                opened_at: self.opened_at,
                last_failed_at: self.last_failed_at,
                changed_at: self.updated_at,
                cause: self.cause,
                pending_plan: stored(plan, operation, "plan digest")?,
            },
            severity: stored(self.severity.parse(), operation, "severity")?,
            agent_ref: self.agent_ref.map(IncidentId::from_uuid),
            resolved_at: self.resolved_at,
            opened_index: unsigned(self.opened_index, operation, "leaf index")?,
            resolved_index: self.resolved_index.map(|i| unsigned(i, operation, "leaf index")).transpose()?,
            steps: stored(self.steps.try_into(), operation, "steps")?,
        })
    }
}
