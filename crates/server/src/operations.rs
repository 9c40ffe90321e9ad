//! For those who run the server: is it there, is it ready, what does it count.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use inquiry_otl::InquiryQuery;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::{sleep, timeout};

use crate::app::App;

/// How long a store may take to answer, and be ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long what was measured may wait to be added up.
const PAUSE: Duration = Duration::from_secs(5);

/// `/healthz`, `/readyz`, `/metrics`.
pub(crate) fn router(app: Arc<App>, metrics: PrometheusHandle) -> Router {
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(app))
        .route("/metrics", get(async move || (text, metrics.render())))
}

/// Adds up what was measured, for ever: otherwise each figure would be kept by itself until somebody asks.
pub(crate) async fn add_up(metrics: PrometheusHandle) {
    loop {
        sleep(PAUSE).await;
        metrics.run_upkeep();
    }
}

/// Whether the store answers, and the records can be written: a full disk can still be read.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let store = timeout(PATIENCE, app.links.inquiries(InquiryQuery::newest(1)));
    if !matches!(store.await, Ok(Ok(_))) {
        return not_ready("the store does not answer\n");
    }
    let records = timeout(PATIENCE, app.records.try_write());
    if !matches!(records.await, Ok(Ok(()))) {
        return not_ready("the server's records cannot be written\n");
    }
    "ready\n".into_response()
}

fn not_ready(why: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], why).into_response()
}
