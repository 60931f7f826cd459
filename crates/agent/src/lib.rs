//! The compliance agent: checks, executor, sync.

pub mod client;
pub mod emitter;
pub mod enroll;
pub mod files;
pub mod host;
pub mod identity;
pub mod local_override;
pub mod server_url;
pub mod settings;
