//! Events, sent on to programs: signed, at least once, under the event's id, in no promised order.

mod sign;

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use inquiry_otl::{Event, Timestamp};
use reqwest::{Client, StatusCode, Url, header, redirect};
use rusqlite::Transaction;
use serde::Serialize;
use thiserror::Error;
use tokio::{
    sync::Notify,
    task::{JoinHandle, JoinSet},
};
use zeroize::Zeroizing;

use crate::{
    app::App,
    records::{
        RecordsError, to_json,
        webhooks::{self, Attempted, Delivery, Endpoint},
    },
    secrets::random_hex,
    tasks::Stopping,
};

/// How long an endpoint may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many messages are on their way to an endpoint at a time.
const AT_A_TIME: u32 = 8;
/// How long to wait where nothing is due: what is tried again is due by time alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How many endpoints there may be.
const MOST: usize = 20;
/// How long an address may be.
const LONGEST: usize = 2_000;

/// The names of the events that are sent.
pub(crate) const NAMES: [&str; 16] = [
    "inquiry.created",
    "inquiry.started",
    "inquiry.completed",
    "inquiry.failed",
    "inquiry.expired",
    "inquiry.resumed",
    "inquiry.approved",
    "inquiry.marked-for-review",
    "inquiry.declined",
    "inquiry.redacted",
    "one-time-link.created",
    "one-time-link.reused",
    "one-time-link.superseded",
    "one-time-link.revoked",
    "one-time-link.redeemed",
    "one-time-link.replayed",
];

/// What sends them.
pub(crate) struct Webhooks {
    client: Client,
    bell: Notify,
}

impl Webhooks {
    pub(crate) fn new() -> reqwest::Result<Self> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            // What is for this machine would go to the proxy's.
            .no_proxy()
            .user_agent(concat!("inquiry-otl-server/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, bell: Notify::new() })
    }

    /// Says that there may be something to send.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }
}

/// Adds an endpoint for events of these names; for all, if none is given.
pub(crate) async fn add(app: &App, url: &str, names: Option<Vec<String>>) -> Result<String, EndpointError> {
    let url = check_url(url)?;
    if names.iter().flatten().any(|name| !NAMES.contains(&name.as_str())) {
        return Err(EndpointError::Name);
    }
    if MOST <= app.records.read(webhooks::endpoints).await?.len() {
        return Err(EndpointError::TooMany);
    }
    let now = app.links.planner().now();
    // By id they are in the order in which they were added.
    let id = format!("whe_{:013x}{}", now.unix_micros(), random_hex::<6>().as_str());
    let endpoint = Endpoint {
        id: id.clone(),
        url: url.into(),
        names,
        created_at: now,
        disabled_at: None,
        disabled_why: None,
    };
    app.records.write(move |to| webhooks::add(to, &endpoint)).await?;
    Ok(id)
}

/// Where an inquiry's id may be sent: over https, or nowhere but to this machine.
fn check_url(text: &str) -> Result<Url, EndpointError> {
    if LONGEST < text.len() {
        return Err(EndpointError::Url);
    }
    let url = Url::parse(text.trim()).map_err(|_| EndpointError::Url)?;
    let is_here = url.host_str().is_some_and(is_loopback);
    match url.scheme() {
        _ if !url.has_host() => Err(EndpointError::Url),
        _ if !url.username().is_empty() || url.password().is_some() => Err(EndpointError::Password),
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => Err(EndpointError::Scheme),
    }
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Sends an event to those who want it: within the transaction in which it becomes part of the timeline.
pub(crate) fn enqueue(to: &Transaction<'_>, event: &Event, now: Timestamp) -> rusqlite::Result<()> {
    let (id, name) = (event.id.to_string(), event.kind.name());
    let mut body = None;
    for endpoint in webhooks::endpoints(to)? {
        let wanted = endpoint.names.is_none_or(|names| names.iter().any(|wanted| wanted == name));
        if endpoint.disabled_at.is_some() || !wanted {
            continue;
        }
        let body = match &body {
            Some(body) => body,
            None => body.insert(to_json(event)?),
        };
        webhooks::enqueue(to, &endpoint.id, (&id, name), body, now)?;
    }
    Ok(())
}

/// Sends an endpoint a message that means nothing.
pub(crate) async fn test(app: &App, endpoint: &str) -> Result<(), RecordsError> {
    #[derive(Serialize)]
    struct Test<'a> {
        id: &'a str,
        at: Timestamp,
        name: &'a str,
    }
    let now = app.links.planner().now();
    let (endpoint, id) = (endpoint.to_owned(), format!("evt_test_{}", random_hex::<10>().as_str()));
    app.records
        .write(move |to| {
            let body = to_json(&Test { id: &id, at: now, name: "test" })?;
            webhooks::enqueue(to, &endpoint, (&id, "test"), &body, now)
        })
        .await?;
    app.webhooks.ring();
    Ok(())
}

/// Sends a delivery again, whatever came of it, and says whether there is one.
pub(crate) async fn again(app: &App, endpoint: &str, number: i64) -> Result<bool, RecordsError> {
    let (endpoint, now) = (endpoint.to_owned(), app.links.planner().now());
    let found = app.records.write(move |to| webhooks::again(to, &endpoint, number, now)).await?;
    app.webhooks.ring();
    Ok(found)
}

/// The secret of an endpoint, as its receiver is told it.
pub(crate) fn secret(app: &App, endpoint: &str) -> Zeroizing<String> {
    sign::shown(&*key(app, endpoint))
}

fn key(app: &App, endpoint: &str) -> Zeroizing<[u8; 32]> {
    app.secrets.derive(&format!("webhook:{endpoint}"))
}

/// Sends what is due, until the server stops: each endpoint in a lane of its own, so that one that hangs holds up no other.
pub(crate) async fn run(app: Arc<App>, mut stopping: Stopping) {
    let mut lanes: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
    while !stopping.has_begun() {
        lanes.retain(|_, lane| !lane.is_finished());
        let now = app.links.planner().now();
        match app.records.read(move |of| webhooks::due(of, now)).await {
            Ok(due) => {
                for endpoint in due {
                    lanes
                        .entry(endpoint.id.clone())
                        .or_insert_with(|| tokio::spawn(lane(Arc::clone(&app), endpoint, stopping.clone())));
                }
            }
            Err(error) => tracing::warn!(error = &error as &dyn Error, "webhooks wait"),
        }
        stopping.or(PAUSE, app.webhooks.bell.notified()).await;
    }
    for lane in lanes.into_values() {
        drop(lane.await);
    }
}

/// Sends what is due at an endpoint.
async fn lane(app: Arc<App>, endpoint: Endpoint, stopping: Stopping) {
    while !stopping.has_begun() {
        match batch(&app, &endpoint).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(endpoint = endpoint.id, error = &error as &dyn Error, "webhooks wait");
                return;
            }
        }
    }
}

