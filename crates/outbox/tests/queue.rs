//! What the queue promises while nothing goes wrong, and when it is full.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proofline_outbox::{FIRST_SEQ, Limits, NO_PREVIOUS, Outbox, OutboxError};
use sha2::Digest as _;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn put(outbox: &Outbox, payload: &[u8]) -> Result<u64, OutboxError> {
    outbox.append(at(1), &[], |_| Ok(payload.to_vec()))
}

#[test]
fn payloads_are_numbered_and_chained_and_wait_across_reopening() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("queue.db");
    let outbox = Outbox::open(&path, Limits::default()).expect("opens");
    let first = outbox
        .append(at(10), &[("state", b"a")], |next| {
            assert_eq!((next.seq, next.previous), (FIRST_SEQ, NO_PREVIOUS));
            Ok::<_, OutboxError>(b"one".to_vec())
        })
        .expect("appends");
    drop(outbox);

    let outbox = Outbox::open(&path, Limits::default()).expect("opens again");
    outbox
        .append(at(20), &[("state", b"b")], |next| {
            let previous: [u8; 32] = sha2::Sha256::digest(b"one").into();
            assert_eq!((next.seq, next.previous), (first + 1, previous));
            Ok::<_, OutboxError>(b"two".to_vec())
        })
        .expect("appends");
    assert_eq!(outbox.oldest().expect("reads"), Some(at(10)));
    assert_eq!((outbox.depth().items, outbox.depth().bytes), (2, 6));
    assert_eq!(outbox.note("state").expect("reads").as_deref(), Some(&b"b"[..]));

    assert_eq!(outbox.acknowledge([(1, &b"proof"[..])]).expect("acknowledges"), 1);
    assert_eq!(outbox.acknowledge([(1, &b"again"[..])]).expect("is a no-op"), 0);
    let waiting = outbox.peek(10, 1_000).expect("peeks");
    assert_eq!(
        waiting.iter().map(|item| (item.seq, item.payload.as_slice())).collect::<Vec<_>>(),
        [(2, &b"two"[..])]
    );
    let receipts = outbox.receipts(10).expect("reads");
    assert_eq!(
        receipts.iter().map(|r| (r.seq, r.receipt.as_slice())).collect::<Vec<_>>(),
        [(1, &b"proof"[..])]
    );
    outbox.acknowledge([(2, &b""[..])]).expect("acknowledges");
    drop(outbox);

    let outbox = Outbox::open(&path, Limits::default()).expect("opens an emptied queue");
    assert_eq!(put(&outbox, b"three").expect("appends"), 3, "numbers go on after everything is acknowledged");
    assert!(outbox.losses().expect("reads").is_empty());
}

#[test]
fn a_write_is_all_or_nothing() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let outbox = Outbox::open(dir.path().join("q"), Limits::default()).expect("opens");
    put(&outbox, b"one").expect("appends");
    let refused: Result<(), OutboxError> = outbox.write(|batch| {
        batch.append(at(2), b"two")?;
        batch.set_note("n", b"v")?;
        batch.acknowledge(1, b"r")?;
        batch.acknowledge(9, b"never appended").map(|_| ())
    });
    assert!(matches!(refused, Err(OutboxError::NeverAppended { seq: 9, last: 2 })), "{refused:?}");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        outbox.write(|batch| -> Result<(), OutboxError> {
            batch.append(at(2), b"two")?;
            panic!("in the middle");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(outbox.depth().items, 1);
    assert_eq!(outbox.note("n").expect("reads"), None);
    assert!(outbox.receipts(9).expect("reads").is_empty());
    assert_eq!(
        put(&outbox, b"second").expect("appends"),
        2,
        "the number of a write that failed is used again"
    );
}

#[test]
fn peeking_respects_both_limits_but_always_gives_one() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let outbox = Outbox::open(dir.path().join("q"), Limits::default()).expect("opens");
    for _ in 0..5 {
        put(&outbox, &[7; 100]).expect("appends");
    }
    let count = |items, bytes| outbox.peek(items, bytes).expect("peeks").len();
    assert_eq!((count(3, 10_000), count(9, 250), count(9, 10), count(0, 10)), (3, 2, 1, 0));
}

#[test]
fn a_write_reads_page_by_page_what_it_has_made_of_the_queue() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let outbox = Outbox::open(dir.path().join("queue.db"), Limits::default()).expect("opens");
    for payload in ["one", "two", "three", "four"] {
        put(&outbox, payload.as_bytes()).expect("appends");
    }
    let pages = outbox.write(|batch| -> Result<_, OutboxError> {
        batch.acknowledge(2, b"")?;
        batch.append(at(1), b"five")?;
        let numbers = |first, items, bytes| -> Result<Vec<u64>, OutboxError> {
            Ok(batch.peek(first, items, bytes)?.iter().map(|item| item.seq).collect())
        };
        Ok([numbers(1, 2, 99)?, numbers(4, 9, 99)?, numbers(2, 9, 1)?, numbers(6, 9, 99)?])
    });
    assert_eq!(pages.expect("writes"), [vec![1, 3], vec![4, 5], vec![3], vec![]]);
}

