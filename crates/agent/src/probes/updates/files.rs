//! Whether installed files are as their packages delivered them.

use super::{Packages, packages};
use crate::host::{Host, RunLimits};
use crate::probes::finding::{Finding, Outcome, Unmeasured};
use crate::probes::reading;

/// Settings and documentation are meant to differ and are left out.
pub(in crate::probes) fn as_delivered(host: &dyn Host, deb: &[String], rpm: &[String]) -> Outcome {
    let (query, verify, wanted): (&[&str], &[&str], _) = match packages(host)? {
        Packages::Deb => {
            (&["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\\n"], &["dpkg", "--verify"], deb)
        }
        Packages::Rpm => (&["rpm", "-q", "--queryformat", "installed %{NAME}\\n"], &["rpm", "--verify"], rpm),
    };
    // The query ends with an error when one of the packages is not installed; the others are named all the same.
    let argv: Vec<&str> = query.iter().copied().chain(wanted.iter().map(String::as_str)).collect();
    let Some(output) = reading::ask(host, &argv, RunLimits::SLOW)? else {
        return Err(Unmeasured::unknown(format!("{} is not installed", query[0]), query[0]));
    };
    let text = output.text();
    let installed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("installed ")).collect();
    if installed.is_empty() {
        return Err(Unmeasured::not_applicable("none of these packages is installed"));
    }
    let argv: Vec<&str> = verify.iter().copied().chain(installed).collect();
    let Some(output) = reading::ask(host, &argv, RunLimits::SLOW)? else {
        return Err(Unmeasured::unknown(format!("{} is not installed", verify[0]), verify[0]));
    };
    let text = output.text();
    // dpkg exits with 2 when it could not do its work; rpm counts differences.
    if !output.success() && text.trim().is_empty() {
        return Err(reading::refused(&argv, &output));
    }
    let changed = text.lines().filter_map(changed_file).collect();
    Ok(Finding::offenders(
        changed,
        "no program differs",
        "these files are not as delivered",
        verify.join(" "),
    ))
}

/// `??5??????   /path` (dpkg) or `S.5....T.  c /path` (rpm): the digest differs. `missing   /path`: it is gone.
fn changed_file(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (flags, rest) = (words.next()?, words.collect::<Vec<_>>());
    let (kind, path) = match rest[..] {
        [path] => ("", path),
        [kind, path, ..] => (kind, path),
        [] => return None,
    };
    let documentation =
        ["/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info", "/usr/share/lintian"];
    if ["c", "d", "g", "l", "r"].contains(&kind)
        || documentation.iter().any(|folder| path.starts_with(folder))
    {
        return None;
    }
    let digest_differs = flags.as_bytes().get(2) == Some(&b'5');
    (flags == "missing" || digest_differs).then(|| path.to_owned())
}
