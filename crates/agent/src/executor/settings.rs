//! Texts of configuration files: pure functions from what is there to what must be there.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What every file begins with that the agent writes whole.
pub(super) const MARK: &str = "# Written by the Proofline agent. Changes are undone by the next heal.\n";

/// Sets `key`: the first line that sets it is replaced, further ones are removed, and where there is none, a line is
/// appended. Comments and everything else stay as they are.
pub(super) fn set_line(text: &str, key: &str, separator: &str, value: &str) -> String {
    let line = format!("{key}{separator}{value}\n");
    let mut result = String::with_capacity(text.len() + line.len());
    let mut done = false;
    for existing in text.split_inclusive('\n') {
        if !sets(existing, key) {
            result.push_str(existing);
        } else if !done {
            result.push_str(&line);
            done = true;
        }
    }
    if !done {
        if !result.is_empty() && !result.ends_with('\n') {
            result.push('\n');
        }
        result.push_str(&line);
    }
    result
}

fn sets(line: &str, key: &str) -> bool {
    line.trim_start()
        .strip_prefix(key)
        .is_some_and(|rest| rest.trim_end().is_empty() || rest.starts_with([' ', '\t', '=']))
}

/// A drop-in with one section.
pub(super) fn section(name: &str, settings: &BTreeMap<String, String>) -> String {
    let mut text = format!("{MARK}[{name}]\n");
    for (key, value) in settings {
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

/// Lines after the mark.
pub(super) fn lines(lines: &[String]) -> String {
    let mut text = MARK.to_owned();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Whether `pattern`, which holds at most one `*`, fits `name`.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_replaced_once_and_the_rest_stays() {
        let text =
            "# PASS_MAX_DAYS is below\nPASS_MAX_DAYS\t99999\nPASS_MAX_DAYS_X 1\n  PASS_MAX_DAYS 5\nUMASK 022";
        assert_eq!(
            set_line(text, "PASS_MAX_DAYS", " ", "90"),
            "# PASS_MAX_DAYS is below\nPASS_MAX_DAYS 90\nPASS_MAX_DAYS_X 1\nUMASK 022"
        );
        assert_eq!(set_line("UMASK 022", "deny", " = ", "5"), "UMASK 022\ndeny = 5\n");
        assert_eq!(set_line("", "deny", " = ", "5"), "deny = 5\n");
        let once = set_line(text, "UMASK", " ", "027");
        assert_eq!(set_line(&once, "UMASK", " ", "027"), once, "doing it twice changes nothing");
    }

    #[test]
    fn one_star_stands_for_anything() {
        assert!(fits("ssh_host_*_key", "ssh_host_ed25519_key") && fits("*", "x") && fits("a", "a"));
        assert!(!fits("ssh_host_*_key", "ssh_host_key") && !fits("*.conf", "a.conf.bak") && !fits("a", "ab"));
    }
}
