//! People as those who manage them see them.

use std::collections::HashMap;

use proofline_authz::Managed;
use proofline_core::{Membership, OrgId, PartnerId, Role, SessionId, Timestamp, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::During;
use crate::sign_in::membership;
use crate::{NewPerson, Page, PageRequest, Scope, SignIn, StoreError, StoreResult};

/// A person as listed.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// Who.
    pub id: UserId,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Their role, and in what.
    pub membership: Membership,
    /// What the partner or the practice is called.
    pub place_name: Option<String>,
    /// When they became a person.
    pub created_at: Timestamp,
    /// When they last signed in or, in a session that still goes on, did something.
    pub last_seen_at: Option<Timestamp>,
    /// Set while they may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// Why.
    pub disabled_reason: Option<String>,
    /// Whether an authenticator app is set up.
    pub totp: bool,
    /// Whether a passkey is.
    pub passkey: bool,
}

/// Narrows a list of people.
#[derive(Debug, Clone, Default)]
pub struct PersonFilter {
    /// Only whose name or address holds this text, in whatever case.
    pub search: Option<String>,
    /// Only of this role.
    pub role: Option<Role>,
    /// Only suspended ones, or only others.
    pub disabled: Option<bool>,
}

/// A person about to be managed, locked.
#[derive(Debug, Clone)]
pub struct LockedPerson {
    /// Who, what and where.
    pub managed: Managed,
    /// Their name.
    pub name: String,
    /// Set while they may not sign in.
    pub disabled_at: Option<Timestamp>,
}

/// Whom a change of one person by another concerns, locked until the scope ends.
#[derive(Debug, Clone)]
pub struct LockedPeople {
    /// Who decides, if they still may sign in, and what they are now.
    pub manager: Option<Membership>,
    /// Over whom.
    pub person: LockedPerson,
    /// How many administrators of the installation there are who may sign in, as far as the scope sees them.
    pub active_admins: usize,
}

struct StoredPerson {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    partner_id: Option<Uuid>,
    org_id: Option<Uuid>,
    place_name: Option<String>,
    created_at: Timestamp,
    last_seen_at: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
    disabled_reason: Option<String>,
    totp: bool,
    passkey: bool,
}

impl StoredPerson {
    fn read(self, operation: &'static str) -> StoreResult<PersonRow> {
        Ok(PersonRow {
            id: UserId::from_uuid(self.id),
            email: self.email,
            name: self.name,
            membership: membership(&self.role, self.partner_id, self.org_id, operation)?,
            place_name: self.place_name,
            created_at: self.created_at,
            last_seen_at: self.last_seen_at,
            disabled_at: self.disabled_at,
            disabled_reason: self.disabled_reason,
            totp: self.totp,
            passkey: self.passkey,
        })
    }
}

