//! People and sessions, before anyone is anybody: the one way in without a permit.
//!
//! The transaction carries no tenant, so row-level security hides every tenant's row from it; people, what belongs to them,
//! and OpenID providers with whoever waits there, are admitted by a setting of their own.

use proofline_authz::{Action, Principal};
use proofline_core::{Assurance, Email, Membership, OrgId, PartnerId, SessionId, Timestamp, UserId};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use crate::audit::{self, DeniedNote};
use crate::error::{During, stored};
use crate::{AuditNote, Scope, StoreResult};

/// A transaction over people, sessions and bootstrap tokens. Dropping it undoes everything.
pub struct SignIn {
    transaction: Transaction<'static, Postgres>,
}

/// What is needed to decide a login.
#[derive(Debug, Clone)]
pub struct LoginRecord {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their role, and in what.
    pub membership: Membership,
    /// The stored hash, with its scheme in front.
    pub password_hash: String,
    /// Set when the account may not sign in.
    pub disabled_at: Option<Timestamp>,
}

/// How many failures an account may have, and what comes after them.
#[derive(Debug, Clone, Copy)]
pub struct LockRule {
    /// Attempts that are looked at; the last of them locks the account if it fails, too.
    pub attempts: i32,
    /// Until when an account that is locked now stays so.
    pub until: Timestamp,
}

/// A person about to be created.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// Who.
    pub id: UserId,
    /// Their address, which they sign in with.
    pub email: Email,
    /// Their name.
    pub name: String,
    /// Their role, and in what.
    pub membership: Membership,
    /// The hash, with its scheme in front.
    pub password_hash: String,
    /// When.
    pub at: Timestamp,
}

/// A live session and its person.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: Email,
    /// Their role now, not at sign-in, and in what.
    pub membership: Membership,
    /// What it has proved.
    pub assurance: Assurance,
    /// When a second factor was last proved in it.
    pub proved_at: Option<Timestamp>,
    /// When the person last did something.
    pub last_active_at: Timestamp,
    /// The absolute end.
    pub expires_at: Timestamp,
}

