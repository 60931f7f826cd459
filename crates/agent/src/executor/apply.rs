//! From an action of a runbook to changes, each saved in the journal before it is made.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proofline_catalog::runbook::{Action, PackageOperation, Reload, ServiceOperation};

use super::access::Lifeline;
use super::accounts::{self, number_of};
use super::files::{Attributes, Files, Snapshot};
use super::run::Changes;
use super::settings::{self, MARK};
use super::tools::{PackageManager, Tools, successful};
use super::undo::Undo;
use super::{StepError, firewall, sshd, systemd};
use crate::host::{FileKind, Host, HostError, sysctl};

/// The most files that one action changes, and the most that it looks at.
const CHANGED_MAX: usize = 5_000;
const SEEN_MAX: usize = 200_000;
const TIME_UNITS: [&str; 5] =
    ["chrony.service", "chronyd.service", "systemd-timesyncd.service", "ntpsec.service", "ntp.service"];
/// Asks up to twelve times, five seconds apart, for a clock that is less than 0.9 s off.
const CHRONY_SYNCHRONISED: [&str; 6] = ["chronyc", "waitsync", "12", "0.9", "0", "5"];

/// Carries out one action. The answer is a detail for the report, empty where there is nothing to add.
pub(super) fn action(
    action: &Action,
    changes: &mut Changes<'_>,
    lifeline: &dyn Lifeline,
) -> Result<String, StepError> {
    let plain = Attributes::PLAIN;
    match action {
        Action::SshdDropIn { keyword, value } => sshd::set(changes, keyword, value)?,
        Action::SysctlDropIn { key, value } => return set_kernel_parameters(changes, key, value),
        Action::FileMode { paths, at_most, owner, groups } => {
            return file_mode(changes, paths, at_most, owner.as_deref(), groups);
        }
        Action::ClearOtherWrite { under } => return clear_other_write(changes, Path::new(under)),
        Action::FileContent { path, mode, content } => {
            let attributes =
                Attributes { mode: u32::from_str_radix(mode, 8).unwrap_or(0o600), uid: 0, gid: 0 };
            changes.write(Path::new(path), content.as_bytes(), attributes)?;
        }
        Action::FileLine { path, key, separator, value } => edit(changes, path, key, separator, value)?,
        Action::LoginDefs { key, value } => edit(changes, "/etc/login.defs", key, "\t", value)?,
        Action::JournaldDropIn { settings } => {
            let text = settings::section("Journal", settings);
            changes.write(
                Path::new("/etc/systemd/journald.conf.d/50-proofline.conf"),
                text.as_bytes(),
                plain,
            )?;
        }
        Action::ModprobeBlacklist { module } => {
            let path = format!("/etc/modprobe.d/proofline-{module}.conf");
            let text = format!("{MARK}blacklist {module}\ninstall {module} /bin/false\n");
            changes.write(Path::new(&path), text.as_bytes(), plain)?;
        }
        Action::AuditRule { file, rules } => {
            let path = format!("/etc/audit/rules.d/{file}.rules");
            let attributes = Attributes { mode: 0o640, ..plain };
            changes.write(Path::new(&path), settings::lines(rules).as_bytes(), attributes)?;
        }
        Action::NftDropIn { allow_tcp, allow_udp } => {
            firewall::apply(changes, lifeline, allow_tcp, allow_udp)?;
        }
        Action::Service { units, operation } => return service(changes, units, *operation),
        Action::StartEnabled { units } => return start_enabled(changes, units),
        Action::Package { debian, redhat, operation } => return package(changes, debian, redhat, *operation),
        Action::TimeSync { servers } => return time_sync(changes, servers),
        Action::LockEmptyPasswords {} => {
            let names = accounts::without_password(changes.files)?;
            let detail =
                format!("locked: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") });
            changes.make(&Undo::EmptyPasswords { accounts: names.clone() }, |files| {
                accounts::lock(files, &names)
            })?;
            return Ok(detail);
        }
        Action::Reload { what } => reload(*what, changes.tools, lifeline)?,
        Action::Command { run } => changes.tools.act(run.argv())?,
    }
    Ok(String::new())
}

