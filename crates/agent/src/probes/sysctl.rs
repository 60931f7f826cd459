//! Kernel parameters in effect.
//!
//! A `*` in a key stands for every network interface there is, with `all` and `default`: for most settings `all` is only
//! one of two that decide, and in IPv6 it decides nothing. The loopback is left out, nothing reaches it from outside.

use proofline_catalog::Accept;

use super::accept::accepts;
use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::reading;
use crate::host::Host;

/// How many values an observation names.
const SHOWN: usize = 12;

pub(super) fn value(host: &dyn Host, keys: &[String], accept: &Accept) -> Outcome {
    let mut values = Vec::new();
    for key in keys {
        for key in expand(host, key)? {
            if let Some(value) = read(host, &key)? {
                values.push((key, value));
            }
        }
    }
    if values.is_empty() {
        return Err(Unmeasured::not_applicable("this kernel has none of these parameters"));
    }
    let location = keys.iter().map(|key| path(key)).collect::<Vec<_>>().join(", ");
    let mut offences = Vec::new();
    for (key, value) in &values {
        let unclear =
            || Unmeasured::unknown(format!("the value `{value}` of {key} was not understood"), path(key));
        if !accepts(accept, value).ok_or_else(unclear)? {
            offences.push((key.clone(), value.clone()));
        }
    }
    Ok(if offences.is_empty() {
        Finding::pass(describe(&values), location)
    } else {
        let reason = enumerate(offences.iter().map(|(key, _)| key.clone()).collect());
        Finding::fail(describe(&offences), format!("not as expected: {reason}"), location)
    })
}

/// The value of a dotted key, or `None` where the kernel has no such parameter.
pub(super) fn read(host: &dyn Host, key: &str) -> Result<Option<String>, Unmeasured> {
    Ok(reading::text_if_there(host, &path(key))?.map(|text| text.trim().to_owned()))
}

/// The key for each interface. As sysctl(8) writes them, dots in the name of an interface become slashes.
fn expand(host: &dyn Host, key: &str) -> Result<Vec<String>, Unmeasured> {
    let Some((before, after)) = key.split_once('*') else { return Ok(vec![key.to_owned()]) };
    let folder = path(before.trim_end_matches('.'));
    let names = reading::list(host, &folder)?.into_iter().map(|entry| entry.name);
    Ok(names
        .filter(|name| name != "lo")
        .map(|name| format!("{before}{}{after}", name.replace('.', "/")))
        .collect())
}

/// Dots separate, and slashes stand for dots. sysctl(8)
fn path(key: &str) -> String {
    let swap = |letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    format!("/proc/sys/{}", key.chars().map(swap).collect::<String>())
}

fn describe(values: &[(String, String)]) -> String {
    match values.split_first() {
        Some(((_, first), rest)) if rest.iter().all(|(_, value)| value == first) => first.clone(),
        _ => {
            // In the order of asking; machines with containers have hundreds of interfaces.
            let mut shown: Vec<String> =
                values.iter().take(SHOWN).map(|(key, value)| format!("{key}={value}")).collect();
            let hidden = values.len().saturating_sub(SHOWN);
            shown.extend((hidden > 0).then(|| format!("and {hidden} more")));
            shown.join(", ")
        }
    }
}
