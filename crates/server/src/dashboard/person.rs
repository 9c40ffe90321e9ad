//! What the person sees behind a link, where no other place is configured: their inquiry, and that they are done.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Form, FromRef, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use inquiry_otl::{Action, ChangeError, InquirySession, Status};
use inquiry_otl_axum::{CurrentSession, Sessions};
use serde::Deserialize;

use super::{
    Failure, Frame, Notice,
    inquiry::{not_found, title},
    page,
    signed_in::is_ours,
    words::{self, Moment},
};
use crate::{
    app::App,
    secrets::{hex, mac},
};

/// Where the person goes on.
pub(crate) const PATH: &str = "/inquiry";

#[derive(Clone)]
struct Persons {
    app: Arc<App>,
    sessions: Sessions,
}

impl FromRef<Persons> for Sessions {
    fn from_ref(persons: &Persons) -> Self {
        persons.sessions.clone()
    }
}

pub(crate) fn router(app: Arc<App>, sessions: Sessions) -> Router {
    Router::new()
        .route(PATH, get(show))
        .route("/inquiry/complete", post(complete))
        .route("/inquiry/done", get(done))
        .method_not_allowed_fallback(super::back)
        .layer(super::headers())
        .with_state(Persons { app, sessions })
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    name: String,
    until: Moment,
    form_token: String,
}

async fn show(
    State(persons): State<Persons>,
    CurrentSession(session): CurrentSession,
) -> Result<Response, Failure> {
    welcome(&persons.app, &session, StatusCode::OK, None).await
}

async fn welcome(
    app: &App,
    session: &InquirySession,
    status: StatusCode,
    notice: Option<Notice>,
) -> Result<Response, Failure> {
    let inquiry = app.links.inquiry(session.inquiry).await.map_err(not_found)?;
    let view = PersonPage {
        frame: Frame::outside("Welcome back").with_notice(notice),
        name: title(&inquiry),
        until: words::moment(session.expires_at, app.links.planner().now()),
        form_token: form_token(app, session),
    };
    page(status, &view)
}

/// Each session's own: an HMAC of its id under a key that no database has.
fn form_token(app: &App, session: &InquirySession) -> String {
    hex(&mac(&*app.secrets.derive("csrf of a person"), session.id.to_string().as_bytes())).to_string()
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default, rename = "form-token")]
    form_token: String,
}

async fn complete(
    State(Persons { app, .. }): State<Persons>,
    CurrentSession(session): CurrentSession,
    headers: HeaderMap,
    Form(sent): Form<Sent>,
) -> Result<Response, Failure> {
    if !is_ours(&form_token(&app, &session), &headers, &sent.form_token) {
        let problem = Notice::problem("Please press the button once more.");
        return welcome(&app, &session, StatusCode::FORBIDDEN, Some(problem)).await;
    }
    let inquiry = app.links.inquiry(session.inquiry).await.map_err(not_found)?;
    let mut actions = vec![Action::Complete];
    if inquiry.status == Status::Created {
        actions.insert(0, Action::Start);
    }
    for action in actions {
        match app.links.change(inquiry.id, action).await {
            Ok(_) => {}
            Err(ChangeError::Store(error)) => return Err(error.into()),
            Err(error) => {
                let problem = Notice::problem(format!("This did not work: {error}."));
                return welcome(&app, &session, StatusCode::CONFLICT, Some(problem)).await;
            }
        }
    }
    Ok(Redirect::to("/inquiry/done").into_response())
}

#[derive(Template)]
#[template(path = "person_done.html")]
struct DonePage {
    frame: Frame,
}

async fn done() -> Result<Response, Failure> {
    page(StatusCode::OK, &DonePage { frame: Frame::outside("You are done") })
}
