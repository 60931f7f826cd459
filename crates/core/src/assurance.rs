//! How sure the installation is of who somebody is.

/// What a session has proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assurance {
    /// A password, or what a partner's identity provider said.
    Password,
    /// That, and a second factor that satisfies the policy; or a passkey, which is both at once.
    Full,
}

/// The text names no level of assurance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown assurance {0:?}")]
pub struct UnknownAssurance(pub String);

impl Assurance {
    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Full => "full",
        }
    }
}

impl std::str::FromStr for Assurance {
    type Err = UnknownAssurance;

    fn from_str(text: &str) -> Result<Self, UnknownAssurance> {
        [Self::Password, Self::Full]
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| UnknownAssurance(text.to_owned()))
    }
}

/// Which second factors satisfy the policy. Ordered: the stricter is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactorRequirement {
    /// Any: an authenticator app's code, a recovery code, a passkey.
    Any,
    /// A passkey: what phishing does not get.
    Passkey,
}

/// The text names no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown requirement {0:?}")]
pub struct UnknownRequirement(pub String);

impl FactorRequirement {
    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Passkey => "passkey",
        }
    }
}

impl std::str::FromStr for FactorRequirement {
    type Err = UnknownRequirement;

    fn from_str(text: &str) -> Result<Self, UnknownRequirement> {
        [Self::Any, Self::Passkey]
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| UnknownRequirement(text.to_owned()))
    }
}
