//! Kernel modules that must not be loadable, and what happens when a program crashes.

use super::finding::{Finding, Outcome, Unmeasured};
use super::logging::systemd_setting;
use super::{reading, sysctl};
use crate::host::{Host, RunLimits};

/// Where a release of the kernel has its modules; the last is where NixOS keeps those of the running system.
const TREES: [&str; 3] =
    ["/lib/modules", "/usr/lib/modules", "/run/booted-system/kernel-modules/lib/modules"];
/// The list of modules of a distribution's kernel has about 600 KiB.
const LIST_LIMIT: usize = 4 * 1024 * 1024;
/// What an `install` line may run in place of loading: programs that do nothing.
const NOTHING: [&str; 8] = [
    "/bin/true",
    "/bin/false",
    "/usr/bin/true",
    "/usr/bin/false",
    "/sbin/nologin",
    "/usr/sbin/nologin",
    "true",
    "false",
];
const LOCATION: &str = "modprobe -n -v, /proc/modules, /lib/modules";

/// The modules that the running kernel could use, and those that it has in itself.
struct Tree {
    loadable: String,
    built_in: String,
}

impl Tree {
    /// Without both lists nothing is known of what this kernel could load.
    fn read(host: &dyn Host) -> Result<Self, Unmeasured> {
        let release = reading::text(host, "/proc/sys/kernel/osrelease")?.trim().to_owned();
        for tree in TREES {
            let list = |name: &str| {
                reading::large_text_if_there(host, &format!("{tree}/{release}/{name}"), LIST_LIMIT)
            };
            let Some(loadable) = list("modules.dep")? else { continue };
            let location = format!("{tree}/{release}");
            let Some(built_in) = list("modules.builtin")? else {
                let reason = "the list of what is built into the kernel is missing";
                return Err(Unmeasured::unknown(reason, location));
            };
            if !loadable.lines().all(|line| line.contains(':')) || loadable.trim().is_empty() {
                return Err(Unmeasured::unknown("the list of modules was not understood", location));
            }
            return Ok(Self { loadable, built_in });
        }
        let reason = "the modules of the running kernel cannot be seen";
        Err(Unmeasured::unknown(reason, format!("/lib/modules/{release}/modules.dep")))
    }

    fn has_built_in(&self, module: &str) -> bool {
        self.built_in.lines().any(|path| is_file_of(path, module))
    }

    fn has_loadable(&self, module: &str) -> bool {
        self.loadable.lines().filter_map(|line| line.split(':').next()).any(|path| is_file_of(path, module))
    }
}

/// `kernel/drivers/usb/storage/usb-storage.ko.zst` is a file of `usb_storage`.
fn is_file_of(path: &str, module: &str) -> bool {
    let name = path.trim().rsplit('/').next().unwrap_or_default();
    let name = name.split(".ko").next().unwrap_or_default();
    name.replace('-', "_") == module.replace('-', "_")
}

/// A module is blocked when loading it runs a program that does nothing, when it is on the list that hot-plugging
/// respects, or when the running kernel does not have it.
pub(super) fn blocked(host: &dyn Host, modules: &[String]) -> Outcome {
    const BUS: &str = "/sys/bus/usb/drivers";
    let mut usable = Vec::new();
    let loaded = reading::text_if_there(host, "/proc/modules")?;
    if loaded.as_deref().is_some_and(|text| !text.lines().all(is_loaded_module)) {
        return Err(Unmeasured::unknown("the list of loaded modules was not understood", "/proc/modules"));
    }
    let Some(loaded) = loaded else {
        // A kernel that loads no modules has what it has, and that shows on its bus.
        if !reading::exists(host, BUS)? {
            return Err(Unmeasured::unknown("neither modules nor the USB bus can be seen", BUS));
        }
        for module in modules {
            if reading::exists(host, &format!("{BUS}/{module}"))? {
                usable.push(format!("{module} (built in)"));
            }
        }
        return Ok(Finding::offenders(usable, "drivers blocked", "these drivers can be used", BUS));
    };
    let tree = Tree::read(host)?;
    for module in modules {
        let plain = module.replace('-', "_");
        if tree.has_built_in(module) {
            usable.push(format!("{module} (built in)"));
        } else if loaded.lines().any(|line| line.split(' ').next() == Some(plain.as_str())) {
            usable.push(format!("{module} (loaded)"));
        } else if reading::exists(host, &format!("{BUS}/{module}"))? {
            // A driver that is compiled into a kernel whose list does not say so still shows on its bus.
            usable.push(format!("{module} (built in)"));
        } else if loadable(host, module, &tree)? {
            usable.push(module.clone());
        }
    }
    Ok(Finding::offenders(usable, "drivers blocked", "these drivers can be used", LOCATION))
}

