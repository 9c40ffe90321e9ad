//! What the API does with sessions (D7).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use inquiry_otl::{
    InquiryId, InquiryQuery, LinkRequest, LinkStore, ReadError, Revocation, SessionId,
    session::InquirySession, store::Directory,
};

use super::{
    Shared,
    call::Call,
    document::{Document, Meta, Resource},
    failure::{Failure, behind_a_change},
    idempotency::Made,
    name::SessionName,
    page::{From, Page, Paged},
};

/// How many sessions a store is asked for at a time.
const CHUNK: u32 = 100;

/// The most inquiries whose sessions are expired at a time.
const MOST_INQUIRIES: usize = 100;

/// `GET /inquiry-sessions`: those of one inquiry, newest first; or of all, by their inquiries, the newest of these first.
pub(super) async fn list<S: LinkStore + Directory + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let page = Page::of(&call.query)?;
    let paged = match call.query.group("filter", &["inquiry-id"])?.one("inquiry-id")?.map(InquiryId::new) {
        None => shared.page_of_all_sessions(page).await?,
        Some(Ok(inquiry)) => shared.page_of_sessions(inquiry, page).await?,
        // What cannot be an id names no inquiry, which has no sessions.
        Some(Err(_)) => Paged::empty(),
    };
    let (before, after) = paged.links(&call);
    call.answer(StatusCode::OK, &shared.listed(&paged.items).with_pages(before, after))
}

/// `POST /inquiry-sessions`: it counts like any other (E6).
pub(super) async fn create<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let body = call.object()?;
    body.only(&["data"])?;
    let data = body.required("data", body.object("data")?)?;
    data.only(&["attributes"])?;
    let attributes = data.required("attributes", data.object("attributes")?)?;
    attributes.only(&["inquiry-id"])?;
    let given = attributes.required("inquiry-id", attributes.text("inquiry-id")?)?;
    let not_found = || Failure::not_found().saying("data.attributes.inquiry-id is not found");
    let inquiry = InquiryId::new(given).map_err(|_| not_found())?;
    tracing::Span::current().record("inquiry", tracing::field::display(&inquiry));

    let service = Arc::clone(&shared.service);
    let perform = async move {
        let session = service.start_session(inquiry).await?.session;
        Ok((session, Made::Session(inquiry, session.id)))
    };
    let session = shared.once(&call, perform, async |made| shared.session_of(made).await).await?;
    shared.answer_session(&call, StatusCode::CREATED, &session, None).await.map_err(behind_a_change)
}

/// `POST /inquiry-sessions/expire-all`: those of some inquiries. An inquiry that there is not has none.
pub(super) async fn expire_all<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let body = call.object()?;
    body.only(&["meta"])?;
    let meta = body.required("meta", body.object("meta")?)?;
    meta.only(&["inquiry-ids"])?;
    let given = meta.required("inquiry-ids", meta.texts("inquiry-ids")?)?;
    if MOST_INQUIRIES < given.len() {
        return Err(Failure::unprocessable("At most 100 inquiries at a time", "/meta/inquiry-ids"));
    }
    let inquiries: Vec<_> = given.into_iter().filter_map(|id| InquiryId::new(id).ok()).collect();
    let this = Arc::clone(&shared);
    let perform = async move {
        let mut expired = Vec::new();
        for inquiry in inquiries {
            let done = this.expire_sessions(inquiry, &mut expired).await;
            done.map_err(|failure| if expired.is_empty() { failure } else { behind_a_change(failure) })?;
        }
        let made = expired.iter().map(|session| (session.inquiry, session.id)).collect();
        Ok((expired, Made::Sessions(made)))
    };
    let again = async |made| {
        let Made::Sessions(names) = made else { return Err(Failure::internal()) };
        let mut sessions = Vec::new();
        for (inquiry, session) in names {
            sessions.push(shared.service.session(inquiry, session).await?);
        }
        Ok(sessions)
    };
    let expired = shared.once(&call, perform, again).await?;
    call.answer(StatusCode::OK, &shared.listed(&expired))
}

/// `GET /inquiry-sessions/{inquiry-session-id}`.
pub(super) async fn retrieve<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let session = shared.session(call.session()?).await?;
    shared.answer_session(&call, StatusCode::OK, &session, None).await
}

/// `POST /inquiry-sessions/{inquiry-session-id}/expire` (L6). Doing it again does no harm.
pub(super) async fn expire<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let name = call.session()?;
    let this = Arc::clone(&shared);
    let perform = async move {
        this.service.revoke(name.inquiry, Revocation::Session(name.session)).await?;
        let session = this.session(name).await.map_err(behind_a_change)?;
        Ok((session, Made::Session(name.inquiry, name.session)))
    };
    let session = shared.once(&call, perform, async |made| shared.session_of(made).await).await?;
    shared.answer_session(&call, StatusCode::OK, &session, None).await.map_err(behind_a_change)
}

/// `POST /inquiry-sessions/{inquiry-session-id}/generate-one-time-link`: to go on with another device (E5).
pub(super) async fn link<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let name = call.session()?;
    let session = shared.session(name).await?;
    let link = shared.issue(&call, LinkRequest::device_handoff(name.inquiry, name.session)).await?;
    let meta = shared.told(&link);
    shared.answer_session(&call, StatusCode::OK, &session, Some(meta)).await.map_err(behind_a_change)
}

