//! A simulated fleet that speaks the real protocol, to load a server and to catch it breaking its word.
//!
//! Every appliance has a real key, was enrolled with a real provisioning code, signs every request and every statement,
//! and believes an acknowledgement only when its proofs hold. What was acknowledged is kept in a journal on disk, so that
//! a later run can check that all of it is still there after any number of kills.
//!
//! It talks to this machine only ([`wire::LoopbackServer`]). It does not know how the server works inside, and it
//! measures nothing on any machine: what its appliances observe is a story ([`fleet::Story`]).

pub mod ceilings;
pub mod fleet;
pub mod load;
pub mod measure;
pub mod verify;
pub mod wire;

/// What simulated agents call their version.
pub const AGENT_VERSION: &str = concat!("fleetsim/", env!("CARGO_PKG_VERSION"));
