//! What an answer says when there is none: the contract's errors. Nothing here repeats what came in.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use inquiry_otl::{
    Retry, SessionError, StoreError, StoreErrorKind, TransitionError,
    error::{ChangeError, CreateError, DeriveError, IssueError, ReadError, RevokeError},
    session::{NotOpen, SessionRefusal},
};
use serde::Serialize;

/// Seconds after which a store that could not be reached is asked again.
const LATER: u32 = 1;

/// An error of the contract: a status, a title, and what there is to say.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    title: &'static str,
    details: Option<Cow<'static, str>>,
    pointer: Option<&'static str>,
    retry_after: Option<u32>,
    /// Whether nobody knows what was changed.
    unknown: bool,
}

impl Failure {
    const UNAVAILABLE: Self = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable");

    pub(super) const fn new(status: StatusCode, title: &'static str) -> Self {
        Self { status, title, details: None, pointer: None, retry_after: None, unknown: false }
    }

    /// 400: the request is not of the contract's form.
    pub(super) fn bad_request(details: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad Request").saying(details)
    }

    /// 404: there is no such inquiry or session.
    pub(super) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Record not found")
    }

    /// 409: not as things stand.
    pub(super) fn conflict(details: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict").saying(details)
    }

    /// 422: of the right form, but no value that is taken here.
    pub(super) fn unprocessable(details: impl Into<Cow<'static, str>>, pointer: &'static str) -> Self {
        let failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable entity");
        Self { pointer: Some(pointer), ..failure.saying(details) }
    }

    /// 500: nobody knows, and asking again does not help.
    pub(super) const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
    }

    /// 503: the store could not be reached, or not in time, and nothing was changed.
    fn nothing_changed() -> Self {
        Self::UNAVAILABLE.saying("Nothing was changed: ask again").again_after(LATER)
    }

    /// 503: and nobody knows whether anything was changed.
    fn unknown() -> Self {
        Self { unknown: true, ..Self::UNAVAILABLE.saying("It is not known whether anything was changed") }
    }

    /// 503: there is no answer in time.
    pub(super) fn late(method: &Method) -> Self {
        if method.is_safe() { Self::nothing_changed() } else { Self::unknown() }
    }

    /// Whether nobody knows what was changed.
    pub(super) const fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// The same with more to say.
    pub(super) fn saying(mut self, details: impl Into<Cow<'static, str>>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// The same with the seconds after which to ask again.
    pub(super) const fn again_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

/// What went wrong behind a change: that nothing was changed would be true of that step, and not of the request.
pub(super) fn behind_a_change(error: impl Into<Failure>) -> Failure {
    let failure = error.into();
    if failure.status == StatusCode::SERVICE_UNAVAILABLE {
        let said = Failure::new(failure.status, failure.title);
        let said = said.saying("Something was changed: look before asking again");
        Failure { unknown: failure.unknown, ..said }
    } else {
        failure
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let source = self.pointer.map(|pointer| Source { pointer });
        let errors = [Error { title: self.title, details: self.details, source }];
        let mut response = (self.status, Json(Errors { errors })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[derive(Serialize)]
struct Errors {
    errors: [Error; 1],
}

#[derive(Serialize)]
struct Error {
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

#[derive(Serialize)]
struct Source {
    pointer: &'static str,
}

impl From<StoreError> for Failure {
    /// S4: a fault that says so is asked again; of another one nobody knows whether it happened.
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
        match (error.retry(), error.kind()) {
            (Retry::Safe, _) => Self::nothing_changed(),
            (_, StoreErrorKind::Unavailable | StoreErrorKind::Timeout | StoreErrorKind::Unconfirmed) => {
                Self::unknown()
            }
            _ => Self { unknown: true, ..Self::internal() },
        }
    }
}

impl From<NotOpen> for Failure {
    fn from(reason: NotOpen) -> Self {
        Self::conflict(reason.to_string())
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(error) => error.into(),
            _ => Self::conflict("There is an inquiry of that id already"),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound => Self::not_found(),
            ReadError::Store(error) => error.into(),
            _ => Self::internal(),
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::not_found(),
            ChangeError::Transition(TransitionError::Redacted) => Self::conflict("Inquiry already redacted"),
            ChangeError::Transition(error) => Self::conflict(error.to_string()),
            ChangeError::Contended => Self::new(StatusCode::CONFLICT, "Stale object error")
                .saying("Attempted to update a record that was just modified. Please try again.")
                .again_after(LATER),
            ChangeError::Store(error) => error.into(),
            _ => Self::internal(),
        }
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::NotFound => Self::not_found(),
            IssueError::NotOpen(reason) => reason.into(),
            IssueError::SessionNotLive => Self::conflict("The session is not live"),
            IssueError::Store(error) => error.into(),
            _ => Self::internal(),
        }
    }
}

impl From<DeriveError> for Failure {
    /// Of a link that was made under a key and is asked for again (L5).
    fn from(error: DeriveError) -> Self {
        match error {
            DeriveError::NotFound => Self::not_found(),
            DeriveError::NotOutstanding(_) => Self::conflict(
                "The link that was made under that Idempotency-Key is not outstanding any more",
            ),
            DeriveError::NotDerived => Self::conflict(
                "The link that was made under that Idempotency-Key cannot be told again: this service has no key for it",
            ),
            DeriveError::Store(error) => error.into(),
            _ => Self::internal(),
        }
    }
}

impl From<RevokeError> for Failure {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::NotFound => Self::not_found(),
            RevokeError::Store(error) => error.into(),
            _ => Self::internal(),
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound => Self::not_found(),
            SessionError::Refused(SessionRefusal::NotOpen(reason)) => reason.into(),
            SessionError::Refused(refusal) => Self::conflict(refusal.to_string()),
            SessionError::Store(error) => error.into(),
            _ => Self::internal(),
        }
    }
}
