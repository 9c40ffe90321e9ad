//! Codes: the secret of a one-time link, and how it is written and read (C1 to C4, C6).

use std::hash::{Hash, Hasher};

use thiserror::Error;

use crate::{
    digest::same_bytes,
    hex::nibble,
    secret::{SecretText, Wiped, redacted},
    symbols::{Fault, Layout, Lead, Line, Payload, not_alphanumeric},
    text::text_traits,
};

/// The code of a one-time link: whoever holds it can redeem the link.
///
/// It is read by [`Code::expose`] alone and wiped on drop. It cannot be printed, cloned, compared or
/// serialised by accident (C3, C4).
///
/// ```compile_fail
/// fn compare(a: inquiry_otl::Code, b: inquiry_otl::Code) -> bool {
///     a == b
/// }
/// ```
pub struct Code {
    payload: Payload,
    key: u8,
    format: CodeFormat,
}

impl Code {
    /// The code as text: put it into the message to its person, and nowhere else.
    #[must_use]
    pub fn expose(&self) -> SecretText {
        SecretText::build(self.text_len(), |text| self.push_to(text))
    }

    /// A new random code without a key (C1).
    pub(crate) fn random(format: &CodeFormat) -> Self {
        Self { payload: Payload::random(format.layout.bytes()), key: 0, format: *format }
    }

    /// The code of these bytes, cut to the format's length.
    pub(crate) fn from_parts(format: &CodeFormat, key: u8, mut payload: Payload) -> Self {
        payload.0.iter_mut().skip(format.layout.bytes()).for_each(|byte| *byte = 0);
        Self { payload, key, format: *format }
    }

    /// The secret bytes, without key symbol and region.
    pub(crate) fn payload(&self) -> &[u8] {
        self.payload.front(self.format.layout.bytes())
    }

    /// The leading symbol: the key's number, 0 for none.
    pub(crate) const fn key_symbol(&self) -> u8 {
        self.key
    }

    /// Whether it is the same code: key and secret bytes, in time that does not depend on these (C3).
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        // All 32 bytes: behind those that are in use there are zeros.
        self.key == other.key && same_bytes(&self.payload.0, &other.payload.0)
    }

    /// Bytes of the text.
    pub(crate) fn text_len(&self) -> usize {
        let prefix = self.format.region.map_or(0, |region| region.as_str().len().saturating_add(1));
        self.format.symbols().saturating_add(prefix)
    }

    /// Appends the text.
    pub(crate) fn push_to(&self, text: &mut String) {
        if let Some(region) = &self.format.region {
            text.push_str(region.as_str());
            text.push('-');
        }
        let layout = self.format.layout;
        text.push_str(layout.write(self.key, &self.payload).tail(layout.len()));
    }
}

redacted!(Code);

/// How codes are made and read: their secret bits, and the region before them (C1, C2).
///
/// A code is an optional region and `-`, a symbol that names the key, the secret bits five to a
/// symbol, and two check symbols. The symbols are Crockford's: no case, no look-alikes.
///
/// ```
/// use inquiry_otl::{CodeError, CodeFormat, Region};
///
/// let format = CodeFormat::default();
/// assert_eq!((format.bits(), format.symbols()), (160, 35));
///
/// let regional = CodeFormat::new(128)?.with_region(Region::new("us1")?);
/// assert_eq!(regional.symbols(), 29);
/// assert_eq!(regional.parse("us1-ABC").err(), Some(CodeError::Length));
/// # Ok::<(), inquiry_otl::CodeFormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeFormat {
    layout: Layout,
    region: Option<Region>,
}

impl CodeFormat {
    /// The most bytes that a text may have to be looked at.
    pub const MAX_INPUT: usize = 512;

    /// Codes of that many secret bits, without a region: a multiple of 8 from 128 to 256.
    ///
    /// # Errors
    /// [`CodeFormatError::Bits`] for any other number: below 128, safety would rest on a rate
    /// limiter (C1).
    pub const fn new(bits: u32) -> Result<Self, CodeFormatError> {
        if bits < 128 || 256 < bits || bits % 8 != 0 {
            return Err(CodeFormatError::Bits);
        }
        // Checked above: 16 to 32.
        #[allow(clippy::cast_possible_truncation)]
        Ok(Self::of_bytes((bits / 8) as u8))
    }

