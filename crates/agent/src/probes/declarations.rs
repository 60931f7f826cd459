//! What the clinic declares about a machine, because no machine can know it.
//!
//! `/etc/proofline/declarations.json`, written by whoever sets the machine up. A missing file declares nothing; a file
//! that cannot be understood makes the checks that need it `unknown` instead of guessing.

use serde::Deserialize;

use super::finding::Unmeasured;
use super::reading;
use crate::host::Host;

/// Where the declarations are.
pub const PATH: &str = "/etc/proofline/declarations.json";

/// The declared facts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Declarations {
    /// TCP ports that are meant to be reachable, beside those that need no declaration.
    pub(super) allowed_ports: Vec<u16>,
    /// The account of the emergency procedure.
    pub(super) emergency_account: Option<String>,
    /// Further folders that hold patient data.
    pub(super) data_paths: Vec<String>,
    /// Further certificate files (PEM) of services on this machine.
    pub(super) certificates: Vec<String>,
}

pub(super) fn read(host: &dyn Host) -> Result<Declarations, Unmeasured> {
    let Some(text) = reading::text_if_there(host, PATH)? else { return Ok(Declarations::default()) };
    serde_json::from_str(&text)
        .map_err(|error| Unmeasured::unknown(format!("{PATH} cannot be understood: {error}"), PATH))
}
