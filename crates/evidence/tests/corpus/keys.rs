//! Public keys and signatures, most of them such that common verifiers disagree.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::{EdwardsPoint, Scalar};
use proofline_evidence::{PublicKey, Reason, Signature, SigningKey};
use serde::Serialize;
use sha2::{Digest as _, Sha512};

#[derive(Serialize)]
struct Case {
    name: String,
    public_key: String,
    message: String,
    signature: String,
    reason: Option<&'static str>,
}

#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn add(
        &mut self,
        name: impl Into<String>,
        key: [u8; 32],
        message: &[u8],
        signature: Signature,
        expected: Option<Reason>,
    ) {
        let name = name.into();
        let result = PublicKey::from_bytes(&key).and_then(|key| key.verify(message, &signature));
        let reason = super::expect(&name, &result, expected);
        self.0.push(Case {
            name,
            public_key: hex::encode(key),
            message: hex::encode(message),
            signature: hex::encode(signature),
            reason,
        });
    }
}

/// The order of the group, little-endian (RFC 8032, section 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn add_order(scalar: &[u8; 32]) -> [u8; 32] {
    let (mut sum, mut carry) = (*scalar, 0);
    for (byte, order) in sum.iter_mut().zip(ORDER) {
        let total = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (total.to_le_bytes()[0], total >> 8);
    }
    sum
}

fn join(r: &[u8; 32], s: &[u8; 32]) -> Signature {
    [*r, *s].concat().try_into().expect("64 bytes")
}

fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let digest: [u8; 64] =
        Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize().into();
    Scalar::from_bytes_mod_order_wide(&digest)
}

#[test]
fn ed25519() {
    let mut cases = Cases::default();
    let honest = SigningKey::from_seed(&[0x11; 32]);
    let (public, message) = (*honest.public_key().as_bytes(), b"proofline".as_slice());
    let secret: Scalar = ed25519_dalek::SigningKey::from_bytes(&[0x11; 32]).to_scalar();
    let signature = honest.sign(message);
    cases.add("an honest signature", public, message, signature, None);
    cases.add("an honest signature of nothing", public, b"", honest.sign(b""), None);
    cases.add("another message", public, b"prooflime", signature, Some(Reason::SignatureInvalid));
    let mut flipped = signature;
    flipped[0] ^= 1;
    cases.add("a flipped bit in R", public, message, flipped, Some(Reason::SignatureInvalid));
    let mut flipped = signature;
    flipped[40] ^= 1;
    cases.add("a flipped bit in S", public, message, flipped, Some(Reason::SignatureInvalid));
    cases.add("all zeros", public, message, [0; 64], Some(Reason::SignatureInvalid));
    cases.add("all ones", public, message, [0xff; 64], Some(Reason::SignatureInvalid));

    let (r, s) = (signature.first_chunk().expect("64"), signature.last_chunk().expect("64"));
    cases.add(
        "S plus the group order",
        public,
        message,
        join(r, &add_order(s)),
        Some(Reason::SignatureInvalid),
    );
    let twice = add_order(&add_order(s));
    cases.add(
        "S plus twice the group order",
        public,
        message,
        join(r, &twice),
        Some(Reason::SignatureInvalid),
    );

    for (order, torsion) in EIGHT_TORSION.iter().enumerate() {
        // R of small order, and S such that the equation holds (with the cofactor, or even without).
        let r = torsion.compress().to_bytes();
        let s = (challenge(&r, &public, message) * secret).to_bytes();
        cases.add(
            format!("R is torsion point {order}"),
            public,
            message,
            join(&r, &s),
            Some(Reason::SignatureInvalid),
        );
        // An honest R with a torsion point added: holds with the cofactor only.
        if order > 0 {
            let nonce = Scalar::from(77_u64);
            let r = (ED25519_BASEPOINT_POINT * nonce + torsion).compress().to_bytes();
            let s = (nonce + challenge(&r, &public, message) * secret).to_bytes();
            let name = format!("R has torsion point {order} added");
            cases.add(name, public, message, join(&r, &s), Some(Reason::SignatureInvalid));
            let mixed = EdwardsPoint::compress(&(ED25519_BASEPOINT_POINT * secret + torsion)).to_bytes();
            let r = (ED25519_BASEPOINT_POINT * nonce).compress().to_bytes();
            let s = (nonce + challenge(&r, &mixed, message) * secret).to_bytes();
            let name = format!("the key has torsion point {order} added");
            cases.add(name, mixed, message, join(&r, &s), Some(Reason::KeyWeak));
        }
        let weak = torsion.compress().to_bytes();
        let r = ED25519_BASEPOINT_POINT.compress().to_bytes();
        let s = Scalar::ONE.to_bytes();
        cases.add(
            format!("the key is torsion point {order}"),
            weak,
            message,
            join(&r, &s),
            Some(Reason::KeyWeak),
        );
    }
    for (name, first, last) in [
        ("p", 0xed, 0x7f),
        ("p with the sign", 0xed, 0xff),
        ("p + 1", 0xee, 0x7f),
        ("p + 1 with the sign", 0xee, 0xff),
        ("p + 3", 0xf0, 0x7f),
        ("2^255 - 1", 0xff, 0x7f),
    ] {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (first, last);
        let name = format!("the key is y = {name}");
        cases.add(name, key, message, signature, Some(Reason::KeyMalformed));
        let name = format!("R is y = p + {}", i32::from(first) - 0xed);
        cases.add(name, public, message, join(&key, s), Some(Reason::SignatureInvalid));
    }
    let mut minus_zero = [0; 32];
    (minus_zero[0], minus_zero[31]) = (1, 0x80);
    cases.add("the key is x = -0", minus_zero, message, signature, Some(Reason::KeyMalformed));
    let mut no_point = [0; 32];
    no_point[0] = 2;
    cases.add("the key is no point", no_point, message, signature, Some(Reason::KeyMalformed));
    cases.add("R is no point", public, message, join(&no_point, s), Some(Reason::SignatureInvalid));
    let about = "Hexadecimal. A key is refused before any signature is looked at; `reason` is null where the signature holds.";
    super::hold("ed25519.json", about, &cases.0);
}
