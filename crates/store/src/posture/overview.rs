//! The fleet in a few numbers.

use proofline_core::{ApplianceId, SiteId, Timestamp};

use crate::error::During;
use crate::number::count;
use crate::{Scope, StoreResult};

/// How many of each thing there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FleetCounts {
    /// Clinics.
    pub organisations: u64,
    /// Their sites.
    pub sites: u64,
    /// Appliances seen at or after the first of the two instants.
    pub online: u64,
    /// Seen before the first and at or after the second.
    pub stale: u64,
    /// Last seen before both.
    pub offline: u64,
    /// Never seen.
    pub pending: u64,
    /// Assets in use.
    pub assets: u64,
    /// Incidents that someone or something must act on.
    pub open_incidents: u64,
    /// Incidents resolved in the last 24 hours.
    pub resolved_24h: u64,
    /// Sites with assets of which nothing is known.
    pub unmeasured: u64,
    /// Sites with a live incident, with an appliance that is offline, or of which nothing is known.
    pub needy_sites: u64,
}

/// Controls over all sites: how many in each state, and what they weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FleetPosture {
    /// Fresh passes.
    pub pass: u64,
    /// Fails.
    pub fail: u64,
    /// Not measured.
    pub not_assessed: u64,
    /// Measured too long ago.
    pub stale: u64,
    /// Without a meaning where they stand.
    pub not_applicable: u64,
    /// Weights of the passing ones, summed.
    pub passing_weight: u64,
    /// Weights of all that apply, summed.
    pub applicable_weight: u64,
}

/// What healing did in the last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealingCounts {
    /// Resolved by rules.
    pub l1_resolved: u64,
    /// Rules ran, and the check still did not pass.
    pub l1_not_effective: u64,
    /// Handed to people.
    pub escalated: u64,
    /// Waiting for a person's agreement right now.
    pub awaiting_approval: u64,
}

/// An appliance that has not been seen for too long.
#[derive(Debug, Clone)]
pub struct OfflineAppliance {
    /// Which.
    pub id: ApplianceId,
    /// What it calls itself.
    pub hostname: String,
    /// Where.
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// The organisation's name.
    pub org_name: String,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
}

/// A site with assets of which nothing is known.
#[derive(Debug, Clone)]
pub struct UnmeasuredSite {
    /// Which.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// The organisation's name.
    pub org_name: String,
    /// How many assets it has.
    pub assets: i32,
    /// Since when its posture says so.
    pub since: Timestamp,
}

impl Scope {
    /// Counts what is within reach; assets and live incidents as the row of each site says. `online_from` and `stale_from` are
    /// the oldest check-ins that still count as such.
    pub async fn fleet_counts(
        &mut self,
        online_from: Timestamp,
        stale_from: Timestamp,
        resolved_from: Timestamp,
    ) -> StoreResult<FleetCounts> {
        sqlx::query!(
            r#"SELECT (SELECT count(*) FROM organisation) AS "organisations!", (SELECT count(*) FROM site) AS "sites!",
                known.assets AS "assets!", known.open_incidents AS "open_incidents!",
                (SELECT count(*) FROM incident WHERE resolved_at >= $3 AND state = 'resolved') AS "resolved!",
                seen.online AS "online!", seen.stale AS "stale!", seen.offline AS "offline!", seen.pending AS "pending!",
                known.unmeasured AS "unmeasured!", known.needy AS "needy!"
             FROM (SELECT coalesce(sum(p.assets), 0) AS assets, coalesce(sum(p.open_incidents), 0) AS open_incidents,
                    count(*) FILTER (WHERE m.is_unmeasured) AS unmeasured,
                    count(*) FILTER (WHERE m.is_unmeasured OR p.open_incidents > 0 OR lost.site_id IS NOT NULL) AS needy
                FROM site_posture p
                CROSS JOIN LATERAL (SELECT p.assets > 0 AND p.not_assessed + p.stale > 0 AND p.pass + p.fail = 0
                    AS is_unmeasured) m
                LEFT JOIN (SELECT DISTINCT a.org_id, a.site_id FROM appliance a JOIN appliance_presence v
                        ON v.org_id = a.org_id AND v.appliance_id = a.id
                        WHERE a.revoked_at IS NULL AND v.last_seen_at < $2) lost
                    ON lost.org_id = p.org_id AND lost.site_id = p.site_id) known
             CROSS JOIN (SELECT count(*) FILTER (WHERE v.last_seen_at >= $1) AS online,
                    count(*) FILTER (WHERE v.last_seen_at < $1 AND v.last_seen_at >= $2) AS stale,
                    count(*) FILTER (WHERE v.last_seen_at < $2) AS offline,
                    count(*) FILTER (WHERE v.last_seen_at IS NULL) AS pending
                FROM appliance a LEFT JOIN appliance_presence v ON v.org_id = a.org_id AND v.appliance_id = a.id
                WHERE a.revoked_at IS NULL) seen"#,
            online_from,
            stale_from,
            resolved_from
        )
        .map(|row| FleetCounts {
            organisations: count(row.organisations),
            sites: count(row.sites),
            online: count(row.online),
            stale: count(row.stale),
            offline: count(row.offline),
            pending: count(row.pending),
            assets: count(row.assets),
            open_incidents: count(row.open_incidents),
            resolved_24h: count(row.resolved),
            unmeasured: count(row.unmeasured),
            needy_sites: count(row.needy),
        })
        .fetch_one(self.query())
        .await
        .during("count fleet")
    }

