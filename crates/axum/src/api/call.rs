//! What a request brings along: the id in its path, its query, its headers, its body.

use std::fmt;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, OriginalUri, RawPathParams, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use inquiry_otl::InquiryId;
use serde_json::Value;

use super::{
    body::Object,
    document::Document,
    failure::Failure,
    inflection::Inflection,
    name::SessionName,
    query::{Query, Sparse},
};

/// The most bytes that a body may have.
const MOST: usize = 64 * 1024;

const KEY_INFLECTION: HeaderName = HeaderName::from_static("key-inflection");
const PERSONA_VERSION: HeaderName = HeaderName::from_static("persona-version");
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The version of the contract that is kept.
const VERSION: &str = "2023-01-05";

/// A request, as far as it can be read without knowing what it asks for.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Query,
    /// The key under which the request is carried out once.
    pub(super) key: Option<Vec<u8>>,
    /// The body, if there is one.
    pub(super) body: Option<Value>,
    id: Option<String>,
    inflection: Inflection,
}

impl Call {
    /// The inquiry that the path names. What cannot be an id names none.
    pub(super) fn inquiry(&self) -> Result<InquiryId, Failure> {
        let id = self.id.as_deref().and_then(|id| InquiryId::new(id).ok()).ok_or(Failure::not_found())?;
        tracing::Span::current().record("inquiry", tracing::field::display(&id));
        Ok(id)
    }

    /// The session that the path names.
    pub(super) fn session(&self) -> Result<SessionName, Failure> {
        let name = self.id.as_deref().and_then(SessionName::read).ok_or(Failure::not_found())?;
        tracing::Span::current().record("inquiry", tracing::field::display(&name.inquiry));
        tracing::Span::current().record("session", tracing::field::display(&name.session));
        Ok(name)
    }

    /// The members of the body; none if there is no body.
    pub(super) fn object(&self) -> Result<Object<'_>, Failure> {
        Object::of_body(self.body.as_ref())
    }

    /// The answer, as the request wants it written.
    pub(super) fn answer(&self, status: StatusCode, document: &Document) -> Result<Response, Failure> {
        let mut value = serde_json::to_value(document).map_err(|_| Failure::internal())?;
        Sparse::of(&self.query)?.leave(&mut value);
        let body = self.inflection.written(value).to_string();
        Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
    }
}

impl fmt::Debug for Call {
    /// What a body or a key says is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let inflection = inflection(&parts.headers)?;
        if header(&parts.headers, &PERSONA_VERSION).is_some_and(|version| version != VERSION.as_bytes()) {
            return Err(Failure::bad_request("Persona-Version must be 2023-01-05"));
        }
        let key = header(&parts.headers, &IDEMPOTENCY_KEY).filter(|key| !key.is_empty()).map(<[u8]>::to_vec);
        let id = id(&mut parts, state).await?;
        let Parts { method, uri, headers, mut extensions, .. } = parts;
        // As the client wrote it, also where the router is nested.
        let uri = extensions.remove::<OriginalUri>().map_or(uri, |OriginalUri(uri)| uri);
        let query = Query::read(uri.query().unwrap_or_default());
        // Before anything is changed: the answer needs it.
        Sparse::of(&query)?;
        let too_large = || Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large");
        let bytes = axum::body::to_bytes(body, MOST).await.map_err(|_| too_large())?;
        let body = json(&headers, &bytes)?;
        Ok(Self { method, path: uri.path().to_owned(), query, key, body, id, inflection })
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

fn inflection(headers: &HeaderMap) -> Result<Inflection, Failure> {
    match headers.get(KEY_INFLECTION) {
        None => Ok(Inflection::default()),
        Some(value) => value
            .to_str()
            .ok()
            .and_then(Inflection::named)
            .ok_or_else(|| Failure::bad_request("Key-Inflection must be camel, kebab or snake")),
    }
}

/// The one id of the path, if its route has one.
async fn id<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Option<String>, Failure> {
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Failure::not_found())?;
    Ok(params.iter().next().map(|(_, id)| id.to_owned()))
}

fn json(headers: &HeaderMap, bytes: &Bytes) -> Result<Option<Value>, Failure> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    if !matches!(kind.as_deref(), None | Some("application/json" | "application/vnd.api+json")) {
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
            .saying("The body must be application/json"));
    }
    serde_json::from_slice(bytes).map(Some).map_err(|_| Failure::bad_request("The body is not JSON"))
}
