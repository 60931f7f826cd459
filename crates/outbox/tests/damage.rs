//! Damage to either file: what is set aside, what is carried over, what is reported, and that numbers never restart.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use proofline_outbox::{Limits, Loss, Outbox, OutboxError};

struct Place(tempfile::TempDir);

impl Place {
    /// A closed queue of ten payloads, of which 1 to `acknowledged` are acknowledged.
    fn with_ten(acknowledged: u64) -> Self {
        let place = Self(tempfile::tempdir().expect("temporary directory"));
        let outbox = place.open();
        for seq in 1..=10 {
            put(&outbox, &payload(seq));
        }
        let receipts: Vec<(u64, &[u8])> = (1..=acknowledged).map(|seq| (seq, &b"r"[..])).collect();
        outbox.acknowledge(receipts).expect("acknowledges");
        place
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("queue.db{suffix}"))
    }

    fn try_open(&self) -> Result<Outbox, OutboxError> {
        Outbox::open(self.file(""), Limits::default())
    }

    fn open(&self) -> Outbox {
        self.try_open().expect("opens")
    }
}

fn payload(seq: u64) -> Vec<u8> {
    format!("payload {seq} ").repeat(1_500).into_bytes()
}

fn put(outbox: &Outbox, payload: &[u8]) -> u64 {
    outbox.append(UNIX_EPOCH, &[], |_| Ok::<_, OutboxError>(payload.to_vec())).expect("appends")
}

fn waiting(outbox: &Outbox) -> Vec<u64> {
    outbox.peek(100, usize::MAX).expect("peeks").iter().map(|item| item.seq).collect()
}

fn lost(outbox: &Outbox) -> Vec<(u64, u64)> {
    outbox.losses().expect("reads").iter().map(|loss| (loss.first_seq, loss.last_seq)).collect()
}

fn change_wherever(path: &Path, needle: &[u8]) {
    let mut bytes = fs::read(path).expect("reads");
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(needle)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] ^= 1;
    }
    OpenOptions::new().write(true).open(path).expect("opens").write_all_at(&bytes, 0).expect("writes");
}

#[test]
fn a_deleted_database_is_a_reported_loss_and_numbers_go_on() {
    let place = Place::with_ten(4);
    fs::remove_file(place.file("")).expect("removes");
    let outbox = place.open();
    assert_eq!((lost(&outbox), waiting(&outbox)), (vec![(5, 10)], vec![]));
    assert_eq!(put(&outbox, b"next"), 11);
}

#[test]
fn a_deleted_database_in_which_nothing_waited_is_no_loss() {
    let place = Place::with_ten(10);
    fs::remove_file(place.file("")).expect("removes");
    let outbox = place.open();
    assert!(lost(&outbox).is_empty());
    assert_eq!(put(&outbox, b"next"), 11);
}

#[test]
fn garbage_is_set_aside_and_kept() {
    let place = Place::with_ten(0);
    fs::write(place.file(""), vec![0xA5; 100_000]).expect("writes");
    let outbox = place.open();
    assert_eq!((lost(&outbox), waiting(&outbox)), (vec![(1, 10)], vec![]));
    assert_eq!(fs::read(place.file(".damaged-1")).expect("was kept"), vec![0xA5; 100_000]);
    drop(outbox);
    fs::write(place.file(""), b"again").expect("writes");
    assert_eq!(lost(&place.open()), [(1, 10)], "the first loss was not settled, so it is reported on");
    assert_eq!(fs::read(place.file(".damaged-2")).expect("was kept beside the first"), b"again");
}

#[test]
fn one_changed_payload_costs_only_itself() {
    let place = Place::with_ten(2);
    change_wherever(&place.file(""), b"payload 6 ");
    let outbox = place.open();
    assert_eq!((lost(&outbox), waiting(&outbox)), (vec![(6, 6)], vec![3, 4, 5, 7, 8, 9, 10]));
    assert!(place.file(".damaged-1").exists());
    let seventh = &outbox.peek(100, usize::MAX).expect("peeks")[3];
    assert_eq!((seventh.seq, &seventh.payload), (7, &payload(7)));
}

#[test]
fn a_payload_that_changes_while_open_is_not_handed_out() {
    let place = Place::with_ten(0);
    let outbox = place.open();
    put(&outbox, &vec![0; 4 << 20]);
    drop(outbox);
    // Opening reads everything once, and the large payload pushes the early pages out of the small cache.
    let outbox = place.open();
    change_wherever(&place.file(""), b"payload 6 ");
    assert!(matches!(outbox.peek(100, usize::MAX), Err(OutboxError::Damaged(_))));
    drop(outbox);
    assert_eq!(lost(&place.open()), [(6, 6)]);
}

#[test]
fn a_truncated_database_never_restarts_the_numbers() {
    for keep in [0_u64, 100, 4_096, 12_288, 30_000, 100_000] {
        let place = Place::with_ten(3);
        OpenOptions::new().write(true).open(place.file("")).expect("opens").set_len(keep).expect("truncates");
        let outbox = place.open();
        let (mut accounted, gone) = (waiting(&outbox), lost(&outbox));
        accounted.extend(gone.iter().flat_map(|(first, last)| *first..=*last));
        accounted.sort_unstable();
        assert_eq!(accounted, (4..=10).collect::<Vec<_>>(), "cut to {keep} bytes");
        assert_eq!(put(&outbox, b"next"), 11);
    }
}

