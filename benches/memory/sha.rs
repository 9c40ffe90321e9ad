//! SHA-256, HMAC and base32 of the floor: one compression at a time, and no more around it than padding.

use sha2::block_api::compress256;

const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// One block: the tag, the tenant and a zero, then the secret.
pub(crate) fn hash_tagged(tag: [u8; 3], secret: &[u8; 20]) -> [u8; 32] {
    let mut message = [0; 31];
    message[..3].copy_from_slice(&tag);
    message[3..10].copy_from_slice(b"default");
    message[11..].copy_from_slice(secret);
    let mut state = START;
    last(&mut state, &message, 0);
    bytes(state)
}

/// HMAC whose pads are taken already.
pub(crate) struct Mac {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Mac {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let padded = |pad: u8| {
            let mut block = [pad; 64];
            block.iter_mut().zip(key).for_each(|(slot, byte)| *slot ^= byte);
            let mut state = START;
            compress256(&mut state, &[block]);
            state
        };
        Self { inner: padded(0x36), outer: padded(0x5c) }
    }

    pub(crate) fn of_one_block(&self, message: &[u8; 20]) -> [u8; 32] {
        let mut state = self.inner;
        last(&mut state, message, 64);
        self.finish(state)
    }

    pub(crate) fn of_two_blocks(&self, message: &[u8; 63]) -> [u8; 32] {
        let mut blocks = [[0; 64]; 2];
        blocks[0][..63].copy_from_slice(message);
        blocks[0][63] = 0x80;
        blocks[1][56..].copy_from_slice(&((64 + 63) * 8_u64).to_be_bytes());
        let mut state = self.inner;
        compress256(&mut state, &blocks);
        self.finish(state)
    }

    fn finish(&self, inner: [u32; 8]) -> [u8; 32] {
        let mut state = self.outer;
        last(&mut state, &bytes(inner), 64);
        bytes(state)
    }
}

/// The last block of a message of which `before` bytes are taken.
fn last(state: &mut [u32; 8], rest: &[u8], before: u64) {
    let mut block = [0; 64];
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()] = 0x80;
    block[56..].copy_from_slice(&((before + rest.len() as u64) * 8).to_be_bytes());
    compress256(state, &[block]);
}

fn bytes(state: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.chunks_exact_mut(4).zip(state).for_each(|(slot, word)| slot.copy_from_slice(&word.to_be_bytes()));
    bytes
}

/// Five bytes become eight symbols of Crockford's base32, without a branch or a table.
pub(crate) fn encode(bytes: &[u8], text: &mut [u8]) {
    for (eight, five) in text.chunks_mut(8).zip(bytes.chunks(5)) {
        let mut wide = [0; 8];
        wide[3..3 + five.len()].copy_from_slice(five);
        let bits = u64::from_be_bytes(wide);
        eight.iter_mut().enumerate().for_each(|(n, slot)| *slot = (bits >> (35 - 5 * n)) as u8 & 31);
    }
    for value in text {
        let above = |limit: u8| limit.wrapping_sub(*value) >> 7;
        *value += b'0' + above(9) * 7 + above(17) + above(19) + above(21) + above(26);
    }
}

/// And back, for symbols in upper case.
pub(crate) fn decode(text: &[u8]) -> Option<[u8; 20]> {
    let text: &[u8; 32] = text.try_into().ok()?;
    let mut wrong = 0;
    let values = text.map(|symbol| {
        let above = |limit: u8| limit.wrapping_sub(symbol) >> 7;
        let value = symbol.wrapping_sub(b'0').wrapping_sub(above(b'9') * 7);
        let value = value.wrapping_sub(above(b'I') + above(b'L') + above(b'O') + above(b'U'));
        wrong |= 31_u8.wrapping_sub(value);
        value
    });
    let mut bytes = [0; 20];
    for (five, eight) in bytes.chunks_exact_mut(5).zip(values.chunks_exact(8)) {
        let bits = eight.iter().fold(0, |bits, value| bits << 5 | u64::from(*value));
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    (wrong >> 7 == 0).then_some(bytes)
}
