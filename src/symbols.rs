//! Secrets as text: Crockford's base32 and two check symbols (C2, C3).
//!
//! Every line is worked on as lanes of bytes, with arithmetic and masks. No table is indexed by a secret
//! and no branch depends on one; that a line as a whole is bad is public and may be branched on.
//! `scripts/constant-time` checks it, and ARCHITECTURE.md says what `Public:` and `Shape:` mean.

use crate::secret::Wiped;

/// Up to 256 secret bits, zero behind the ones that are in use.
pub(crate) type Payload = Wiped<32>;

/// Why a line of symbols was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Alphabet,
    Check,
}

/// How a kind of secret is written: a leading symbol or none, the payload, and two check symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    lead: u8,
    bytes: u8,
    payload: u8,
    padding: u8,
    seed: u16,
}

impl Layout {
    /// The layout of `bytes` secret bytes (32 at most) whose check also stands over `context`.
    pub(crate) const fn new(lead: Lead, bytes: u8, context: &[u8]) -> Self {
        let bytes = if 32 < bytes { 32 } else { bytes };
        let bits = (bytes as u16) << 3;
        // At most 52 symbols for 256 bits.
        #[allow(clippy::cast_possible_truncation)]
        let payload = bits.div_ceil(5) as u8;
        let padding = !(u8::MAX << (payload as u16).saturating_mul(5).saturating_sub(bits));
        let lead = lead as u8;
        let layout = Self { lead, bytes, payload, padding, seed: 0 };

        let mut state = 1;
        let mut rest = context;
        while let [byte, tail @ ..] = rest {
            state = step(step(state, *byte as u16 >> 5), *byte as u16 & 31);
            rest = tail;
        }
        let mut left = layout.len();
        while 0 < left {
            state = step(state, 0);
            left = left.saturating_sub(1);
        }
        Self { seed: state, ..layout }
    }

    /// Secret bytes.
    pub(crate) const fn bytes(self) -> usize {
        self.bytes as usize
    }

    /// Symbols of the whole text.
    pub(crate) const fn len(self) -> usize {
        (self.lead as usize).saturating_add(self.payload as usize).saturating_add(2)
    }

    /// The text of a secret, at the end of a line.
    pub(crate) fn write(self, lead: u8, payload: &Payload) -> Line {
        let mut line = Wiped([0; Line::LANES]);
        let unpacked = unpacked(payload);
        if let Some((first, symbols)) = self.parts_mut(&mut line.0) {
            *first = lead & 31;
            symbols.iter_mut().zip(&unpacked.0).for_each(|(slot, value)| *slot = *value);
        }
        let check = self.seed ^ remainder(&line.0);
        let [.., high, low] = &mut line.0;
        [*high, *low] = halves(check);
        line.0.iter_mut().for_each(|lane| *lane = symbol(*lane));
        Line(line)
    }

    /// Reads a secret from a line that holds nothing else, and says what leads it.
    pub(crate) fn read(self, line: &mut Line, payload: &mut Payload) -> Result<u8, Fault> {
        let lanes = &mut line.0.0;
        // A fixed number of lanes, also empty ones, is decoded side by side. And in the parts that the division reads,
        // since a processor is slow to read what was written across them.
        let (outer, rest) = lanes.split_at_mut(16);
        let (inner, rest) = rest.split_at_mut(16);
        let (middle, back) = rest.split_at_mut(1);
        // What most codes leave empty is zero in any case.
        let wrong = if self.len() < Line::LANES.saturating_sub(16) {
            outer.fill(0);
            0
        } else {
            decode(outer)
        };
        // Public: whether all of it are symbols.
        if wrong | decode(inner) | decode(middle) | decode(back) != 0 {
            return Err(Fault::Alphabet);
        }
        // Public: whether its check fits.
        if remainder(lanes) != self.seed {
            return Err(Fault::Check);
        }
        let mut symbols = Wiped([0; 56]);
        let Some((first, found)) = self.parts_mut(lanes) else {
            return Err(Fault::Check);
        };
        symbols.0.iter_mut().zip(found.iter()).for_each(|(slot, value)| *slot = *value);
        // The check stands over the padding too: only a forger gets here with some of it set.
        // Public: that it is none.
        if found.last().is_some_and(|last| last & self.padding != 0) {
            return Err(Fault::Check);
        }
        pack(&symbols, payload);
        Ok(*first)
    }

