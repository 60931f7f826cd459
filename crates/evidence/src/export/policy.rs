//! The policy file: whose log this is and which two keys everything else hangs on.

use proofline_core::{InstallationId, SiteId};
use serde::Serialize;

use crate::note::{Checkpoint, NoteKey, SignatureKind};
use crate::{Defect, PublicKey, Reason, json};

const FORMAT: &str = "proofline-export-v1";
const MAX_POLICY_BYTES: usize = 8 * 1024;

/// What an export says about itself. An auditor compares the checkpoint key with the one received beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The deployment.
    pub installation: InstallationId,
    /// The site whose log this is.
    pub site: SiteId,
    /// The first key of the log's checkpoints; those behind it are in a file of their own. Its name is the installation's id.
    pub checkpoint_key: NoteKey,
    /// The key of the server's statements that was valid at the log's first entry. Later ones are in the log.
    pub server_facts_key: PublicKey,
}

impl Policy {
    /// A policy for the site's log.
    pub fn new(
        installation: InstallationId,
        site: SiteId,
        checkpoint_key: PublicKey,
        server_facts_key: PublicKey,
    ) -> Result<Self, Defect> {
        let name = Checkpoint::key_name(installation);
        let checkpoint_key = NoteKey::new(&name, SignatureKind::Plain, checkpoint_key)?;
        Ok(Self { installation, site, checkpoint_key, server_facts_key })
    }

    /// The log's origin.
    pub fn origin(&self) -> String {
        Checkpoint::origin_of(self.installation, self.site)
    }

    /// The bytes of the file.
    ///
    /// # Panics
    /// Never: it holds strings only.
    pub fn to_bytes(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct File<'a> {
            format: &'a str,
            origin: String,
            installation: InstallationId,
            site: SiteId,
            checkpoint_key: String,
            server_facts_key: String,
        }
        let file = File {
            format: FORMAT,
            origin: self.origin(),
            installation: self.installation,
            site: self.site,
            checkpoint_key: self.checkpoint_key.to_string(),
            server_facts_key: self.server_facts_key.to_base64(),
        };
        let mut bytes = serde_json::to_vec_pretty(&file).expect("strings only");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the file strictly; the origin and the key's name must be those of installation and site.
    pub fn parse(bytes: &[u8]) -> Result<Self, Defect> {
        let mut file = json::read(bytes, MAX_POLICY_BYTES)?.into_object("policy")?;
        if file.text("format")? != FORMAT {
            return Err(Defect::new(Reason::FieldValue, format!("`format` is not {FORMAT}")));
        }
        let origin = file.text("origin")?.into_owned();
        let installation = file.parsed("installation")?;
        let site = file.parsed("site")?;
        let checkpoint_key: NoteKey = file.text("checkpoint_key")?.parse()?;
        let server_facts_key = PublicKey::from_base64(&file.text("server_facts_key")?)?;
        file.finish()?;
        let policy = Self { installation, site, checkpoint_key, server_facts_key };
        let named = policy.checkpoint_key.name() == Checkpoint::key_name(installation)
            && policy.checkpoint_key.kind() == SignatureKind::Plain;
        if origin != policy.origin() || !named {
            return Err(Defect::new(Reason::PolicyMismatch, "origin or key name belong to another log"));
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use proofline_core::{Entropy, SeededEntropy};

    use super::*;
    use crate::SigningKey;

    #[test]
    fn a_policy_comes_back_and_a_contradiction_does_not() {
        let entropy: &dyn Entropy = &SeededEntropy::new(1);
        let at = proofline_core::Timestamp::default();
        let (installation, site) = (InstallationId::new(at, entropy), SiteId::new(at, entropy));
        let key = |seed| SigningKey::from_seed(&[seed; 32]).public_key().clone();
        let policy = Policy::new(installation, site, key(1), key(2)).expect("sound");
        assert_eq!(Policy::parse(&policy.to_bytes()).as_ref(), Ok(&policy));
        let other = SiteId::new(at, entropy).to_string();
        let text = String::from_utf8(policy.to_bytes()).expect("UTF-8");
        let mixed = text.replacen(&site.to_string(), &other, 1);
        assert_eq!(Policy::parse(mixed.as_bytes()).expect_err("mixed").reason, Reason::PolicyMismatch);
    }
}