impl Scope {
    /// A page of people by name.
    pub async fn people(
        &mut self,
        filter: &PersonFilter,
        page: &PageRequest<(String, Uuid)>,
    ) -> StoreResult<Page<PersonRow>> {
        const OPERATION: &str = "list people";
        let (name, id) = page.after.clone().unzip();
        let rows = sqlx::query_as!(
            StoredPerson,
            r#"SELECT p.id, p.email, p.name, p.role, p.partner_id, p.org_id, p.created_at, p.disabled_at,
                p.disabled_reason, coalesce(t.name, o.name) AS "place_name?",
                greatest(p.last_seen_at, (SELECT max(s.last_active_at) FROM session s
                    WHERE s.user_id = p.id AND s.ended_at IS NULL)) AS "last_seen_at?",
                EXISTS (SELECT FROM totp_factor f WHERE f.user_id = p.id AND f.confirmed_at IS NOT NULL) AS "totp!",
                EXISTS (SELECT FROM passkey k WHERE k.user_id = p.id) AS "passkey!"
             FROM person p LEFT JOIN partner t ON t.id = p.partner_id LEFT JOIN organisation o ON o.org_id = p.org_id
             WHERE ($1::text IS NULL OR strpos(lower(p.name), lower($1)) > 0 OR strpos(p.email, lower($1)) > 0)
               AND ($2::text IS NULL OR p.role = $2)
               AND ($3::boolean IS NULL OR (p.disabled_at IS NOT NULL) = $3)
               AND ($4::text IS NULL OR (p.name, p.id) > ($4, $5::uuid))
             ORDER BY p.name, p.id LIMIT $6"#,
            filter.search,
            filter.role.map(Role::as_str),
            filter.disabled,
            name,
            id,
            page.fetch()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        let rows = rows.into_iter().map(|row| row.read(OPERATION)).collect::<StoreResult<Vec<_>>>()?;
        Ok(page.page(rows, |row| (row.name.clone(), row.id.uuid())))
    }

    /// A person within reach.
    pub async fn person(&mut self, id: UserId) -> StoreResult<PersonRow> {
        const OPERATION: &str = "find person";
        sqlx::query_as!(
            StoredPerson,
            r#"SELECT p.id, p.email, p.name, p.role, p.partner_id, p.org_id, p.created_at, p.disabled_at,
                p.disabled_reason, coalesce(t.name, o.name) AS "place_name?",
                greatest(p.last_seen_at, (SELECT max(s.last_active_at) FROM session s
                    WHERE s.user_id = p.id AND s.ended_at IS NULL)) AS "last_seen_at?",
                EXISTS (SELECT FROM totp_factor f WHERE f.user_id = p.id AND f.confirmed_at IS NOT NULL) AS "totp!",
                EXISTS (SELECT FROM passkey k WHERE k.user_id = p.id) AS "passkey!"
             FROM person p LEFT JOIN partner t ON t.id = p.partner_id LEFT JOIN organisation o ON o.org_id = p.org_id
             WHERE p.id = $1"#,
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?
        .read(OPERATION)
    }

    /// The names of those of these people that are within reach.
    pub async fn person_names(&mut self, ids: &[UserId]) -> StoreResult<HashMap<UserId, String>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        sqlx::query!("SELECT id, name FROM person WHERE id = ANY ($1)", &ids)
            .map(|row| (UserId::from_uuid(row.id), row.name))
            .fetch_all(self.query())
            .await
            .during("name people")
            .map(|rows| rows.into_iter().collect())
    }

    /// Locks whom a change of `person` by `manager` concerns, the installation's administrators among them: of two changes
    /// at once the second sees what the first made of them. In the order of ids, so that none waits for another in a ring.
    pub async fn lock_people(&mut self, manager: UserId, person: UserId) -> StoreResult<LockedPeople> {
        const OPERATION: &str = "lock person";
        let ids = [manager.uuid(), person.uuid()];
        let rows = sqlx::query!(
            r#"SELECT p.id, p.name, p.role, p.partner_id, p.org_id, p.disabled_at,
                (SELECT o.partner_id FROM organisation o WHERE o.org_id = p.org_id) AS "practice_of?"
             FROM person p WHERE p.id = ANY($1) OR (p.role = 'staff_admin' AND p.disabled_at IS NULL)
             ORDER BY p.id FOR NO KEY UPDATE OF p"#,
            &ids
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        let (mut deciding, mut found, mut active_admins) = (None, None, 0);
        for row in rows {
            let membership = membership(&row.role, row.partner_id, row.org_id, OPERATION)?;
            let active = row.disabled_at.is_none();
            active_admins += usize::from(active && membership.role() == Role::StaffAdmin);
            if row.id == manager.uuid() && active {
                deciding = Some(membership);
            }
            if row.id == person.uuid() {
                let practice_of = row.practice_of.map(PartnerId::from_uuid);
                let managed = Managed { id: person, membership, practice_of };
                found = Some(LockedPerson { managed, name: row.name, disabled_at: row.disabled_at });
            }
        }
        let person = found.ok_or(StoreError::NotFound(OPERATION))?;
        Ok(LockedPeople { manager: deciding, person, active_admins })
    }

    /// Gives a person another role in the place where they are.
    pub async fn set_role(&mut self, id: UserId, role: Role) -> StoreResult<()> {
        sqlx::query!("UPDATE person SET role = $2 WHERE id = $1", id.uuid(), role.as_str())
            .execute(self.query())
            .await
            .during("set role")
            .map(drop)
    }

    /// Keeps a person from signing in.
    pub async fn suspend(&mut self, id: UserId, reason: &str, at: Timestamp) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE person SET disabled_at = $2, disabled_reason = $3 WHERE id = $1",
            id.uuid(),
            at,
            reason
        )
        .execute(self.query())
        .await
        .during("suspend person")
        .map(drop)
    }