    /// Controls over all sites within reach. In rows that no longer hold at `now`, what was assessed counts as stale.
    pub async fn fleet_posture(&mut self, now: Timestamp) -> StoreResult<FleetPosture> {
        sqlx::query!(
            r#"SELECT coalesce(sum(pass) FILTER (WHERE valid_until > $1), 0) AS "pass!",
                coalesce(sum(fail) FILTER (WHERE valid_until > $1), 0) AS "fail!",
                coalesce(sum(not_assessed), 0) AS "not_assessed!",
                coalesce(sum(stale), 0)
                    + coalesce(sum(pass + fail) FILTER (WHERE valid_until <= $1), 0) AS "stale!",
                coalesce(sum(not_applicable), 0) AS "not_applicable!",
                coalesce(sum(passing_weight) FILTER (WHERE valid_until > $1), 0) AS "passing_weight!",
                coalesce(sum(applicable_weight), 0) AS "applicable_weight!"
             FROM site_posture"#,
            now
        )
        .map(|row| FleetPosture {
            pass: count(row.pass),
            fail: count(row.fail),
            not_assessed: count(row.not_assessed),
            stale: count(row.stale),
            not_applicable: count(row.not_applicable),
            passing_weight: count(row.passing_weight),
            applicable_weight: count(row.applicable_weight),
        })
        .fetch_one(self.query())
        .await
        .during("sum fleet posture")
    }

    /// What healing did since `from`.
    pub async fn healing_counts(&mut self, from: Timestamp) -> StoreResult<HealingCounts> {
        sqlx::query!(
            r#"SELECT count(*) FILTER (WHERE to_state = 'resolved' AND actor = 'l1') AS "resolved!",
                count(*) FILTER (WHERE from_state = 'verifying' AND to_state = 'open' AND actor = 'l1')
                    AS "not_effective!",
                count(*) FILTER (WHERE to_state = 'escalated') AS "escalated!",
                (SELECT count(*) FROM incident WHERE state = 'awaiting_approval') AS "awaiting!"
             FROM incident_transition WHERE at >= $1"#,
            from
        )
        .map(|row| HealingCounts {
            l1_resolved: count(row.resolved),
            l1_not_effective: count(row.not_effective),
            escalated: count(row.escalated),
            awaiting_approval: count(row.awaiting),
        })
        .fetch_one(self.query())
        .await
        .during("count healing")
    }

    /// Appliances last seen before `before`, the latest losses first.
    pub async fn offline_appliances(
        &mut self,
        before: Timestamp,
        limit: i64,
    ) -> StoreResult<Vec<OfflineAppliance>> {
        sqlx::query!(
            "SELECT a.id, a.hostname, a.site_id, s.name AS site_name, o.name AS org_name, v.last_seen_at
             FROM appliance_presence v JOIN appliance a ON a.org_id = v.org_id AND a.id = v.appliance_id
             JOIN site s ON s.org_id = a.org_id AND s.id = a.site_id JOIN organisation o ON o.org_id = a.org_id
             WHERE v.last_seen_at < $1 AND a.revoked_at IS NULL ORDER BY v.last_seen_at DESC LIMIT $2",
            before,
            limit
        )
        .map(|row| OfflineAppliance {
            id: ApplianceId::from_uuid(row.id),
            hostname: row.hostname,
            site: SiteId::from_uuid(row.site_id),
            site_name: row.site_name,
            org_name: row.org_name,
            last_seen_at: row.last_seen_at,
        })
        .fetch_all(self.query())
        .await
        .during("list offline appliances")
    }

    /// Sites with assets of which no control is assessed.
    pub async fn unmeasured_sites(&mut self, limit: i64) -> StoreResult<Vec<UnmeasuredSite>> {
        sqlx::query!(
            "SELECT p.site_id, s.name, o.name AS org_name, p.assets, p.computed_at
             FROM site_posture p JOIN site s ON s.org_id = p.org_id AND s.id = p.site_id
             JOIN organisation o ON o.org_id = p.org_id
             WHERE p.assets > 0 AND p.not_assessed + p.stale > 0 AND p.pass + p.fail = 0
             ORDER BY p.risk DESC, p.site_id DESC LIMIT $1",
            limit
        )
        .map(|row| UnmeasuredSite {
            site: SiteId::from_uuid(row.site_id),
            name: row.name,
            org_name: row.org_name,
            assets: row.assets,
            since: row.computed_at,
        })
        .fetch_all(self.query())
        .await
        .during("list unmeasured sites")
    }
}
