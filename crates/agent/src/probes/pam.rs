//! Pluggable authentication: the stacks as they are run, includes followed.

use super::finding::{Finding, Outcome, Unmeasured};
use super::reading;
use crate::host::Host;

const MAX_DEPTH: usize = 8;

/// One line of a stack.
struct Line {
    facility: String,
    /// Whether the result of the module can decide: not `optional`, and not a control that ignores failure.
    acts: bool,
    module: String,
    arguments: Vec<String>,
}

impl Line {
    fn argument(&self, key: &str) -> Option<&str> {
        self.arguments.iter().find_map(|argument| argument.strip_prefix(key)?.strip_prefix('='))
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.argument(key)?.parse().ok()
    }
}

/// The lines of a service's stack for one facility; `None` where the service has none.
fn stack(host: &dyn Host, service: &str, facility: &str) -> Result<Option<Vec<Line>>, Unmeasured> {
    let path = format!("/etc/pam.d/{service}");
    let Some(text) = reading::text_if_there(host, &path)? else { return Ok(None) };
    let mut lines = Vec::new();
    collect(host, &text, facility, 0, &mut lines)?;
    Ok(Some(lines))
}

fn collect(
    host: &dyn Host,
    text: &str,
    facility: &str,
    depth: usize,
    into: &mut Vec<Line>,
) -> Result<(), Unmeasured> {
    if depth > MAX_DEPTH {
        return Err(Unmeasured::error("the stacks include each other", "/etc/pam.d"));
    }
    let text = text.replace("\\\n", " ");
    for line in reading::settings(&text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let included = match words[..] {
            ["@include", service] => Some(service),
            [kind, "include" | "substack", service, ..] if kind.trim_start_matches('-') == facility => {
                Some(service)
            }
            _ => None,
        };
        if let Some(service) = included {
            let name = service.rsplit('/').next().unwrap_or(service);
            if let Some(text) = reading::text_if_there(host, &format!("/etc/pam.d/{name}"))? {
                collect(host, &text, facility, depth + 1, into)?;
            }
            continue;
        }
        let Some((kind, rest)) = line.split_once(char::is_whitespace) else { continue };
        if kind.trim_start_matches('-') != facility {
            continue;
        }
        // The control is one word or something in brackets.
        let rest = rest.trim_start();
        let after =
            if rest.starts_with('[') { rest.split_once(']') } else { rest.split_once(char::is_whitespace) };
        let control = after.map_or("", |(control, _)| control);
        let acts = !["optional", "[default=ignore"].contains(&control.trim());
        let mut words = after.map(|(_, after)| after).unwrap_or_default().split_whitespace();
        let module = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        let arguments = words.map(str::to_owned).collect();
        into.push(Line { facility: facility.to_owned(), acts, module, arguments });
    }
    Ok(())
}

/// A `key = value` file; the last setting counts.
fn setting(text: &str, key: &str) -> Option<String> {
    reading::settings(text)
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().to_owned())
        .last()
}

pub(super) fn lockout(host: &dyn Host, max_attempts: u32, min_unlock_s: u32) -> Outcome {
    const CONFIG: &str = "/etc/security/faillock.conf";
    let location = "/etc/pam.d, /etc/security/faillock.conf";
    let config = reading::text_if_there(host, CONFIG)?.unwrap_or_default();
    let mut seen = false;
    for service in ["login", "sshd"] {
        let Some(lines) = stack(host, service, "auth")? else { continue };
        seen = true;
        // One line asks before the password whether the account is locked, another counts the failure after it. Either
        // alone locks nobody out.
        let faillock = |step: &str| {
            lines.iter().find(|line| {
                line.module == "pam_faillock.so"
                    && line.acts
                    && line.arguments.iter().any(|word| word == step)
            })
        };
        let (Some(asking), Some(counting)) = (faillock("preauth"), faillock("authfail")) else {
            let reason = format!("the {service} stack does not count failed logins and ask for the count");
            return Ok(Finding::fail("no lock", reason, location));
        };
        // What the lines say goes before the file; where the two lines differ, the weaker of them.
        let told =
            |line: &Line, key: &str| line.argument(key).map(str::to_owned).or_else(|| setting(&config, key));
        let (mut deny, mut unlock) = (0, 0);
        for line in [asking, counting] {
            let value = |key: &str, usual: i64| match told(line, key).as_deref() {
                None => Ok(usual),
                Some("never") if key == "unlock_time" => Ok(0),
                Some(text) => text.parse().map_err(|_| {
                    Unmeasured::unknown(format!("the value `{text}` of {key} was not understood"), location)
                }),
            };
            let own: i64 = value("deny", 3)?;
            deny = if own < 1 || deny < 0 { -1 } else { own.max(deny) };
            let own: i64 = value("unlock_time", 600)?;
            unlock = match (unlock, own) {
                (0, other) | (other, 0) => other,
                (one, other) => one.min(other),
            };
        }
        let observed = match unlock {
            0 => format!("a lock after {deny} failures until an administrator opens it"),
            seconds => format!("a lock of {seconds} seconds after {deny} failures"),
        };
        if deny < 1 {
            return Ok(Finding::fail("no lock", "a limit of 0 never locks an account", location));
        }
        if deny > i64::from(max_attempts) {
            return Ok(Finding::fail(observed, "too many failures are allowed", location));
        }
        if unlock != 0 && unlock < i64::from(min_unlock_s) {
            return Ok(Finding::fail(observed, "the lock opens too soon", location));
        }
    }
    if !seen {
        return Err(Unmeasured::unknown("there are no stacks for login or sshd", "/etc/pam.d"));
    }
    Ok(Finding::pass(
        format!("a lock of {min_unlock_s} seconds or more after at most {max_attempts} failures"),
        location,
    ))
}

