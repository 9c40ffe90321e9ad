//! SHA-256 and HMAC for messages that are at hand as a whole: no buffer, no copy of one, and no more around a compression
//! than padding.

use sha2::block_api::compress256;
use zeroize::Zeroize;

use crate::secret::Wiped;

const BLOCK: usize = 64;
/// The most bytes of a message that leave room for its padding in one block.
pub(super) const ONE: usize = BLOCK - 9;

/// What SHA-256 knows after whole blocks; as secret as what it was made of.
struct State([u32; 8]);

impl Drop for State {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl State {
    const fn start() -> Self {
        Self([
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ])
    }

    /// This after the whole message, of which `taken` bytes were taken before.
    #[inline]
    fn after(&self, taken: usize, message: &[u8]) -> Self {
        let mut state = Self(self.0);
        let mut blocks = message.chunks_exact(BLOCK);
        for block in &mut blocks {
            state.take(block.first_chunk().unwrap_or(&[0; BLOCK]));
        }
        let rest = blocks.remainder();
        let mut last = Wiped([0; BLOCK]);
        if let Some((front, _)) = last.0.split_at_mut_checked(rest.len()) {
            copy(front, rest);
        }
        let len = taken.saturating_add(message.len());
        if ONE < rest.len() {
            mark(&mut last.0, rest.len());
            state.take(&last.0);
            last = Wiped([0; BLOCK]);
            state.end(&mut last.0, len);
        } else {
            mark(&mut last.0, rest.len());
            state.end(&mut last.0, len);
        }
        state
    }

    /// Takes the last block, once the length of the whole is written into it.
    #[inline]
    fn end(&mut self, last: &mut [u8; BLOCK], len: usize) {
        if let Some(end) = last.last_chunk_mut() {
            *end = (len as u64).wrapping_mul(8).to_be_bytes();
        }
        self.take(last);
    }

    /// By reference: a copy of a block would be a copy of a secret.
    #[inline]
    fn take(&mut self, block: &[u8; BLOCK]) {
        compress256(&mut self.0, std::slice::from_ref(block));
    }

    fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            slot.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

/// Copies a secret into a place of its length. Most have 20 bytes, which the compiler copies without a call.
#[inline]
pub(super) fn copy(place: &mut [u8], secret: &[u8]) {
    match (<&mut [u8; 20]>::try_from(&mut *place), <&[u8; 20]>::try_from(secret)) {
        (Ok(place), Ok(secret)) => *place = *secret,
        _ => place.copy_from_slice(secret),
    }
}

/// The bit that follows a message.
#[inline]
fn mark(block: &mut [u8; BLOCK], len: usize) {
    if let Some(end) = block.get_mut(len) {
        *end = 0x80;
    }
}

/// SHA-256 of a message.
#[inline]
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    State::start().after(0, message).bytes()
}

/// SHA-256 of a message of at most 55 bytes that stands in a block already, with zeros behind it.
#[inline]
pub(crate) fn sha256_in_place(block: &mut Wiped<BLOCK>, len: usize) -> [u8; 32] {
    let mut state = State::start();
    mark(&mut block.0, len);
    state.end(&mut block.0, len);
    state.bytes()
}

/// HMAC-SHA256 that has taken its pads: a use costs the compressions of the message, and one.
pub(crate) struct Mac {
    inner: State,
    outer: State,
}

impl Mac {
    /// Takes a key that is padded with zeros to its block.
    pub(crate) fn new(key: &[u8; BLOCK]) -> Self {
        let padded = |pad: u8| {
            let block = Wiped(key.map(|byte| byte ^ pad));
            let mut state = State::start();
            state.take(&block.0);
            state
        };
        Self { inner: padded(0x36), outer: padded(0x5C) }
    }

    /// The code of a message.
    #[inline]
    pub(crate) fn of(&self, message: &[u8]) -> [u8; 32] {
        let inner = Wiped(self.inner.after(BLOCK, message).bytes());
        self.outer.after(BLOCK, &inner.0).bytes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use hmac::{Hmac, KeyInit, Mac as _};
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;

    proptest! {
        /// C7: whatever the length of a message, its hash is what the library makes of it as a whole.
        #[test]
        fn a_hash_is_that_of_the_library(message in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(sha256(&message), <[u8; 32]>::from(Sha256::digest(&message)));
        }

        /// C7: and so is its code under a key.
        #[test]
        fn a_code_is_that_of_the_library(
            key in proptest::array::uniform32(any::<u8>()),
            message in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut block = [0; BLOCK];
            block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = byte);
            let expected = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(&message).finalize();
            prop_assert_eq!(Mac::new(&block).of(&message), <[u8; 32]>::from(expected.into_bytes()));
        }
    }

    /// C7: where the padding moves to another block, the hash stays right.
    #[test]
    fn every_length_around_a_block_is_padded() {
        for len in 0..=3 * BLOCK {
            let message = vec![7; len];
            assert_eq!(sha256(&message), <[u8; 32]>::from(Sha256::digest(&message)), "{len}");
        }
    }
}
