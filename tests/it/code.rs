//! Codes, and the other secrets that are read from text.

use inquiry_otl::{
    AttemptKey, AttemptKeyError, Binding, BindingError, ClaimToken, Code, CodeError, CodeFormat,
    CodeFormatError, Digest, Region, SessionToken, TokenError,
};
use proptest::{prelude::*, sample::select};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One symbol of x + 3 times the remainder, and a symbol more: the check, written another way.
fn divide(symbols: impl Iterator<Item = u16>) -> u16 {
    let by = |factor: u16, element: u16| {
        let product = (0..5).filter(|bit| factor >> bit & 1 == 1).fold(0, |sum, bit| sum ^ element << bit);
        (5..9).rev().fold(product, |p, bit| if p >> bit & 1 == 1 { p ^ 0b10_0101 << (bit - 5) } else { p })
    };
    symbols.fold(1, |state, symbol| {
        let (high, low) = (state >> 5, state & 31);
        (low ^ high) << 5 | symbol ^ by(3, high)
    })
}

/// The text of a code of these values, as another implementation would write it.
pub(crate) fn text_of(region: &str, key: u8, payload: &[u8]) -> String {
    let mut values = vec![u16::from(key)];
    for place in 0..(payload.len() * 8).div_ceil(5) {
        let bit = |at: usize| payload.get(at / 8).map_or(0, |byte| u16::from(byte >> (7 - at % 8) & 1));
        values.push((0..5).fold(0, |value, offset| value << 1 | bit(place * 5 + offset)));
    }
    let folded = region.replace('o', "0").replace(['i', 'l'], "1");
    let context = folded.bytes().flat_map(|byte| [u16::from(byte >> 5), u16::from(byte & 31)]);
    let check = divide(context.chain(values.iter().copied()).chain([0, 0]));
    values.extend([check >> 5, check & 31]);
    let symbols: String = values.iter().map(|value| char::from(ALPHABET[usize::from(*value)])).collect();
    if region.is_empty() { symbols } else { format!("{region}-{symbols}") }
}

fn format_of(region: &str, bytes: usize) -> CodeFormat {
    let format = CodeFormat::new(u32::try_from(bytes * 8).unwrap()).unwrap();
    if region.is_empty() { format } else { format.with_region(Region::new(region).unwrap()) }
}

fn written(code: &Code) -> String {
    code.expose().as_str().to_owned()
}

prop_compose! {
    fn secrets()(
        region in "([a-z0-9]{1,8})?",
        key in 0..32_u8,
        payload in prop::collection::vec(any::<u8>(), 16..=32),
    ) -> (CodeFormat, String) {
        (format_of(&region, payload.len()), text_of(&region, key, &payload))
    }
}

