//! The real program: started, asked over its sockets, killed, and started again. Every wait is bounded.

mod external;
mod keys;
mod life;
mod local_agent;
mod migration;
mod nodes;
mod refusals;
mod support;
mod two_people;
