//! Signed instructions for one appliance each.

use proofline_core::{ApplianceId, IncidentId, OrderId, OrgId, SiteId, Timestamp};
use uuid::Uuid;

use crate::error::{During, stored};
use crate::{Page, PageRequest, Scope, StoreResult};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    /// Not reported back yet.
    Pending,
    /// Carried out.
    Done,
    /// Tried, and failed.
    Failed,
    /// The agent would not: it said why.
    Refused,
    /// Its time ran out first.
    Expired,
}

impl OrderState {
    /// The spelling in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

impl std::str::FromStr for OrderState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Pending, Self::Done, Self::Failed, Self::Refused, Self::Expired]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or(())
    }
}

/// An order about to be issued.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Which.
    pub id: OrderId,
    /// Whose.
    pub org: OrgId,
    /// Where.
    pub site: SiteId,
    /// For which appliance.
    pub appliance: ApplianceId,
    /// The incident that it is about, if any.
    pub incident: Option<IncidentId>,
    /// `run_checks` or `approve_plan`.
    pub kind: &'static str,
    /// The signed envelope, as the agent gets it.
    pub envelope: String,
    /// Who issued it.
    pub created_by: String,
    /// When.
    pub issued_at: Timestamp,
    /// Until when the agent accepts it.
    pub expires_at: Timestamp,
}

/// What became of an order.
#[derive(Debug, Clone)]
pub struct FinishedOrder {
    /// Which.
    pub order: OrderId,
    /// How it ended; not pending.
    pub state: OrderState,
    /// What the agent said.
    pub outcome: String,
}

/// An order as listed.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which.
    pub id: OrderId,
    /// For which appliance.
    pub appliance: ApplianceId,
    /// The incident that it is about, if any.
    pub incident: Option<IncidentId>,
    /// `run_checks` or `approve_plan`.
    pub kind: String,
    /// The signed envelope.
    pub envelope: String,
    /// Who issued it.
    pub created_by: String,
    /// When.
    pub issued_at: Timestamp,
    /// Until when the agent accepts it.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: OrderState,
    /// When that was decided.
    pub finished_at: Option<Timestamp>,
    /// What the agent said.
    pub outcome: Option<String>,
}

impl Scope {
    /// Issues an order.
    pub async fn create_order(&mut self, order: &NewOrder) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO appliance_order (org_id, id, site_id, appliance_id, incident_id, kind, envelope, created_by,
                issued_at, expires_at, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending')",
            order.org.uuid(),
            order.id.uuid(),
            order.site.uuid(),
            order.appliance.uuid(),
            order.incident.map(IncidentId::uuid),
            order.kind,
            order.envelope,
            order.created_by,
            order.issued_at,
            order.expires_at
        )
        .execute(self.query())
        .await
        .during("create order")
        .map(drop)
    }

    /// Every order that some appliance still has to carry out, with the appliance it is for.
    pub async fn pending_orders(
        &mut self,
        at: Timestamp,
        limit: i64,
    ) -> StoreResult<Vec<(ApplianceId, OrderId, String)>> {
        sqlx::query!(
            "SELECT appliance_id, id, envelope FROM appliance_order
             WHERE state = 'pending' AND expires_at > $1 ORDER BY id LIMIT $2",
            at,
            limit
        )
        .map(|row| (ApplianceId::from_uuid(row.appliance_id), OrderId::from_uuid(row.id), row.envelope))
        .fetch_all(self.query())
        .await
        .during("list pending orders")
    }

    /// Whether an order about this incident is on its way.
    pub async fn has_pending_order(
        &mut self,
        org: OrgId,
        incident: IncidentId,
        at: Timestamp,
    ) -> StoreResult<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM appliance_order
                WHERE org_id = $1 AND incident_id = $2 AND state = 'pending' AND expires_at > $3) AS "exists!""#,
            org.uuid(),
            incident.uuid(),
            at
        )
        .fetch_one(self.query())
        .await
        .during("find pending order")
    }

    /// Writes what an appliance reported of its own orders, and answers which of them were pending until now.
    pub async fn finish_orders(
        &mut self,
        org: OrgId,
        appliance: ApplianceId,
        finished: &[FinishedOrder],
        at: Timestamp,
    ) -> StoreResult<Vec<OrderId>> {
        let ids: Vec<Uuid> = finished.iter().map(|f| f.order.uuid()).collect();
        let states: Vec<&str> = finished.iter().map(|f| f.state.as_str()).collect();
        let outcomes: Vec<&str> = finished.iter().map(|f| f.outcome.as_str()).collect();
        sqlx::query_scalar!(
            "UPDATE appliance_order o SET state = said.state, finished_at = $3, outcome = said.outcome
             FROM UNNEST($4::uuid[], $5::text[], $6::text[]) AS said (id, state, outcome)
             WHERE o.org_id = $1 AND o.appliance_id = $2 AND o.id = said.id AND o.state = 'pending' RETURNING o.id",
            org.uuid(),
            appliance.uuid(),
            at,
            &ids,
            &states as &[&str],
            &outcomes as &[&str]
        )
        .fetch_all(self.query())
        .await
        .during("finish orders")
        .map(|ids| ids.into_iter().map(OrderId::from_uuid).collect())
    }

    /// Expires what nobody carried out in time; returns how many.
    pub async fn expire_orders(&mut self, at: Timestamp) -> StoreResult<u64> {
        let expired = sqlx::query!(
            "UPDATE appliance_order SET state = 'expired', finished_at = $1, outcome = 'not carried out in time'
             WHERE state = 'pending' AND expires_at <= $1",
            at
        )
        .execute(self.query())
        .await
        .during("expire orders")?;
        Ok(expired.rows_affected())
    }

    /// A page of orders, newest first, of one site or of all within reach.
    pub async fn orders(
        &mut self,
        site: Option<SiteId>,
        page: &PageRequest<Uuid>,
    ) -> StoreResult<Page<Order>> {
        const OPERATION: &str = "list orders";
        let rows = sqlx::query!(
            "SELECT id, appliance_id, incident_id, kind, envelope, created_by, issued_at, expires_at, state, finished_at,
                outcome FROM appliance_order
             WHERE ($1::uuid IS NULL OR site_id = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
            site.map(SiteId::uuid),
            page.after,
            page.fetch()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        let rows = rows
            .into_iter()
            .map(|row| {
                Ok(Order {
                    id: OrderId::from_uuid(row.id),
                    appliance: ApplianceId::from_uuid(row.appliance_id),
                    incident: row.incident_id.map(IncidentId::from_uuid),
                    kind: row.kind,
                    envelope: row.envelope,
                    created_by: row.created_by,
                    issued_at: row.issued_at,
                    expires_at: row.expires_at,
                    state: stored(row.state.parse(), OPERATION, "order state")?,
                    finished_at: row.finished_at,
                    outcome: row.outcome,
                })
            })
            .collect::<StoreResult<Vec<_>>>()?;
        Ok(page.page(rows, |o| o.id.uuid()))
    }
}