proptest! {
    /// C2: what this library writes is what the format says, for every size, key and region.
    #[test]
    fn a_code_is_read_and_written_as_the_format_says((format, text) in secrets()) {
        prop_assert_eq!(written(&format.parse(&text).unwrap()), text);
    }

    /// C6: case, separators, look-alikes, percent-encoding and surroundings do not matter.
    #[test]
    fn a_mangled_code_is_the_same_code(
        (format, text) in secrets(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), select(&[
            "-", " ", "\t", "\r\n", "\u{A0}", "\u{AD}", "\u{2010}", "\u{2011}", "\u{2012}", "\u{2013}", "\u{2014}",
            "%20", "%2D", "%C2%A0", "%e2%80%91", "+",
            "\u{200B}", "\u{200C}", "\u{200D}", "\u{2060}", "\u{FEFF}", "%E2%80%8B", "=\n", "=\r\n",
        ][..])), 0..8),
        fold in any::<[bool; 3]>(),
        front in select(&["", "<", "\"", " (", "'", "\u{201C}", "%22"][..]),
        back in select(&["", ".", ",", ")", ">", "\"", "'", ").", "!", "?", ";", ":", "]", "%3E", "\n"][..]),
    ) {
        let mut mangled = text.clone();
        if fold[0] { mangled = mangled.to_lowercase(); }
        if fold[1] { mangled = mangled.replace('0', "O"); }
        if fold[2] { mangled = mangled.replace('1', "l"); }
        let mut parts: Vec<String> = mangled.chars().map(String::from).collect();
        for (place, separator) in changes {
            parts.insert(place.index(parts.len() + 1), separator.to_owned());
        }
        let mangled = format!("{front}{}{back}", parts.concat());
        prop_assert_eq!(written(&format.parse(&mangled).unwrap()), &text[..]);
        for (front, back) in [("*", "*"), ("**", "**!"), ("_", "_."), ("`", "`"), ("~", "~"), ("", "\u{2026}")] {
            prop_assert_eq!(written(&format.parse(&format!("{front}{text}{back}")).unwrap()), &text[..]);
        }
    }

    /// C6: whatever comes in, a reader answers and does not panic.
    #[test]
    fn no_text_makes_a_reader_panic(text in any::<String>(), near in "(%[0-9a-f]{0,2}|[0-9a-zA-Z <>.é\u{AD}-]){0,90}") {
        for text in [&text, &near] {
            for format in [CodeFormat::default(), format_of("us1", 32)] {
                let _ = format.parse(text);
                let _ = format.region_of(text);
            }
            let _ = Region::new(text);
            let _ = SessionToken::parse(text);
            let _ = ClaimToken::parse(text);
            let _ = AttemptKey::new(text);
            let _ = Binding::new(text.as_bytes());
        }
    }

    /// C2: every wrong symbol, at every place, is caught before the store is asked.
    #[test]
    fn every_wrong_symbol_is_caught((format, text) in secrets()) {
        let start = text.len() - format.symbols();
        for place in start..text.len() {
            for symbol in ALPHABET {
                let mut bytes = text.clone().into_bytes();
                bytes[place] = *symbol;
                let changed = String::from_utf8(bytes).unwrap();
                let read = format.parse(&changed).err();
                prop_assert_eq!(read, (changed != text).then_some(CodeError::Check));
            }
        }
    }

    /// C2: every swap of neighbours is caught.
    #[test]
    fn every_swap_of_neighbours_is_caught((format, text) in secrets()) {
        let start = text.len() - format.symbols();
        for place in start + 1..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes.swap(place - 1, place);
            let changed = String::from_utf8(bytes).unwrap();
            let read = format.parse(&changed).err();
            prop_assert_eq!(read, (changed != text).then_some(CodeError::Check));
        }
    }

    /// C4: no part of a code is in what `Debug` prints.
    #[test]
    fn debug_shows_nothing_of_a_code((format, text) in secrets()) {
        let code = format.parse(&text).unwrap();
        prop_assert_eq!(format!("{code:?}"), "Code([redacted])");
        prop_assert_eq!(format!("{:?}", code.expose()), "SecretText([redacted])");
    }
}

fn sample() -> String {
    text_of("", 0, &[0xA5; 20])
}

/// C1: below 128 bits nothing is made, nor beyond 256.
#[test]
fn a_format_has_128_to_256_bits() {
    for bits in [0, 8, 112, 120, 127, 129, 159, 257, 264, u32::MAX] {
        assert_eq!(CodeFormat::new(bits), Err(CodeFormatError::Bits));
    }
    assert_eq!(CodeFormat::new(128).unwrap().symbols(), 29);
    assert_eq!(CodeFormat::new(160), Ok(CodeFormat::default()));
    assert_eq!(CodeFormat::new(256).unwrap().symbols(), 55);
}

/// C2: a code is letters and digits only, in upper case, with the region before it.
#[test]
fn a_code_survives_the_post() {
    assert!(sample().bytes().all(|byte| ALPHABET.contains(&byte)));
    assert!(text_of("us1", 3, &[0xA5; 20]).starts_with("us1-3"));
}

