//! From the outbox to the mail server.

use chrono::TimeDelta;
use proofline_core::{Email, MailId, Secret, Timestamp};
use proofline_store::{ClaimedMail, MailOutcome, NewMail};
use proofline_vault::{Cell, Sealed};

use super::route::{Clear, MailRoute, Refusal};
use crate::AppState;
use crate::http::ApiResult;

/// So often a mail is tried; then a person has to look at it.
const ATTEMPTS: u32 = 10;
/// After the first failure; twice as long after each further one. The tenth attempt comes eight and a half hours after the
/// first, so a mail outlasts a mail server's bad night.
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(1);
/// For how long a claimed mail is left to who claimed it.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// Most mails of one run; the rest comes at the next, a moment later.
const MOST: u32 = 100;
/// For how long it can be seen that a mail was sent.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);

/// A mail to write.
pub(crate) struct Letter {
    /// To whom.
    pub(crate) to: Email,
    /// What stands over it: nothing secret, since it is stored in clear.
    pub(crate) subject: String,
    /// What stands in it.
    pub(crate) text: String,
}

fn cell(id: MailId) -> Cell {
    Cell { table: "mail_outbox", column: "body", tenant: None, row: id.uuid() }
}

/// A letter as it is stored, for the transaction of the change that it tells of.
pub(crate) fn sealed(app: &AppState, letter: Letter, at: Timestamp) -> NewMail {
    let id = MailId::new(at, app.entropy());
    let Sealed { key, token } = app.vault().seal(&cell(id), &Secret::new(letter.text));
    NewMail { id, to: letter.to, subject: letter.subject, body_key: key, body: token, at }
}

/// Job: sends what is due, each mail on its own.
pub(crate) async fn send_due(app: &AppState) -> ApiResult<String> {
    if matches!(app.settings().mail, MailRoute::Nowhere) {
        return Ok("no mail server is set: mail waits".to_owned());
    }
    let (mut sent, mut put_off, mut failed) = (0_u32, 0_u32, 0_u32);
    for _ in 0..MOST {
        let at = app.now();
        let mut scope = app.background_scope("mail").await?;
        let Some(mail) = scope.claim_mail(at, at + LEASE).await? else { break };
        scope.commit_unaudited().await?;
        let outcome = attempt(app, &mail).await;
        match &outcome {
            MailOutcome::Sent => sent += 1,
            MailOutcome::Later { .. } => put_off += 1,
            MailOutcome::Failed { .. } => failed += 1,
        }
        let mut scope = app.background_scope("mail").await?;
        scope.finish_mail(mail.id, &outcome, app.now()).await?;
        scope.commit_unaudited().await?;
    }
    if failed > 0 {
        tracing::warn!(failed, "mail that will not be tried again by itself");
    }
    metrics::counter!("mail_sent_total").increment(sent.into());
    metrics::counter!("mail_failed_total").increment(failed.into());
    Ok(format!("{sent} sent, {put_off} put off, {failed} failed"))
}

async fn attempt(app: &AppState, mail: &ClaimedMail) -> MailOutcome {
    if mail.attempts > ATTEMPTS {
        // Each claim ended without an outcome: the process did not live to tell.
        return MailOutcome::Failed { error: "Given up: no attempt came to an end.".to_owned() };
    }
    let stored = Sealed { key: mail.body_key.clone(), token: mail.body.clone() };
    let text = match app.vault().open(&cell(mail.id), &stored) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(mail = %mail.id, %error, "a stored mail does not open");
            return MailOutcome::Failed { error: "The stored text does not open.".to_owned() };
        }
    };
    let clear = Clear {
        id: mail.id.to_string(),
        to: &mail.to,
        subject: &mail.subject,
        text: text.expose(),
        at: mail.created_at,
    };
    match app.settings().mail.deliver(&clear).await {
        Ok(()) => MailOutcome::Sent,
        Err(Refusal::Never(error)) => MailOutcome::Failed { error },
        Err(Refusal::Later(error)) if mail.attempts >= ATTEMPTS => MailOutcome::Failed { error },
        Err(Refusal::Later(error)) => MailOutcome::Later { error, next: app.now() + pause(mail.attempts) },
    }
}

fn pause(attempts: u32) -> TimeDelta {
    FIRST_PAUSE * 2_i32.saturating_pow(attempts.saturating_sub(1).min(12))
}

/// Job: forgets mail that was sent long ago, and links that ran out.
pub(crate) async fn forget(app: &AppState) -> ApiResult<String> {
    let mut sign_in = app.store().sign_in().await?;
    let links = sign_in.purge_links(app.now()).await?;
    sign_in.commit().await?;
    let mut scope = app.background_scope("mail").await?;
    let mails = scope.purge_mail(app.now() - KEPT_FOR).await?;
    scope.commit_unaudited().await?;
    Ok(format!("{links} links and {mails} sent mails forgotten"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_outlast_a_night() {
        let pauses: TimeDelta = (1..ATTEMPTS).map(pause).sum();
        assert_eq!(pause(1), TimeDelta::minutes(1));
        assert!(pauses > TimeDelta::hours(8) && pauses < TimeDelta::hours(9), "{pauses}");
    }
}
