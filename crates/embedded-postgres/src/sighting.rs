//! What can be seen of a cluster without touching it: for whoever explains a deployment, possibly a live one.

use std::path::PathBuf;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::endpoint::Endpoint;
use crate::error::{IoContext, Result};
use crate::initialise;
use crate::lock;
use crate::options::Options;
use crate::pidfile::PidFile;
use crate::placement::parent_of;
use crate::postmaster::Postmaster;

/// A cluster and its server as they were found. Nothing was made, locked, started or signalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Where the cluster lies or would lie; a link is followed.
    pub data_dir: PathBuf,
    /// Whether there is one.
    pub exists: bool,
    /// The version of the binaries that would run it, e.g. `15.18`.
    pub version: String,
    /// The operating-system user that owns it or would.
    pub os_user: String,
    /// The process that supervises it.
    pub supervisor: Option<i32>,
    /// The running server.
    pub server: Option<Server>,
}

/// A running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The postmaster.
    pub pid: i32,
    /// Where its pid file says that it is reached.
    pub endpoint: Endpoint,
    /// Whether it takes connections; it may be starting, recovering or stopping.
    pub is_ready: bool,
}

impl Sighting {
    /// Looks at the cluster that [`Cluster::start`](crate::Cluster::start) would bring to life with these options. The
    /// errors are those that a start would meet, as far as looking tells.
    pub fn of(options: &Options) -> Result<Self> {
        let requested = std::path::absolute(&options.data_dir).on("resolve", &options.data_dir)?;
        let data_dir = match std::fs::read_link(&requested) {
            Ok(target) => parent_of(&requested).join(target),
            Err(_) => requested,
        };
        let data_dir = data_dir.canonicalize().unwrap_or(data_dir);
        let existing = initialise::existing_major(&data_dir)?;
        let binaries = Binaries::choose(&options.search, existing, &data_dir)?;
        let account = Account::for_cluster(options, &data_dir)?;
        let server = Postmaster::find(&data_dir).and_then(|postmaster| {
            let file = PidFile::read(&data_dir)?;
            let is_ready = file.is_ready();
            Some(Server { pid: postmaster.pid, endpoint: Endpoint::new(file.socket_folder), is_ready })
        });
        Ok(Self {
            supervisor: lock::holder(&data_dir),
            exists: existing.is_some(),
            version: binaries.version,
            os_user: account.name,
            data_dir,
            server,
        })
    }
}
