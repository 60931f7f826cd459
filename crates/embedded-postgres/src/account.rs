//! The operating-system user that a cluster belongs to. PostgreSQL refuses to run as root, so root drops to another.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, IoContext, Result};
use crate::files::read_bounded;
use crate::options::Options;

/// A user with a name: initdb and peer authentication both look the name up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// Who we are.
    pub(crate) fn current() -> Result<Self> {
        let uid = rustix::process::geteuid().as_raw();
        Self::by_uid(uid)?.ok_or(Error::NamelessUser { uid })
    }

    /// Who runs the cluster: ourselves, or as root the owner of the existing directory, the configured user,
    /// `postgres` or `nobody`.
    pub(crate) fn for_cluster(options: &Options, data_dir: &Path) -> Result<Self> {
        let ourselves = Self::current()?;
        if ourselves.uid != 0 {
            return Ok(ourselves);
        }
        if data_dir.join("PG_VERSION").exists() {
            let uid = std::fs::metadata(data_dir).on("read the owner of", data_dir)?.uid();
            if uid != 0 {
                return Self::by_uid(uid)?.ok_or(Error::NamelessUser { uid });
            }
        }
        let wanted = options.os_user.as_deref();
        for name in wanted.map_or_else(|| vec!["postgres", "nobody"], |name| vec![name]) {
            if let Some(account) = Self::by_name(name)?
                && account.uid != 0
            {
                return Ok(account);
            }
        }
        Err(Error::NoSuchUser { name: wanted.unwrap_or("postgres").to_owned() })
    }

    /// Whether commands for this user must change the user first.
    pub(crate) fn is_other(&self) -> bool {
        rustix::process::geteuid().as_raw() != self.uid
    }

    /// A command as this user, with nothing of our environment but `PATH`, and no input. `PGDATA`, `PGOPTIONS` and
    /// the like therefore cannot reach it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if self.is_other() {
            command.uid(self.uid).gid(self.gid); // std also drops the supplementary groups
        }
        command
    }

    /// Makes the file or folder this user's own.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        if self.is_other() {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).on("change the owner of", path)?;
        }
        Ok(())
    }

    fn by_uid(uid: u32) -> Result<Option<Self>> {
        Self::find(&uid.to_string(), |account| account.uid == uid)
    }

    fn by_name(name: &str) -> Result<Option<Self>> {
        Self::find(name, |account| account.name == name)
    }

    /// `/etc/passwd` first, then `getent` for users that live in a directory service.
    fn find(key: &str, is_wanted: impl Fn(&Self) -> bool) -> Result<Option<Self>> {
        let passwd = Path::new("/etc/passwd");
        let local = read_bounded(passwd, 1 << 20).on("read", passwd)?;
        if let Some(account) = local.lines().filter_map(Self::parse).find(&is_wanted) {
            return Ok(Some(account));
        }
        let output = Command::new("getent").args(["passwd", key]).stdin(Stdio::null()).output();
        Ok(output.ok().and_then(|output| {
            String::from_utf8_lossy(&output.stdout).lines().filter_map(Self::parse).find(&is_wanted)
        }))
    }

    /// One line of passwd(5).
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let mut numbers = fields.skip(1).map_while(|field| field.parse().ok());
        Some(Self { name, uid: numbers.next()?, gid: numbers.next()? })
    }
}
