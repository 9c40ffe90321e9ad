//! What matters of a text that somebody pasted: where a URL starts and ends in it, and its parts (C6).

use super::{UrlError, UrlFormat};
use crate::secret::Wiped;

/// Room for a pasted text, wiped since a code is in it.
pub(super) type Room = Wiped<{ UrlFormat::MAX_INPUT }>;

/// The text from its first `https://` or `http://` on, if that starts a URL of its own.
///
/// Within another URL it starts none: what stands before it, up to a character that no URL holds,
/// looks like neither a part of a URL nor of a longer scheme. The whole text is the URL then.
pub(super) fn url_in(text: &str) -> &str {
    let Some((front, _)) = around(text, "://") else {
        return text;
    };
    let before = |scheme: &str| {
        let (before, end) = front.split_at_checked(front.len().checked_sub(scheme.len())?)?;
        end.eq_ignore_ascii_case(scheme).then_some(before)
    };
    let Some(before) = before("https").or_else(|| before("http")) else {
        return text;
    };
    let of_no_url = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '[' | ']' | '"');
    let word = before.rsplit(of_no_url).next().unwrap_or_default();
    let of_url = |c: char| matches!(c, '/' | '?' | '#' | '@' | '\\' | '=' | '&' | '%' | '.' | '+');
    if word.contains(of_url) || word.ends_with(|c: char| c.is_alphanumeric() || c == '-') {
        return text;
    }
    text.get(before.len()..).unwrap_or(text)
}

/// The text before the first white space that is not at its start.
pub(super) fn first_word(text: &str) -> &str {
    // Shape: where the first word ends.
    text.split_whitespace().next().unwrap_or_default()
}

/// The text without the marks of quoted-printable, if it has any: soft breaks, and `=3D` for `=`.
pub(super) fn without_quoted_printable<'r>(text: &str, room: &'r mut Room) -> Option<&'r str> {
    let mut free = room.0.iter_mut();
    let mut rest = text.as_bytes();
    loop {
        let byte;
        // Shape: where its marks are.
        (byte, rest) = match rest {
            [b'=', b'\r', b'\n', rest @ ..] | [b'=', b'\n', rest @ ..] => (None, rest),
            [b'=', b'3', b'D' | b'd', rest @ ..] => (Some(b'='), rest),
            [byte, rest @ ..] => (Some(*byte), rest),
            [] => break,
        };
        if let Some(byte) = byte {
            *free.next()? = byte;
        }
    }
    let len = UrlFormat::MAX_INPUT.saturating_sub(free.len());
    if len == text.len() {
        return None;
    }
    // Shape: where one character ends and the next begins.
    std::str::from_utf8(room.front(len)).ok()
}

/// The parts of a URL that matter.
pub(super) struct Parts<'t> {
    pub(super) host: &'t str,
    pub(super) path: &'t str,
    pub(super) query: &'t str,
}

impl<'t> Parts<'t> {
    pub(super) fn of(url: &'t str) -> Self {
        let (default_port, rest) = match (after(url, "https://"), after(url, "http://")) {
            (Some(rest), _) => (":443", rest),
            (None, Some(rest)) => (":80", rest),
            (None, None) => (":443", url),
        };
        // Another scheme, or a user before the host, stays in the host and makes it another one.
        let (host, rest) = split_before(rest, ['/', '?', '#']);
        // Behind the host, a URL ends where its tag, its Markdown or its brackets do.
        let (rest, _) = split_before(rest, ['<', '>', '"', '|']);
        let (rest, _) = around(rest, "](").unwrap_or((rest, ""));
        let (rest, _fragment) = split_before(rest, ['#']);
        // Shape: where its query begins.
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Self { host: host.strip_suffix(default_port).unwrap_or(host), path, query }
    }
}

/// What follows a text's beginning, in either case.
pub(super) fn after<'t>(text: &'t str, beginning: &str) -> Option<&'t str> {
    // Shape: how long it is.
    let (front, rest) = text.split_at_checked(beginning.len())?;
    front.eq_ignore_ascii_case(beginning).then_some(rest)
}

/// What stands before and after the first place where `mark` is.
///
/// Its first character is looked for by itself: a search for more than one looks longer at some letters (C3).
fn around<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let first = mark.chars().next()?;
    // Shape: where that character stands.
    text.match_indices(first).find_map(|(at, _)| {
        let (front, back) = text.split_at_checked(at)?;
        Some((front, back.strip_prefix(mark)?))
    })
}

/// The text before the first of some characters, and the rest with it.
pub(super) fn split_before<const N: usize>(text: &str, ends: [char; N]) -> (&str, &str) {
    // Shape: where they are.
    text.split_at_checked(text.find(ends).unwrap_or(text.len())).unwrap_or((text, ""))
}

/// The value of the only `code` among the parameters.
pub(super) fn code_parameter(query: &str) -> Result<&str, UrlError> {
    let mut found = None;
    // Shape: where its parameters are.
    for parameter in query.split('&') {
        // Mail that was escaped once too often has `&amp;` between parameters.
        let parameter = parameter.strip_prefix("amp;").unwrap_or(parameter);
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.eq_ignore_ascii_case("code") && found.replace(value).is_some() {
            return Err(UrlError::RepeatedCode);
        }
    }
    found.filter(|value| !value.is_empty()).ok_or(UrlError::MissingCode)
}
