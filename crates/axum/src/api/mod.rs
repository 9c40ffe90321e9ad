#![doc = include_str!("../../API.md")]

mod access;
mod body;
mod call;
mod create;
mod document;
mod failure;
mod idempotency;
mod inflection;
mod inquiries;
mod list;
mod name;
mod page;
mod query;
mod sessions;

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use inquiry_otl::{ExpirationPolicy, LinkStore, Service, TemplateId, store::Directory};
use tracing::Instrument;

use self::{access::AnyVerifier, failure::Failure, idempotency::Idempotency};
pub use self::{
    access::{Access, Tokens, Verifier, WeakToken},
    idempotency::{Begun, IdempotencyKey, IdempotencyRecords, Made, MemoryRecords},
    name::authenticate,
};
use crate::patience::Patience;

/// The contract that the API keeps: an `OpenAPI` document in YAML, Persona's own, under the Apache License 2.0.
///
/// ```
/// assert!(inquiry_otl_axum::api::CONTRACT.starts_with("openapi: 3.1.0"));
/// ```
pub const CONTRACT: &str = include_str!("../../contract/persona-inquiries.openapi.yaml");

/// Persona's API over the inquiries of one service: see the [module](self).
///
/// Give the service a [`Keyring`](inquiry_otl::Keyring). With one, a second link for an inquiry is the one that is outstanding
/// (L5), and a request that is repeated under its `Idempotency-Key` gets the same link. Without, a second link supersedes the
/// first, and such a repeat is answered 409: nobody can tell the code again.
pub struct Api<S> {
    shared: Shared<S>,
}

impl<S: LinkStore + Directory + 'static> Api<S> {
    /// The API of that service, for those whom the verifier admits: [`Tokens`], or an application's own.
    pub fn new(service: impl Into<Arc<Service<S>>>, verifier: impl Verifier + 'static) -> Self {
        let service = service.into();
        let policy = service.planner().policy();
        let idempotency = Idempotency::new(MemoryRecords::default());
        let templates: Templates = Box::new(move |_| Some(policy));
        let shared = Shared {
            service,
            verifier: AnyVerifier::new(verifier),
            idempotency: Arc::new(idempotency),
            templates,
            patience: Patience::default(),
        };
        Self { shared }
    }

    /// Which templates there are, and the policy of each (E10); any template under the service's policy, unless told otherwise.
    ///
    /// An inquiry from another template is not created: 404.
    #[must_use]
    pub fn templates(
        mut self,
        policy_of: impl Fn(TemplateId) -> Option<ExpirationPolicy> + Send + Sync + 'static,
    ) -> Self {
        self.shared.templates = Box::new(policy_of);
        self
    }

    /// Where idempotency keys are kept, for 24 hours each; in [memory](MemoryRecords), unless told otherwise.
    #[must_use]
    pub fn idempotency(mut self, records: impl IdempotencyRecords + 'static) -> Self {
        self.shared.idempotency = Arc::new(Idempotency::new(records));
        self
    }

    /// How long an answer may take; as long as it takes, unless told otherwise.
    ///
    /// After that whoever asked is told so by 503. What they asked for goes on, as it does when they go away.
    #[must_use]
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.shared.patience = Patience::of(time);
        self
    }

    /// The API as a router: all that is below `/api/v1`.
    pub fn into_router(self) -> Router {
        let shared = Arc::new(self.shared);
        Router::new()
            .route("/api/v1/inquiries", get(list::list).post(create::create))
            .route("/api/v1/inquiries/{inquiry}", get(inquiries::retrieve).delete(inquiries::redact))
            .route("/api/v1/inquiries/{inquiry}/expire", post(inquiries::expire))
            .route("/api/v1/inquiries/{inquiry}/resume", post(inquiries::resume))
            .route("/api/v1/inquiries/{inquiry}/generate-one-time-link", post(inquiries::link))
            .route("/api/v1/inquiries/{inquiry}/approve", post(inquiries::approve))
            .route("/api/v1/inquiries/{inquiry}/decline", post(inquiries::decline))
            .route("/api/v1/inquiry-sessions", get(sessions::list).post(sessions::create))
            .route("/api/v1/inquiry-sessions/expire-all", post(sessions::expire_all))
            .route("/api/v1/inquiry-sessions/{session}", get(sessions::retrieve))
            .route("/api/v1/inquiry-sessions/{session}/expire", post(sessions::expire))
            .route("/api/v1/inquiry-sessions/{session}/generate-one-time-link", post(sessions::link))
            .route("/api/v1/", any(nowhere))
            .route("/api/v1/{*other}", any(nowhere))
            .method_not_allowed_fallback(async || {
                Failure::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            })
            .route_layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
            .with_state(shared)
    }
}

impl<S> fmt::Debug for Api<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

type Templates = Box<dyn Fn(TemplateId) -> Option<ExpirationPolicy> + Send + Sync>;

/// What every call needs.
struct Shared<S> {
    service: Arc<Service<S>>,
    verifier: AnyVerifier,
    idempotency: Arc<Idempotency>,
    templates: Templates,
    patience: Patience,
}

async fn nowhere() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "Not Found")
}

/// Lets those in who may call, says what they call, and lets nobody keep the answer.
async fn guard<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    request: Request,
    next: Next,
) -> Response {
    // The route, never the path: anything may have been pasted into that.
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let span = tracing::info_span!(
        "api",
        method = %request.method(),
        route,
        inquiry = tracing::field::Empty,
        session = tracing::field::Empty,
        status = tracing::field::Empty,
    );
    let late = Failure::late(request.method());
    let answered = async {
        match shared.verifier.admit(request.headers()).await {
            Ok(()) => next.run(request).await,
            Err(failure) => failure.into_response(),
        }
    };
    let answered = shared.patience.wait(answered.instrument(span.clone())).await;
    let mut response = answered.unwrap_or_else(|| late.into_response());
    span.record("status", response.status().as_u16());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
