//! What is done about a failing check: the incident's state machine and the L1 rule engine.
//!
//! Pure functions over plain data. Nothing here reads a clock, a file or the network, starts a process or signs
//! anything: observations, history and the time come in, decisions and transitions go out. The agent acts on them and
//! the server replays them with the same code.

mod condition;
pub mod engine;
pub mod history;
pub mod incident;
mod observation;
mod window;

pub use condition::{Compiled as CompiledCondition, ConditionError, Fact, Subject};
pub use observation::Observation;
pub use window::{Day, Window};