    /// Lets them sign in again.
    pub async fn restore(&mut self, id: UserId) -> StoreResult<()> {
        sqlx::query!("UPDATE person SET disabled_at = NULL, disabled_reason = NULL WHERE id = $1", id.uuid())
            .execute(self.query())
            .await
            .during("restore person")
            .map(drop)
    }

    /// Deletes a person and all that belongs to them.
    pub async fn delete_person(&mut self, id: UserId) -> StoreResult<()> {
        sqlx::query!("DELETE FROM person WHERE id = $1", id.uuid())
            .execute(self.query())
            .await
            .during("delete person")
            .map(drop)
    }

    /// Ends every session of a person that still goes on, or every one but `except`, and says which they were. Every node
    /// hears of it when, and only when, this scope commits.
    pub async fn end_sessions_of(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        at: Timestamp,
    ) -> StoreResult<Vec<SessionId>> {
        end_sessions(self.query(), user, except, at).await
    }

    /// Changes a person's name.
    pub async fn rename_person(&mut self, id: UserId, name: &str) -> StoreResult<()> {
        sqlx::query!("UPDATE person SET name = $2 WHERE id = $1", id.uuid(), name)
            .execute(self.query())
            .await
            .during("rename person")
            .map(drop)
    }

    /// Adds a person of another system, unless their address is somebody's already: then nothing changes and the answer is
    /// `false`. A place that there is not is a conflict.
    pub async fn import_person(&mut self, person: &NewPerson) -> StoreResult<bool> {
        let added = sqlx::query!(
            "INSERT INTO person (id, email, name, role, partner_id, org_id, password_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (email) DO NOTHING",
            person.id.uuid(),
            person.email.as_str(),
            person.name,
            person.membership.role().as_str(),
            person.membership.partner().map(PartnerId::uuid),
            person.membership.org().map(OrgId::uuid),
            person.password_hash,
            person.at
        )
        .execute(self.query())
        .await
        .during("import person")?;
        Ok(added.rows_affected() == 1)
    }

    /// Which of these partners and organisations there are.
    pub async fn known_places(&mut self, ids: &[Uuid]) -> StoreResult<Vec<Uuid>> {
        sqlx::query_scalar!(
            r#"SELECT id AS "id!" FROM partner WHERE id = ANY($1)
               UNION ALL SELECT org_id FROM organisation WHERE org_id = ANY($1)"#,
            ids
        )
        .fetch_all(self.query())
        .await
        .during("find places")
    }

    /// The name of a partner within reach.
    pub async fn partner_name(&mut self, id: PartnerId) -> StoreResult<String> {
        sqlx::query_scalar!("SELECT name FROM partner WHERE id = $1", id.uuid())
            .fetch_one(self.query())
            .await
            .during("find partner")
    }

    /// The name of an organisation within reach, and its partner.
    pub async fn organisation_name(&mut self, id: OrgId) -> StoreResult<(String, PartnerId)> {
        sqlx::query!("SELECT name, partner_id FROM organisation WHERE org_id = $1", id.uuid())
            .map(|row| (row.name, PartnerId::from_uuid(row.partner_id)))
            .fetch_one(self.query())
            .await
            .during("find organisation")
    }

