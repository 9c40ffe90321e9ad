//! The dashboard: what support staff does in a browser.
//!
//! To add a page: write a file with a template that extends `base.html` and has a `frame: Frame`, with handlers that take
//! [`SignedIn`] (a `GET`) or [`Posted`] (a form) and answer by [`page::page`], and a `router()` of it all, which is merged
//! into [`router`]; its line in the navigation is a [`page::Here`].

pub(crate) mod assets;
mod bulk;
mod changes;
mod diagnose;
mod fields;
mod figures;
mod inquiries;
mod inquiry;
mod mails;
mod new_link;
mod page;
pub(crate) mod person;
mod samples;
mod settings;
mod sign_in;
mod signed_in;
mod story;
mod templates;
mod tokens;
mod webhooks;
mod words;

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};
use inquiry_otl_axum::{ContentPolicy, security_headers};
use tower::util::MapResponseLayer;

pub(crate) use self::{
    page::{Failure, Frame, Here, Notice, page},
    signed_in::{Posted, SignedIn},
};
use crate::app::App;

/// Everything below `/dashboard`, and `/`, but for what takes its time.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::to("/dashboard")))
        .route("/dashboard/{*rest}", any(async || Failure::NotFound))
        .merge(sign_in::router())
        .merge(inquiries::router())
        .merge(inquiry::router())
        .merge(figures::router())
        .merge(diagnose::router())
        .merge(templates::router())
        .merge(mails::router())
        .merge(webhooks::router())
        .merge(tokens::router())
        .method_not_allowed_fallback(back)
        .layer(headers())
        .with_state(app)
}

/// Whoever looks at an address that takes forms alone, as by Enter in the address bar, comes to the page that it belongs to.
async fn back(method: Method, address: Uri) -> Response {
    match address.path().rsplit_once('/') {
        Some((page, _)) if method == Method::GET || method == Method::HEAD => {
            Redirect::to(page).into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// What a page may load: what this server has, and nothing else.
static POLICY: LazyLock<ContentPolicy> = LazyLock::new(|| {
    let own = ["script-src", "style-src", "img-src", "connect-src"];
    own.into_iter().fold(ContentPolicy::strict(), |policy, of| policy.allow(of, "'self'"))
});

/// The headers of every page.
pub(crate) fn headers() -> MapResponseLayer<impl Fn(Response) -> Response + Clone + Send + Sync + 'static> {
    security_headers(&POLICY)
}

/// What takes as long as it takes: files that are sent.
pub(crate) fn files(app: Arc<App>) -> Router {
    bulk::router().layer(headers()).with_state(app)
}
