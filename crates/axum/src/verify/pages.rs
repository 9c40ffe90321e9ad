//! What a person sees: the default pages, and the trait for those of the application.

use std::error::Error;

use askama::Template;
use inquiry_otl::Purpose;

use super::texts::{Texts, Words};
use crate::headers::ContentPolicy;

/// Makes pages: implement it with a template library of your own.
///
/// A page must be a whole document in which whatever comes from a [`View`] is escaped, [`View::script`] is in a
/// `<script>` at its beginning, and [`View::form`], where there is one, is a form with one button.
pub trait Pages: Send + Sync + 'static {
    /// The page.
    ///
    /// # Errors
    /// Whatever goes wrong; the person gets a plain 500. The error is not shown and not logged, since it may quote the
    /// code.
    fn html(&self, view: &View<'_>) -> Result<String, Box<dyn Error + Send + Sync>>;

    /// What these pages load and run, beside [`View::script`].
    fn policy(&self) -> ContentPolicy;
}

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageKind {
    /// A link would open: the person presses the button, or does not.
    Confirm(Purpose),
    /// The button was pressed on a page that was too old, or without its cookie: once more.
    Again,
    /// The link does not open anything: the same page for every reason (D2).
    Refused,
    /// There is no link in the address.
    Missing,
    /// Somebody is opening the link at this moment.
    Busy,
    /// Something of ours does not work.
    Unavailable,
    /// The request is none that our pages make.
    Malformed,
}

/// What to show.
#[derive(Debug)]
#[non_exhaustive]
pub struct View<'a> {
    /// What the page is about.
    pub kind: PageKind,
    /// What is said in the language of the person.
    pub texts: &'a Texts,
    /// The form, if the page has one.
    pub form: Option<Form<'a>>,
    /// What the address bar is to show instead of the code: it goes into `data-address` of the `html` element.
    pub address: &'a str,
}

impl View<'_> {
    /// The one script of the page. The first thing that it does is to take the code out of the address bar.
    #[must_use]
    pub const fn script(&self) -> &'static str {
        SCRIPT
    }

    /// What this page says.
    #[must_use]
    pub fn words(&self) -> &Words {
        let texts = self.texts;
        match self.kind {
            PageKind::Confirm(Purpose::Resume) => &texts.confirm,
            PageKind::Confirm(Purpose::DeviceHandoff) => &texts.handoff,
            PageKind::Again => &texts.again,
            PageKind::Refused => &texts.refused,
            PageKind::Missing => &texts.missing,
            PageKind::Busy => &texts.busy,
            PageKind::Unavailable => &texts.unavailable,
            PageKind::Malformed => &texts.malformed,
        }
    }
}

/// A form with hidden fields and one button. One of the fields is the code, so `Debug` shows none.
#[non_exhaustive]
pub struct Form<'a> {
    /// `post` or `get`.
    pub method: &'static str,
    /// Where it goes.
    pub action: &'a str,
    /// The names and values of its hidden fields.
    pub fields: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Form")
            .field("method", &self.method)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

pub(super) const SCRIPT: &str = include_str!("../../templates/page.js");
const STYLE: &str = include_str!("../../templates/page.css");

/// The pages that come with this crate.
///
/// They are one document each, of some kilobytes, and load nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultPages;

impl Pages for DefaultPages {
    fn html(&self, view: &View<'_>) -> Result<String, Box<dyn Error + Send + Sync>> {
        let page = DefaultPage { view, words: view.words(), style: STYLE };
        Ok(page.render()?)
    }

    fn policy(&self) -> ContentPolicy {
        ContentPolicy::strict().inline_style(STYLE).allow("img-src", "data:")
    }
}

#[derive(Template)]
#[template(path = "page.html")]
struct DefaultPage<'a> {
    view: &'a View<'a>,
    words: &'a Words,
    style: &'static str,
}
