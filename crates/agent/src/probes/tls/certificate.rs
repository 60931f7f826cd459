//! The few facts of an X.509 certificate that the checks need. RFC 5280

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
/// Signatures with MD2, MD5 or SHA-1.
const WEAK_SIGNATURES: [&str; 5] = [
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.10045.4.1",
    "1.2.840.10040.4.3",
];

enum Key {
    Rsa(u32),
    Elliptic(u32),
    /// Ed25519 and others of a fixed, sufficient size.
    Other,
}

pub(super) struct Certificate {
    /// Seconds since 1970.
    pub(super) not_after: i64,
    /// Names as encoded, to be compared only.
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    key: Key,
    signature: ObjectIdentifier,
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

fn parse(bytes: &[u8]) -> Option<Certificate> {
    let certificate = x509_cert::Certificate::from_der(bytes).ok()?;
    let body = certificate.tbs_certificate();
    let key_info = body.subject_public_key_info();
    let algorithm = key_info.algorithm.oid.to_string();
    let key = match algorithm.as_str() {
        RSA => Key::Rsa(rsa_bits(key_info.subject_public_key.raw_bytes())?),
        ELLIPTIC => {
            let curve =
                key_info.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok()?.to_string();
            Key::Elliptic(CURVES.iter().find(|(known, _)| *known == curve)?.1)
        }
        _ => Key::Other,
    };
    Some(Certificate {
        not_after: i64::try_from(body.validity().not_after.to_unix_duration().as_secs()).ok()?,
        subject: body.subject().to_der().ok()?,
        issuer: body.issuer().to_der().ok()?,
        key,
        signature: certificate.signature_algorithm().oid,
    })
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
    /// What is weak about it, if anything.
    pub(super) fn weakness(&self, min_rsa_bits: u32, min_ec_bits: u32) -> Option<String> {
        match self.key {
            Key::Rsa(bits) if bits < min_rsa_bits => return Some(format!("RSA of {bits} bits")),
            Key::Elliptic(bits) if bits < min_ec_bits => return Some(format!("curve of {bits} bits")),
            Key::Rsa(_) | Key::Elliptic(_) | Key::Other => {}
        }
        // Nobody relies on the signature of a root: it is trusted for itself.
        let is_root = self.subject == self.issuer;
        let weak = WEAK_SIGNATURES.contains(&self.signature.to_string().as_str());
        (weak && !is_root).then(|| "signed with an old hash".to_owned())
    }
}
