//! The closed set of measurements a check can ask for, each with its typed parameters.
//!
//! The catalogue only says what is measured; how is the agent's business. A probe that is not listed here cannot be
//! written into a check: the build refuses it, and so does every reader of the embedded catalogue.

mod parameters;

use serde::{Deserialize, Serialize};

/// Which values are acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accept {
    /// Exactly this text.
    Equals(String),
    /// One of these texts.
    OneOf(Vec<String>),
    /// A comma-separated list without any of these members.
    NoneOf(Vec<String>),
    /// A whole number not above this.
    AtMost(i64),
    /// A whole number not below this.
    AtLeast(i64),
    /// A whole number from the first to the second, both included.
    Between(i64, i64),
}

/// What it means that a file is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// It belongs to a feature that this machine does not have.
    NotApplicable,
    /// The first of the paths must exist.
    Fails,
}

/// A property of the last backup that the backup job writes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupAspect {
    /// When it last succeeded.
    Age,
    /// Whether it is encrypted.
    Encrypted,
    /// Whether a copy is kept elsewhere.
    OffSite,
    /// When a restore was last tried with success.
    RestoreTest,
}

/// A class of events that must be audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditSubject {
    /// Changes of the account and group files.
    Identity,
    /// The records of logins and of failed ones.
    Logins,
    /// Changes of the sudo rules and of their log.
    Privilege,
    /// Setting the clock.
    Time,
}

