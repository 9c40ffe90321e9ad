//! A few inquiries to try things out with.

use inquiry_otl::{Action, ChangeError, CreateError, Inquiry, NewInquiry, ReferenceId};

use super::Failure;
use crate::app::App;

/// Their references, and what has happened to them.
const SAMPLES: [(&str, &[Action]); 5] = [
    ("sample-done", &[Action::Start, Action::Complete]),
    ("sample-under-way", &[Action::Start]),
    ("sample-new", &[]),
    ("sample-expired-early", &[Action::Expire]),
    ("sample-expired", &[Action::Start, Action::Expire]),
];

/// Adds them, made from the first template.
pub(super) async fn add(app: &App) -> Result<(), Failure> {
    let template = app.templates.all().into_iter().next().ok_or(Failure::NotFound)?;
    for (reference, actions) in SAMPLES {
        let mut request = NewInquiry::from_template(template.id).with_policy(template.policy);
        if let Ok(reference) = ReferenceId::new(reference) {
            request = request.with_reference(reference);
        }
        let inquiry = created(app.links.create(request).await)?;
        for action in actions {
            app.links.change(inquiry.id, *action).await.map_err(|error| match error {
                ChangeError::Store(error) => error.into(),
                error => Failure::Unavailable(error.into()),
            })?;
        }
    }
    Ok(())
}

/// An inquiry whose id was drawn here: nothing but the store can keep it from being made.
pub(super) fn created(answer: Result<Inquiry, CreateError>) -> Result<Inquiry, Failure> {
    answer.map_err(|error| match error {
        CreateError::Store(error) => error.into(),
        error => Failure::Unavailable(error.into()),
    })
}
