//! The roles a person can hold on the platform itself. Partner and practice roles join them here.

use serde::{Deserialize, Serialize};

/// What a signed-in person is, in the vocabulary of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Platform staff who may change everything, people and keys included.
    StaffAdmin,
    /// Platform staff who run the fleet.
    StaffOperator,
    /// Platform staff who look.
    StaffReadonly,
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}")]
pub struct UnknownRole(pub String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::StaffAdmin, Self::StaffOperator, Self::StaffReadonly];

    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StaffAdmin => "staff_admin",
            Self::StaffOperator => "staff_operator",
            Self::StaffReadonly => "staff_readonly",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|r| r.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}
