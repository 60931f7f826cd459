//! Kernel parameters in effect.

use proofline_catalog::Accept;

use super::accept::accepts;
use super::finding::{Finding, Outcome, Unmeasured};
use super::reading;
use crate::host::Host;

pub(super) fn value(host: &dyn Host, keys: &[String], accept: &Accept) -> Outcome {
    let mut values = Vec::new();
    for key in keys {
        if let Some(value) = read(host, key)? {
            values.push((key.as_str(), value));
        }
    }
    if values.is_empty() {
        return Err(Unmeasured::not_applicable("this kernel has none of these parameters"));
    }
    let location = values.iter().map(|(key, _)| path(key)).collect::<Vec<_>>().join(", ");
    let mut offences = Vec::new();
    for (key, value) in &values {
        let unclear =
            || Unmeasured::unknown(format!("the value `{value}` of {key} was not understood"), path(key));
        if !accepts(accept, value).ok_or_else(unclear)? {
            offences.push((*key, value.clone()));
        }
    }
    Ok(if offences.is_empty() {
        Finding::pass(describe(&values), location)
    } else {
        let reason = offences.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ");
        Finding::fail(describe(&offences), format!("not as expected: {reason}"), location)
    })
}

/// The value of a dotted key, or `None` where the kernel has no such parameter.
pub(super) fn read(host: &dyn Host, key: &str) -> Result<Option<String>, Unmeasured> {
    Ok(reading::text_if_there(host, &path(key))?.map(|text| text.trim().to_owned()))
}

fn path(key: &str) -> String {
    format!("/proc/sys/{}", key.replace('.', "/"))
}

fn describe(values: &[(&str, String)]) -> String {
    match values.split_first() {
        Some(((_, first), rest)) if rest.iter().all(|(_, value)| value == first) => first.clone(),
        _ => values.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", "),
    }
}
