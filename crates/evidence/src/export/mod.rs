//! A site's whole log in one file, and what a stranger can conclude from it.
//!
//! Invariants: the bytes of an export are a function of its entries, policy and checkpoint; they are written and read in one
//! pass with memory for one bundle of entries; the archive is the plain subset of ustar that `tar` also reads, and everything
//! beyond that subset is refused. The verifier believes nothing but the checkpoint key and the successors that it leads to:
//! all other keys are taken from the log itself, the server's first one from the policy. It reads from any
//! [`std::io::Read`] and opens nothing itself.

pub mod archive;
mod assets;
mod auditor;
mod chain;
mod keyring;
mod policy;
mod report;
mod tiles;
mod verify;
mod writer;

pub use keyring::KeyValidity;
pub use policy::Policy;
pub use report::{Finding, MAX_FINDINGS, Report};
pub use verify::{Options, verify};
pub use writer::{ExportWriter, Finished};

/// How far a statement may be dated after the checkpoint that holds it: two clocks, both honest.
pub const CLOCK_TOLERANCE: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// Name of the file for people.
pub const README_NAME: &str = "README.txt";

/// Name of the file that says whose log this is.
pub const POLICY_NAME: &str = "policy";

/// Name of the file with the successors of the checkpoint key, where there are any: one envelope per line, each statement
/// behind the one that names its signer.
pub const SUCCESSORS_NAME: &str = "successors";

/// Name of the file with the signed tree head.
pub const CHECKPOINT_NAME: &str = "checkpoint";
