//! The headers of every answer.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use tower::util::MapResponseLayer;

/// What a page may load and run: nothing, but what is allowed here.
///
/// ```
/// use inquiry_otl_axum::ContentPolicy;
///
/// let policy = ContentPolicy::strict().inline_style("h1 { color: navy }").allow("img-src", "'self'");
/// assert!(policy.to_string().starts_with("default-src 'none'; "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentPolicy {
    directives: Vec<(&'static str, String)>,
}

impl ContentPolicy {
    /// Nothing is loaded, no script runs, nobody frames the page, and its forms go to this host.
    #[must_use]
    pub fn strict() -> Self {
        let directives = vec![
            ("default-src", "'none'".to_owned()),
            ("base-uri", "'none'".to_owned()),
            ("frame-ancestors", "'none'".to_owned()),
            ("form-action", "'self'".to_owned()),
        ];
        Self { directives }
    }

    /// The same, and a `<style>` with exactly that text.
    #[must_use]
    pub fn inline_style(self, text: &str) -> Self {
        self.allow("style-src", &hash(text))
    }

    /// The same, and a `<script>` with exactly that text.
    #[must_use]
    pub fn inline_script(self, text: &str) -> Self {
        self.allow("script-src", &hash(text))
    }

    /// The same, and one more source for a directive: `("img-src", "'self'")`.
    ///
    /// It is written down as it stands; what is no good in a header makes [`security_headers`] leave the policy at
    /// its strictest.
    #[must_use]
    pub fn allow(mut self, directive: &'static str, source: &str) -> Self {
        match self.directives.iter_mut().find(|(name, _)| *name == directive) {
            Some((_, sources)) if sources == "'none'" => source.clone_into(sources),
            Some((_, sources)) => {
                sources.push(' ');
                sources.push_str(source);
            }
            None => self.directives.push((directive, source.to_owned())),
        }
        self
    }
}

impl std::fmt::Display for ContentPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, (directive, sources)) in self.directives.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{directive} {sources}")?;
        }
        Ok(())
    }
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// A layer that gives every answer the headers of a page that keeps a secret.
///
/// No referrer, no cache, no frame, no sniffing, no window that keeps a hold on it, no device, no index, and that policy
/// for its content. An answer that brings a content policy, an opener policy or a permissions policy keeps its own.
///
/// ```
/// use axum::{Router, routing::get};
/// use inquiry_otl_axum::{ContentPolicy, security_headers};
///
/// let app: Router = Router::new()
///     .route("/inquiry", get(|| async { "welcome back" }))
///     .layer(security_headers(&ContentPolicy::strict()));
/// ```
#[must_use]
pub fn security_headers(
    policy: &ContentPolicy,
) -> MapResponseLayer<impl Fn(Response) -> Response + Clone + Send + Sync + use<>> {
    let headers = SecurityHeaders::new(policy);
    MapResponseLayer::new(move |response| headers.on(response))
}

/// What [`security_headers`] gives an answer.
#[derive(Clone)]
pub(crate) struct SecurityHeaders([(HeaderName, HeaderValue); 3]);

impl SecurityHeaders {
    pub(crate) fn new(policy: &ContentPolicy) -> Self {
        let policy = HeaderValue::from_str(&policy.to_string())
            .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        Self([
            (header::CONTENT_SECURITY_POLICY, policy),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
            (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS)),
        ])
    }

    /// The answer with these headers.
    pub(crate) fn on(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        for (name, value) in FIXED {
            headers.insert(name, value);
        }
        for (name, value) in &self.0 {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        response
    }
}

const FIXED: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
];

const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
                           fullscreen=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), \
                           payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), \
                           web-share=(), xr-spatial-tracking=()";
