//! Certificates and protocol versions of the services on this machine, as their own configuration names them.
//!
//! Nothing is connected to: a certificate that only a running service knows is not seen. What nginx says is its effective
//! configuration; Apache's files are followed from its main one, Postfix and Dovecot are asked.

mod apache;
mod certificate;
mod nginx;
mod services;

use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::reading;
use crate::host::Host;
use certificate::{Certificate, Strength};

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
    let (chains, mut unclear) = chains(host)?;
    let mut weak = Vec::new();
    for chain in chains {
        for certificate in &chain.certificates {
            match certificate.strength(min_rsa_bits, min_ec_bits) {
                Strength::Strong => {}
                Strength::Weak(what) => weak.push(format!("{} ({what})", chain.path)),
                Strength::Unclear(what) => unclear.push(format!("{} ({what})", chain.path)),
            }
        }
    }
    judge(weak, unclear, "strong keys and signatures", "these certificates are weak")
}

/// What a chain is like.
enum Link {
    Sound,
    Broken(&'static str),
    Unclear(&'static str),
}

pub(super) fn chain(host: &dyn Host) -> Outcome {
    let (chains, mut unclear) = chains(host)?;
    let mut trusted = None;
    let (mut broken, mut refused) = (Vec::new(), None);
    for chain in chains {
        match links(host, &chain.certificates, &mut trusted) {
            Ok(Link::Sound) => {}
            Ok(Link::Broken(problem)) => broken.push(format!("{} ({problem})", chain.path)),
            Ok(Link::Unclear(problem)) => unclear.push(format!("{} ({problem})", chain.path)),
            Err(unmeasured) => refused = Some(unmeasured),
        }
    }
    if let (Some(unmeasured), true) = (refused, broken.is_empty()) {
        return Err(unmeasured);
    }
    judge(broken, unclear, "every chain is in order", "clients may refuse these chains")
}

/// Each certificate names the next as its issuer and is signed by it; the last by itself or by a trusted authority.
fn links(
    host: &dyn Host,
    certificates: &[Certificate],
    trusted: &mut Option<Authorities>,
) -> Result<Link, Unmeasured> {
    const UNCHECKED: Link = Link::Unclear("a signature that cannot be checked");
    let mut unchecked = false;
    for pair in certificates.windows(2) {
        let [one, next] = pair else { continue };
        if one.issuer != next.subject {
            return Ok(Link::Broken("out of order"));
        }
        match one.is_signed_by(next) {
            Some(true) => {}
            Some(false) => return Ok(Link::Broken("not signed by the next one")),
            None => unchecked = true,
        }
    }
    let Some(last) = certificates.last() else { return Ok(Link::Unclear("empty")) };
    if last.is_self_issued() {
        return Ok(match last.is_signed_by(last) {
            _ if certificates.len() == 1 => Link::Broken("signed by itself"),
            Some(false) => Link::Broken("its root is not signed by itself"),
            Some(true) if !unchecked => Link::Sound,
            Some(true) | None => UNCHECKED,
        });
    }
    let trusted = match trusted {
        Some(trusted) => trusted,
        None => trusted.insert(Authorities::read(host)?),
    };
    let candidates = trusted.certificates.iter().filter(|authority| authority.subject == last.issuer);
    let answers: Vec<Option<bool>> = candidates.map(|authority| last.is_signed_by(authority)).collect();
    Ok(if answers.contains(&Some(true)) {
        if unchecked { UNCHECKED } else { Link::Sound }
    } else if answers.contains(&None) {
        UNCHECKED
    } else if !trusted.complete {
        Link::Unclear("some trusted authorities were not understood")
    } else if answers.is_empty() {
        Link::Broken("incomplete")
    } else {
        Link::Broken("not signed by the authority that it names")
    })
}

/// The authorities that this machine trusts.
struct Authorities {
    certificates: Vec<Certificate>,
    /// Whether each of them was understood.
    complete: bool,
}

impl Authorities {
    fn read(host: &dyn Host) -> Result<Self, Unmeasured> {
        const PLACES: [&str; 5] = [
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
            "/etc/ssl/ca-bundle.pem",
            "/etc/ssl/cert.pem",
        ];
        for path in PLACES {
            let Some(text) = reading::text_if_there(host, path)? else { continue };
            let (certificates, complete) = certificate::parse_bundle(&text);
            if certificates.is_empty() {
                return Err(Unmeasured::unknown("the trusted authorities were not understood", path));
            }
            return Ok(Self { certificates, complete });
        }
        let reason = "the list of authorities that this machine trusts was not found";
        Err(Unmeasured::unknown(reason, PLACES.join(", ")))
    }
}
