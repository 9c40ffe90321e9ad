//! The handlers: looking uses nothing up, a form of ours redeems.

use std::{error::Error, sync::Arc};

use axum::{
    extract::{
        Form, FromRequest as _, Path, Request, State,
        rejection::{FormRejection, PathRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::Response,
};
use inquiry_otl::{
    Attempt, Claiming, Code, Peek, Redemption, Refused, Retry, StoreError, StoreErrorKind, Timestamp,
    UrlFormat, store::LinkStore,
};
use tracing::{Instrument as _, Span, field};

use super::{
    Inner,
    builder::Preparation,
    enter::Entry,
    form::{Fields, Made},
    pages::{self, PageKind},
};

type Shared<S> = State<Arc<Inner<S>>>;

/// `GET` and `HEAD /verify?code=…`
pub(super) async fn show<S: LinkStore + 'static>(
    State(inner): Shared<S>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default();
    if UrlFormat::MAX_INPUT < query.len() {
        return inner.front.page(&headers, StatusCode::URI_TOO_LONG, PageKind::Malformed, None);
    }
    let is_code = |name: &str| name.eq_ignore_ascii_case("code");
    let mut codes =
        query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(name, _)| is_code(name));
    match (codes.next(), codes.next()) {
        (None, _) => inner.front.page(&headers, StatusCode::BAD_REQUEST, PageKind::Missing, None),
        // Not decoded here: the service knows what mail does to a link (C6).
        (Some((_, code)), None) => inner.look(&format!("code={code}"), &headers).await,
        // Which of them it is, nobody knows.
        (Some(_), Some(_)) => inner.look("", &headers).await,
    }
}

/// `GET` and `HEAD /c/<code>`
pub(super) async fn show_short<S: LinkStore + 'static>(
    State(inner): Shared<S>,
    code: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let code = code.map_or_else(|_| String::new(), |Path(code)| code);
    inner.look(&code, &headers).await
}

/// `POST /verify`
pub(super) async fn open<S: LinkStore + 'static>(State(inner): Shared<S>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    // Our form sends no query; whatever came there goes no further.
    parts.uri = Uri::try_from(parts.uri.path()).unwrap_or_default();
    let form = Form::<Fields>::from_request(Request::from_parts(parts.clone(), body), &()).await;
    match form {
        Ok(Form(fields)) => inner.press(fields, parts).await,
        Err(rejection) => inner.malformed(&parts.headers, &rejection),
    }
}

pub(super) async fn only_get_and_post<S: LinkStore + 'static>(
    state: Shared<S>,
    headers: HeaderMap,
) -> Response {
    not_allowed(state, &headers, "GET, HEAD, POST")
}

pub(super) async fn only_get<S: LinkStore + 'static>(state: Shared<S>, headers: HeaderMap) -> Response {
    not_allowed(state, &headers, "GET, HEAD")
}

