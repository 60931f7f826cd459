//! Central Command through its real router, on a real database. One file per capability; `routes` walks them all.

mod enrolment;
mod first_start;
mod isolation;
mod routes;
mod sessions;
mod tenants;
