//! Codes, tokens and keys as they are written: read, refused, written.

use inquiry_otl::{
    Attempt, ClaimToken, Code, CodeError, CodeFormat, Key, KeyId, SessionToken, UrlError, UrlFormat,
};
use inquiry_otl_evidence::valgrind::{is_secret, secret};
use inquiry_otl_timing::{Outcome, Stage, symbols};

use crate::marks::{expect, formats, hide, some_code, some_token};

/// Codes of all formats, as they are written: each number of bits, with and without a region.
pub(super) fn read_bare() -> Outcome<()> {
    for format in formats()? {
        let text = some_code(&format)?;
        hide(&text, &format);
        expect(format.parse(&text).is_ok())?;
    }
    Ok(())
}

/// Session tokens and claim tokens.
pub(super) fn read_token() -> Outcome<()> {
    let stage = Stage::unkeyed()?;
    let session = stage.granted(&stage.link()?, &Attempt::new())?.token.expose();
    let claim = stage.claimed()?.token.expose();
    expect(SessionToken::parse(secret(session.as_str())).is_ok())?;
    expect(ClaimToken::parse(secret(claim.as_str())).is_ok())
}

/// A key, as hexadecimal digits.
pub(super) fn read_key() -> Outcome<()> {
    let digits = "5aF09317c6".repeat(8);
    Key::from_hex(KeyId::new(7)?, secret(digits.as_str()))?;
    Ok(())
}

/// A code with another symbol in it: told by its check.
pub(super) fn refuse_mangled() -> Outcome<()> {
    for format in formats()? {
        let mut text = some_code(&format)?;
        let last = if text.pop() == Some('7') { '8' } else { '7' };
        text.push(last);
        hide(&text, &format);
        expect(matches!(format.parse(&text), Err(CodeError::Check)))?;
        let url = format!("https://withpersona.com/verify?code={text}");
        hide(&url, &format);
        expect(matches!(UrlFormat::default().parse(&format, &url), Err(UrlError::Code(CodeError::Check))))?;
    }
    Ok(())
}

/// A code with a letter in it that is no symbol.
pub(super) fn refuse_no_symbol() -> Outcome<()> {
    for format in formats()? {
        let mut text = some_code(&format)?;
        text.pop();
        text.push('U');
        hide(&text, &format);
        expect(matches!(format.parse(&text), Err(CodeError::Alphabet)))?;
    }
    Ok(())
}

/// Tokens that are none.
pub(super) fn refuse_token() -> Outcome<()> {
    let text = some_token()?;
    let front = text.get(..33).unwrap_or_default();
    let mangled = format!("{front}{}", if text.ends_with('7') { '8' } else { '7' });
    expect(SessionToken::parse(secret(mangled.as_str())).is_err())?;
    let no_symbol = format!("{front}u");
    expect(ClaimToken::parse(secret(no_symbol.as_str())).is_err())
}

/// The text of a code, and its URL: as a fresh code is written.
pub(super) fn write_code() -> Outcome<()> {
    for format in formats()? {
        let code = secret_code(&format)?;
        let text = code.expose();
        let (from, to) = symbols(text.as_str(), &format);
        expect(is_secret(text.as_str().as_bytes().get(from..to).unwrap_or_default()))?;
        let url = UrlFormat::default().url(&code);
        let (from, to) = symbols(url.expose(), &format);
        expect(is_secret(url.expose().as_bytes().get(from..to).unwrap_or_default()))?;
    }
    Ok(())
}

/// The text of a token.
pub(super) fn write_token() -> Outcome<()> {
    let text = some_token()?;
    let token = SessionToken::parse(secret(text.as_str()))?;
    expect(is_secret(token.expose().as_str()))
}

/// A code whose symbols are secret, but for the key's number.
fn secret_code(format: &CodeFormat) -> Outcome<Code> {
    let text = some_code(format)?;
    hide(&text, format);
    Ok(format.parse(&text)?)
}
