//! What a caller may choose about a cluster.

use std::path::PathBuf;

/// What the cluster promises about committed data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// A committed transaction survives a crash of the program, of PostgreSQL and of the machine.
    Safe,
    /// Nothing survives a power cut: for tests only, several times faster.
    Tests,
}

/// Where the PostgreSQL binaries are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// `PATH`, `pg_config --bindir`, the folders of Debian, Red Hat and Alpine, and Homebrew.
    System,
    /// These folders and no others.
    Only(Vec<PathBuf>),
}

/// How a cluster is made, started and reached. [`Options::new`] gives the product's defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster's directory. Need not exist; a symbolic link is followed.
    pub data_dir: PathBuf,
    /// The folder of the unix socket, made 0700. `None`: a short one named after the data directory, under the first of
    /// `$RUNTIME_DIRECTORY`, `/run/proofline` (root), `$XDG_RUNTIME_DIR` and `/tmp` that can be used.
    pub run_dir: Option<PathBuf>,
    /// What a commit promises.
    pub durability: Durability,
    /// The database roles, beside the superuser `postgres`, that the operating-system users of the supervisor and of
    /// the cluster may log in as. The roles themselves are created by the caller.
    pub roles: Vec<String>,
    /// As root: who runs a *new* cluster. `None`: `postgres`, else `nobody`. An existing one keeps its owner.
    pub os_user: Option<String>,
    /// As root: where the cluster goes when the unprivileged user cannot enter a folder above `data_dir` (`/root`);
    /// `data_dir` then becomes a symbolic link to it. `None`: refuse instead.
    pub relocate_to: Option<PathBuf>,
    /// Further `name = value` settings. They win over the built-in ones.
    pub settings: Vec<(String, String)>,
    /// Whether a background thread starts the postmaster again when it dies.
    pub keep_running: bool,
    /// Where the binaries are looked for.
    pub search: Search,
}

/// The role that owns the schema and runs migrations.
pub const OWNER_ROLE: &str = "proofline_owner";
/// The role that the server works as: no DDL, not the owner of any table.
pub const APP_ROLE: &str = "proofline_app";
/// The superuser that initdb creates.
pub const SUPERUSER: &str = "postgres";

impl Options {
    /// A durable cluster in `data_dir` that is kept running, with the product's two roles in the user map, refusing
    /// rather than relocating.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            run_dir: None,
            durability: Durability::Safe,
            roles: vec![OWNER_ROLE.to_owned(), APP_ROLE.to_owned()],
            os_user: None,
            relocate_to: None,
            settings: Vec::new(),
            keep_running: true,
            search: Search::System,
        }
    }

    /// The same with the settings of a throw-away cluster, and nobody keeping it alive.
    #[must_use]
    pub fn for_tests(self) -> Self {
        Self { durability: Durability::Tests, keep_running: false, ..self }
    }

    /// Every setting on the postmaster's command line, in order; a later one wins.
    pub(crate) fn all_settings(&self) -> Vec<(String, String)> {
        let own = |list: &[(&str, &str)]| -> Vec<_> {
            list.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        let mut settings = own(ALWAYS);
        settings.extend(match self.durability {
            Durability::Safe => own(SAFE),
            Durability::Tests => own(TESTS),
        });
        settings.extend(self.settings.iter().cloned());
        settings
    }
}

/// No TCP; times in UTC; and a server log without data: no statement texts, no `DETAIL` lines with key values.
const ALWAYS: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("port", "5432"),
    ("unix_socket_permissions", "0700"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("log_error_verbosity", "terse"),
    ("log_min_error_statement", "panic"),
    ("lc_messages", "C"),
    ("jit", "off"),
];

const SAFE: &[(&str, &str)] =
    &[("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on"), ("max_connections", "60")];

const TESTS: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_wal_size", "256MB"),
    ("autovacuum", "off"),
    ("max_connections", "300"),
];
