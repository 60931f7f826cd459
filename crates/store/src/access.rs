//! Restricted clients: who is let in by a grant, and who by an approved break-glass access.
//!
//! What a restricted client hides, row-level security decides; here is what it decides by.

use proofline_core::{BreakGlassId, Email, OrgId, Role, SiteId, Timestamp, UserId};
use uuid::Uuid;

use crate::error::{During, stored};
use crate::{Page, PageRequest, Scope, StoreResult};

/// A client as whoever decides about access to it needs it.
#[derive(Debug, Clone)]
pub struct Client {
    /// Which.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// Whether people above it need to be let in.
    pub restricted: bool,
    /// Whether the asking person sees it.
    pub seen: bool,
    /// Whether the asking person may change something in it.
    pub changeable: bool,
}

/// That somebody above a client is let in.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Who.
    pub user: UserId,
    /// Their name when they were let in.
    pub user_name: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub granted_by: UserId,
    /// Their name then.
    pub granted_by_name: String,
    /// When.
    pub granted_at: Timestamp,
    /// Until when; without an end where there is none.
    pub expires_at: Option<Timestamp>,
}

/// Reading access of somebody above a client for some hours, asked for and perhaps approved.
#[derive(Debug, Clone)]
pub struct BreakGlass {
    /// Which.
    pub id: BreakGlassId,
    /// To what.
    pub org: OrgId,
    /// What that is called.
    pub org_name: String,
    /// Who asked.
    pub user: UserId,
    /// Their name then.
    pub user_name: String,
    /// Why.
    pub reason: String,
    /// The ticket that it is done under.
    pub ticket: String,
    /// For how many hours, 1 to 4.
    pub hours: i32,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Who approved it.
    pub approved_by: Option<UserId>,
    /// Their name then.
    pub approved_by_name: Option<String>,
    /// Until when it holds, once approved.
    pub expires_at: Option<Timestamp>,
    /// When somebody ended it, or turned it down.
    pub ended_at: Option<Timestamp>,
}

/// Somebody who sees a restricted client, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Who.
    pub user: UserId,
    /// From when on.
    pub from: Timestamp,
    /// Until when; without an end where there is none.
    pub until: Option<Timestamp>,
}

struct StoredBreakGlass {
    id: Uuid,
    org_id: Uuid,
    org_name: String,
    user_id: Uuid,
    user_name: String,
    reason: String,
    ticket: String,
    hours: i32,
    requested_at: Timestamp,
    approved_by: Option<Uuid>,
    approved_by_name: Option<String>,
    expires_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl From<StoredBreakGlass> for BreakGlass {
    fn from(row: StoredBreakGlass) -> Self {
        Self {
            id: BreakGlassId::from_uuid(row.id),
            org: OrgId::from_uuid(row.org_id),
            org_name: row.org_name,
            user: UserId::from_uuid(row.user_id),
            user_name: row.user_name,
            reason: row.reason,
            ticket: row.ticket,
            hours: row.hours,
            requested_at: row.requested_at,
            approved_by: row.approved_by.map(UserId::from_uuid),
            approved_by_name: row.approved_by_name,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
        }
    }
}

impl Scope {
    /// A client within reach, hidden or not.
    pub async fn client(&mut self, org: OrgId) -> StoreResult<Client> {
        sqlx::query!(
            r#"SELECT name, restricted, org_id <> ALL (proofline_hidden(false)) AS "seen!",
                org_id <> ALL (proofline_hidden(true)) AS "changeable!"
             FROM organisation WHERE org_id = $1"#,
            org.uuid()
        )
        .map(|row| Client {
            org,
            name: row.name,
            restricted: row.restricted,
            seen: row.seen,
            changeable: row.changeable,
        })
        .fetch_one(self.query())
        .await
        .during("find client")
    }

    /// The same, locked until the scope ends: decisions about access to one client wait for one another.
    pub async fn lock_client(&mut self, org: OrgId) -> StoreResult<Client> {
        sqlx::query_scalar!(
            "SELECT org_id FROM organisation WHERE org_id = $1 FOR NO KEY UPDATE",
            org.uuid()
        )
        .fetch_one(self.query())
        .await
        .during("lock client")?;
        self.client(org).await
    }

    /// From here on this transaction sees what a restricted client hides, within the same part of the tenancy tree. Only for
    /// telling the client of what is decided about access to it, when nothing is left to decide.
    pub async fn see_restricted(&mut self) -> StoreResult<()> {
        sqlx::query!("SELECT set_config('app.unrestricted', 'on', true)")
            .fetch_one(self.query())
            .await
            .during("see restricted")
            .map(drop)
    }

