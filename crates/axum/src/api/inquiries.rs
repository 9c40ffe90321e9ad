//! What the API does with an inquiry that there is.

use std::{future::Future, sync::Arc};

use axum::{extract::State, http::StatusCode, response::Response};
use inquiry_otl::{Action, Inquiry, InquiryId, IssuedLink, LinkRequest, LinkStore, session::InquirySession};

use super::{
    Shared,
    call::Call,
    create::interval,
    document::{Document, Meta, Resource},
    failure::{Failure, behind_a_change},
    idempotency::{Made, once},
    name::{SessionName, session_token},
};

/// The most sessions that an answer about an inquiry includes.
const MOST_SESSIONS: u32 = 100;

/// `GET /inquiries/{inquiry-id}`: with its sessions and its template, unless others are asked for.
pub(super) async fn retrieve<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let inquiry = shared.read(call.inquiry()?).await?;
    let sessions = shared.service.sessions(inquiry.id, None, MOST_SESSIONS).await?;
    let by_default = !call.query.has("include");
    let included = shared.included(&call, &inquiry, &sessions, by_default);
    let document = Document::of(Resource::inquiry(&inquiry, Some(&sessions))).including(included);
    call.answer(StatusCode::OK, &document)
}

/// `DELETE /inquiries/{inquiry-id}` (I4).
pub(super) async fn redact<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    change(&shared, &call, Action::Redact).await
}

/// `POST /inquiries/{inquiry-id}/expire` (L4).
pub(super) async fn expire<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    change(&shared, &call, Action::Expire).await
}

/// `POST /inquiries/{inquiry-id}/approve`.
pub(super) async fn approve<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    check_review(&call)?;
    change(&shared, &call, Action::Approve).await
}

/// `POST /inquiries/{inquiry-id}/decline`.
pub(super) async fn decline<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    check_review(&call)?;
    change(&shared, &call, Action::Decline).await
}

/// `POST /inquiries/{inquiry-id}/resume` (R1, R2): and a session, whose token is told this once (D7).
pub(super) async fn resume<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let id = call.inquiry()?;
    let service = Arc::clone(&shared.service);
    let perform = async move {
        service.resume(id).await?;
        let grant = service.start_session(id).await.map_err(behind_a_change)?;
        let made = Made::Session(id, grant.session.id);
        Ok((grant, made))
    };
    // Nobody can tell the token again, and a session in its place would count as one more (E6).
    let again = async |_| {
        Err(Failure::conflict(
            "The session's token was told under that Idempotency-Key, and cannot be told again: take another key",
        ))
    };
    let grant = shared.once(&call, perform, again).await?;
    let name = SessionName { inquiry: id, session: grant.session.id };
    let meta = Meta::Token { session_token: session_token(name, &grant.token) };
    shared.answer(&call, StatusCode::OK, &grant.inquiry, Some(meta)).await.map_err(behind_a_change)
}

/// `POST /inquiries/{inquiry-id}/generate-one-time-link` (L1, L2, L5).
pub(super) async fn link<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let id = call.inquiry()?;
    let body = call.object()?;
    body.only(&["meta"])?;
    let mut request = LinkRequest::resume(id);
    if let Some(meta) = body.object("meta")? {
        meta.only(&["expires-in-seconds"])?;
        if let Some(seconds) = meta.integer("expires-in-seconds")? {
            if i32::try_from(seconds).is_err() {
                return Err(Failure::bad_request("meta.expires-in-seconds must be an integer of 32 bits"));
            }
            request = request.expires_in(interval(seconds, "/meta/expires-in-seconds")?);
        }
    }
    let link = shared.issue(&call, request).await?;
    let inquiry = shared.read(id).await.map_err(behind_a_change)?;
    let meta = shared.told(&link);
    shared.answer(&call, StatusCode::OK, &inquiry, Some(meta)).await.map_err(behind_a_change)
}

