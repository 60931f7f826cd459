//! What tests of Central Command are written with.
//!
//! [`TestApp`] is the real application on a real PostgreSQL database of its own, reached through its real router, with a
//! clock that moves when told and seeded randomness. [`Browser`] is a person with cookies, [`Agent`] an appliance with a
//! key; both are made by naming the credential: `app.admin()`, `app.staff(Role::StaffReadonly)`, `app.anonymous()`,
//! `app.enrolled(&site)`.
//!
//! Every answer has a status that the API description names for its route, and every test also holds what [`logs`] says:
//! that no password, address, token or code is in a log line or an error.
//!
//! Linked by tests only. It never reaches into a handler or a table to assert: what it asserts is what a client sees.

#![expect(clippy::missing_panics_doc, reason = "a test that cannot go on panics")]

mod agent;
mod app;
mod authenticator;
mod browser;
mod database;
mod described;
mod events;
pub mod logs;
mod redis;
mod reply;

pub use agent::{Agent, ordinary_check_in};
pub use app::{MASTER_KEY, TestApp, TestSite, totp_code};
pub use authenticator::Authenticator;
pub use browser::Browser;
pub use database::TestDatabase;
pub use events::{EventStream, StreamedEvent};
pub use redis::TestRedis;
pub use reply::Reply;
