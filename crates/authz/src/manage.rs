//! Which people decide over which: the one place that says so.
//!
//! Administrators of the installation decide over everybody; those of a partner over the partner's people and those of its
//! practices; owners of a practice over the practice's people. Nobody decides over themselves, and nobody gives a role that
//! they would not decide over.

use proofline_core::{Membership, PartnerId, Place, Role, UserId};

/// A person, as somebody who may decide over them sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Managed {
    /// Who.
    pub id: UserId,
    /// What they are, and where.
    pub membership: Membership,
    /// The partner that looks after their practice, of a practice's people.
    pub practice_of: Option<PartnerId>,
}

/// Why somebody does not decide over a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmanaged {
    /// It is themselves.
    #[error("nobody decides over themselves")]
    Oneself,
    /// The person belongs elsewhere, or the role decides over nobody.
    #[error("not a person that this role decides over")]
    NotTheirs,
}

/// Whether `manager`, who is `by`, may change the role of `person`, suspend, restore or delete them, or reset their second factors.
pub fn may_manage(by: UserId, manager: Membership, person: &Managed) -> Result<(), Unmanaged> {
    if by == person.id {
        return Err(Unmanaged::Oneself);
    }
    may_grant(manager, person.membership, person.practice_of)
}

/// Whether `manager` may make somebody what `membership` says. `practice_of` is the partner that looks after its practice.
pub fn may_grant(
    manager: Membership,
    membership: Membership,
    practice_of: Option<PartnerId>,
) -> Result<(), Unmanaged> {
    let theirs = match (manager.role(), manager.place(), membership.place()) {
        (Role::StaffAdmin, Place::Platform, _) => true,
        (Role::PartnerAdmin, Place::Partner(own), Place::Partner(partner)) => own == partner,
        (Role::PartnerAdmin, Place::Partner(own), Place::Practice(_)) => practice_of == Some(own),
        (Role::PracticeOwner, Place::Practice(own), Place::Practice(org)) => own == org,
        _ => false,
    };
    if theirs { Ok(()) } else { Err(Unmanaged::NotTheirs) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofline_core::{OrgId, SeededEntropy, Timestamp};

    /// Two partners, each with two practices.
    struct World {
        partners: [PartnerId; 2],
        practices: [[OrgId; 2]; 2],
    }

    fn world() -> World {
        let entropy = SeededEntropy::new(1);
        let partner = || PartnerId::new(Timestamp::UNIX_EPOCH, &entropy);
        let practice = || OrgId::new(Timestamp::UNIX_EPOCH, &entropy);
        World {
            partners: [partner(), partner()],
            practices: [[practice(), practice()], [practice(), practice()]],
        }
    }

    impl World {
        fn places(&self) -> Vec<Place> {
            let partners = self.partners.map(Place::Partner);
            let practices = self.practices.concat().into_iter().map(Place::Practice);
            std::iter::once(Place::Platform).chain(partners).chain(practices).collect()
        }

        fn partner_of(&self, place: Place) -> Option<PartnerId> {
            let Place::Practice(org) = place else { return None };
            let under = self.practices.iter().position(|practices| practices.contains(&org));
            under.map(|partner| self.partners[partner])
        }

        fn everybody(&self) -> Vec<Membership> {
            let places = self.places();
            let held = |role| places.iter().filter_map(move |place| Membership::new(role, *place).ok());
            Role::ALL.into_iter().flat_map(held).collect()
        }
    }

    /// The rule said a second time, by what each manager's tree holds.
    fn expected(world: &World, manager: Membership, person: Membership) -> bool {
        let place = person.place();
        match manager.role() {
            Role::StaffAdmin => true,
            Role::PartnerAdmin => {
                let own = manager.partner().expect("a partner's");
                place == Place::Partner(own) || world.partner_of(place) == Some(own)
            }
            Role::PracticeOwner => place == manager.place(),
            Role::StaffOperator
            | Role::StaffReadonly
            | Role::PartnerTechnician
            | Role::PartnerBilling
            | Role::PracticeManager
            | Role::PracticeViewer => false,
        }
    }

    #[test]
    fn every_pair_of_people_of_two_partners_and_four_practices_is_as_the_rule_says() {
        let (world, entropy) = (world(), SeededEntropy::new(2));
        let (one, other) =
            (UserId::new(Timestamp::UNIX_EPOCH, &entropy), UserId::new(Timestamp::UNIX_EPOCH, &entropy));
        let (mut pairs, mut allowed) = (0, 0);
        for manager in world.everybody() {
            for membership in world.everybody() {
                let practice_of = world.partner_of(membership.place());
                let person = Managed { id: other, membership, practice_of };
                let yes = may_manage(one, manager, &person).is_ok();
                assert_eq!(yes, expected(&world, manager, membership), "{manager:?} {membership:?}");
                assert_eq!(yes, may_grant(manager, membership, practice_of).is_ok(), "what they may make");
                let themselves = Managed { id: one, ..person };
                assert_eq!(may_manage(one, manager, &themselves), Err(Unmanaged::Oneself));
                pairs += 1;
                allowed += u32::from(yes);
            }
        }
        // 3 roles of staff, 3 in each of 2 partners, 3 in each of 4 practices.
        assert_eq!(pairs, 21 * 21);
        // One administrator over 21; two over 3 + 2 · 3; four over 3.
        assert_eq!(allowed, 21 + 2 * 9 + 4 * 3);
    }

    #[test]
    fn a_practice_of_an_unknown_partner_is_nobodys_but_the_installations_and_its_own() {
        let world = world();
        let person =
            Membership::new(Role::PracticeViewer, Place::Practice(world.practices[0][0])).expect("fits");
        let partner = Membership::new(Role::PartnerAdmin, Place::Partner(world.partners[0])).expect("fits");
        assert_eq!(may_grant(partner, person, None), Err(Unmanaged::NotTheirs));
        let staff = Membership::new(Role::StaffAdmin, Place::Platform).expect("fits");
        assert_eq!(may_grant(staff, person, None), Ok(()));
    }
}
