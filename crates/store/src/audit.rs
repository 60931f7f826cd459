//! The audit log: one row for each change, in the change's own transaction; refusals in rows of their own.

use chrono::{DateTime, Utc};
use proofline_authz::{Action, Principal};
use proofline_core::{OrgId, PartnerId, Timestamp};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::During;
use crate::{Page, PageRequest, Scope, StoreResult};

/// What a change leaves in the audit log beside who made it and what it was.
#[derive(Debug, Clone)]
pub struct AuditNote {
    /// Id of the row, time-ordered.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// The organisation concerned, where there is one; else the actor's own, if they belong to one.
    pub org: Option<OrgId>,
    /// The thing that was changed, by its prefixed id.
    pub resource: String,
    /// The request that did it.
    pub request_id: String,
    /// What changed, without personal data or secrets.
    pub detail: Value,
}

/// A request that was refused.
#[derive(Debug, Clone)]
pub struct DeniedNote {
    /// Id of the row, time-ordered.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// `person`, `appliance`, `system` or `anonymous`.
    pub actor_kind: &'static str,
    /// The actor's id, or what is known of it.
    pub actor_id: String,
    /// The actor's name at the time.
    pub actor_name: String,
    /// What was asked.
    pub action: String,
    /// Of what.
    pub resource: String,
    /// The request.
    pub request_id: String,
    /// The reason code.
    pub detail: Value,
    /// The organisation of who asked, whose people see the row.
    pub org: Option<OrgId>,
    /// The partner of who asked, whose people see the row.
    pub partner: Option<PartnerId>,
}

/// A row of the audit log.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Id of the row.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// `person`, `appliance`, `system` or `anonymous`.
    pub actor_kind: String,
    /// The actor's id.
    pub actor_id: String,
    /// The actor's name at the time; kept when the person is gone.
    pub actor_name: String,
    /// The action, as the policy spells it.
    pub action: String,
    /// The thing acted on.
    pub resource: String,
    /// `done`, `denied` or `failed`.
    pub outcome: String,
    /// The request.
    pub request_id: String,
    /// What changed or why not.
    pub detail: Value,
}

/// Narrows the audit log.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only this actor.
    pub actor_id: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
}

pub(crate) async fn append(
    connection: &mut PgConnection,
    principal: &Principal,
    action: Action,
    note: AuditNote,
) -> StoreResult<()> {
    sqlx::query!(
        "INSERT INTO audit_entry (id, at, org_id, partner_id, actor_kind, actor_id, actor_name, action, resource,
            outcome, request_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'done', $10, $11)",
        note.id,
        note.at,
        note.org.or(principal.org()).map(OrgId::uuid),
        principal.partner().map(PartnerId::uuid),
        principal.kind(),
        principal.id(),
        principal.name(),
        action.as_str(),
        note.resource,
        note.request_id,
        note.detail,
    )
    .execute(connection)
    .await
    .during("append audit entry")
    .map(drop)
}

pub(crate) async fn append_denied(connection: &mut PgConnection, note: &DeniedNote) -> StoreResult<()> {
    sqlx::query!(
        "INSERT INTO audit_entry (id, at, org_id, partner_id, actor_kind, actor_id, actor_name, action, resource,
            outcome, request_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'denied', $10, $11)",
        note.id,
        note.at,
        note.org.map(OrgId::uuid),
        note.partner.map(PartnerId::uuid),
        note.actor_kind,
        note.actor_id,
        note.actor_name,
        note.action,
        note.resource,
        note.request_id,
        note.detail,
    )
    .execute(connection)
    .await
    .during("append denial")
    .map(drop)
}

impl Scope {
    /// A page of the audit log, newest first.
    pub async fn audit_entries(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest<(DateTime<Utc>, Uuid)>,
    ) -> StoreResult<Page<AuditEntry>> {
        let (after_at, after_id) = page.after.unzip();
        let rows = sqlx::query_as!(
            AuditEntry,
            "SELECT id, at, actor_kind, actor_id, actor_name, action, resource, outcome, request_id, detail
             FROM audit_entry
             WHERE ($1::text IS NULL OR actor_id = $1) AND ($2::text IS NULL OR action = $2)
               AND ($3::timestamptz IS NULL OR at >= $3) AND ($4::timestamptz IS NULL OR at <= $4)
               AND ($5::timestamptz IS NULL OR (at, id) < ($5, $6::uuid))
             ORDER BY at DESC, id DESC LIMIT $7",
            filter.actor_id,
            filter.action,
            filter.from,
            filter.to,
            after_at,
            after_id,
            page.fetch(),
        )
        .fetch_all(self.query())
        .await
        .during("list audit entries")?;
        Ok(page.page(rows, |row| (row.at, row.id)))
    }
}