impl SignIn {
    pub(crate) fn new(transaction: Transaction<'static, Postgres>) -> Self {
        Self { transaction }
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Makes everything done here durable.
    pub async fn commit(self) -> StoreResult<()> {
        self.transaction.commit().await.during("commit sign-in")
    }

    /// Whether nobody has been created yet, so that the bootstrap link works.
    pub async fn nobody_exists(&mut self) -> StoreResult<bool> {
        sqlx::query_scalar!(r#"SELECT NOT EXISTS (SELECT FROM person) AS "none!""#)
            .fetch_one(&mut *self.transaction)
            .await
            .during("look for people")
    }

    /// Replaces every unused bootstrap token by this one.
    pub async fn put_bootstrap_token(
        &mut self,
        digest: &[u8; 32],
        at: Timestamp,
        expires: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!("UPDATE bootstrap_token SET used_at = $1 WHERE used_at IS NULL", at)
            .execute(&mut *self.transaction)
            .await
            .during("retire bootstrap tokens")?;
        sqlx::query!(
            "INSERT INTO bootstrap_token (token_digest, created_at, expires_at) VALUES ($1, $2, $3)",
            digest.as_slice(),
            at,
            expires
        )
        .execute(&mut *self.transaction)
        .await
        .during("store bootstrap token")
        .map(drop)
    }

    /// Uses up the token. `false` when it is unknown, expired or used; of two callers one gets `true`.
    pub async fn consume_bootstrap_token(&mut self, digest: &[u8; 32], at: Timestamp) -> StoreResult<bool> {
        let used = sqlx::query!(
            "UPDATE bootstrap_token SET used_at = $2 WHERE token_digest = $1 AND used_at IS NULL AND expires_at > $2",
            digest.as_slice(),
            at
        )
        .execute(&mut *self.transaction)
        .await
        .during("consume bootstrap token")?;
        Ok(used.rows_affected() == 1)
    }

    /// Adds a person.
    pub async fn create_person(&mut self, person: &NewPerson) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO person (id, email, name, role, partner_id, org_id, password_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            person.id.uuid(),
            person.email.as_str(),
            person.name,
            person.membership.role().as_str(),
            person.membership.partner().map(PartnerId::uuid),
            person.membership.org().map(OrgId::uuid),
            person.password_hash,
            person.at
        )
        .execute(&mut *self.transaction)
        .await
        .during("create person")
        .map(drop)
    }

    /// What decides a login with this address; any text may be asked for.
    pub async fn login_record(&mut self, email: &str) -> StoreResult<Option<LoginRecord>> {
        const OPERATION: &str = "find login";
        sqlx::query_as!(
            StoredLogin,
            "SELECT id, name, role, partner_id, org_id, password_hash, disabled_at FROM person WHERE email = $1",
            email
        )
        .fetch_optional(&mut *self.transaction)
        .await
        .during(OPERATION)?
        .map(|row| row.read(OPERATION))
        .transpose()
    }

    /// The same, locked until this transaction ends: nobody disables the person or changes the password meanwhile.
    pub async fn lock_login_record(&mut self, email: &str) -> StoreResult<Option<LoginRecord>> {
        const OPERATION: &str = "lock login";
        sqlx::query_as!(
            StoredLogin,
            "SELECT id, name, role, partner_id, org_id, password_hash, disabled_at FROM person WHERE email = $1
             FOR NO KEY UPDATE",
            email
        )
        .fetch_optional(&mut *self.transaction)
        .await
        .during(OPERATION)?
        .map(|row| row.read(OPERATION))
        .transpose()
    }

    /// Counts an attempt, and answers whether it may be looked at: the account is not locked. Attempts at one account wait
    /// for each other here, until the one before commits. A lock that ran out begins the count anew.
    pub async fn count_attempt(
        &mut self,
        account: &[u8; 32],
        at: Timestamp,
        rule: LockRule,
    ) -> StoreResult<bool> {
        count_attempt(&mut self.transaction, account, at, rule).await
    }

    /// Forgets earlier attempts after a success.
    pub async fn clear_attempts(&mut self, account: &[u8; 32]) -> StoreResult<()> {
        sqlx::query!("DELETE FROM sign_in_attempt WHERE account = $1", account.as_slice())
            .execute(&mut *self.transaction)
            .await
            .during("clear attempts to sign in")
            .map(drop)
    }

    /// Forgets attempts before `before`; returns how many accounts.
    pub async fn purge_attempts(&mut self, before: Timestamp) -> StoreResult<u64> {
        let purged = sqlx::query!("DELETE FROM sign_in_attempt WHERE last_at < $1", before)
            .execute(&mut *self.transaction)
            .await
            .during("purge attempts to sign in")?;
        Ok(purged.rows_affected())
    }

    /// Remembers the nonce of a signed request until `until`; `false` when it was remembered before.
    pub async fn remember_nonce(
        &mut self,
        key_id: &[u8; 32],
        nonce: &[u8; 16],
        until: Timestamp,
    ) -> StoreResult<bool> {
        let remembered = sqlx::query!(
            "INSERT INTO seen_nonce (key_id, nonce, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            key_id.as_slice(),
            nonce.as_slice(),
            until
        )
        .execute(&mut *self.transaction)
        .await
        .during("remember nonce")?;
        Ok(remembered.rows_affected() == 1)
    }

    /// Nonces that are remembered at `at`, each with its key's id: few, and only those of the last minutes.
    pub async fn seen_nonces(&mut self, at: Timestamp) -> StoreResult<Vec<(Vec<u8>, Vec<u8>)>> {
        sqlx::query!("SELECT key_id, nonce FROM seen_nonce WHERE until >= $1", at)
            .map(|row| (row.key_id, row.nonce))
            .fetch_all(&mut *self.transaction)
            .await
            .during("read nonces")
    }

    /// Forgets nonces whose requests are too old by now; returns how many.
    pub async fn purge_nonces(&mut self, at: Timestamp) -> StoreResult<u64> {
        let purged = sqlx::query!("DELETE FROM seen_nonce WHERE until < $1", at)
            .execute(&mut *self.transaction)
            .await
            .during("purge nonces")?;
        Ok(purged.rows_affected())
    }

    /// Tells every node something when, and only when, this transaction commits.
    pub async fn announce(&mut self, text: &str) -> StoreResult<()> {
        sqlx::query!("SELECT pg_notify($1, $2)", crate::connect::CHANNEL, text)
            .execute(&mut *self.transaction)
            .await
            .during("announce")
            .map(drop)
    }

    /// Starts a session known by the digest of its token. `client` is what the browser is, in at most 60 characters.
    pub async fn create_session(
        &mut self,
        id: SessionId,
        digest: &[u8; 32],
        user: UserId,
        at: Timestamp,
        expires: Timestamp,
        client: &str,
    ) -> StoreResult<()> {
        sqlx::query!(
            "WITH seen AS (UPDATE person SET last_seen_at = $4 WHERE id = $3)
             INSERT INTO session (token_digest, id, user_id, created_at, last_active_at, expires_at, client)
             VALUES ($1, $2, $3, $4, $4, $5, $6)",
            digest.as_slice(),
            id.uuid(),
            user.uuid(),
            at,
            expires,
            client
        )
        .execute(&mut *self.transaction)
        .await
        .during("create session")
        .map(drop)
    }

    /// The session behind a token: not ended, not expired, active after `idle_since`, its person not disabled.
    pub async fn live_session(
        &mut self,
        digest: &[u8; 32],
        at: Timestamp,
        idle_since: Timestamp,
    ) -> StoreResult<Option<SessionRecord>> {
        const OPERATION: &str = "find session";
        let row = sqlx::query!(
            "SELECT s.id, s.user_id, s.last_active_at, s.expires_at, s.assurance, s.proved_at, p.name, p.email, p.role,
                p.partner_id, p.org_id
             FROM session s JOIN person p ON p.id = s.user_id
             WHERE s.token_digest = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.last_active_at > $3
               AND p.disabled_at IS NULL",
            digest.as_slice(),
            at,
            idle_since
        )
        .fetch_optional(&mut *self.transaction)
        .await
        .during(OPERATION)?;
        row.map(|row| {
            Ok(SessionRecord {
                id: SessionId::from_uuid(row.id),
                user: UserId::from_uuid(row.user_id),
                name: row.name,
                email: stored(row.email.parse(), OPERATION, "email")?,
                membership: membership(&row.role, row.partner_id, row.org_id, OPERATION)?,
                assurance: stored(row.assurance.parse(), OPERATION, "assurance")?,
                proved_at: row.proved_at,
                last_active_at: row.last_active_at,
                expires_at: row.expires_at,
            })
        })
        .transpose()
    }

    /// Ends the session behind a token, if it is still going, and says which it was.
    pub async fn end_session_of_token(
        &mut self,
        digest: &[u8; 32],
        at: Timestamp,
    ) -> StoreResult<Option<SessionId>> {
        sqlx::query_scalar!(
            "UPDATE session SET ended_at = $2 WHERE token_digest = $1 AND ended_at IS NULL RETURNING id",
            digest.as_slice(),
            at
        )
        .fetch_optional(&mut *self.transaction)
        .await
        .during("end earlier session")
        .map(|id| id.map(SessionId::from_uuid))
    }

    /// Which of these sessions still live, and what their people are now. Moves no idle clock.
    pub async fn live_sessions(
        &mut self,
        ids: &[SessionId],
        at: Timestamp,
        idle_since: Timestamp,
    ) -> StoreResult<Vec<(SessionId, Membership)>> {
        const OPERATION: &str = "look at sessions";
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        sqlx::query!(
            "SELECT s.id, p.role, p.partner_id, p.org_id FROM session s JOIN person p ON p.id = s.user_id
             WHERE s.id = ANY($1) AND s.ended_at IS NULL AND s.expires_at > $2 AND s.last_active_at > $3
               AND p.disabled_at IS NULL",
            &ids,
            at,
            idle_since
        )
        .fetch_all(&mut *self.transaction)
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| {
            let membership = membership(&row.role, row.partner_id, row.org_id, OPERATION)?;
            Ok((SessionId::from_uuid(row.id), membership))
        })
        .collect()
    }

