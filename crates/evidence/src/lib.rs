//! Evidence: who observed what, signed, in an append-only log that a stranger can check.
//!
//! From the inside out: [`json`] reads untrusted text strictly; [`statement`] is what is claimed; [`dsse`] is the signed
//! envelope around it; [`merkle`] and [`tile`] are the log; [`note`] carries its checkpoints; [`entry`] verifies one entry
//! with its proof; [`export`] is a whole log in one file. The formats are public standards and are described, with vectors
//! that a second implementation shares, in `spec/evidence/`.
//!
//! This crate opens no file and no socket, reads no clock and holds no keys of its own. It does not know who is allowed
//! to ask, where bytes are stored, or what a check means.

mod digest;
pub mod dsse;
pub mod encoding;
pub mod entry;
pub mod export;
pub mod json;
mod key;
pub mod merkle;
pub mod note;
mod reason;
pub mod statement;
pub mod tile;

pub use digest::Digest;
pub use key::{KeyId, PublicKey, Signature, SigningKey};
pub use reason::{Defect, Reason};
