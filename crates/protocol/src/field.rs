//! Field types that cannot hold what must not arrive: each one refuses while it is parsed.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_core::{Timestamp, parse_rfc3339};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is read from an object alone. A derived type would take a list for one, field by field.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// An object, or nothing.
pub(crate) fn optional_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|object| object.0))
}

/// A field that breaks its own rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Empty where it may not be, too long, or with a control character.
    #[error("expected {min} to {max} characters without control characters")]
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
}

/// `MIN..=MAX` characters, none of them a control character (so no NUL and no line break either).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Takes a text that obeys.
    pub fn new(text: impl Into<String>) -> Result<Self, FieldError> {
        let text = text.into();
        let length = text.chars().take(MAX + 1).count();
        if (MIN..=MAX).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(FieldError::Text { min: MIN, max: MAX })
        }
    }

    /// Makes any text obey: control characters become spaces, the end is cut. For texts that come from the machine
    /// itself, where a shortened name is better than none. Fails only where `MIN` characters are not there.
    pub fn fit(text: &str) -> Result<Self, FieldError> {
        Self::new(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX).collect::<String>())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Bytes, at most `MAX` of them; canonical padded base64 (RFC 4648 section 4) as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Base64<const MAX: usize>(pub Vec<u8>);

impl<const MAX: usize> Serialize for Base64<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Base64<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Canonical<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Canonical<MAX> {
            type Value = Base64<MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "canonical base64 of at most {MAX} bytes")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64<MAX>, E> {
                let bytes =
                    (text.len() <= MAX.div_ceil(3) * 4).then(|| STANDARD.decode(text)).and_then(Result::ok);
                bytes
                    .filter(|bytes| bytes.len() <= MAX)
                    .map(Base64)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str("(bytes)"), &self))
            }
        }
        deserializer.deserialize_str(Canonical)
    }
}

/// Hashes of a proof, each 32 bytes in base64.
pub(crate) mod hashes {
    use proofline_evidence::Digest;

    use super::{Base64, Deserialize, Deserializer, STANDARD, Serializer, de};
    use base64::Engine as _;

    pub(crate) fn serialize<S: Serializer>(hashes: &[Digest], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(|hash| STANDARD.encode(hash)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Digest>, D::Error> {
        Vec::<Base64<32>>::deserialize(deserializer)?
            .into_iter()
            .map(|hash| Digest::from_slice(&hash.0).ok_or_else(|| de::Error::custom("a hash has 32 bytes")))
            .collect()
    }
}

/// One public key, 32 bytes in base64.
pub(crate) mod public_key {
    use super::{Base64, Deserialize, Deserializer, STANDARD, Serializer, de};
    use base64::Engine as _;

    pub(crate) fn serialize<S: Serializer>(key: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(key))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let bytes = Base64::<32>::deserialize(deserializer)?;
        bytes.0.try_into().map_err(|_| de::Error::custom("a public key has 32 bytes"))
    }
}

/// A time of this age, RFC 3339.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    parse_rfc3339(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// The same, where there may be none.
pub(crate) fn optional_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse_rfc3339(&text).map_err(de::Error::custom)).transpose()
}

/// A list that stops being read when it has too many items, instead of filling memory first.
pub(crate) fn at_most<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Limited<const MAX: usize, T>(PhantomData<T>);
    impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for Limited<MAX, T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX} items")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MAX {
                    return Err(de::Error::invalid_length(MAX + 1, &self));
                }
                list.push(item);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_seq(Limited::<MAX, T>(PhantomData))
}

/// The same of objects.
pub(crate) fn at_most_objects<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let list = at_most::<MAX, Object<T>, D>(deserializer)?;
    Ok(list.into_iter().map(|object| object.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_in_characters_and_free_of_control() {
        type Name = Text<1, 3>;
        assert!(Name::new("äöü").is_ok());
        for bad in ["", "abcd", "a\0", "a\nb"] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Name::fit("a\nbcd").map(Text::into_string), Ok("a b".to_owned()));
    }

    #[test]
    fn base64_is_canonical_and_bounded() {
        let read = |text: &str| serde_json::from_str::<Base64<4>>(&format!("\"{text}\""));
        assert_eq!(read("AAEC").expect("reads").0, [0, 1, 2]);
        for bad in ["AAECAwQF", "AAE", "AAF=", "AA==AA==", "AA EC", "_-8="] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