    /// Moves the idle clock: the person did something.
    pub async fn touch_session(&mut self, id: SessionId, at: Timestamp) -> StoreResult<()> {
        sqlx::query!(
            "UPDATE session SET last_active_at = $2 WHERE id = $1 AND last_active_at < $2",
            id.uuid(),
            at
        )
        .execute(&mut *self.transaction)
        .await
        .during("touch session")
        .map(drop)
    }

    /// Deletes sessions that ended or expired before `before`; returns how many.
    pub async fn purge_sessions(&mut self, before: Timestamp) -> StoreResult<u64> {
        let purged = sqlx::query!("DELETE FROM session WHERE expires_at < $1 OR ended_at < $1", before)
            .execute(&mut *self.transaction)
            .await
            .during("purge sessions")?;
        Ok(purged.rows_affected())
    }

    /// Leaves the audit row of what a person did on the way in, before there was a permit.
    pub async fn audit(&mut self, person: &Principal, action: Action, note: AuditNote) -> StoreResult<()> {
        audit::append(&mut self.transaction, person, action, note).await
    }

    /// Records a refusal.
    pub async fn audit_denied(&mut self, note: &DeniedNote) -> StoreResult<()> {
        audit::append_denied(&mut self.transaction, note).await
    }
}

async fn count_attempt(
    connection: &mut PgConnection,
    account: &[u8; 32],
    at: Timestamp,
    rule: LockRule,
) -> StoreResult<bool> {
    // The count goes on while the account is locked: an attempt beyond the last one is what "locked" means.
    sqlx::query_scalar!(
        r#"INSERT INTO sign_in_attempt AS a (account, attempts, last_at) VALUES ($1, 1, $2)
               ON CONFLICT (account) DO UPDATE SET last_at = $2,
                 attempts = CASE WHEN a.locked_until <= $2 THEN 1 ELSE least(a.attempts, $3) + 1 END,
                 locked_until = CASE WHEN a.locked_until <= $2 THEN NULL
                    WHEN a.locked_until IS NULL AND a.attempts + 1 >= $3 THEN $4 ELSE a.locked_until END
               RETURNING attempts <= $3 AS "counts!""#,
        account.as_slice(),
        at,
        rule.attempts,
        rule.until
    )
    .fetch_one(connection)
    .await
    .during("count attempt to sign in")
}

