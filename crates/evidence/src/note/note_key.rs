//! Verifier keys: a name, a kind of signature and a public key, written as `name+hash+base64`.

use std::fmt;
use std::str::FromStr;

use crate::{Defect, Digest, PublicKey, Reason, encoding};

/// What kind of signature a key makes under notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureKind {
    /// Ed25519 over the note's text (signed-note, type `01`).
    Plain,
    /// cosignature/v1: Ed25519 over a time and the note's text (tlog-cosignature, type `04`).
    Timestamped,
}

impl SignatureKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Plain => 1,
            Self::Timestamped => 4,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Plain, Self::Timestamped].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// A key that notes are verified with. The text form (vkey) is what an auditor is given beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    kind: SignatureKind,
    key: PublicKey,
}

impl NoteKey {
    /// A key under a name: not empty, no Unicode space, no `+`, no control characters.
    pub fn new(name: &str, kind: SignatureKind, key: PublicKey) -> Result<Self, Defect> {
        if !is_key_name(name) {
            return Err(Defect::new(
                Reason::NoteKeyMalformed,
                "the key's name is empty or holds a space or `+`",
            ));
        }
        Ok(Self { name: name.to_owned(), kind, key })
    }

    /// The name on the signature line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of signature it makes.
    pub fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The key itself.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The four bytes on the signature line: the beginning of `SHA-256(name ‖ LF ‖ kind ‖ key)`.
    pub fn hash(&self) -> [u8; 4] {
        let digest =
            Digest::of_parts(&[self.name.as_bytes(), b"\n", &[self.kind.byte()], self.key.as_bytes()]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        [a, b, c, d]
    }

    /// The same name and public key as another kind. A checkpoint key signs plainly and with a time.
    #[must_use]
    pub fn as_kind(&self, kind: SignatureKind) -> Self {
        Self { name: self.name.clone(), kind, key: self.key.clone() }
    }
}

/// Signed-note's rule for names.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c == '+' || c.is_control())
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.kind.byte()], &self.key.as_bytes()[..]].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.hash()), encoding::encode(material))
    }
}

impl FromStr for NoteKey {
    type Err = Defect;

    fn from_str(text: &str) -> Result<Self, Defect> {
        let refused = |detail: &str| Defect::new(Reason::NoteKeyMalformed, detail);
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refused("expected name+hash+key"));
        };
        let material: [u8; 33] = encoding::decode_array(material, Reason::NoteKeyMalformed)?;
        let (kind, key) = material.split_first().ok_or_else(|| refused("the key is empty"))?;
        let kind = SignatureKind::from_byte(*kind).ok_or_else(|| refused("not an Ed25519 key"))?;
        let key = key.try_into().map_err(|_| refused("not 32 bytes"))?;
        let parsed = Self::new(name, kind, PublicKey::from_bytes(key)?)?;
        if hex::encode(parsed.hash()) != hash {
            return Err(refused("the hash does not belong to name and key"));
        }
        Ok(parsed)
    }
}