    /// The leading symbol, which a layout without one leaves at zero, and the payload's symbols.
    fn parts_mut(self, lanes: &mut [u8; Line::LANES]) -> Option<(&mut u8, &mut [u8])> {
        let [body @ .., _, _] = lanes;
        let start = body.len().checked_sub(usize::from(self.payload))?;
        let (before, payload) = body.split_at_mut_checked(start)?;
        Some((before.last_mut()?, payload))
    }
}

/// Whether a text has a symbol before its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lead {
    None = 0,
    Symbol = 1,
}

/// A text that ends at the end of the lanes; zeros stand before it.
pub(crate) struct Line(Wiped<{ Line::LANES }>);

impl Line {
    /// The most bytes of a text.
    pub(crate) const ROOM: usize = 64;
    /// The first lane is always empty: the division takes 32 lanes, one lane, and 32 lanes.
    const LANES: usize = 65;

    /// A line without a text.
    pub(crate) const fn empty() -> Self {
        Self(Wiped([b'0'; Self::LANES]))
    }

    /// The line of a text of at most 64 bytes; what is longer loses its beginning.
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut line = Self::empty();
        line.put(text);
        line
    }

    /// Writes such a text into an empty line. A line that was just written is slow to move, so it is better made where
    /// it is read.
    #[inline]
    pub(crate) fn put(&mut self, text: &[u8]) {
        let (_, text) = text.split_at(text.len().saturating_sub(Self::ROOM));
        let (_, tail) = self.0.0.split_at_mut(Self::LANES.saturating_sub(text.len()));
        // Shape: where it began in what was pasted.
        tail.copy_from_slice(text);
    }

    /// Empties what stands before the last `len` bytes.
    pub(crate) fn keep_tail(&mut self, len: usize) {
        self.0.0.iter_mut().rev().skip(len).for_each(|lane| *lane = b'0');
    }

    /// The last `len` bytes as text.
    pub(crate) fn tail(&self, len: usize) -> &str {
        let start = Self::LANES.saturating_sub(len);
        // Shape: that symbols are ASCII.
        self.0.0.get(start..).and_then(|tail| std::str::from_utf8(tail).ok()).unwrap_or_default()
    }
}

/// The remainder of 64 symbols as a polynomial over GF(32), divided by x² + x + 3.
///
/// The generator is primitive, so x has the order 1023 and no power of it below the 33rd is a
/// constant: one wrong symbol, a swap of neighbours, and two wrong symbols fewer than 33 places
/// apart always leave a remainder.
///
/// Division is linear, so each bit of each place adds a constant of its own and all places are summed
/// at once. It takes constants for 32 places only, since x³³ is 3 and x³² is x + 1.
fn remainder(lanes: &[u8; Line::LANES]) -> u16 {
    let (front, rest) = lanes.split_at(32);
    let (middle, back) = rest.split_at(1);
    let mut sums = Wiped([0; 32]);
    for (sum, (upper, lower)) in sums.0.iter_mut().zip(front.iter().zip(back)) {
        *sum = tripled(*upper) ^ lower;
    }
    let middle = middle.first().copied().unwrap_or_default();
    let (mut highs, mut lows) = ([0; 32], [0; 32]);
    for (bit, (upper, lower)) in WEIGHTS.iter().enumerate() {
        let adding = highs.iter_mut().zip(&mut lows).zip(upper.iter().zip(lower));
        for (sum, ((high, low), (upper, lower))) in sums.0.iter().zip(adding) {
            let mask = spread(sum >> bit & 1);
            *high ^= upper & mask;
            *low ^= lower & mask;
        }
    }
    let added = |lanes: [u8; 32]| u16::from(lanes.iter().fold(middle, |sum, lane| sum ^ lane));
    added(highs) << 5 | added(lows)
}

