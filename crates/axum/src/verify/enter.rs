//! How a person who may go on is handed over to the application.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use inquiry_otl::Grant;
use thiserror::Error;

use crate::session::SessionCookie;

/// A person who may go on, and the request in which they pressed the button.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The inquiry, the session, and the session's token, which is shown only here.
    pub grant: Grant,
    /// The request, without its body: its cookies, its extensions. No code is in it.
    pub request: Parts,
}

/// Lets a person in: [`GoOn`], or any `Fn(Entry)` whose future gives a response.
///
/// The link is used by then. If the answer is lost, or says that something failed, the same form can be sent again and
/// comes here again, with the same session and a new token (D6): so this may run more than once for one link, and
/// [`Grant::kind`] says so. Each time it must set the application's session anew, and never go on with one that the
/// browser has already.
pub trait Enter: Send + Sync + 'static {
    /// The answer to the person: typically a redirect, and the application's session as a cookie.
    fn enter(&self, entry: Entry) -> impl Future<Output = Response> + Send;

    /// The origin of another host that the answer redirects to, if it does: browsers ask the page's content policy
    /// whether a form may lead there.
    fn leads_to(&self) -> Option<String> {
        None
    }
}

impl<F, Fut> Enter for F
where
    F: Fn(Entry) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send,
{
    async fn enter(&self, entry: Entry) -> Response {
        self(entry).await.into_response()
    }
}

/// Redirects to one fixed place, with a [`SessionCookie`].
///
/// ```
/// use inquiry_otl_axum::verify::{GoOn, TargetError};
///
/// let go_on = GoOn::to("/inquiry")?;
/// assert!(GoOn::to("//evil.example/").is_err());
/// # Ok::<(), TargetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GoOn {
    target: HeaderValue,
    origin: Option<String>,
    cookie: SessionCookie,
}

impl GoOn {
    /// To a path of this host, or to a URL that starts with `https://`, or with `http://` for this machine.
    ///
    /// A cookie of this host reaches another one only if both are this very host, so to another host it is a
    /// closure that has to bring the session along.
    ///
    /// # Errors
    /// [`TargetError`] if it is neither.
    pub fn to(target: &str) -> Result<Self, TargetError> {
        let origin = origin(target)?;
        let target = HeaderValue::from_str(target).map_err(|_| TargetError)?;
        Ok(Self { target, origin, cookie: SessionCookie::default() })
    }

    /// The same with another cookie.
    #[must_use]
    pub fn with_cookie(mut self, cookie: SessionCookie) -> Self {
        self.cookie = cookie;
        self
    }
}

impl Enter for GoOn {
    async fn enter(&self, entry: Entry) -> Response {
        let headers =
            [(header::LOCATION, self.target.clone()), (header::SET_COOKIE, self.cookie.set(&entry.grant))];
        (StatusCode::SEE_OTHER, headers).into_response()
    }

    fn leads_to(&self) -> Option<String> {
        self.origin.clone()
    }
}

/// A target that is neither a path of this host nor the URL of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a target is a path, or starts with https://, or with http:// for this machine")]
#[non_exhaustive]
pub struct TargetError;

/// The origin of a URL; none for a path of this host.
pub(super) fn origin(target: &str) -> Result<Option<String>, TargetError> {
    // What browsers forgive in a URL is not forgiven here: a backslash for a slash, white space, controls.
    if !target
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'\'' | b';' | b','))
    {
        return Err(TargetError);
    }
    if target.starts_with('/') && !target.starts_with("//") {
        return Ok(None);
    }
    let (scheme, rest) = target.split_once("://").ok_or(TargetError)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let good = match scheme {
        "https" => !host.is_empty(),
        "http" => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    };
    if good && !authority.contains('@') {
        Ok(Some(format!("{scheme}://{authority}")))
    } else {
        Err(TargetError)
    }
}

/// Any [`Enter`], its type erased.
pub(super) struct Entrance(Box<Entering>);

type Entering = dyn Fn(Entry) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync;

impl Entrance {
    pub(super) fn new(enter: impl Enter) -> Self {
        let enter = Arc::new(enter);
        Self(Box::new(move |entry| {
            let enter = Arc::clone(&enter);
            Box::pin(async move { enter.enter(entry).await })
        }))
    }

    pub(super) async fn open(&self, entry: Entry) -> Response {
        (self.0)(entry).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_or_a_url_of_a_page() {
        assert_eq!(origin("/"), Ok(None));
        assert_eq!(origin("/inquiry?from=link#top"), Ok(None));
        assert_eq!(origin("https://app.acme.com/x?y"), Ok(Some("https://app.acme.com".to_owned())));
        assert_eq!(origin("http://localhost:3000"), Ok(Some("http://localhost:3000".to_owned())));
        for target in [
            "",
            "inquiry",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "javascript:alert(1)",
            "http://app.acme.com/",
            "https://",
            "https://user@evil.example/",
            "https://a.example;b/",
            "/a b",
            "/a\n",
        ] {
            assert_eq!(origin(target), Err(TargetError), "{target}");
        }
    }
}
