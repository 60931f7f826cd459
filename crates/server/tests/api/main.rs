//! Central Command through its real router, on a real database. One file per capability; `routes` walks them all.

mod capacity;
mod credentials;
mod desk;
mod enrolment;
mod events;
mod evidence;
mod first_start;
mod incidents;
mod isolation;
mod keys;
mod posture;
mod routes;
mod scale;
mod second_factor;
mod sessions;
mod sign_in;
mod tenants;
mod writes;
