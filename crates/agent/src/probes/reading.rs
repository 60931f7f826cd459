//! Reading files and asking tools, with the host's refusals turned into honest non-verdicts.

use std::path::Path;

use super::finding::Unmeasured;
use crate::host::{DirEntry, Host, HostError, Metadata, Output, RunLimits};

/// A text file that must be there to measure anything.
pub(super) fn text(host: &dyn Host, path: &str) -> Result<String, Unmeasured> {
    host.text(path).map_err(|error| Unmeasured::from_host(&error, path))
}

/// A text file that may be missing.
pub(super) fn text_if_there(host: &dyn Host, path: &str) -> Result<Option<String>, Unmeasured> {
    if_there(host.text(path), path)
}

/// A text file of at most `limit` bytes that may be missing.
pub(super) fn large_text_if_there(
    host: &dyn Host,
    path: &str,
    limit: usize,
) -> Result<Option<String>, Unmeasured> {
    let bytes = if_there(host.read(Path::new(path), limit), path)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// What a path leads to, or `None` where there is nothing.
pub(super) fn metadata_if_there(host: &dyn Host, path: &str) -> Result<Option<Metadata>, Unmeasured> {
    if_there(host.metadata(Path::new(path)), path)
}

/// The names in a directory, none where it is missing.
pub(super) fn list(host: &dyn Host, directory: &str) -> Result<Vec<DirEntry>, Unmeasured> {
    if_there(host.list(Path::new(directory)), directory).map(Option::unwrap_or_default)
}

/// Whether a path leads somewhere.
pub(super) fn exists(host: &dyn Host, path: &str) -> Result<bool, Unmeasured> {
    metadata_if_there(host, path).map(|found| found.is_some())
}

/// The full paths of files in a directory whose names end like this, in the order of their names.
pub(super) fn files_ending(
    host: &dyn Host,
    directory: &str,
    ending: &str,
) -> Result<Vec<String>, Unmeasured> {
    let entries = list(host, directory)?;
    let wanted = entries.into_iter().filter(|entry| !entry.is_directory && entry.name.ends_with(ending));
    Ok(wanted.map(|entry| format!("{directory}/{}", entry.name)).collect())
}

fn if_there<T>(answer: Result<T, HostError>, path: &str) -> Result<Option<T>, Unmeasured> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(HostError::NotFound) => Ok(None),
        Err(error) => Err(Unmeasured::from_host(&error, path)),
    }
}

/// What a tool answered, whatever its exit status; `None` where the tool is not installed.
pub(super) fn ask(host: &dyn Host, argv: &[&str], limits: RunLimits) -> Result<Option<Output>, Unmeasured> {
    if_there(host.run(argv, limits), &argv.join(" "))
}

/// Standard output of a tool that must succeed; `None` where the tool is not installed.
pub(super) fn answer_if_there(
    host: &dyn Host,
    argv: &[&str],
    limits: RunLimits,
) -> Result<Option<String>, Unmeasured> {
    let Some(output) = ask(host, argv, limits)? else { return Ok(None) };
    if output.success() { Ok(Some(output.text())) } else { Err(refused(argv, &output)) }
}

/// Standard output of a tool that must be installed and succeed.
pub(super) fn answer(host: &dyn Host, argv: &[&str], limits: RunLimits) -> Result<String, Unmeasured> {
    let tool = argv.first().copied().unwrap_or_default();
    answer_if_there(host, argv, limits)?
        .ok_or_else(|| Unmeasured::unknown(format!("{tool} is not installed"), argv.join(" ")))
}

/// A tool that ran and did not do what was asked.
pub(super) fn refused(argv: &[&str], output: &Output) -> Unmeasured {
    let command = argv.join(" ");
    let complaint = output.complaint();
    let reason = if complaint.is_empty() {
        format!(
            "{command} ended with status {}",
            output.status.map_or("unknown".to_owned(), |s| s.to_string())
        )
    } else {
        format!("{command} said: {complaint}")
    };
    Unmeasured::error(reason, command)
}

/// The lines of a configuration file that say something: without comments from `#` on, trimmed.
pub(super) fn settings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty())
}
