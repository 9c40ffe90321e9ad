//! The form of the page, and why nobody else can send it.
//!
//! Somebody could make a person's browser send a link *of their own*, and the person would go on in a stranger's inquiry
//! without knowing it. So a form counts only if this browser got it from here: its *seal* is an HMAC, under a key that
//! only the server has, over the code, the attempt key, the instant at which it ends, and a random cookie that came with
//! the page and that no other site can make the browser send (`SameSite=Strict`) or set (`__Host-`).
//!
//! Nothing is kept on the server, so any instance with the same key takes the form. That it is sent once only needs no
//! memory either: the seal is good for one code and one attempt, and the link's own record says whether that attempt was
//! the one first use. The same form, sent again by the same browser, is the same attempt, and gets the same session or
//! nothing (D6); with another code, or from another browser, the seal does not fit.
//!
//! A second cookie tells a browser from others where a policy asks for that (D4). It comes along when the link is opened from
//! a mail on another site (`SameSite=Lax`), which the first one does not; and it opens nothing, and seals nothing.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cookie::{Cookie, SameSite, time::Duration};
use hmac::{Hmac, KeyInit as _, Mac as _};
use inquiry_otl::{Attempt, AttemptKey, Binding, Code, Interval, Timestamp};
use serde::Deserialize;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The key under which forms are sealed: the same for all instances that serve the same links.
///
/// With another key, as after a restart with [`FormKey::random`], a page that is already open asks its person to press the
/// button once more; nothing else is lost.
///
/// ```
/// use inquiry_otl_axum::verify::FormKey;
///
/// let secret = [7; 32]; // 32 random bytes from where you keep secrets
/// assert_eq!(format!("{:?}", FormKey::new(secret)), "FormKey([redacted])");
/// ```
pub struct FormKey(Zeroizing<[u8; 32]>);

impl FormKey {
    /// A key from 32 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key: enough for a single instance.
    #[must_use]
    pub fn random() -> Self {
        let seed = AttemptKey::random();
        let mut key = Self::new([0; 32]);
        // 160 random bits, spread over the key.
        key.0.copy_from_slice(&mac(&[0; 32], &[seed.expose().as_bytes()]).finalize().into_bytes());
        key
    }
}

impl fmt::Debug for FormKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormKey([redacted])")
    }
}

/// Makes forms, and tells whether one that is sent was made here for this browser.
pub(super) struct Forms {
    pub(super) key: FormKey,
    pub(super) cookie: CookieKind,
    pub(super) life: Interval,
}

/// Where the cookie may travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieKind {
    /// `Secure` and `__Host-`: over https, set by this host alone.
    Secure,
    /// Over http too, which is for a developer's own machine.
    Loopback,
}

impl CookieKind {
    pub(crate) fn named(self, name: &str) -> String {
        match self {
            Self::Secure => format!("__Host-{name}"),
            Self::Loopback => name.to_owned(),
        }
    }

    /// A cookie for the whole host that no script reads.
    pub(crate) fn cookie(
        self,
        name: String,
        value: String,
        same_site: SameSite,
    ) -> cookie::CookieBuilder<'static> {
        Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .secure(self == Self::Secure)
            .same_site(same_site)
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Fields {
    pub(super) code: String,
    attempt: String,
    seal: String,
}

impl Fields {
    /// The fields under their names, to be sent once more.
    pub(super) fn named(&self) -> [(&'static str, &str); 3] {
        [("code", &self.code), ("attempt", &self.attempt), ("seal", &self.seal)]
    }
}

/// A form for one page.
pub(super) struct Made {
    pub(super) code: String,
    pub(super) attempt: String,
    pub(super) seal: String,
    pub(super) cookies: Vec<HeaderValue>,
}

/// Why a form does not count; the person is shown the button again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsealed {
    OtherSite,
    NoCookie,
    NotOurs,
    TooOld,
}

impl Unsealed {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OtherSite => "other-site",
            Self::NoCookie => "no-cookie",
            Self::NotOurs => "not-ours",
            Self::TooOld => "too-old",
        }
    }
}

