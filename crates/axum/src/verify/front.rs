//! What every answer to a person has in common: pages, language, headers.

use std::fmt;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    pages::{Form, PageKind, Pages, SCRIPT, View},
    texts::Catalogue,
};
use crate::headers::ContentPolicy;

/// How long to wait before the store may work again, in seconds.
const PATIENCE: u64 = 10;

/// The pages, put behind one call.
pub(crate) struct Front {
    pub(super) pages: Box<dyn Pages>,
    pub(super) catalogue: Catalogue,
    /// Where the form goes, and what the address bar shows.
    pub(super) address: String,
    /// What the pages may load and run, and where their form may lead.
    pub(crate) policy: ContentPolicy,
}

impl Front {
    pub(super) fn new(
        pages: Box<dyn Pages>,
        catalogue: Catalogue,
        address: String,
        leads_to: &[String],
    ) -> Self {
        let policy = pages.policy().inline_script(SCRIPT);
        let policy = leads_to.iter().fold(policy, |policy, origin| policy.allow("form-action", origin));
        Self { pages, catalogue, address, policy }
    }

    /// A page, in the language that the browser likes best.
    pub(crate) fn page(
        &self,
        headers: &HeaderMap,
        status: StatusCode,
        kind: PageKind,
        form: Option<Form<'_>>,
    ) -> Response {
        let texts = self.catalogue.choose(headers);
        let view = View { kind, texts, form, address: &self.address };
        let Ok(html) = self.pages.html(&view) else {
            // The error may quote what it was given, and that was a code.
            tracing::error!(?kind, "a page could not be made");
            return (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response();
        };
        let mut response = (status, Body::from(html)).into_response();
        let language = HeaderValue::from_str(&texts.language).ok();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
        language.and_then(|language| headers.insert(header::CONTENT_LANGUAGE, language));
        response
    }

    /// A fault of the store: neither a grant nor a refusal (S4).
    pub(crate) fn unavailable(&self, headers: &HeaderMap, form: Option<Form<'_>>) -> Response {
        let response = self.page(headers, StatusCode::SERVICE_UNAVAILABLE, PageKind::Unavailable, form);
        retry_after(response, PATIENCE)
    }

    /// Somebody else holds the link, for that many seconds at most (D5).
    pub(super) fn busy(&self, headers: &HeaderMap, seconds: u64, form: Form<'_>) -> Response {
        retry_after(self.page(headers, StatusCode::CONFLICT, PageKind::Busy, Some(form)), seconds)
    }

    /// One and the same page for every reason (D2).
    pub(super) fn refused(&self, headers: &HeaderMap) -> Response {
        self.page(headers, StatusCode::NOT_FOUND, PageKind::Refused, None)
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("address", &self.address).finish_non_exhaustive()
    }
}

fn retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}
