//! HTTP itself: how a route is declared, who may call it, how answers and errors look. No capability lives here.

mod agent;
mod call;
mod client;
mod console;
mod csrf;
mod guard;
mod headers;
mod json;
mod observe;
mod once;
mod openapi;
mod origin;
mod pages;
mod problem;
mod rate;
pub(crate) mod request_id;
mod route;
mod web;

pub(crate) use agent::{ApplianceCache, KnownAppliance, Nonces};
pub(crate) use call::{Anonymous, Call, ClaimedKey, SignedBody};
pub(crate) use console::{Session, clear_cookies, session_cookies};
pub(crate) use csrf::issue as issue_csrf;
pub(crate) use json::{Id, Query, Strict};
pub(crate) use once::NotKept;
pub(crate) use openapi::document;
pub(crate) use pages::{Listing, PageQuery, page_request};
pub use problem::{ApiResult, FieldProblem, Problem, ProblemBody};
pub use rate::RateClass;
pub(crate) use rate::RateLimits;
pub(crate) use route::Api;
pub use route::{Access, RouteEntry};
pub(crate) use web::finish;
