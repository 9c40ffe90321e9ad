//! An API over a store in memory, and a client of it.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, Method, Request, StatusCode, header},
};
use inquiry_otl::{InquiryId, Key, KeyId, Keyring, ManualClock, MemoryStore, Service};
use inquiry_otl_axum::api::{Api, Tokens};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(super) const TOKEN: &str = "YH3Oj2m5VJ8qC4mB7yq1cw";

/// A service, its clock, and its API.
pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) service: Arc<Service<MemoryStore>>,
    pub(super) router: Router,
}

impl World {
    /// One with a key, as the API is meant to be served.
    pub(super) fn new() -> Self {
        let key = Key::new(KeyId::new(1).unwrap(), b"a key that guards nothing at all").unwrap();
        Self::with(Some(Keyring::new(key)), |api| api)
    }

    pub(super) fn with(
        keyring: Option<Keyring>,
        set: impl FnOnce(Api<MemoryStore>) -> Api<MemoryStore>,
    ) -> Self {
        let clock = ManualClock::default();
        let builder = Service::builder(MemoryStore::new()).clock(clock.clone());
        let builder = match keyring {
            Some(keyring) => builder.keyring(keyring),
            None => builder,
        };
        let service = Arc::new(builder.build().unwrap());
        let router = set(Api::new(Arc::clone(&service), Tokens::new([TOKEN]).unwrap())).into_router();
        Self { clock, service, router }
    }

    /// An inquiry that was made over the API.
    pub(super) async fn inquiry(&self) -> InquiryId {
        let body = json!({"data": {"attributes": {"inquiry-template-id": "itmpl_kyc"}}});
        let created = self.post("/inquiries", body).await;
        assert_eq!(created.status, StatusCode::CREATED, "{:?}", created.body);
        created.id().parse().unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.call(Call::new(Method::GET, path)).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Call::new(Method::POST, path).body(body)).await
    }

    pub(super) async fn call(&self, call: Call) -> Answer {
        self.send(call.request()).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }
}

pub(super) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A request of a client that has the token.
#[derive(Clone)]
pub(super) struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Value>,
}

impl Call {
    pub(super) fn new(method: Method, path: &str) -> Self {
        let headers =
            HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap())]);
        Self { method, path: format!("/api/v1{path}"), headers, body: None }
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body).filter(|body| !body.is_null());
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        self
    }

    pub(super) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(super) fn request(self) -> Request<Body> {
        let mut request = Request::new(self.body.map_or(Body::empty(), |body| Body::from(body.to_string())));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers;
        request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        request
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn id(&self) -> &str {
        self.body["data"]["id"].as_str().unwrap()
    }

    pub(super) fn attribute(&self, name: &str) -> &Value {
        &self.body["data"]["attributes"][name]
    }

    pub(super) fn meta(&self, name: &str) -> &str {
        self.body["meta"][name].as_str().unwrap()
    }

    /// The ids of a list.
    pub(super) fn ids(&self) -> Vec<&str> {
        self.body["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
    }

    /// That it is an error of the contract, with that status and title.
    #[track_caller]
    pub(super) fn is_error(&self, status: u16, title: &str) {
        assert_eq!((self.status.as_u16(), self.title()), (status, title), "{:?}", self.body);
    }

    #[track_caller]
    pub(super) fn title(&self) -> &str {
        self.body["errors"][0]["title"].as_str().unwrap_or_else(|| panic!("{:?}", self.body))
    }

    pub(super) fn details(&self) -> &str {
        self.body["errors"][0]["details"].as_str().unwrap_or_default()
    }
}