/// A membership from its columns.
pub(crate) fn membership(
    role: &str,
    partner: Option<Uuid>,
    org: Option<Uuid>,
    operation: &'static str,
) -> StoreResult<Membership> {
    let role = stored(role.parse(), operation, "role")?;
    let (partner, org) = (partner.map(PartnerId::from_uuid), org.map(OrgId::from_uuid));
    stored(Membership::stored(role, partner, org), operation, "membership")
}

struct StoredLogin {
    id: Uuid,
    name: String,
    role: String,
    partner_id: Option<Uuid>,
    org_id: Option<Uuid>,
    password_hash: String,
    disabled_at: Option<Timestamp>,
}

impl StoredLogin {
    fn read(self, operation: &'static str) -> StoreResult<LoginRecord> {
        Ok(LoginRecord {
            id: UserId::from_uuid(self.id),
            name: self.name,
            membership: membership(&self.role, self.partner_id, self.org_id, operation)?,
            password_hash: self.password_hash,
            disabled_at: self.disabled_at,
        })
    }
}

impl Scope {
    /// Counts a mail to the address that `account` is a keyed digest of, and answers whether it may be written: the same count
    /// as for attempts to sign in, and nothing that was typed is kept.
    pub async fn count_mail(
        &mut self,
        account: &[u8; 32],
        at: Timestamp,
        rule: LockRule,
    ) -> StoreResult<bool> {
        count_attempt(self.query(), account, at, rule).await
    }

    /// Ends a session; ending it twice changes nothing.
    pub async fn end_session(&mut self, id: SessionId, at: Timestamp) -> StoreResult<()> {
        sqlx::query!("UPDATE session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL", id.uuid(), at)
            .execute(self.query())
            .await
            .during("end session")
            .map(drop)
    }
}
