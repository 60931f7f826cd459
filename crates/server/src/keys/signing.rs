//! The server's own signing keys, one per role. A key never signs in another role.

use proofline_core::Entropy;
use proofline_evidence::SigningKey;
use proofline_protocol::KeyRole;

/// One key per role.
pub struct ServerKeys {
    /// Statements that the server itself adds to a log.
    pub server_facts: SigningKey,
    /// Checkpoints of every site's log.
    pub checkpoint: SigningKey,
    /// Orders for one appliance.
    pub orders: SigningKey,
    /// Rule sets.
    pub rules: SigningKey,
}

impl ServerKeys {
    /// Four fresh keys.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let make = || SigningKey::generate(entropy);
        Self { server_facts: make(), checkpoint: make(), orders: make(), rules: make() }
    }

    /// The key of a role.
    pub fn of(&self, role: KeyRole) -> &SigningKey {
        match role {
            KeyRole::ServerFacts => &self.server_facts,
            KeyRole::Checkpoint => &self.checkpoint,
            KeyRole::Orders => &self.orders,
            KeyRole::Rules => &self.rules,
        }
    }
}
