//! This installation as a relying party of WebAuthn: what it asks of an authenticator, and what it makes of the answer.
//!
//! # What is promised
//! - The relying party's id and the one accepted origin follow from the public address and from nothing else.
//! - The authenticator verifies its user, always: possession alone is no proof here.
//! - An answer is checked against the passkey as it is stored when the answer comes, so a counter that moved on, or a
//!   passkey that was taken away, since the ceremony began counts.
//!
//! Which makes of authenticators people use is not looked at; no attestation is asked for.
//!
//! Two things are not handed in here as everywhere else, because the library takes care of them itself: the challenge is
//! 32 bytes of the operating system's generator, and its clock is looked at only for certificates of attestations.

use chrono::TimeDelta;
use proofline_core::UserId;
use proofline_store::Passkey as StoredPasskey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder, WebauthnError,
};
use webauthn_rs_proto::{AllowCredentials, ResidentKeyRequirement};

use crate::AppState;
use crate::http::{ApiResult, Problem, Session};

/// How long a ceremony may take.
pub(super) const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// Asks authenticators, and judges their answers.
pub(crate) struct RelyingParty(Webauthn);

/// The first half of a ceremony.
pub(super) struct Begun {
    /// For the browser.
    pub(super) public_key: Value,
    /// For the second half; it never leaves the server.
    pub(super) state: Value,
}

/// A passkey that an authenticator made.
pub(super) struct Made {
    pub(super) credential_id: Vec<u8>,
    pub(super) credential: Value,
}

/// Why an answer is not accepted, for the audit log.
pub(super) type Why = &'static str;

impl RelyingParty {
    /// Browsers know passkeys under a name over HTTPS, and on the machine itself.
    pub(super) fn of(app: &AppState) -> ApiResult<Self> {
        Self::at(&app.settings().public_url, &app.installation_name())
    }

    /// The relying party at this public address, by this name.
    pub(crate) fn at(public_url: &str, name: &str) -> ApiResult<Self> {
        let origin = Url::parse(public_url).map_err(|e| Problem::internal(&e))?;
        let id = origin.domain().filter(|name| origin.scheme() == "https" || *name == "localhost");
        let id = id.ok_or_else(|| {
            Problem::conflict(
                "passkeys_unavailable",
                "This server's public address is not a name over HTTPS, so browsers make no passkeys for it.",
            )
        })?;
        let built = WebauthnBuilder::new(id, &origin)
            .and_then(|builder| builder.rp_name(name).timeout(LIFETIME.to_std().unwrap_or_default()).build());
        built.map(Self).map_err(|e| Problem::internal(&e))
    }

