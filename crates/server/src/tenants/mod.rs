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

/// Whether nothing of a character is to be seen, but what is around it reads as something else: zero-width characters, those
/// that turn the direction of a text around, separators of lines, and fillers that are drawn as nothing.
pub(crate) const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{115F}'
            | '\u{1160}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
    )
}

/// A name that a person typed: trimmed, 1 to 120 characters, no control characters and none that are not seen: two names that
/// look alike are alike.
pub(crate) fn name(field: &'static str, text: &str) -> ApiResult<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 120 {
        return Err(Problem::invalid(field, "length", "Give it 1 to 120 characters."));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid(field, "control_character", "A name holds no control characters."));
    }
    if text.chars().any(is_unseen) {
        return Err(Problem::invalid(
            field,
            "unseen_character",
            "A name holds no characters that are not seen.",
        ));
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
