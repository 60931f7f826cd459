//! Central Command through its real router, on a real database. One file per capability; `routes` walks them all.

mod desk;
mod enrolment;
mod evidence;
mod first_start;
mod incidents;
mod isolation;
mod posture;
mod routes;
mod scale;
mod sessions;
mod tenants;
