//! The browser's side of a link: a page that uses nothing up, a button that does.
//!
//! Mail scanners, chat previews and browsers fetch every link that they see, so a `GET` or a `HEAD` shows a page and no
//! more (D3). A person presses its one button, and the `POST` redeems the link (D1) and hands them over to the
//! application, which answers as it likes: see [`Enter`].
//!
//! # What a person gets
//!
//! | | status | page |
//! | --- | --- | --- |
//! | the link would open | 200 | the button ([`PageKind::Confirm`]) |
//! | it does not, for whatever reason (D2) | 404 | one and the same ([`PageKind::Refused`]) |
//! | the address holds no link, as after a reload | 400 | asks to open the link again ([`PageKind::Missing`]) |
//! | somebody is opening it at this moment (D5) | 409, `Retry-After` | "try again" ([`PageKind::Busy`]) |
//! | the store cannot answer (S4), or the application's preparation failed | 503, `Retry-After` | "try again" ([`PageKind::Unavailable`]) |
//! | the form was not made here, for this browser, lately | 403 | the button once more ([`PageKind::Again`]) |
//! | a request that none of the pages makes | 405, 413, 414, 415, 422 | says so ([`PageKind::Malformed`]) |
//!
//! *Mangled* is a reason as any other: the page for all of them says to make sure that the whole link was opened. *Busy* and
//! *unavailable* are no refusals: there is something else to do about them. Their button sends the same form, so it is the
//! same attempt, which finds its own first answer, if there was one (D6).
//!
//! # Where the code is
//!
//! In the address that the person opened; the page's one script takes it out of the address bar before anything else, and
//! without scripts it leaves with the `POST`. In a hidden field of the form. In no cookie, no redirect, no header, no other
//! page, no log line (C4): spans have the link's id.

mod builder;
mod enter;
pub(crate) mod form;
pub(crate) mod front;
pub(crate) mod pages;
mod routes;
mod texts;

use std::{fmt, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, routing};
use inquiry_otl::{Service, store::LinkStore};

use self::{builder::Preparation, enter::Entrance, form::Forms, front::Front};
pub use self::{
    builder::{VerifyBuilder, VerifyError},
    enter::{Enter, Entry, GoOn, TargetError},
    form::FormKey,
    pages::{DefaultPages, Form, PageKind, Pages, View},
    texts::{Texts, Words},
};
use crate::{
    headers::security_headers,
    patience::Patience,
    session::{SessionCookie, Sessions},
};

/// The most bytes that a form may have. Ours has some hundred.
const MAX_FORM: usize = 4096;

/// Serves the links of a service: `GET`, `HEAD` and `POST /verify`, and the short form `/c/<code>`.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::Router;
/// use inquiry_otl::{MemoryStore, Service};
/// use inquiry_otl_axum::verify::{Entry, FormKey, Verify};
///
/// let service = Arc::new(Service::new(MemoryStore::new()));
/// let verify = Verify::builder(service, FormKey::random())
///     .enter(async |entry: Entry| format!("welcome back to {}", entry.grant.inquiry.id))?;
/// let app: Router = Router::new().merge(verify.router());
/// # Ok::<(), inquiry_otl_axum::verify::VerifyError>(())
/// ```
pub struct Verify<S> {
    inner: Arc<Inner<S>>,
}

/// What the handlers share.
struct Inner<S> {
    service: Arc<Service<S>>,
    forms: Forms,
    front: Arc<Front>,
    short_path: String,
    preparation: Option<Preparation>,
    patience: Patience,
    entrance: Entrance,
}

impl<S: LinkStore + 'static> Verify<S> {
    /// Starts to put one together.
    pub fn builder(service: Arc<Service<S>>, key: FormKey) -> VerifyBuilder<S> {
        VerifyBuilder::new(service, key)
    }

    /// The routes, with their headers: merge them into the application's router. The paths are from the root, so do not
    /// nest them.
    pub fn router<St: Clone + Send + Sync + 'static>(&self) -> Router<St> {
        let page =
            routing::get(routes::show::<S>).post(routes::open::<S>).fallback(routes::only_get_and_post::<S>);
        let short = routing::get(routes::show_short::<S>).fallback(routes::only_get::<S>);
        Router::new()
            .route(&self.inner.front.address, page)
            .route(&format!("{}/{{code}}", self.inner.short_path), short)
            .layer(DefaultBodyLimit::max(MAX_FORM))
            .layer(security_headers(&self.inner.front.policy))
            .with_state(Arc::clone(&self.inner))
    }

    /// What checks the application's requests after that, by the cookie that [`GoOn`] set.
    #[must_use]
    pub fn sessions(&self, cookie: SessionCookie) -> Sessions {
        Sessions::new(Arc::clone(&self.inner.service), cookie, Arc::clone(&self.inner.front))
    }
}

impl<S> Clone for Verify<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S> fmt::Debug for Verify<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify").field("front", &self.inner.front).finish_non_exhaustive()
    }
}
