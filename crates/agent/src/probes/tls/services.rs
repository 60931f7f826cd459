//! What web and mail servers are told about certificates and protocol versions.

use std::collections::BTreeSet;

use crate::host::{Host, HostError, RunLimits};
use crate::probes::declarations;
use crate::probes::finding::{Finding, Outcome, Unmeasured};
use crate::probes::reading;

const CERTBOT: &str = "/etc/letsencrypt/live";
const NGINX: [&str; 2] = ["nginx", "-T"];
/// nginx leaves TLS 1.0 and 1.1 out of its default since this version.
const NGINX_STRICT_SINCE: [u32; 3] = [1, 23, 4];

/// Certificate files named by nginx, Apache, Postfix, Dovecot, certbot and the clinic's own declarations.
pub(super) fn certificate_files(host: &dyn Host) -> Result<Vec<String>, Unmeasured> {
    let mut paths: BTreeSet<String> = declarations::read(host)?.certificates.into_iter().collect();
    if let Some(text) = reading::answer_if_there(host, &NGINX, RunLimits::SLOW)? {
        paths.extend(directives(&text, "ssl_certificate").map(|values| values.join(" ")));
    }
    for text in apache(host)? {
        paths.extend(apache_directives(&text, "SSLCertificateFile"));
    }
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
    let nginx = reading::answer_if_there(host, &NGINX, RunLimits::SLOW)?;
    if let Some(text) = nginx.filter(|text| directives(text, "ssl_certificate").next().is_some()) {
        locations.push("nginx -T: ssl_protocols");
        let mut named: Vec<String> =
            directives(&text, "ssl_protocols").flatten().map(str::to_owned).collect();
        if named.is_empty() && !nginx_default_is_strict(host)? {
            named = vec!["TLSv1".to_owned(), "TLSv1.1".to_owned()];
        }
        offered.extend(named);
    }
    for text in apache(host)? {
        for line in apache_directives(&text, "SSLProtocol") {
            locations.push("Apache configuration: SSLProtocol");
            offered.extend(apache_protocols(&line));
        }
    }
    if locations.is_empty() {
        return Err(Unmeasured::not_applicable("neither nginx nor Apache serves TLS here"));
    }
    locations.dedup();
    let bad = offered.into_iter().filter(|version| forbidden.contains(version)).collect();
    Ok(Finding::offenders(
        bad,
        "TLS 1.2 and newer only",
        "the web server answers these versions",
        locations.join(", "),
    ))
}

/// The values of every occurrence of an nginx directive.
fn directives<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    reading::settings(text).filter_map(move |line| {
        let mut words = line.trim_end_matches(';').split_whitespace();
        (words.next() == Some(name)).then(|| words.collect())
    })
}

fn nginx_default_is_strict(host: &dyn Host) -> Result<bool, Unmeasured> {
    let location = "nginx -v";
    let unclear = || Unmeasured::unknown("the version of nginx was not understood", location);
    let output = reading::ask(host, &["nginx", "-v"], RunLimits::QUICK)?.ok_or_else(unclear)?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let version =
        text.split("nginx/").nth(1).and_then(|rest| rest.split_whitespace().next()).ok_or_else(unclear)?;
    let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    Ok(numbers >= NGINX_STRICT_SINCE.to_vec())
}

/// The files that Apache reads on Debian and on Red Hat.
fn apache(host: &dyn Host) -> Result<Vec<String>, Unmeasured> {
    let mut texts = Vec::new();
    for folder in [
        "/etc/apache2/sites-enabled",
        "/etc/apache2/conf-enabled",
        "/etc/apache2/mods-enabled",
        "/etc/httpd/conf.d",
    ] {
        for path in reading::files_ending(host, folder, ".conf")? {
            // A link to a file that was removed configures nothing.
            texts.extend(reading::text_if_there(host, &path)?);
        }
    }
    Ok(texts)
}

fn apache_directives(text: &str, name: &str) -> Vec<String> {
    reading::settings(text)
        .filter_map(|line| line.split_once(char::is_whitespace))
        .filter(|(word, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .collect()
}

/// `all -SSLv3 -TLSv1`: words add, or with `-` remove. `all` has every version since SSL 3.
fn apache_protocols(value: &str) -> Vec<String> {
    let mut versions: Vec<String> = Vec::new();
    for word in value.split_whitespace() {
        let (remove, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word.trim_start_matches('+')),
        };
        let named: Vec<&str> = match name.to_ascii_lowercase().as_str() {
            "all" => vec!["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
            _ => vec![name],
        };
        for name in named {
            versions.retain(|known| !known.eq_ignore_ascii_case(name));
            if !remove {
                versions.push(name.to_owned());
            }
        }
    }
    versions
}
