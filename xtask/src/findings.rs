//! What a check found wrong.

use std::fmt::Display;

use anyhow::{Result, bail};

/// Sentences for the person who has to mend it.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<String>);

impl Findings {
    pub(crate) fn add(&mut self, finding: impl Display) {
        self.0.push(finding.to_string());
    }

    pub(crate) fn add_unless(&mut self, holds: bool, finding: impl FnOnce() -> String) {
        if !holds {
            self.0.push(finding());
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Prints them, and fails if there are any.
    pub(crate) fn conclude(self, what: &str) -> Result<()> {
        for finding in &self.0 {
            eprintln!("{finding}");
        }
        match self.0.len() {
            0 => println!("{what}: in order"),
            count => bail!("{what}: {count} finding(s)"),
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn sentences(&self) -> &[String] {
        &self.0
    }
}
