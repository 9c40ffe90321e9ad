//! An inquiry: how it stands, what can be done about it, its links, its sessions, what happened.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, Path, Query, State},
    http::{StatusCode, request::Parts},
    response::Response,
    routing::{get, post},
};
use inquiry_otl::{Action, Inquiry, InquiryId, LinkId, Purpose, ReadError, SessionId, Timestamp};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Failure, Frame, Here, Notice, SignedIn, changes,
    inquiries::template_name,
    new_link::{self, LinkForm},
    page, story,
    words::{self, Moment, State as Mark},
};
use crate::{app::App, records::timeline, secrets::random_hex};

/// How many links, sessions, and events stand on a page.
const LINKS: u32 = 20;
const EVENTS: u32 = 50;

pub(super) fn router() -> Router<Arc<App>> {
    let of = |rest: &str| format!("/dashboard/inquiries/{{inquiry}}{rest}");
    Router::new()
        .route(&of(""), get(show))
        .route(&of("/links"), post(new_link::create))
        .route(&of("/revoke"), post(changes::revoke))
        .route(&of("/redact"), post(changes::redact))
        .route(&of("/{action}"), post(changes::change))
}

/// The inquiry that an address names; one that names none is an address of nothing.
pub(super) struct Named(pub(super) InquiryId);

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Segments {
            inquiry: String,
        }
        let Path(Segments { inquiry }) =
            Path::<Segments>::from_request_parts(parts, app).await.map_err(|_| Failure::NotFound)?;
        InquiryId::new(&inquiry).map(Self).map_err(|_| Failure::NotFound)
    }
}

/// What is looked at, and what has just happened.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    done: String,
    before: Option<u64>,
    links_before: String,
    sessions_before: String,
}

struct LinkRow {
    id: LinkId,
    mark: Mark,
    purpose: &'static str,
    created: Moment,
    creator: Option<String>,
    expires: Moment,
    used: Option<Moment>,
    uses: String,
    why: Option<String>,
    can_be_revoked: bool,
}

struct SessionRow {
    id: SessionId,
    is_live: bool,
    mark: Mark,
    started: Moment,
    expires: Moment,
}

struct EventRow {
    at: Moment,
    text: String,
}

#[derive(Template)]
#[template(path = "inquiry.html")]
struct InquiryPage {
    frame: Frame,
    inquiry: Inquiry,
    now: Timestamp,
    mark: Mark,
    template: String,
    form: LinkForm,
    /// What the form to create a link has that no other has.
    attempt: Zeroizing<String>,
    links: Vec<LinkRow>,
    older_links: Option<LinkId>,
    sessions: Vec<SessionRow>,
    older_sessions: Option<SessionId>,
    events: Vec<EventRow>,
    earlier: Option<u64>,
    /// Whether a link was used, while there is something to revoke.
    may_be_stolen: bool,
    /// Whether there is a mail server.
    sends: bool,
}

impl InquiryPage {
    fn can(&self, action: Action) -> bool {
        self.inquiry.after(action, self.now).is_ok()
    }

    fn is_open(&self) -> bool {
        self.inquiry.is_open(self.now)
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "a template passes references")]
    fn moment(&self, at: &Timestamp) -> Moment {
        words::moment(*at, self.now)
    }

    /// How it stands, in a sentence.
    fn sentence(&self) -> String {
        story::standing(&self.inquiry)
    }

    /// Until when it would be open after a resume of now.
    fn after_resume(&self) -> String {
        words::interval(self.inquiry.policy.after_resume())
    }

    fn link_window(&self) -> String {
        words::interval(self.inquiry.policy.link_window(Purpose::Resume))
    }

    fn handoff_window(&self) -> String {
        words::interval(self.inquiry.policy.link_window(Purpose::DeviceHandoff))
    }

    fn live_sessions(&self) -> impl Iterator<Item = &SessionRow> {
        self.sessions.iter().filter(|session| session.is_live)
    }
}

