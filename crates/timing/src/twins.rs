//! Leaky twins: what this library could have been. Each is the shortest way to do the job, and both tools must catch it.
//!
//! What is marked as public here is marked so on purpose: a comparison of slices leaks also where only its last bit is
//! looked at, and must be caught there.

use std::{collections::HashMap, hash::BuildHasher};

/// Decodes symbols by a table, whose lines are in the cache or not.
#[inline(never)]
#[must_use]
pub fn decode_by_table(symbols: &[u8]) -> u64 {
    symbols
        .iter()
        .fold(0, |sum, symbol| sum.rotate_left(5) ^ u64::from(*TABLE.get(usize::from(*symbol)).unwrap_or(&0)))
}

/// Writes values of five bits by a table.
#[inline(never)]
#[must_use]
pub fn encode_by_table(values: &[u8]) -> String {
    values.iter().map(|value| char::from(*ALPHABET.get(usize::from(value & 31)).unwrap_or(&b'0'))).collect()
}

/// Refuses at the first symbol that is none.
#[inline(never)]
#[must_use]
pub fn refused_at_first(symbols: &[u8]) -> Option<usize> {
    symbols.iter().position(|symbol| !symbol.is_ascii_alphanumeric() || matches!(symbol, b'U' | b'u'))
}

/// Compares byte by byte, up to the first that differs.
#[inline(never)]
#[must_use]
pub fn same_up_to_first(one: &[u8], other: &[u8]) -> bool {
    for (one, other) in one.iter().zip(other) {
        if one != other {
            return false;
        }
    }
    true
}

/// Compares slices as everybody does.
#[inline(never)]
#[must_use]
pub fn same_slices(one: &[u8], other: &[u8]) -> bool {
    // Public: nothing, although it says so: who calls `memcmp` is caught here too.
    one == other
}

/// Looks a secret up as the key of a map.
#[inline(never)]
pub fn found_in_map<S: BuildHasher>(map: &HashMap<[u8; 32], u32, S>, secret: &[u8; 32]) -> Option<u32> {
    map.get(secret).copied()
}

/// Mixes a secret as numbers are: without the zeros before it.
#[inline(never)]
#[must_use]
pub fn mixed_as_number(secret: &[u8]) -> u64 {
    let digits = secret.iter().skip_while(|byte| **byte == 0);
    digits.fold(0, |sum, byte| sum.wrapping_mul(0x0100_0000_01B3) ^ u64::from(*byte))
}

/// Mixes a key bit by bit: where it has a one, something is done.
#[inline(never)]
#[must_use]
pub fn mixed_bit_by_bit(key: &[u8]) -> u64 {
    let mut sum = 1_u64;
    for byte in key {
        for bit in 0..8 {
            sum = sum.wrapping_mul(sum);
            if byte >> bit & 1 == 1 {
                sum = std::hint::black_box(sum.wrapping_mul(3));
            }
        }
    }
    sum
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static TABLE: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [255; 256];
    let mut value = 0_u8;
    let mut rest: &[u8] = ALPHABET;
    while let [symbol, tail @ ..] = rest {
        let (_, from) = table.split_at_mut(*symbol as usize);
        if let [slot, ..] = from {
            *slot = value;
        }
        value = if value < 31 { value.wrapping_add(1) } else { 0 };
        rest = tail;
    }
    table
}
