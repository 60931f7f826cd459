//! The audit log: one row for each change, in the change's own transaction; refusals in rows of their own.

use chrono::{DateTime, Utc};
use proofline_authz::{Action, Principal, Reach};
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
    /// `person`, `token`, `appliance`, `system` or `anonymous`.
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
    /// The organisation concerned.
    pub org: Option<OrgId>,
    /// `person`, `token`, `appliance`, `system` or `anonymous`.
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
    /// Only actors in whose name or id this stands, whatever the case.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only actions that begin with this, whatever the case.
    pub actions: Option<String>,
    /// Only what came out so.
    pub outcome: Option<String>,
    /// Only what was done to something whose name begins with this.
    pub resource: Option<String>,
    /// Only what concerns this organisation.
    pub org: Option<OrgId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// Only where this stands in the actor's name, the resource, the action or the detail, whatever the case.
    pub search: Option<String>,
}

impl AuditFilter {
    /// The patterns of what is looked for in the actor, at the beginning of the action, and anywhere.
    fn patterns(&self) -> [Option<String>; 3] {
        let within = |text: &String| format!("%{}%", plain(text));
        let beginning = |text: &String| format!("{}%", plain(text));
        [
            self.actor.as_ref().map(within),
            self.actions.as_ref().map(beginning),
            self.search.as_ref().map(within),
        ]
    }
}

/// The text in a pattern: what a pattern gives a meaning to means itself.
fn plain(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// So many rows are looked at for one page of a search. No index finds a part of a word behind row-level security, so that
/// without an end, a search for what is rare would read the whole log.
const LOOKED_AT: i64 = 20_000;

/// A page's key: when, and which.
type Key = (DateTime<Utc>, Uuid);

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

/// The part of the tenancy tree that a scope reaches, as columns of the log have it.
fn narrowed(reach: Reach) -> (Option<Uuid>, Option<Uuid>) {
    match reach {
        Reach::Platform => (None, None),
        Reach::Partner(partner) => (Some(partner.uuid()), None),
        Reach::Organisation(org) | Reach::Site(org, _) => (None, Some(org.uuid())),
    }
}

impl Scope {
    /// A page of the audit log, newest first.
    ///
    /// Row-level security decides what is seen; what is asked says the same once more in a form that an index serves. A
    /// page of a search may be short, or empty, and still not be the last.
    pub async fn audit_entries(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest<Key>,
    ) -> StoreResult<Page<AuditEntry>> {
        const OPERATION: &str = "list audit entries";
        // A filter that is not given has to be gone before the plan is made.
        sqlx::query!("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
            .fetch_one(self.query())
            .await
            .during(OPERATION)?;
        let (after_at, after_id) = page.after.unzip();
        let (partner, org) = narrowed(self.reach());
        let patterns = filter.patterns();
        let looked_at =
            if patterns.iter().any(Option::is_some) { LOOKED_AT.max(page.fetch()) } else { page.fetch() };
        let [actor, actions, anywhere] = patterns;
        let rows = sqlx::query!(
            r#"SELECT id AS "id!", at AS "at!", org_id, actor_kind AS "actor_kind!", actor_id AS "actor_id!",
                actor_name AS "actor_name!", action AS "action!", resource AS "resource!", outcome AS "outcome!",
                request_id AS "request_id!", detail AS "detail!", is_found AS "is_found!", place AS "place!"
             FROM (SELECT scanned.*, row_number() OVER (ORDER BY at DESC, id DESC) AS place,
                    ($12::text IS NULL OR actor_name ILIKE $12 OR resource ILIKE $12 OR action ILIKE $12
                        OR detail::text ILIKE $12)
                    AND ($15::text IS NULL OR actor_name ILIKE $15 OR actor_id ILIKE $15)
                    AND ($16::text IS NULL OR action ILIKE $16) AS is_found
                FROM (SELECT id, at, org_id, actor_kind, actor_id, actor_name, action, resource, outcome, request_id,
                        detail
                    FROM audit_entry
                    WHERE ($1::uuid IS NULL OR under_partner = $1) AND ($2::uuid IS NULL OR org_id = $2)
                      AND ($3::uuid IS NULL OR org_id = $3)
                      AND ($4::text IS NULL OR actor_id = $4) AND ($5::text IS NULL OR action = $5)
                      AND ($6::text IS NULL OR outcome = $6)
                      AND ($7::text IS NULL OR resource COLLATE "C" ^@ $7)
                      AND ($8::timestamptz IS NULL OR at >= $8) AND ($9::timestamptz IS NULL OR at <= $9)
                      AND ($10::timestamptz IS NULL OR (at, id) < ($10, $11::uuid))
                    ORDER BY at DESC, id DESC LIMIT $13) AS scanned) AS looked_at
             WHERE is_found OR place = $13 ORDER BY at DESC, id DESC LIMIT $14"#,
            partner,
            org,
            filter.org.map(OrgId::uuid),
            filter.actor_id,
            filter.action,
            filter.outcome,
            filter.resource,
            filter.from,
            filter.to,
            after_at,
            after_id,
            anywhere,
            looked_at,
            page.fetch(),
            actor,
            actions,
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        // Where the look ended before the log did, the next page goes on from there.
        let end = rows.last().filter(|row| row.place == looked_at).map(|row| (row.at, row.id));
        let found = rows.into_iter().filter(|row| row.is_found).map(|row| AuditEntry {
            id: row.id,
            at: row.at,
            org: row.org_id.map(OrgId::from_uuid),
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            action: row.action,
            resource: row.resource,
            outcome: row.outcome,
            request_id: row.request_id,
            detail: row.detail,
        });
        let mut found = page.page(found.collect(), |row| (row.at, row.id));
        if found.next.is_none() {
            found.next = end.and_then(|key| PageRequest::cursor(&key));
        }
        Ok(found)
    }
}
