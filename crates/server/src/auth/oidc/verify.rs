//! From a code to whom the provider vouches for.

use std::sync::Arc;

use chrono::TimeDelta;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId, IdTokenVerifier,
    LocalizedClaim, Nonce, OAuth2TokenResponse as _, PkceCodeVerifier, RequestTokenError,
    SignatureVerificationError, SubjectIdentifier, TokenResponse as _, UserInfoClaims,
};
use openidconnect::{EndUserName, core::CoreGenderClaim};
use proofline_core::{Email, Place, ProviderId, Timestamp};
use proofline_store::Provider;
use serde_json::Value;

use super::client::{Metadata, MoreClaims, Tokens};
use super::discovery::{self, Discovered};
use super::{client, providers};
use crate::AppState;
use crate::http::{ApiResult, Problem};
use crate::tenants::is_unseen;

/// Public-key algorithms alone: with a shared secret, and even more without any, whoever can write can sign.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// How far a provider's clock may be ahead, and how old a token that was made just now may be.
const AHEAD: TimeDelta = TimeDelta::minutes(1);
const OLD: TimeDelta = TimeDelta::minutes(10);
const LONGEST_SUBJECT: usize = 255;

/// Why nobody is vouched for.
pub(super) enum Failure {
    /// The provider cannot be asked.
    Unavailable(&'static str),
    /// It does not take the code, or its token does not hold. The reason is for our log and the audit log.
    Refused(&'static str),
    /// This server is not able to.
    Ours(Problem),
}

/// Whom a provider vouches for.
pub(super) struct Vouched {
    /// The provider's own name for them.
    pub(super) subject: String,
    /// What the identity token says of them.
    claims: Introduction,
    access_token: AccessToken,
    discovered: Arc<Discovered>,
}

/// How a provider introduces somebody.
#[derive(Debug, Clone, Default)]
pub(super) struct Introduction {
    email: Option<String>,
    verified: bool,
    name: Option<String>,
}

impl Introduction {
    /// The address, if the provider verified it. Letters beyond ASCII are refused: some of them become others when an
    /// address is put into lower case, and its domain is compared after that.
    pub(super) fn verified_email(&self) -> Option<Email> {
        self.email
            .as_deref()
            .filter(|text| self.verified && text.is_ascii())
            .and_then(|text| text.parse().ok())
    }

    /// What to call them: their name, or what stands in front of their address's `@`.
    pub(super) fn name(&self, email: &Email) -> String {
        let plain = |text: &str| {
            let text: String = text.chars().filter(|c| !c.is_control() && !is_unseen(*c)).collect();
            text.trim().chars().take(120).collect::<String>().trim().to_owned()
        };
        let local = email.as_str().split('@').next().unwrap_or_default();
        self.name.as_deref().map(plain).filter(|name| !name.is_empty()).unwrap_or_else(|| plain(local))
    }
}

/// Exchanges the code and verifies the token that comes of it.
pub(super) async fn exchange(
    app: &AppState,
    provider: &Provider,
    discovered: Arc<Discovered>,
    code: &str,
    verifier: PkceCodeVerifier,
    nonce: &Nonce,
) -> Result<Vouched, Failure> {
    let client = client::of(app, provider, &discovered.metadata).map_err(Failure::Ours)?;
    let request = client
        .exchange_code(AuthorizationCode::new(code.to_owned()))
        .map_err(|_| Failure::Unavailable("no token endpoint"))?
        .set_pkce_verifier(verifier);
    let tokens = request.request_async(&app.oidc().fetcher).await.map_err(|error| match error {
        RequestTokenError::Request(_) => Failure::Unavailable("token endpoint unreachable"),
        RequestTokenError::ServerResponse(_) => Failure::Refused("code not taken"),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Failure::Refused("not a token"),
    })?;
    let (subject, claims) = match verify(provider, &discovered.metadata, &tokens, nonce, app.now()) {
        Err(UNKNOWN_KEY) => {
            // The provider may sign with a new key since its keys were read.
            let again = discovery::discover_again(app, provider).await;
            let again = again.map_err(|discovery::NotDiscovered(why)| Failure::Unavailable(why))?;
            verify(provider, &again.metadata, &tokens, nonce, app.now())
        }
        verified => verified,
    }
    .map_err(Failure::Refused)?;
    Ok(Vouched { subject, claims, access_token: tokens.access_token().clone(), discovered })
}

const UNKNOWN_KEY: &str = "unknown key";

fn verify(
    provider: &Provider,
    metadata: &Metadata,
    tokens: &Tokens,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<(String, Introduction), &'static str> {
    let token = tokens.id_token().ok_or("no identity token")?;
    // Told that there is no secret, it takes no token that is signed with one.
    let verifier: IdTokenVerifier<'_, CoreJsonWebKey> = IdTokenVerifier::new_public_client(
        ClientId::new(provider.client_id.clone()),
        metadata.issuer().clone(),
        metadata.jwks().clone(),
    )
    .set_allowed_algs(ALGORITHMS)
    .set_other_audience_verifier_fn(|_| false)
    .set_time_fn(move || now)
    .set_issue_time_verifier_fn(move |issued| {
        if now - OLD <= issued && issued <= now + AHEAD { Ok(()) } else { Err(String::new()) }
    });
    let claims = token.claims(&verifier, nonce).map_err(|error| match error {
        ClaimsVerificationError::Expired(_) => "expired",
        ClaimsVerificationError::InvalidAudience(_) => "another audience",
        ClaimsVerificationError::InvalidIssuer(_) => "another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "another nonce",
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            UNKNOWN_KEY
        }
        ClaimsVerificationError::SignatureVerification(_) => "signature",
        _ => "not verifiable",
    })?;
    if claims.authorized_party().is_some_and(|party| party.as_str() != provider.client_id) {
        return Err("another party");
    }
    if let Some(expected) = claims.access_token_hash() {
        let algorithm = token.signing_alg().map_err(|_| "signature")?;
        let key = token.signing_key(&verifier).map_err(|_| "signature")?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
        if actual.as_ref() != Ok(expected) {
            return Err("another access token");
        }
    }
    let more = claims.additional_claims();
    let tenant = providers::microsoft_tenant(provider);
    if tenant.is_some() && more.tid.is_some() && tenant != more.tid.as_deref() {
        return Err("another tenant");
    }
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > LONGEST_SUBJECT || subject.chars().any(char::is_control) {
        return Err("no subject");
    }
    let introduction = Introduction {
        email: claims.email().map(|email| email.as_str().to_owned()),
        verified: verified(provider, claims.email_verified(), more),
        name: called(claims.name()),
    };
    Ok((subject.to_owned(), introduction))
}

