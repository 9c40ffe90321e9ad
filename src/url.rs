//! URLs that carry a code (C5, C6).

mod pasted;

use std::fmt;

use thiserror::Error;

use self::pasted::{
    Parts, Room, after, code_parameter, first_word, split_before, url_in, without_quoted_printable,
};
use crate::{
    code::{Code, CodeError, CodeFormat, unescape, unwrapped},
    secret::{SecretText, Wiped},
};

/// A link's URL, which holds its code and is as secret as the code.
///
/// It is read by [`LinkUrl::expose`] alone and wiped on drop; `Debug` shows everything but the code.
/// It cannot be printed, cloned, compared or serialised by accident (C4).
pub struct LinkUrl {
    text: SecretText,
    code_at: usize,
}

impl LinkUrl {
    /// The URL: put it into the message to its person, and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.as_str()
    }
}

impl fmt::Debug for LinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkUrl({}[redacted])", self.expose().get(..self.code_at).unwrap_or_default())
    }
}

/// How URLs are written, and which ones are read (C5, C6).
///
/// Reading takes every accepted form and the bare code, with or without a scheme; only a host in brackets, and an
/// `http` host at port 443, are not known without theirs. `http` is taken for `https`, since what a person pasted went no further than this process. Case does not matter, other
/// parameters and the fragment are ignored; [`UrlFormat::parse`] says what else is forgiven.
///
/// ```
/// use inquiry_otl::{CodeFormat, UrlError, UrlFormat};
///
/// let urls = UrlFormat::new("https://verify.acme.com/start")?;
/// let codes = CodeFormat::default();
/// assert_eq!(
///     urls.parse(&codes, "https://verify.acme.com.evil.example/start?code=1").err(),
///     Some(UrlError::OtherHost),
/// );
/// assert_eq!(urls.parse(&codes, "verify.acme.com/start?utm_source=mail").err(), Some(UrlError::MissingCode));
/// # Ok::<(), inquiry_otl::UrlFormatError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlFormat {
    form: Form,
    others: Vec<Form>,
}

impl UrlFormat {
    /// The most bytes that a text may have to be looked at.
    pub const MAX_INPUT: usize = 2048;

    /// URLs that start with `base`: `https://`, a host, a port if need be, a path if need be.
    ///
    /// `http://` is allowed for `localhost`, `127.0.0.1` and `[::1]`. The code follows as a `code`
    /// parameter unless [`UrlFormat::with_style`] says otherwise.
    ///
    /// # Errors
    /// [`UrlFormatError`], which says what is wrong with the base.
    pub fn new(base: &str) -> Result<Self, UrlFormatError> {
        Ok(Self { form: Form::new(checked_base(base)?, UrlStyle::Query), others: Vec::new() })
    }

    /// Persona's short form: `https://perso.na/verify?code=<code>`.
    #[must_use]
    pub fn short() -> Self {
        Self::known("https://perso.na/verify", UrlStyle::Query)
    }

    /// Persona's shortest form: `https://perso.na/<code>`.
    #[must_use]
    pub fn short_path() -> Self {
        Self::known("https://perso.na", UrlStyle::Path)
    }

    /// The same base with the code in another place.
    #[must_use]
    pub fn with_style(mut self, style: UrlStyle) -> Self {
        self.form.style = style;
        self
    }

    /// The same form, and `other` with all that it accepts read as well.
    ///
    /// The first form that was added so is the short one, which [`UrlFormat::short_url`] writes.
    #[must_use]
    pub fn also_accepting(mut self, other: Self) -> Self {
        self.others.push(other.form);
        self.others.extend(other.others);
        self
    }

    /// The URL of a code.
    #[must_use]
    pub fn url(&self, code: &Code) -> LinkUrl {
        self.form.url(code)
    }

    /// The short URL of a code, for SMS and QR codes; the only form if there is no other.
    #[must_use]
    pub fn short_url(&self, code: &Code) -> LinkUrl {
        self.others.first().unwrap_or(&self.form).url(code)
    }

    /// Reads the code from a URL of an accepted form, from `code=<code>` or from a bare code (C6).
    ///
    /// What mail and chat programs do is forgiven: all that [`CodeFormat::parse`] forgives in a code, and
    /// - text before a URL that has a scheme, as in `Click here: https://…`, `<URL:https://…>`,
    ///   `[text](https://…)` and `*https://…*`. The first such URL counts, whether it is ours or not;
    /// - what follows `<`, `>`, `"`, `|` or `](` behind the host, and, if a code is none as it stands,
    ///   what follows its first white space;
    /// - quoted-printable: soft breaks anywhere, and `code=3D…`;
    /// - a URL that is percent-encoded as a whole.
    ///
    /// A URL within another one, encoded or not, is that other one: it is refused.
    ///
    /// # Errors
    /// [`UrlError`], which says what is wrong and never repeats the text.
    pub fn parse(&self, codes: &CodeFormat, text: &str) -> Result<Code, UrlError> {
        // Nearly all that comes is what was written here, or has one letter wrong.
        if let Some(read) = self.form.code_as_written(text).and_then(|code| codes.as_written(code)) {
            return read.map_err(UrlError::Code);
        }
        self.parse_pasted(codes, text)
    }

