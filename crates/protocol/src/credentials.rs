//! Credentials for what an appliance looks after, sealed to that appliance's own key.
//!
//! The server takes a credential once, seals it and forgets it: HPKE (RFC 9180, base mode) with DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256 and ChaCha20-Poly1305, to the X25519 form of the Ed25519 key that the appliance enrolled with. What it is
//! for stands in the authenticated data: appliance, credential, version and name. A copy for another appliance, an older
//! version in the place of a newer one and an exchanged name do not open.
//!
//! The set is signed by the server under its `orders` key: HPKE says who can read, the signature who wrote.

use std::convert::Infallible;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use proofline_core::{ApplianceId, CredentialId, Entropy, InstallationId, Secret, Timestamp};
use proofline_evidence::{PublicKey, SigningKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Base64, Text};

/// The DSSE payload type of a set of credentials.
pub const CREDENTIALS_PAYLOAD_TYPE: &str = "application/vnd.proofline.credentials+json";

/// The most credentials of one appliance.
pub const MAX_CREDENTIALS: usize = 50;
/// The most bytes of a user name.
pub const MAX_USERNAME_BYTES: usize = 256;
/// The most bytes of a secret: a private key in PEM fits.
pub const MAX_SECRET_BYTES: usize = 4096;
/// The most bytes of one sealed credential: the two above in JSON, six bytes for the worst of theirs, and its frame.
pub const MAX_SEALED_BYTES: usize = 32 * 1024;

/// Separates these envelopes from any other use of the same key.
const INFO: &[u8] = b"proofline credential v1";
/// The length of a plain text is a multiple of this, so that a sealed credential does not tell how long its secret is.
const PADDED_TO: usize = 256;
const ENCAPSULATED: usize = 32;

/// Everything that one appliance is to hold, whole each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialSet {
    /// Which Central Command.
    pub installation: InstallationId,
    /// The one appliance that it is for.
    pub appliance: ApplianceId,
    /// Grows with every change. An agent refuses a version below the one it has.
    pub version: u64,
    /// When it was signed.
    #[serde(deserialize_with = "crate::field::time")]
    pub issued: Timestamp,
    /// The credentials.
    #[serde(deserialize_with = "crate::field::at_most::<MAX_CREDENTIALS, _, _>")]
    pub credentials: Vec<SealedCredential>,
}

/// One credential as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedCredential {
    /// Which.
    pub id: CredentialId,
    /// What people call it.
    pub name: Text<1, 60>,
    /// Grows each time it is set anew.
    pub version: u64,
    /// The encapsulated key and the cipher text.
    pub envelope: Base64<MAX_SEALED_BYTES>,
}

/// What a credential is for: authenticated with it.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// Whose.
    pub appliance: ApplianceId,
    /// Which.
    pub credential: CredentialId,
    /// Its version.
    pub version: u64,
    /// What people call it.
    pub name: &'a str,
}

/// What is inside.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Who to sign in as; empty where there is no such thing.
    pub username: Secret,
    /// What to sign in with.
    pub secret: Secret,
}

/// It was not sealed to this key, or not for this purpose, or it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a credential that was not sealed for this appliance and this purpose")]
pub struct NotOurs;

impl Purpose<'_> {
    /// Fixed lengths first, the name last: no two purposes read the same.
    fn authenticated(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(40 + self.name.len());
        data.extend_from_slice(self.appliance.uuid().as_bytes());
        data.extend_from_slice(self.credential.uuid().as_bytes());
        data.extend_from_slice(&self.version.to_be_bytes());
        data.extend_from_slice(self.name.as_bytes());
        data
    }
}

impl Login {
    fn to_plain(&self) -> Zeroizing<Vec<u8>> {
        #[derive(Serialize)]
        struct Plain<'a> {
            username: &'a str,
            secret: &'a str,
        }
        let plain = Plain { username: self.username.expose(), secret: self.secret.expose() };
        let mut bytes = Zeroizing::new(serde_json::to_vec(&plain).expect("texts always serialise"));
        // White space after a JSON value means nothing.
        let padded = bytes.len().next_multiple_of(PADDED_TO);
        bytes.resize(padded, b' ');
        bytes
    }
}

struct Source<'a>(&'a dyn Entropy);

impl TryRng for Source<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.0.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.0.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Source<'_> {}

type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Seals a login to an appliance's key. Nobody but the appliance opens it again.
#[expect(clippy::missing_panics_doc, reason = "cannot: see the messages")]
pub fn seal(key: &PublicKey, purpose: &Purpose<'_>, login: &Login, entropy: &dyn Entropy) -> Vec<u8> {
    let public = Public::from_bytes(&key.to_x25519()).expect("any 32 bytes are an X25519 key");
    let (encapsulated, sealed) =
        hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            INFO,
            &login.to_plain(),
            &purpose.authenticated(),
            &mut Source(entropy),
        )
        .expect("a key of prime order always gives a shared secret, and one message is no limit");
    [encapsulated.to_bytes().as_slice(), &sealed].concat()
}

