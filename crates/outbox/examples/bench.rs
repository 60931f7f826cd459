//! How fast payloads become durable, next to what the disk can do: `cargo run --profile fast -p proofline-outbox
//! --example bench [folder]`.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

use proofline_outbox::{Limits, Outbox, OutboxError};

const RUN: Duration = Duration::from_secs(2);
const PAYLOAD: [u8; 1_024] = [0x5a; 1_024];

fn per_second(mut once: impl FnMut() -> u64) -> f64 {
    let (start, mut done) = (Instant::now(), 0_u32);
    while start.elapsed() < RUN {
        done += u32::try_from(once()).unwrap_or(u32::MAX);
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

fn append(outbox: &Outbox, count: u64) -> u64 {
    outbox
        .write(|batch| -> Result<(), OutboxError> {
            (0..count).try_for_each(|_| batch.append(UNIX_EPOCH, &PAYLOAD).map(|_| ()))
        })
        .expect("appends");
    count
}

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(folder).expect("temporary directory");
    let file = OpenOptions::new().write(true).create_new(true).open(dir.path().join("raw")).expect("creates");
    let ceiling = per_second(|| {
        file.write_all_at(&PAYLOAD, 0).and_then(|()| file.sync_data()).expect("syncs");
        1
    });
    let limits =
        Limits { max_bytes: 8 << 30, max_items: 8 << 20, max_file_bytes: 16 << 30, ..Limits::default() };
    let outbox = Outbox::open(dir.path().join("queue.db"), limits).expect("opens");
    println!("{:32} {:>10} {:>8}", "1 KiB payloads", "per second", "ratio");
    let show = |name: &str, rate: f64| println!("{name:32} {rate:>10.0} {:>8.2}", rate / ceiling);
    show("write and fdatasync, no queue", ceiling);
    show("append, one at a time", per_second(|| append(&outbox, 1)));
    show("append, batches of 100", per_second(|| append(&outbox, 100)));
    show(
        "peek and acknowledge, 100",
        per_second(|| {
            let items = outbox.peek(100, usize::MAX).expect("peeks");
            outbox.acknowledge(items.iter().map(|item| (item.seq, &b"receipt"[..]))).expect("acknowledges")
        }),
    );
}