impl<S: LinkStore + 'static> Shared<S> {
    async fn session(&self, name: SessionName) -> Result<InquirySession, Failure> {
        Ok(self.service.session(name.inquiry, name.session).await?)
    }

    /// The session that a request made.
    async fn session_of(&self, made: Made) -> Result<InquirySession, Failure> {
        match made {
            Made::Session(inquiry, session) => self.session(SessionName { inquiry, session }).await,
            _ => Err(Failure::internal()),
        }
    }

    /// Expires the sessions of an inquiry that are live.
    async fn expire_sessions(
        &self,
        inquiry: InquiryId,
        expired: &mut Vec<InquirySession>,
    ) -> Result<(), Failure> {
        let mut before = None;
        loop {
            let sessions = match self.service.sessions(inquiry, before, CHUNK).await {
                Err(ReadError::NotFound) => return Ok(()),
                sessions => sessions?,
            };
            for live in sessions.iter().filter(|session| session.live) {
                self.service.revoke(inquiry, Revocation::Session(live.id)).await?;
                let session = self.service.session(inquiry, live.id).await;
                expired.push(session.map_err(behind_a_change)?);
            }
            before = sessions.last().map(|session| session.id);
            if before.is_none() {
                return Ok(());
            }
        }
    }

    async fn page_of_sessions(
        &self,
        inquiry: InquiryId,
        page: Page<'_>,
    ) -> Result<Paged<InquirySession>, Failure> {
        let cursor = |id: &str| {
            let name = SessionName::read(id).filter(|name| name.inquiry == inquiry);
            name.map(|name| name.session)
                .ok_or_else(|| Failure::bad_request("page names no session of the inquiry"))
        };
        let read = |before, limit| self.service.sessions(inquiry, before, limit);
        let found = match page.from {
            From::Start => read(None, more_than(page.size)).await.map(|items| (items, false)),
            From::After(id) => {
                let items = read(Some(cursor(id)?), more_than(page.size)).await;
                items.map(|items| (items, true))
            }
            From::Before(id) => return self.sessions_before(inquiry, cursor(id)?, page.size).await,
        };
        let (mut items, has_before) = match found {
            Err(ReadError::NotFound) => return Ok(Paged::empty()),
            found => found?,
        };
        let has_after = items.len() > page.size as usize;
        items.truncate(page.size as usize);
        Ok(paged(items, has_before, has_after))
    }

    /// The page that ends before a session: a store lists from the newest on, so the list is walked.
    async fn sessions_before(
        &self,
        inquiry: InquiryId,
        end: SessionId,
        size: u32,
    ) -> Result<Paged<InquirySession>, Failure> {
        let mut newer: Vec<InquirySession> = Vec::new();
        loop {
            let last = newer.last().map(|session| session.id);
            let chunk = self.service.sessions(inquiry, last, CHUNK).await?;
            // Ids sort by time, the newest first here.
            let is_end = chunk.is_empty() || chunk.iter().any(|session| session.id <= end);
            newer.extend(chunk.into_iter().filter(|session| end < session.id));
            if is_end {
                break;
            }
        }
        let first = newer.len().saturating_sub(size as usize);
        Ok(paged(newer.split_off(first), 0 < first, true))
    }

    fn listed(&self, sessions: &[InquirySession]) -> Document {
        let now = self.service.planner().now();
        Document::list(sessions.iter().map(|session| Resource::session(session, now)).collect())
    }

    async fn answer_session(
        &self,
        call: &Call,
        status: StatusCode,
        session: &InquirySession,
        meta: Option<Meta>,
    ) -> Result<Response, Failure> {
        tracing::Span::current().record("session", tracing::field::display(&session.id));
        let mut document = Document::of(Resource::session(session, self.service.planner().now()));
        if call.query.includes("inquiry") {
            let inquiry = self.read(session.inquiry).await?;
            document = document.including(vec![Resource::inquiry(&inquiry, None)]);
        }
        if let Some(meta) = meta {
            document = document.with_meta(meta);
        }
        call.answer(status, &document)
    }
}

impl<S: LinkStore + Directory + 'static> Shared<S> {
    /// A page of all sessions, which are found by their inquiries. After so many inquiries the page is short, and says with
    /// which inquiry to go on.
    async fn page_of_all_sessions(&self, page: Page<'_>) -> Result<Paged<InquirySession>, Failure> {
        let wanted = page.size as usize;
        let inquiries = InquiryQuery::newest(CHUNK);
        let (mut items, inquiries) = match page.from {
            From::Start => (Vec::new(), inquiries),
            From::Before(_) => return Err(Failure::bad_request("page.before needs filter.inquiry-id")),
            From::After(id) => match SessionName::read(id) {
                // Behind an inquiry, and whatever sessions it has.
                None => (Vec::new(), inquiries.after(self.place(id).await?)),
                Some(SessionName { inquiry, session }) => {
                    let place = self.place(inquiry.as_str()).await?;
                    let rest = self.service.sessions(inquiry, Some(session), more_than(page.size)).await?;
                    (rest, inquiries.after(place))
                }
            },
        };
        let mut behind = None;
        if items.len() <= wanted {
            let found = self.service.inquiries(inquiries).await?;
            behind = found.more.map(|cursor| cursor.inquiry.to_string());
            for inquiry in found.items {
                if wanted < items.len() {
                    break;
                }
                items.extend(self.service.sessions(inquiry.id, None, more_than(page.size)).await?);
            }
        }
        let has_more = wanted < items.len();
        items.truncate(wanted);
        let paged = paged(items, false, has_more);
        let after = paged.after.or(behind);
        Ok(Paged { after, ..paged })
    }
}

/// One more than that, to learn whether there are more.
const fn more_than(size: u32) -> u32 {
    size.saturating_add(1)
}

fn paged(items: Vec<InquirySession>, has_before: bool, has_after: bool) -> Paged<InquirySession> {
    let name =
        |session: &InquirySession| SessionName { inquiry: session.inquiry, session: session.id }.to_string();
    let before = items.first().filter(|_| has_before).map(name);
    let after = items.last().filter(|_| has_after).map(name);
    Paged { items, before, after }
}