    /// The same codes with a region before them, over which the check symbols stand too (C2).
    #[must_use]
    pub fn with_region(self, region: Region) -> Self {
        let folded = region.folded();
        // At most 32 bytes: the other number is never taken.
        let bytes = u8::try_from(self.layout.bytes()).unwrap_or(32);
        let len = region.as_str().len();
        let context = folded.get(..len).unwrap_or_default();
        Self { layout: Layout::new(Lead::Symbol, bytes, context), region: Some(region) }
    }

    /// Secret bits of a code.
    #[must_use]
    pub fn bits(&self) -> u32 {
        u32::try_from(self.layout.bytes().saturating_mul(8)).unwrap_or(0)
    }

    /// What stands before a code, if anything does.
    #[must_use]
    pub const fn region(&self) -> Option<Region> {
        self.region
    }

    /// Symbols of a code without its region: 29 for 128 bits, 35 for 160, 55 for 256.
    #[must_use]
    pub const fn symbols(&self) -> usize {
        self.layout.len()
    }

    /// Reads a bare code, and forgives what mail does to it (C6).
    ///
    /// Case, spaces and hyphens do not matter, nor `O` for `0` and `I` or `L` for `1`, nor
    /// percent-encoding, zero-width characters and the soft breaks of quoted-printable, nor the quotes,
    /// brackets and punctuation that surround a code in a sentence, nor the `*`, `_`, `~` or `` ` `` on
    /// both sides of it in a chat.
    /// The code is not looked up: a code that was mangled is told from an unknown one by its check.
    ///
    /// # Errors
    /// [`CodeError`], which says what is wrong and never repeats the text.
    pub fn parse(&self, text: &str) -> Result<Code, CodeError> {
        if let Some(written) = self.as_written(text) {
            return written;
        }
        let Gathered { mut line, len } = Gathered::from_text(text)?;
        if self.head(&line, len)? != self.region {
            return Err(CodeError::Region);
        }
        line.keep_tail(self.symbols());
        self.read(&mut line)
    }

    /// The region of a code of these bits, whatever region this format has: for routing (C2).
    ///
    /// The check is not looked at, since it is the business of the region's own format.
    ///
    /// # Errors
    /// [`CodeError`], which says why the text cannot be such a code.
    pub fn region_of(&self, text: &str) -> Result<Option<Region>, CodeError> {
        let Gathered { line, len } = Gathered::from_text(text)?;
        self.head(&line, len)
    }

    /// What precedes the fixed-length rest of a text.
    fn head(&self, line: &Line, len: usize) -> Result<Option<Region>, CodeError> {
        match len.checked_sub(self.symbols()) {
            None => Err(CodeError::Length),
            Some(0) => Ok(None),
            Some(over) => {
                let (head, _) = line.tail(len).split_at_checked(over).unwrap_or_default();
                Region::folding_case(head).map(Some).ok_or(CodeError::Length)
            }
        }
    }

    /// Reads a text that holds nothing but what this format writes, in either case: the usual one.
    #[inline]
    pub(crate) fn as_written(&self, text: &str) -> Option<Result<Code, CodeError>> {
        let symbols = match &self.region {
            None => text,
            // Shape: where it begins in what was pasted.
            Some(region) => text.strip_prefix(region.as_str())?.strip_prefix('-')?,
        };
        // Shape: how long it is.
        if symbols.len() != self.symbols() {
            return None;
        }
        let mut line = Line::empty();
        line.put(symbols.as_bytes());
        match self.read(&mut line) {
            Err(CodeError::Alphabet) => None,
            read => Some(read),
        }
    }

