//! Certificates and protocol versions of the services on this machine, as their own configuration names them.
//!
//! Nothing is connected to: a certificate that only a running service knows is not seen. What nginx says is its effective
//! configuration; Apache, Postfix and Dovecot are read the way they would read themselves.

mod certificate;
mod services;

use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::reading;
use crate::host::Host;
use certificate::Certificate;

pub(super) use services::protocols;

const LOCATION: &str = "certificates named by the services' configuration";

/// A certificate file with its chain, leaf first.
struct Chain {
    path: String,
    certificates: Vec<Certificate>,
}

/// Every certificate file that a service names. What cannot be read or understood is listed apart.
fn chains(host: &dyn Host) -> Result<(Vec<Chain>, Vec<String>), Unmeasured> {
    let paths = services::certificate_files(host)?;
    if paths.is_empty() {
        return Err(Unmeasured::not_applicable("no service with a certificate was found"));
    }
    let (mut chains, mut unclear) = (Vec::new(), Vec::new());
    for path in paths {
        if path.contains('$') {
            unclear.push(format!("{path} (chosen at run time)"));
            continue;
        }
        match reading::text_if_there(host, &path)? {
            None => unclear.push(format!("{path} (missing)")),
            Some(text) => match certificate::parse_chain(&text) {
                Some(certificates) => chains.push(Chain { path, certificates }),
                None => unclear.push(format!("{path} (not understood)")),
            },
        }
    }
    Ok((chains, unclear))
}

/// Offenders decide; without any, every file must have been understood.
fn judge(offenders: Vec<String>, unclear: Vec<String>, fine: &str, reason: &str) -> Outcome {
    if offenders.is_empty() && !unclear.is_empty() {
        return Err(Unmeasured::unknown(format!("cannot tell for {}", enumerate(unclear)), LOCATION));
    }
    Ok(Finding::offenders(offenders, fine, reason, LOCATION))
}

pub(super) fn expiry(host: &dyn Host, min_days: u32) -> Outcome {
    let (chains, unclear) = chains(host)?;
    let now = host.now().timestamp();
    let soon = now + i64::from(min_days) * 86_400;
    let mut ending = Vec::new();
    for chain in chains {
        let first = chain.certificates.iter().map(|certificate| certificate.not_after).min();
        if let Some(end) = first.filter(|end| *end < soon) {
            let day =
                proofline_core::Timestamp::from_timestamp(end, 0).unwrap_or_default().format("%Y-%m-%d");
            ending.push(format!("{} ({} {day})", chain.path, if end < now { "ended" } else { "ends" }));
        }
    }
    judge(ending, unclear, &format!("at least {min_days} days left"), "these end too soon")
}

pub(super) fn strength(host: &dyn Host, min_rsa_bits: u32, min_ec_bits: u32) -> Outcome {
    let (chains, unclear) = chains(host)?;
    let mut weak = Vec::new();
    for chain in chains {
        for certificate in &chain.certificates {
            weak.extend(
                certificate
                    .weakness(min_rsa_bits, min_ec_bits)
                    .map(|what| format!("{} ({what})", chain.path)),
            );
        }
    }
    judge(weak, unclear, "strong keys and signatures", "these certificates are weak")
}

pub(super) fn chain(host: &dyn Host) -> Outcome {
    let (chains, unclear) = chains(host)?;
    let trusted = trusted_names(host)?;
    let mut broken = Vec::new();
    for chain in chains {
        let linked = chain
            .certificates
            .windows(2)
            .all(|pair| matches!(pair, [one, next] if one.issuer == next.subject));
        let last = chain.certificates.last();
        let problem = if !linked {
            Some("out of order")
        } else if chain.certificates.len() == 1 && last.is_some_and(|only| only.issuer == only.subject) {
            Some("signed by itself")
        } else if last.is_some_and(|last| last.issuer != last.subject && !trusted.contains(&last.issuer)) {
            Some("incomplete")
        } else {
            None
        };
        broken.extend(problem.map(|problem| format!("{} ({problem})", chain.path)));
    }
    judge(broken, unclear, "every chain is in order", "clients may refuse these chains")
}

/// The names of the authorities that this machine trusts.
fn trusted_names(host: &dyn Host) -> Result<Vec<Vec<u8>>, Unmeasured> {
    for path in ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"] {
        if let Some(text) = reading::text_if_there(host, path)? {
            let authorities = certificate::parse_chain(&text).unwrap_or_default();
            return Ok(authorities.into_iter().map(|authority| authority.subject).collect());
        }
    }
    Ok(Vec::new())
}
