//! A Central Command for tests: real signatures, real proofs, faults on demand. It keeps its log in memory and decides
//! submissions as the protocol says; the log is judged at the end by the auditor's verifier.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod central;
pub mod http;
pub mod log;
pub mod rig;
