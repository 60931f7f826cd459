//! Where each message goes. All are `POST` but [`RULES`] and [`CREDENTIALS`], which are `GET`.

/// A machine becomes an appliance.
pub const CLAIM: &str = "/api/provision/claim";

/// Every minute: here I am, what is new?
pub const CHECK_IN: &str = "/api/appliances/checkin";

/// Signed statements for the site's log.
pub const EVIDENCE: &str = "/api/appliances/evidence";

/// The signed rule set that applies to this appliance.
pub const RULES: &str = "/api/agent/rules";

/// The credentials that are sealed to this appliance's key.
pub const CREDENTIALS: &str = "/api/agent/credentials";
