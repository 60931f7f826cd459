//! Everything the catalogue holds, as one value: what the build embeds and what is digested.

use serde::{Deserialize, Serialize};

use crate::check::Check;
use crate::control::Control;
use crate::profile::Profile;
use crate::rule::Rule;
use crate::runbook::Runbook;

/// The lists of the catalogue, each sorted by id.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The specifications of the Security Rule.
    pub controls: Vec<Control>,
    /// The measurements.
    pub checks: Vec<Check>,
    /// The frameworks' readings.
    pub profiles: Vec<Profile>,
    /// The repairs.
    pub runbooks: Vec<Runbook>,
    /// The platform's own L1 rules.
    pub rules: Vec<Rule>,
}