/// What each of the five bits of the last 32 places adds to the remainder: upper and lower five bits.
static WEIGHTS: [([u8; 32], [u8; 32]); 5] = [weights(1), weights(2), weights(4), weights(8), weights(16)];

const fn weights(symbol: u16) -> ([u8; 32], [u8; 32]) {
    let (mut upper, mut lower) = ([0; 32], [0; 32]);
    let mut state = symbol;
    let (mut above, mut below): (&mut [u8], &mut [u8]) = (&mut upper, &mut lower);
    while let ([rest_above @ .., high], [rest_below @ .., low]) = (above, below) {
        [*high, *low] = halves(state);
        (above, below) = (rest_above, rest_below);
        state = step(state, 0);
    }
    (upper, lower)
}

/// Three times a symbol, which is itself and its double.
const fn tripled(symbol: u8) -> u8 {
    symbol ^ (symbol << 1 & 31) ^ spread(symbol >> 4) & 0b0_0101
}

/// Multiplies the remainder by x and adds a symbol: h·x² is h·x + 3·h. GF(32) is GF(2)\[t\] by t⁵ + t² + 1.
const fn step(state: u16, symbol: u16) -> u16 {
    let [high, low] = halves(state);
    ((low ^ high) as u16) << 5 | tripled(high) as u16 ^ symbol
}

/// The upper and the lower five bits of a remainder.
const fn halves(state: u16) -> [u8; 2] {
    ((state >> 5) << 8 | state & 31).to_be_bytes()
}

/// Turns symbols into their values; 1 if any of them has none, otherwise 0.
#[inline]
fn decode(lanes: &mut [u8]) -> u8 {
    let mut wrong = 0;
    for lane in lanes {
        let (value, invalid) = value(*lane);
        *lane = value;
        wrong |= invalid;
    }
    wrong
}

/// The symbol for a value below 32, in upper case.
#[inline]
fn symbol(value: u8) -> u8 {
    // Letters start 7 behind the digits; I, L, O and U are left out.
    value
        .wrapping_add(b'0')
        .wrapping_add(over(value, 9).wrapping_neg() & 7)
        .wrapping_add(over(value, 17))
        .wrapping_add(over(value, 19))
        .wrapping_add(over(value, 21))
        .wrapping_add(over(value, 26))
}

/// The value of a symbol in either case, and 1 beside it if there is none, otherwise 0.
#[inline]
fn value(symbol: u8) -> (u8, u8) {
    let digit = symbol.wrapping_sub(b'0');
    let letter = (symbol & 0xDF).wrapping_sub(b'A');
    let (no_digit, no_letter) = (over(digit, 9), over(letter, 25));
    // I, L, O and U are the letters 8, 11, 14 and 20: each is over the one before it, and not over itself.
    let (i, l, o, u) = (over(letter, 8), over(letter, 11), over(letter, 14), over(letter, 20));
    let is_i = over(letter, 7).wrapping_sub(i);
    let is_l = over(letter, 10).wrapping_sub(l);
    let is_o = over(letter, 13).wrapping_sub(o);
    let is_u = over(letter, 19).wrapping_sub(u);
    let left_out = i.wrapping_add(l).wrapping_add(o).wrapping_add(u);
    let plain = letter.wrapping_add(10).wrapping_sub(left_out);
    let is_one = is_i | is_l;
    let of_letter = plain & unless(is_one | is_o) | is_one;
    let value = digit & unless(no_digit) | of_letter & unless(no_letter);
    (value, no_digit & (no_letter | is_u))
}

