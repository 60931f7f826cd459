//! Central Command through its real router, on a real database. One file per capability; `routes` walks them all.

mod audit;
mod canary;
mod capacity;
mod credentials;
mod desk;
mod enrolment;
mod events;
mod evidence;
mod first_start;
mod headers;
mod incidents;
mod input;
mod isolation;
mod keys;
mod limits;
mod oidc;
mod passkeys;
mod posture;
mod routes;
mod scale;
mod second_factor;
mod sessions;
mod sign_in;
mod tenants;
mod tokens;
mod writes;