async fn show(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Named(id): Named,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let notice = changes::told(&wanted.done).map(Notice::done);
    render(&app, by, id, &wanted, StatusCode::OK, notice, LinkForm::default()).await
}

/// The page, after something that was asked for was not done.
pub(super) async fn refused(
    app: &App,
    by: SignedIn,
    id: InquiryId,
    status: StatusCode,
    problem: String,
    form: LinkForm,
) -> Result<Response, Failure> {
    render(app, by, id, &Wanted::default(), status, Some(Notice::problem(problem)), form).await
}

async fn render(
    app: &App,
    by: SignedIn,
    id: InquiryId,
    wanted: &Wanted,
    status: StatusCode,
    notice: Option<Notice>,
    form: LinkForm,
) -> Result<Response, Failure> {
    let inquiry = app.links.inquiry(id).await.map_err(not_found)?;
    let links =
        app.links.links(id, LinkId::new(&wanted.links_before).ok(), LINKS).await.map_err(not_found)?;
    let sessions = app
        .links
        .sessions(id, SessionId::new(&wanted.sessions_before).ok(), LINKS)
        .await
        .map_err(not_found)?;
    let before = wanted.before;
    let events = app.records.read(move |of| timeline::of(of, id, before, EVENTS)).await?;
    let now = app.links.planner().now();
    let older = |count: usize, limit: u32| u32::try_from(count).is_ok_and(|count| limit <= count);
    let view = InquiryPage {
        mark: words::state(&inquiry),
        template: template_name(app, inquiry.template),
        form,
        attempt: random_hex::<16>(),
        sends: app.mail.sends(),
        may_be_stolen: links.iter().any(|link| link.first_used_at.is_some())
            && (links.iter().any(|link| link.refusal.is_none())
                || sessions.iter().any(|session| session.live)),
        older_links: links.last().filter(|_| older(links.len(), LINKS)).map(|link| link.id),
        links: links
            .iter()
            .map(|link| LinkRow {
                id: link.id,
                mark: words::link_state(link),
                purpose: words::purpose(link.purpose),
                created: words::moment(link.created_at, now),
                creator: link.creator.as_ref().map(ToString::to_string),
                expires: words::moment(link.expires_at, now),
                used: link.first_used_at.map(|at| words::moment(at, now)),
                uses: words::counted(u64::from(link.uses), "time"),
                why: link.refusal.as_ref().map(words::refusal),
                can_be_revoked: link.refusal.is_none() && inquiry.is_open(now),
            })
            .collect(),
        older_sessions: sessions.last().filter(|_| older(sessions.len(), LINKS)).map(|session| session.id),
        sessions: sessions
            .iter()
            .map(|session| SessionRow {
                id: session.id,
                is_live: session.live,
                mark: if session.live {
                    Mark { label: "Live", class: "good" }
                } else {
                    Mark { label: "Over", class: "" }
                },
                started: words::moment(session.started_at, now),
                expires: words::moment(session.expires_at, now),
            })
            .collect(),
        earlier: events.last().filter(|_| older(events.len(), EVENTS)).and_then(|event| event.sequence),
        events: events
            .iter()
            .map(|event| EventRow { at: words::moment(event.at, now), text: story::sentence(&event.kind) })
            .collect(),
        frame: Frame::new(by, Here::Inquiries, &title(&inquiry)).with_notice(notice),
        inquiry,
        now,
    };
    page(status, &view)
}

/// What an inquiry is called: by its reference, or its id.
pub(super) fn title(inquiry: &Inquiry) -> String {
    inquiry.reference.as_ref().map_or_else(|| inquiry.id.to_string(), ToString::to_string)
}

pub(super) fn not_found(error: ReadError) -> Failure {
    match error {
        ReadError::Store(error) => error.into(),
        _ => Failure::NotFound,
    }
}
