//! The tenancy tree: partners, organisations, sites, and the codes that let a machine join a site.

mod codes;
mod local;
mod organisations;
mod partners;
mod sites;
mod tree;

use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, ApiResult, Problem, RateClass};

pub(crate) use codes::digest as code_digest;
pub use local::{LocalSite, provision_local, set_local_mode};
pub(crate) use tree::{PartnerBook, partner_of, partner_of_person};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::PartnerRead), RateClass::Read, routes!(partners::list))
        .route(Access::Person(Action::PartnerCreate), RateClass::Write, routes!(partners::create))
        .route(Access::Person(Action::OrganisationRead), RateClass::Read, routes!(organisations::list))
        .route(Access::Person(Action::OrganisationCreate), RateClass::Write, routes!(organisations::create))
        .route(Access::Person(Action::SiteCreate), RateClass::Write, routes!(sites::create))
        .route(Access::Person(Action::CodeRead), RateClass::Read, routes!(codes::list))
        .route(Access::Person(Action::CodeCreate), RateClass::Write, routes!(codes::create))
        .route(Access::Person(Action::CodeRevoke), RateClass::Write, routes!(codes::revoke))
}

/// A name that a person typed: trimmed, 1 to 120 characters, no control characters.
pub(crate) fn name(field: &'static str, text: &str) -> ApiResult<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 120 {
        return Err(Problem::invalid(field, "length", "Give it 1 to 120 characters."));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid(field, "control_character", "A name holds no control characters."));
    }
    Ok(text.to_owned())
}

/// Why somebody does what others will ask about: 10 to 500 characters in one line, trimmed. `None` for everything else.
pub fn stated_reason(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = (10..=500).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// The reason that a request states.
pub(crate) fn reason(text: &str) -> ApiResult<&str> {
    stated_reason(text)
        .ok_or_else(|| Problem::invalid("reason", "length", "Say why in 10 to 500 characters."))
}
