//! Evidence: statements come in, are verified, appended to the site's log and answered with proofs; the log is published,
//! sampled, shown and exported.
//!
//! One transaction holds everything that an entry means: the entry, the tree head with its signed checkpoint, the verdict
//! spans, the incidents and the site's posture. An answer leaves after the commit, so what is acknowledged is durable.
//! Everything that appends locks the site's log first; whoever also changes incidents does so under that lock.

mod alarm;
mod effects;
mod export;
mod facts;
mod healing;
mod own_keys;
mod proofs;
mod publish;
mod read;
mod rebuild;
mod sample;
mod site_log;
mod submit;
mod summary;
mod verify;

use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, RateClass};

pub(crate) use facts::{append_server_fact, lock_for_facts};
pub(crate) use healing::advance;
pub(crate) use own_keys::{Stated, state_successors};
pub(crate) use publish::publish_due;
pub(crate) use sample::sample;

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Appliance(Action::AgentSubmitEvidence), RateClass::Agent, routes!(submit::submit))
        .route(Access::Person(Action::EvidenceRead), RateClass::Read, routes!(read::list))
        .route(Access::Person(Action::EvidenceExport), RateClass::Write, routes!(export::export))
        .route(Access::Person(Action::EvidenceRead), RateClass::Read, routes!(read::entry))
}
