//! A durable queue in one SQLite file. It holds bytes under a gapless sequence number and knows nothing of what they
//! mean: no signatures, no network, no clock, no retry policy.
//!
//! # Invariants
//!
//! 1. **Durable before acknowledged.** When [`Outbox::write`] returns, everything done in it survives `kill -9` and a
//!    power cut (as far as the disk honours `fsync`).
//! 2. **All or nothing.** The payloads, notes and acknowledgements of one [`Outbox::write`] are there together or not
//!    at all: after a kill, after a full disk, after an error of the caller. Where committing itself fails, the batch
//!    may still appear whole after a restart; it never appears in part.
//! 3. **Gapless.** Payloads are numbered [`FIRST_SEQ`], `FIRST_SEQ + 1`, … A number is handed out again only if the
//!    write that used it did not commit. It never restarts, not even when the database file is destroyed.
//! 4. **Chained.** Each payload is built knowing the SHA-256 digest of the one before it ([`Next::previous`]).
//! 5. **Kept until acknowledged.** Nothing removes a payload but [`Batch::acknowledge`]. A queue that is full refuses
//!    new payloads, it never drops old ones.
//! 6. **Loss is reported, never silent.** Numbers whose payloads cannot be read any more appear in [`Outbox::losses`]
//!    until the caller settles them in the same write that records the gap.
//! 7. **No silent change.** A payload is handed out only if it still has the digest that it was stored with.
//! 8. **One owner.** A second open of the same queue, from this process or another, is refused.
//!
//! # Format
//!
//! `queue.db` (SQLite, WAL, `synchronous=FULL`, mode 0600), application id `0x504c4f42`, version in `user_version`:
//!
//! | Table | Holds |
//! |---|---|
//! | `item` | number, digest, time of enqueueing, payload: what waits |
//! | `receipt` | number, digest, bytes that the acknowledgement brought; the newest [`Limits::max_receipts`] |
//! | `note` | small named values of the caller |
//! | `head` | one row: the last number and its digest |
//! | `loss` | ranges of numbers that are lost and not yet settled |
//!
//! `queue.db-mark` is the high-water mark: two checksummed slots of one page each, written in turn and in place. A
//! write that appends first makes the mark durable ("committed up to *a*, about to commit up to *b*"), then commits.
//! So no committed number is ever above the mark. The file also carries the owner's lock.
//!
//! # Recovery
//!
//! Opening checks the structure (`PRAGMA integrity_check`), every digest and the agreement with the mark:
//!
//! | Found | Done |
//! |---|---|
//! | both files agree, or the mark names a write that did not commit | nothing |
//! | mark missing or unreadable, database sound | mark written anew |
//! | database older than the mark says is committed | its payloads kept, the missing numbers reported as lost |
//! | database missing, damaged or foreign | set aside as `queue.db.damaged-N`, never deleted; every payload that still has its digest is carried over, the rest is reported as lost; notes and receipts start empty |
//! | neither can be read | [`OutboxError::BeyondRecovery`]: starting again at 1 would contradict what was already sent |
//!
//! A number reported as lost may have reached its destination: it was only never acknowledged here.

mod batch;
mod error;
mod mark;
mod open;
mod queue;
mod schema;

pub use batch::{Batch, Next};
pub use error::OutboxError;
pub use queue::{Depth, Item, Limits, Loss, Outbox, Receipt, Settings};

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// The number of the first payload ever appended.
pub const FIRST_SEQ: u64 = 1;

/// What the first payload gets as the digest of the one before it.
pub const NO_PREVIOUS: Digest = [0; 32];

/// The most bytes that one note may hold.
pub const MAX_NOTE_BYTES: usize = 1024 * 1024;

fn digest_of(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}
