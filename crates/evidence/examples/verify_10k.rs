//! How fast an export of ten thousand entries is verified, beside the bare signature checks that it contains.
//!
//! `cargo run --profile fast -p proofline-evidence --example verify_10k`. One thread; the best of ten rounds of each.

#[path = "../tests/common/log.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod log;

use std::time::{Duration, Instant};

use log::SiteLog;
use proofline_evidence::dsse::{Envelope, pae};
use proofline_evidence::export::{Options, verify};

const ENTRIES: usize = 10_000;
const ROUNDS: usize = 10;

fn timed(round: impl FnOnce()) -> Duration {
    let start = Instant::now();
    round();
    start.elapsed()
}

fn main() {
    let mut log = SiteLog::new(1, 3);
    log.fill(ENTRIES);
    let export = log.export();
    println!("{ENTRIES} entries, {} KiB as an export", export.len() / 1024);

    let keys: Vec<_> =
        [&log.server_key].into_iter().chain(log.appliances.iter().map(|(_, _, key)| key)).collect();
    let bare: Vec<_> = log
        .entries
        .iter()
        .map(|entry| {
            let envelope = Envelope::parse(entry).expect("own entry");
            let key = keys.iter().find(|key| key.id() == envelope.key_id()).expect("own key");
            let message = pae(envelope.payload_type(), envelope.unverified_payload());
            (key.public_key().clone(), key.sign(&message), message)
        })
        .collect();
    // Turn by turn, so that whatever else the machine does falls on both.
    let (mut raw, mut whole) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        raw = raw.min(timed(|| {
            for (key, signature, message) in &bare {
                key.verify(message, signature).expect("own signature");
            }
        }));
        whole = whole.min(timed(|| {
            let report = verify(&export[..], &Options::default()).expect("memory is readable");
            assert!(report.consistent);
        }));
    }
    #[expect(clippy::cast_precision_loss, reason = "ten thousand")]
    let rate = |time: Duration| ENTRIES as f64 / time.as_secs_f64();
    println!("bare signatures  {:>8.0} /s", rate(raw));
    println!("whole entries    {:>8.0} /s", rate(whole));
    println!("ratio            {:>8.3}", raw.as_secs_f64() / whole.as_secs_f64());
}
