//! Base64 with one spelling: the standard alphabet, padding required, no stray bits, no white space.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Defect, Reason};

/// Writes canonical base64 (RFC 4648, section 4).
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64 and refuses every text that [`encode`] would not have written.
pub fn decode(text: &str) -> Result<Vec<u8>, Defect> {
    STANDARD.decode(text).map_err(|_| Defect::new(Reason::Base64, "not canonical base64"))
}

/// Reads base64 of exactly `N` bytes; another length is `reason`.
pub fn decode_array<const N: usize>(text: &str, reason: Reason) -> Result<[u8; N], Defect> {
    decode(text)?.try_into().map_err(|_| Defect::new(reason, format!("expected {N} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_read() {
        assert_eq!(decode("").expect("empty"), b"");
        assert_eq!(decode("Zm9vYg==").expect("rfc 4648, section 10"), b"foob");
        for bad in [
            "Zm9vYg",
            "Zm9vYg=",
            "Zm9vYh==",
            "Zm9vYg===",
            "Zm9vYg==\n",
            " Zm9v",
            "Zm_v",
            "Zm9v=",
            "=",
            "Zg==Zg==",
        ] {
            assert_eq!(decode(bad).expect_err(bad).reason, Reason::Base64, "{bad:?}");
        }
    }
}