/// C6: every refusal has its reason, and none repeats the text.
#[test]
fn a_refusal_names_its_reason() {
    let format = CodeFormat::default();
    let refused = |text: &str| format.parse(text).err();
    for text in ["", " ", "<>", "--", "%20", "\u{AD}"] {
        assert_eq!(refused(text), Some(CodeError::Empty), "{text:?}");
    }
    assert_eq!(refused(&"A".repeat(513)), Some(CodeError::TooLong));
    assert_eq!(refused(&"A".repeat(512)), Some(CodeError::Length));
    assert_eq!(refused(&"%41".repeat(171)), Some(CodeError::TooLong));
    assert_eq!(refused(&sample()[1..]), Some(CodeError::Length));
    assert_eq!(refused(&sample().repeat(2)), Some(CodeError::Length));
    assert_eq!(refused(&format!("U{}", &sample()[1..])), Some(CodeError::Alphabet));
    assert_eq!(refused(&sample().replacen('0', "*", 1)), Some(CodeError::Alphabet));
    assert_eq!(refused(&sample().replacen('0', "é", 1)), Some(CodeError::Alphabet));
    // What is neither a letter nor what mail adds is no part of a code, before it or behind it.
    for other in "#$&/@\\^{|}é".chars() {
        for text in [format!("{other}{}", sample()), format!("{}{other}", sample())] {
            assert_eq!(refused(&text), Some(CodeError::Alphabet), "{text:?}");
        }
    }
    for text in ["%", "%4", "%G1", "A%4x", "%GG", "%FF", "%C2", "%é"] {
        assert_eq!(refused(text), Some(CodeError::Encoding), "{text:?}");
    }
    assert!(!CodeError::Check.to_string().contains(&sample()));
}

/// C6: what is no symbol is told as such, wherever it stands, and also where there are two.
#[test]
fn what_is_no_symbol_is_told_wherever_it_stands() {
    let format = CodeFormat::new(256).unwrap();
    let text = text_of("", 1, &[0xA5; 32]);
    for one in 0..text.len() {
        for other in one..text.len() {
            let mut bytes = text.clone().into_bytes();
            (bytes[one], bytes[other]) = (b'U', b'U');
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(format.parse(&text).err(), Some(CodeError::Alphabet), "{text}");
        }
    }
}

/// C6: a megabyte is refused before any work.
#[test]
fn a_megabyte_is_refused() {
    let text = "A".repeat(1 << 20);
    assert_eq!(CodeFormat::default().parse(&text).err(), Some(CodeError::TooLong));
    assert_eq!(CodeFormat::default().region_of(&text), Err(CodeError::TooLong));
    assert_eq!(SessionToken::parse(&text).err(), Some(TokenError::Length));
    assert_eq!(AttemptKey::new(&text).err(), Some(AttemptKeyError::Length));
    assert_eq!(Binding::new(text.as_bytes()).err(), Some(BindingError::TooLong));
    assert_eq!(Region::new(&text), Err(CodeFormatError::Region));
}

/// C2: a region is 1 to 8 letters and digits in lower case, and a format tells which one it has.
#[test]
fn a_region_is_letters_and_digits() {
    for text in ["", "us-1", "us 1", "é", "US1", "toolong01"] {
        assert_eq!(Region::new(text), Err(CodeFormatError::Region), "{text:?}");
    }
    assert_eq!(format_of("longer01", 20).region(), Region::new("longer01").ok());
    assert_eq!(CodeFormat::default().region(), None);
}

/// C2: a code of another region, without one, or with one too many is refused as such.
#[test]
fn a_code_of_another_region_is_refused() {
    let (plain, here) = (CodeFormat::default(), format_of("eul", 20));
    let code = text_of("eul", 1, &[0xA5; 20]);
    assert!(here.parse(&code).is_ok());
    assert!(here.parse(&code.replace("eul-", "EU1 ")).is_ok());
    assert_eq!(here.parse(&code.replace("eul-", "us1-")).err(), Some(CodeError::Region));
    assert_eq!(here.parse(&sample()).err(), Some(CodeError::Region));
    assert_eq!(plain.parse(&code).err(), Some(CodeError::Region));
    assert_eq!(plain.parse(&format!("toolong01{}", sample())).err(), Some(CodeError::Length));
}

/// C2: a region alone does not make a good code: the check stands over it too.
#[test]
fn the_check_stands_over_the_region() {
    let code = text_of("us1", 1, &[0xA5; 20]).replace("us1", "us2");
    assert_eq!(format_of("us2", 20).parse(&code).err(), Some(CodeError::Check));
}

