//! What fuzzing found.

use proofline_core::{SeededEntropy, Timestamp};
use proofline_server::parsers::{device_account, device_cookie};

#[test]
fn the_cookie_of_a_browser_has_one_spelling() {
    let (key, account, now) = ([9; 32], [0xAB; 32], Timestamp::UNIX_EPOCH);
    let cookie = device_cookie(&key, account, now, &SeededEntropy::new(3));
    assert_eq!(device_account(&key, &cookie, now), Some(account));
    let shouted = cookie.replace(&"ab".repeat(32), &"AB".repeat(32));
    assert_ne!(shouted, cookie);
    assert_eq!(device_account(&key, &shouted, now), None);
}