    fn parse_pasted(&self, codes: &CodeFormat, text: &str) -> Result<Code, UrlError> {
        if text.len() > Self::MAX_INPUT {
            return Err(UrlError::TooLong);
        }
        self.read(codes, text).or_else(|reason| {
            // Where nothing but the check is wrong, or too much is there, nothing is left to undo.
            if matches!(reason, UrlError::RepeatedCode | UrlError::Code(CodeError::Check)) {
                return Err(reason);
            }
            if !text.contains('=') {
                return Err(reason);
            }
            let mut room: Room = Wiped([0; Self::MAX_INPUT]);
            without_quoted_printable(text, &mut room).map_or(Err(reason), |text| self.read(codes, text))
        })
    }

    fn read(&self, codes: &CodeFormat, text: &str) -> Result<Code, UrlError> {
        let plain = unwrapped(text);
        if is_url(plain) {
            return first_code(codes, self.code_in(url_in(plain))?);
        }
        // `?code=…` is what is left of a URL whose host nobody has seen.
        if after(text.trim_start(), "code=").is_some() {
            return first_code(codes, code_parameter(text.trim_start())?);
        }
        let reason = match codes.parse(plain) {
            Err(reason @ (CodeError::Alphabet | CodeError::TooLong)) if plain.contains('%') => reason,
            read => return Ok(read?),
        };
        let mut room: Room = Wiped([0; Self::MAX_INPUT]);
        match unescape(plain, &mut room) {
            Ok(url) if is_url(url) => first_code(codes, self.code_in(url_in(unwrapped(url)))?),
            _ => Err(reason.into()),
        }
    }

    fn code_in<'t>(&self, url: &'t str) -> Result<&'t str, UrlError> {
        let url = Parts::of(url);
        let of_host = || self.forms().filter(|form| form.host().eq_ignore_ascii_case(url.host));
        // A query names its code, so it goes before a path that may happen to look like one.
        for form in of_host().filter(|form| form.style == UrlStyle::Query) {
            // Shape: where the path ends.
            if form.path().eq_ignore_ascii_case(without_slash(url.path)) {
                return code_parameter(url.query);
            }
        }
        let mut refused = UrlError::OtherHost;
        for form in of_host() {
            refused = UrlError::OtherPath;
            if form.style == UrlStyle::Path {
                if let Some(segment) = form.segment(url.path) {
                    // Shape: whether it has a segment.
                    return if segment.is_empty() { Err(UrlError::MissingCode) } else { Ok(segment) };
                }
            }
        }
        Err(refused)
    }

    fn forms(&self) -> impl Iterator<Item = &Form> {
        std::iter::once(&self.form).chain(&self.others)
    }

    /// A form whose base is known to be good.
    fn known(base: &str, style: UrlStyle) -> Self {
        Self { form: Form::new(base.to_owned(), style), others: Vec::new() }
    }
}

impl Default for UrlFormat {
    /// Writes `https://withpersona.com/verify?code=<code>`, short `https://perso.na/<code>`; reads
    /// these and `https://perso.na/verify?code=<code>`.
    fn default() -> Self {
        Self::known("https://withpersona.com/verify", UrlStyle::Query)
            .also_accepting(Self::short_path())
            .also_accepting(Self::short())
    }
}

/// Where in a URL the code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum UrlStyle {
    /// As a parameter: `?code=<code>`.
    Query,
    /// As the last segment of the path: `/<code>`.
    Path,
}

/// Why a text gives no code; it never repeats the text (C4, C6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is a URL of another host, of another scheme, or with a user in it.
    #[error("the URL is not one of this service")]
    OtherHost,
    /// It is a URL of this service, but not of a link.
    #[error("the URL is not that of a link")]
    OtherPath,
    /// It holds no code, or an empty one.
    #[error("the URL holds no code")]
    MissingCode,
    /// It holds more than one `code`.
    #[error("the URL holds more than one code")]
    RepeatedCode,
    /// It is so long that it was not looked at.
    #[error("the text is far too long for a URL")]
    TooLong,
    /// What should be a code is none.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// Why a base of URLs was refused (C5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlFormatError {
    /// It does not start with `https://`, nor with `http://` and a host that is this machine.
    #[error("a base starts with https://, or with http:// for localhost")]
    Scheme,
    /// Its host or port is not one.
    #[error("the base has no good host or port")]
    Host,
    /// Its path has an empty segment, a dot segment, or something other than unreserved characters.
    #[error("the base's path holds something that is not allowed in it")]
    Path,
    /// It is longer than 512 bytes.
    #[error("a base has at most 512 bytes")]
    TooLong,
}

/// One form of URL.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    /// Scheme, host in lower case, port unless it is the scheme's own, path without a slash at its end.
    base: String,
    host_at: usize,
    path_at: usize,
    style: UrlStyle,
}

