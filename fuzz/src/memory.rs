//! The store in memory against the pure rules (S1): commands that the bytes choose.

use inquiry_otl::{
    MemoryStore,
    blocking::{BlockOn as _, ParkThread},
    conformance::{Fresh, comparing},
};

/// Gives the store the commands that the bytes choose, and compares each answer and what is kept in the end.
pub fn run(input: &[u8]) {
    ParkThread.block_on(comparing::chosen_commands_agree_with_the_rules(&Fresh(MemoryStore::new), input));
}