#[test]
fn a_full_queue_refuses_and_keeps_and_works_again() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let limits = Limits { max_bytes: 10, max_items: 3, ..Limits::default() };
    let outbox = Outbox::open(dir.path().join("q"), limits).expect("opens");
    put(&outbox, b"12345").expect("appends");
    put(&outbox, b"12345").expect("appends");
    assert!(matches!(put(&outbox, b"1"), Err(OutboxError::QueueFull { items: 2, bytes: 10 })));
    put(&outbox, b"").expect("an empty payload still fits");
    assert!(matches!(put(&outbox, b""), Err(OutboxError::QueueFull { items: 3, .. })));
    outbox.acknowledge([(2, &b""[..])]).expect("acknowledges");
    assert_eq!(put(&outbox, b"1234").expect("appends"), 4);
    assert_eq!(outbox.peek(9, 99).expect("peeks").iter().map(|i| i.seq).collect::<Vec<_>>(), [1, 3, 4]);
}

#[test]
fn receipts_are_bounded_and_the_newest_stay() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let limits = Limits { max_receipts: 3, ..Limits::default() };
    let outbox = Outbox::open(dir.path().join("q"), limits).expect("opens");
    for seq in 1..=5 {
        put(&outbox, b"x").expect("appends");
        outbox.acknowledge([(seq, &b"r"[..])]).expect("acknowledges");
    }
    assert_eq!(outbox.receipts(9).expect("reads").iter().map(|r| r.seq).collect::<Vec<_>>(), [5, 4, 3]);
}

#[test]
fn notes_are_listed_by_prefix_and_bounded() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let outbox = Outbox::open(dir.path().join("q"), Limits::default()).expect("opens");
    outbox
        .write(|batch| -> Result<(), OutboxError> {
            for key in ["check/b", "check/a", "checkpoint", "check%x"] {
                batch.set_note(key, key.as_bytes())?;
            }
            batch.remove_note("none")?;
            assert_eq!(batch.note("check/a")?.as_deref(), Some(&b"check/a"[..]));
            Ok(())
        })
        .expect("writes");
    let keys: Vec<_> = outbox.notes("check/").expect("reads").into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["check/a", "check/b"]);
    let big = vec![0; proofline_outbox::MAX_NOTE_BYTES + 1];
    let refused = outbox.write(|batch| batch.set_note("big", &big));
    assert!(matches!(refused, Err(OutboxError::NoteTooLarge { .. })));
}

#[test]
fn a_full_disk_is_a_clear_error_and_leaves_nothing_half_written() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let limits = Limits { max_file_bytes: 256 * 1024, ..Limits::default() };
    let path = dir.path().join("q");
    let outbox = Outbox::open(&path, limits).expect("opens");
    let payload = vec![3; 10_000];
    let stored = loop {
        match put(&outbox, &payload) {
            Ok(_) => {}
            Err(OutboxError::DiskFull) => break outbox.depth().items,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(stored >= 20, "{stored}");
    for _ in 0..3 {
        assert!(matches!(put(&outbox, &payload), Err(OutboxError::DiskFull)));
    }
    drop(outbox);
    let outbox = Outbox::open(&path, limits).expect("opens while full");
    assert_eq!((outbox.depth().items, outbox.losses().expect("reads")), (stored, vec![]));
    let acknowledged: Vec<(u64, &[u8])> = (1..=5).map(|seq| (seq, &b""[..])).collect();
    outbox.acknowledge(acknowledged).expect("acknowledges while full");
    assert_eq!(put(&outbox, &payload).expect("works again"), stored + 1);
}

#[test]
fn a_long_outage_gives_its_disk_space_back() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("q");
    let outbox = Outbox::open(&path, Limits::default()).expect("opens");
    let payload = vec![3; 30_000];
    for _ in 0..200 {
        put(&outbox, &payload).expect("appends");
    }
    let all: Vec<(u64, &[u8])> = (1..=200).map(|seq| (seq, &b"r"[..])).collect();
    outbox.acknowledge(all).expect("acknowledges");
    drop(outbox);
    let size = std::fs::metadata(&path).expect("is there").len();
    assert!(size < 1_000_000, "{size}");
}

#[test]
fn files_are_private_and_the_settings_are_those_that_durability_stands_on() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("queue.db");
    std::fs::write(&path, b"").expect("writes");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("sets");
    let outbox = Outbox::open(&path, Limits::default()).expect("opens");
    put(&outbox, b"x").expect("appends");
    for name in ["queue.db", "queue.db-mark", "queue.db-wal"] {
        let mode = std::fs::metadata(dir.path().join(name)).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let settings = outbox.settings().expect("reads");
    assert_eq!((settings.journal_mode.as_str(), settings.synchronous), ("wal", 2));
}

#[test]
fn a_second_owner_is_refused() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("queue.db");
    let outbox = Outbox::open(&path, Limits::default()).expect("opens");
    assert!(matches!(Outbox::open(&path, Limits::default()), Err(OutboxError::InUse)));
    drop(outbox);
    assert!(Outbox::open(&path, Limits::default()).is_ok());
}
