//! The signed note itself: text, empty line, signature lines.

use super::note_key::is_key_name;
use super::{MAX_NOTE_BYTES, MAX_SIGNATURES, NoteKey, SignatureKind};
use crate::{Defect, Reason, Signature, SigningKey, encoding};

/// A parsed note. Its text is not to be believed before [`Note::verify`] accepted a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's hash.
    pub hash: [u8; 4],
    /// The signature, in the encoding of the key's kind.
    pub signature: Vec<u8>,
}

impl Note {
    /// Reads a note of at most [`MAX_NOTE_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Defect> {
        let refused = |detail: &str| Defect::new(Reason::NoteMalformed, detail);
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(refused("too large"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| refused("not UTF-8"))?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(refused("control characters"));
        }
        let split = note.rfind("\n\n").ok_or_else(|| refused("no empty line before the signatures"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        let lines = lines.strip_suffix('\n').ok_or_else(|| refused("the last line does not end"))?;
        let signatures = lines.split('\n').map(NoteSignature::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(refused("too many signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// A note without signatures yet. The text ends with a line feed and has no control characters besides.
    pub fn unsigned(text: impl Into<String>) -> Result<Self, Defect> {
        let text = text.into();
        if !text.ends_with('\n') || text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(Defect::new(Reason::NoteMalformed, "the text does not end with a line feed"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// The text, with its final line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures as they stand there, verified or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Whether a signature claims to be of this key.
    pub(super) fn names(&self, key: &NoteKey) -> bool {
        self.signatures.iter().any(|line| line.name == key.name() && line.hash == key.hash())
    }

    /// Adds a signature that was made elsewhere: a witness's cosignature.
    pub fn add_signature(&mut self, signature: NoteSignature) {
        self.signatures.push(signature);
    }

    /// Signs the text, plainly.
    pub fn sign(&mut self, name: &str, key: &SigningKey) -> Result<(), Defect> {
        let note_key = NoteKey::new(name, SignatureKind::Plain, key.public_key().clone())?;
        let signature = key.sign(self.text.as_bytes()).to_vec();
        self.signatures.push(NoteSignature { name: name.to_owned(), hash: note_key.hash(), signature });
        Ok(())
    }

    /// Signs the text with a time (cosignature/v1). `seconds` counts from 1970.
    pub fn sign_timestamped(&mut self, name: &str, key: &SigningKey, seconds: u64) -> Result<(), Defect> {
        let note_key = NoteKey::new(name, SignatureKind::Timestamped, key.public_key().clone())?;
        let mut signature = seconds.to_be_bytes().to_vec();
        signature.extend_from_slice(&key.sign(timestamped_message(&self.text, seconds).as_bytes()));
        self.signatures.push(NoteSignature { name: name.to_owned(), hash: note_key.hash(), signature });
        Ok(())
    }

    /// Verifies the signature of `key`: [`Reason::NoteUnsigned`] if there is none, [`Reason::NoteSignature`] if one does not
    /// verify. For a timestamped key the time is returned, in seconds since 1970 (the earliest, should there be several).
    pub fn verify(&self, key: &NoteKey) -> Result<Option<u64>, Defect> {
        let by_key: Vec<_> = self
            .signatures
            .iter()
            .filter(|line| line.name == key.name() && line.hash == key.hash())
            .collect();
        if by_key.is_empty() {
            return Err(Defect::new(Reason::NoteUnsigned, "no signature of the expected key"));
        }
        let mut times = Vec::new();
        for line in by_key {
            times.push(line.verify(&self.text, key)?);
        }
        Ok(times.into_iter().flatten().min())
    }
}

impl NoteSignature {
    /// Reads one signature line, without its line feed: `— name base64`.
    pub fn parse(line: &str) -> Result<Self, Defect> {
        let refused = || Defect::new(Reason::NoteMalformed, "a signature line is not `— name base64`");
        let (name, signature) =
            line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or_else(refused)?;
        if !is_key_name(name) {
            return Err(refused());
        }
        let bytes = encoding::decode(signature)?;
        let (hash, signature) = bytes.split_first_chunk::<4>().ok_or_else(refused)?;
        if signature.is_empty() {
            return Err(refused());
        }
        Ok(Self { name: name.to_owned(), hash: *hash, signature: signature.to_vec() })
    }

    fn verify(&self, text: &str, key: &NoteKey) -> Result<Option<u64>, Defect> {
        let refused = |_| Defect::new(Reason::NoteSignature, "verification failed");
        let length = || Defect::new(Reason::NoteSignature, "the signature has another length");
        match key.kind() {
            SignatureKind::Plain => {
                let signature: Signature = self.signature.as_slice().try_into().map_err(|_| length())?;
                key.public_key().verify(text.as_bytes(), &signature).map_err(refused)?;
                Ok(None)
            }
            SignatureKind::Timestamped => {
                let (seconds, signature) = self.signature.split_first_chunk::<8>().ok_or_else(length)?;
                let seconds = u64::from_be_bytes(*seconds);
                let signature: Signature = signature.try_into().map_err(|_| length())?;
                let message = timestamped_message(text, seconds);
                key.public_key().verify(message.as_bytes(), &signature).map_err(refused)?;
                Ok(Some(seconds))
            }
        }
    }
}

impl std::fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [&self.hash[..], &self.signature].concat();
        write!(f, "\u{2014} {} {}", self.name, encoding::encode(bytes))
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// tlog-cosignature, "Ed25519 signed message".
fn timestamped_message(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}