async fn change<S: LinkStore + 'static>(
    shared: &Shared<S>,
    call: &Call,
    action: Action,
) -> Result<Response, Failure> {
    let id = call.inquiry()?;
    let service = Arc::clone(&shared.service);
    let perform = async move { Ok((service.change(id, action).await?, Made::Inquiry(id))) };
    let inquiry = shared.once(call, perform, async |_| shared.read(id).await).await?;
    shared.answer(call, StatusCode::OK, &inquiry, None).await.map_err(behind_a_change)
}

/// A reviewer's comment must be a text; it is not kept.
fn check_review(call: &Call) -> Result<(), Failure> {
    let body = call.object()?;
    body.only(&["meta"])?;
    let Some(meta) = body.object("meta")? else { return Ok(()) };
    meta.only(&["comment"])?;
    meta.text("comment").map(|_| ())
}

/// The inquiry that a request made.
pub(super) fn inquiry_of(made: &Made) -> Result<InquiryId, Failure> {
    match made {
        Made::Inquiry(inquiry) => Ok(*inquiry),
        _ => Err(Failure::internal()),
    }
}

impl<S: LinkStore + 'static> Shared<S> {
    pub(super) async fn read(&self, id: InquiryId) -> Result<Inquiry, Failure> {
        Ok(self.service.inquiry(id).await?)
    }

    /// Carries a request out, or, if its key says that this was done, answers from what it made.
    pub(super) async fn once<T: Send + 'static>(
        &self,
        call: &Call,
        perform: impl Future<Output = Result<(T, Made), Failure>> + Send + 'static,
        again: impl AsyncFnOnce(Made) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        once(&self.idempotency, Arc::clone(&self.service), call, perform, again).await
    }

    /// Creates a link, or gives out the one that is outstanding; under a key, the one that was made under it.
    pub(super) async fn issue(&self, call: &Call, request: LinkRequest) -> Result<IssuedLink, Failure> {
        let service = Arc::clone(&self.service);
        let perform = async move {
            let link = service.issue(request).await?;
            let made = Made::Link(link.inquiry, link.id);
            Ok((link, made))
        };
        self.once(call, perform, async |made| match made {
            Made::Link(inquiry, link) => Ok(self.service.derive(inquiry, link).await?),
            _ => Err(Failure::internal()),
        })
        .await
    }

    /// Both forms of a link (C5).
    pub(super) fn told(&self, link: &IssuedLink) -> Meta {
        let short = self.service.planner().urls().short_url(&link.code);
        Meta::Link {
            one_time_link: link.url.expose().to_owned(),
            one_time_link_short: short.expose().to_owned(),
        }
    }

    /// The answer about an inquiry, with its sessions if they are asked for.
    pub(super) async fn answer(
        &self,
        call: &Call,
        status: StatusCode,
        inquiry: &Inquiry,
        meta: Option<Meta>,
    ) -> Result<Response, Failure> {
        let sessions = if call.query.includes("sessions") {
            Some(self.service.sessions(inquiry.id, None, MOST_SESSIONS).await?)
        } else {
            None
        };
        let mut document = Document::of(Resource::inquiry(inquiry, sessions.as_deref()));
        if call.query.has("include") {
            let included = self.included(call, inquiry, sessions.as_deref().unwrap_or_default(), false);
            document = document.including(included);
        }
        if let Some(meta) = meta {
            document = document.with_meta(meta);
        }
        call.answer(status, &document)
    }

    fn included(
        &self,
        call: &Call,
        inquiry: &Inquiry,
        sessions: &[InquirySession],
        by_default: bool,
    ) -> Vec<Resource> {
        let now = self.service.planner().now();
        let mut included = Vec::new();
        if by_default || call.query.includes("sessions") {
            included.extend(sessions.iter().map(|session| Resource::session(session, now)));
        }
        if by_default || call.query.includes("inquiry-template") {
            included.push(Resource::InquiryTemplate { id: inquiry.template });
        }
        included
    }
}
