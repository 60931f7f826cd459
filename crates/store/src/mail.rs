//! Mail on its way: written with the change that it tells of, claimed before it is sent, and never lost from sight.
//!
//! # What is promised
//! - A claim counts as an attempt and puts the next one off, and is committed before anything is sent: a process that ends in
//!   between leaves the mail to be tried again, not forgotten and not tried without end.
//! - Of several nodes one claims a mail.

use proofline_core::{Email, MailId, Timestamp};
use uuid::Uuid;

use crate::error::{During, stored};
use crate::{Page, PageRequest, Scope, SignIn, StoreResult};

/// Where a mail stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailState {
    /// It will be tried.
    Queued,
    /// The mail server took it.
    Sent,
    /// It will not be tried again unless somebody says so.
    Failed,
}

impl MailState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Sent, Self::Failed];

    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// The text is no state of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown state of a mail")]
pub struct UnknownMailState;

impl std::str::FromStr for MailState {
    type Err = UnknownMailState;

    fn from_str(text: &str) -> Result<Self, UnknownMailState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownMailState)
    }
}

/// A mail about to be queued. Its text is sealed.
#[derive(Debug, Clone)]
pub struct NewMail {
    /// Which.
    pub id: MailId,
    /// To whom.
    pub to: Email,
    /// What stands over it: nothing secret.
    pub subject: String,
    /// The key that its text is sealed under.
    pub body_key: String,
    /// The sealed text.
    pub body: String,
    /// When.
    pub at: Timestamp,
}

/// A mail that was claimed to be sent now.
#[derive(Debug, Clone)]
pub struct ClaimedMail {
    /// Which.
    pub id: MailId,
    /// To whom.
    pub to: String,
    /// What stands over it.
    pub subject: String,
    /// The key that its text is sealed under.
    pub body_key: String,
    /// The sealed text.
    pub body: String,
    /// How many attempts there were, this one included.
    pub attempts: u32,
    /// When it was queued.
    pub created_at: Timestamp,
}

/// A mail as listed: never its text.
#[derive(Debug, Clone)]
pub struct MailRow {
    /// Which.
    pub id: MailId,
    /// To whom.
    pub to: String,
    /// What stands over it.
    pub subject: String,
    /// Where it stands.
    pub state: MailState,
    /// How many attempts there were.
    pub attempts: u32,
    /// What the last one came to, if it failed.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
}

/// What an attempt came to.
#[derive(Debug, Clone)]
pub enum MailOutcome {
    /// The mail server took it.
    Sent,
    /// It did not, this time.
    Later {
        /// Why.
        error: String,
        /// When to try again.
        next: Timestamp,
    },
    /// It never will.
    Failed {
        /// Why.
        error: String,
    },
}

struct StoredMail {
    id: Uuid,
    recipient: String,
    subject: String,
    state: String,
    attempts: i32,
    last_error: Option<String>,
    created_at: Timestamp,
}

impl StoredMail {
    fn read(self, operation: &'static str) -> StoreResult<MailRow> {
        Ok(MailRow {
            id: MailId::from_uuid(self.id),
            to: self.recipient,
            subject: self.subject,
            state: stored(self.state.parse(), operation, "state")?,
            attempts: u32::try_from(self.attempts).unwrap_or_default(),
            last_error: self.last_error,
            created_at: self.created_at,
        })
    }
}

async fn queue(connection: &mut sqlx::PgConnection, mail: &NewMail) -> StoreResult<()> {
    sqlx::query!(
        "INSERT INTO mail_outbox (id, recipient, subject, body_key, body_sealed, state, created_at, next_attempt_at)
         VALUES ($1, $2, $3, $4, $5, 'queued', $6, $6)",
        mail.id.uuid(),
        mail.to.as_str(),
        mail.subject,
        mail.body_key,
        mail.body,
        mail.at
    )
    .execute(connection)
    .await
    .during("queue mail")
    .map(drop)
}

impl SignIn {
    /// Queues a mail that is sent when, and only when, this transaction commits.
    pub async fn queue_mail(&mut self, mail: &NewMail) -> StoreResult<()> {
        queue(self.connection(), mail).await
    }
}

