//! Links that were mailed to people: for a forgotten password, for a new address, and to sign in. Each works once; only the
//! digest of its token is kept.

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
    /// A session, as a password would begin one.
    SignIn,
}

impl LinkPurpose {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::EmailChange(_) => "email_change",
            Self::SignIn => "sign_in",
        }
    }

    fn new_email(&self) -> Option<&str> {
        match self {
            Self::PasswordReset | Self::SignIn => None,
            Self::EmailChange(email) => Some(email.as_str()),
        }
    }
}

/// A link that whoever has an address may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedLink {
    /// [`LinkPurpose::PasswordReset`], for everybody.
    PasswordReset,
    /// [`LinkPurpose::SignIn`], for people of practices.
    SignIn,
}

impl AskedLink {
    /// What the link is for.
    pub const fn purpose(self) -> LinkPurpose {
        match self {
            Self::PasswordReset => LinkPurpose::PasswordReset,
            Self::SignIn => LinkPurpose::SignIn,
        }
    }

    fn read(text: &str, operation: &'static str) -> StoreResult<Self> {
        let link = match text {
            "password_reset" => Ok(Self::PasswordReset),
            "sign_in" => Ok(Self::SignIn),
            _ => Err(()),
        };
        stored(link, operation, "purpose")
    }
}

/// Somebody asked for a link.
#[derive(Debug, Clone)]
pub struct LinkRequest {
    /// Which.
    pub link: AskedLink,
    /// Who gets it; `None` where the address is nobody's who may have it, or has enough of them.
    pub recipient: Option<(UserId, Email)>,
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
    purpose: String,
    new_email: Option<String>,
}

impl StoredLink {
    fn read(self, operation: &'static str) -> StoreResult<OpenLink> {
        let purpose = match self.new_email {
            None => AskedLink::read(&self.purpose, operation)?.purpose(),
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
            "SELECT l.user_id, p.name, p.email, p.role, p.partner_id, p.org_id, l.purpose, l.new_email
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

    /// Ends the other links that would sign a person in.
    pub async fn end_sign_in_links_of(&mut self, user: UserId) -> StoreResult<()> {
        sqlx::query!("DELETE FROM person_link WHERE user_id = $1 AND purpose = 'sign_in'", user.uuid())
            .execute(self.connection())
            .await
            .during("end sign-in links of a person")
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

    /// Notes that a link was asked for, once however often that happens before it is looked at.
    pub async fn request_link(
        &mut self,
        link: AskedLink,
        account: &[u8; 32],
        email: &Email,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO link_request (account, purpose, email, asked_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account, purpose) DO UPDATE SET asked_at = $4",
            account.as_slice(),
            link.purpose().as_str(),
            email.as_str(),
            at
        )
        .execute(self.connection())
        .await
        .during("request link")
        .map(drop)
    }

    /// Takes the request that has waited longest. Nobody is sent more than `most` links of a kind that still work.
    pub async fn take_link_request(&mut self, at: Timestamp, most: i64) -> StoreResult<Option<LinkRequest>> {
        const OPERATION: &str = "take link request";
        let taken = sqlx::query!(
            "DELETE FROM link_request WHERE (account, purpose) = (
                SELECT account, purpose FROM link_request ORDER BY asked_at, account, purpose LIMIT 1
                FOR UPDATE SKIP LOCKED)
             RETURNING email, purpose"
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        let Some(taken) = taken else { return Ok(None) };
        let link = AskedLink::read(&taken.purpose, OPERATION)?;
        let practices_alone = link == AskedLink::SignIn;
        let found = sqlx::query!(
            "SELECT p.id, p.email FROM person p
             WHERE p.email = $1 AND p.disabled_at IS NULL AND (p.org_id IS NOT NULL OR NOT $5::bool) AND $3 > (
                SELECT count(*) FROM person_link l
                WHERE l.user_id = p.id AND l.purpose = $4 AND l.expires_at > $2)",
            taken.email,
            at,
            most,
            taken.purpose,
            practices_alone
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?;
        let recipient = match found {
            Some(row) => Some((UserId::from_uuid(row.id), stored(row.email.parse(), OPERATION, "email")?)),
            None => None,
        };
        Ok(Some(LinkRequest { link, recipient }))
    }
}