    /// Where people of a practice who may sign in read their mail, and what they are there.
    pub async fn people_of_practice(&mut self, org: OrgId) -> StoreResult<Vec<(Email, Role)>> {
        const OPERATION: &str = "find people of a practice";
        let found = sqlx::query!(
            "SELECT email, role FROM person WHERE org_id = $1 AND disabled_at IS NULL ORDER BY id",
            org.uuid()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        found
            .into_iter()
            .map(|row| {
                let email = stored(row.email.parse(), OPERATION, "email")?;
                Ok((email, stored(row.role.parse(), OPERATION, "role")?))
            })
            .collect()
    }

    /// Where administrators of the installation who may sign in read their mail, within reach or not. For whom to write to, and
    /// never for an answer: it looks as signing in does, and sees what it saw before as soon as it is done.
    pub async fn administrators(&mut self) -> StoreResult<Vec<Email>> {
        const OPERATION: &str = "find administrators";
        sqlx::query!("SELECT set_config('app.sign_in', 'on', true)")
            .fetch_one(self.query())
            .await
            .during(OPERATION)?;
        let found = sqlx::query_scalar!(
            "SELECT email FROM person WHERE role = 'staff_admin' AND disabled_at IS NULL ORDER BY id"
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        sqlx::query!("SELECT set_config('app.sign_in', '', true)")
            .fetch_one(self.query())
            .await
            .during(OPERATION)?;
        found.into_iter().map(|email| stored(email.parse(), OPERATION, "email")).collect()
    }

    /// The sites of an organisation, always in the same order.
    pub async fn sites_of(&mut self, org: OrgId) -> StoreResult<Vec<SiteId>> {
        let ids = sqlx::query_scalar!("SELECT id FROM site WHERE org_id = $1 ORDER BY id", org.uuid())
            .fetch_all(self.query())
            .await
            .during("list sites of an organisation")?;
        Ok(ids.into_iter().map(SiteId::from_uuid).collect())
    }

    /// Restricts a client, or opens it to every role again.
    pub async fn set_restricted(&mut self, org: OrgId, restricted: bool) -> StoreResult<()> {
        sqlx::query!("UPDATE organisation SET restricted = $2 WHERE org_id = $1", org.uuid(), restricted)
            .execute(self.query())
            .await
            .during("restrict client")
            .map(drop)
    }

    /// The name of somebody of the installation or of the client's partner who may sign in, seen by the asking person or not.
    pub async fn person_above(&mut self, org: OrgId, user: UserId) -> StoreResult<Option<String>> {
        sqlx::query_scalar!("SELECT proofline_person_above($1, $2)", org.uuid(), user.uuid())
            .fetch_one(self.query())
            .await
            .during("find person above")
    }

    /// Lets somebody in, or lets them in anew.
    pub async fn put_grant(&mut self, org: OrgId, grant: &Grant) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO access_grant (org_id, user_id, user_name, reason, granted_by, granted_by_name, granted_at,
                expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (org_id, user_id) DO UPDATE SET user_name = excluded.user_name, reason = excluded.reason,
                granted_by = excluded.granted_by, granted_by_name = excluded.granted_by_name,
                granted_at = excluded.granted_at, expires_at = excluded.expires_at",
            org.uuid(),
            grant.user.uuid(),
            grant.user_name,
            grant.reason,
            grant.granted_by.uuid(),
            grant.granted_by_name,
            grant.granted_at,
            grant.expires_at
        )
        .execute(self.query())
        .await
        .during("grant access")
        .map(drop)
    }

    /// Takes a grant back and says whose it was by name; `None` where there is none.
    pub async fn delete_grant(&mut self, org: OrgId, user: UserId) -> StoreResult<Option<String>> {
        sqlx::query_scalar!(
            "DELETE FROM access_grant WHERE org_id = $1 AND user_id = $2 RETURNING user_name",
            org.uuid(),
            user.uuid()
        )
        .fetch_optional(self.query())
        .await
        .during("revoke access")
    }

    /// Grants of a client that hold at `at`, by name; at most 500.
    pub async fn grants(&mut self, org: OrgId, at: Timestamp) -> StoreResult<Vec<Grant>> {
        sqlx::query!(
            "SELECT user_id, user_name, reason, granted_by, granted_by_name, granted_at, expires_at FROM access_grant
             WHERE org_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY user_name, user_id LIMIT 500",
            org.uuid(),
            at
        )
        .map(|row| Grant {
            user: UserId::from_uuid(row.user_id),
            user_name: row.user_name,
            reason: row.reason,
            granted_by: UserId::from_uuid(row.granted_by),
            granted_by_name: row.granted_by_name,
            granted_at: row.granted_at,
            expires_at: row.expires_at,
        })
        .fetch_all(self.query())
        .await
        .during("list grants")
    }

    /// Asks for an access.
    pub async fn create_break_glass(&mut self, new: &BreakGlass) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO break_glass (org_id, id, user_id, user_name, reason, ticket, hours, requested_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            new.org.uuid(),
            new.id.uuid(),
            new.user.uuid(),
            new.user_name,
            new.reason,
            new.ticket,
            new.hours,
            new.requested_at
        )
        .execute(self.query())
        .await
        .during("request access")
        .map(drop)
    }

