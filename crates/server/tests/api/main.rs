//! Central Command through its real router, on a real database. One file per capability; `routes` walks them all.

mod capacity;
mod desk;
mod enrolment;
mod events;
mod evidence;
mod first_start;
mod incidents;
mod invitations;
mod isolation;
mod legacy_passwords;
mod mail;
mod own_account;
mod people;
mod posture;
mod routes;
mod scale;
mod sessions;
mod sign_in;
mod tenants;
mod writes;