/// Opens what was sealed to this key for this purpose.
///
/// # Errors
/// When it was not.
pub fn open(key: &SigningKey, purpose: &Purpose<'_>, envelope: &[u8]) -> Result<Login, NotOurs> {
    let (encapsulated, sealed) = envelope.split_at_checked(ENCAPSULATED).ok_or(NotOurs)?;
    let private = Private::from_bytes(&*key.to_x25519()).map_err(|_| NotOurs)?;
    let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| NotOurs)?;
    let plain = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &private,
        &encapsulated,
        INFO,
        sealed,
        &purpose.authenticated(),
    );
    let plain = Zeroizing::new(plain.map_err(|_| NotOurs)?);
    serde_json::from_slice(&plain).map_err(|_| NotOurs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofline_core::SeededEntropy;

    fn login(secret: &str) -> Login {
        Login { username: Secret::new("backup"), secret: Secret::new(secret) }
    }

    struct Bench {
        key: SigningKey,
        appliance: ApplianceId,
        credential: CredentialId,
        entropy: SeededEntropy,
    }

    impl Bench {
        fn new() -> Self {
            let (entropy, at) = (SeededEntropy::new(1), Timestamp::UNIX_EPOCH);
            let (appliance, credential) = (ApplianceId::new(at, &entropy), CredentialId::new(at, &entropy));
            Self { key: SigningKey::generate(&entropy), appliance, credential, entropy }
        }

        fn purpose(&self) -> Purpose<'static> {
            Purpose { appliance: self.appliance, credential: self.credential, version: 3, name: "nas" }
        }

        fn seal(&self, secret: &str) -> Vec<u8> {
            seal(self.key.public_key(), &self.purpose(), &login(secret), &self.entropy)
        }
    }

    #[test]
    fn only_the_appliance_opens_it_and_only_for_what_it_is() {
        let bench = Bench::new();
        let sealed = bench.seal("plum\n\"tractor\"");
        let opened = open(&bench.key, &bench.purpose(), &sealed).expect("opens");
        assert_eq!((opened.username.expose(), opened.secret.expose()), ("backup", "plum\n\"tractor\""));
        assert!(!format!("{opened:?}").contains("plum"));

        let stranger = SigningKey::from_seed(&[9; 32]);
        assert_eq!(open(&stranger, &bench.purpose(), &sealed).map(drop), Err(NotOurs));
        let (ours, at) = (bench.purpose(), Timestamp::UNIX_EPOCH);
        for other in [
            Purpose { appliance: ApplianceId::new(at, &bench.entropy), ..ours },
            Purpose { credential: CredentialId::new(at, &bench.entropy), ..ours },
            Purpose { version: 2, ..ours },
            Purpose { name: "na", ..ours },
        ] {
            assert_eq!(open(&bench.key, &other, &sealed).map(drop), Err(NotOurs), "{other:?}");
        }
    }

    #[test]
    fn a_changed_or_cut_envelope_does_not_open() {
        let bench = Bench::new();
        let sealed = bench.seal("plum");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(open(&bench.key, &bench.purpose(), &changed).map(drop), Err(NotOurs), "byte {place}");
        }
        for length in [0, 31, 32, 47, sealed.len() - 1] {
            assert_eq!(open(&bench.key, &bench.purpose(), &sealed[..length]).map(drop), Err(NotOurs));
        }
    }

    #[test]
    fn nothing_repeats_and_the_length_tells_nothing() {
        let bench = Bench::new();
        let (one, two) = (bench.seal("plum"), bench.seal("plum"));
        assert_ne!(one[..ENCAPSULATED], two[..ENCAPSULATED]);
        assert_eq!(one.len(), bench.seal(&"x".repeat(100)).len());
        // NUL cannot be sent; of what can, control characters are the worst.
        let most = login(&"\u{1}".repeat(MAX_SECRET_BYTES));
        let worst = Login { username: Secret::new("\u{1}".repeat(MAX_USERNAME_BYTES)), ..most };
        let sealed = seal(bench.key.public_key(), &bench.purpose(), &worst, &bench.entropy);
        assert!(sealed.len() <= MAX_SEALED_BYTES, "{}", sealed.len());
    }

    #[test]
    fn both_halves_of_a_key_convert_to_one_x25519_pair() {
        for seed in 0..32 {
            let key = SigningKey::from_seed(&[seed; 32]);
            let private = Private::from_bytes(&*key.to_x25519()).expect("32 bytes");
            let public = X25519HkdfSha256::sk_to_pk(&private);
            assert_eq!(public.to_bytes().as_slice(), key.public_key().to_x25519());
        }
    }
}
