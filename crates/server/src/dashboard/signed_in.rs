//! Who is signed in, and whether a form was sent by them.
//!
//! A browser that is signed in has a cookie of 160 random bits; the records have its digest. Each form has a field with an
//! HMAC of that cookie under a key that no database has, so no other site can make one up. Browsers that say where a
//! request comes from are believed, too.

use std::sync::Arc;

use axum::{
    extract::{Form, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use cookie::{Cookie, SameSite, time::Duration};
use inquiry_otl::Interval;
use inquiry_otl_axum::api::Tokens;
use serde::{Deserialize, de::DeserializeOwned};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Failure, sign_in};
use crate::{
    app::App,
    records::tokens,
    secrets::{hex, mac, random_hex},
};

/// How long a browser stays signed in.
pub(super) const LIFE: Interval = match Interval::from_hours(12) {
    Ok(life) => life,
    Err(_) => unreachable!(),
};

/// The cookie of a browser: nobody is signed in by it until the records say so.
pub(super) struct Ticket(pub(super) Zeroizing<String>);

impl Ticket {
    /// A new one.
    pub(super) fn draw() -> Self {
        Self(random_hex::<20>())
    }

    /// The one that a browser has, unless it has two.
    pub(super) fn of(app: &App, headers: &HeaderMap) -> Option<Self> {
        let mut found = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == name(app));
        match (found.next(), found.next()) {
            (Some(cookie), None) => Some(Self(Zeroizing::new(cookie.value().to_owned()))),
            _ => None,
        }
    }

    /// The header that gives it to a browser.
    pub(super) fn set(&self, app: &App) -> String {
        let life = Duration::seconds(i64::from(LIFE.seconds()));
        base(app, self.0.as_str().to_owned()).max_age(life).build().to_string()
    }

    /// The header that takes it away.
    pub(super) fn clear(app: &App) -> String {
        base(app, String::new()).max_age(Duration::ZERO).build().to_string()
    }

    /// What each form of this browser has.
    pub(super) fn form_token(&self, app: &App) -> String {
        hex(&mac(&*app.secrets.derive("csrf"), self.0.as_bytes())).to_string()
    }
}

/// Whether a form is one of this browser's, and no other site sent it.
pub(super) fn is_ours(form_token: &str, headers: &HeaderMap, sent: &str) -> bool {
    let site = headers.get("sec-fetch-site");
    let has_token: bool = form_token.as_bytes().ct_eq(sent.as_bytes()).into();
    has_token && site.is_none_or(|site| site == "same-origin")
}

fn name(app: &App) -> &'static str {
    if app.is_https() { "__Host-otl-dashboard" } else { "otl-dashboard" }
}

fn base(app: &App, value: String) -> cookie::CookieBuilder<'static> {
    Cookie::build((name(app), value))
        .path("/")
        .http_only(true)
        .secure(app.is_https())
        .same_site(SameSite::Strict)
}

/// Somebody who is signed in. Whoever is not is asked to, and then comes back.
#[derive(Clone)]
pub(crate) struct SignedIn {
    name: String,
    form_token: String,
}

impl SignedIn {
    /// The name of their token.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What each form of theirs has in its field `form-token`.
    pub(crate) fn form_token(&self) -> &str {
        &self.form_token
    }

    /// Whether a form that [`Posted`] cannot read, since it brings a file, was sent by them.
    pub(crate) fn admits(&self, headers: &HeaderMap, sent: &str) -> Result<(), Failure> {
        if is_ours(&self.form_token, headers, sent) { Ok(()) } else { Err(Failure::NotOurs) }
    }

    pub(super) async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(ticket) = Ticket::of(app, headers) else {
            return Ok(None);
        };
        let (digest, now) = (Tokens::digest(&ticket.0), app.links.planner().now());
        let name = app.records.read(move |of| tokens::signed_in(of, &digest, now)).await?;
        Ok(name.map(|name| Self { name, form_token: ticket.form_token(app) }))
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        match Self::find(app, &parts.headers).await {
            Ok(Some(by)) => Ok(by),
            Ok(None) if parts.method == Method::GET => {
                let wanted = parts.uri.path_and_query().map_or("", |wanted| wanted.as_str());
                Err(Redirect::to(&sign_in::path_to(wanted)).into_response())
            }
            Ok(None) => Err(Redirect::to(&sign_in::path_to("")).into_response()),
            Err(failure) => Err(failure.into_response()),
        }
    }
}

/// A form that was sent by somebody who is signed in, from a page of ours. Its fields are texts, and it has one more,
/// `form-token`, with [`Frame::form_token`](super::Frame::form_token).
pub(crate) struct Posted<T> {
    pub(crate) by: SignedIn,
    pub(crate) form: T,
}

#[derive(Deserialize)]
struct Sent<T> {
    #[serde(default, rename = "form-token")]
    form_token: String,
    #[serde(flatten)]
    form: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Posted<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let by = SignedIn::from_request_parts(&mut parts, app).await?;
        let headers = parts.headers.clone();
        let Ok(Form(sent)) = Form::<Sent<T>>::from_request(Request::from_parts(parts, body), app).await
        else {
            return Err(Failure::Malformed.into_response());
        };
        by.admits(&headers, &sent.form_token).map_err(IntoResponse::into_response)?;
        Ok(Self { by, form: sent.form })
    }
}