/// 1 if `a > b`, otherwise 0; processors saturate and take minima without a branch.
#[inline]
fn over(a: u8, b: u8) -> u8 {
    a.saturating_sub(b).min(1)
}

/// A mask: nothing for 1, everything for 0.
#[inline]
fn unless(bit: u8) -> u8 {
    bit.wrapping_sub(1)
}

/// 255 if the byte is no letter and no digit, otherwise 0.
pub(crate) const fn not_alphanumeric(byte: u8) -> u8 {
    outside(byte, b'0', b'9') & outside(byte & 0xDF, b'A', b'Z')
}

/// 255 if `byte` is not between two bytes of ASCII, otherwise 0.
pub(crate) const fn outside(byte: u8, low: u8, high: u8) -> u8 {
    spread((byte.wrapping_sub(low) | high.wrapping_sub(byte)) >> 7)
}

/// A mask of eight equal bits from one bit.
const fn spread(bit: u8) -> u8 {
    0_u8.wrapping_sub(bit)
}

/// Five bytes become eight values of five bits; 32 bytes become 52 values, and zeros.
fn unpacked(payload: &Payload) -> Wiped<56> {
    let mut values = Wiped([0; 56]);
    for (eight, five) in values.0.chunks_exact_mut(8).zip(payload.0.chunks(5)) {
        let mut bytes = [0; 8];
        bytes.iter_mut().skip(3).zip(five).for_each(|(slot, byte)| *slot = *byte);
        // Halves move apart, and halves of these, until each value has a byte.
        let bits = u64::from_be_bytes(bytes);
        let bits = (bits & 0xFF_FFF0_0000) << 12 | bits & 0xF_FFFF;
        let bits = (bits & 0x000F_FC00_000F_FC00) << 6 | bits & 0x0000_03FF_0000_03FF;
        let bits = (bits & 0x03E0_03E0_03E0_03E0) << 3 | bits & 0x001F_001F_001F_001F;
        eight.copy_from_slice(&bits.to_be_bytes());
    }
    values
}

