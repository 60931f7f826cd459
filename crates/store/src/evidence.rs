//! The evidence of a site: its log, the entries, the tiles over them, their publication, and what is wrong with them.
//!
//! Entries and tiles are only ever added: the runtime role holds no right to change or remove one. Everything that
//! appends first locks the site's log, so indices and sequence numbers have one writer at a time.

mod alarms;
mod entries;
mod log;
mod publication;
mod tiles;

pub use alarms::{Alarm, AlarmKind};
pub use entries::{Entry, EntryFilter, EntryKind, EntryRow, KnownEntry, Mention, NewEntry};
pub use log::{LogHead, Signer};
pub use publication::{LogSize, PublicationProgress, Unpublished};
pub use tiles::{NewTile, TileRow};