fn metadata(document: &[u8], keys: &[u8]) -> Option<Metadata> {
    let metadata: Metadata = serde_json::from_slice(document).ok()?;
    Some(metadata.set_jwks(serde_json::from_slice(keys).ok()?))
}

/// A discovery document with its keys, read and written again.
pub(crate) fn rewritten(document: &[u8], keys: &[u8]) -> Option<Vec<u8>> {
    serde_json::to_vec(&metadata(document, keys)?).ok()
}

/// The subject of the identity token in a provider's answer to a code of the client `ours`, if it verifies.
pub(crate) fn subject(document: &[u8], keys: &[u8], answer: &[u8], now: Timestamp) -> Option<String> {
    let metadata = metadata(document, keys)?;
    let tokens: Tokens = serde_json::from_slice(answer).ok()?;
    let provider = Provider {
        id: ProviderId::from_uuid(uuid::Uuid::nil()),
        place: Place::Platform,
        name: String::new(),
        kind: String::new(),
        issuer: metadata.issuer().to_string(),
        client_id: "ours".to_owned(),
        secret: None,
        allowed_domains: Vec::new(),
        enabled: true,
        created_at: now,
    };
    let nonce = Nonce::new("nonce".to_owned());
    verify(&provider, &metadata, &tokens, &nonce, now).ok().map(|(subject, _)| subject)
}

