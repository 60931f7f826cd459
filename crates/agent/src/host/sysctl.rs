//! Names of kernel parameters, as sysctl(8) writes them: dots separate, and slashes stand for the dots in a name.
//!
//! A `*` stands for every network interface there is, with `all` and `default`. The loopback is left out, nothing reaches
//! it from outside.

use std::path::Path;

use super::{Host, HostError};

/// The key itself, or one for each interface; none where this kernel has no such folder.
///
/// # Errors
/// When the interfaces cannot be listed.
pub(crate) fn expand(host: &dyn Host, key: &str) -> Result<Vec<String>, HostError> {
    let Some((before, after)) = key.split_once('*') else { return Ok(vec![key.to_owned()]) };
    let entries = match host.list(Path::new(&path(before.trim_end_matches('.')))) {
        Err(HostError::NotFound) => return Ok(Vec::new()),
        entries => entries?,
    };
    let interfaces = entries.into_iter().map(|entry| entry.name).filter(|name| name != "lo");
    Ok(interfaces.map(|name| format!("{before}{}{after}", name.replace('.', "/"))).collect())
}

/// Where the kernel shows a parameter, or the folder of several.
pub(crate) fn path(key: &str) -> String {
    let swap = |letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    format!("/proc/sys/{}", key.chars().map(swap).collect::<String>())
}
