//! The simulated appliances: who they are, what they say, and what of it was acknowledged.

mod app_codes;
mod appliance;
mod enrol;
mod journal;
mod roster;
mod staff;
mod story;

pub use app_codes::AppCodes;
pub use appliance::{Appliance, Contradiction, Delivery, Trust};
pub use enrol::{Enrolment, enrol};
pub use journal::{Acknowledged, Journal};
pub use roster::{Installation, Member, Roster};
pub use staff::{Credentials, Staff, StaffError};
pub use story::{Story, World};
