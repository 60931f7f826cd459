//! Real clusters, in every state that a machine can leave them in. As root they run as an unprivileged user.

mod crashes;
mod lifecycle;
mod looking;
mod refusals;
mod shared;
mod support;
