//! A new link, which is shown once: in the answer to the form itself, so that no address of ours and no record has it.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use inquiry_otl::{Creator, IssueError, IssuedLink, LinkRequest, OnOutstanding, SessionId, StoreErrorKind};
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
use crate::app::App;

/// The form, as it was sent; empty, as it is shown first.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct LinkForm {
    /// The session that is handed to another device; empty for a link to the inquiry.
    pub(super) session: String,
    pub(super) amount: String,
    pub(super) unit: String,
    pub(super) outstanding: String,
    #[serde(skip)]
    pub(super) error: Option<String>,
}

impl Default for LinkForm {
    fn default() -> Self {
        Self {
            session: String::new(),
            amount: String::new(),
            unit: "hours".to_owned(),
            outstanding: "supersede".to_owned(),
            error: None,
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
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Named(id): Named,
    Posted { by, form }: Posted<LinkForm>,
) -> Result<Response, Failure> {
    let inquiry = app.links.inquiry(id).await.map_err(not_found)?;
    let mut request = if form.session.is_empty() {
        LinkRequest::resume(id)
    } else {
        LinkRequest::device_handoff(id, SessionId::new(&form.session).map_err(|_| Failure::Malformed)?)
    };
    request = request.on_outstanding(match form.outstanding.as_str() {
        "supersede" => OnOutstanding::Supersede,
        "keep" => OnOutstanding::Keep,
        "same" => OnOutstanding::ReturnSame { at_least: None },
        _ => return Err(Failure::Malformed),
    });
    if !form.amount.trim().is_empty() {
        match duration(&form.amount, &form.unit) {
            Ok(interval) => request = request.expires_in(interval),
            Err(error) => {
                let form = LinkForm { error: Some(error), ..form };
                let problem = "No link was created: see below.".to_owned();
                return refused(&app, by, id, StatusCode::UNPROCESSABLE_ENTITY, problem, form).await;
            }
        }
    }
    if let Ok(creator) = Creator::new(by.name()) {
        request = request.created_by(creator);
    }
    let problem = match app.links.issue(request).await {
        Ok(link) => return shown(&app, by, &title(&inquiry), &link),
        Err(IssueError::NotOpen(reason)) => words::not_open(&reason),
        Err(IssueError::SessionNotLive) => {
            "That session is over. Create a link to the inquiry instead.".to_owned()
        }
        Err(IssueError::Altered) => {
            "The link that was there was altered in the database. Create one that takes its place.".to_owned()
        }
        Err(IssueError::Store(error)) if error.kind() == StoreErrorKind::Conflict => {
            "Others are changing this inquiry at this moment. No link was created: try again.".to_owned()
        }
        Err(IssueError::Store(error)) => return Err(error.into()),
        Err(IssueError::NotFound) => return Err(Failure::NotFound),
        Err(error) => return Err(Failure::Unavailable(error.into())),
    };
    refused(&app, by, id, StatusCode::CONFLICT, problem, form).await
}

/// The one page that has it.
fn shown(app: &App, by: SignedIn, name: &str, link: &IssuedLink) -> Result<Response, Failure> {
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
    };
    page(StatusCode::OK, &view)
}
