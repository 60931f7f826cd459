//! The grammar of every text in a step, and its plain-English description.

use super::action::{
    Action, AllowedCommand, Detect, LOGIN_DEFS_KEYS, PackageOperation, Reload, SSHD_KEYWORDS,
    ServiceOperation, Verify,
};
use super::parameter::{ParamValue, Parameter, placeholder};

const FILE_CONTENT_MAX: usize = 16 * 1024;

impl Action {
    /// Why this action may not run, if so. Placeholders must have been replaced.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::SshdDropIn { keyword, value } => {
                first([listed("keyword", SSHD_KEYWORDS, keyword), token("value", value, "@.,+-/")])
            }
            Self::SysctlDropIn { key, value } => first([is_sysctl_key(key), token("value", value, "-")]),
            Self::FileMode { paths, at_most, owner, groups } => first([
                paths.is_empty().then(|| "no paths".to_owned()),
                paths.iter().find_map(|path| is_pattern(path)),
                is_mode(at_most),
                owner.iter().chain(groups).find_map(|name| token("owner or group", name, "_-")),
            ]),
            Self::ClearOtherWrite { under } => is_path(under),
            Self::FileContent { path, mode, content } => first([
                is_path(path),
                is_mode(mode),
                (content.len() > FILE_CONTENT_MAX || content.contains('\0'))
                    .then(|| "content is too long".to_owned()),
            ]),
            Self::FileLine { path, key, separator, value } => first([
                is_path(path),
                token("key", key, "_-."),
                (![" = ", " ", "="].contains(&separator.as_str())).then(|| "an unknown separator".to_owned()),
                token("value", value, "_-./:"),
            ]),
            Self::LoginDefs { key, value } => {
                first([listed("key", LOGIN_DEFS_KEYS, key), token("value", value, "_-")])
            }
            Self::JournaldDropIn { settings } => settings
                .iter()
                .find_map(|(key, value)| first([token("key", key, "_"), token("value", value, "-")])),
            Self::ModprobeBlacklist { module } => token("module", module, "_-"),
            Self::AuditRule { file, rules } => {
                first([token("file", file, "_-"), rules.iter().find_map(|rule| is_audit_rule(rule))])
            }
            Self::NftDropIn { allow_tcp, allow_udp } => {
                let ports = Parameter::Ports { description: String::new(), max: 64, default: String::new() };
                [allow_tcp, allow_udp]
                    .into_iter()
                    .find(|list| !ports.accepts(&ParamValue::Text((*list).clone())))
                    .map(|list| format!("not a list of ports: {list:?}"))
            }
            Self::Service { units, .. } | Self::StartEnabled { units } => are_units(units),
            Self::Package { debian, redhat, .. } => {
                first([token("package", debian, "+.-"), token("package", redhat, "+.-_")])
            }
            Self::TimeSync { servers } => {
                let hosts = Parameter::Hosts { description: String::new(), max: 8, default: String::new() };
                (!hosts.accepts(&ParamValue::Text(servers.clone()))).then(|| "not a list of hosts".to_owned())
            }
            Self::LockEmptyPasswords {} | Self::Reload { .. } | Self::Command { .. } => None,
        }
    }

    /// What it does, for a plan that a person reads.
    pub fn describe(&self) -> String {
        match self {
            Self::SshdDropIn { keyword, value } => format!("set {keyword} to {value:?} for the SSH server"),
            Self::SysctlDropIn { key, value } => format!("set the kernel parameter {key} to {value}"),
            Self::FileMode { paths, at_most, owner, groups } => {
                let owner = owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
                let group = if groups.is_empty() {
                    String::new()
                } else {
                    format!(", group {}", groups.join(" or "))
                };
                format!("take permissions beyond {at_most} from {}{owner}{group}", paths.join(", "))
            }
            Self::ClearOtherWrite { under } => {
                format!("take the write permission of others from files under {under}")
            }
            Self::FileContent { path, mode, .. } => format!("write {path} with mode {mode}"),
            Self::FileLine { path, key, value, .. } => format!("set {key} to {value} in {path}"),
            Self::LoginDefs { key, value } => format!("set {key} to {value} in /etc/login.defs"),
            Self::JournaldDropIn { settings } => format!("set journal options: {}", settings_text(settings)),
            Self::ModprobeBlacklist { module } => format!("keep the kernel module {module} from loading"),
            Self::AuditRule { file, rules } => format!("write {} audit rules to {file}.rules", rules.len()),
            Self::NftDropIn { .. } => {
                "drop unasked input; keep SSH and what listens now reachable".to_owned()
            }
            Self::Service { units, operation } => {
                let verb = match operation {
                    ServiceOperation::Enable => "enable and start",
                    ServiceOperation::Start => "start",
                    ServiceOperation::Restart => "restart",
                    ServiceOperation::Stop => "stop",
                    ServiceOperation::Mask => "stop and mask",
                };
                format!("{verb} {}", units.join(" or "))
            }
            Self::StartEnabled { units } => format!("start those of {} that are enabled", units.join(", ")),
            Self::Package { debian, operation, .. } => match operation {
                PackageOperation::Install => format!("install the package {debian}"),
                PackageOperation::Remove => format!("remove the package {debian}"),
            },
            Self::TimeSync { .. } => "enable and start the time service".to_owned(),
            Self::LockEmptyPasswords {} => "lock accounts without a password".to_owned(),
            Self::Reload { what } => what.describe().to_owned(),
            Self::Command { run } => match run {
                AllowedCommand::JournalFlush => "move the journal to disk".to_owned(),
            },
        }
    }

    /// What [`Action::describe`] leaves out, line by line: whoever approves a plan has to see that, too.
    pub fn particulars(&self) -> Vec<String> {
        let or =
            |list: &str, nothing: &str| if list.is_empty() { nothing.to_owned() } else { list.to_owned() };
        match self {
            Self::FileContent { content, .. } => content.lines().map(str::to_owned).collect(),
            Self::AuditRule { rules, .. } => rules.clone(),
            Self::NftDropIn { allow_tcp, allow_udp } => vec![
                format!("further TCP ports: {}", or(allow_tcp, "none")),
                format!("further UDP ports: {}", or(allow_udp, "none")),
            ],
            Self::Package { debian, redhat, .. } => {
                vec![
                    format!("Debian and its relatives: {debian}"),
                    format!("Red Hat and its relatives: {redhat}"),
                ]
            }
            Self::TimeSync { servers } => vec![format!("time servers: {}", or(servers, "as they are"))],
            Self::Command { run } => vec![quoted(run.argv())],
            Self::SshdDropIn { .. }
            | Self::SysctlDropIn { .. }
            | Self::FileMode { .. }
            | Self::ClearOtherWrite { .. }
            | Self::FileLine { .. }
            | Self::LoginDefs { .. }
            | Self::JournaldDropIn { .. }
            | Self::ModprobeBlacklist { .. }
            | Self::Service { .. }
            | Self::StartEnabled { .. }
            | Self::LockEmptyPasswords {}
            | Self::Reload { .. } => Vec::new(),
        }
    }
}

