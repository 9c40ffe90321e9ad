//! What leaks, with a secret of its own: in the place of each path.

use std::collections::HashMap;

use inquiry_otl_evidence::valgrind::secret;
use inquiry_otl_timing::twins;

pub(super) fn table_twin() {
    let text = String::from("7YJY7NTT17M4SKPG1YCQKT42K6VP2ZCMCR3");
    std::hint::black_box(twins::decode_by_table(secret(text.as_bytes())));
}

pub(super) fn refusing_twin() {
    let text = String::from("7YJY7NTT17M4SKPG1YCQuT42K6VP2ZCMCR3");
    std::hint::black_box(twins::refused_at_first(secret(text.as_bytes())));
}

pub(super) fn writing_twin() {
    std::hint::black_box(twins::encode_by_table(secret(&[3_u8, 30, 17, 31])));
}

pub(super) fn number_twin() {
    std::hint::black_box(twins::mixed_as_number(secret(&[0_u8, 0, 17, 31])));
}

pub(super) fn bits_twin() {
    std::hint::black_box(twins::mixed_bit_by_bit(secret(&[0x5A_u8; 32])));
}

pub(super) fn map_twin() {
    let digest = [0x5A_u8; 32];
    let map = HashMap::from([(digest, 1)]);
    std::hint::black_box(twins::found_in_map(&map, secret(&digest)));
}

pub(super) fn slices_twin() {
    let digest = [0x5A_u8; 32];
    // Of a length that the compiler does not know, or it would compare all of it at once.
    let other = std::hint::black_box(digest.to_vec());
    std::hint::black_box(twins::same_slices(secret(&digest), &other));
}

pub(super) fn early_twin() {
    let (digest, other) = ([0x5A_u8; 32], [0x5B_u8; 32]);
    std::hint::black_box(twins::same_up_to_first(secret(&digest), &other));
}
