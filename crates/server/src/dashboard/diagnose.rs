//! What became of a link: it is pasted into a form, and stands in no address and on no page again (D9).

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use inquiry_otl::{Action, Diagnosis, Timestamp, UrlError};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Failure, Frame, Here, Posted, SignedIn, page,
    words::{self, Moment, State as Mark},
};
use crate::app::App;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/dashboard/diagnose", get(ask).post(diagnose))
}

#[derive(Template)]
#[template(path = "diagnose.html")]
struct DiagnosePage {
    frame: Frame,
    found: Option<Found>,
}

/// What there is to know about a link.
struct Found {
    diagnosis: Diagnosis,
    /// This server's address, if what was pasted is one of something else.
    own: Option<String>,
    now: Timestamp,
}

impl Found {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "a template passes references")]
    fn moment(&self, at: &Timestamp) -> Moment {
        words::moment(*at, self.now)
    }

    /// What would happen if the person opened it at this moment.
    fn verdict(&self) -> (Mark, String) {
        let Diagnosis { refusal, link, .. } = &self.diagnosis;
        if let Some(own) = &self.own {
            let verdict =
                format!("It is not a link of this server: these begin with {own}/verify or {own}/c/.");
            return (Mark { label: "Opens nothing", class: "bad" }, verdict);
        }
        match (refusal, link) {
            (Some(refusal), _) => (Mark { label: "Opens nothing", class: "bad" }, words::refusal(refusal)),
            (None, Some(link)) if link.first_used_at.is_some() => (
                Mark { label: "Used", class: "warn" },
                "It was used, and for a short while opens the same session once more.".to_owned(),
            ),
            (None, Some(link)) if link.claimed_until.is_some() => (
                Mark { label: "Being opened", class: "warn" },
                "Somebody is opening it at this moment.".to_owned(),
            ),
            (None, _) => (Mark { label: "Works", class: "good" }, "The person can use it, once.".to_owned()),
        }
    }

    /// What to do about it.
    fn advice(&self) -> Option<&'static str> {
        let Diagnosis { refusal, inquiry, session, .. } = &self.diagnosis;
        let inquiry = inquiry.as_ref()?;
        if session.is_some_and(|session| session.live) {
            return Some(
                "Whoever used it is in. If that is not the person, revoke everything on the page of its inquiry.",
            );
        }
        refusal.as_ref()?;
        Some(if inquiry.is_open(self.now) {
            "The inquiry is open: create a new link for the person."
        } else if inquiry.after(Action::Resume, self.now).is_ok() {
            "Resume the inquiry, then create a new link for the person."
        } else {
            "The inquiry is over: no link leads back into it."
        })
    }
}

async fn ask(by: SignedIn) -> Result<Response, Failure> {
    page(StatusCode::OK, &DiagnosePage { frame: Frame::new(by, Here::Diagnose, "Diagnose"), found: None })
}

#[derive(Deserialize)]
struct Pasted {
    #[serde(default)]
    link: String,
}

async fn diagnose(
    State(app): State<Arc<App>>,
    Posted { by, form }: Posted<Pasted>,
) -> Result<Response, Failure> {
    let pasted = Zeroizing::new(form.link);
    let planner = app.links.planner();
    let diagnosis = app.links.diagnose(pasted.trim()).await?;
    let is_other = matches!(planner.read_code(pasted.trim()), Err(UrlError::OtherHost | UrlError::OtherPath));
    let own = is_other.then(|| app.url.clone());
    let found = Some(Found { diagnosis, own, now: planner.now() });
    page(StatusCode::OK, &DiagnosePage { frame: Frame::new(by, Here::Diagnose, "Diagnose"), found })
}
