//! Keys and their ring.

use inquiry_otl::{Key, KeyError, KeyId, KeySet, Keyring, Timestamp};
use proptest::prelude::*;

fn id(number: u8) -> KeyId {
    KeyId::new(number).unwrap()
}

/// C2: a key's number is a symbol of the code other than that for *no key*.
#[test]
fn a_key_has_a_number_from_1_to_31() {
    for number in 0..=255 {
        assert_eq!(KeyId::new(number).is_ok(), (1..=31).contains(&number));
    }
    assert_eq!(id(31).to_string(), "31");
}

/// C7: a key is 32 to 64 bytes that somebody drew.
#[test]
fn a_key_that_is_short_long_or_not_random_is_refused() {
    let bytes: Vec<u8> = (0..65).collect();
    assert_eq!(Key::new(id(1), &bytes[..31]).err(), Some(KeyError::TooShort));
    assert!(Key::new(id(1), &bytes[..32]).is_ok());
    assert!(Key::new(id(1), &bytes[..64]).is_ok());
    assert_eq!(Key::new(id(1), &bytes).err(), Some(KeyError::TooLong));
    for byte in [0, 7, 255] {
        assert_eq!(Key::new(id(1), &[byte; 32]).err(), Some(KeyError::NotRandom));
    }
    let mut last = [0; 32];
    last[31] = 1;
    assert!(Key::new(id(1), &last).is_ok());
}

/// C7: a key from the environment is hexadecimal digits.
#[test]
fn a_key_is_read_from_hexadecimal_digits() {
    assert!(Key::from_hex(id(1), &"0f".repeat(32)).is_err());
    assert!(Key::from_hex(id(1), &"0123456789abcdefABCDEF".repeat(3)[..64]).is_ok());
    assert_eq!(Key::from_hex(id(1), &"01".repeat(31)).err(), Some(KeyError::TooShort));
    assert_eq!(Key::from_hex(id(1), &"01".repeat(65)).err(), Some(KeyError::TooLong));
    assert_eq!(Key::from_hex(id(1), &"0".repeat(65)).err(), Some(KeyError::NotHex));
    assert_eq!(Key::from_hex(id(1), &"0g".repeat(32)).err(), Some(KeyError::NotHex));
    assert_eq!(Key::from_hex(id(1), &"01".repeat(1 << 19)).err(), Some(KeyError::TooLong));
}

/// C7: a code names one key, so a ring has each number once.
#[test]
fn a_ring_has_each_number_once() {
    let ring = || Keyring::new(Key::random(id(1)));
    assert_eq!(ring().with_retiring(Key::random(id(1))).err(), Some(KeyError::DuplicateId));
    let two = ring().with_retiring(Key::random(id(2))).unwrap();
    assert_eq!(two.key_set(), [id(2), id(1)].into_iter().collect());
    assert_eq!(two.key_set(), [id(2), id(1), id(2)].into_iter().collect());
    assert_eq!(two.with_retiring(Key::random(id(2))).err(), Some(KeyError::DuplicateId));
}

/// C4: a ring and its keys print numbers and dates only.
#[test]
fn debug_shows_no_key() {
    let key = || Key::from_hex(id(1), &"0123456789abcdef".repeat(4)).unwrap();
    assert_eq!(format!("{:?}", key()), "Key([redacted])");
    let ring = Keyring::new(key()).with_retiring(Key::random(id(3))).unwrap();
    assert_eq!(
        format!("{:?}", ring.accept_unkeyed_until(Timestamp::MIN)),
        "Keyring { current: KeyId(1), retiring: {3}, unkeyed_until: Some(1970-01-01T00:00:00.000000Z) }"
    );
}

proptest! {
    /// C7: a set of keys survives being kept as bits.
    #[test]
    fn a_key_set_is_its_bits(bits in any::<u32>()) {
        let set = KeySet::from_bits(bits);
        prop_assert_eq!(set.bits(), bits & !1);
        let again: KeySet = (1..=31).map(id).filter(|id| set.contains(*id)).collect();
        prop_assert_eq!(again, set);
    }

    /// C7: whatever comes in, a key is read or refused without a panic.
    #[test]
    fn no_text_makes_a_key_panic(text in any::<String>(), near in "[0-9a-fA-Fé]{60,130}") {
        let _ = Key::from_hex(id(1), &text);
        let _ = Key::from_hex(id(1), &near);
        let _ = Key::new(id(1), near.as_bytes());
    }
}

/// C7: what a row keeps of a derived code is data.
#[cfg(feature = "serde")]
#[test]
fn a_derivation_is_read_through_its_constructors() {
    use inquiry_otl::{Derivation, Nonce};

    let derivation = Derivation { key: id(3), nonce: Nonce::from_bytes([0x1F; 16]) };
    let text = format!(r#"{{"key":3,"nonce":"{}"}}"#, "1f".repeat(16));
    assert_eq!(serde_json::to_string(&derivation).unwrap(), text);
    assert_eq!(serde_json::from_str::<Derivation>(&text).unwrap(), derivation);
    assert!(serde_json::from_str::<Derivation>(&text.replace('3', "32")).is_err());
    assert!(serde_json::from_str::<Nonce>("\"1f\"").is_err());
}

/// C7, L5: a ring tells which key is current, and a store gets back the nonce that it kept.
#[test]
fn what_is_kept_of_a_ring_is_told() {
    let ring = Keyring::new(crate::support::key(3)).with_retiring(crate::support::key(1)).unwrap();
    assert_eq!((ring.current(), ring.key_set()), (id(3), [id(1), id(3)].into_iter().collect()));
    let bytes = std::array::from_fn(|n| u8::try_from(n).unwrap());
    assert_eq!(inquiry_otl::Nonce::from_bytes(bytes).as_bytes(), &bytes);
}
