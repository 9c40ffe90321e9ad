//! Codes, tokens and attempt keys, read from any text (C1, C2, C4, C6, D5, D6, D7).

use inquiry_otl::{AttemptKey, ClaimToken, CodeError, CodeFormat, Region, SessionToken, TokenError};

use crate::{
    marked,
    pasted::{escaped, is_in},
    repeats_nothing,
};

const SYMBOLS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Formats of different lengths, with and without a region: one text fits one of them at most.
#[must_use]
pub fn formats() -> [CodeFormat; 6] {
    [(128, ""), (160, ""), (256, ""), (128, "us1"), (160, "loi"), (256, "abcdefgh")].map(|(bits, region)| {
        let format = CodeFormat::new(bits).expect("a number of bits");
        if region.is_empty() { format } else { format.with_region(Region::new(region).expect("a region")) }
    })
}

/// Reads a text as everything that a code, a token or a key may be.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let read: Vec<_> = formats().into_iter().filter(|format| is_code(format, text)).collect();
    assert!(read.len() <= 1, "a text is a code of two formats");
    let (session, claim) = (SessionToken::parse(text), ClaimToken::parse(text));
    assert!(session.is_err() || claim.is_err(), "a token is of two kinds");
    token(text, session.map(|token| token.expose().as_str().to_owned()), |text| {
        SessionToken::parse(text).map(|token| token.expose().as_str().to_owned())
    });
    token(text, claim.map(|token| token.expose().as_str().to_owned()), |text| {
        ClaimToken::parse(text).map(|token| token.expose().as_str().to_owned())
    });
    attempt_key(text);
}

/// Whether the text is a code of that format. If it is, everything that mail does to it leaves it one, and nothing else.
fn is_code(format: &CodeFormat, text: &str) -> bool {
    repeats_nothing(format.parse(&marked(text)));
    let parse = |text: &str| format.parse(text).map(|code| code.expose().as_str().to_owned());
    let written = match parse(text) {
        Ok(written) => written,
        Err(CodeError::Check) => {
            assert_eq!(format.region_of(text), Ok(format.region()), "C2: only a code's check is looked at");
            return false;
        }
        Err(error) => {
            assert_eq!(error == CodeError::TooLong, CodeFormat::MAX_INPUT < text.len(), "C6: {error}");
            return false;
        }
    };
    assert!(text.len() <= CodeFormat::MAX_INPUT, "C6: a text of absurd length was read");
    assert!(is_in(&written, text), "C6: a code was read that is not in the text");
    assert_eq!(format.region_of(text), Ok(format.region()), "C2");

    let same = Ok(written.clone());
    assert_eq!(parse(&written), same, "C6: what was written is not read");
    assert_eq!(parse(&written.to_lowercase()), same, "C2: case matters");
    let look_alike = written.replace('0', "o").replace('1', "L");
    assert_eq!(parse(&look_alike), same, "C2: look-alikes matter");
    for wrapped in [format!("<{written}>."), format!("\u{201C}{written}\u{201D}, "), format!("**{written}**")]
    {
        assert_eq!(parse(&wrapped), same, "C6: punctuation matters");
    }
    let first = written.len() - format.symbols();
    for at in first..written.len() {
        let (front, back) = written.split_at(at);
        let (symbol, rest) = back.split_at(1);
        for between in ["-", " ", "\r\n", "\u{200B}", "=\n"] {
            assert_eq!(parse(&format!("{front}{between}{back}")), same, "C6: {between:?} at {at}");
        }
        assert_eq!(parse(&format!("{front}{}{rest}", escaped(symbol))), same, "C6: percent-encoding at {at}");
        assert!(parse(&format!("{front}{rest}")).is_err(), "C6: the symbol at {at} is not needed");
        let value = SYMBOLS.find(symbol).expect("what is written is of the alphabet");
        // C2: one wrong symbol, or two neighbours in the wrong order, is mangled for certain.
        for shift in [1, 2, 4, 8, 16, 31] {
            let other = &SYMBOLS[(value + shift) % 32..][..1];
            assert_eq!(parse(&format!("{front}{other}{rest}")), Err(CodeError::Check), "C2: {other} at {at}");
        }
        if let Some((next, rest)) = rest.split_at_checked(1).filter(|(next, _)| *next != symbol) {
            assert_eq!(
                parse(&format!("{front}{next}{symbol}{rest}")),
                Err(CodeError::Check),
                "C2: swapped at {at}"
            );
        }
    }
    true
}

fn token(text: &str, read: Result<String, TokenError>, parse: impl Fn(&str) -> Result<String, TokenError>) {
    repeats_nothing(parse(&marked(text)));
    let Ok(written) = read else { return };
    assert!(is_in(&written, text), "D7: a token was read that is not in the text");
    assert_eq!(parse(&written).as_ref(), Ok(&written), "D7: what was written is not read");
    assert_eq!(parse(&written.to_lowercase()).as_ref(), Ok(&written), "C2: case matters");
    assert_eq!(
        parse(&format!("{written} ")),
        Err(TokenError::Length),
        "D7: a program hands over what it got"
    );
    for at in 0..written.len() {
        let value = SYMBOLS.find(&written[at..=at]).expect("what is written is of the alphabet");
        let other = &SYMBOLS[(value + 1) % 32..][..1];
        let wrong = format!("{}{other}{}", &written[..at], &written[at + 1..]);
        assert_eq!(parse(&wrong), Err(TokenError::Check), "C2: {other} at {at}");
    }
}

/// D6: 22 to 128 visible characters, as they are.
fn attempt_key(text: &str) {
    repeats_nothing(AttemptKey::new(&marked(text)));
    let is_key = (22..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    match AttemptKey::new(text) {
        Ok(key) => {
            assert!(is_key && key.expose() == text, "D6");
            assert_eq!(format!("{key:?}"), "AttemptKey([redacted])", "C4");
        }
        Err(error) => assert!(!is_key, "D6: {error}"),
    }
}
