//! Every accepted note, key and checkpoint has exactly the spelling that was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proofline_evidence::note::{Checkpoint, Note, NoteKey};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        let _ = Checkpoint::parse_text(note.text());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(key) = text.parse::<NoteKey>() {
            assert_eq!(key.to_string(), text);
        }
        if let Ok(checkpoint) = Checkpoint::parse_text(text) {
            assert_eq!(checkpoint.to_text(), text);
        }
    }
});
