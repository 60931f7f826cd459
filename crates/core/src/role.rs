//! The roles a person can hold, and what they hold them in.

use serde::{Deserialize, Serialize};

use crate::{OrgId, PartnerId};

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
    /// Runs a partner: its clinics, its people, and what may heal there.
    PartnerAdmin,
    /// Looks after a partner's clinics.
    PartnerTechnician,
    /// Sees which clinics a partner has, and nothing of how they stand.
    PartnerBilling,
    /// Answers for a practice, and decides who of it signs in.
    PracticeOwner,
    /// Runs a practice from day to day.
    PracticeManager,
    /// Looks at how a practice stands.
    PracticeViewer,
}

/// How much of the tenancy tree a role is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The whole installation.
    Platform,
    /// One partner and every organisation under it.
    Partner,
    /// One organisation.
    Practice,
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}")]
pub struct UnknownRole(pub String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 9] = [
        Self::StaffAdmin,
        Self::StaffOperator,
        Self::StaffReadonly,
        Self::PartnerAdmin,
        Self::PartnerTechnician,
        Self::PartnerBilling,
        Self::PracticeOwner,
        Self::PracticeManager,
        Self::PracticeViewer,
    ];

    /// The spelling used in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StaffAdmin => "staff_admin",
            Self::StaffOperator => "staff_operator",
            Self::StaffReadonly => "staff_readonly",
            Self::PartnerAdmin => "partner_admin",
            Self::PartnerTechnician => "partner_technician",
            Self::PartnerBilling => "partner_billing",
            Self::PracticeOwner => "practice_owner",
            Self::PracticeManager => "practice_manager",
            Self::PracticeViewer => "practice_viewer",
        }
    }

    /// What the role is about.
    pub const fn level(self) -> Level {
        match self {
            Self::StaffAdmin | Self::StaffOperator | Self::StaffReadonly => Level::Platform,
            Self::PartnerAdmin | Self::PartnerTechnician | Self::PartnerBilling => Level::Partner,
            Self::PracticeOwner | Self::PracticeManager | Self::PracticeViewer => Level::Practice,
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

/// Where in the tenancy tree a person belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// To the installation itself.
    Platform,
    /// To a partner.
    Partner(PartnerId),
    /// To a practice, which is an organisation.
    Practice(OrgId),
}

impl Place {
    /// The level of roles held here.
    pub const fn level(self) -> Level {
        match self {
            Self::Platform => Level::Platform,
            Self::Partner(_) => Level::Partner,
            Self::Practice(_) => Level::Practice,
        }
    }

    /// The place that two columns say, of which a place below the platform fills exactly one; `None` where both are filled.
    pub const fn stored(partner: Option<PartnerId>, org: Option<OrgId>) -> Option<Self> {
        match (partner, org) {
            (None, None) => Some(Self::Platform),
            (Some(partner), None) => Some(Self::Partner(partner)),
            (None, Some(org)) => Some(Self::Practice(org)),
            (Some(_), Some(_)) => None,
        }
    }

    /// The partner, where it is one.
    pub const fn partner(self) -> Option<PartnerId> {
        match self {
            Self::Partner(partner) => Some(partner),
            Self::Platform | Self::Practice(_) => None,
        }
    }

    /// The organisation, where it is one.
    pub const fn org(self) -> Option<OrgId> {
        match self {
            Self::Practice(org) => Some(org),
            Self::Platform | Self::Partner(_) => None,
        }
    }
}

/// A role, and the place it is held in. A role of one level in a place of another cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Membership {
    role: Role,
    place: Place,
}

/// The role is not one of this place's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot be held there")]
pub struct WrongPlace(pub Role);

impl Membership {
    /// `role` held in `place`.
    ///
    /// # Errors
    /// When they are of different levels.
    pub fn new(role: Role, place: Place) -> Result<Self, WrongPlace> {
        if role.level() == place.level() { Ok(Self { role, place }) } else { Err(WrongPlace(role)) }
    }

    /// The membership that two columns say, of which a role of their level fills exactly one, or none.
    ///
    /// # Errors
    /// When they say nothing consistent.
    pub fn stored(role: Role, partner: Option<PartnerId>, org: Option<OrgId>) -> Result<Self, WrongPlace> {
        Self::new(role, Place::stored(partner, org).ok_or(WrongPlace(role))?)
    }

    /// The role.
    pub const fn role(self) -> Role {
        self.role
    }

    /// What it is held in.
    pub const fn place(self) -> Place {
        self.place
    }

    /// The partner, of a partner's people.
    pub const fn partner(self) -> Option<PartnerId> {
        self.place.partner()
    }

    /// The organisation, of a practice's people.
    pub const fn org(self) -> Option<OrgId> {
        self.place.org()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SeededEntropy, Timestamp};

    #[test]
    fn a_role_is_held_only_where_it_means_something() {
        let entropy = SeededEntropy::new(1);
        let partner = PartnerId::new(Timestamp::UNIX_EPOCH, &entropy);
        let org = OrgId::new(Timestamp::UNIX_EPOCH, &entropy);
        for role in Role::ALL {
            let places = [Place::Platform, Place::Partner(partner), Place::Practice(org)];
            let held: Vec<_> =
                places.into_iter().filter_map(|place| Membership::new(role, place).ok()).collect();
            assert_eq!(held.len(), 1, "{role}");
            assert_eq!(Membership::stored(role, held[0].partner(), held[0].org()), Ok(held[0]));
            assert_eq!(Membership::stored(role, Some(partner), Some(org)), Err(WrongPlace(role)));
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }
}
