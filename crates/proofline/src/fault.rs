//! How a command ends when it does not end well.

use std::fmt;
use std::process::ExitCode;

/// A failed command: one sentence for a person and an exit status for a script.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The configuration cannot work; `EX_CONFIG` of sysexits(3), so that a supervisor does not try again and again.
    Config(String),
    /// Something else went wrong.
    Failed(anyhow::Error),
}

impl Fault {
    /// A configuration that cannot work.
    pub(crate) fn config(sentence: impl Into<String>) -> Self {
        Self::Config(sentence.into())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(78),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(sentence) => f.write_str(sentence),
            Self::Failed(error) => {
                let mut said = String::new();
                for cause in error.chain().map(ToString::to_string) {
                    // Many libraries put the cause into their own sentence as well.
                    if !said.ends_with(&cause) {
                        said = if said.is_empty() { cause } else { format!("{said}: {cause}") };
                    }
                }
                f.write_str(&said)
            }
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
