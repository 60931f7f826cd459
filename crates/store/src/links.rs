//! Links that were mailed to people: for a forgotten password, and for a new address. Each works once; only the digest of
//! its token is kept.

use proofline_core::{Email, Membership, Timestamp, UserId};

use crate::error::{During, stored};
use crate::sign_in::membership;
use crate::{Scope, SignIn, StoreResult};

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPurpose {
    /// A new password in place of a forgotten one.
    PasswordReset,
    /// This address in place of the one before.
    EmailChange(Email),
}

impl LinkPurpose {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::EmailChange(_) => "email_change",
        }
    }

    fn new_email(&self) -> Option<&str> {
        match self {
            Self::PasswordReset => None,
            Self::EmailChange(email) => Some(email.as_str()),
        }
    }
}

/// A link about to be mailed.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// SHA-256 of its token.
    pub digest: [u8; 32],
    /// Whose.
    pub user: UserId,
    /// What for.
    pub purpose: LinkPurpose,
    /// When.
    pub at: Timestamp,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// A link that somebody opened, and whose it is.
#[derive(Debug, Clone)]
pub struct OpenLink {
    /// Whose.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their address now.
    pub email: Email,
    /// What they are.
    pub membership: Membership,
    /// What for.
    pub purpose: LinkPurpose,
}

struct StoredLink {
    user_id: uuid::Uuid,
    name: String,
    email: String,
    role: String,
    partner_id: Option<uuid::Uuid>,
    org_id: Option<uuid::Uuid>,
    new_email: Option<String>,
}

impl StoredLink {
    fn read(self, operation: &'static str) -> StoreResult<OpenLink> {
        let purpose = match self.new_email {
            None => LinkPurpose::PasswordReset,
            Some(email) => LinkPurpose::EmailChange(stored(email.parse(), operation, "new_email")?),
        };
        Ok(OpenLink {
            user: UserId::from_uuid(self.user_id),
            name: self.name,
            email: stored(self.email.parse(), operation, "email")?,
            membership: membership(&self.role, self.partner_id, self.org_id, operation)?,
            purpose,
        })
    }
}

impl Scope {
    /// Remembers a link of the person who asks for it.
    pub async fn create_link(&mut self, link: &NewLink) -> StoreResult<()> {
        create(self.query(), link).await
    }

    /// How many links of a person for a new address still work.
    pub async fn count_email_links(&mut self, user: UserId, at: Timestamp) -> StoreResult<i64> {
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM person_link
               WHERE user_id = $1 AND purpose = 'email_change' AND expires_at > $2"#,
            user.uuid(),
            at
        )
        .fetch_one(self.query())
        .await
        .during("count links")
    }
}

async fn create(connection: &mut sqlx::PgConnection, link: &NewLink) -> StoreResult<()> {
    sqlx::query!(
        "INSERT INTO person_link (token_digest, user_id, purpose, new_email, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        link.digest.as_slice(),
        link.user.uuid(),
        link.purpose.as_str(),
        link.purpose.new_email(),
        link.at,
        link.expires_at
    )
    .execute(connection)
    .await
    .during("create link")
    .map(drop)
}

impl SignIn {
    /// Remembers a link.
    pub async fn create_link(&mut self, link: &NewLink) -> StoreResult<()> {
        create(self.connection(), link).await
    }

    /// The link behind a token, if it still works and its person may sign in.
    pub async fn open_link(&mut self, digest: &[u8; 32], at: Timestamp) -> StoreResult<Option<OpenLink>> {
        const OPERATION: &str = "find link";
        sqlx::query_as!(
            StoredLink,
            "SELECT l.user_id, p.name, p.email, p.role, p.partner_id, p.org_id, l.new_email
             FROM person_link l JOIN person p ON p.id = l.user_id
             WHERE l.token_digest = $1 AND l.expires_at > $2 AND p.disabled_at IS NULL",
            digest.as_slice(),
            at
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?
        .map(|row| row.read(OPERATION))
        .transpose()
    }

    /// Uses up the token of a link, and locks its person. `None` when it does not work; of two callers one gets it.
    pub async fn consume_link(&mut self, digest: &[u8; 32], at: Timestamp) -> StoreResult<Option<OpenLink>> {
        const OPERATION: &str = "consume link";
        // The person first, as whoever suspends or deletes them does.
        sqlx::query!(
            "SELECT p.id FROM person p WHERE p.id = (SELECT user_id FROM person_link WHERE token_digest = $1)
             FOR NO KEY UPDATE",
            digest.as_slice()
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        let link = self.open_link(digest, at).await?;
        let used = sqlx::query!("DELETE FROM person_link WHERE token_digest = $1", digest.as_slice())
            .execute(self.connection())
            .await
            .during(OPERATION)?;
        Ok(link.filter(|_| used.rows_affected() == 1))
    }

    /// Ends every other link of a person.
    pub async fn end_links_of(&mut self, user: UserId) -> StoreResult<()> {
        sqlx::query!("DELETE FROM person_link WHERE user_id = $1", user.uuid())
            .execute(self.connection())
            .await
            .during("end links of a person")
            .map(drop)
    }

    /// Forgets links that ran out; returns how many.
    pub async fn purge_links(&mut self, at: Timestamp) -> StoreResult<u64> {
        let purged = sqlx::query!("DELETE FROM person_link WHERE expires_at <= $1", at)
            .execute(self.connection())
            .await
            .during("purge links")?;
        Ok(purged.rows_affected())
    }

    /// Notes that a new password was asked for, once however often that happens before it is looked at.
    pub async fn request_reset(
        &mut self,
        account: &[u8; 32],
        email: &Email,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO reset_request (account, email, asked_at) VALUES ($1, $2, $3)
             ON CONFLICT (account) DO UPDATE SET asked_at = $3",
            account.as_slice(),
            email.as_str(),
            at
        )
        .execute(self.connection())
        .await
        .during("request reset")
        .map(drop)
    }

    /// Takes the request that has waited longest, and says whose address it names: `Some(None)` where it is nobody's who may
    /// sign in, or who was sent `most` links already that still work.
    pub async fn take_reset_request(
        &mut self,
        at: Timestamp,
        most: i64,
    ) -> StoreResult<Option<Option<(UserId, Email)>>> {
        const OPERATION: &str = "take reset request";
        let taken = sqlx::query_scalar!(
            "DELETE FROM reset_request WHERE account = (
                SELECT account FROM reset_request ORDER BY asked_at, account LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING email"
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        let Some(email) = taken else { return Ok(None) };
        let found = sqlx::query!(
            "SELECT p.id, p.email FROM person p WHERE p.email = $1 AND p.disabled_at IS NULL AND $3 > (
                SELECT count(*) FROM person_link l
                WHERE l.user_id = p.id AND l.purpose = 'password_reset' AND l.expires_at > $2)",
            email,
            at,
            most
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        let person = found.map(|row| {
            Ok::<_, crate::StoreError>((
                UserId::from_uuid(row.id),
                stored(row.email.parse(), OPERATION, "email")?,
            ))
        });
        person.transpose().map(Some)
    }
}
