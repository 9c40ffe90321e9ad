//! Spans that hold no code.

use axum::http::Request;
use tracing::Span;

/// A span for a request, without its query and without what in its path is long enough for a code: no code is ever in it
/// (C4).
///
/// It is for `tower_http::trace::TraceLayer`, of any version: `TraceLayer::new_for_http().make_span_with(redacted_span)`.
/// The layer's own span shows the whole URI. An access log in front of the application has to leave out the query itself.
///
/// ```
/// use axum::http::Request;
///
/// let request = Request::get("/verify?code=0JY7NTT17M4SKPG1YCQKT42K6VP2ZCMCR39").body(()).unwrap();
/// let span = inquiry_otl_axum::redacted_span(&request);
/// ```
pub fn redacted_span<B>(request: &Request<B>) -> Span {
    let path = redacted(request.uri().path());
    let version = request.version();
    tracing::info_span!("request", method = %request.method(), path, ?version)
}

/// The path, without segments that are long enough for a code.
fn redacted(path: &str) -> String {
    let shown = |segment| if 20 < str::len(segment) { "[redacted]" } else { segment };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::redacted;

    /// C4: a path that may hold a code is shown without it.
    #[test]
    fn a_path_is_shown_without_a_code() {
        assert_eq!(redacted("/c/0JY7NTT17M4SKPG1YCQKT42K6VP2ZCMCR39"), "/c/[redacted]");
        assert_eq!(redacted("/c/us1-0JY7NTT17M4SKPG1YCQKT42K6VP2ZCMCR39"), "/c/[redacted]");
        assert_eq!(redacted("/c/0JY7NTT17M4SKPG1YCQKT42K6VP2ZCMCR39/"), "/c/[redacted]/");
        assert_eq!(redacted("/verify"), "/verify");
        assert_eq!(redacted("/"), "/");
    }
}
