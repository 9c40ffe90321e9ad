//! Putting a [`Verify`] together.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use inquiry_otl::{InquiryId, Interval, Service, store::LinkStore};
use thiserror::Error;

use super::{
    Inner, Verify,
    enter::{Enter, Entrance, origin},
    form::{CookieKind, FormKey, Forms},
    front::Front,
    pages::{DefaultPages, Pages},
    texts::{Catalogue, Texts},
};
use crate::patience::Patience;

/// How long an open page stays good.
const HOUR: Interval = match Interval::from_hours(1) {
    Ok(hour) => hour,
    Err(_) => unreachable!(),
};

/// Puts a [`Verify`] together: every part has a default but the service and the key.
#[must_use]
pub struct VerifyBuilder<S> {
    service: Arc<Service<S>>,
    key: FormKey,
    cookie: CookieKind,
    life: Interval,
    path: String,
    short_path: String,
    pages: Box<dyn Pages>,
    catalogue: Catalogue,
    preparation: Option<Preparation>,
    leads_to: Vec<String>,
    patience: Patience,
}

/// The application's work before a link is used.
pub(super) type Preparation = Box<
    dyn Fn(InquiryId) -> Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send>>
        + Send
        + Sync,
>;

impl<S: LinkStore + 'static> VerifyBuilder<S> {
    pub(super) fn new(service: Arc<Service<S>>, key: FormKey) -> Self {
        Self {
            service,
            key,
            cookie: CookieKind::Secure,
            life: HOUR,
            path: "/verify".to_owned(),
            short_path: "/c".to_owned(),
            pages: Box::new(DefaultPages),
            catalogue: Catalogue { default: Texts::english(), others: vec![Texts::german()] },
            preparation: None,
            leads_to: Vec::new(),
            patience: Patience::default(),
        }
    }

    /// Where the page is: `/verify`, unless told otherwise. It is the path of the service's URLs.
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// What stands before `/<code>` in a short link: `/c`, unless told otherwise.
    pub fn short_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.short_path);
        self
    }

    /// Cookies without `Secure` and `__Host-`, for http on a developer's own machine: any subdomain of the host could
    /// set them.
    pub fn over_http_on_loopback(mut self) -> Self {
        self.cookie = CookieKind::Loopback;
        self
    }

    /// How long an open page stays good: an hour, unless told otherwise. After that the person presses twice.
    pub fn form_life(mut self, life: Interval) -> Self {
        self.life = life;
        self
    }

    /// Pages of the application's own.
    pub fn pages(mut self, pages: impl Pages) -> Self {
        self.pages = Box::new(pages);
        self
    }

    /// The languages; the first one is for those who ask for none of them. English and German, unless told otherwise.
    pub fn texts(mut self, default: Texts, others: impl IntoIterator<Item = Texts>) -> Self {
        self.catalogue = Catalogue { default, others: others.into_iter().collect() };
        self
    }

    /// Work that may fail, done before the link is used (D5).
    ///
    /// While it runs the link is held, for the service's lease at most. If it fails, the link is given back as it was,
    /// and the person is asked to try again later: no link is spent on somebody who got nothing.
    pub fn prepare<F, Fut, E>(mut self, work: F) -> Self
    where
        F: Fn(InquiryId) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.preparation = Some(Box::new(move |inquiry| {
            let work = work(inquiry);
            Box::pin(async move { work.await.map_err(Into::into) })
        }));
        self
    }

    /// Another host that the application redirects to: browsers do not let the form lead there otherwise. [`GoOn`]
    /// says so itself.
    ///
    /// [`GoOn`]: super::GoOn
    pub fn leads_to(mut self, url: &str) -> Self {
        self.leads_to.push(url.to_owned());
        self
    }

    /// How long the store, and what [`prepare`](Self::prepare) does, may take; as long as they take, unless told otherwise.
    ///
    /// After that the person is asked to try again, and their button sends the same attempt, which finds what the first
    /// one did (D6).
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.patience = Patience::of(time);
        self
    }

    /// The pages, and who lets people in.
    ///
    /// # Errors
    /// [`VerifyError`], which says which part is no good.
    pub fn enter(mut self, enter: impl Enter) -> Result<Verify<S>, VerifyError> {
        if !is_path(&self.path) || !is_path(&self.short_path) || self.path == self.short_path {
            return Err(VerifyError::Path);
        }
        self.leads_to.extend(enter.leads_to());
        let mut origins = Vec::new();
        for url in &self.leads_to {
            origins.extend(origin(url).map_err(|_| VerifyError::LeadsTo)?);
        }
        let front = Front::new(self.pages, self.catalogue, self.path, &origins);
        let inner = Inner {
            service: self.service,
            forms: Forms { key: self.key, cookie: self.cookie, life: self.life },
            front: Arc::new(front),
            short_path: self.short_path,
            preparation: self.preparation,
            patience: self.patience,
            entrance: Entrance::new(enter),
        };
        Ok(Verify { inner: Arc::new(inner) })
    }
}

impl<S> fmt::Debug for VerifyBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyBuilder").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Segments of unreserved characters, so that the path means the same to a router, a browser and a template.
fn is_path(path: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    path.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|segment| !segment.is_empty() && segment.bytes().all(unreserved))
    })
}

/// Why a [`Verify`] could not be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The paths are one and the same, or one of them is not made of segments of letters, digits, `-` and `_`.
    #[error("the paths must differ, start with / and have segments of letters, digits, - and _ only")]
    Path,
    /// A host to redirect to is not given as a URL.
    #[error("a host to redirect to starts with https://, or with http:// for this machine")]
    LeadsTo,
}