/// The cookie that a form is sealed for.
const FORM: &str = "otl-form";
/// The cookie that tells one browser from another.
const BROWSER: &str = "otl-browser";
/// How long a browser is known again, after the last page that it was shown.
const KNOWN: Duration = Duration::days(1);

impl Forms {
    /// A form for that code, which the browser with these headers may send until its life is over.
    pub(super) fn make(&self, code: &Code, headers: &HeaderMap, now: Timestamp) -> Made {
        let until = now.plus(self.life);
        let attempt = AttemptKey::random();
        // A browser that shows its cookie keeps it, so that a second tab does not end the first one's form.
        let kept =
            |name| self.nonce(name, headers).unwrap_or_else(|| AttemptKey::random().expose().to_owned());
        let (nonce, browser) = (kept(FORM), kept(BROWSER));
        let code = code.expose().as_str().to_owned();
        let mac = self.mac(&code, attempt.expose(), &nonce, until.unix_micros()).finalize().into_bytes();
        let seal = format!("{}.{}", until.unix_micros(), URL_SAFE_NO_PAD.encode(mac));
        let life = Duration::seconds(i64::from(self.life.seconds()));
        let cookies = [(FORM, nonce, SameSite::Strict, life), (BROWSER, browser, SameSite::Lax, KNOWN)];
        let cookies = cookies.map(|(name, nonce, same_site, life)| {
            self.cookie.cookie(self.cookie.named(name), nonce, same_site).max_age(life).build().to_string()
        });
        let cookies = cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()).collect();
        Made { code, attempt: attempt.expose().to_owned(), seal, cookies }
    }

    /// An attempt of the browser with these headers.
    pub(super) fn attempt(&self, headers: &HeaderMap) -> Attempt {
        let browser = self.nonce(BROWSER, headers).and_then(|nonce| Binding::new(nonce.as_bytes()).ok());
        browser.map_or_else(Attempt::new, |browser| Attempt::new().with_binding(browser))
    }

    /// The attempt that a form makes, if it was made here, for this browser, not too long ago.
    pub(super) fn check(
        &self,
        fields: &Fields,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Attempt, Unsealed> {
        // Browsers that say where a request comes from are believed; `Origin` is no help, since under `no-referrer` it
        // is `null` for our own form, too.
        let site = headers.get(HeaderName::from_static("sec-fetch-site"));
        if site.is_some_and(|site| site != "same-origin") {
            return Err(Unsealed::OtherSite);
        }
        let nonce = self.nonce(FORM, headers).ok_or(Unsealed::NoCookie)?;
        let (until, mac) = fields.seal.split_once('.').ok_or(Unsealed::NotOurs)?;
        let until = until.parse().ok().and_then(|until| Timestamp::from_unix_micros(until).ok());
        let until = until.ok_or(Unsealed::NotOurs)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| Unsealed::NotOurs)?;
        // In constant time.
        self.mac(&fields.code, &fields.attempt, &nonce, until.unix_micros())
            .verify_slice(&mac)
            .map_err(|_| Unsealed::NotOurs)?;
        if until <= now {
            return Err(Unsealed::TooOld);
        }
        let key = AttemptKey::new(&fields.attempt).map_err(|_| Unsealed::NotOurs)?;
        Ok(self.attempt(headers).with_key(key))
    }

    fn mac(&self, code: &str, attempt: &str, nonce: &str, until: i64) -> Hmac<Sha256> {
        let until = until.to_be_bytes();
        mac(&self.key.0, &[code.as_bytes(), attempt.as_bytes(), nonce.as_bytes(), &until])
    }

    /// What a cookie holds, if it looks like one of ours.
    fn nonce(&self, name: &str, headers: &HeaderMap) -> Option<String> {
        let nonce = cookie_named(headers, &self.cookie.named(name))?;
        (nonce.len() == 34 && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(nonce)
    }
}

/// The value of a cookie that the browser sent once; of one that it sent twice, nobody knows who set which.
pub(crate) fn cookie_named(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value.to_owned()),
        _ => None,
    }
}

/// An HMAC over parts that cannot be taken for one another: each goes with its length.
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    // A key of a whole block, which is what HMAC makes of a shorter one.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(b"inquiry-otl form 1");
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac
}
