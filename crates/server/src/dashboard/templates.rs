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
    save(&app, by, None, &form).await
}

async fn change(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { by, form }: Posted<Form>,
) -> Result<Response, Failure> {
    let template = find(&app, &id)?;
    save(&app, by, Some(template.id), &form).await
}

async fn save(app: &App, by: SignedIn, id: Option<TemplateId>, form: &Form) -> Result<Response, Failure> {
    match read(form) {
        Ok((name, policy)) => {
            let new = || TemplateId::new(&format!("{}{}", TemplateId::PREFIX, random_hex::<12>().as_str()));
            let id = id.map_or_else(new, Ok).map_err(|error| Failure::Unavailable(error.into()))?;
            app.templates.put(&app.records, Template { id, name, policy }).await?;
            Ok(Redirect::to(&format!("{PATH}?done=saved")).into_response())
        }
        Err(errors) => page(StatusCode::UNPROCESSABLE_ENTITY, &TemplatePage::new(by, id, form, &errors)),
    }
}
