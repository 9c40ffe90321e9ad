//! What every page of the dashboard has in common.

use std::error::Error;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use inquiry_otl::StoreError;

use super::signed_in::SignedIn;
use crate::records::RecordsError;

/// A page, made of its template.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Result<Response, Failure> {
    Ok((status, Html(template.render()?)).into_response())
}

/// Where in the navigation a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Here {
    Inquiries,
    Diagnose,
    Templates,
    Bulk,
    Mails,
    Webhooks,
    Figures,
    Tokens,
    /// Nowhere: the page has no navigation.
    Outside,
}

/// The navigation.
const NAVIGATION: [(Here, &str, &str); 8] = [
    (Here::Inquiries, "/dashboard/inquiries", "All inquiries"),
    (Here::Diagnose, "/dashboard/diagnose", "Diagnose"),
    (Here::Bulk, "/dashboard/bulk", "Bulk"),
    (Here::Templates, "/dashboard/templates", "Templates"),
    (Here::Mails, "/dashboard/mails", "Mails"),
    (Here::Webhooks, "/dashboard/webhooks", "Webhooks"),
    (Here::Figures, "/dashboard/figures", "Figures"),
    (Here::Tokens, "/dashboard/tokens", "Tokens"),
];

/// What stands around the content of a page: title, navigation, what has just happened.
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) here: Here,
    pub(crate) by: Option<SignedIn>,
    pub(crate) notice: Option<Notice>,
}

impl Frame {
    /// A page for somebody who is signed in.
    pub(crate) fn new(by: SignedIn, here: Here, title: &str) -> Self {
        Self { title: title.to_owned(), here, by: Some(by), notice: None }
    }

    /// A page for anybody: it has no navigation.
    pub(crate) fn outside(title: &str) -> Self {
        Self { title: title.to_owned(), here: Here::Outside, by: None, notice: None }
    }

    /// The same, and says first what has happened.
    pub(crate) fn with_notice(mut self, notice: impl Into<Option<Notice>>) -> Self {
        self.notice = notice.into();
        self
    }

    /// The field that each form of this page has: see [`Posted`](super::Posted).
    pub(crate) fn form_token(&self) -> &str {
        self.by.as_ref().map_or("", SignedIn::form_token)
    }

    /// The navigation: whether it is this page, where it leads, what it is called.
    pub(crate) fn navigation(&self) -> impl Iterator<Item = (bool, &'static str, &'static str)> {
        let shown = if self.by.is_some() { NAVIGATION.as_slice() } else { &[] };
        shown.iter().map(|(here, path, label)| (*here == self.here, *path, *label))
    }
}

/// What a page says first.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) is_problem: bool,
    pub(crate) text: String,
}

impl Notice {
    /// What was asked for was done.
    pub(crate) fn done(text: impl Into<String>) -> Self {
        Self { is_problem: false, text: text.into() }
    }

    /// It was not, and why.
    pub(crate) fn problem(text: impl Into<String>) -> Self {
        Self { is_problem: true, text: text.into() }
    }
}

/// Why there is no page. It never repeats what was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no such thing.
    NotFound,
    /// The form was not made for this browser and this sign-in, or comes from another site.
    NotOurs,
    /// The form has not the fields that it should have.
    Malformed,
    /// The store or the records do not answer, or not well.
    Unavailable(Box<dyn Error + Send + Sync>),
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    frame: Frame,
    text: &'static str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "There is no such page",
                "There is nothing under this address, or it was removed.",
            ),
            Self::NotOurs => (
                StatusCode::FORBIDDEN,
                "This form is no longer good",
                "Nothing was changed. Go back, reload the page, and send the form again.",
            ),
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "This form is not complete",
                "Nothing was changed. Go back, reload the page, and send the form again.",
            ),
            Self::Unavailable(error) => {
                tracing::error!(error = &*error as &dyn Error, "a page could not be made");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "This does not work at the moment",
                    "Whether something was changed is not known. Try again in a moment, and look first.",
                )
            }
        };
        let page = FailurePage { frame: Frame::outside(title), text };
        let mut response = match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (status, text).into_response(),
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

macro_rules! unavailable {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Unavailable(error.into())
            }
        })*
    };
}

unavailable!(StoreError, RecordsError, askama::Error);