/// Makes written settings effective.
pub(super) fn reload(what: Reload, tools: Tools<'_>, lifeline: &dyn Lifeline) -> Result<(), StepError> {
    let restart_if_active = |units: &[&str]| match systemd::first_known(tools, units)? {
        Some((unit, state)) if state.active => tools.act(&["systemctl", "restart", "--", unit]),
        Some(_) | None => Ok(()),
    };
    match what {
        Reload::Sshd => sshd::reload(tools, lifeline),
        Reload::AuditRules => {
            let argv = ["augenrules", "--load"];
            match tools.ask(&argv) {
                Ok(output) => successful(&argv, &output),
                // Audit is not installed (any more): no rules to load.
                Err(StepError::Host { source: HostError::NotFound, .. }) => Ok(()),
                Err(other) => Err(other),
            }
        }
        Reload::Journald => restart_if_active(&["systemd-journald.service"]),
        Reload::Rsyslog => restart_if_active(&["rsyslog.service"]),
        Reload::TimeSync => restart_if_active(&TIME_UNITS),
        Reload::SystemdUnits => tools.act(&["systemctl", "daemon-reload"]),
    }
}

fn edit(
    changes: &mut Changes<'_>,
    path: &str,
    key: &str,
    separator: &str,
    value: &str,
) -> Result<(), StepError> {
    let path = Path::new(path);
    let (text, attributes) = match changes.files.snapshot(path)? {
        Snapshot::Absent => (String::new(), Attributes::PLAIN),
        Snapshot::File { content, attributes } => (
            String::from_utf8(content).map_err(|_| StepError::NotARegularFile {
                path: path.display().to_string(),
                what: "not text",
            })?,
            attributes,
        ),
    };
    changes.write(path, settings::set_line(&text, key, separator, value).as_bytes(), attributes)
}

/// A kernel parameter that this kernel has.
pub(super) struct KernelParameter {
    /// Its key, without a star.
    pub(super) key: String,
    path: PathBuf,
    /// Its present value.
    pub(super) value: String,
}

/// The parameters that a key stands for, one or one for each interface; empty where the kernel has none.
pub(super) fn kernel_parameters(
    files: &dyn Files,
    host: &dyn Host,
    key: &str,
) -> Result<Vec<KernelParameter>, StepError> {
    let keys =
        sysctl::expand(host, key).map_err(|source| StepError::Host { what: key.to_owned(), source })?;
    let mut found = Vec::new();
    for key in keys {
        let path = PathBuf::from(sysctl::path(&key));
        if let Snapshot::File { content, .. } = files.snapshot(&path)? {
            let value = String::from_utf8_lossy(&content).trim().to_owned();
            found.push(KernelParameter { key, path, value });
        }
    }
    Ok(found)
}

fn set_kernel_parameters(changes: &mut Changes<'_>, key: &str, value: &str) -> Result<String, StepError> {
    let found = kernel_parameters(changes.files, changes.tools.host(), key)?;
    if found.is_empty() {
        return Ok("this kernel does not have it".to_owned());
    }
    // Read after every other file, /etc/sysctl.conf (as 99-sysctl.conf) included.
    let file = PathBuf::from(format!("/etc/sysctl.d/99-zz-proofline-{}.conf", key.replace('*', "each")));
    changes.write(&file, format!("{MARK}{key} = {value}\n").as_bytes(), Attributes::PLAIN)?;
    let content = format!("{value}\n");
    let mut was = BTreeSet::new();
    for parameter in found {
        let path = &parameter.path;
        let undo = Undo::Kernel { path: path.clone(), was: format!("{}\n", parameter.value) };
        changes.make(&undo, |files| files.write_in_place(path, content.as_bytes()))?;
        was.insert(parameter.value);
    }
    Ok(format!("was {}", was.into_iter().collect::<Vec<_>>().join(" or ")))
}

/// Changes mode and ownership of what is at `path`. Answers what they were; nothing where nothing had to be changed.
fn set_attributes(
    changes: &mut Changes<'_>,
    path: &Path,
    wanted: impl FnOnce(Attributes) -> Attributes,
) -> Result<Option<Attributes>, StepError> {
    let held = match changes.files.hold(path) {
        Err(StepError::Missing(_)) => return Ok(None),
        held => held?,
    };
    let was = held.attributes;
    let to = wanted(was);
    if to == was {
        return Ok(None);
    }
    let undo = Undo::Attributes { path: path.to_owned(), file: held.inode, was };
    changes.make(&undo, |files| files.set_attributes(&held, to))?;
    Ok(Some(was))
}

