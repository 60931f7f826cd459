//! Kernel parameters in effect.
//!
//! Most network settings are asked for each interface: `all` is only one of two that decide, and in IPv6 it decides nothing.

use proofline_catalog::Accept;

use super::accept::accepts;
use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::reading;
use crate::host::Host;
use crate::host::sysctl::{expand, path};

/// How many values an observation names.
const SHOWN: usize = 12;

pub(super) fn value(host: &dyn Host, keys: &[String], accept: &Accept) -> Outcome {
    let mut values = Vec::new();
    for key in keys {
        for key in expand(host, key).map_err(|error| Unmeasured::from_host(&error, &path(key)))? {
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