#[test]
fn an_older_copy_of_the_database_is_noticed() {
    let place = Place::with_ten(0);
    let copy = fs::read(place.file("")).expect("reads");
    let outbox = place.open();
    for seq in 11..=14 {
        put(&outbox, &payload(seq));
    }
    drop(outbox);
    fs::write(place.file(""), copy).expect("puts the older copy back");
    let outbox = place.open();
    assert_eq!((lost(&outbox), waiting(&outbox)), (vec![(11, 14)], (1..=10).collect()));
    let last = outbox.last().expect("has a head");
    assert_eq!(last.0, 14);
    outbox
        .append(UNIX_EPOCH, &[], |next| {
            assert_eq!(next.previous, last.1, "the chain goes on from what was lost");
            Ok::<_, OutboxError>(vec![])
        })
        .expect("appends");
}

#[test]
fn a_lost_log_is_noticed() {
    let place = Place::with_ten(0);
    let outbox = place.open();
    put(&outbox, &payload(11));
    put(&outbox, &payload(12));
    // What a power cut would leave if the log's folder entry were gone: the database without its newest commits.
    let database = fs::read(place.file("")).expect("reads");
    drop(outbox);
    fs::write(place.file(""), database).expect("writes");
    let outbox = place.open();
    assert_eq!((lost(&outbox), waiting(&outbox)), (vec![(11, 12)], (1..=10).collect()));
}

#[test]
fn a_lost_or_torn_mark_is_written_anew() {
    for damage in [None, Some(&b"torn"[..])] {
        let place = Place::with_ten(2);
        match damage {
            None => fs::remove_file(place.file("-mark")).expect("removes"),
            Some(bytes) => fs::write(place.file("-mark"), bytes).expect("writes"),
        }
        let outbox = place.open();
        assert_eq!((lost(&outbox), waiting(&outbox)), (vec![], (3..=10).collect()));
        drop(outbox);
        fs::remove_file(place.file("")).expect("removes");
        assert_eq!(lost(&place.open()), [(3, 10)], "the mark is good again");
    }
}

#[test]
fn both_unreadable_is_said_and_nothing_is_touched() {
    let place = Place::with_ten(2);
    fs::write(place.file(""), b"garbage").expect("writes");
    fs::write(place.file("-mark"), b"garbage").expect("writes");
    assert!(matches!(place.try_open(), Err(OutboxError::BeyondRecovery(_))));
    assert_eq!(fs::read(place.file("")).expect("reads"), b"garbage");
    assert_eq!(fs::read(place.file("-mark")).expect("reads"), b"garbage");
}

#[test]
fn a_foreign_database_is_set_aside() {
    let place = Place::with_ten(9);
    fs::remove_file(place.file("")).expect("removes");
    let foreign = rusqlite::Connection::open(place.file("")).expect("opens");
    foreign
        .execute_batch("CREATE TABLE patients (name TEXT); INSERT INTO patients VALUES ('x')")
        .expect("writes");
    drop(foreign);
    let outbox = place.open();
    assert_eq!(lost(&outbox), [(10, 10)]);
    assert!(place.file(".damaged-1").exists());
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let place = Place::with_ten(0);
    let raw = rusqlite::Connection::open(place.file("")).expect("opens");
    raw.pragma_update(None, "user_version", 2).expect("sets");
    drop(raw);
    assert!(matches!(place.try_open(), Err(OutboxError::NewerFormat(2))));
    assert!(!place.file(".damaged-1").exists());
}

#[test]
fn a_loss_stays_until_the_payload_that_accounts_for_it_is_acknowledged() {
    let place = Place::with_ten(4);
    fs::remove_file(place.file("")).expect("removes");
    let outbox = place.open();
    let losses = outbox.losses().expect("reads");
    assert!(matches!(losses.as_slice(), [Loss { first_seq: 5, last_seq: 10, .. }]), "{losses:?}");
    let gap = outbox
        .write(|batch| -> Result<u64, OutboxError> {
            let gap = batch.append(UNIX_EPOCH, b"5 to 10 are lost")?;
            batch.settle(&losses[0], gap)?;
            Ok(gap)
        })
        .expect("settles");
    assert!(outbox.losses().expect("reads").is_empty());
    drop(outbox);

    fs::remove_file(place.file("")).expect("removes");
    let outbox = place.open();
    assert_eq!(
        lost(&outbox),
        [(5, gap)],
        "the statement was lost before anyone had it, so all of it is open again"
    );
    let losses = outbox.losses().expect("reads");
    outbox
        .write(|batch| -> Result<(), OutboxError> {
            let gap = batch.append(UNIX_EPOCH, b"5 to 11 are lost")?;
            batch.settle(&losses[0], gap)?;
            batch.acknowledge(gap, b"r").map(|_| ())
        })
        .expect("settles");
    drop(outbox);
    fs::remove_file(place.file("")).expect("removes");
    assert!(lost(&place.open()).is_empty());
}

#[test]
fn a_replacement_that_was_cut_off_is_made_again_or_adopted() {
    let place = Place::with_ten(2);
    fs::write(place.file(".replacement"), b"unfinished").expect("writes");
    assert_eq!(waiting(&place.open()), (3..=10).collect::<Vec<_>>());
    assert!(!place.file(".replacement").exists());

    // Killed between setting the old file aside and moving the finished replacement in.
    fs::rename(place.file(""), place.file(".replacement")).expect("renames");
    fs::write(place.file("-wal"), vec![1; 9_000]).expect("leaves a log that belongs to no database");
    let outbox = place.open();
    assert_eq!((lost(&outbox), waiting(&outbox)), (vec![], (3..=10).collect()));
}