fn file_mode(
    changes: &mut Changes<'_>,
    paths: &[String],
    at_most: &str,
    owner: Option<&str>,
    groups: &[String],
) -> Result<String, StepError> {
    let host = changes.tools.host();
    let most = u32::from_str_radix(at_most, 8).unwrap_or(0);
    let uid = owner.map(|name| number_of(host, "user", name)).transpose()?;
    let gids: Vec<u32> = groups.iter().filter_map(|name| number_of(host, "group", name).ok()).collect();
    if let (Some(name), true) = (groups.first(), gids.is_empty()) {
        return Err(StepError::NoSuchName { kind: "group", name: name.clone() });
    }
    let mut widened = Vec::new();
    for path in matching(changes, paths)? {
        let wanted = |was: Attributes| Attributes {
            mode: was.mode & most,
            uid: uid.unwrap_or(was.uid),
            gid: if gids.is_empty() || gids.contains(&was.gid) { was.gid } else { gids[0] },
        };
        if let Some(was) = set_attributes(changes, &path, wanted)? {
            widened.push(format!("{} was {:04o}", path.display(), was.mode));
        }
    }
    Ok(widened.join(", "))
}

/// The paths that `patterns` name, in order. Files of a missing directory are missing too.
fn matching(changes: &Changes<'_>, patterns: &[String]) -> Result<BTreeSet<PathBuf>, StepError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let Some((directory, name)) = pattern.rsplit_once('/').filter(|(_, name)| name.contains('*')) else {
            found.insert(PathBuf::from(pattern));
            continue;
        };
        match changes.tools.host().list(Path::new(directory)) {
            Ok(entries) => found.extend(
                entries
                    .into_iter()
                    .filter(|entry| !entry.is_directory && settings::fits(name, &entry.name))
                    .map(|entry| Path::new(directory).join(entry.name)),
            ),
            Err(HostError::NotFound) => {}
            Err(source) => return Err(StepError::Host { what: directory.to_owned(), source }),
        }
    }
    Ok(found)
}

fn clear_other_write(changes: &mut Changes<'_>, under: &Path) -> Result<String, StepError> {
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let host = changes.tools.host();
    let failed = |path: &Path, source| StepError::Host { what: path.display().to_string(), source };
    let mut directories = VecDeque::from([under.to_owned()]);
    let mut open = Vec::new();
    let mut seen = 0;
    while let Some(directory) = directories.pop_front() {
        for entry in host.list(&directory).map_err(|source| failed(&directory, source))? {
            seen += 1;
            if seen > SEEN_MAX {
                return Err(StepError::NotSo(format!(
                    "there are more than {SEEN_MAX} files under {}",
                    under.display()
                )));
            }
            let path = directory.join(&entry.name);
            let found = match host.link_metadata(&path) {
                Ok(found) => found,
                Err(HostError::NotFound) => continue,
                Err(source) => return Err(failed(&path, source)),
            };
            let sticky_directory = found.kind == FileKind::Directory && found.mode & STICKY != 0;
            let ordinary = matches!(found.kind, FileKind::File | FileKind::Directory);
            if ordinary && found.mode & OTHERS_WRITE != 0 && !sticky_directory {
                open.push(path.clone());
            }
            if found.kind == FileKind::Directory {
                directories.push_back(path);
            }
        }
    }
    if open.len() > CHANGED_MAX {
        return Err(StepError::NotSo(format!(
            "{} files are open to everyone, too many to change",
            open.len()
        )));
    }
    let mut changed = 0;
    for path in &open {
        let wanted = |was: Attributes| Attributes { mode: was.mode & !OTHERS_WRITE, ..was };
        changed += usize::from(set_attributes(changes, path, wanted)?.is_some());
    }
    Ok(format!("{changed} changed"))
}

fn service(
    changes: &mut Changes<'_>,
    units: &[String],
    operation: ServiceOperation,
) -> Result<String, StepError> {
    let tools = changes.tools;
    let names: Vec<&str> = units.iter().map(String::as_str).collect();
    let Some((unit, was)) = systemd::first_known(tools, &names)? else {
        return match operation {
            ServiceOperation::Stop | ServiceOperation::Mask => Ok("not on this machine".to_owned()),
            ServiceOperation::Enable | ServiceOperation::Start | ServiceOperation::Restart => {
                Err(StepError::NoSuchUnit(units.join(", ")))
            }
        };
    };
    changes.make(&Undo::Unit { unit: unit.to_owned(), was }, |_| systemd::operate(tools, unit, operation))?;
    Ok(unit.to_owned())
}