impl Reload {
    /// What it does, for a plan that a person reads.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Sshd => "validate the SSH server's configuration and reload it",
            Self::AuditRules => "load the audit rules",
            Self::Journald => "restart the journal",
            Self::Rsyslog => "restart the system log",
            Self::TimeSync => "restart the time service",
            Self::SystemdUnits => "reload unit files",
        }
    }
}

impl Detect {
    /// Why this precondition is malformed, if so.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::FileExists { path } | Self::DirectoryExists { path } => is_path(path),
            Self::UnitKnown { units } => are_units(units),
            Self::FileMentions { paths, word } => {
                first([paths.iter().find_map(|path| is_path(path)), token("word", word, "._-")])
            }
            Self::AnotherAdministrator {} | Self::KeyLoginPossible {} => None,
        }
    }
}

impl Verify {
    /// Why this postcondition is malformed, if so. Placeholders must have been replaced.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::SshdEffective { keyword, value } => {
                first([listed("keyword", SSHD_KEYWORDS, keyword), token("value", value, "@.,+-/")])
            }
            Self::SysctlIs { key, value } => first([is_sysctl_key(key), token("value", value, "-")]),
            Self::UnitActive { units } | Self::UnitInactive { units } => are_units(units),
            Self::FileModeAtMost { path, mode } => first([is_path(path), is_mode(mode)]),
            Self::SshdConfigValid {} | Self::CheckOnly {} => None,
        }
    }
}

