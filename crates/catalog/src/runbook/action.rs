//! The closed set of things a runbook may do, look for, prove and make effective again.
//!
//! Nothing here is a shell string: every field has a grammar ([`Action::problem`]) and the agent's executor turns each
//! variant into file changes and argument vectors of its own. Adding a variant is how the set grows; data cannot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Sets one `sshd_config` keyword in a drop-in that is read before everything else, and makes sure it is included.
    SshdDropIn {
        /// The keyword, one of [`SSHD_KEYWORDS`].
        keyword: String,
        /// Its value.
        value: String,
    },
    /// Sets a kernel parameter now and at the next start.
    SysctlDropIn {
        /// Dotted key, such as `net.ipv4.tcp_syncookies`; the `*` of `net.ipv6.conf.*.forwarding` stands for `all`,
        /// `default` and every interface but the loopback.
        key: String,
        /// Its value.
        value: String,
    },
    /// Takes away permissions and foreign ownership of files and directories. What is not there is left alone.
    FileMode {
        /// Absolute paths; a `*` in the last part stands for any characters.
        paths: Vec<String>,
        /// Permission bits that may stay, four octal digits.
        at_most: String,
        /// Name of the owner; unchanged when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// Names of groups that may own it; where another one does, the first that exists takes its place. Empty leaves
        /// the group alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
    },
    /// Takes the write permission of others from every file and directory under a directory.
    ClearOtherWrite {
        /// Absolute path of the directory.
        under: String,
    },
    /// Writes a whole file.
    FileContent {
        /// Absolute path.
        path: String,
        /// Four octal digits.
        mode: String,
        /// The text, at most 16 KiB.
        content: String,
    },
    /// Sets `key` in a file of `key = value` or `key value` lines: the first setting is replaced, further ones are
    /// removed, and where there is none a line is appended.
    FileLine {
        /// Absolute path.
        path: String,
        /// The key at the start of the line.
        key: String,
        /// What stands between key and value: `" = "` or `" "`.
        separator: String,
        /// The value.
        value: String,
    },
    /// Sets one key in `/etc/login.defs`.
    LoginDefs {
        /// The key, one of [`LOGIN_DEFS_KEYS`].
        key: String,
        /// Its value.
        value: String,
    },
    /// Sets journal options in a drop-in of `journald.conf`.
    JournaldDropIn {
        /// Keys and values of the `[Journal]` section.
        settings: BTreeMap<String, String>,
    },
    /// Keeps a kernel module from being loaded.
    ModprobeBlacklist {
        /// Name of the module.
        module: String,
    },
    /// Writes a file of audit rules.
    AuditRule {
        /// Name of the file in `rules.d`, without its ending.
        file: String,
        /// `-w`, `-a`, `-b`, `-f`, `-e` lines.
        rules: Vec<String>,
    },
    /// Drops what is not asked for on input, in a table of its own. Loopback, answers, ICMP, the ports of the SSH
    /// server and everything that listens when it is applied stay reachable.
    NftDropIn {
        /// Further TCP ports, joined by commas.
        allow_tcp: String,
        /// Further UDP ports, joined by commas.
        allow_udp: String,
    },
    /// Controls the first of `units` that the machine knows.
    Service {
        /// Names of the unit on different distributions.
        units: Vec<String>,
        /// What is done.
        #[serde(rename = "do")]
        operation: ServiceOperation,
    },
    /// Starts every one of `units` that is enabled and does not run.
    StartEnabled {
        /// Names of units.
        units: Vec<String>,
    },
    /// Installs or removes a package.
    Package {
        /// Name on Debian and its relatives.
        debian: String,
        /// Name on Red Hat and its relatives.
        redhat: String,
        /// What is done.
        #[serde(rename = "do")]
        operation: PackageOperation,
    },
    /// Enables and restarts the time service that the machine has and, where servers are given, makes it use them.
    /// Chrony is waited for until it is synchronised, a minute at most.
    TimeSync {
        /// Host names joined by commas; empty leaves the sources alone.
        servers: String,
    },
    /// Locks every account whose password is empty.
    LockEmptyPasswords {},
    /// Makes written settings effective.
    Reload {
        /// What reads its settings again.
        what: Reload,
    },
    /// Runs a command of the allow-list.
    Command {
        /// Which.
        run: AllowedCommand,
    },
}

impl Action {
    /// Whether the executor captures a state that a rollback brings back.
    pub const fn is_reversible(&self) -> bool {
        match self {
            Self::SshdDropIn { .. }
            | Self::SysctlDropIn { .. }
            | Self::FileMode { .. }
            | Self::ClearOtherWrite { .. }
            | Self::FileContent { .. }
            | Self::FileLine { .. }
            | Self::LoginDefs { .. }
            | Self::JournaldDropIn { .. }
            | Self::ModprobeBlacklist { .. }
            | Self::AuditRule { .. }
            | Self::NftDropIn { .. }
            | Self::Service { .. }
            | Self::StartEnabled { .. }
            | Self::Package { .. }
            | Self::TimeSync { .. }
            | Self::LockEmptyPasswords {} => true,
            // They make effective what other steps wrote.
            Self::Reload { .. } | Self::Command { .. } => false,
        }
    }

