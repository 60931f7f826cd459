//! Healing that really happens, on scratch machines.
//!
//! A scratch machine needs root (owners, private mounts and networks), util-linux, OpenSSH and nftables. Where they are
//! missing the tests say so and end.

/// Ends the test early where no scratch machine can be set up.
macro_rules! needs_root {
    () => {
        if let Some(missing) = crate::scratch::missing() {
            eprintln!("skipped: {missing}");
            return;
        }
    };
}

mod crash;
mod guards;
mod honesty;
mod runbooks;
mod scratch;
mod world;
