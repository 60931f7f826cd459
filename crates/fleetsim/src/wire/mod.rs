//! Requests over keep-alive connections to one server on this machine. Knows nothing of what is asked.

mod address;
mod connection;

pub use address::{LoopbackServer, NotLoopback};
pub use connection::{Connection, Failure, Outgoing, Reply, Sources};
