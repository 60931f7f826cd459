//! Identifiers: UUIDv7 inside, `prefix_` and 26 characters outside, a type per entity.
//!
//! The text form follows the TypeID convention (Crockford base32 of the 128 bits, lower case, no padding), so ids sort
//! by creation time in either form and a wrong kind of id is refused where it is parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::{Builder, Uuid};

use crate::{Entropy, Timestamp};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LEN: usize = 26;

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id, expected {expected}_ and 26 characters")]
pub struct IdError {
    /// The prefix that this kind of id carries.
    pub expected: &'static str,
}

fn encode_suffix(uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    (0..SUFFIX_LEN)
        .map(|place| {
            let shift = 5 * (SUFFIX_LEN - 1 - place);
            char::from(ALPHABET[usize::try_from((bits >> shift) & 31).unwrap_or(0)])
        })
        .collect()
}

fn decode_suffix(text: &str) -> Option<Uuid> {
    if text.len() != SUFFIX_LEN {
        return None;
    }
    let mut bits: u128 = 0;
    for (place, byte) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|&letter| letter == byte)?;
        if place == 0 && value > 7 {
            return None; // 26 × 5 bits hold 130: the first letter carries only three
        }
        bits = (bits << 5) | u128::try_from(value).ok()?;
    }
    Some(Uuid::from_u128(bits))
}

fn uuid_v7(at: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &entropy.bytes::<10>()).into_uuid()
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form starts with, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: time-ordered by `at`, unique by `entropy`.
            pub fn new(at: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(at, entropy))
            }

            /// Takes an id as the database holds it.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as the database holds it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, encode_suffix(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode_suffix)
                    .map(Self)
                    .ok_or(IdError { expected: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(/** One deployment of Central Command. */ InstallationId, "inst");
id!(/** A managed service provider. */ PartnerId, "part");
id!(/** An organisation: one clinic, the unit of tenancy. */ OrgId, "org");
id!(/** One location of an organisation, with one evidence log. */ SiteId, "site");
id!(/** A machine that runs the compliance agent. */ ApplianceId, "app");
id!(/** A machine or service that is checked. */ AssetId, "asset");
id!(/** A failing verdict that someone or something must act on. */ IncidentId, "inc");
id!(/** A signed instruction for one appliance. */ OrderId, "ord");
id!(/** A one-time code that lets one machine become an appliance. */ ProvisioningCodeId, "code");
id!(/** A credential that an appliance holds for something it looks after. */ CredentialId, "cred");
id!(/** A person who signs in. */ UserId, "user");
id!(/** One signed-in browser. */ SessionId, "sess");
id!(/** A passkey of a person. */ PasskeyId, "pkey");
id!(/** What a program brings to act for the person who made it. */ ApiTokenId, "tok");
id!(/** The making or proving of a passkey, between its two halves. */ CeremonyId, "cer");
id!(/** An OpenID provider that people sign in with. */ ProviderId, "idp");
id!(/** A person's link to what a provider calls them. */ IdentityId, "ident");
id!(/** Somebody whom a provider vouches for and who waits to be let in. */ ApprovalId, "appr");
id!(/** An offer to somebody to become a person with a role. */ InvitationId, "inv");
id!(/** A mail that is to be sent, or was. */ MailId, "mail");
id!(/** Access to a restricted client for some hours, which two people decide on. */ BreakGlassId, "brk");
id!(/** A request for another signing key, which takes two. */ KeyRotationId, "krot");
id!(/** Something that is wrong with evidence itself. */ AlarmId, "alarm");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    fn at(seconds: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(seconds, 0).expect("in range")
    }

    #[test]
    fn the_published_typeid_example_round_trips() {
        // typeid specification, examples: 01890a5d-ac96-774b-bcce-b302099a8057
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").expect("valid");
        let id = SiteId::from_uuid(uuid);
        assert_eq!(id.to_string(), "site_01h455vb4pex5vsknk084sn02q");
        assert_eq!("site_01h455vb4pex5vsknk084sn02q".parse(), Ok(id));
    }

    #[test]
    fn ids_sort_by_creation() {
        let entropy = SeededEntropy::new(1);
        let (first, second) = (SiteId::new(at(1_000), &entropy), SiteId::new(at(2_000), &entropy));
        assert!(first < second && first.to_string() < second.to_string());
    }

    #[test]
    fn another_kind_of_id_is_refused() {
        let site = SiteId::new(at(5), &SeededEntropy::new(2)).to_string();
        assert!(site.parse::<AssetId>().is_err());
        for bad in
            ["", "site_", "site_zzzzzzzzzzzzzzzzzzzzzzzzzz", "site_01H455VB4PEX5VSKNK084SN02Q", "site_é"]
        {
            assert!(bad.parse::<SiteId>().is_err(), "{bad:?}");
        }
    }
}
