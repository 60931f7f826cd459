//! What web and mail servers are told about certificates and protocol versions.

use std::collections::BTreeSet;

use super::{apache, nginx};
use crate::host::{Host, HostError, RunLimits};
use crate::probes::declarations;
use crate::probes::finding::{Finding, Outcome, Unmeasured};
use crate::probes::reading;

const CERTBOT: &str = "/etc/letsencrypt/live";
/// Versions by the names that nginx and Apache give them.
const VERSIONS: [&str; 6] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// The usual spelling of a version.
pub(super) fn version(name: &str) -> Option<&'static str> {
    VERSIONS.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// Certificate files named by nginx, Apache, Postfix, Dovecot, certbot and the clinic's own declarations.
pub(super) fn certificate_files(host: &dyn Host) -> Result<Vec<String>, Unmeasured> {
    let mut paths: BTreeSet<String> = declarations::read(host)?.certificates.into_iter().collect();
    if let Some(tree) = nginx::read(host)? {
        paths.extend(nginx::certificates(&tree));
    }
    paths.extend(apache::certificates(&apache::read(host)?));
    for argv in [["postconf", "-h", "smtpd_tls_cert_file"], ["doveconf", "-h", "ssl_cert"]] {
        if let Some(text) = reading::answer_if_there(host, &argv, RunLimits::QUICK)? {
            let path = text.trim().trim_start_matches('<').trim();
            paths.extend(path.starts_with('/').then(|| path.to_owned()));
        }
    }
    match host.list(std::path::Path::new(CERTBOT)) {
        Ok(entries) => {
            let folders = entries.into_iter().filter(|entry| entry.is_directory);
            paths.extend(folders.map(|entry| format!("{CERTBOT}/{}/fullchain.pem", entry.name)));
        }
        Err(HostError::NotFound) => {}
        Err(error) => return Err(Unmeasured::from_host(&error, CERTBOT)),
    }
    Ok(paths.into_iter().collect())
}

pub(in crate::probes) fn protocols(host: &dyn Host, forbidden: &[String]) -> Outcome {
    let mut locations = Vec::new();
    let mut offered: BTreeSet<String> = BTreeSet::new();
    let unclear = |word: &str, location| {
        Unmeasured::unknown(format!("the version `{word}` was not understood"), location)
    };
    if let Some(tree) = nginx::read(host)? {
        let location = "nginx -T: ssl_protocols";
        if let Some(named) = nginx::protocols(host, &tree)? {
            locations.push(location);
            for word in named {
                offered.insert(version(&word).ok_or_else(|| unclear(&word, location))?.to_owned());
            }
        }
    }
    let location = "Apache configuration: SSLProtocol";
    if let Some(named) = apache::protocols(&apache::read(host)?).map_err(|word| unclear(&word, location))? {
        locations.push(location);
        offered.extend(named);
    }
    if locations.is_empty() {
        return Err(Unmeasured::not_applicable("neither nginx nor Apache serves TLS here"));
    }
    let bad = offered.into_iter().filter(|version| forbidden.contains(version)).collect();
    Ok(Finding::offenders(
        bad,
        "TLS 1.2 and newer only",
        "the web server answers these versions",
        locations.join(", "),
    ))
}
