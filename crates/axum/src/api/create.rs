//! Creates an inquiry, of what the contract lets a request say.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::NaiveDate;
use inquiry_otl::{ExpirationPolicy, Interval, LinkStore, NewInquiry, ReferenceId, TemplateId};

use super::{
    Shared,
    body::Object,
    call::Call,
    failure::{Failure, behind_a_change},
    idempotency::Made,
    inquiries::inquiry_of,
};

/// Attributes that are texts and that nobody keeps here.
const NOT_KEPT: &[&str] = &[
    "account-id",
    "creator-email-address",
    "theme-id",
    "theme-set-id",
    "redirect-uri",
    "note",
    "initial-step-name",
];

/// Fields that are texts, wherever they are given.
const TEXT_FIELDS: &[&str] = &[
    "name-first",
    "name-middle",
    "name-last",
    "phone-number",
    "email-address",
    "address-street-1",
    "address-street-2",
    "address-city",
    "address-subdivision",
    "address-postal-code",
];

/// `POST /inquiries`.
pub(super) async fn create<S: LinkStore + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let request = shared.new_inquiry(&call.object()?)?;
    let service = Arc::clone(&shared.service);
    let perform = async move {
        let inquiry = service.create(request).await?;
        let made = Made::Inquiry(inquiry.id);
        Ok((inquiry, made))
    };
    let inquiry = shared.once(&call, perform, async |made| shared.read(inquiry_of(&made)?).await).await?;
    tracing::Span::current().record("inquiry", tracing::field::display(&inquiry.id));
    shared.answer(&call, StatusCode::CREATED, &inquiry, None).await.map_err(behind_a_change)
}

impl<S: LinkStore + 'static> Shared<S> {
    fn new_inquiry(&self, body: &Object<'_>) -> Result<NewInquiry, Failure> {
        body.only(&["data", "meta"])?;
        let data = body.required("data", body.object("data")?)?;
        data.only(&["attributes"])?;
        let attributes = data.required("attributes", data.object("attributes")?)?;
        for name in NOT_KEPT {
            attributes.text_or_null(name)?;
        }
        attributes.texts_or_null("tags")?;
        check_fields(&attributes)?;
        let meta = body.object("meta")?;
        let account = meta.as_ref().map(account_reference).transpose()?.flatten();

        let template = template(&attributes)?;
        let policy = (self.templates)(template).ok_or_else(|| no_template("inquiry-template-id"))?;
        let policy = meta.as_ref().map_or(Ok(policy), |meta| with_windows(policy, meta))?;
        let request = NewInquiry::from_template(template).with_policy(policy);
        // `reference-id` is deprecated in favour of the other, and both mean the person.
        let given =
            attributes.text_or_null("reference-id")?.map(|text| (text, "/data/attributes/reference-id"));
        match given.or(account.map(|text| (text, "/meta/auto-create-account-reference-id"))) {
            None => Ok(request),
            Some((text, pointer)) => ReferenceId::new(text)
                .map(|reference| request.with_reference(reference))
                .map_err(|error| Failure::unprocessable(error.to_string(), pointer)),
        }
    }
}

/// The template that is named. Of the contract's three kinds of templates, one is known here.
fn template(attributes: &Object<'_>) -> Result<TemplateId, Failure> {
    const OTHERS: [&str; 2] = ["template-id", "inquiry-template-version-id"];
    let [legacy, version] = OTHERS.map(|name| attributes.text_or_null(name));
    let (legacy, version) = (legacy?, version?);
    match attributes.text_or_null("inquiry-template-id")? {
        Some(id) => TemplateId::new(id).map_err(|_| no_template("inquiry-template-id")),
        None if legacy.is_some() => Err(no_template("template-id")),
        None if version.is_some() => Err(no_template("inquiry-template-version-id")),
        None => Err(Failure::unprocessable(
            "An inquiry is made from a template",
            "/data/attributes/inquiry-template-id",
        )),
    }
}

fn no_template(name: &str) -> Failure {
    Failure::not_found().saying(format!("data.attributes.{name} is not found"))
}

/// What a person's data would have to look like, if it was kept.
fn check_fields(attributes: &Object<'_>) -> Result<(), Failure> {
    let Some(fields) = attributes.object_or_null("fields")? else { return Ok(()) };
    for name in TEXT_FIELDS {
        fields.text_or_null(name)?;
    }
    fields.text("address-country-code")?;
    match fields.text_or_null("birthdate")? {
        Some(text) if text.len() != 10 || NaiveDate::parse_from_str(text, "%Y-%m-%d").is_err() => {
            Err(Failure::bad_request("data.attributes.fields.birthdate must be a date as in 1995-09-08"))
        }
        _ => Ok(()),
    }
}

/// The reference of the account that is wanted, if one is.
fn account_reference<'v>(meta: &Object<'v>) -> Result<Option<&'v str>, Failure> {
    meta.only(&[
        "auto-create-account",
        "auto-create-account-type-id",
        "auto-create-account-reference-id",
        "expiration-after-create-interval-seconds",
        "expiration-after-start-interval-seconds",
        "expiration-after-resume-interval-seconds",
        "one-time-link-expiration-seconds",
    ])?;
    let wanted = meta.flag("auto-create-account")?.unwrap_or(true);
    let kind = meta.text("auto-create-account-type-id")?;
    let reference = meta.text("auto-create-account-reference-id")?;
    match (wanted, kind.is_some(), reference.is_some()) {
        (false, true, _) => Err(Failure::unprocessable(
            "An account that is not created has no type",
            "/meta/auto-create-account-type-id",
        )),
        (false, _, true) => Err(Failure::unprocessable(
            "An account that is not created has no reference",
            "/meta/auto-create-account-reference-id",
        )),
        _ => Ok(reference),
    }
}

/// The policy with the windows of one inquiry (E1, E2, E3, E5).
fn with_windows(policy: ExpirationPolicy, meta: &Object<'_>) -> Result<ExpirationPolicy, Failure> {
    type With = fn(ExpirationPolicy, Interval) -> ExpirationPolicy;
    let windows: [(&str, &'static str, With); 4] = [
        (
            "expiration-after-create-interval-seconds",
            "/meta/expiration-after-create-interval-seconds",
            ExpirationPolicy::with_after_create,
        ),
        (
            "expiration-after-start-interval-seconds",
            "/meta/expiration-after-start-interval-seconds",
            ExpirationPolicy::with_after_start,
        ),
        (
            "expiration-after-resume-interval-seconds",
            "/meta/expiration-after-resume-interval-seconds",
            ExpirationPolicy::with_after_resume,
        ),
        (
            "one-time-link-expiration-seconds",
            "/meta/one-time-link-expiration-seconds",
            ExpirationPolicy::with_device_handoff_link,
        ),
    ];
    windows.into_iter().try_fold(policy, |policy, (name, pointer, with)| {
        Ok(match meta.integer_or_null(name)? {
            None => policy,
            Some(seconds) => with(policy, interval(seconds, pointer)?),
        })
    })
}

/// A window of that many seconds (E8).
pub(super) fn interval(seconds: i64, pointer: &'static str) -> Result<Interval, Failure> {
    Interval::from_seconds(seconds).map_err(|error| Failure::unprocessable(error.to_string(), pointer))
}
