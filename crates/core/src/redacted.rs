//! Values that must not appear in a log line: they print as a placeholder and are read on purpose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Something that gives access: a password, a token, a key. It prints redacted and cannot be compared with `==`:
/// tokens are stored as digests and compared in constant time. Memory is not wiped here; key types do that.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// An e-mail address: one `@`, no white space or control characters, at most 254 bytes, kept in lower case.
/// Debug output is redacted; [`Email::as_str`] is for storage, mail and the person's own screen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

/// The text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct EmailError;

impl Email {
    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let (local, domain) = text.split_once('@').ok_or(EmailError)?;
        let plain = text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        let domain_ok = !domain.is_empty()
            && !domain.contains('@')
            && domain
                .split('.')
                .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
        if plain && !local.is_empty() && domain_ok { Ok(Self(text.to_lowercase())) } else { Err(EmailError) }
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(redacted)")
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_prints_itself() {
        let email: Email = "Maria@Clinic.example".parse().expect("valid");
        assert_eq!(email.as_str(), "maria@clinic.example");
        let shown = format!("{:?} {:?}", email, Secret::new("hunter2"));
        assert!(!shown.contains("maria") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", "a", "@b", "a@", "a@@b", "a b@c", "a@b\n", "a@.b", "a@-b", "a\0@b"] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?}");
        }
    }
}