pub(super) fn password_quality(host: &dyn Host, min_length: u32) -> Outcome {
    const LOCATION: &str = "/etc/pam.d/passwd, /etc/security/pwquality.conf";
    let Some(lines) = stack(host, "passwd", "password")? else {
        return Err(Unmeasured::unknown("there is no stack for passwd", "/etc/pam.d/passwd"));
    };
    let quality = lines.iter().find(|line| line.module == "pam_pwquality.so" && line.acts);
    let length = if let Some(line) = quality {
        let (length, enforced) = pwquality_length(host, line)?;
        if !enforced {
            let reason = "shorter passwords are only warned of (enforcing = 0)";
            return Ok(Finding::fail("not enforced", reason, LOCATION));
        }
        length
    } else if lines.iter().any(|line| line.module == "pam_passwdqc.so") {
        return Err(Unmeasured::unknown("pam_passwdqc is in use, whose rules are not understood", LOCATION));
    } else {
        // Without a quality module only pam_unix looks, at the length alone.
        let unix = lines.iter().find(|line| line.module == "pam_unix.so" && line.facility == "password");
        unix.and_then(|line| line.number("minlen")).unwrap_or(6)
    };
    Ok(if length >= i64::from(min_length) {
        Finding::pass(format!("at least {length} characters"), LOCATION)
    } else {
        Finding::fail(format!("at least {length} characters"), "shorter passwords are accepted", LOCATION)
    })
}

/// The shortest password that pwquality lets through, `minlen` less what is credited for kinds of characters, and whether
/// it refuses others rather than only warning.
fn pwquality_length(host: &dyn Host, line: &Line) -> Result<(i64, bool), Unmeasured> {
    let mut config = String::new();
    for path in reading::files_ending(host, "/etc/security/pwquality.conf.d", ".conf")? {
        config.push_str(&reading::text(host, &path)?);
        config.push('\n');
    }
    // The main file is read last and wins.
    config.push_str(&reading::text_if_there(host, "/etc/security/pwquality.conf")?.unwrap_or_default());
    let value = |key: &str| line.number(key).or_else(|| setting(&config, key)?.parse().ok());
    let credit: i64 = ["dcredit", "ucredit", "lcredit", "ocredit"]
        .iter()
        .filter_map(|key| value(key))
        .filter(|n| *n > 0)
        .sum();
    let enforced = value("enforcing").is_none_or(|value| value != 0);
    Ok((value("minlen").unwrap_or(8) - credit, enforced))
}

/// The algorithm that the next password will be hashed with: what `pam_unix` is told, else what `login.defs` says.
pub(super) fn hash_algorithm(host: &dyn Host, accepted: &[String]) -> Outcome {
    const KNOWN: [&str; 7] = ["yescrypt", "gost_yescrypt", "blowfish", "sha512", "sha256", "md5", "bigcrypt"];
    let lines = stack(host, "passwd", "password")?.unwrap_or_default();
    let told = lines
        .iter()
        .filter(|line| line.module == "pam_unix.so")
        .flat_map(|line| &line.arguments)
        .find(|argument| KNOWN.contains(&argument.as_str()));
    let (algorithm, location) = match told {
        Some(argument) => (argument.clone(), "/etc/pam.d/passwd: pam_unix.so"),
        None => match login_defs_value(host, "ENCRYPT_METHOD")? {
            Some(method) => (method.to_lowercase(), "/etc/login.defs: ENCRYPT_METHOD"),
            None => ("des".to_owned(), "/etc/login.defs: ENCRYPT_METHOD"),
        },
    };
    Ok(if accepted.contains(&algorithm) {
        Finding::pass(algorithm, location)
    } else {
        Finding::fail(algorithm, "this algorithm is no longer considered strong", location)
    })
}

fn login_defs_value(host: &dyn Host, key: &str) -> Result<Option<String>, Unmeasured> {
    let text = reading::text(host, "/etc/login.defs")?;
    let mut words = reading::settings(&text).map(str::split_whitespace);
    Ok(words.find_map(|mut words| if words.next()? == key { words.next().map(str::to_owned) } else { None }))
}

pub(super) fn login_defs(host: &dyn Host, key: &str, accept: &proofline_catalog::Accept) -> Outcome {
    let location = format!("/etc/login.defs: {key}");
    let Some(value) = login_defs_value(host, key)? else {
        return Ok(Finding::fail("not set", "the value is not set", location));
    };
    let unclear = || Unmeasured::unknown(format!("the value `{value}` was not understood"), location.clone());
    Ok(if super::accept::accepts(accept, &value).ok_or_else(unclear)? {
        Finding::pass(value, location)
    } else {
        Finding::fail(value, "this is the default for new accounts and files", location)
    })
}