fn settings_text(settings: &std::collections::BTreeMap<String, String>) -> String {
    settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// An argument vector on one line. What a shell would read as more than one word stands in quotes.
fn quoted(argv: &[&str]) -> String {
    let plain = |argument: &str| {
        !argument.is_empty() && argument.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:@,".contains(c))
    };
    let words = argv.iter().map(|&argument| {
        if plain(argument) { argument.to_owned() } else { format!("'{}'", argument.replace('\'', r"'\''")) }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn first<const N: usize>(problems: [Option<String>; N]) -> Option<String> {
    problems.into_iter().flatten().next()
}

fn listed(what: &str, list: &[&str], text: &str) -> Option<String> {
    (!list.contains(&text)).then(|| format!("{what} {text:?} is not on the list"))
}

/// Letters and digits and `extra`, 1 to 512 bytes, not beginning with a dash followed by a letter.
fn token(what: &str, text: &str, extra: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    let option = text.starts_with('-') && !text[1..].starts_with(|c: char| c.is_ascii_digit());
    let fits = (1..=512).contains(&text.len())
        && text.chars().all(allowed)
        && !option
        && placeholder(text).is_none();
    (!fits).then(|| format!("{what} {text:?} is not allowed"))
}

fn is_path(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let clean = text.starts_with('/')
        && text.len() <= 200
        && text.chars().all(allowed)
        && text[1..].split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    (!clean).then(|| format!("{text:?} is not an absolute path"))
}

/// A path whose last part may hold one `*`.
fn is_pattern(text: &str) -> Option<String> {
    let name = text.rsplit('/').next().unwrap_or_default();
    match name.split_once('*') {
        Some((_, rest)) if rest.contains('*') => Some(format!("{text:?} has more than one star")),
        Some(_) => is_path(&text.replacen('*', "x", 1)).map(|_| format!("{text:?} is not an absolute path")),
        None => is_path(text),
    }
}

fn is_mode(text: &str) -> Option<String> {
    let octal = text.len() == 4 && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    (!octal).then(|| format!("{text:?} is not a mode of four octal digits"))
}

/// A dotted key; in `net.ipv4.conf.*.x` and `net.ipv6.conf.*.x` a star stands for the interface.
fn is_sysctl_key(text: &str) -> Option<String> {
    let of_interfaces = ["net.ipv4.conf.", "net.ipv6.conf."].iter().find_map(|root| text.strip_prefix(root));
    let text = if of_interfaces.is_some_and(|rest| rest.starts_with("*.")) {
        &text.replacen('*', "all", 1)
    } else {
        text
    };
    let word = |w: &str| {
        !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let known = ["net.", "kernel.", "fs.", "vm."].iter().any(|root| text.starts_with(root));
    (!(known && text.len() <= 100 && text.split('.').all(word)))
        .then(|| format!("{text:?} is no kernel parameter"))
}

fn are_units(units: &[String]) -> Option<String> {
    let unit = |name: &String| {
        name.len() <= 100
            && [".service", ".socket", ".timer"].iter().any(|ending| name.ends_with(ending))
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._@-".contains(c))
    };
    (units.is_empty() || !units.iter().all(unit)).then(|| format!("{units:?} are not unit names"))
}

fn is_audit_rule(text: &str) -> Option<String> {
    let known = ["-w ", "-a ", "-b ", "-f ", "-e "].iter().any(|start| text.starts_with(start));
    let allowed = |c: char| c.is_ascii_alphanumeric() || " /._-=,!<>&".contains(c);
    (!(known && text.len() <= 300 && text.chars().all(allowed)))
        .then(|| format!("{text:?} is not an audit rule"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_that_is_no_plain_word_stands_in_quotes() {
        assert_eq!(quoted(&["journalctl", "--flush"]), "journalctl --flush");
        assert_eq!(quoted(&["a b", "", "it's", "$x"]), r"'a b' '' 'it'\''s' '$x'");
    }

    #[test]
    fn texts_that_would_mean_more_than_a_value_are_refused() {
        let file_mode = |path: &str, at_most: &str| Action::FileMode {
            paths: vec![path.into()],
            at_most: at_most.into(),
            owner: None,
            groups: Vec::new(),
        };
        assert_eq!(file_mode("/etc/ssh/ssh_host_*_key", "0640").problem(), None);
        let bad = [
            Action::SshdDropIn { keyword: "PermitRootLogin".into(), value: "no\nPort 23".into() },
            Action::SshdDropIn { keyword: "AuthorizedKeysCommand".into(), value: "x".into() },
            Action::SysctlDropIn { key: "../../etc/passwd".into(), value: "1".into() },
            Action::SysctlDropIn { key: "kernel.core_pattern".into(), value: "|/bin/sh".into() },
            Action::SysctlDropIn { key: "net.ipv4.*.all.forwarding".into(), value: "0".into() },
            Action::SysctlDropIn { key: "net.ipv4.conf.*.*".into(), value: "0".into() },
            file_mode("/etc/../shadow", "0640"),
            file_mode("/etc/shadow", "888"),
            file_mode("/etc/*/shadow", "0640"),
            file_mode("/etc/*sha*", "0640"),
            Action::ModprobeBlacklist { module: "a b".into() },
            Action::AuditRule { file: "x".into(), rules: vec!["-D".into()] },
            Action::Service { units: vec!["--now".into()], operation: ServiceOperation::Stop },
            Action::Package {
                debian: "-oX".into(),
                redhat: "x".into(),
                operation: PackageOperation::Install,
            },
            Action::NftDropIn { allow_tcp: "22, accept".into(), allow_udp: String::new() },
            Action::SshdDropIn { keyword: "MaxAuthTries".into(), value: "{tries}".into() },
        ];
        for action in bad {
            assert!(action.problem().is_some(), "{action:?}");
        }
    }
}
