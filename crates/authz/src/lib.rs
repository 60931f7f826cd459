//! Who may do what.
//!
//! A [`Principal`] asks for an [`Action`]; [`authorise`] answers with a [`Permit`] or a [`Denied`]. A permit cannot be made
//! any other way, and the store opens a scope for nothing else: what is not decided here does not reach a tenant's data.
//!
//! This crate knows nothing of HTTP, sessions or SQL. The whole policy is printed in `spec/policy.txt`, which a test keeps
//! equal to the code, so that a change of it is read by a person.

mod action;
mod manage;
mod policy;
mod principal;

pub use action::{Action, Effect, Proof};
pub use manage::{Managed, Unmanaged, may_grant, may_manage};
pub use policy::{Denied, Permit, authorise, grantable_by, permissions_of, policy_matrix};
pub use principal::{Job, Principal, Reach};
