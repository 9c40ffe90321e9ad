//! A new link, which is shown once: in the answer to the form itself, so that no address of ours and no record has it.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use inquiry_otl::{Creator, IssueError, IssuedLink, SessionId, StoreErrorKind};
use lettre::Address;
use qrcode::{QrCode, render::svg};
use serde::Deserialize;

use super::{
    Failure, Frame, Here, Posted, SignedIn,
    fields::duration,
    inquiries::path_of,
    inquiry::{Named, not_found, refused, title},
    page,
    words::{self, Moment},
};
use crate::{
    app::App,
    mail::{self, Asked, EnqueueError, Older},
};

/// The form, as it was sent; empty, as it is shown first.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct LinkForm {
    /// The session that is handed to another device; empty for a link to the inquiry.
    pub(super) session: String,
    pub(super) amount: String,
    pub(super) unit: String,
    pub(super) outstanding: String,
    /// To whom it is sent; empty if it is not.
    pub(super) mail: String,
    #[serde(skip)]
    pub(super) error: Option<String>,
    #[serde(skip)]
    pub(super) mail_error: Option<&'static str>,
}

impl Default for LinkForm {
    fn default() -> Self {
        Self {
            session: String::new(),
            amount: String::new(),
            unit: "hours".to_owned(),
            outstanding: "supersede".to_owned(),
            mail: String::new(),
            error: None,
            mail_error: None,
        }
    }
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    frame: Frame,
    name: String,
    back: String,
    link: &'a IssuedLink,
    short: String,
    qr: Option<String>,
    expires: Moment,
    mailed: Option<Mailed>,
}

/// What becomes of the mail.
#[derive(Clone, Copy)]
enum Mailed {
    /// It is on its way.
    Sent,
    /// There is no mail server: it can be read.
    Shown,
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Named(id): Named,
    Posted { by, form }: Posted<LinkForm>,
) -> Result<Response, Failure> {
    let inquiry = app.links.inquiry(id).await.map_err(not_found)?;
    let handoff_of = match form.session.as_str() {
        "" => None,
        session => Some(SessionId::new(session).map_err(|_| Failure::Malformed)?),
    };
    let older = match form.outstanding.as_str() {
        "supersede" => Older::Supersede,
        "keep" => Older::Keep,
        "same" => Older::ReturnSame,
        _ => return Err(Failure::Malformed),
    };
    let expires_in = Some(form.amount.trim()).filter(|amount| !amount.is_empty());
    let expires_in = expires_in.map(|amount| duration(amount, &form.unit)).transpose();
    let to = Some(form.mail.trim()).filter(|mail| !mail.is_empty()).map(str::parse::<Address>).transpose();
    let (expires_in, to) = match (expires_in, to) {
        (Ok(expires_in), Ok(to)) => (expires_in, to),
        (expires_in, to) => {
            let error = expires_in.err();
            let mail_error = to.err().map(|_| "Give one address, as in jo@example.com.");
            let form = LinkForm { error, mail_error, ..form };
            let problem = "No link was created: see below.".to_owned();
            return refused(&app, by, id, StatusCode::UNPROCESSABLE_ENTITY, problem, form).await;
        }
    };
    let asked = Asked { handoff_of, expires_in, older, creator: Creator::new(by.name()).ok() };
    let mailed = to.is_some().then_some(if app.mail.sends() { Mailed::Sent } else { Mailed::Shown });
    let issued = match to {
        None => app.links.issue(asked.request(id)).await.map_err(EnqueueError::Issue),
        Some(to) => mail::enqueue(&app, id, asked, to).await,
    };
    let problem = match issued {
        Ok(link) => return shown(&app, by, &title(&inquiry), &link, mailed),
        Err(EnqueueError::Records(error)) => return Err(error.into()),
        Err(EnqueueError::Derive(error)) => return Err(Failure::Unavailable(error.into())),
        Err(EnqueueError::Issue(error)) => match error {
            IssueError::NotOpen(reason) => words::not_open(&reason),
            IssueError::SessionNotLive => {
                "That session is over. Create a link to the inquiry instead.".to_owned()
            }
            IssueError::Altered => {
                "The link that was there was altered in the database. Create one that takes its place."
                    .to_owned()
            }
            IssueError::Store(error) if error.kind() == StoreErrorKind::Conflict => {
                "Others are changing this inquiry at this moment. No link was created: try again.".to_owned()
            }
            IssueError::Store(error) => return Err(error.into()),
            IssueError::NotFound => return Err(Failure::NotFound),
            error => return Err(Failure::Unavailable(error.into())),
        },
    };
    refused(&app, by, id, StatusCode::CONFLICT, problem, form).await
}

/// The one page that has it.
fn shown(
    app: &App,
    by: SignedIn,
    name: &str,
    link: &IssuedLink,
    mailed: Option<Mailed>,
) -> Result<Response, Failure> {
    let planner = app.links.planner();
    let short = planner.urls().short_url(&link.code);
    let qr = QrCode::new(short.expose()).ok().map(|qr| {
        let drawn = qr.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
        // An element of the page: without the line that begins a file.
        drawn.split_once("?>").map_or_else(|| drawn.clone(), |(_, element)| element.to_owned())
    });
    let view = LinkPage {
        frame: Frame::new(
            by,
            Here::Inquiries,
            if link.reused { "The same link again" } else { "The new link" },
        ),
        name: name.to_owned(),
        back: path_of(link.inquiry),
        link,
        short: short.expose().to_owned(),
        qr,
        expires: words::moment(link.expires_at, planner.now()),
        mailed,
    };
    page(StatusCode::OK, &view)
}
