//! Effective settings of the SSH server, as the server itself reports them.
//!
//! `sshd -T` alone shows the default; `Match` blocks can say otherwise for some visitors, so root and an ordinary user
//! from outside are asked about too. All of them have to be as expected.

use proofline_catalog::Accept;

use super::accept::{accepts, offending};
use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::reading;
use crate::host::{Host, RunLimits};

/// Who is asked about, with the connection that `sshd -T -C` is told of. The addresses are from documentation ranges.
const VISITORS: [(&str, Option<&str>); 3] = [
    ("by default", None),
    ("for root", Some("user=root,host=visitor.invalid,addr=203.0.113.7,laddr=192.0.2.1,lport=22")),
    ("for others", Some("user=nobody,host=visitor.invalid,addr=203.0.113.7,laddr=192.0.2.1,lport=22")),
];

pub(super) fn value(host: &dyn Host, keyword: &str, accept: &Accept) -> Outcome {
    let location = format!("sshd -T: {keyword}");
    let values = effective(host, keyword)?;
    let mut offences = Vec::new();
    for (who, value) in &values {
        let unclear =
            || Unmeasured::unknown(format!("the value `{value}` was not understood"), location.clone());
        if !accepts(accept, value).ok_or_else(unclear)? {
            offences.push((*who, value));
        }
    }
    if offences.is_empty() {
        return Ok(Finding::pass(describe(&values), location));
    }
    if let Accept::NoneOf(_) = accept {
        let bad =
            offences.iter().flat_map(|(_, value)| offending(accept, value)).map(str::to_owned).collect();
        return Ok(Finding::fail(enumerate(bad), "the server offers these", location));
    }
    let who: Vec<&str> = offences.iter().map(|(who, _)| *who).collect();
    let reason = if who.len() == values.len() {
        "this is the effective value".to_owned()
    } else {
        format!("a Match block says otherwise {}", who.join(" and "))
    };
    Ok(Finding::fail(describe(&values), reason, location))
}

/// The value of one keyword for every visitor. An absent SSH server makes the check not applicable.
pub(super) fn effective(host: &dyn Host, keyword: &str) -> Result<Vec<(&'static str, String)>, Unmeasured> {
    let mut values = Vec::with_capacity(VISITORS.len());
    for (who, connection) in VISITORS {
        let argv: &[&str] = match &connection {
            None => &["sshd", "-T"],
            Some(connection) => &["sshd", "-T", "-C", connection],
        };
        let Some(text) = ask(host, argv)? else {
            return Err(if reading::exists(host, "/etc/ssh/sshd_config")? {
                Unmeasured::unknown("there is a configuration, but sshd was not found", "sshd -T")
            } else {
                Unmeasured::not_applicable("no SSH server is installed")
            });
        };
        let found = text.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '));
        let Some(found) = found else {
            let reason = format!("this version of sshd does not report {keyword}");
            return Err(Unmeasured::unknown(reason, format!("sshd -T: {keyword}")));
        };
        values.push((who, found.trim().to_owned()));
    }
    Ok(values)
}

/// Asks `sshd -T`. It wants host keys and its run folder; newer versions answer `-G` without them.
fn ask(host: &dyn Host, argv: &[&str]) -> Result<Option<String>, Unmeasured> {
    let Some(output) = reading::ask(host, argv, RunLimits::QUICK)? else { return Ok(None) };
    if output.success() {
        return Ok(Some(output.text()));
    }
    let only_parse: Vec<&str> = argv.iter().map(|&word| if word == "-T" { "-G" } else { word }).collect();
    match reading::ask(host, &only_parse, RunLimits::QUICK)? {
        Some(parsed) if parsed.success() => Ok(Some(parsed.text())),
        _ => Err(reading::refused(argv, &output)),
    }
}

fn describe(values: &[(&'static str, String)]) -> String {
    match values.split_first() {
        Some(((_, first), rest)) if rest.iter().all(|(_, value)| value == first) => first.clone(),
        _ => values.iter().map(|(who, value)| format!("{value} {who}")).collect::<Vec<_>>().join(", "),
    }
}
