//! The dashboard: what support staff does in a browser.
//!
//! To add a page: write a file with a template that extends `base.html` and has a `frame: Frame`, with handlers that take
//! [`SignedIn`] (a `GET`) or [`Posted`] (a form) and answer by [`page::page`], and a `router()` of it all, which is merged
//! into [`router`]; its line in the navigation is a [`page::Here`].

mod assets;
mod bulk;
mod changes;
mod fields;
mod figures;
mod inquiries;
mod inquiry;
mod new_link;
mod page;
mod samples;
mod sign_in;
mod signed_in;
mod story;
mod words;

use std::sync::Arc;

use axum::{Router, response::Redirect, routing::get};
use inquiry_otl_axum::{ContentPolicy, security_headers};

pub(crate) use self::{
    page::{Failure, Frame, Here, Notice, page},
    signed_in::{Posted, SignedIn},
};
use crate::app::App;

/// Everything below `/dashboard`, and `/`, but for what takes its time.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::to("/dashboard")))
        .merge(sign_in::router())
        .merge(inquiries::router())
        .merge(inquiry::router())
        .merge(figures::router())
        .layer(security_headers(&policy()))
        .with_state(app)
        // The browser may keep these.
        .merge(assets::router())
}

/// What takes as long as it takes: files that are sent.
pub(crate) fn files(app: Arc<App>) -> Router {
    bulk::router().layer(security_headers(&policy())).with_state(app)
}

fn policy() -> ContentPolicy {
    ContentPolicy::strict()
        .allow("script-src", "'self'")
        .allow("style-src", "'self'")
        .allow("img-src", "'self'")
        .allow("connect-src", "'self'")
}
