//! The compliance agent: it looks at the machine, states what it sees, heals what it may, and reports.
//!
//! Two threads share one durable queue. The [`worker`] runs cycles of checks, answers failing ones and states the
//! results; the [`courier`] checks in, carries statements to the server and drops them against proofs. Neither waits
//! for the other, and everything that must survive a kill is in the queue before it has consequences.
//!
//! The agent knows nothing of the server's storage and trusts nothing that the server says without a signature under
//! a key that was pinned when the machine enrolled.

pub mod client;
pub mod courier;
pub mod cycle;
pub mod doctor;
pub mod emitter;
pub mod enroll;
pub mod executor;
pub mod files;
pub mod healer;
pub mod host;
pub mod identity;
pub mod lifeline;
pub mod local_override;
pub mod machine;
pub mod observer;
pub mod probes;
pub mod run;
pub mod scrub;
pub mod server_keys;
pub mod server_url;
pub mod settings;
pub mod status;
pub mod sync;
pub mod worker;