/// C2: a router learns where a code belongs without being able to read it.
#[test]
fn the_region_of_a_foreign_code_can_be_read() {
    let format = CodeFormat::default();
    let code = text_of("us1", 1, &[0xA5; 20]);
    assert_eq!(format.region_of(&code), Ok(Some(Region::new("us1").unwrap())));
    assert_eq!(format.region_of(&code.to_uppercase()), Ok(Some(Region::new("usl").unwrap())));
    assert_eq!(format.region_of(&sample()), Ok(None));
    assert_eq!(format.region_of("us1-1"), Err(CodeError::Length));
}

/// D6: an attempt key is 22 to 128 visible ASCII characters.
#[test]
fn an_attempt_key_is_visible_ascii_of_a_bounded_length() {
    assert_eq!(AttemptKey::new(&"k".repeat(21)).err(), Some(AttemptKeyError::Length));
    assert_eq!(AttemptKey::new(&"k".repeat(22)).unwrap().expose(), "k".repeat(22));
    assert_eq!(AttemptKey::new(&"k".repeat(128)).unwrap().expose(), "k".repeat(128));
    assert_eq!(AttemptKey::new(&"k".repeat(129)).err(), Some(AttemptKeyError::Length));
    assert_eq!(AttemptKey::new(&format!("{} ", "k".repeat(22))).err(), Some(AttemptKeyError::Alphabet));
    assert_eq!(AttemptKey::new(&"é".repeat(22)).err(), Some(AttemptKeyError::Alphabet));
    assert_ne!(AttemptKey::random().expose(), AttemptKey::random().expose());
    assert_eq!(format!("{:?}", AttemptKey::random()), "AttemptKey([redacted])");
}

/// D4: a binding is 1 to 1024 bytes, and is not shown.
#[test]
fn a_binding_is_bounded_and_redacted() {
    assert_eq!(Binding::new(b"").err(), Some(BindingError::Empty));
    assert!(Binding::new(&[0; 1024]).is_ok());
    assert_eq!(Binding::new(&[0; 1025]).err(), Some(BindingError::TooLong));
    assert_eq!(format!("{:?}", Binding::new(b"cookie").unwrap()), "Binding([redacted])");
}

/// C3: digests are equal only if all their bytes are.
#[test]
fn digests_differ_if_any_byte_does() {
    let one = Digest::from_bytes([7; 32]);
    assert_eq!(one, Digest::from_bytes(*one.as_bytes()));
    for place in 0..32 {
        let mut bytes = [7; 32];
        bytes[place] = 8;
        assert_ne!(one, Digest::from_bytes(bytes));
        // Nor do two differences make up for one another.
        bytes[(place + 8) % 32] = 8;
        assert_ne!(one, Digest::from_bytes(bytes));
    }
}

/// C4, E8: what an application configures or stores goes through its constructor.
#[cfg(feature = "serde")]
#[test]
fn formats_and_digests_are_read_through_their_constructors() {
    for (format, text) in
        [(CodeFormat::default(), r#"{"bits":160}"#), (format_of("us1", 32), r#"{"bits":256,"region":"us1"}"#)]
    {
        assert_eq!(serde_json::to_string(&format).unwrap(), text);
        assert_eq!(serde_json::from_str::<CodeFormat>(text).unwrap(), format);
    }
    for text in [r#"{"bits":64}"#, r#"{"bits":160,"region":"US"}"#, r#"{"bits":160,"other":1}"#] {
        assert!(serde_json::from_str::<CodeFormat>(text).is_err());
    }
    let digest = Digest::from_bytes([0xAB; 32]);
    let text = format!("\"{}\"", "ab".repeat(32));
    assert_eq!(serde_json::to_string(&digest).unwrap(), text);
    assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
    assert!(serde_json::from_str::<Digest>("\"ab\"").is_err());
}

/// C2: regions that look alike are one, also as keys of a map, and a format tells its own.
#[test]
fn regions_that_look_alike_are_one() {
    let regions: std::collections::HashSet<Region> =
        ["eu1", "eul", "eui", "euo", "eu0"].into_iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(regions.len(), 2);
    assert_eq!("EU1".parse::<Region>(), Err(CodeFormatError::Region));
    let format = CodeFormat::default();
    assert_eq!(format.region(), None);
    assert_eq!(format.with_region(Region::new("eul").unwrap()).region(), Region::new("eu1").ok());
}