impl Form {
    /// The form of a base that is known to be good.
    fn new(base: String, style: UrlStyle) -> Self {
        let host_at = base.find("://").map_or(0, |at| at.saturating_add(3));
        let rest = base.get(host_at..).unwrap_or_default();
        let path_at = rest.find('/').map_or(base.len(), |at| at.saturating_add(host_at));
        Self { base, host_at, path_at, style }
    }

    fn host(&self) -> &str {
        self.base.get(self.host_at..self.path_at).unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.base.get(self.path_at..).unwrap_or_default()
    }

    /// What stands between the base and the code.
    fn before_code(&self) -> &'static str {
        match self.style {
            UrlStyle::Query if self.base.len() == self.path_at => "/?code=",
            UrlStyle::Query => "?code=",
            UrlStyle::Path => "/",
        }
    }

    /// What follows all that this form writes before a code. A path that looks like a code may be something else, so
    /// a form that writes it there says nothing.
    #[inline]
    fn code_as_written<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self.style {
            UrlStyle::Query => text.strip_prefix(self.base.as_str())?.strip_prefix(self.before_code()),
            UrlStyle::Path => None,
        }
    }

    fn url(&self, code: &Code) -> LinkUrl {
        let before_code = self.before_code();
        let code_at = self.base.len().saturating_add(before_code.len());
        let text = SecretText::build(code_at.saturating_add(code.text_len()), |text| {
            text.push_str(&self.base);
            text.push_str(before_code);
            code.push_to(text);
        });
        LinkUrl { text, code_at }
    }

    /// The one segment of a path that follows this form's own path.
    fn segment<'t>(&self, path: &'t str) -> Option<&'t str> {
        let (front, rest) = path.split_at_checked(self.path().len())?;
        let segment = without_slash(rest.strip_prefix('/').unwrap_or(rest));
        let ours = front.eq_ignore_ascii_case(self.path());
        let whole = rest.is_empty() || rest.starts_with('/');
        // Shape: where the segment ends.
        (ours && whole && !first_word(segment).contains('/')).then_some(segment)
    }
}

fn is_url(text: &str) -> bool {
    // Shape: whether it has a path or a query.
    text.bytes().any(|byte| matches!(byte, b'/' | b'?'))
}

/// The code that a value is, spaces and all; otherwise the one that it starts with.
fn first_code(codes: &CodeFormat, value: &str) -> Result<Code, UrlError> {
    Ok(codes.parse(value).or_else(|reason| match reason {
        CodeError::Check => Err(reason),
        _ => codes.parse(first_word(value)).map_err(|_| reason),
    })?)
}

/// The base as it is kept, if URLs may start with it.
fn checked_base(base: &str) -> Result<String, UrlFormatError> {
    if base.len() > 512 {
        return Err(UrlFormatError::TooLong);
    }
    let (scheme, rest) = base.split_once("://").ok_or(UrlFormatError::Scheme)?;
    let scheme = scheme.to_ascii_lowercase();
    let (authority, path) = split_before(rest, ['/']);
    let authority = authority.to_ascii_lowercase();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority.as_str(), None),
    };
    let default_port = match scheme.as_str() {
        "https" => 443,
        "http" if matches!(host, "localhost" | "127.0.0.1" | "[::1]") => 80,
        _ => return Err(UrlFormatError::Scheme),
    };
    if !is_host(host) {
        return Err(UrlFormatError::Host);
    }
    let port = match port.map(port_number) {
        None => None,
        Some(None) => return Err(UrlFormatError::Host),
        Some(Some(port)) => Some(port).filter(|port| *port != default_port),
    };
    let path = without_slash(path);
    if !path.split('/').skip(1).all(is_segment) {
        return Err(UrlFormatError::Path);
    }
    Ok(match port {
        None => format!("{scheme}://{host}{path}"),
        Some(port) => format!("{scheme}://{host}:{port}{path}"),
    })
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.len() <= 253 && host.split('.').all(is_label),
    }
}

fn port_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

#[cfg(feature = "serde")]
mod wire {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{Form, UrlFormat, UrlStyle};

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "UrlFormat", rename_all = "kebab-case", deny_unknown_fields)]
    struct Parts {
        base: String,
        #[serde(default = "query")]
        style: UrlStyle,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also_accepting: Vec<Parts>,
    }

    const fn query() -> UrlStyle {
        UrlStyle::Query
    }

    impl Parts {
        fn of(form: &Form, others: &[Form]) -> Self {
            let also_accepting = others.iter().map(|other| Self::of(other, &[])).collect();
            Self { base: form.base.clone(), style: form.style, also_accepting }
        }

        fn checked(self) -> Result<UrlFormat, super::UrlFormatError> {
            let format = UrlFormat::new(&self.base)?.with_style(self.style);
            self.also_accepting
                .into_iter()
                .try_fold(format, |format, other| Ok(format.also_accepting(other.checked()?)))
        }
    }

    impl Serialize for UrlFormat {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            Parts::of(&self.form, &self.others).serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for UrlFormat {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Parts::deserialize(deserializer)?.checked().map_err(D::Error::custom)
        }
    }
}
