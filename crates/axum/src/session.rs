//! The person's session, after the link: a cookie, and an extractor that checks it.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, HeaderValue, StatusCode, request::Parts},
    response::Response,
};
use cookie::SameSite;
use inquiry_otl::{
    Grant, InquiryId, InquirySession, ReadError, Service, SessionId, SessionToken, store::LinkStore,
};
use thiserror::Error;

use crate::{
    headers::SecurityHeaders,
    verify::{
        form::{CookieKind, cookie_named},
        front::Front,
        pages::PageKind,
    },
};

/// The cookie that lets a person act in their session: `HttpOnly`, `Secure`, `SameSite=Lax`, for this host alone.
///
/// It ends with the browser. It holds the ids of inquiry and session and the session's token, which is a secret.
///
/// ```
/// use inquiry_otl_axum::{CookieNameError, SessionCookie};
///
/// let cookie = SessionCookie::new("acme-inquiry")?; // called `__Host-acme-inquiry`
/// assert!(SessionCookie::new("a b").is_err());
/// # Ok::<(), CookieNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    name: String,
    kind: CookieKind,
}

impl Default for SessionCookie {
    fn default() -> Self {
        Self { name: "inquiry".to_owned(), kind: CookieKind::Secure }
    }
}

impl SessionCookie {
    /// A cookie of that name, behind `__Host-`.
    ///
    /// # Errors
    /// [`CookieNameError`] if the name has anything but letters, digits, `-` and `_`.
    pub fn new(name: &str) -> Result<Self, CookieNameError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(good) {
            return Err(CookieNameError);
        }
        Ok(Self { name: name.to_owned(), ..Self::default() })
    }

    /// The same without `Secure` and `__Host-`, for http on a developer's own machine.
    #[must_use]
    pub fn over_http_on_loopback(mut self) -> Self {
        self.kind = CookieKind::Loopback;
        self
    }

    /// The value of a `Set-Cookie` header that starts the session of a grant, in place of any other.
    #[must_use]
    pub fn set(&self, grant: &Grant) -> HeaderValue {
        let value = format!("{}.{}.{}", grant.inquiry.id, grant.session.id, grant.token.expose().as_str());
        let cookie = self.kind.cookie(self.kind.named(&self.name), value, SameSite::Lax).build();
        let mut value = HeaderValue::from_str(&cookie.to_string()).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    fn read(&self, headers: &HeaderMap) -> Option<(InquiryId, SessionId, SessionToken)> {
        let value = cookie_named(headers, &self.kind.named(&self.name))?;
        let mut parts = value.splitn(3, '.');
        Some((
            InquiryId::new(parts.next()?).ok()?,
            SessionId::new(parts.next()?).ok()?,
            SessionToken::parse(parts.next()?).ok()?,
        ))
    }
}

/// A name that no cookie may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a cookie's name has letters, digits, - and _ only")]
#[non_exhaustive]
pub struct CookieNameError;

/// Checks the cookie of every request: put it into the application's state for [`CurrentSession`].
///
/// [`Verify::sessions`](crate::verify::Verify::sessions) gives it.
#[derive(Clone)]
pub struct Sessions {
    check: Arc<Check>,
    cookie: SessionCookie,
    front: Arc<Front>,
    headers: SecurityHeaders,
}

type Check = dyn Fn(
        (InquiryId, SessionId, SessionToken),
    ) -> Pin<Box<dyn Future<Output = Result<Option<InquirySession>, ReadError>> + Send>>
    + Send
    + Sync;

impl Sessions {
    pub(crate) fn new<S: LinkStore + 'static>(
        service: Arc<Service<S>>,
        cookie: SessionCookie,
        front: Arc<Front>,
    ) -> Self {
        let check: Arc<Check> = Arc::new(move |(inquiry, session, token)| {
            let service = Arc::clone(&service);
            Box::pin(async move { service.authenticate(inquiry, session, &token).await })
        });
        let headers = SecurityHeaders::new(&front.policy);
        Self { check, cookie, front, headers }
    }

    /// The session that a request belongs to, if its cookie is good and the session is live (D7).
    ///
    /// # Errors
    /// [`ReadError::Store`] only.
    pub async fn of(&self, headers: &HeaderMap) -> Result<Option<InquirySession>, ReadError> {
        match self.cookie.read(headers) {
            Some(presented) => (self.check)(presented).await,
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("cookie", &self.cookie).finish_non_exhaustive()
    }
}

/// The session that a request belongs to (D7). Without one the person gets a page, 401, that asks them to open their link.
///
/// ```
/// use axum::{Router, routing::get};
/// use inquiry_otl_axum::{CurrentSession, Sessions};
///
/// async fn inquiry(CurrentSession(session): CurrentSession) -> String {
///     format!("welcome back to {}", session.inquiry)
/// }
///
/// fn app(sessions: Sessions) -> Router {
///     Router::new().route("/inquiry", get(inquiry)).with_state(sessions)
/// }
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "an extractor is taken apart in the handler's signature")]
pub struct CurrentSession(pub InquirySession);

impl<St> FromRequestParts<St> for CurrentSession
where
    St: Send + Sync,
    Sessions: FromRef<St>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Response> {
        let sessions = Sessions::from_ref(state);
        let page = match sessions.of(&parts.headers).await {
            Ok(Some(session)) => return Ok(Self(session)),
            Ok(None) => {
                sessions.front.page(&parts.headers, StatusCode::UNAUTHORIZED, PageKind::Missing, None)
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no session could be read");
                sessions.front.unavailable(&parts.headers, None)
            }
        };
        // Whatever else the route answers, these pages are ours, and bring what they need along.
        Err(sessions.headers.on(page))
    }
}