/// Whether the provider verified the address. Microsoft says so in words of its own.
fn verified(provider: &Provider, email_verified: Option<bool>, more: &MoreClaims) -> bool {
    let by_domain_owner = provider.kind == providers::MICROSOFT
        && more.xms_edov.as_ref().is_some_and(|said| match said {
            Value::Bool(said) => *said,
            Value::Number(said) => said.as_u64() == Some(1),
            Value::String(said) => said == "1" || said == "true",
            _ => false,
        });
    email_verified == Some(true) || (email_verified.is_none() && by_domain_owner)
}

fn called(name: Option<&LocalizedClaim<EndUserName>>) -> Option<String> {
    name.and_then(|name| name.get(None)).map(|name| name.as_str().to_owned())
}

impl Vouched {
    /// How the provider introduces them: in the identity token, or else to whoever has the access token.
    pub(super) async fn introduction(&self, app: &AppState, provider: &Provider) -> ApiResult<Introduction> {
        if self.claims.email.is_some() {
            return Ok(self.claims.clone());
        }
        let client = client::of(app, provider, &self.discovered.metadata)?;
        let subject = SubjectIdentifier::new(self.subject.clone());
        let Ok(request) = client.user_info(self.access_token.clone(), Some(subject)) else {
            return Ok(Introduction::default());
        };
        // It compares the subject: the answer is about nobody else.
        let answer: Result<UserInfoClaims<MoreClaims, CoreGenderClaim>, _> =
            request.request_async(&app.oidc().fetcher).await;
        let Ok(claims) = answer else {
            tracing::warn!(provider = %provider.id, "a provider does not introduce whom it vouches for");
            return Ok(Introduction::default());
        };
        Ok(Introduction {
            email: claims.email().map(|email| email.as_str().to_owned()),
            verified: verified(provider, claims.email_verified(), claims.additional_claims()),
            name: called(claims.name()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofline_core::SeededEntropy;
    use serde_json::json;

    fn provider(kind: &str) -> Provider {
        let at = Timestamp::UNIX_EPOCH;
        Provider {
            id: ProviderId::new(at, &SeededEntropy::new(1)),
            place: Place::Platform,
            name: "P".into(),
            kind: kind.into(),
            issuer: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0".into(),
            client_id: "ours".into(),
            secret: None,
            allowed_domains: Vec::new(),
            enabled: true,
            created_at: at,
        }
    }

    #[test]
    fn an_address_is_verified_in_the_providers_own_words_and_nobody_elses() {
        let says = |edov: Value| MoreClaims { tid: None, xms_edov: Some(edov) };
        let microsoft = provider(providers::MICROSOFT);
        for yes in [json!(true), json!(1), json!("1"), json!("true")] {
            assert!(verified(&microsoft, None, &says(yes.clone())), "{yes}");
            assert!(!verified(&microsoft, Some(false), &says(yes.clone())), "what it denies, it denies");
            assert!(!verified(&provider("openid"), None, &says(yes)), "these are Microsoft's words");
        }
        for no in [json!(false), json!(0), json!("0"), json!("false"), json!(2), json!(null), json!([true])] {
            assert!(!verified(&microsoft, None, &says(no.clone())), "{no}");
        }
        assert!(verified(&provider("google"), Some(true), &MoreClaims { tid: None, xms_edov: None }));
    }

    #[test]
    fn a_name_is_printable_and_short_enough_to_keep() {
        let email: Email = "eve@clinic.example".parse().expect("valid");
        let named =
            |name: &str| Introduction { name: Some(name.to_owned()), ..Introduction::default() }.name(&email);
        assert_eq!(named(" Dr\u{0} Eve\n"), "Dr Eve");
        assert_eq!(named("\u{7}"), "eve");
        assert_eq!(named("\u{202e}evE\u{200b}"), "evE");
        assert_eq!(named("\u{3164}\u{2066}"), "eve");
        assert_eq!(named(&"x".repeat(500)).chars().count(), 120);
    }
}