impl Scope {
    /// Queues a mail that is sent when, and only when, this scope commits.
    pub async fn queue_mail(&mut self, mail: &NewMail) -> StoreResult<()> {
        queue(self.query(), mail).await
    }

    /// Claims the mail that has been due longest, and puts its next attempt off until `lease`.
    pub async fn claim_mail(&mut self, at: Timestamp, lease: Timestamp) -> StoreResult<Option<ClaimedMail>> {
        sqlx::query!(
            "UPDATE mail_outbox SET attempts = attempts + 1, next_attempt_at = $2
             WHERE id = (SELECT id FROM mail_outbox WHERE state = 'queued' AND next_attempt_at <= $1
                ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING id, recipient, subject, body_key, body_sealed, attempts, created_at",
            at,
            lease
        )
        .map(|row| ClaimedMail {
            id: MailId::from_uuid(row.id),
            to: row.recipient,
            subject: row.subject,
            body_key: row.body_key,
            body: row.body_sealed,
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            created_at: row.created_at,
        })
        .fetch_optional(self.query())
        .await
        .during("claim mail")
    }

    /// Records what an attempt came to. A mail that has left keeps no text.
    pub async fn finish_mail(&mut self, id: MailId, outcome: &MailOutcome, at: Timestamp) -> StoreResult<()> {
        let (state, error, next) = match outcome {
            MailOutcome::Sent => (MailState::Sent, None, None),
            MailOutcome::Later { error, next } => (MailState::Queued, Some(error), Some(*next)),
            MailOutcome::Failed { error } => (MailState::Failed, Some(error), None),
        };
        sqlx::query!(
            "UPDATE mail_outbox SET state = $2, last_error = $3, next_attempt_at = coalesce($4, next_attempt_at),
                body_sealed = CASE WHEN $2 = 'sent' THEN '' ELSE body_sealed END,
                finished_at = CASE WHEN $2 = 'queued' THEN NULL ELSE $5::timestamptz END
             WHERE id = $1 AND state = 'queued'",
            id.uuid(),
            state.as_str(),
            error,
            next,
            at
        )
        .execute(self.query())
        .await
        .during("finish mail")
        .map(drop)
    }

    /// A page of mail, newest first.
    pub async fn mails(
        &mut self,
        state: Option<MailState>,
        page: &PageRequest<Uuid>,
    ) -> StoreResult<Page<MailRow>> {
        const OPERATION: &str = "list mail";
        let rows = sqlx::query_as!(
            StoredMail,
            "SELECT id, recipient, subject, state, attempts, last_error, created_at FROM mail_outbox
             WHERE ($1::text IS NULL OR state = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
            state.map(MailState::as_str),
            page.after,
            page.fetch()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?;
        let rows = rows.into_iter().map(|row| row.read(OPERATION)).collect::<StoreResult<Vec<_>>>()?;
        Ok(page.page(rows, |row| row.id.uuid()))
    }

    /// Queues a mail anew that failed, or that waits for a later attempt, with all its attempts before it. One that was sent
    /// or is unknown is "not found".
    pub async fn retry_mail(&mut self, id: MailId, at: Timestamp) -> StoreResult<MailRow> {
        const OPERATION: &str = "retry mail";
        sqlx::query_as!(
            StoredMail,
            "UPDATE mail_outbox SET state = 'queued', attempts = 0, next_attempt_at = $2, finished_at = NULL
             WHERE id = $1 AND state <> 'sent'
             RETURNING id, recipient, subject, state, attempts, last_error, created_at",
            id.uuid(),
            at
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?
        .read(OPERATION)
    }

    /// Forgets mail that was sent before `before`; returns how many.
    pub async fn purge_mail(&mut self, before: Timestamp) -> StoreResult<u64> {
        let purged =
            sqlx::query!("DELETE FROM mail_outbox WHERE state = 'sent' AND finished_at < $1", before)
                .execute(self.query())
                .await
                .during("purge mail")?;
        Ok(purged.rows_affected())
    }
}