fn not_allowed<S>(State(inner): Shared<S>, headers: &HeaderMap, allowed: &'static str) -> Response {
    let mut response = inner.front.page(headers, StatusCode::METHOD_NOT_ALLOWED, PageKind::Malformed, None);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

impl<S: LinkStore + 'static> Inner<S> {
    /// What somebody gets who looks at a link (D3).
    async fn look(&self, presented: &str, headers: &HeaderMap) -> Response {
        let span = tracing::info_span!("look", link = field::Empty);
        self.ask(presented, headers, None).instrument(span).await
    }

    /// The page with the button, if the link would open: for the first time, or once more.
    async fn ask(&self, presented: &str, headers: &HeaderMap, again: Option<&'static str>) -> Response {
        let now = self.service.planner().now();
        let attempt = self.forms.attempt(headers);
        let peek = self.patience.wait(self.service.peek(presented, &attempt)).await;
        let code = self.service.planner().read_code(presented);
        match (peek.unwrap_or_else(|| Err(late())), &code) {
            (Ok(Peek::Refused(refused)), _) => self.refuse(headers, &refused),
            // What cannot be read was refused.
            (_, Err(_)) => self.front.refused(headers),
            (Ok(Peek::WouldGrant(peeked) | Peek::WouldReplay(peeked)), Ok(code)) => {
                Span::current().record("link", field::display(peeked.link));
                let (status, kind) = match again {
                    None => (StatusCode::OK, PageKind::Confirm(peeked.purpose)),
                    Some(_) => (StatusCode::FORBIDDEN, PageKind::Again),
                };
                tracing::info!(outcome = "shown", again, "a link was looked at");
                let made = self.forms.make(code, headers, now);
                self.with_form(headers, status, kind, made)
            }
            (Ok(Peek::Busy { until }), Ok(code)) => {
                self.front.busy(headers, seconds(now, until), self.look_again(code))
            }
            (Err(error), Ok(code)) => {
                log_fault(&error);
                self.front.unavailable(headers, Some(self.look_again(code)))
            }
        }
    }

    /// What somebody gets who presses the button (D1).
    async fn press(&self, fields: Fields, parts: Parts) -> Response {
        let span = tracing::info_span!("press", link = field::Empty);
        let now = self.service.planner().now();
        let work = async {
            match self.forms.check(&fields, &parts.headers, now) {
                Ok(attempt) => self.redeem(&fields, &attempt, parts).await,
                // Whoever else could have sent this is shown what a link shows. Nothing is used up.
                Err(why) => self.ask(&fields.code, &parts.headers, Some(why.name())).await,
            }
        };
        work.instrument(span).await
    }

    async fn redeem(&self, fields: &Fields, attempt: &Attempt, parts: Parts) -> Response {
        let headers = &parts.headers;
        let answered = async {
            match &self.preparation {
                None => self.service.redeem(&fields.code, attempt).await.map(Some),
                Some(prepare) => self.claim(fields, attempt, prepare).await,
            }
        };
        match self.patience.wait(answered).await.unwrap_or_else(|| Err(late())) {
            Ok(Some(Redemption::Granted(grant))) => {
                if let Some(link) = grant.link {
                    Span::current().record("link", field::display(link));
                }
                tracing::info!(outcome = "granted", session = %grant.session.id, "a link was redeemed");
                self.entrance.open(Entry { grant, request: parts }).await
            }
            Ok(Some(Redemption::Busy { until })) => {
                let now = self.service.planner().now();
                self.front.busy(headers, seconds(now, until), self.press_again(fields))
            }
            Ok(Some(Redemption::Refused(refused))) => self.refuse(headers, &refused),
            // The preparation failed, and the link was given back.
            Ok(None) => self.front.unavailable(headers, Some(self.press_again(fields))),
            Err(error) => {
                log_fault(&error);
                self.front.unavailable(headers, Some(self.press_again(fields)))
            }
        }
    }

    /// Both phases, with the application's work between them; nothing, if that failed (D5).
    async fn claim(
        &self,
        fields: &Fields,
        attempt: &Attempt,
        prepare: &Preparation,
    ) -> Result<Option<Redemption>, StoreError> {
        let claim = match self.service.claim(&fields.code, attempt).await? {
            Claiming::Claimed(claim) => claim,
            settled => return Ok(Some(settled.into())),
        };
        match prepare(claim.inquiry).await {
            Ok(()) => self.service.commit(&claim).await.map(Some),
            Err(error) => {
                tracing::error!(%error, link = %claim.link, "the preparation failed; the link is given back");
                // If this fails, too, the lease gives the link back.
                self.service.release(&claim).await?;
                Ok(None)
            }
        }
    }

    fn refuse(&self, headers: &HeaderMap, refused: &Refused) -> Response {
        if let Some(link) = refused.link {
            Span::current().record("link", field::display(link));
        }
        tracing::info!(outcome = "refused", reason = refused.reason.name(), "a link does not open");
        self.front.refused(headers)
    }

    fn malformed(&self, headers: &HeaderMap, rejection: &FormRejection) -> Response {
        self.front.page(headers, rejection.status(), PageKind::Malformed, None)
    }

    fn with_form(&self, headers: &HeaderMap, status: StatusCode, kind: PageKind, made: Made) -> Response {
        let fields = vec![("code", made.code), ("attempt", made.attempt), ("seal", made.seal)];
        let form = pages::Form { method: "post", action: &self.front.address, fields };
        let mut response = self.front.page(headers, status, kind, Some(form));
        for cookie in made.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// A form that opens the link again, as a click on it does.
    fn look_again(&self, code: &Code) -> pages::Form<'_> {
        let fields = vec![("code", code.expose().as_str().to_owned())];
        pages::Form { method: "get", action: &self.front.address, fields }
    }

    /// A form that is sent again as it was: the same attempt (D6).
    fn press_again(&self, fields: &Fields) -> pages::Form<'_> {
        let fields = fields.named().map(|(name, value)| (name, value.to_owned())).to_vec();
        pages::Form { method: "post", action: &self.front.address, fields }
    }
}

/// The whole seconds until then, at least one.
fn seconds(now: Timestamp, until: Timestamp) -> u64 {
    until.since(now).as_secs().saturating_add(1)
}

/// There was no answer in time: the same attempt finds the first answer, if there is one (D6).
fn late() -> StoreError {
    StoreError::new(StoreErrorKind::Timeout, Retry::SameAttempt)
}

/// A fault of the store names no code (S4).
fn log_fault(error: &StoreError) {
    tracing::error!(error = error as &dyn Error, "the store could not answer");
}
