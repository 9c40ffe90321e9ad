//! A new link, which is shown once: in the answer to the form itself, so that no address of ours and no record has it.
//!
//! A browser sends a form again when its answer is reloaded. Each form has an attempt of its own, and what was sent before, in
//! all its fields, makes no other link: the one that it made is derived again.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use inquiry_otl::{
    Creator, DeriveError, Digest, InquiryId, Interval, IssueError, IssuedLink, LinkId, SessionId,
    StoreErrorKind,
};
use inquiry_otl_axum::api::{Begun, IdempotencyKey, IdempotencyRecords, Made};
use lettre::Address;
use qrcode::{QrCode, render::svg};
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use super::{
    Failure, Frame, Here, Posted, SignedIn,
    fields::{Errors, duration},
    inquiries::path_of,
    inquiry::{Named, not_found, refused, title},
    page,
    words::{self, Moment},
};
use crate::{
    app::App,
    mail::{self, Asked, EnqueueError, Older},
};

/// How long a form is known that was sent before.
const REMEMBERED: Interval = match Interval::from_days(1) {
    Ok(day) => day,
    Err(_) => unreachable!(),
};

/// The form, as it was sent; empty, as it is shown first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct LinkForm {
    /// Random: another for each time that the form is shown.
    pub(super) attempt: String,
    /// The session that is handed to another device; empty for a link to the inquiry.
    pub(super) session: String,
    pub(super) amount: String,
    pub(super) unit: String,
    pub(super) outstanding: String,
    pub(super) mail: String,
    #[serde(skip)]
    pub(super) errors: Errors,
}

impl Default for LinkForm {
    fn default() -> Self {
        Self {
            attempt: String::new(),
            session: String::new(),
            amount: String::new(),
            unit: "hours".to_owned(),
            outstanding: "supersede".to_owned(),
            mail: String::new(),
            errors: Errors::new(),
        }
    }
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    frame: Frame,
    name: String,
    back: String,
    link: &'a IssuedLink,
    /// What became of those that were out.
    others: &'static str,
    short: String,
    qr: Option<String>,
    /// To whom it goes by mail.
    mailed_to: Option<String>,
    /// Whether there is a mail server.
    sends: bool,
    expires: Moment,
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Named(id): Named,
    Posted { by, form }: Posted<LinkForm>,
) -> Result<Response, Failure> {
    let inquiry = app.links.inquiry(id).await.map_err(not_found)?;
    let (asked, to) = match form.read(&by) {
        Ok(read) => read,
        Err(Wrong::Form) => return Err(Failure::Malformed),
        Err(Wrong::Field(name, error)) => {
            let form = LinkForm { errors: Errors::from([(name, error)]), ..form };
            let problem = "No link was created: see below.".to_owned();
            return refused(&app, by, id, StatusCode::UNPROCESSABLE_ENTITY, problem, form).await;
        }
    };
    let older = asked.older;
    let problem = match once(&app, id, &form, asked, to.clone()).await? {
        Ok(link) => return shown(&app, by, &title(&inquiry), &link, older, to.map(|to| to.to_string())),
        Err(problem) => problem,
    };
    refused(&app, by, id, StatusCode::CONFLICT, problem, form).await
}

/// Issues a link, or derives the one that the same form made before; or says why there is none.
async fn once(
    app: &Arc<App>,
    inquiry: InquiryId,
    form: &LinkForm,
    asked: Asked,
    to: Option<Address>,
) -> Result<Result<IssuedLink, String>, Failure> {
    let planner = app.links.planner();
    let text = serde_json::to_vec(&(inquiry, form)).map_err(|error| Failure::Unavailable(error.into()))?;
    let key = IdempotencyKey::new(&planner.tenant(), &text);
    let now = planner.now();
    let until = now.plus(REMEMBERED);
    // The key is of all that is asked for: there is no other request under it.
    let request = Digest::from_bytes(*key.as_bytes());
    Ok(match app.records.begin(key, request, now, until).await? {
        Begun::First => {
            let app = Arc::clone(app);
            // A browser that goes away leaves no attempt behind that is under way.
            let task = async move {
                let issued = issue(&app, inquiry, asked, to).await;
                let noted = match &issued {
                    Ok(Ok(link)) => app.records.finish(key, Made::Link(inquiry, link.id), until).await,
                    // It was refused: the same form may be sent again.
                    Ok(Err(_)) => IdempotencyRecords::forget(&app.records, key).await,
                    // Nobody knows what was made.
                    Err(_) => Ok(()),
                    // Nobody knows what was made.
                };
                if let Err(error) = noted {
                    tracing::warn!(kind = ?error.kind(), "the attempt of a form stays under way");
                }
                issued
            };
            tokio::spawn(task.in_current_span())
                .await
                .map_err(|error| Failure::Unavailable(error.into()))??
        }
        Begun::Done(Made::Link(inquiry, link)) => again(app, inquiry, link).await?,
        Begun::Full => {
            Err("Too many requests of the last day are remembered. No link was created: try again later."
                .to_owned())
        }
        Begun::UnderWay { .. } | Begun::Done(_) | Begun::Other => {
            Err("This form was sent before. Look below for what came of it, or send it once more.".to_owned())
        }
    })
}

