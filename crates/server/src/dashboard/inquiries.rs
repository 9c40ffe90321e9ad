//! All inquiries: a page at a time, by status, template or reference; a search; new ones.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use inquiry_otl::{
    Cursor, Inquiry, InquiryId, InquiryQuery, LinkId, NewInquiry, ReadError, ReferenceId, Status, TemplateId,
    Timestamp,
};
use serde::Deserialize;

use super::{
    Failure, Frame, Here, Notice, Posted, SignedIn, page, samples,
    words::{self, Moment, State as Mark},
};
use crate::{app::App, records::timeline};

/// How many stand on a page.
const PAGE: u32 = 50;
const PATH: &str = "/dashboard/inquiries";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(PATH, get(show).post(create))
        .route("/dashboard/inquiries/new", get(ask))
        .route("/dashboard/samples", post(add_samples))
        .route("/dashboard/search", post(search))
}

/// Where an inquiry's own page is.
pub(crate) fn path_of(inquiry: InquiryId) -> String {
    format!("{PATH}/{inquiry}")
}

/// Where an inquiry's own page is.
pub(crate) fn path(inquiry: &Inquiry) -> String {
    path_of(inquiry.id)
}

/// What is asked for; what cannot be is as if it were not asked for.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    status: String,
    template: String,
    reference: String,
    after: String,
    before: String,
}

impl Wanted {
    fn filtered(&self) -> InquiryQuery {
        let mut query = InquiryQuery::newest(PAGE);
        if let Ok(status) = self.status.parse::<Status>() {
            query = query.with_status([status]);
        }
        if let Ok(template) = TemplateId::new(&self.template) {
            query = query.from_template([template]);
        }
        if let Ok(reference) = ReferenceId::new(&self.reference) {
            query = query.with_reference(reference);
        }
        query
    }

    fn is_filtered(&self) -> bool {
        !(self.status.is_empty() && self.template.is_empty() && self.reference.is_empty())
    }

