//! Webhooks: where events are sent, and how that went.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use inquiry_otl::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Failure, Frame, Here, Notice, Posted, SignedIn, page,
    words::{Moment, State as Mark, moment},
};
use crate::{
    app::App,
    records::webhooks::{self as records, Delivery, Endpoint},
    webhooks::{self, EndpointError, NAMES},
};

const PATH: &str = "/dashboard/webhooks";
/// How many deliveries stand on a page.
const DELIVERIES: u32 = 50;

pub(super) fn router() -> Router<Arc<App>> {
    let of = |rest: &str| format!("{PATH}/{{endpoint}}{rest}");
    Router::new()
        .route(PATH, get(list).post(add))
        .route(&of(""), get(show))
        .route(&of("/test"), post(test))
        .route(&of("/again"), post(again))
        .route(&of("/disable"), post(disable))
        .route(&of("/enable"), post(enable))
        .route(&of("/remove"), post(remove))
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct ListPage {
    frame: Frame,
    endpoints: Vec<Endpoint>,
    names: [&'static str; NAMES.len()],
    url: String,
    error: Option<String>,
}

async fn list(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    by: SignedIn,
) -> Result<Response, Failure> {
    listed(&app, by, StatusCode::OK, wanted.notice(), String::new(), None).await
}

async fn listed(
    app: &App,
    by: SignedIn,
    status: StatusCode,
    notice: Option<Notice>,
    url: String,
    error: Option<String>,
) -> Result<Response, Failure> {
    let view = ListPage {
        frame: Frame::new(by, Here::Webhooks, "Webhooks").with_notice(notice),
        endpoints: app.records.read(records::endpoints).await?,
        names: NAMES,
        url,
        error,
    };
    page(status, &view)
}

async fn add(
    State(app): State<Arc<App>>,
    Posted { by, form }: Posted<BTreeMap<String, String>>,
) -> Result<Response, Failure> {
    let url = form.get("url").ok_or(Failure::Malformed)?;
    let names: Vec<_> =
        NAMES.iter().filter(|name| form.contains_key(**name)).map(|name| (*name).to_owned()).collect();
    let names = Some(names).filter(|names| !names.is_empty());
    match webhooks::add(&app, url, names).await {
        Ok(id) => Ok(Redirect::to(&format!("{PATH}/{id}?done=added")).into_response()),
        Err(EndpointError::Records(error)) => Err(error.into()),
        Err(error) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = Notice::problem("Nothing was added: see below.");
            listed(&app, by, status, Some(problem), url.clone(), Some(error.to_string())).await
        }
    }
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct ShowPage {
    frame: Frame,
    endpoint: Endpoint,
    secret: Zeroizing<String>,
    deliveries: Vec<Delivery>,
    older: Option<i64>,
    now: Timestamp,
}

impl ShowPage {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "templates pass it so")]
    fn moment(&self, at: &Timestamp) -> Moment {
        moment(*at, self.now)
    }

    fn mark(delivery: &Delivery) -> Mark {
        match (delivery.delivered_at, delivery.next_at) {
            (Some(_), _) => Mark { label: "Delivered", class: "good" },
            (None, Some(_)) if delivery.attempts == 0 => Mark { label: "Waiting", class: "" },
            (None, Some(_)) => Mark { label: "Trying again", class: "warn" },
            (None, None) => Mark { label: "Given up", class: "bad" },
        }
    }
}

/// What is looked at, and what has just happened.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    done: String,
    before: Option<i64>,
}

impl Wanted {
    fn notice(&self) -> Option<Notice> {
        Some(Notice::done(match self.done.as_str() {
            "added" => "The endpoint was added. Give its receiver the secret, and send a test event.",
            "test" => "A test event is on its way.",
            "again" => "It is on its way again, under the same id.",
            "disabled" => "Nothing is sent there any more.",
            "removed" => "The endpoint was removed, and its log with it.",
            "enabled" => "Events are sent there again; those that waited go first.",
            _ => return None,
        }))
    }
}

async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
    by: SignedIn,
) -> Result<Response, Failure> {
    let endpoint = find(&app, &id).await?;
    let before = wanted.before;
    let deliveries = app.records.read(move |of| records::deliveries(of, &id, before, DELIVERIES)).await?;
    let is_full = u32::try_from(deliveries.len()).is_ok_and(|count| DELIVERIES <= count);
    let view = ShowPage {
        frame: Frame::new(by, Here::Webhooks, "Webhook").with_notice(wanted.notice()),
        secret: webhooks::secret(&app, &endpoint.id),
        endpoint,
        older: deliveries.last().filter(|_| is_full).map(|delivery| delivery.number),
        deliveries,
        now: app.links.planner().now(),
    };
    page(StatusCode::OK, &view)
}

async fn find(app: &App, id: &str) -> Result<Endpoint, Failure> {
    let id = id.to_owned();
    app.records.read(move |of| records::find(of, &id)).await?.ok_or(Failure::NotFound)
}

fn back(endpoint: &Endpoint, done: &str) -> Response {
    Redirect::to(&format!("{PATH}/{}?done={done}", endpoint.id)).into_response()
}

#[derive(Deserialize)]
struct Nothing {}

async fn test(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    _: Posted<Nothing>,
) -> Result<Response, Failure> {
    let endpoint = find(&app, &id).await?;
    webhooks::test(&app, &endpoint.id).await?;
    Ok(back(&endpoint, "test"))
}

#[derive(Deserialize)]
struct Again {
    number: String,
}

async fn again(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { form, .. }: Posted<Again>,
) -> Result<Response, Failure> {
    let endpoint = find(&app, &id).await?;
    let number = form.number.parse().map_err(|_| Failure::Malformed)?;
    let is_there = webhooks::again(&app, &endpoint.id, number).await?;
    if is_there { Ok(back(&endpoint, "again")) } else { Err(Failure::NotFound) }
}

async fn disable(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    _: Posted<Nothing>,
) -> Result<Response, Failure> {
    let endpoint = find(&app, &id).await?;
    let now = app.links.planner().now();
    app.records.write(move |to| records::disable(to, &id, Some(now), None)).await?;
    Ok(back(&endpoint, "disabled"))
}

async fn enable(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    _: Posted<Nothing>,
) -> Result<Response, Failure> {
    let endpoint = find(&app, &id).await?;
    app.records.write(move |to| records::disable(to, &id, None, None)).await?;
    app.webhooks.ring();
    Ok(back(&endpoint, "enabled"))
}

async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    _: Posted<Nothing>,
) -> Result<Response, Failure> {
    find(&app, &id).await?;
    app.records.write(move |to| records::remove(to, &id)).await?;
    Ok(Redirect::to(&format!("{PATH}?done=removed")).into_response())
}