async fn issue(
    app: &App,
    inquiry: InquiryId,
    asked: Asked,
    to: Option<Address>,
) -> Result<Result<IssuedLink, String>, Failure> {
    let issued = match to {
        None => app.links.issue(asked.request(inquiry)).await.map_err(EnqueueError::from),
        Some(to) => mail::enqueue(app, inquiry, asked, to).await,
    };
    match issued {
        Ok(link) => Ok(Ok(link)),
        Err(EnqueueError::Issue(IssueError::NotFound)) => Err(Failure::NotFound),
        Err(EnqueueError::Issue(error)) => refusal(error).map(Err),
        Err(error) => Err(Failure::Unavailable(error.into())),
    }
}

/// The link that was made, as long as it is unused.
async fn again(app: &App, inquiry: InquiryId, link: LinkId) -> Result<Result<IssuedLink, String>, Failure> {
    match app.links.derive(inquiry, link).await {
        Ok(link) => Ok(Ok(link)),
        Err(DeriveError::NotOutstanding(refusal)) => {
            let why = words::refusal(&refusal);
            Ok(Err(format!(
                "This form was sent before, and its link opens nothing any more. {why} For another link, send it once more."
            )))
        }
        Err(DeriveError::Store(error)) => Err(error.into()),
        Err(error) => Err(Failure::Unavailable(error.into())),
    }
}

/// What is wrong with a form: it is none of ours, or a field of it.
enum Wrong {
    Form,
    Field(&'static str, String),
}

impl LinkForm {
    fn read(&self, by: &SignedIn) -> Result<(Asked, Option<Address>), Wrong> {
        let handoff_of = match self.session.as_str() {
            "" => None,
            session => Some(SessionId::new(session).map_err(|_| Wrong::Form)?),
        };
        let older = match self.outstanding.as_str() {
            "supersede" => Older::Supersede,
            "keep" => Older::Keep,
            "same" => Older::ReturnSame,
            _ => return Err(Wrong::Form),
        };
        let expires_in = match self.amount.trim() {
            "" => None,
            amount => Some(duration(amount, &self.unit).map_err(|error| Wrong::Field("amount", error))?),
        };
        let to = match self.mail.trim() {
            "" => None,
            to => Some(to.parse().map_err(|_| {
                Wrong::Field("mail", "Give an address, as in jo@example.com, or leave it empty.".to_owned())
            })?),
        };
        let creator = Creator::new(by.name()).ok();
        Ok((Asked { handoff_of, expires_in, older, creator }, to))
    }
}

/// Why there is no link, in a sentence.
fn refusal(error: IssueError) -> Result<String, Failure> {
    Ok(match error {
        IssueError::NotOpen(reason) => words::not_open(&reason),
        IssueError::SessionNotLive => {
            "That session is over. Create a link to the inquiry instead.".to_owned()
        }
        IssueError::Altered => {
            "The link that was there was altered in the database. Create one that takes its place.".to_owned()
        }
        IssueError::Store(error) if error.kind() == StoreErrorKind::Conflict => {
            "Others are changing this inquiry at this moment. No link was created: try again.".to_owned()
        }
        IssueError::Store(error) => return Err(error.into()),
        error => return Err(Failure::Unavailable(error.into())),
    })
}

/// The one page that has it.
fn shown(
    app: &App,
    by: SignedIn,
    name: &str,
    link: &IssuedLink,
    older: Older,
    mailed_to: Option<String>,
) -> Result<Response, Failure> {
    let planner = app.links.planner();
    let short = planner.urls().short_url(&link.code);
    let qr = QrCode::new(short.expose()).ok().map(|qr| {
        let drawn = qr.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
        // An element of the page: without the line that begins a file.
        drawn.split_once("?>").map_or_else(|| drawn.clone(), |(_, element)| element.to_owned())
    });
    let view = LinkPage {
        frame: Frame::new(
            by,
            Here::Inquiries,
            if link.reused { "The same link again" } else { "The new link" },
        ),
        name: name.to_owned(),
        back: path_of(link.inquiry),
        link,
        others: match older {
            _ if link.reused => "It was given out before, and is good as it was.",
            Older::Keep => "Links that were out already stay as they are.",
            Older::Supersede | Older::ReturnSame => "Links that were out already open nothing any more.",
        },
        short: short.expose().to_owned(),
        qr,
        mailed_to,
        sends: app.mail.sends(),
        expires: words::moment(link.expires_at, planner.now()),
    };
    page(StatusCode::OK, &view)
}
