//! Ed25519 keys that cannot be wrong.
//!
//! Invariants: a [`PublicKey`] is the canonical encoding of a point of prime order, so every conforming verifier
//! (cofactored or not) takes the same decision about its signatures; verification is always the strict one; a
//! [`SigningKey`] is wiped when dropped and never prints itself. This module does not know what a key is used for.

use std::fmt;

use ed25519_dalek::Signer as _;
use proofline_core::Entropy;
use zeroize::Zeroizing;

use crate::{Defect, Digest, Reason, encoding};

/// An Ed25519 signature, as bytes.
pub type Signature = [u8; 64];

/// The name of a key: the SHA-256 of its 32 bytes.
pub type KeyId = Digest;

/// An Ed25519 public key. Making one costs about one verification (the order is checked): keep it, do not re-parse it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// Takes the 32 bytes of RFC 8032, section 5.1.5.
    ///
    /// Refused: no point on the curve or not its canonical encoding ([`Reason::KeyMalformed`]); a point of small or mixed
    /// order ([`Reason::KeyWeak`]), which no honest key generation makes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Defect> {
        let malformed = || Defect::new(Reason::KeyMalformed, "not a canonical Ed25519 public key");
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| malformed())?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(malformed());
        }
        if key.is_weak() || !point.is_torsion_free() {
            return Err(Defect::new(Reason::KeyWeak, "the point is not of prime order"));
        }
        Ok(Self(key))
    }

    /// Takes the canonical base64 of the 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, Defect> {
        Self::from_bytes(&encoding::decode_array(text, Reason::KeyMalformed)?)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The 32 bytes in base64, as statements and policies carry them.
    pub fn to_base64(&self) -> String {
        encoding::encode(self.as_bytes())
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        Digest::of(self.as_bytes())
    }

    /// The X25519 public key of the same secret (RFC 7748, section 4.1): what is sealed to it, only the holder of this key
    /// opens.
    pub fn to_x25519(&self) -> [u8; 32] {
        self.0.to_montgomery().to_bytes()
    }

    /// Verifies strictly: canonical `S`, canonical `R` that is not of small order, the equation without cofactor.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Defect> {
        self.0
            .verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
            .map_err(|_| Defect::new(Reason::SignatureInvalid, "Ed25519 verification failed"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_base64())
    }
}

/// An Ed25519 private key. Wiped from memory when dropped.
#[derive(Clone)]
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    public: PublicKey,
}

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032, section 5.1.5). Wiping the caller's copy is the caller's part.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = PublicKey(secret.verifying_key());
        Self { secret, public }
    }

    /// A fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The seed, for the one place that stores it.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes())
    }

    /// The X25519 private key that belongs to [`PublicKey::to_x25519`]; whoever uses it clamps it.
    pub fn to_x25519(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_scalar_bytes())
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The public half's name.
    pub fn id(&self) -> KeyId {
        self.public.id()
    }

    /// Signs `message` (deterministic, RFC 8032).
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.secret.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(redacted, id {})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signing_key_does_not_print_its_seed() {
        let key = SigningKey::from_seed(&[7; 32]);
        let shown = format!("{key:?}");
        assert!(shown.contains("redacted") && !shown.contains("[7") && !shown.contains("0707"), "{shown}");
        assert_eq!(*key.seed(), [7; 32]);
    }

    #[test]
    fn what_one_key_signs_only_that_key_verifies() {
        let (key, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let signature = key.sign(b"message");
        assert_eq!(key.public_key().verify(b"message", &signature), Ok(()));
        assert!(key.public_key().verify(b"massage", &signature).is_err());
        assert!(other.public_key().verify(b"message", &signature).is_err());
    }
}