/// `name size users dependants state address`; proc_modules(5)
fn is_loaded_module(line: &str) -> bool {
    let fields: Vec<&str> = line.split(' ').collect();
    fields.len() >= 5 && fields.get(1).is_some_and(|size| size.parse::<u64>().is_ok())
}

/// What `modprobe` would do, as it prints it: files to insert, commands to run, or nothing.
fn loadable(host: &dyn Host, module: &str, tree: &Tree) -> Result<bool, Unmeasured> {
    let argv = ["modprobe", "-n", "-v", "-b", module];
    let Some(output) = reading::ask(host, &argv, RunLimits::QUICK)? else {
        return Err(Unmeasured::unknown("modprobe is not installed", argv.join(" ")));
    };
    if !output.success() {
        // Not in the module tree, which the tree has to confirm. Anything else is trouble.
        let absent = output.complaint().contains("not found in directory") && !tree.has_loadable(module);
        return if absent { Ok(false) } else { Err(reading::refused(&argv, &output)) };
    }
    let (mut runs_nothing, mut inserts_others) = (false, false);
    for line in output.text().lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(file) = line.strip_prefix("insmod ") {
            if is_file_of(file.split_whitespace().next().unwrap_or_default(), module) {
                return Ok(true);
            }
            inserts_others = true;
        } else if let Some(command) = line.strip_prefix("install ") {
            if !NOTHING.contains(&command.trim()) {
                return Ok(true); // whatever it runs may load the module
            }
            runs_nothing = true;
        } else {
            return Err(Unmeasured::unknown("the answer was not understood", argv.join(" ")));
        }
    }
    if inserts_others && !runs_nothing {
        return Err(Unmeasured::unknown("the answer does not name the module", argv.join(" ")));
    }
    // Nothing printed: the module is on the list of those that are not loaded by themselves.
    Ok(false)
}

const PATTERN: &str = "/proc/sys/kernel/core_pattern";

pub(super) fn core_dumps(host: &dyn Host) -> Outcome {
    let location = "/proc/sys/fs/suid_dumpable";
    match sysctl::read(host, "fs.suid_dumpable")?.as_deref() {
        None | Some("0") => {}
        Some("1" | "2") => {
            return Ok(Finding::fail("privileged programs leave one", "fs.suid_dumpable is not 0", location));
        }
        Some(_) => return Err(Unmeasured::unknown("the value was not understood", location)),
    }
    let pattern = reading::text(host, PATTERN)?.trim().to_owned();
    if let Some(handler) = pattern.strip_prefix('|') {
        let program = handler.split_whitespace().next().unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default();
        if ["false", "true"].contains(&name) {
            return Ok(Finding::pass("none are kept", PATTERN));
        }
        if name == "systemd-coredump" {
            let location = "systemd-analyze cat-config systemd/coredump.conf: Storage";
            let storage = systemd_setting(host, "systemd/coredump.conf", "Storage")?;
            return Ok(if storage.as_deref() == Some("none") {
                Finding::pass("none are kept", location)
            } else {
                Finding::fail("kept by systemd-coredump", "memory images are stored", location)
            });
        }
        return Ok(Finding::fail(format!("passed to {name}"), "a program takes the memory image", PATTERN));
    }
    // Without a name no file is written, unless its number is to be appended. core(5)
    if pattern.is_empty() && sysctl::read(host, "kernel.core_uses_pid")?.as_deref() == Some("0") {
        return Ok(Finding::pass("none are kept", PATTERN));
    }
    limits(host)
}

/// Without a handler the file is written unless everybody's hard limit is zero.
fn limits(host: &dyn Host) -> Outcome {
    let location = "/etc/security/limits.conf, /etc/security/limits.d";
    let mut text = reading::text_if_there(host, "/etc/security/limits.conf")?.unwrap_or_default();
    for path in reading::files_ending(host, "/etc/security/limits.d", ".conf")? {
        text.push('\n');
        text.push_str(&reading::text(host, &path)?);
    }
    let mut limit = None;
    for line in reading::settings(&text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["*", "hard" | "-", "core", value] = words[..] {
            limit = Some(value.to_owned());
        }
    }
    Ok(match limit.as_deref() {
        Some("0") => Finding::pass("none are kept", location),
        _ => Finding::fail("written to files", "nothing limits memory images to zero", location),
    })
}
