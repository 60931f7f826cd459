//! The few facts of an X.509 certificate that the checks need, and whether one signed another. RFC 5280

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::SignatureVerificationAlgorithm;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

const RSA: &str = "1.2.840.113549.1.1.1";
const ELLIPTIC: &str = "1.2.840.10045.2.1";
/// Named curves with their size in bits. RFC 5480
const CURVES: [(&str, u32); 7] = [
    ("1.2.840.10045.3.1.1", 192),
    ("1.3.132.0.33", 224),
    ("1.2.840.10045.3.1.7", 256),
    ("1.3.132.0.10", 256),
    ("1.3.132.0.34", 384),
    ("1.3.132.0.35", 521),
    ("1.3.36.3.3.2.8.1.1.7", 256),
];
/// An RSA key that is for PSS signatures only.
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const DSA: &str = "1.2.840.10040.4.1";
/// Ed25519, Ed448, X25519 and X448. RFC 8410
const FIXED: [&str; 4] = ["1.3.101.112", "1.3.101.113", "1.3.101.110", "1.3.101.111"];
/// Signatures with MD2, MD5 or SHA-1, and those of DSA.
const WEAK_SIGNATURES: [&str; 7] = [
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.10045.4.1",
    "1.2.840.10040.4.3",
    "2.16.840.1.101.3.4.3.1",
    "2.16.840.1.101.3.4.3.2",
];
/// RSA and elliptic curves with SHA-224 to SHA-512, Ed25519 and Ed448.
const STRONG_SIGNATURES: [&str; 10] = [
    "1.2.840.113549.1.1.11",
    "1.2.840.113549.1.1.12",
    "1.2.840.113549.1.1.13",
    "1.2.840.113549.1.1.14",
    "1.2.840.10045.4.3.1",
    "1.2.840.10045.4.3.2",
    "1.2.840.10045.4.3.3",
    "1.2.840.10045.4.3.4",
    "1.3.101.112",
    "1.3.101.113",
];
/// SHA-256, SHA-384 and SHA-512 as they stand in the parameters of PSS.
const STRONG_HASHES: [[u8; 11]; 3] = [
    [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1],
    [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2],
    [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3],
];

enum Key {
    Rsa(u32),
    Elliptic(u32),
    Dsa,
    /// Ed25519 and others of a fixed, sufficient size.
    Fixed,
    /// By its identifier.
    Unknown(String),
}

/// What can be said of a certificate's strength.
pub(super) enum Strength {
    Strong,
    Weak(String),
    Unclear(String),
}

pub(super) struct Certificate {
    /// Seconds since 1970.
    pub(super) not_after: i64,
    /// Names as encoded, to be compared only.
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    key: Key,
    /// The identifier of its signature's algorithm.
    signed_with: String,
    /// Its parameters, as encoded.
    signed_with_parameters: Vec<u8>,
    parts: Parts,
}

/// What a signature is checked with, as it stands in the certificate.
struct Parts {
    /// What was signed.
    body: Vec<u8>,
    /// The content of the algorithm's identifier.
    signed_with: Vec<u8>,
    signature: Vec<u8>,
    /// The content of the identifier of the key's algorithm.
    key_algorithm: Vec<u8>,
    key: Vec<u8>,
}

/// Every certificate of a PEM file in its order; `None` where one is broken or there is none.
pub(super) fn parse_chain(pem: &str) -> Option<Vec<Certificate>> {
    let blocks = pem.split(BEGIN).skip(1);
    let chain: Option<Vec<Certificate>> = blocks
        .map(|block| {
            let encoded: String = block.split(END).next()?.split_whitespace().collect();
            parse(&STANDARD.decode(encoded).ok()?)
        })
        .collect();
    chain.filter(|chain| !chain.is_empty())
}

/// Every certificate of a PEM file that can be parsed, and whether that is all of them.
pub(super) fn parse_bundle(pem: &str) -> (Vec<Certificate>, bool) {
    let mut all = true;
    let blocks = pem.split(BEGIN).skip(1).filter_map(|block| {
        let encoded: String = block.split(END).next().unwrap_or_default().split_whitespace().collect();
        let parsed = STANDARD.decode(encoded).ok().and_then(|bytes| parse(&bytes));
        all &= parsed.is_some();
        parsed
    });
    let certificates = blocks.collect();
    (certificates, all)
}

