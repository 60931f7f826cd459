//! Sessions: idle shells, idle screens, and the notice before sign-in.

use super::finding::{Finding, Outcome, Unmeasured};
use super::logging::{systemd_setting, time_span};
use super::{reading, ssh};
use crate::host::Host;

/// Either every shell gets a `TMOUT` that it cannot change, or logind ends idle sessions itself.
pub(super) fn shell_timeout(host: &dyn Host, max_s: u32) -> Outcome {
    const LOCATION: &str = "/etc/profile, /etc/profile.d, /etc/bash.bashrc, /etc/bashrc";
    let mut text = String::new();
    let mut paths = vec!["/etc/profile".to_owned()];
    paths.extend(reading::files_ending(host, "/etc/profile.d", ".sh")?);
    paths.extend(["/etc/bash.bashrc".to_owned(), "/etc/bashrc".to_owned()]);
    for path in paths {
        if let Some(more) = reading::text_if_there(host, &path)? {
            text.push_str(&more);
            text.push('\n');
        }
    }
    let (mut seconds, mut fixed) = (None, false);
    for statement in reading::settings(&text).flat_map(|line| line.split(';')).map(str::trim) {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let assigned = words.iter().find_map(|word| word.strip_prefix("TMOUT="));
        // What is read-only cannot be assigned again.
        if let (Some(value), false) = (assigned, fixed) {
            seconds = value.trim_matches(['"', '\'']).parse::<u32>().ok();
        }
        let names = assigned.is_some() || words.contains(&"TMOUT");
        let read_only = match words.first() {
            Some(&"readonly") => true,
            Some(&("declare" | "typeset")) => {
                words.iter().any(|word| word.starts_with('-') && word.contains('r'))
            }
            _ => false,
        };
        fixed |= names && read_only;
    }
    let in_time = |seconds: u32| (1..=max_s).contains(&seconds);
    if seconds.is_some_and(in_time) && fixed {
        return Ok(Finding::pass(format!("after at most {max_s} seconds"), LOCATION));
    }
    if logind_ends_idle_sessions(host, max_s)? {
        let location = "systemd-analyze cat-config systemd/logind.conf: StopIdleSessionSec";
        return Ok(Finding::pass(format!("after at most {max_s} seconds, by logind"), location));
    }
    Ok(match seconds {
        Some(seconds) if in_time(seconds) => Finding::fail(
            format!("after {seconds} seconds, changeable"),
            "the user can switch it off",
            LOCATION,
        ),
        Some(0) | None => Finding::fail("never", "no time limit is set", LOCATION),
        Some(seconds) => {
            Finding::fail(format!("after {seconds} seconds"), "the time limit is too long", LOCATION)
        }
    })
}

fn logind_ends_idle_sessions(host: &dyn Host, max_s: u32) -> Result<bool, Unmeasured> {
    if !reading::exists(host, "/run/systemd/system")? {
        return Ok(false);
    }
    let setting = systemd_setting(host, "systemd/logind.conf", "StopIdleSessionSec")?;
    let seconds = setting.as_deref().and_then(time_span);
    Ok(seconds.is_some_and(|seconds| (1..=u64::from(max_s)).contains(&seconds)))
}

