//! Supervises a private PostgreSQL cluster, for the zero-configuration default.
//!
//! [`Cluster::start`] takes a directory and returns a running server: it makes the cluster if there is none, starts it,
//! lets it recover if it was killed, or attaches to a server that outlived its supervisor. What always holds:
//!
//! - One supervisor per directory, by a lock that the kernel drops with the process.
//! - The server listens on a unix socket in a folder that only its user can enter, never on TCP. Who may be which role
//!   is decided by the operating system's user (peer authentication with a map); there are no passwords.
//! - It runs in its own process group and writes to a file, so a killed supervisor does not take it along; nor does it
//!   keep open what the supervisor was given.
//! - Started by root, everything of PostgreSQL runs as an unprivileged user.
//! - `postmaster.pid` is never deleted and never believed without looking at the process; readiness has no time limit.
//! - A cluster is in place completely or not at all.
//! - [`Sighting::of`] looks at all of this and changes nothing.
//!
//! The API blocks; in async code call it from a blocking task. This crate knows nothing of databases, roles (beyond
//! their names in the user map), SQL or migrations, and it speaks to PostgreSQL only through files, signals and `/proc`:
//! it is for Linux.

mod access;
mod account;
mod binaries;
mod cluster;
mod endpoint;
mod error;
mod files;
mod initialise;
mod lock;
mod options;
mod pidfile;
mod placement;
mod postmaster;
mod process;
mod shared;
mod sighting;
mod socket_folder;

pub use cluster::{Cluster, Origin};
pub use endpoint::Endpoint;
pub use error::{Error, Result};
pub use options::{APP_ROLE, Durability, OWNER_ROLE, Options, SUPERUSER, Search};
pub use shared::{SharedCluster, TestCluster, shared_test_cluster};
pub use sighting::{Server, Sighting};