    #[inline]
    fn read(&self, line: &mut Line) -> Result<Code, CodeError> {
        let mut code = Code { payload: Wiped([0; 32]), key: 0, format: *self };
        code.key = self.layout.read(line, &mut code.payload)?;
        Ok(code)
    }

    const fn of_bytes(bytes: u8) -> Self {
        Self { layout: Layout::new(Lead::Symbol, bytes, b""), region: None }
    }
}

impl Default for CodeFormat {
    /// 160 bits and no region.
    fn default() -> Self {
        const DEFAULT: CodeFormat = CodeFormat::of_bytes(20);
        DEFAULT
    }
}

/// Where a code belongs: 1 to 8 of `a-z` and `0-9`, as in `us1`; routes, and is not secret (C2).
///
/// Regions are equal when they look alike: `eul` is `eu1`.
///
/// ```
/// use inquiry_otl::Region;
///
/// assert_eq!(Region::new("us1")?.as_str(), "us1");
/// assert_eq!(Region::new("eul")?, Region::new("eu1")?);
/// assert!(Region::new("US-1").is_err());
/// # Ok::<(), inquiry_otl::CodeFormatError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Region([u8; 8]);

impl Region {
    /// Takes 1 to 8 characters of `a-z` and `0-9`.
    ///
    /// # Errors
    /// [`CodeFormatError::Region`] for anything else.
    pub fn new(text: &str) -> Result<Self, CodeFormatError> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(CodeFormatError::Region);
        }
        Self::folding_case(text).ok_or(CodeFormatError::Region)
    }

    /// The text of the region.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let used = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        self.0.get(..used).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn folding_case(text: &str) -> Option<Self> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let mut bytes = [0; 8];
        let front = bytes.get_mut(..text.len())?;
        front.copy_from_slice(text.as_bytes());
        front.make_ascii_lowercase();
        Some(Self(bytes))
    }

    /// The region with its look-alikes made one.
    fn folded(self) -> [u8; 8] {
        self.0.map(|byte| match byte {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        })
    }
}

impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Region {}

impl Hash for Region {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

text_traits!(Region, CodeFormatError);

/// Why a code's format was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodeFormatError {
    /// The number of bits is not a multiple of 8 from 128 to 256 (C1).
    #[error("a code has 128 to 256 bits, a multiple of 8")]
    Bits,
    /// The region is not 1 to 8 characters of `a-z` and `0-9`.
    #[error("a region is 1 to 8 characters of a-z and 0-9")]
    Region,
}

/// Why a text is no code; it never repeats the text (C4, C6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodeError {
    /// There is nothing in it.
    #[error("the code is empty")]
    Empty,
    /// It is so long that it was not looked at.
    #[error("the text is far too long for a code")]
    TooLong,
    /// It does not have the number of symbols that codes have.
    #[error("the code has the wrong length")]
    Length,
    /// It holds a character that codes do not have.
    #[error("the code holds a character that is not allowed in it")]
    Alphabet,
    /// Its check symbols do not fit: it was mangled.
    #[error("the code's check symbols do not fit the rest of it")]
    Check,
    /// It belongs to another region, lacks one, or has one where none is expected.
    #[error("the code does not belong to this region")]
    Region,
    /// Its percent-encoding is broken, or what was encoded is not UTF-8.
    #[error("the code's percent-encoding is broken")]
    Encoding,
}

impl From<Fault> for CodeError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Alphabet => Self::Alphabet,
            Fault::Check => Self::Check,
        }
    }
}

/// The letters and digits of a text: region and code, without what mail added.
struct Gathered {
    line: Line,
    len: usize,
}

impl Gathered {
    fn from_text(text: &str) -> Result<Self, CodeError> {
        if text.len() > CodeFormat::MAX_INPUT {
            return Err(CodeError::TooLong);
        }
        // Shape: whether anything is encoded.
        if text.contains('%') {
            let mut room = Wiped([0; CodeFormat::MAX_INPUT]);
            Self::from_plain(unescape(text, &mut room)?)
        } else {
            Self::from_plain(text)
        }
    }