    /// Who keeps the new settings in memory until told to read them again: a rollback has to tell them, too. The kernel,
    /// units and accounts are set back themselves; what programs read at each use needs nobody.
    pub const fn held_by(&self) -> Option<Reload> {
        match self {
            Self::SshdDropIn { .. } => Some(Reload::Sshd),
            Self::JournaldDropIn { .. } => Some(Reload::Journald),
            Self::AuditRule { .. } => Some(Reload::AuditRules),
            Self::NftDropIn { .. } => Some(Reload::SystemdUnits),
            Self::TimeSync { .. } => Some(Reload::TimeSync),
            Self::SysctlDropIn { .. }
            | Self::FileMode { .. }
            | Self::ClearOtherWrite { .. }
            | Self::FileContent { .. }
            | Self::FileLine { .. }
            | Self::LoginDefs { .. }
            | Self::ModprobeBlacklist { .. }
            | Self::Service { .. }
            | Self::StartEnabled { .. }
            | Self::Package { .. }
            | Self::LockEmptyPasswords {}
            | Self::Reload { .. }
            | Self::Command { .. } => None,
        }
    }
}

/// What a service action does. Enablement and activity are captured and restored by a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceOperation {
    /// Starts it now and at boot.
    Enable,
    /// Starts it now.
    Start,
    /// Restarts it.
    Restart,
    /// Stops it now.
    Stop,
    /// Stops it and keeps anything from starting it.
    Mask,
}

/// What a package action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageOperation {
    /// Installs it where it is missing.
    Install,
    /// Removes it where it is there; configuration stays.
    Remove,
}

/// What can be made to read its settings again. Used in steps and, after the previous state is back, in rollbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reload {
    /// The SSH server: validated first, reloaded only when it runs and its configuration is valid.
    Sshd,
    /// The audit rules in the kernel.
    AuditRules,
    /// The journal.
    Journald,
    /// The system log.
    Rsyslog,
    /// The time service that runs.
    TimeSync,
    /// The service manager's unit files.
    SystemdUnits,
}

/// Commands that need no parameter and no other action covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowedCommand {
    /// Moves the volatile journal to disk.
    JournalFlush,
}

impl AllowedCommand {
    /// The argument vector.
    pub const fn argv(self) -> &'static [&'static str] {
        match self {
            Self::JournalFlush => &["journalctl", "--flush"],
        }
    }
}

/// What must be so before anything is changed; otherwise the runbook does not fit the machine and nothing happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "detect", rename_all = "snake_case", deny_unknown_fields)]
pub enum Detect {
    /// A regular file is there.
    FileExists {
        /// Absolute path.
        path: String,
    },
    /// A directory is there.
    DirectoryExists {
        /// Absolute path.
        path: String,
    },
    /// The machine knows one of the units.
    UnitKnown {
        /// Names of the unit on different distributions.
        units: Vec<String>,
    },
    /// One of the files mentions a word.
    FileMentions {
        /// Absolute paths; those that are not there are skipped.
        paths: Vec<String>,
        /// The word, with nothing but white space around it.
        word: String,
    },
    /// An account other than root may log in with a key or a password and may become root.
    AnotherAdministrator {},
    /// An account that may log in has an authorised key.
    KeyLoginPossible {},
}

/// What must be so after the change, before the check is measured again; otherwise the change is rolled back at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verify", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verify {
    /// The SSH server accepts its configuration.
    SshdConfigValid {},
    /// The SSH server's effective value of a keyword.
    SshdEffective {
        /// The keyword.
        keyword: String,
        /// The value that `sshd -T` must print.
        value: String,
    },
    /// The kernel's present value of a parameter, of each where the key has a star.
    SysctlIs {
        /// Dotted key, as [`Action::SysctlDropIn`] has it.
        key: String,
        /// The value.
        value: String,
    },
    /// The first known unit runs.
    UnitActive {
        /// Names of the unit on different distributions.
        units: Vec<String>,
    },
    /// None of the units runs.
    UnitInactive {
        /// Names of the units.
        units: Vec<String>,
    },
    /// The file has this mode, or a stricter one.
    FileModeAtMost {
        /// Absolute path.
        path: String,
        /// Four octal digits.
        mode: String,
    },
    /// The check alone decides.
    CheckOnly {},
}

/// The `sshd_config` keywords that may be set.
pub const SSHD_KEYWORDS: &[&str] = &[
    "PermitRootLogin",
    "PasswordAuthentication",
    "KbdInteractiveAuthentication",
    "PermitEmptyPasswords",
    "MaxAuthTries",
    "X11Forwarding",
    "ClientAliveInterval",
    "ClientAliveCountMax",
    "LoginGraceTime",
    "Ciphers",
    "MACs",
    "KexAlgorithms",
    "LogLevel",
    "Banner",
];

/// The keys of `/etc/login.defs` that may be set.
pub const LOGIN_DEFS_KEYS: &[&str] = &[
    "PASS_MAX_DAYS",
    "PASS_MIN_DAYS",
    "PASS_WARN_AGE",
    "ENCRYPT_METHOD",
    "UMASK",
    "FAILLOG_ENAB",
    "LOG_OK_LOGINS",
];
