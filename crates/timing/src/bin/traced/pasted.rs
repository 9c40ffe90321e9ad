//! Codes as people paste them: in URLs, taken apart, with text around them, percent-encoded.

use inquiry_otl::{CodeFormat, UrlFormat, UrlStyle};
use inquiry_otl_timing::Outcome;

use crate::marks::{expect, formats, hide_one, some_code};

/// What became of a code on its way here.
pub(super) type Pasted = fn(&str) -> String;

/// URLs with the code in their query, as they are written here and elsewhere, in either case.
pub(super) const URLS: &[Pasted] = &[
    |code| format!("https://withpersona.com/verify?code={code}"),
    |code| format!("HTTPS://withpersona.com/verify?lang=en&code={}", code.to_lowercase()),
];

/// Short URLs, and URLs with the code in their path.
pub(super) const SHORT_URLS: &[Pasted] = &[
    |code| format!("https://perso.na/{code}"),
    |code| format!("verify.example.com/start/{}", code.to_lowercase()),
];

/// Codes that were taken apart: which characters are separators shows, which letter a letter is does not.
pub(super) const SEPARATED: &[Pasted] =
    &[|code| code.chars().flat_map(|symbol| [symbol.to_ascii_lowercase(), '-']).collect()];

/// Codes and URLs with text around them.
pub(super) const IN_TEXT: &[Pasted] = &[
    |code| format!("Hello, <https://withpersona.com/verify?code={code}> *.*"),
    |code| format!("*\"{}\".*", code.to_lowercase()),
];

/// What quoted-printable makes of them.
pub(super) const QUOTED: &[Pasted] = &[
    |code| format!("code=3D{code}"),
    |code| format!("https://withpersona.com/verify?code=3D{}", code.to_lowercase()),
];

pub(super) fn read_pasted(texts: &[Pasted]) -> Outcome<()> {
    let urls = pasted_urls()?;
    for format in formats()? {
        let code = some_code(&format)?;
        for text in texts {
            let text = text(&code);
            // The last of so many letters and digits, but for the first one, which names the key.
            let letters = text.bytes().enumerate().rev().filter(|(_, byte)| byte.is_ascii_alphanumeric());
            let secrets: Vec<_> = letters.take(format.symbols().saturating_sub(1)).collect();
            for (at, _) in secrets {
                hide_one(&text, at);
            }
            expect(urls.parse(&format, &text).is_ok())?;
        }
    }
    Ok(())
}

pub(super) fn pasted_urls() -> Outcome<UrlFormat> {
    let other = UrlFormat::new("https://verify.example.com/start")?.with_style(UrlStyle::Path);
    Ok(UrlFormat::default().also_accepting(other))
}

/// A code whose letters and digits came percent-encoded.
pub(super) fn read_percent() -> Outcome<()> {
    let format = CodeFormat::default();
    let code = some_code(&format)?;
    let (key, rest) = code.split_at_checked(1).unwrap_or_default();
    let mut text = key.to_owned();
    text.push_str(&percent(rest));
    for (at, byte) in text.bytes().enumerate().skip(1) {
        if byte != b'%' {
            hide_one(&text, at);
        }
    }
    expect(format.parse(&text).is_ok())
}

/// The text percent-encoded, every byte of it.
pub(super) fn percent(text: &str) -> String {
    let pairs: Vec<_> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    pairs.concat()
}