/// Eight values of five bits become five bytes; what is more than 32 bytes is dropped.
fn pack(values: &Wiped<56>, payload: &mut Payload) {
    for (five, eight) in payload.0.chunks_mut(5).zip(values.0.chunks_exact(8)) {
        // Neighbours move together, and pairs of these, until all stand in a row.
        let bits = u64::from_be_bytes(eight.try_into().unwrap_or_default());
        let bits = (bits & 0x1F00_1F00_1F00_1F00) >> 3 | bits & 0x001F_001F_001F_001F;
        let bits = (bits & 0x03FF_0000_03FF_0000) >> 6 | bits & 0x0000_03FF_0000_03FF;
        let bits = (bits & 0x000F_FFFF_0000_0000) >> 12 | bits & 0xF_FFFF;
        five.iter_mut().zip(bits.to_be_bytes().iter().skip(3)).for_each(|(slot, byte)| *slot = *byte);
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests {
    use super::*;

    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// C2: the alphabet is Crockford's, in either case, with its look-alikes and nothing else.
    #[test]
    fn every_byte_is_a_symbol_a_look_alike_or_refused() {
        for byte in 0..=255_u8 {
            let folded = match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            let (value, invalid) = value(byte);
            match ALPHABET.iter().position(|s| *s == folded) {
                Some(place) => assert_eq!((usize::from(value), invalid), (place, 0)),
                None => assert_eq!(invalid, 1),
            }
            assert_eq!(not_alphanumeric(byte) == 0, byte.is_ascii_alphanumeric());
        }
        for (place, wanted) in (0..).zip(ALPHABET) {
            assert_eq!(symbol(place), *wanted);
        }
    }

    fn times(a: u16, b: u16) -> u16 {
        let product = (0..5).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ a << bit);
        (5..9).rev().fold(product, |p, bit| if p >> bit & 1 == 1 { p ^ 0b10_0101 << (bit - 5) } else { p })
    }

    /// C2: GF(32) is a field, its constants are right, and the generator is primitive over it.
    #[test]
    fn the_generator_is_primitive() {
        assert!((1..32).all(|a| (1..32).any(|b| times(a, b) == 1)), "every element has an inverse");
        for (symbol, wanted) in (0..32).map(|symbol| (symbol, times(3, u16::from(symbol)))) {
            assert_eq!(u16::from(tripled(symbol)), wanted);
            assert_eq!(step(u16::from(symbol) << 5, 0), u16::from(symbol) << 5 | wanted);
        }
        let mut state = step(1, 0);
        let mut order = 1;
        while state != 1 {
            state = step(state, 0);
            order += 1;
        }
        assert_eq!(order, 1023);
    }

    /// C2: checked over every pair of places and every pair of errors that a line can have.
    #[test]
    fn one_wrong_symbol_and_two_near_ones_always_leave_a_remainder() {
        let at = |place: usize, error: u8| {
            let mut lanes = [0; Line::LANES];
            lanes[place] = error;
            remainder(&lanes)
        };
        let table: Vec<Vec<u16>> =
            (0..Line::LANES).map(|place| (0..32).map(|error| at(place, error)).collect()).collect();
        for first in 0..Line::LANES {
            for error in 1..32 {
                assert_ne!(table[first][error], 0);
                for second in first + 1..Line::LANES.min(first + 33) {
                    // A swap of neighbours is the case of two equal errors one place apart.
                    assert!((1..32).all(|other| table[first][error] != table[second][other]));
                }
            }
        }
    }

    /// C2: the sum of constants is the same as the division, symbol by symbol.
    #[test]
    fn the_remainder_is_that_of_a_division() {
        let mut lanes = [0; Line::LANES];
        for (place, lane) in lanes.iter_mut().enumerate() {
            *lane = u8::try_from(place * 7 % 32).unwrap_or(0);
        }
        let divided = lanes.iter().fold(0, |state, lane| step(state, u16::from(*lane)));
        assert_eq!(remainder(&lanes), divided);
    }

    /// C2: what is written is read again, for every size, and padding is checked.
    #[test]
    fn every_size_round_trips() {
        for bytes in 16..=32 {
            let layout = Layout::new(Lead::Symbol, bytes, b"eu1");
            let mut payload = Wiped([0; 32]);
            for (place, byte) in (0..bytes).zip(&mut payload.0) {
                *byte = place.wrapping_mul(37).wrapping_add(200);
            }
            let mut line = layout.write(31, &payload);
            let text = line.tail(layout.len()).to_owned();
            assert_eq!(text.len(), 3 + (usize::from(bytes) * 8).div_ceil(5));
            let mut back = Wiped([0; 32]);
            assert_eq!(layout.read(&mut line, &mut back), Ok(31));
            assert_eq!(back.0, payload.0);

            let other = Layout::new(Lead::Symbol, bytes, b"eu2");
            assert_eq!(other.read(&mut Line::new(text.as_bytes()), &mut back), Err(Fault::Check));
        }
    }

    /// C2: a forged text with padding that is not zero is refused although its check is right.
    #[test]
    fn padding_that_is_set_is_refused() {
        let layout = Layout::new(Lead::Symbol, 16, b"");
        let mut lanes = [0; Line::LANES];
        lanes[62] = 1;
        let check = layout.seed ^ remainder(&lanes);
        lanes[63] = u8::try_from(check >> 5).unwrap_or(0);
        lanes[64] = u8::try_from(check & 31).unwrap_or(0);
        let text = lanes.map(symbol);
        let read = layout.read(&mut Line::new(&text[1..]), &mut Wiped([0; 32]));
        assert_eq!(read, Err(Fault::Check));
    }
}
