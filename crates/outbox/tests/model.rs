//! Random operations against a plain model, reopening (and losing the process without closing) in between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use proofline_outbox::{Limits, NO_PREVIOUS, Outbox, OutboxError};
use proptest::prelude::*;
use sha2::Digest as _;

#[derive(Debug, Clone)]
enum Step {
    Append { payloads: Vec<Vec<u8>>, note: Option<(u8, Vec<u8>)>, fails: bool },
    Acknowledge { picks: Vec<u16>, fails: bool },
    Peek { items: usize, bytes: usize },
    Reopen,
    DatabaseDeleted,
    PayloadCorrupted { pick: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    let payload = prop::collection::vec(any::<u8>(), 0..300);
    let note = prop::option::of((0_u8..4, prop::collection::vec(any::<u8>(), 0..20)));
    prop_oneof![
        8 => (prop::collection::vec(payload, 1..5), note, prop::bool::weighted(0.1))
            .prop_map(|(payloads, note, fails)| Step::Append { payloads, note, fails }),
        5 => (prop::collection::vec(any::<u16>(), 1..6), prop::bool::weighted(0.1))
            .prop_map(|(picks, fails)| Step::Acknowledge { picks, fails }),
        3 => (0_usize..8, 0_usize..1_000).prop_map(|(items, bytes)| Step::Peek { items, bytes }),
        3 => Just(Step::Reopen),
        1 => Just(Step::DatabaseDeleted),
        1 => any::<u16>().prop_map(|pick| Step::PayloadCorrupted { pick }),
    ]
}

/// What the queue should hold.
#[derive(Default, Clone)]
struct Model {
    waiting: BTreeMap<u64, Vec<u8>>,
    receipts: BTreeMap<u64, Vec<u8>>,
    notes: BTreeMap<String, Vec<u8>>,
    lost: BTreeSet<u64>,
    last: u64,
    last_digest: [u8; 32],
    /// Every number up to here was acknowledged the last time the floor could move.
    floor: u64,
}

const LIMITS: Limits = Limits { max_bytes: 4_000, max_items: 20, max_receipts: 5, max_file_bytes: 1 << 30 };

impl Model {
    fn bytes(&self) -> u64 {
        self.waiting.values().map(|payload| payload.len() as u64).sum()
    }

