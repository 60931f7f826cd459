//! The two halves of an Ed25519 key.

use ed25519_dalek::Signer as _;

use crate::Digest;

/// The private half. Wiped from memory when dropped.
pub struct SigningKey(ed25519_dalek::SigningKey, Digest);

impl SigningKey {
    /// A key from its 32 secret bytes (RFC 8032).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let id = Digest::of(key.verifying_key().as_bytes());
        Self(key, id)
    }

    /// SHA-256 of the public half.
    pub fn key_id(&self) -> Digest {
        self.1
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key(), self.1)
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The public half, ready to verify with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey, Digest);

impl PublicKey {
    /// A key from its 32 bytes; none for a weak one or one that is no point in canonical form.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?;
        (!key.is_weak() && key.to_edwards().compress().as_bytes() == bytes)
            .then(|| Self(key, Digest::of(bytes)))
    }

    /// SHA-256 of the 32 bytes.
    pub fn key_id(&self) -> Digest {
        self.1
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}
