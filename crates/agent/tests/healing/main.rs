//! Healing that really happens, on scratch machines.
//!
//! A scratch machine needs root (owners, private mounts and networks), util-linux, OpenSSH and nftables: on Debian the
//! packages openssh-server, openssh-client and nftables. Where they are missing the tests say so and end; with `CI` set they fail.

/// Ends the test early where no scratch machine can be set up.
macro_rules! needs_root {
    () => {
        if let Some(missing) = crate::scratch::missing() {
            assert!(std::env::var_os("CI").is_none(), "not skipped where CI is set: {missing}");
            eprintln!("skipped: {missing}");
            return;
        }
    };
}

mod crash;
mod guards;
mod honesty;
mod kill;
mod runbooks;
mod scratch;
#[path = "../support/mod.rs"]
mod support;
mod world;