    /// Asks for a new passkey: one that is found without a user name where the authenticator has room for it, and none
    /// of those that the person has.
    pub(super) fn ask_new(&self, session: &Session, known: &[StoredPasskey]) -> ApiResult<Begun> {
        let known: Vec<_> = known
            .iter()
            .map(|passkey| Ok(read_passkey(&passkey.credential)?.cred_id().clone()))
            .collect::<ApiResult<_>>()?;
        let Session { user, email, name, .. } = session;
        let (mut options, state) = self
            .0
            .start_passkey_registration(user.uuid(), email.as_str(), name, Some(known))
            .map_err(|e| Problem::internal(&e))?;
        if let Some(selection) = &mut options.public_key.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Preferred);
        }
        Ok(Begun { public_key: written(&options.public_key)?, state: written(&state)? })
    }

    /// What an authenticator made.
    pub(super) fn made(
        &self,
        state: Value,
        answer: &RegisterPublicKeyCredential,
    ) -> ApiResult<Result<Made, Why>> {
        let Ok(state) = serde_json::from_value::<PasskeyRegistration>(state) else {
            return Ok(Err("ceremony"));
        };
        match self.0.finish_passkey_registration(answer, &state) {
            Ok(passkey) => {
                Ok(Ok(Made { credential_id: passkey.cred_id().clone(), credential: written(&passkey)? }))
            }
            Err(error) => Ok(Err(why(&error))),
        }
    }

    /// Asks for a proof of one of these passkeys, or without any, of whichever the authenticator finds for this site.
    pub(super) fn ask_proof(&self, of: &[StoredPasskey]) -> ApiResult<Begun> {
        let (options, state) =
            self.0.start_discoverable_authentication().map_err(|e| Problem::internal(&e))?;
        let mut public_key = options.public_key;
        public_key.extensions = None; // nothing here reads them
        public_key.allow_credentials = of
            .iter()
            .map(|passkey| {
                Ok(AllowCredentials {
                    type_: "public-key".to_owned(),
                    id: read_passkey(&passkey.credential)?.cred_id().clone(),
                    transports: None,
                })
            })
            .collect::<ApiResult<_>>()?;
        Ok(Begun { public_key: written(&public_key)?, state: written(&state)? })
    }

    /// What a passkey is after it was proved, if it was: its counter and whether it is backed up may have changed.
    pub(super) fn proved(
        &self,
        state: Value,
        answer: &PublicKeyCredential,
        credential: &Value,
    ) -> ApiResult<Result<Value, Why>> {
        let Ok(state) = serde_json::from_value::<DiscoverableAuthentication>(state) else {
            return Ok(Err("ceremony"));
        };
        let mut passkey = read_passkey(credential)?;
        match self.0.finish_discoverable_authentication_v2(answer, state, &passkey) {
            Ok(result) => {
                passkey.update_credential(&result);
                Ok(Ok(written(&passkey)?))
            }
            Err(error) => Ok(Err(why(&error))),
        }
    }
}

impl RelyingParty {
    /// Whether an answer makes a passkey in a ceremony that begins now; as the answer to an earlier one, it may not.
    pub(crate) fn counts(&self, answer: &[u8]) -> bool {
        if let Ok(answer) = serde_json::from_slice::<PublicKeyCredential>(answer) {
            let _ = holder(&answer);
        }
        let Ok(answer) = serde_json::from_slice::<RegisterPublicKeyCredential>(answer) else { return false };
        let begun = self.0.start_passkey_registration(uuid::Uuid::nil(), "eve@clinic.example", "Eve", None);
        begun.is_ok_and(|(_, state)| self.0.finish_passkey_registration(&answer, &state).is_ok())
    }
}

/// Whose passkey an authenticator says that it found.
pub(super) fn holder(answer: &PublicKeyCredential) -> Option<UserId> {
    let bytes: [u8; 16] = answer.get_user_unique_id()?.try_into().ok()?;
    Some(UserId::from_uuid(uuid::Uuid::from_bytes(bytes)))
}

/// Whether an authenticator says that the passkey is of somebody else. It need not say anything.
pub(super) fn names_another(answer: &PublicKeyCredential, user: UserId) -> bool {
    answer.get_user_unique_id().is_some_and(|handle| handle != user.uuid().as_bytes())
}

fn read_passkey(credential: &Value) -> ApiResult<Passkey> {
    Passkey::deserialize(credential).map_err(|e| Problem::internal(&e))
}

fn written(value: &impl Serialize) -> ApiResult<Value> {
    serde_json::to_value(value).map_err(|e| Problem::internal(&e))
}

fn why(error: &WebauthnError) -> Why {
    match error {
        WebauthnError::MismatchedChallenge => "challenge",
        WebauthnError::InvalidRPOrigin | WebauthnError::CredentialCrossOrigin => "origin",
        WebauthnError::InvalidRPIDHash => "relying_party",
        WebauthnError::UserNotPresent | WebauthnError::UserNotVerified => "user_not_verified",
        WebauthnError::AuthenticationFailure => "signature",
        WebauthnError::CredentialPossibleCompromise => "counter_went_back",
        WebauthnError::CredentialNotFound => "unknown_passkey",
        // Everything else is an answer that no honest authenticator gives.
        _ => "malformed",
    }
}
