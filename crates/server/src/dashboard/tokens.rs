//! Who may use the dashboard and the API.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use inquiry_otl::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Failure, Frame, Here, Notice, Posted, SignedIn,
    fields::Errors,
    page,
    words::{Moment, moment},
};
use crate::{
    app::App,
    records::tokens::{self as records, Token},
    tokens::{self, TokenError},
};

const PATH: &str = "/dashboard/tokens";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route(PATH, get(list).post(create)).route(&format!("{PATH}/revoke"), post(revoke))
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<Token>,
    /// The one that was just made.
    created: Option<Zeroizing<String>>,
    name: String,
    errors: Errors,
    now: Timestamp,
}

impl TokensPage {
    async fn of(app: &App, by: SignedIn) -> Result<Self, Failure> {
        Ok(Self {
            frame: Frame::new(by, Here::Tokens, "Tokens"),
            tokens: app.records.read(records::all).await?,
            created: None,
            name: String::new(),
            errors: Errors::new(),
            now: app.links.planner().now(),
        })
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "templates pass it so")]
    fn moment(&self, at: &Timestamp) -> Moment {
        moment(*at, self.now)
    }
}

/// What has just happened.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    done: String,
}

async fn list(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    by: SignedIn,
) -> Result<Response, Failure> {
    let mut view = TokensPage::of(&app, by).await?;
    if wanted.done == "revoked" {
        view.frame = view.frame.with_notice(Notice::done("The token opens nothing any more."));
    }
    page(StatusCode::OK, &view)
}

#[derive(Deserialize)]
struct Create {
    name: String,
    /// A cookie lasts twelve hours, and a token until it is revoked: whoever has the cookie alone makes none.
    #[serde(default, rename = "own-token")]
    own: String,
}

async fn create(
    State(app): State<Arc<App>>,
    Posted { by, form }: Posted<Create>,
) -> Result<Response, Failure> {
    let own = Zeroizing::new(form.own);
    let made = if tokens::find(&app.records, &own).await?.is_some() {
        tokens::create(&app.records, &form.name, app.links.planner().now())
            .await
            .map_err(|error| ("name", error))
    } else {
        Err(("own-token", TokenError::Own))
    };
    let mut view = TokensPage::of(&app, by).await?;
    let status = match made {
        Ok(token) => {
            view.created = Some(token);
            StatusCode::CREATED
        }
        Err((_, TokenError::Records(error))) => return Err(error.into()),
        Err((field, error)) => {
            view.frame = view.frame.with_notice(Notice::problem("Nothing was created: see below."));
            view.name = form.name;
            view.errors.insert(field, error.to_string());
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    page(status, &view)
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

async fn revoke(
    State(app): State<Arc<App>>,
    Posted { by, form }: Posted<Named>,
) -> Result<Response, Failure> {
    match tokens::revoke(&app.records, &form.name, app.links.planner().now()).await {
        Ok(()) => Ok(Redirect::to(&format!("{PATH}?done=revoked")).into_response()),
        Err(TokenError::Records(error)) => Err(error.into()),
        Err(error) => {
            let mut view = TokensPage::of(&app, by).await?;
            view.frame = view.frame.with_notice(Notice::problem(format!("Nothing was revoked: {error}.")));
            page(StatusCode::UNPROCESSABLE_ENTITY, &view)
        }
    }
}