    fn move_floor(&mut self) {
        let open = self.waiting.keys().next().into_iter().chain(self.lost.iter().next()).min();
        self.floor = open.map_or(self.last, |seq| seq - 1);
    }
}

#[derive(Debug)]
enum Failure {
    Abandoned,
    Outbox(OutboxError),
}

impl From<OutboxError> for Failure {
    fn from(error: OutboxError) -> Self {
        Self::Outbox(error)
    }
}

fn apply(outbox: &Outbox, model: &mut Model, step: &Step) -> Result<(), TestCaseError> {
    match step {
        Step::Append { payloads, note, fails } => {
            let mut next = model.clone();
            let written = outbox.write(|batch| -> Result<(), Failure> {
                for payload in payloads {
                    assert_eq!((batch.next().seq, batch.next().previous), (next.last + 1, next.last_digest));
                    let seq = batch.append(UNIX_EPOCH + Duration::from_secs(next.last + 1), payload)?;
                    next.waiting.insert(seq, payload.clone());
                    next.last = seq;
                    next.last_digest = sha2::Sha256::digest(payload).into();
                }
                if let Some((key, value)) = note {
                    batch.set_note(&key.to_string(), value)?;
                    next.notes.insert(key.to_string(), value.clone());
                }
                if *fails { Err(Failure::Abandoned) } else { Ok(()) }
            });
            let over = model.waiting.len() + payloads.len() > 20
                || model.bytes() + payloads.iter().map(|p| p.len() as u64).sum::<u64>() > LIMITS.max_bytes;
            match written {
                Ok(()) => {
                    prop_assert!(!fails && !over);
                    *model = next;
                    model.move_floor();
                }
                Err(Failure::Abandoned) => prop_assert!(*fails && !over),
                Err(Failure::Outbox(OutboxError::QueueFull { .. })) => prop_assert!(over),
                Err(Failure::Outbox(other)) => return Err(TestCaseError::fail(other.to_string())),
            }
        }
        Step::Acknowledge { picks, fails } => {
            if model.last == 0 {
                return Ok(());
            }
            let mut next = model.clone();
            let written = outbox.write(|batch| -> Result<(), Failure> {
                for pick in picks {
                    let seq = 1 + u64::from(*pick) % model.last;
                    let receipt = pick.to_le_bytes();
                    let waited = next.waiting.remove(&seq).is_some();
                    assert_eq!(batch.acknowledge(seq, &receipt)?, waited);
                    if waited {
                        next.receipts.insert(seq, receipt.to_vec());
                    }
                }
                if *fails { Err(Failure::Abandoned) } else { Ok(()) }
            });
            prop_assert_eq!(written.is_ok(), !fails);
            if !fails {
                while next.receipts.len() > 5 {
                    next.receipts.pop_first();
                }
                *model = next;
                model.move_floor();
            }
        }
        Step::Peek { items, bytes } => {
            let mut expected = Vec::new();
            let mut total = 0;
            for (seq, payload) in model.waiting.iter().take(*items) {
                total += payload.len();
                if total > *bytes && !expected.is_empty() {
                    break;
                }
                expected.push((*seq, payload.clone()));
            }
            let got = outbox.peek(*items, *bytes).expect("peeks");
            prop_assert_eq!(got.into_iter().map(|i| (i.seq, i.payload)).collect::<Vec<_>>(), expected);
        }
        Step::Reopen | Step::DatabaseDeleted | Step::PayloadCorrupted { .. } => {}
    }
    Ok(())
}

/// Does to the closed files what the step says, and to the model what should come of it.
fn damage(path: &std::path::Path, model: &mut Model, step: &Step) {
    match step {
        Step::DatabaseDeleted => {
            std::fs::remove_file(path).expect("removes");
            model.lost = (model.floor + 1..=model.last).collect();
            model.waiting.clear();
            model.receipts.clear();
            model.notes.clear();
        }
        Step::PayloadCorrupted { pick } => {
            let Some(seq) =
                model.waiting.keys().nth(usize::from(*pick) % model.waiting.len().max(1)).copied()
            else {
                return;
            };
            let db = rusqlite::Connection::open(path).expect("opens");
            db.execute(
                "UPDATE item SET payload = CAST(payload || x'00' AS BLOB) WHERE seq = ?1",
                [seq.cast_signed()],
            )
            .expect("edits");
            db.close().expect("closes");
            model.waiting.remove(&seq);
            // Numbers above the floor that were acknowledged out of order are known to the damaged file only.
            model.lost =
                (model.floor + 1..=model.last).filter(|seq| !model.waiting.contains_key(seq)).collect();
            model.receipts.clear();
            model.notes.clear();
        }
        Step::Reopen | Step::Append { .. } | Step::Acknowledge { .. } | Step::Peek { .. } => {}
    }
    model.move_floor();
}

fn compare(outbox: &Outbox, model: &Model) -> Result<(), TestCaseError> {
    let waiting: BTreeMap<_, _> = outbox
        .peek(1_000, usize::MAX)
        .expect("peeks")
        .into_iter()
        .map(|item| (item.seq, item.payload))
        .collect();
    prop_assert_eq!(&waiting, &model.waiting);
    prop_assert_eq!(
        (outbox.depth().items, outbox.depth().bytes),
        (model.waiting.len() as u64, model.bytes())
    );
    let receipts: BTreeMap<_, _> =
        outbox.receipts(1_000).expect("reads").into_iter().map(|r| (r.seq, r.receipt)).collect();
    prop_assert_eq!(&receipts, &model.receipts);
    let notes: BTreeMap<_, _> = outbox.notes("").expect("reads").into_iter().collect();
    prop_assert_eq!(&notes, &model.notes);
    let lost: BTreeSet<u64> =
        outbox.losses().expect("reads").iter().flat_map(|loss| loss.first_seq..=loss.last_seq).collect();
    prop_assert_eq!(&lost, &model.lost);
    prop_assert_eq!(outbox.last(), (model.last > 0).then_some((model.last, model.last_digest)));
    prop_assert_eq!(outbox.oldest().expect("reads").is_some(), !model.waiting.is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_behaves_like_its_model(steps in prop::collection::vec(step(), 1..50)) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("queue.db");
        let mut model = Model { last_digest: NO_PREVIOUS, ..Model::default() };
        let mut outbox = Outbox::open(&path, LIMITS).expect("opens");
        for step in &steps {
            match step {
                Step::Reopen | Step::DatabaseDeleted | Step::PayloadCorrupted { .. } => {
                    drop(outbox);
                    damage(&path, &mut model, step);
                    outbox = Outbox::open(&path, LIMITS).expect("opens again");
                }
                Step::Append { .. } | Step::Acknowledge { .. } | Step::Peek { .. } => {
                    apply(&outbox, &mut model, step)?;
                }
            }
            compare(&outbox, &model)?;
        }
    }
}