fn start_enabled(changes: &mut Changes<'_>, units: &[String]) -> Result<String, StepError> {
    let tools = changes.tools;
    let mut started = Vec::new();
    for unit in units {
        let Some(was) = systemd::state(tools, unit)? else { continue };
        if was.enabled && !was.active && !was.masked {
            let undo = Undo::Unit { unit: unit.clone(), was };
            changes.make(&undo, |_| systemd::operate(tools, unit, ServiceOperation::Start))?;
            started.push(unit.as_str());
        }
    }
    Ok(started.join(", "))
}

fn package(
    changes: &mut Changes<'_>,
    debian: &str,
    redhat: &str,
    operation: PackageOperation,
) -> Result<String, StepError> {
    let tools = changes.tools;
    let manager = PackageManager::of(tools)?;
    let name = match manager {
        PackageManager::Apt => debian,
        PackageManager::Dnf => redhat,
    };
    let was_installed = manager.is_installed(tools, name)?;
    if was_installed == (operation == PackageOperation::Install) {
        return Ok(if was_installed { "already installed" } else { "not installed" }.to_owned());
    }
    changes.make(&Undo::Package { manager, name: name.to_owned(), was_installed }, |_| match operation {
        PackageOperation::Install => manager.install(tools, name),
        PackageOperation::Remove => manager.remove(tools, name),
    })?;
    Ok(name.to_owned())
}

fn time_sync(changes: &mut Changes<'_>, servers: &str) -> Result<String, StepError> {
    let tools = changes.tools;
    let Some((unit, was)) = systemd::first_known(tools, &TIME_UNITS)? else {
        return Err(StepError::NoSuchUnit(TIME_UNITS.join(", ")));
    };
    if !servers.is_empty() {
        time_servers(changes, unit, servers)?;
    }
    changes.make(&Undo::Unit { unit: unit.to_owned(), was }, |_| {
        systemd::operate(tools, unit, ServiceOperation::Enable)?;
        systemd::operate(tools, unit, ServiceOperation::Restart)?;
        wait_synchronised(tools, unit)
    })?;
    Ok(unit.to_owned())
}

/// A clock that was just started is not right yet; who measures again must not be asked too early.
fn wait_synchronised(tools: Tools<'_>, unit: &str) -> Result<(), StepError> {
    const TRIES: u32 = 30;
    const PAUSE: Duration = Duration::from_secs(2);
    if unit.starts_with("chrony") {
        return tools.act(&CHRONY_SYNCHRONISED);
    }
    if unit != "systemd-timesyncd.service" {
        return Ok(()); // cannot be asked in a few words; the check decides
    }
    for attempt in 0..TRIES {
        let output = tools.ask(&["timedatectl", "show", "--property=NTPSynchronized", "--value"])?;
        if output.text().trim() == "yes" {
            return Ok(());
        }
        if attempt + 1 < TRIES {
            std::thread::sleep(PAUSE);
        }
    }
    Err(StepError::NotSo(format!("{unit} is not synchronised after a minute")))
}

fn time_servers(changes: &mut Changes<'_>, unit: &str, servers: &str) -> Result<(), StepError> {
    const CHRONY_SOURCES: &str = "/etc/chrony/sources.d";
    if unit.starts_with("chrony") {
        let config = changes.tools.host().text("/etc/chrony/chrony.conf").unwrap_or_default();
        if !config.lines().any(|line| line.split_whitespace().eq(["sourcedir", CHRONY_SOURCES])) {
            return Err(StepError::NotSo(format!("chrony does not read {CHRONY_SOURCES}")));
        }
        let sources: Vec<String> =
            servers.split(',').map(|server| format!("server {server} iburst")).collect();
        let path = PathBuf::from(CHRONY_SOURCES).join("proofline.sources");
        return changes.write(&path, settings::lines(&sources).as_bytes(), Attributes::PLAIN);
    }
    if unit == "systemd-timesyncd.service" {
        let section =
            settings::section("Time", &BTreeMap::from([("NTP".to_owned(), servers.replace(',', " "))]));
        let path = Path::new("/etc/systemd/timesyncd.conf.d/50-proofline.conf");
        return changes.write(path, section.as_bytes(), Attributes::PLAIN);
    }
    Err(StepError::NotSo(format!("the servers of {unit} are set by hand")))
}
