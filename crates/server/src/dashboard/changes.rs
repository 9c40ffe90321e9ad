//! What staff does to an inquiry: resume, expire, decide, revoke, redact.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use inquiry_otl::{
    Action, ChangeError, InquiryId, LinkId, Revocation, RevokeError, SessionId, StoreErrorKind,
    TransitionError,
};
use serde::Deserialize;

use super::{
    Failure, Posted, SignedIn,
    inquiries::path_of,
    inquiry::{Named, refused},
    new_link::LinkForm,
    words,
};
use crate::app::App;

/// What can be asked for by its name in an address. To redact has a form of its own; to complete is the person's.
const ACTIONS: [(&str, Action); 5] = [
    ("resume", Action::Resume),
    ("expire", Action::Expire),
    ("approve", Action::Approve),
    ("decline", Action::Decline),
    ("mark-for-review", Action::MarkForReview),
];

/// What a page says after something was done.
pub(super) fn told(done: &str) -> Option<&'static str> {
    Some(match done {
        "resume" => "The inquiry was resumed. Now create a link for the person.",
        "expire" => "The inquiry was ended. All its links and sessions are dead.",
        "approve" => "The inquiry was approved.",
        "decline" => "The inquiry was declined.",
        "mark-for-review" => "The inquiry waits for a reviewer now.",
        "redact" => "The inquiry was redacted. Nobody can go on with it, ever.",
        "link" => "The link was revoked: it opens nothing any more.",
        "session" => "The session was revoked: whoever was in it is out.",
        "links" => "All links were revoked. Sessions that began go on.",
        "everything" => "Everything was revoked: no link opens anything, and whoever was in is out.",
        _ => return None,
    })
}

fn done(id: InquiryId, what: &str) -> Response {
    Redirect::to(&format!("{}?done={what}", path_of(id))).into_response()
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

#[derive(Deserialize)]
pub(super) struct Asked {
    action: String,
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    Named(id): Named,
    Path(Asked { action: name }): Path<Asked>,
    Posted { by, .. }: Posted<Nothing>,
) -> Result<Response, Failure> {
    let Some((_, action)) = ACTIONS.into_iter().find(|(known, _)| *known == name) else {
        return Err(Failure::NotFound);
    };
    apply(&app, by, id, action, &name).await
}

async fn apply(
    app: &App,
    by: SignedIn,
    id: InquiryId,
    action: Action,
    name: &str,
) -> Result<Response, Failure> {
    let problem = match app.links.change(id, action).await {
        Ok(_) => return Ok(done(id, name)),
        Err(ChangeError::Transition(TransitionError::NotAllowed { from, .. })) => {
            format!(
                "This inquiry is {}: it cannot be {}.",
                words::status(from).to_lowercase(),
                words::done(action)
            )
        }
        Err(ChangeError::Transition(_)) => {
            format!("This inquiry is redacted: it cannot be {}.", words::done(action))
        }
        Err(ChangeError::Contended) => CONTENDED.to_owned(),
        Err(ChangeError::Store(error)) if error.kind() == StoreErrorKind::Conflict => CONTENDED.to_owned(),
        Err(ChangeError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(Failure::NotFound),
    };
    refused(app, by, id, StatusCode::CONFLICT, problem, LinkForm::default()).await
}

const CONTENDED: &str = "Others are changing this inquiry at this moment. Nothing was done: try again.";

#[derive(Deserialize)]
pub(super) struct Confirmation {
    #[serde(default)]
    confirm: String,
}

/// For good, so the id has to be typed.
pub(super) async fn redact(
    State(app): State<Arc<App>>,
    Named(id): Named,
    Posted { by, form }: Posted<Confirmation>,
) -> Result<Response, Failure> {
    if form.confirm.trim() == id.as_str() {
        return apply(&app, by, id, Action::Redact, "redact").await;
    }
    let problem = "Nothing was redacted: what you typed is not the id of this inquiry.".to_owned();
    refused(&app, by, id, StatusCode::UNPROCESSABLE_ENTITY, problem, LinkForm::default()).await
}

#[derive(Deserialize)]
pub(super) struct Revoke {
    what: String,
    #[serde(default)]
    id: String,
}

pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Named(id): Named,
    Posted { form, .. }: Posted<Revoke>,
) -> Result<Response, Failure> {
    let target = match form.what.as_str() {
        "link" => Revocation::Link(LinkId::new(&form.id).map_err(|_| Failure::NotFound)?),
        "session" => Revocation::Session(SessionId::new(&form.id).map_err(|_| Failure::NotFound)?),
        "links" => Revocation::AllLinks,
        "everything" => Revocation::Everything,
        _ => return Err(Failure::Malformed),
    };
    match app.links.revoke(id, target).await {
        Ok(_) => Ok(done(id, &form.what)),
        Err(RevokeError::Store(error)) => Err(error.into()),
        Err(_) => Err(Failure::NotFound),
    }
}
