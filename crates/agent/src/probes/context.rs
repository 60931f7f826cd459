//! What a probe is told about the asset, beside what the machine itself shows.

use std::path::PathBuf;
use std::sync::Arc;

use proofline_catalog::{AssetRole, Check, Platform};

use super::memory::{Memory, NoMemory};

/// The asset that is measured.
#[derive(Clone)]
pub struct Context {
    /// What kind of system it is.
    pub platform: Platform,
    /// What it is for, as far as the server said.
    pub roles: Vec<AssetRole>,
    /// The agent's state folder, which holds its key.
    pub state_dir: PathBuf,
    /// Since when things have been seen.
    pub memory: Arc<dyn Memory>,
}

impl Default for Context {
    /// A Linux machine without a known role, with the usual state folder and without a memory.
    fn default() -> Self {
        Self {
            platform: Platform::Linux,
            roles: Vec::new(),
            state_dir: PathBuf::from("/var/lib/proofline-agent"),
            memory: Arc::new(NoMemory),
        }
    }
}

/// Why a check has no meaning for an asset of this platform and these roles; `None` when it has.
pub fn inapplicable(check: &Check, context: &Context) -> Option<String> {
    if !check.platforms.contains(&context.platform) {
        return Some(format!("this check is not for {}", context.platform.as_str()));
    }
    if !check.roles.admit(&context.roles) {
        let roles: Vec<&str> = context.roles.iter().map(|role| role.as_str()).collect();
        let roles = if roles.is_empty() { "without a role".to_owned() } else { roles.join(", ") };
        return Some(format!("this check is not for an asset that is: {roles}"));
    }
    None
}
