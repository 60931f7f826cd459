//! Links in mails. Their tokens are 256 random bits, kept as a digest, looked up by it.
//!
//! # What asking for one tells
//! Nothing: asking is one write of the same row whatever the address, and who has it is looked up later, by a job, which
//! writes to the address alone. So the answer and its time are the same for everybody.

use axum::Json;
use axum::http::StatusCode;
use chrono::TimeDelta;
use proofline_core::{Email, Secret};
use proofline_store::{AskedLink, NewLink};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::AppState;
use crate::http::{Anonymous, ApiResult, Problem};
use crate::mail::{Letters, sealed};

/// So many links of a kind work at once for one person: a mailbox is not to be flooded by whoever knows its address.
const AT_ONCE: i64 = 3;
/// Most requests that one run of the job looks at; the rest comes at the next.
const MOST: usize = 100;

const fn lifetime(link: AskedLink) -> TimeDelta {
    match link {
        AskedLink::PasswordReset => TimeDelta::minutes(30),
        AskedLink::SignIn => TimeDelta::minutes(15),
    }
}

/// Who asks for a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailedLinkRequest {
    /// The address.
    #[schema(format = "email")]
    email: String,
}

/// The one answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailedLinkAnswer {
    /// What happens next.
    detail: &'static str,
}

/// A token, and what is kept of it.
pub(crate) fn fresh(app: &AppState) -> (String, [u8; 32]) {
    let token = hex::encode(app.entropy().bytes::<32>());
    let digest = Sha256::digest(&token).into();
    (token, digest)
}

/// What is kept of a token that somebody presents.
pub(crate) fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}

/// The one answer to a token that opens nothing, whatever the reason.
pub(crate) fn dead() -> Problem {
    Problem::forbidden("link_invalid", "This link was used already, is too old, or was withdrawn.")
}

/// Notes that a link was asked for. Answers alike whether there is such a person or not.
pub(super) async fn ask(
    call: &Anonymous,
    link: AskedLink,
    request: MailedLinkRequest,
) -> ApiResult<(StatusCode, Json<MailedLinkAnswer>)> {
    let email: Email = request
        .email
        .parse()
        .map_err(|_| Problem::invalid("email", "email_invalid", "This is not an e-mail address."))?;
    let account = call.app.passwords().account(email.as_str());
    let mut sign_in = call.app.store().sign_in().await?;
    sign_in.request_link(link, &account, &email, call.at).await?;
    sign_in.commit().await?;
    let detail = "If somebody has this address, a mail with a link is on its way.";
    Ok((StatusCode::ACCEPTED, Json(MailedLinkAnswer { detail })))
}

/// Job: writes to those who asked and are somebody.
pub(crate) async fn answer_requests(app: &AppState) -> ApiResult<String> {
    let (mut asked, mut written) = (0, 0);
    while asked < MOST {
        let at = app.now();
        let mut sign_in = app.store().sign_in().await?;
        let Some(request) = sign_in.take_link_request(at, AT_ONCE).await? else { break };
        asked += 1;
        if let Some((user, email)) = request.recipient {
            let ((token, digest), letters) = (fresh(app), Letters::of(app));
            let (purpose, expires_at) = (request.link.purpose(), at + lifetime(request.link));
            sign_in.create_link(&NewLink { digest, user, purpose, at, expires_at }).await?;
            let letter = match request.link {
                AskedLink::PasswordReset => letters.password_reset(&email, &token),
                AskedLink::SignIn => letters.sign_in_link(&email, &token),
            };
            sign_in.queue_mail(&sealed(app, letter, at)).await?;
            written += 1;
        }
        sign_in.commit().await?;
    }
    Ok(format!("{written} of {asked} who asked for a link written to"))
}