    /// A page of accesses within reach, newest first.
    pub async fn break_glasses(&mut self, page: &PageRequest<Uuid>) -> StoreResult<Page<BreakGlass>> {
        let rows = sqlx::query_as!(
            StoredBreakGlass,
            "SELECT b.id, b.org_id, o.name AS org_name, b.user_id, b.user_name, b.reason, b.ticket, b.hours,
                b.requested_at, b.approved_by, b.approved_by_name, b.expires_at, b.ended_at
             FROM break_glass b JOIN organisation o ON o.org_id = b.org_id
             WHERE $1::uuid IS NULL OR b.id < $1 ORDER BY b.id DESC LIMIT $2",
            page.after,
            page.fetch()
        )
        .fetch_all(self.query())
        .await
        .during("list break-glass accesses")?;
        let rows = rows.into_iter().map(BreakGlass::from).collect();
        Ok(page.page(rows, |row: &BreakGlass| row.id.uuid()))
    }

    /// Accesses to a client that nobody ended and that had not run out by `at`, newest first; at most 500. Requests that
    /// nobody decided on are among them.
    pub async fn open_break_glasses(&mut self, org: OrgId, at: Timestamp) -> StoreResult<Vec<BreakGlass>> {
        sqlx::query_as!(
            StoredBreakGlass,
            "SELECT b.id, b.org_id, o.name AS org_name, b.user_id, b.user_name, b.reason, b.ticket, b.hours,
                b.requested_at, b.approved_by, b.approved_by_name, b.expires_at, b.ended_at
             FROM break_glass b JOIN organisation o ON o.org_id = b.org_id
             WHERE b.org_id = $1 AND b.ended_at IS NULL AND (b.expires_at IS NULL OR b.expires_at > $2)
             ORDER BY b.id DESC LIMIT 500",
            org.uuid(),
            at
        )
        .fetch_all(self.query())
        .await
        .during("list open break-glass accesses")
        .map(|rows| rows.into_iter().map(BreakGlass::from).collect())
    }

    /// An access within reach, locked until the scope ends.
    pub async fn lock_break_glass(&mut self, id: BreakGlassId) -> StoreResult<BreakGlass> {
        sqlx::query_as!(
            StoredBreakGlass,
            "SELECT b.id, b.org_id, o.name AS org_name, b.user_id, b.user_name, b.reason, b.ticket, b.hours,
                b.requested_at, b.approved_by, b.approved_by_name, b.expires_at, b.ended_at
             FROM break_glass b JOIN organisation o ON o.org_id = b.org_id WHERE b.id = $1 FOR NO KEY UPDATE OF b",
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during("lock break-glass access")
        .map(BreakGlass::from)
    }

    /// Opens an access from `at` on for its hours, and says until when.
    pub async fn approve_break_glass(
        &mut self,
        id: BreakGlassId,
        (by, by_name): (UserId, &str),
        at: Timestamp,
    ) -> StoreResult<Option<Timestamp>> {
        sqlx::query_scalar!(
            "UPDATE break_glass SET approved_by = $2, approved_by_name = $3, approved_at = $4,
                expires_at = $4::timestamptz + hours * interval '1 hour' WHERE id = $1 RETURNING expires_at",
            id.uuid(),
            by.uuid(),
            by_name,
            at
        )
        .fetch_one(self.query())
        .await
        .during("approve break-glass access")
    }

    /// Ends an access, or a request for one.
    pub async fn end_break_glass(&mut self, id: BreakGlassId, at: Timestamp) -> StoreResult<()> {
        sqlx::query!("UPDATE break_glass SET ended_at = $2 WHERE id = $1", id.uuid(), at)
            .execute(self.query())
            .await
            .during("end break-glass access")
            .map(drop)
    }

    /// Every restricted client within reach, once for each person who is let in, and once without anybody.
    pub async fn openings(&mut self) -> StoreResult<Vec<(OrgId, Option<Opening>)>> {
        sqlx::query!(
            r#"SELECT o.org_id AS "org_id!", NULL::uuid AS user_id, NULL::timestamptz AS from_at,
                NULL::timestamptz AS until_at FROM organisation o WHERE o.restricted
             UNION ALL SELECT g.org_id, g.user_id, g.granted_at, g.expires_at
                FROM access_grant g JOIN organisation o ON o.org_id = g.org_id WHERE o.restricted
             UNION ALL SELECT b.org_id, b.user_id, b.approved_at, b.expires_at
                FROM break_glass b JOIN organisation o ON o.org_id = b.org_id
                WHERE o.restricted AND b.approved_at IS NOT NULL AND b.ended_at IS NULL"#
        )
        .map(|row| {
            let opening = row.user_id.zip(row.from_at).map(|(user, from)| Opening {
                user: UserId::from_uuid(user),
                from,
                until: row.until_at,
            });
            (OrgId::from_uuid(row.org_id), opening)
        })
        .fetch_all(self.query())
        .await
        .during("list openings")
    }
}