/// A measurement with its parameters. Durations carry their unit in the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "params", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProbeSpec {
    /// An effective setting of the SSH server: the default, and what `Match` blocks make of it for root and for others.
    SshdValue {
        /// The keyword in lower case, as `sshd -T` prints it.
        keyword: String,
        /// What it may be.
        accept: Accept,
    },
    /// Kernel parameters read from `/proc/sys`; those that the kernel does not have are skipped.
    SysctlValue {
        /// Dotted names. One word may be `*`: every network interface but the loopback, `all` and `default` included.
        keys: Vec<String>,
        /// What each may be.
        accept: Accept,
    },
    /// Permissions and ownership of files. A `*` in the last part of a path stands for any characters.
    FileMode {
        /// Absolute paths.
        paths: Vec<String>,
        /// No permission bit beyond these, octal: `"0640"`.
        max_mode: String,
        /// Groups that may own the file beside root.
        groups: Vec<String>,
        /// What it means when they do not exist.
        absent: Absent,
    },
    /// Files and directories that everybody may write to.
    WorldWritable {
        /// Where to look, recursively, links not followed.
        directories: Vec<String>,
    },
    /// Permissions of the home directories of people.
    HomeModes {
        /// No permission bit beyond these, octal.
        max_mode: String,
    },
    /// Options of a mount point.
    MountOptions {
        /// The mount point.
        path: String,
        /// Options that must be in effect.
        options: Vec<String>,
    },
    /// Accounts that need no password.
    EmptyPasswords,
    /// Accounts other than root that are root all the same.
    UidZero,
    /// Account numbers that are used twice.
    DuplicateUids,
    /// The longest password age of people who have a password.
    PasswordAgeing {
        /// Days.
        max_days: u32,
    },
    /// People's accounts that nobody used for long and that are still open.
    StaleAccounts {
        /// Days without a login.
        max_days: u32,
    },
    /// Open accounts with names that belong to nobody.
    GenericAccounts {
        /// The names.
        names: Vec<String>,
    },
    /// Service accounts that could be used to sign in.
    SystemAccountShells,
    /// How stored passwords are hashed.
    PasswordHashes {
        /// Acceptable identifiers between the first two `$`.
        accepted: Vec<String>,
    },
    /// Sudo rules that ask for no password.
    SudoWithoutPassword,
    /// The declared break-glass account: present, locked to one person, able to sign in.
    EmergencyAccount,
    /// How the next password will be hashed.
    HashAlgorithm {
        /// Acceptable algorithms, as `pam_unix` spells them.
        accepted: Vec<String>,
    },
    /// A value of `/etc/login.defs`.
    LoginDefs {
        /// The key.
        key: String,
        /// What it may be.
        accept: Accept,
    },
    /// Locking an account after failed logins.
    LoginLockout {
        /// Failures until the lock.
        max_attempts: u32,
        /// Seconds until it opens by itself; 0 in the machine's setting (only an administrator opens it) is accepted.
        min_unlock_s: u32,
    },
    /// What a new password must be like.
    PasswordQuality {
        /// Characters.
        min_length: u32,
    },
    /// The input chain drops what nothing allows, in IPv4 and IPv6.
    FirewallDefaultDrop,
    /// Nothing but the declared ports listens beyond the loopback.
    ListenersAllowed {
        /// TCP ports that need no declaration.
        allowed: Vec<u16>,
    },
    /// None of these ports listens beyond the loopback.
    ListenersProhibited {
        /// TCP ports.
        tcp: Vec<u16>,
        /// UDP ports.
        udp: Vec<u16>,
    },
    /// Days until the first certificate of a local service ends.
    CertificateExpiry {
        /// Days.
        min_days: u32,
    },
    /// Key size and signature of the certificates of local services.
    CertificateStrength {
        /// Bits of an RSA key.
        min_rsa_bits: u32,
        /// Bits of an elliptic-curve key.
        min_ec_bits: u32,
    },
    /// Whether the certificate chains of local services are complete and in order.
    CertificateChain,
    /// Protocol versions that local services answer.
    TlsProtocols {
        /// Versions that must not be enabled, as the web server spells them.
        forbidden: Vec<String>,
    },
    /// The file systems that hold these paths lie on encrypted devices.
    DiskEncryption {
        /// Absolute paths; paths that do not exist are skipped. A clinic can declare more.
        paths: Vec<String>,
    },
    /// Swap lies on an encrypted device or in memory.
    SwapEncryption,
    /// How far the clock is off.
    ClockOffset {
        /// Milliseconds.
        max_ms: u32,
    },
    /// How many servers the clock is compared with.
    TimeSources {
        /// Usable servers.
        min_sources: u32,
    },
    /// The kernel audits and a daemon takes the records.
    AuditRunning,
    /// Loaded audit rules cover a subject.
    AuditRules {
        /// The subject.
        subject: AuditSubject,
    },
    /// Audit rules cannot be changed before the next boot.
    AuditImmutable,
    /// At least one of these services runs.
    ServiceRunning {
        /// systemd units, any of them.
        any_of: Vec<String>,
        /// The names of their processes, for machines without systemd.
        processes: Vec<String>,
    },
    /// Every one of these services that is installed and enabled runs.
    EnabledServicesRunning {
        /// systemd units.
        units: Vec<String>,
    },
    /// No systemd unit has failed.
    FailedUnits,
    /// The system journal or syslog keeps its records over a restart.
    LogPersistent,
    /// System logs are also sent to another machine.
    LogForwarding,
    /// How long logs are kept on the machine.
    LogRetention {
        /// Days.
        min_days: u32,
    },
    /// Security updates that are known and not installed.
    SecurityUpdates {
        /// Days that an update may wait, counted from when the machine first could have known of it.
        max_wait_days: u32,
    },
    /// When the package lists were last refreshed, and that they include security updates.
    PackageLists {
        /// Days.
        max_age_days: u32,
    },
    /// No restart is pending.
    RebootPending,
    /// Security updates install themselves.
    AutomaticUpdates,
    /// Installed files are as their package delivered them.
    PackageFiles {
        /// Packages by their Debian name; those not installed are skipped.
        deb: Vec<String>,
        /// Packages by their RPM name; those not installed are skipped.
        rpm: Vec<String>,
    },
    /// A file integrity baseline exists and is used.
    IntegrityBaseline {
        /// Days since the baseline was made.
        max_age_days: u32,
    },
    /// A malware scanner runs and its signatures are recent.
    MalwareProtection {
        /// Hours since the signatures changed.
        max_signature_age_h: u32,
    },
    /// AppArmor or SELinux enforces.
    MandatoryAccessControl,
    /// Space and inodes of the file systems that hold these paths.
    DiskSpace {
        /// Absolute paths.
        paths: Vec<String>,
        /// Percent.
        max_used_percent: u32,
    },
    /// What the backup job wrote about its last run.
    Backup {
        /// The property.
        aspect: BackupAspect,
        /// Hours, for properties that age; 0 otherwise.
        max_age_h: u32,
    },
    /// An idle shell ends, and the user cannot switch that off.
    ShellTimeout {
        /// Seconds.
        max_s: u32,
    },
    /// An idle desktop locks itself, and the user cannot switch that off.
    ScreenLock {
        /// Seconds.
        max_s: u32,
    },
    /// A notice is shown before sign-in.
    LoginBanner,
    /// Kernel modules that cannot be loaded.
    ModulesBlocked {
        /// Module names.
        modules: Vec<String>,
    },
    /// Crashing programs leave no memory image behind.
    CoreDumps,
    /// The agent's program is the one that was installed.
    AgentProgram,
    /// The agent's private key can be read by its own user only.
    AgentKey,
}
