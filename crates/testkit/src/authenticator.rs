//! A browser and its authenticator as WebAuthn sees them, in software: every part is there to be tampered with.
//!
//! It makes ES256 keys, attests nothing, keeps whose each key is, and counts its signatures. The CBOR that this takes is
//! so little that it is written here by hand.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const KEY_INCLUDED: u8 = 0x40;

/// Makes and proves passkeys.
#[derive(Clone)]
pub struct Authenticator {
    /// Where the page that asks says it is.
    pub origin: String,
    /// Whom it makes keys for, and signs for.
    pub rp_id: String,
    /// Whether it says that its user proved who they are.
    pub verifies_user: bool,
    /// How many signatures it made; zero forever where it does not count.
    pub counter: u32,
    /// Whether it counts them.
    pub counts: bool,
    seed: u64,
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: Vec<u8>,
    secret: SigningKey,
    user: Vec<u8>,
}

impl Authenticator {
    pub(crate) fn new(public_url: &str, seed: u64) -> Self {
        let host = public_url.split_once("://").map_or(public_url, |(_, host)| host);
        Self {
            origin: public_url.to_owned(),
            rp_id: host.split(':').next().unwrap_or(host).to_owned(),
            verifies_user: true,
            counter: 0,
            counts: true,
            seed,
            keys: Vec::new(),
        }
    }

    /// `navigator.credentials.create`: makes a key, as these options ask.
    pub fn create(&mut self, options: &Value) -> Value {
        let number = self.keys.len();
        let random = |what: &str| Sha256::digest(format!("{what} {number} of {}", self.seed)).to_vec();
        let key = Key {
            id: random("id")[..16].to_vec(),
            secret: SigningKey::from_slice(&random("secret")).expect("a scalar"),
            user: bytes(&options["user"]["id"]),
        };
        let data = self.authenticator_data(KEY_INCLUDED, &key_included(&key));
        let client = self.client_data("webauthn.create", options);
        let answer = json!({
            "id": URL_SAFE_NO_PAD.encode(&key.id),
            "rawId": URL_SAFE_NO_PAD.encode(&key.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "attestationObject": URL_SAFE_NO_PAD.encode(attestation(&data)),
                "transports": ["internal", "hybrid"],
            },
        });
        self.keys.push(key);
        answer
    }

    /// `navigator.credentials.get`: signs with a key of those that these options allow. Where they name none, or none of
    /// its own, it takes the last one that it made, as no browser would.
    pub fn get(&mut self, options: &Value) -> Value {
        let allowed: Vec<Vec<u8>> = options["allowCredentials"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|descriptor| bytes(&descriptor["id"]))
            .collect();
        let key = self.keys.iter().find(|key| allowed.contains(&key.id)).or(self.keys.last());
        let key = key.expect("it has a key").clone();
        self.counter += u32::from(self.counts);
        let data = self.authenticator_data(0, &[]);
        let client = self.client_data("webauthn.get", options);
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature: Signature = key.secret.sign(&signed);
        json!({
            "id": URL_SAFE_NO_PAD.encode(&key.id),
            "rawId": URL_SAFE_NO_PAD.encode(&key.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature.to_der()),
                "userHandle": URL_SAFE_NO_PAD.encode(&key.user),
            },
        })
    }

    fn authenticator_data(&self, flags: u8, rest: &[u8]) -> Vec<u8> {
        let verified = if self.verifies_user { USER_VERIFIED } else { 0 };
        let mut data = Sha256::digest(&self.rp_id).to_vec();
        data.push(flags | USER_PRESENT | verified);
        data.extend(self.counter.to_be_bytes());
        data.extend(rest);
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false })
            .to_string()
    }
}

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().expect("text")).expect("base64url without padding")
}

/// Attested credential data: no make, the id, and the public key as COSE spells one on P-256 for ES256.
fn key_included(key: &Key) -> Vec<u8> {
    let point = key.secret.verifying_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    let mut data = vec![0; 16];
    data.extend(u16::try_from(key.id.len()).expect("short").to_be_bytes());
    data.extend(&key.id);
    // {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
    data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32]);
    data.extend(x);
    data.extend([0x22, 0x58, 32]);
    data.extend(y);
    data
}

/// `{"fmt": "none", "attStmt": {}, "authData": data}`.
fn attestation(data: &[u8]) -> Vec<u8> {
    let mut cbor = vec![0xa3];
    let text = |cbor: &mut Vec<u8>, text: &str| {
        cbor.push(0x60 | u8::try_from(text.len()).expect("short"));
        cbor.extend(text.as_bytes());
    };
    text(&mut cbor, "fmt");
    text(&mut cbor, "none");
    text(&mut cbor, "attStmt");
    cbor.push(0xa0);
    text(&mut cbor, "authData");
    cbor.extend([0x58, u8::try_from(data.len()).expect("short")]);
    cbor.extend(data);
    cbor
}