/// Desktops are recognised by the sessions that they offer; GNOME's settings are understood.
pub(super) fn screen_lock(host: &dyn Host, max_s: u32) -> Outcome {
    const LOCATION: &str = "/etc/dconf/db";
    let mut sessions = Vec::new();
    for folder in ["/usr/share/xsessions", "/usr/share/wayland-sessions"] {
        sessions.extend(reading::files_ending(host, folder, ".desktop")?);
    }
    if sessions.is_empty() {
        return Err(Unmeasured::not_applicable("no desktop is installed"));
    }
    if !sessions.iter().any(|path| path.contains("gnome") || path.contains("ubuntu")) {
        return Err(Unmeasured::unknown(
            "the settings of this desktop are not understood",
            "/usr/share/xsessions",
        ));
    }
    let (mut settings, mut locks) = (String::new(), String::new());
    for database in reading::list(host, LOCATION)?.into_iter().filter(|entry| entry.is_directory) {
        let folder = format!("{LOCATION}/{}", database.name);
        for path in reading::files_ending(host, &folder, "")? {
            settings.push_str(&reading::text(host, &path)?);
            settings.push('\n');
        }
        for path in reading::files_ending(host, &format!("{folder}/locks"), "")? {
            locks.push_str(&reading::text(host, &path)?);
            locks.push('\n');
        }
    }
    let delay = keyfile(&settings, "org/gnome/desktop/session", "idle-delay").and_then(|text| number(&text));
    let lock_delay = keyfile(&settings, "org/gnome/desktop/screensaver", "lock-delay")
        .and_then(|text| number(&text))
        .unwrap_or(0);
    // Locking is on unless somebody switched it off.
    let enabled =
        keyfile(&settings, "org/gnome/desktop/screensaver", "lock-enabled").as_deref() != Some("false");
    let locked = |key: &str| locks.lines().any(|line| line.trim() == key);
    let fixed = locked("/org/gnome/desktop/session/idle-delay")
        && locked("/org/gnome/desktop/screensaver/lock-enabled");
    Ok(match delay.map(|delay| delay.saturating_add(lock_delay)) {
        _ if !enabled => Finding::fail("never", "locking is switched off", LOCATION),
        None | Some(0) => Finding::fail("not set for everybody", "each user decides", LOCATION),
        Some(seconds) if seconds > u64::from(max_s) => {
            Finding::fail(format!("after {seconds} seconds"), "the time limit is too long", LOCATION)
        }
        Some(_) if !fixed => Finding::fail("changeable", "the user can switch it off", LOCATION),
        Some(_) => Finding::pass(format!("after at most {max_s} seconds"), LOCATION),
    })
}

/// A value of a `[section]` / `key=value` file; the last one counts.
fn keyfile(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = false;
    let mut found = None;
    for line in reading::settings(text) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name == section;
        } else if let Some((_, value)) = line.split_once('=').filter(|(name, _)| inside && name.trim() == key)
        {
            found = Some(value.trim().to_owned());
        }
    }
    found
}

/// `900` or `uint32 900`.
fn number(text: &str) -> Option<u64> {
    text.split_whitespace().last()?.parse().ok()
}

/// The notice on the console and, where an SSH server answers, the one that it shows.
pub(super) fn banner(host: &dyn Host) -> Outcome {
    const CONSOLE: &str = "/etc/issue";
    let console = reading::text_if_there(host, CONSOLE)?.unwrap_or_default();
    if let Some(problem) = bad_notice(&console) {
        return Ok(Finding::fail(problem, "the notice on the console is not one", CONSOLE));
    }
    match ssh::effective(host, "banner") {
        Err(unmeasured) if unmeasured.verdict() == proofline_core::Verdict::NotApplicable => {
            Ok(Finding::pass("a notice without system details", CONSOLE))
        }
        Err(unmeasured) => Err(unmeasured),
        Ok(values) => {
            for (_, path) in values {
                let text = if path == "none" {
                    String::new()
                } else {
                    reading::text_if_there(host, &path)?.unwrap_or_default()
                };
                if let Some(problem) = bad_notice(&text) {
                    return Ok(Finding::fail(
                        problem,
                        "the notice of the SSH server is not one",
                        "sshd -T: banner",
                    ));
                }
            }
            Ok(Finding::pass("a notice without system details", format!("{CONSOLE}, sshd -T: banner")))
        }
    }
}

/// Why a text is no notice, if so: too short to say anything, or it names the system (issue(5) escapes included).
fn bad_notice(text: &str) -> Option<&'static str> {
    const SYSTEM: [&str; 9] =
        ["\\m", "\\r", "\\s", "\\v", "GNU/Linux", "Ubuntu", "Red Hat", "Rocky Linux", "AlmaLinux"];
    if SYSTEM.iter().any(|detail| text.contains(detail)) {
        Some("names the system")
    } else if text.trim().len() < 40 {
        Some("no notice")
    } else {
        None
    }
}
