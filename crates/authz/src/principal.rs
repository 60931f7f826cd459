//! Who asks.

use proofline_core::{ApiTokenId, ApplianceId, Membership, OrgId, PartnerId, Place, SiteId, UserId};

use crate::Action;

/// Background work, by name. It has no credential: only the binary starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Job(pub &'static str);

/// Someone or something whose credential has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A person with a live session.
    Person {
        /// Who.
        id: UserId,
        /// The name that the audit log keeps, even after the person is gone.
        name: String,
        /// What they are, and in which part of the tenancy tree.
        membership: Membership,
    },
    /// A program with a token that a person made for it. It reaches what that person reaches, and may do what their role
    /// includes at this moment, as far as the token's own list goes.
    Token {
        /// Which token.
        id: ApiTokenId,
        /// What its maker calls it.
        name: String,
        /// Who made it.
        maker: UserId,
        /// Their name.
        maker_name: String,
        /// What they are now, and in which part of the tenancy tree.
        membership: Membership,
        /// What the token was made for.
        actions: Vec<Action>,
    },
    /// An appliance that signed its request.
    Appliance {
        /// Which.
        id: ApplianceId,
        /// The organisation that its key belongs to; never taken from a request body.
        org: OrgId,
        /// The site that its key belongs to.
        site: SiteId,
    },
    /// Somebody who holds a provisioning code and proved possession of a new key.
    Claimant,
    /// The installation's own background work.
    System(Job),
}

/// How much of the tenancy tree a permit opens. Row-level security enforces it below every query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Every tenant.
    Platform,
    /// Every organisation of one partner.
    Partner(PartnerId),
    /// One organisation.
    Organisation(OrgId),
    /// One site of one organisation.
    Site(OrgId, SiteId),
}

impl Principal {
    /// How far this principal can see, before any action is considered.
    pub fn reach(&self) -> Reach {
        match self {
            Self::Person { membership, .. } | Self::Token { membership, .. } => match membership.place() {
                Place::Platform => Reach::Platform,
                Place::Partner(partner) => Reach::Partner(partner),
                Place::Practice(org) => Reach::Organisation(org),
            },
            Self::Claimant | Self::System(_) => Reach::Platform,
            Self::Appliance { org, site, .. } => Reach::Site(*org, *site),
        }
    }

    /// `person`, `token`, `appliance`, `anonymous` or `system`: the kind of actor in the audit log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Person { .. } => "person",
            Self::Token { .. } => "token",
            Self::Appliance { .. } => "appliance",
            Self::Claimant => "anonymous",
            Self::System(_) => "system",
        }
    }

    /// Who answers for it: the person, or the one who made the token.
    pub fn person(&self) -> Option<UserId> {
        match self {
            Self::Person { id, .. } | Self::Token { maker: id, .. } => Some(*id),
            Self::Appliance { .. } | Self::Claimant | Self::System(_) => None,
        }
    }

    /// The partner whose people see what this principal did, beside those of the organisation it was done in.
    pub fn partner(&self) -> Option<PartnerId> {
        match self {
            Self::Person { membership, .. } | Self::Token { membership, .. } => membership.partner(),
            Self::Appliance { .. } | Self::Claimant | Self::System(_) => None,
        }
    }

    /// The organisation that this principal belongs to.
    pub fn org(&self) -> Option<OrgId> {
        match self {
            Self::Person { membership, .. } | Self::Token { membership, .. } => membership.org(),
            Self::Appliance { org, .. } => Some(*org),
            Self::Claimant | Self::System(_) => None,
        }
    }

    /// The actor's identifier in the audit log.
    pub fn id(&self) -> String {
        match self {
            Self::Person { id, .. } => id.to_string(),
            Self::Token { id, .. } => id.to_string(),
            Self::Appliance { id, .. } => id.to_string(),
            Self::Claimant => "claimant".to_owned(),
            Self::System(Job(name)) => (*name).to_owned(),
        }
    }

    /// The name to show for the actor.
    pub fn name(&self) -> String {
        match self {
            Self::Person { name, .. } => name.clone(),
            Self::Token { name, maker_name, .. } => format!("token {name} of {maker_name}"),
            Self::Appliance { .. } | Self::Claimant | Self::System(_) => self.id(),
        }
    }
}
