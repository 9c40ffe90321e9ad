//! *Templates › Session management*: how long inquiries, links and sessions live (E1 to E7, E10).

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use inquiry_otl::{Purpose, TemplateId};
use serde::Deserialize;

use super::{
    Failure, Frame, Here, Notice, Posted, SignedIn,
    fields::Errors,
    page,
    settings::{Field, Form, read},
    words,
};
use crate::{app::App, records::templates::Template, secrets::random_hex};

const PATH: &str = "/dashboard/templates";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(PATH, get(show))
        .route("/dashboard/templates/new", get(ask).post(create))
        .route("/dashboard/templates/{template}", get(edit).post(change))
}

struct Row {
    path: String,
    id: TemplateId,
    name: String,
    after_create: String,
    after_resume: String,
    link: String,
}

#[derive(askama::Template)]
#[template(path = "templates.html")]
struct TemplatesPage {
    frame: Frame,
    rows: Vec<Row>,
}

async fn show(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let row = |template: Template| Row {
        path: format!("{PATH}/{}", template.id),
        id: template.id,
        after_create: words::interval(template.policy.after_create()),
        after_resume: words::interval(template.policy.after_resume()),
        link: words::interval(template.policy.link_window(Purpose::Resume)),
        name: template.name,
    };
    let notice = (wanted.done == "saved").then(|| {
        Notice::done(
            "The template is saved. It is for inquiries made from now on; others keep what they have.",
        )
    });
    let view = TemplatesPage {
        frame: Frame::new(by, Here::Templates, "Templates").with_notice(notice),
        rows: app.templates.all().into_iter().map(row).collect(),
    };
    page(StatusCode::OK, &view)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    done: String,
}

#[derive(askama::Template)]
#[template(path = "template.html")]
struct TemplatePage {
    frame: Frame,
    id: Option<TemplateId>,
    action: String,
    name: String,
    name_error: Option<String>,
    /// What a new one is to have as its id.
    own_id: String,
    own_id_error: Option<String>,
    fields: Vec<Field>,
    limit: Field,
    grace: Vec<Field>,
    is_same_client: bool,
}

impl TemplatePage {
    fn new(by: SignedIn, id: Option<TemplateId>, form: &Form, errors: &Errors) -> Self {
        let title = if id.is_some() { "Session management" } else { "New template" };
        let notice = (!errors.is_empty()).then(|| Notice::problem("Nothing was saved: see below."));
        Self {
            frame: Frame::new(by, Here::Templates, title).with_notice(notice),
            action: id.map_or_else(|| format!("{PATH}/new"), |id| format!("{PATH}/{id}")),
            id,
            name: form.text("name").to_owned(),
            name_error: errors.get("name").cloned(),
            own_id: form.text("id").to_owned(),
            own_id_error: errors.get("id").cloned(),
            fields: Field::windows(form, errors),
            limit: Field::limit(form, errors),
            grace: Field::grace(form, errors),
            is_same_client: form.text("grace-clients") == "same",
        }
    }
}

async fn ask(by: SignedIn) -> Result<Response, Failure> {
    page(StatusCode::OK, &TemplatePage::new(by, None, &Form::default(), &Errors::new()))
}

async fn edit(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let template = find(&app, &id)?;
    page(StatusCode::OK, &TemplatePage::new(by, Some(template.id), &Form::of(&template), &Errors::new()))
}

fn find(app: &App, id: &str) -> Result<Template, Failure> {
    TemplateId::new(id).ok().and_then(|id| app.templates.get(id)).ok_or(Failure::NotFound)
}

async fn create(State(app): State<Arc<App>>, Posted { by, form }: Posted<Form>) -> Result<Response, Failure> {
    let mut errors = Errors::new();
    let read = read(&form).map_err(|wrong| errors.extend(wrong));
    let id = own_id(&form).map_err(|wrong| errors.insert("id", wrong));
    if let (Ok((name, policy)), Ok(id)) = (read, id) {
        if app.templates.add(&app.records, Template { id, name, policy }).await? {
            return Ok(saved());
        }
        errors.insert("id", "Another template has this id.".to_owned());
    }
    page(StatusCode::UNPROCESSABLE_ENTITY, &TemplatePage::new(by, None, &form, &errors))
}

/// The id of a new template: one that clients have sent before, or a random one.
fn own_id(form: &Form) -> Result<TemplateId, String> {
    let id = match form.text("id").trim() {
        "" => format!("{}{}", TemplateId::PREFIX, random_hex::<12>().as_str()),
        own => own.to_owned(),
    };
    TemplateId::new(&id).map_err(|error| format!("This cannot be an id: {error}."))
}

async fn change(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { by, form }: Posted<Form>,
) -> Result<Response, Failure> {
    let id = find(&app, &id)?.id;
    match read(&form) {
        Ok((name, policy)) => {
            app.templates.change(&app.records, Template { id, name, policy }).await?;
            Ok(saved())
        }
        Err(errors) => {
            page(StatusCode::UNPROCESSABLE_ENTITY, &TemplatePage::new(by, Some(id), &form, &errors))
        }
    }
}

fn saved() -> Response {
    Redirect::to(&format!("{PATH}?done=saved")).into_response()
}
