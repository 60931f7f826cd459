//! The SSH server: drop-ins that win, validation before every reload, and its own ports kept open.

use std::path::{Path, PathBuf};

use super::access::{Access, Lifeline};
use super::files::{Attributes, Snapshot};
use super::run::Changes;
use super::settings::MARK;
use super::tools::{Tools, successful};
use super::{StepError, systemd};

const CONFIG: &str = "/etc/ssh/sshd_config";
const DROP_INS: &str = "/etc/ssh/sshd_config.d";
/// Only the agent's own files, so that including them twice or before others changes nothing else.
const OUR_INCLUDE: &str = "Include /etc/ssh/sshd_config.d/00-proofline-*.conf";
const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];
const PRIVATE: Attributes = Attributes { mode: 0o600, uid: 0, gid: 0 };

/// Sets a keyword in a file of its own. The first value that the server reads wins, so the file must be read first.
pub(super) fn set(changes: &mut Changes<'_>, keyword: &str, value: &str) -> Result<(), StepError> {
    let Snapshot::File { content, attributes } = changes.files.snapshot(Path::new(CONFIG))? else {
        return Err(StepError::Missing(CONFIG.to_owned()));
    };
    let config = String::from_utf8_lossy(&content).into_owned();
    let path = PathBuf::from(format!("{DROP_INS}/00-proofline-{}.conf", keyword.to_ascii_lowercase()));
    changes.write(&path, format!("{MARK}{keyword} {value}\n").as_bytes(), PRIVATE)?;
    if !includes_us_first(&config) {
        let with_include = format!("{OUR_INCLUDE}\n{config}");
        changes.write(Path::new(CONFIG), with_include.as_bytes(), attributes)?;
    }
    validate(changes.tools)
}

fn includes_us_first(config: &str) -> bool {
    let first = config.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let mut words = first.unwrap_or_default().split_whitespace();
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("include"))
        && words.next().is_some_and(|glob| {
            [format!("{DROP_INS}/*.conf"), format!("{DROP_INS}/00-proofline-*.conf"), format!("{DROP_INS}/*")]
                .iter()
                .any(|ours| ours == glob)
        })
}

/// Whether the server accepts its configuration.
pub(super) fn validate(tools: Tools<'_>) -> Result<(), StepError> {
    let argv = ["sshd", "-t"];
    successful(&argv, &tools.ask(&argv)?)
}

/// The effective value of a keyword.
pub(super) fn effective(tools: Tools<'_>, keyword: &str) -> Result<Option<String>, StepError> {
    let argv = ["sshd", "-T"];
    let output = tools.ask(&argv)?;
    successful(&argv, &output)?;
    let keyword = keyword.to_ascii_lowercase();
    let value = |line: &str| {
        line.strip_prefix(keyword.as_str())?.strip_prefix(' ').map(|value| value.trim().to_owned())
    };
    Ok(output.text().lines().find_map(value))
}

/// The settings in force for one who logs in: a keyword may be said more than once.
pub(super) struct Settings(String);

impl Settings {
    pub(super) const fn new(text: String) -> Self {
        Self(text)
    }

    /// Every value of a keyword in lower case.
    pub(super) fn all<'s>(&'s self, keyword: &'s str) -> impl Iterator<Item = &'s str> {
        let value = move |line: &'s str| line.strip_prefix(keyword)?.strip_prefix(' ');
        self.0.lines().filter_map(value).flat_map(str::split_whitespace)
    }

    pub(super) fn says(&self, keyword: &str, value: &str) -> bool {
        self.all(keyword).next() == Some(value)
    }
}

/// What is in force for `user` who comes from somewhere: an address kept for documentation (RFC 5737), so that no block
/// for known addresses counts.
pub(super) fn in_force_for(tools: Tools<'_>, user: &str) -> Result<Settings, StepError> {
    if user.contains([',', '=']) || user.contains(char::is_whitespace) {
        return Err(StepError::NotSo(format!("the server cannot be asked about {user:?}")));
    }
    let connection = format!("user={user},host=unknown.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22");
    let argv = ["sshd", "-T", "-C", &connection];
    let output = tools.ask(&argv)?;
    successful(&argv, &output)?;
    Ok(Settings::new(output.text()))
}

/// Reloads a running server, whose configuration must be valid: an invalid one would end it.
pub(super) fn reload(tools: Tools<'_>, lifeline: &dyn Lifeline) -> Result<(), StepError> {
    validate(tools)?;
    match systemd::first_known(tools, &UNITS)? {
        Some((unit, state)) if state.active => {
            let access = Access::note(tools, lifeline);
            tools.act(&["systemctl", "reload", "--", unit])?;
            access.still(tools, lifeline)
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_include_before_everything_else_counts() {
        assert!(includes_us_first("# comment\n\nInclude /etc/ssh/sshd_config.d/*.conf\nPort 22\n"));
        assert!(includes_us_first(&format!("{OUR_INCLUDE}\nPort 22\n")));
        assert!(!includes_us_first("Port 22\nInclude /etc/ssh/sshd_config.d/*.conf\n"));
        assert!(!includes_us_first("Include /etc/ssh/other.d/*.conf\n"));
        assert!(!includes_us_first(""));
    }
}