    fn from_plain(text: &str) -> Result<Self, CodeError> {
        let mut kept = Wiped([0; Line::ROOM]);
        let mut free = kept.0.iter_mut();
        let mut chars = unwrapped(text).chars();
        // Shape: where one character ends and the next begins.
        while let Some(c) = chars.next() {
            match u8::try_from(c) {
                // Shape: which characters are separators. Which letter a letter is does not show (C3).
                Ok(byte) if not_alphanumeric(byte) == 0 => *free.next().ok_or(CodeError::Length)? = byte,
                _ if is_separator(c) => {}
                // A soft break of quoted-printable, whose end of line is a separator.
                _ if c == '=' && chars.as_str().starts_with(['\r', '\n']) => {}
                _ => return Err(CodeError::Alphabet),
            }
        }
        let len = Line::ROOM.saturating_sub(free.len());
        if len == 0 {
            return Err(CodeError::Empty);
        }
        Ok(Self { line: Line::new(kept.front(len)), len })
    }
}

/// The text without the quotes, brackets and punctuation that mail, chat and sentences put around it.
pub(crate) fn unwrapped(text: &str) -> &str {
    // Whether it is a letter or a digit is asked first: nothing else is asked of these (C3).
    let is_emphasis = |c: char| !is_plain(c) && matches!(c, '*' | '_' | '~' | '`');
    // Shape: where the text ends.
    let front = text.trim_end_matches(|c| !is_plain(c) && (is_wrapping(c) || is_emphasis(c) || c == '='));
    let back = text.get(front.len()..).unwrap_or_default();
    // What emphasises stands on both sides; behind a URL it is alone, since its partner stands before.
    let emphasised = back.contains(is_emphasis);
    front.trim_start_matches(|c| is_wrapping(c) || emphasised && is_emphasis(c))
}

/// Whether it is a letter or a digit of ASCII.
fn is_plain(c: char) -> bool {
    // Shape: that it is one.
    u8::try_from(c).is_ok_and(|byte| not_alphanumeric(byte) == 0)
}

fn is_wrapping(c: char) -> bool {
    !is_plain(c)
        && (is_separator(c)
            || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '"' | '\'' | '\u{2018}'..='\u{201F}')
            || matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '\u{2026}'))
}

/// Spaces, `+` for a space in a form, hyphens, the soft one too, and what has no width.
fn is_separator(c: char) -> bool {
    c.is_ascii_whitespace()
        || matches!(c, '\u{B}' | '\u{A0}' | '+' | '-' | '\u{AD}' | '\u{200B}'..='\u{2014}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Undoes percent-encoding, once.
pub(crate) fn unescape<'r, const N: usize>(text: &str, room: &'r mut Wiped<N>) -> Result<&'r str, CodeError> {
    let mut bytes = text.bytes();
    let mut free = room.0.iter_mut();
    while let Some(byte) = bytes.next() {
        let slot = free.next().ok_or(CodeError::TooLong)?;
        *slot = if byte == b'%' {
            let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else {
                return Err(CodeError::Encoding);
            };
            let ((high, wrong), (low, also_wrong)) = (nibble(high), nibble(low));
            // Public: whether both are digits.
            if wrong | also_wrong != 0 {
                return Err(CodeError::Encoding);
            }
            high << 4 | low
        } else {
            byte
        };
    }
    let len = N.saturating_sub(free.len());
    // Shape: where one character ends and the next begins.
    std::str::from_utf8(room.front(len)).map_err(|_| CodeError::Encoding)
}

#[cfg(feature = "serde")]
mod wire {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{CodeFormat, Region};

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "CodeFormat", rename_all = "kebab-case", deny_unknown_fields)]
    struct Parts {
        bits: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
    }

    impl Serialize for CodeFormat {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            Parts { bits: self.bits(), region: self.region }.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for CodeFormat {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let Parts { bits, region } = Parts::deserialize(deserializer)?;
            let format = Self::new(bits).map_err(D::Error::custom)?;
            Ok(region.map_or(format, |region| format.with_region(region)))
        }
    }
}