/// Sends some of what is due at an endpoint, at a time, and says how many.
async fn batch(app: &Arc<App>, endpoint: &Endpoint) -> Result<usize, RecordsError> {
    let (id, now) = (endpoint.id.clone(), app.links.planner().now());
    let taken = app.records.write(move |to| webhooks::take(to, &id, now, AT_A_TIME)).await?;
    let count = taken.len();
    let mut sending = JoinSet::new();
    for delivery in taken {
        sending.spawn(deliver(Arc::clone(app), endpoint.url.clone(), delivery));
    }
    for noted in sending.join_all().await {
        noted?;
    }
    Ok(count)
}

/// Makes an attempt, and notes what came of it.
async fn deliver(app: Arc<App>, url: String, delivery: Delivery) -> Result<(), RecordsError> {
    let attempted = attempt(&app, &url, &delivery).await;
    if let Attempted::Failed { status, fault } = &attempted {
        tracing::info!(endpoint = delivery.endpoint, message = delivery.message, status, "webhook: {fault}");
    }
    let now = app.links.planner().now();
    app.records.write(move |to| webhooks::attempted(to, &delivery, &attempted, now)).await
}

async fn attempt(app: &App, url: &str, delivery: &Delivery) -> Attempted {
    // Whole seconds, as the convention has it.
    let at = app.links.planner().now().to_datetime().timestamp();
    let signature = sign::signature(&*key(app, &delivery.endpoint), &delivery.message, at, &delivery.body);
    let sent = app
        .webhooks
        .client
        .post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", &delivery.message)
        .header("webhook-timestamp", at)
        .header("webhook-signature", signature)
        .body(delivery.body.clone())
        .send();
    // What an endpoint says beside its status is not read.
    match sent.await.map(|response| response.status()) {
        Ok(StatusCode::GONE) => Attempted::Gone,
        Ok(status) if status.is_success() => Attempted::Delivered(status.as_u16()),
        Ok(status) => {
            Attempted::Failed { status: Some(status.as_u16()), fault: "it did not answer with a 2xx status" }
        }
        Err(error) => Attempted::Failed { status: None, fault: fault(&error) },
    }
}

/// What went wrong, without the address: it may hold a secret of the receiver's.
fn fault(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it did not answer within 10 seconds"
    } else if error.is_connect() {
        "it cannot be reached"
    } else {
        "the connection broke"
    }
}

/// Why there is no such endpoint.
#[derive(Debug, Error)]
pub(crate) enum EndpointError {
    /// It is no address.
    #[error("That is not an address, as in https://example.com/webhooks.")]
    Url,
    /// Ids would travel in the clear.
    #[error("An address begins with https://; http:// is taken for this machine alone.")]
    Scheme,
    /// It has a name or a password in it.
    #[error("An address with a name or a password in it is not taken: check the signature instead.")]
    Password,
    /// There is no such event.
    #[error("There is no event of that name.")]
    Name,
    /// There are enough.
    #[error("There are 20 endpoints, which is as many as there may be: remove one first.")]
    TooMany,
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

#[cfg(test)]
mod tests;