    /// Whether somebody within reach has this address.
    pub async fn has_address(&mut self, email: &str) -> StoreResult<bool> {
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM person WHERE email = $1) AS "there!""#, email)
            .fetch_one(self.query())
            .await
            .during("look for an address within reach")
    }

    /// Whether anybody has this address, within reach or not. For whom to write to, and never for an answer.
    pub async fn address_is_taken(&mut self, email: &str) -> StoreResult<bool> {
        sqlx::query_scalar!(r#"SELECT proofline_address_is_taken($1) AS "taken!""#, email)
            .fetch_one(self.query())
            .await
            .during("look for an address")
    }

    /// Stored passwords that begin like this, up to `limit` of them after `after`, by id.
    pub async fn passwords_like(
        &mut self,
        prefix: &str,
        after: Option<UserId>,
        limit: i64,
    ) -> StoreResult<Vec<(UserId, String)>> {
        sqlx::query!(
            "SELECT id, password_hash FROM person
             WHERE starts_with(password_hash, $1) AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
            prefix,
            after.map(UserId::uuid),
            limit
        )
        .map(|row| (UserId::from_uuid(row.id), row.password_hash))
        .fetch_all(self.query())
        .await
        .during("list stored passwords")
    }

    /// Puts another form of the same password in the place of `from`; `false` when that is not what stands there any more.
    pub async fn exchange_password(&mut self, id: UserId, from: &str, to: &str) -> StoreResult<bool> {
        exchange(self.query(), id, from, to).await
    }
}

impl SignIn {
    /// As [`Scope::end_sessions_of`].
    pub async fn end_sessions_of(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        at: Timestamp,
    ) -> StoreResult<Vec<SessionId>> {
        end_sessions(self.connection(), user, except, at).await
    }

    /// As [`Scope::exchange_password`].
    pub async fn exchange_password(&mut self, id: UserId, from: &str, to: &str) -> StoreResult<bool> {
        exchange(self.connection(), id, from, to).await
    }

    /// Sets a person's password.
    pub async fn set_password(&mut self, id: UserId, password_hash: &str) -> StoreResult<()> {
        sqlx::query!("UPDATE person SET password_hash = $2 WHERE id = $1", id.uuid(), password_hash)
            .execute(self.connection())
            .await
            .during("set password")
            .map(drop)
    }

    /// Sets a person's address. One that is somebody else's is a conflict.
    pub async fn set_email(&mut self, id: UserId, email: &str) -> StoreResult<()> {
        sqlx::query!("UPDATE person SET email = $2 WHERE id = $1", id.uuid(), email)
            .execute(self.connection())
            .await
            .during("set address")
            .map(drop)
    }

    /// Puts a session under another token; everything else about it stays.
    pub async fn rotate_session(&mut self, id: SessionId, digest: &[u8; 32]) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE session SET token_digest = $2 WHERE id = $1 AND ended_at IS NULL",
            id.uuid(),
            digest.as_slice()
        )
        .execute(self.connection())
        .await
        .during("rotate session")
        .map(drop)
    }
}

async fn end_sessions(
    connection: &mut PgConnection,
    user: UserId,
    except: Option<SessionId>,
    at: Timestamp,
) -> StoreResult<Vec<SessionId>> {
    const OPERATION: &str = "end sessions of a person";
    let ended: Vec<SessionId> = sqlx::query_scalar!(
        "UPDATE session SET ended_at = $3 WHERE user_id = $1 AND ended_at IS NULL AND ($2::uuid IS NULL OR id <> $2)
         RETURNING id",
        user.uuid(),
        except.map(SessionId::uuid),
        at
    )
    .fetch_all(&mut *connection)
    .await
    .during(OPERATION)?
    .into_iter()
    .map(SessionId::from_uuid)
    .collect();
    let announced: Vec<String> = ended.iter().map(|id| format!("session_ended {id}")).collect();
    sqlx::query!(
        "SELECT pg_notify($1, announced) FROM unnest($2::text[]) AS announced",
        crate::connect::CHANNEL,
        &announced
    )
    .fetch_all(connection)
    .await
    .during(OPERATION)?;
    Ok(ended)
}

async fn exchange(connection: &mut PgConnection, id: UserId, from: &str, to: &str) -> StoreResult<bool> {
    let exchanged = sqlx::query!(
        "UPDATE person SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        id.uuid(),
        from,
        to
    )
    .execute(connection)
    .await
    .during("exchange stored password")?;
    Ok(exchanged.rows_affected() == 1)
}