    /// The address of another page of the same list.
    fn path(&self, direction: &str, place: Cursor) -> String {
        let place = format!("{}.{}", place.created_at.unix_micros(), place.inquiry);
        let query: String = [
            ("status", &self.status),
            ("template", &self.template),
            ("reference", &self.reference),
            (direction, &place),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .fold(form_urlencoded::Serializer::new(String::new()), |mut query, (name, value)| {
            query.append_pair(name, value);
            query
        })
        .finish();
        format!("{PATH}?{query}")
    }
}

/// A place in the list, as an address has it.
fn place(text: &str) -> Option<Cursor> {
    let (created_at, inquiry) = text.split_once('.')?;
    let created_at = Timestamp::from_unix_micros(created_at.parse().ok()?).ok()?;
    Some(Cursor { created_at, inquiry: InquiryId::new(inquiry).ok()? })
}

/// A line of the list.
struct Row {
    path: String,
    name: String,
    id: InquiryId,
    template: String,
    mark: Mark,
    created: Moment,
    deadline: Option<Moment>,
}

impl Row {
    fn new(app: &App, inquiry: &Inquiry, now: Timestamp) -> Self {
        Self {
            path: path_of(inquiry.id),
            name: inquiry.reference.as_ref().map_or_else(|| inquiry.id.to_string(), ToString::to_string),
            id: inquiry.id,
            template: template_name(app, inquiry.template),
            mark: words::state(inquiry),
            created: words::moment(inquiry.created_at, now),
            deadline: inquiry.is_open(now).then(|| words::moment(inquiry.expires_at, now)),
        }
    }
}

/// What a template is called here; one that is not here has its id.
pub(super) fn template_name(app: &App, id: TemplateId) -> String {
    app.templates.get(id).map_or_else(|| id.to_string(), |template| template.name)
}

/// The value, the label, and whether it is chosen.
type Choice = (String, String, bool);

#[derive(Template)]
#[template(path = "inquiries.html")]
struct InquiriesPage {
    frame: Frame,
    rows: Vec<Row>,
    statuses: Vec<Choice>,
    templates: Vec<Choice>,
    reference: String,
    is_filtered: bool,
    newer: Option<String>,
    older: Option<String>,
}

async fn show(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    list(&app, by, &wanted, StatusCode::OK, None).await
}

async fn list(
    app: &App,
    by: SignedIn,
    wanted: &Wanted,
    status: StatusCode,
    notice: Option<Notice>,
) -> Result<Response, Failure> {
    let query = wanted.filtered();
    let (before, after) = (place(&wanted.before), place(&wanted.after));
    let query = match (before, after) {
        (Some(place), _) => query.before(place),
        (None, Some(place)) => query.after(place),
        (None, None) => query,
    };
    let found = app.links.inquiries(query).await?;
    let (first, last) = (found.items.first().map(Cursor::of), found.items.last().map(Cursor::of));
    let (newer, older) = match (before, after) {
        (Some(_), _) => (found.more, last.or(before)),
        (None, Some(_)) => (first.or(after), found.more),
        (None, None) => (None, found.more),
    };
    let now = app.links.planner().now();
    let view = InquiriesPage {
        frame: Frame::new(by, Here::Inquiries, "All inquiries").with_notice(notice),
        rows: found.items.iter().map(|inquiry| Row::new(app, inquiry, now)).collect(),
        statuses: Status::ALL
            .map(|status| {
                let name = status.as_str();
                (name.to_owned(), words::status(status).to_owned(), wanted.status == name)
            })
            .to_vec(),
        templates: templates(app, &wanted.template),
        reference: wanted.reference.clone(),
        is_filtered: wanted.is_filtered(),
        newer: newer.map(|place| wanted.path("before", place)),
        older: older.map(|place| wanted.path("after", place)),
    };
    page(status, &view)
}

fn templates(app: &App, chosen: &str) -> Vec<Choice> {
    let templates = app.templates.all().into_iter();
    templates
        .map(|template| (template.id.to_string(), template.name, template.id.as_str() == chosen))
        .collect()
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    text: String,
}

/// A form, so that what was pasted by mistake, a link, is in no address.
async fn search(
    State(app): State<Arc<App>>,
    Posted { by, form }: Posted<Search>,
) -> Result<Response, Failure> {
    let text = form.text.trim();
    if text.is_empty() {
        return Ok(Redirect::to(PATH).into_response());
    }
    if let Some(inquiry) = find(&app, text).await? {
        return Ok(Redirect::to(&path_of(inquiry)).into_response());
    }
    if let Ok(reference) = ReferenceId::new(text) {
        let any = app.links.inquiries(InquiryQuery::newest(1).with_reference(reference)).await?;
        if !any.items.is_empty() {
            let query =
                form_urlencoded::Serializer::new(String::new()).append_pair("reference", text).finish();
            return Ok(Redirect::to(&format!("{PATH}?{query}")).into_response());
        }
    }
    let problem = Notice::problem(
        "Nothing has exactly this id or reference. To learn about a link or a code, paste it under Diagnose.",
    );
    list(&app, by, &Wanted::default(), StatusCode::NOT_FOUND, Some(problem)).await
}

/// The inquiry with that id, or the one of the link with that id.
async fn find(app: &App, text: &str) -> Result<Option<InquiryId>, Failure> {
    if let Ok(id) = InquiryId::new(text) {
        return match app.links.inquiry(id).await {
            Ok(inquiry) => Ok(Some(inquiry.id)),
            Err(ReadError::Store(error)) => Err(error.into()),
            Err(_) => Ok(None),
        };
    }
    match LinkId::new(text) {
        Ok(link) => Ok(app.records.read(move |of| timeline::inquiry_of(of, link)).await?),
        Err(_) => Ok(None),
    }
}

#[derive(Template)]
#[template(path = "new_inquiry.html")]
struct NewInquiryPage {
    frame: Frame,
    templates: Vec<Choice>,
    reference: String,
    error: Option<String>,
}

async fn ask(State(app): State<Arc<App>>, by: SignedIn) -> Result<Response, Failure> {
    new_inquiry(&app, by, &Create::default(), StatusCode::OK, None)
}

fn new_inquiry(
    app: &App,
    by: SignedIn,
    form: &Create,
    status: StatusCode,
    error: Option<String>,
) -> Result<Response, Failure> {
    let view = NewInquiryPage {
        frame: Frame::new(by, Here::Inquiries, "New inquiry"),
        templates: templates(app, &form.template),
        reference: form.reference.clone(),
        error,
    };
    page(status, &view)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Create {
    template: String,
    reference: String,
}

async fn create(
    State(app): State<Arc<App>>,
    Posted { by, form }: Posted<Create>,
) -> Result<Response, Failure> {
    let template = TemplateId::new(&form.template).ok().and_then(|id| app.templates.get(id));
    let Some(template) = template else {
        return Err(Failure::Malformed);
    };
    let mut request = NewInquiry::from_template(template.id).with_policy(template.policy);
    if !form.reference.trim().is_empty() {
        match ReferenceId::new(form.reference.trim()) {
            Ok(reference) => request = request.with_reference(reference),
            Err(error) => {
                let error = Some(format!("This reference cannot be kept: {error}."));
                return new_inquiry(&app, by, &form, StatusCode::UNPROCESSABLE_ENTITY, error);
            }
        }
    }
    let inquiry = samples::created(app.links.create(request).await)?;
    Ok(Redirect::to(&path_of(inquiry.id)).into_response())
}

#[derive(Deserialize)]
struct Nothing {}

async fn add_samples(State(app): State<Arc<App>>, _: Posted<Nothing>) -> Result<Response, Failure> {
    samples::add(&app).await?;
    Ok(Redirect::to(PATH).into_response())
}
