//! Kernel modules that must not be loadable, and what happens when a program crashes.

use super::finding::{Finding, Outcome, Unmeasured};
use super::logging::systemd_setting;
use super::{reading, sysctl};
use crate::host::{Host, RunLimits};

/// A module is blocked when loading it runs nothing, when it is on the list that hot-plugging respects, or when the
/// machine does not have it.
pub(super) fn blocked(host: &dyn Host, modules: &[String]) -> Outcome {
    const LOADED: &str = "/proc/modules";
    let mut usable = Vec::new();
    let loaded = reading::text_if_there(host, LOADED)?;
    let kernel = reading::text(host, "/proc/sys/kernel/osrelease")?.trim().to_owned();
    let builtin =
        reading::text_if_there(host, &format!("/lib/modules/{kernel}/modules.builtin"))?.unwrap_or_default();
    for module in modules {
        let plain = module.replace('-', "_");
        let in_kernel = builtin.lines().any(|line| {
            let name = line.rsplit('/').next().unwrap_or_default().trim_end_matches(".ko");
            name.replace('-', "_") == plain
        });
        // A driver that is compiled into a kernel without a list of such drivers still shows on its bus.
        let on_bus = reading::exists(host, &format!("/sys/bus/usb/drivers/{module}"))?;
        if in_kernel {
            usable.push(format!("{module} (built in)"));
            continue;
        }
        match &loaded {
            None if on_bus => usable.push(format!("{module} (built in)")),
            None => {} // a kernel that cannot load modules
            Some(loaded) => {
                if loaded.lines().any(|line| line.split(' ').next() == Some(plain.as_str())) {
                    usable.push(format!("{module} (loaded)"));
                } else if loadable(host, module)? {
                    usable.push(module.clone());
                }
            }
        }
    }
    let location = "modprobe -n -v, /proc/modules";
    Ok(Finding::offenders(usable, "drivers blocked", "these drivers can be used", location))
}

fn loadable(host: &dyn Host, module: &str) -> Result<bool, Unmeasured> {
    let argv = ["modprobe", "-n", "-v", "-b", module];
    let Some(output) = reading::ask(host, &argv, RunLimits::QUICK)? else {
        return Err(Unmeasured::unknown("modprobe is not installed", argv.join(" ")));
    };
    let text = output.text();
    if !output.success() {
        // Not in the module tree. Anything else is trouble.
        return if output.complaint().contains("not found") {
            Ok(false)
        } else {
            Err(reading::refused(&argv, &output))
        };
    }
    let inserts =
        text.lines().map(str::trim).any(|line| line.starts_with("insmod ") && line.contains(module));
    let inserts_plain =
        text.lines().any(|line| line.contains(&module.replace('-', "_")) && line.starts_with("insmod "));
    Ok(inserts || inserts_plain)
}

const PATTERN: &str = "/proc/sys/kernel/core_pattern";

pub(super) fn core_dumps(host: &dyn Host) -> Outcome {
    let privileged = sysctl::read(host, "fs.suid_dumpable")?;
    if privileged.as_deref().is_some_and(|value| value != "0") {
        let location = "/proc/sys/fs/suid_dumpable";
        return Ok(Finding::fail("privileged programs leave one", "fs.suid_dumpable is not 0", location));
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
    if pattern.is_empty() {
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
