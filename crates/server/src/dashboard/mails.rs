//! Mails: which links went to somebody, and how that went.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use inquiry_otl::Timestamp;
use serde::Deserialize;

use super::{
    Failure, Frame, Here, SignedIn, page,
    words::{Moment, State as Mark, moment},
};
use crate::{
    app::App,
    mail,
    records::mails::{self, Ending, Mail},
};

const PATH: &str = "/dashboard/mails";
/// How many mails stand on a page.
const MAILS: u32 = 50;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route(PATH, get(list)).route(&format!("{PATH}/{{mail}}"), get(show))
}

#[derive(Template)]
#[template(path = "mails.html")]
struct ListPage {
    frame: Frame,
    mails: Vec<Mail>,
    older: Option<String>,
    sends: bool,
    now: Timestamp,
}

impl ListPage {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "templates pass it so")]
    fn moment(&self, at: &Timestamp) -> Moment {
        moment(*at, self.now)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    before: Option<String>,
}

async fn list(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    by: SignedIn,
) -> Result<Response, Failure> {
    let mails = app.records.read(move |of| mails::newest(of, wanted.before.as_deref(), MAILS)).await?;
    let is_full = u32::try_from(mails.len()).is_ok_and(|count| MAILS <= count);
    let view = ListPage {
        frame: Frame::new(by, Here::Mails, "Mails"),
        older: mails.last().filter(|_| is_full).map(|mail| mail.id.clone()),
        mails,
        sends: app.mail.sends(),
        now: app.links.planner().now(),
    };
    page(StatusCode::OK, &view)
}

#[derive(Template)]
#[template(path = "mail.html")]
struct ShowPage {
    frame: Frame,
    mail: Mail,
    /// Subject and text.
    preview: Option<(&'static str, String)>,
    sends: bool,
    now: Timestamp,
}

impl ShowPage {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "templates pass it so")]
    fn moment(&self, at: &Timestamp) -> Moment {
        moment(*at, self.now)
    }
}

async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    by: SignedIn,
) -> Result<Response, Failure> {
    let mail = app.records.read(move |of| mails::find(of, &id)).await?.ok_or(Failure::NotFound)?;
    let preview = match mail::preview(&app, &mail).await {
        Some(letter) => Some((letter.subject(), letter.text()?)),
        None => None,
    };
    let view = ShowPage {
        frame: Frame::new(by, Here::Mails, "Mail"),
        mail,
        preview,
        sends: app.mail.sends(),
        now: app.links.planner().now(),
    };
    page(StatusCode::OK, &view)
}

fn mark(mail: &Mail) -> Mark {
    match mail.ending {
        Some(Ending::Sent) => Mark { label: "Sent", class: "good" },
        Some(Ending::Dropped) => Mark { label: "Dropped", class: "warn" },
        Some(Ending::Failed) => Mark { label: "Failed", class: "bad" },
        None if mail.reason.is_some() => Mark { label: "Waiting", class: "warn" },
        None => Mark { label: "Waiting", class: "" },
    }
}

fn address(mail: &Mail) -> Option<String> {
    mail.address.as_ref().map(|to| to.0.to_string())
}
