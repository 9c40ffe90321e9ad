//! Hexadecimal digits, read without a table or a branch on their values, since keys come so (C3).

use std::fmt;

use crate::symbols::outside;

/// Writes bytes as hexadecimal digits in lower case.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why hexadecimal digits were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the right number of hexadecimal digits")]
pub(crate) struct NotHex;

/// Reads two digits in either case for every byte of `bytes`, neither more nor fewer.
pub(crate) fn read_into(text: &str, bytes: &mut [u8]) -> Result<(), NotHex> {
    if text.len() != bytes.len().saturating_mul(2) {
        return Err(NotHex);
    }
    let mut wrong = 0;
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = 0;
        for digit in pair {
            let (value, invalid) = nibble(*digit);
            *byte = *byte << 4 | value;
            wrong |= invalid;
        }
    }
    // Public: whether all are digits.
    if wrong == 0 { Ok(()) } else { Err(NotHex) }
}

/// Reads the hexadecimal digits of an array.
#[cfg(any(feature = "serde", test))]
pub(crate) fn read<const N: usize>(text: &str) -> Result<[u8; N], NotHex> {
    let mut bytes = [0; N];
    read_into(text, &mut bytes).map(|()| bytes)
}

/// The value of a digit, and 255 beside it if there is none.
pub(crate) const fn nibble(digit: u8) -> (u8, u8) {
    let upper = digit & 0xDF;
    let decimal = !outside(digit, b'0', b'9');
    let letter = !outside(upper, b'A', b'F');
    let value = digit.wrapping_sub(b'0') & decimal | upper.wrapping_sub(b'A' - 10) & letter;
    (value, !(decimal | letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read_as_its_digit_or_refused() {
        for byte in 0..=255_u8 {
            let (value, invalid) = nibble(byte);
            match char::from(byte).to_digit(16) {
                Some(digit) => assert_eq!((u32::from(value), invalid), (digit, 0)),
                None => assert_eq!(invalid, 255),
            }
        }
        assert_eq!(read::<2>("1aF0"), Ok([0x1A, 0xF0]));
        assert_eq!(Hex(&[0x1A, 0xF0]).to_string(), "1af0");
        assert_eq!(read::<2>("1aF"), Err(NotHex));
        assert_eq!(read::<2>("1aFé"), Err(NotHex));
    }
}
