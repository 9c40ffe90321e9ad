//! All that is served, and what a request may take: how many at a time, how large, how long.

use std::{error::Error, sync::Arc, time::Duration};

use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    extract::DefaultBodyLimit,
    http::{StatusCode, header},
    response::IntoResponse,
};
use inquiry_otl::{StoreError, TemplateId};
use inquiry_otl_axum::{
    SessionCookie,
    api::{Access, Api, Verifier},
    redacted_span,
    verify::{FormKey, GoOn, Verify},
};
use tower::{
    ServiceBuilder, limit::GlobalConcurrencyLimitLayer, load_shed::LoadShedLayer, timeout::TimeoutLayer,
};
use tower_http::{timeout::RequestBodyTimeoutLayer, trace::TraceLayer};

use crate::{
    app::App,
    config::{SettingError, Settings},
    dashboard, documents,
    records::Records,
    tokens,
};

/// How long a client may pause within the body of a request.
const PAUSE: Duration = Duration::from_secs(10);
/// How long an answer may take. What was asked for may be done all the same, and whoever asked is told so.
const ANSWER: Duration = Duration::from_secs(30);
/// How large the body of a request may be, unless its page allows more.
const BODY_SIZE: usize = 64 * 1024;

/// All that is served, but for those who run the server: so many requests at a time, which are neither large nor slow.
pub(crate) fn router(settings: &Settings, app: &Arc<App>) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let limits = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http().make_span_with(redacted_span))
        .layer(HandleErrorLayer::new(busy))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(usize::from(settings.requests.get())))
        .layer(RequestBodyTimeoutLayer::new(PAUSE))
        .layer(DefaultBodyLimit::max(BODY_SIZE));
    Ok(pages(settings, app)?.fallback(nowhere).layer(limits))
}

/// The page behind a link, the API, the dashboard, and what explains them.
fn pages(settings: &Settings, app: &Arc<App>) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let mut verify = Verify::builder(Arc::clone(&app.links), FormKey::new(*app.secrets.derive("form")))
        .answer_within(ANSWER);
    let mut cookie = SessionCookie::default();
    if !app.is_https() {
        verify = verify.over_http_on_loopback();
        cookie = cookie.over_http_on_loopback();
    }
    let target = settings.continue_to(&app.url)?;
    let go_on = GoOn::to(target.unwrap_or(dashboard::person::PATH))
        .map_err(SettingError::new("continue-to"))?
        .with_cookie(cookie.clone());
    let verify = verify.enter(go_on)?;

    let templates = Arc::clone(app);
    let api = Api::new(Arc::clone(&app.links), Bearers(app.records.clone()))
        .templates(move |id: TemplateId| templates.templates.policy(id))
        .idempotency(app.records.clone())
        .answer_within(ANSWER);
    let mut pages = dashboard::router(Arc::clone(app)).merge(documents::router(app)?);
    if target.is_none() {
        pages = pages.merge(dashboard::person::router(Arc::clone(app), verify.sessions(cookie)));
    }
    let in_time = ServiceBuilder::new()
        .layer(dashboard::headers())
        .layer(HandleErrorLayer::new(async |error| dashboard::Failure::Unavailable(error)))
        .layer(TimeoutLayer::new(ANSWER));
    let pages = pages.layer(in_time).merge(dashboard::files(Arc::clone(app)));
    Ok(pages.merge(verify.router()).merge(api.into_router()))
}

/// The tokens in the records.
struct Bearers(Records);

impl Verifier for Bearers {
    async fn verify(&self, token: &str) -> Result<Access, StoreError> {
        Ok(if tokens::find(&self.0, token).await?.is_some() { Access::Granted } else { Access::Invalid })
    }
}

/// There is no such page.
async fn nowhere() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "there is nothing at this address\n")
}

/// There is no room for another request.
async fn busy(_: BoxError) -> impl IntoResponse {
    let text = "the server is busy, and nothing was done: ask again in a moment\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], text)
}