fn parse(bytes: &[u8]) -> Option<Certificate> {
    let certificate = x509_cert::Certificate::from_der(bytes).ok()?;
    let body = certificate.tbs_certificate();
    let key_info = body.subject_public_key_info();
    let key_bytes = key_info.subject_public_key.raw_bytes();
    let algorithm = key_info.algorithm.oid.to_string();
    let key = match algorithm.as_str() {
        RSA | RSA_PSS => Key::Rsa(rsa_bits(key_bytes)?),
        ELLIPTIC => {
            let curve = key_info.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>();
            let curve = curve.map_or_else(|_| "a curve without a name".to_owned(), |curve| curve.to_string());
            match CURVES.iter().find(|(known, _)| *known == curve) {
                Some((_, bits)) => Key::Elliptic(*bits),
                None => Key::Unknown(curve),
            }
        }
        DSA => Key::Dsa,
        fixed if FIXED.contains(&fixed) => Key::Fixed,
        _ => Key::Unknown(algorithm),
    };
    let signed_with = certificate.signature_algorithm();
    let parameters = signed_with.parameters.as_ref().and_then(|parameters| parameters.to_der().ok());
    Some(Certificate {
        not_after: i64::try_from(body.validity().not_after.to_unix_duration().as_secs()).ok()?,
        subject: body.subject().to_der().ok()?,
        issuer: body.issuer().to_der().ok()?,
        key,
        signed_with: signed_with.oid.to_string(),
        signed_with_parameters: parameters.unwrap_or_default(),
        parts: Parts {
            body: signed_part(bytes)?.to_vec(),
            signed_with: content(&signed_with.to_der().ok()?)?.to_vec(),
            signature: certificate.signature().raw_bytes().to_vec(),
            key_algorithm: content(&key_info.algorithm.to_der().ok()?)?.to_vec(),
            key: key_bytes.to_vec(),
        },
    })
}

/// `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE …, … }`: the first member, as encoded.
fn signed_part(certificate: &[u8]) -> Option<&[u8]> {
    let inner = content(certificate)?;
    let (header, length) = header(inner)?;
    inner.get(..header.checked_add(length)?)
}

/// What is inside a value in DER.
fn content(encoded: &[u8]) -> Option<&[u8]> {
    let (header, length) = header(encoded)?;
    encoded.get(header..header.checked_add(length)?)
}

/// The length of tag and length, and the length of what follows.
fn header(encoded: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*encoded.get(1)?);
    if first < 0x80 {
        return Some((2, first));
    }
    let count = first & 0x7f;
    if count == 0 || count > 4 {
        return None;
    }
    let bytes = encoded.get(2..2 + count)?;
    Some((2 + count, bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))))
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }`
fn rsa_bits(encoded: &[u8]) -> Option<u32> {
    let mut reader = SliceReader::new(encoded).ok()?;
    let modulus: UintRef<'_> = reader
        .sequence(|inner: &mut SliceReader<'_>| {
            let modulus = UintRef::decode(inner)?;
            UintRef::decode(inner)?;
            Ok::<_, x509_cert::der::Error>(modulus)
        })
        .ok()?;
    let bytes = modulus.as_bytes();
    let first = bytes.first()?;
    Some(u32::try_from(bytes.len()).ok()? * 8 - first.leading_zeros())
}

impl Certificate {
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// What is weak about it, if anything.
    pub(super) fn strength(&self, min_rsa_bits: u32, min_ec_bits: u32) -> Strength {
        match &self.key {
            Key::Rsa(bits) if *bits < min_rsa_bits => return Strength::Weak(format!("RSA of {bits} bits")),
            Key::Elliptic(bits) if *bits < min_ec_bits => {
                return Strength::Weak(format!("curve of {bits} bits"));
            }
            Key::Dsa => return Strength::Weak("a DSA key".to_owned()),
            Key::Unknown(kind) => return Strength::Unclear(format!("a key of kind {kind}")),
            Key::Rsa(_) | Key::Elliptic(_) | Key::Fixed => {}
        }
        // Nobody relies on the signature of a root: it is trusted for itself.
        if self.is_self_issued() || STRONG_SIGNATURES.contains(&self.signed_with.as_str()) {
            return Strength::Strong;
        }
        if self.signed_with == RSA_PSS {
            // The hash comes first; left out, it is SHA-1. RFC 4055
            let hash = content(&self.signed_with_parameters)
                .filter(|parameters| parameters.first() == Some(&0xa0))
                .and_then(content)
                .and_then(content);
            let strong = hash.is_some_and(|hash| STRONG_HASHES.iter().any(|known| hash.starts_with(known)));
            return if strong { Strength::Strong } else { old_hash() };
        }
        if WEAK_SIGNATURES.contains(&self.signed_with.as_str()) {
            return old_hash();
        }
        Strength::Unclear(format!("a signature of kind {}", self.signed_with))
    }

    /// Whether `issuer` signed this certificate; `None` where the algorithm is not among those that can be checked.
    pub(super) fn is_signed_by(&self, issuer: &Self) -> Option<bool> {
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let fitting: Vec<&dyn SignatureVerificationAlgorithm> = known
            .all
            .iter()
            .copied()
            .filter(|algorithm| {
                algorithm.signature_alg_id().as_ref() == self.parts.signed_with
                    && algorithm.public_key_alg_id().as_ref() == issuer.parts.key_algorithm
            })
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let (body, signature) = (&self.parts.body, &self.parts.signature);
        Some(fitting.iter().any(|one| one.verify_signature(&issuer.parts.key, body, signature).is_ok()))
    }
}

fn old_hash() -> Strength {
    Strength::Weak("signed with an old hash".to_owned())
}
