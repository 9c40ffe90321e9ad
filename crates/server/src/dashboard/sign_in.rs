//! Signing in, with a token, and out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Form, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use inquiry_otl_axum::api::Tokens;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Failure, Frame, Notice, page,
    signed_in::{LIFE, Posted, SignedIn, Ticket, is_ours},
};
use crate::{app::App, records::tokens as records, tokens};

const PATH: &str = "/dashboard/sign-in";
/// Where to go from there, unless a page was asked for.
const HOME: &str = "/dashboard/inquiries";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(PATH, get(show).post(sign_in))
        .route("/dashboard/sign-out", post(sign_out))
        .route("/dashboard", get(async || Redirect::to(HOME)))
}

/// The page to sign in, from which one comes back to a page of ours.
pub(super) fn path_to(wanted: &str) -> String {
    match own(wanted) {
        HOME => PATH.to_owned(),
        wanted => {
            let escaped =
                wanted.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('#', "%23");
            format!("{PATH}?next={escaped}")
        }
    }
}

/// A page of the dashboard: whatever else is asked for is its first one, so that nobody is led elsewhere.
fn own(wanted: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.?=&%+".contains(&byte);
    // Browsers take `%2e` in a path for a dot; no page of ours has an escape in its path.
    let path = wanted.split('?').next().unwrap_or_default();
    let is_own = path.starts_with("/dashboard/") && !path.contains('%');
    let leads_up = wanted.contains("//") || wanted.contains("..");
    if is_own && !leads_up && !wanted.starts_with(PATH) && wanted.bytes().all(plain) { wanted } else { HOME }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    form_token: String,
    next: String,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    next: String,
}

async fn show(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if SignedIn::find(&app, &headers).await?.is_some() {
        return Ok(Redirect::to(own(&wanted.next)).into_response());
    }
    ask(&app, &headers, &wanted.next, StatusCode::OK, None)
}

/// The form; the browser gets a cookie with it, by which it is known when it sends it.
fn ask(
    app: &App,
    headers: &HeaderMap,
    next: &str,
    status: StatusCode,
    notice: Option<Notice>,
) -> Result<Response, Failure> {
    let ticket = Ticket::of(app, headers).unwrap_or_else(Ticket::draw);
    let page_ = SignInPage {
        frame: Frame::outside("Sign in").with_notice(notice),
        form_token: ticket.form_token(app),
        next: own(next).to_owned(),
    };
    Ok(([(header::SET_COOKIE, ticket.set(app))], page(status, &page_)?).into_response())
}

#[derive(Deserialize)]
struct SignIn {
    #[serde(default, rename = "form-token")]
    form_token: String,
    token: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(sent): Form<SignIn>,
) -> Result<Response, Failure> {
    let old = Ticket::of(&app, &headers);
    if !old.is_some_and(|ticket| is_ours(&ticket.form_token(&app), &headers, &sent.form_token)) {
        let problem = Notice::problem("That form was too old. Send it once more.");
        return ask(&app, &headers, &sent.next, StatusCode::FORBIDDEN, Some(problem));
    }
    let token = Zeroizing::new(sent.token);
    let Some(token) = tokens::find(&app.records, &token).await? else {
        // Whoever guesses is told to wait, and keeps nobody out: a token that is good signs in at any time.
        if app.wrong_tokens.check().is_err() {
            let problem = Notice::problem(
                "That was no token of this server either. Wait a moment before the next one.",
            );
            let page = ask(&app, &headers, &sent.next, StatusCode::TOO_MANY_REQUESTS, Some(problem))?;
            return Ok(([(header::RETRY_AFTER, "6")], page).into_response());
        }
        let problem = Notice::problem("This is not a token of this server, or it was revoked.");
        return ask(&app, &headers, &sent.next, StatusCode::UNPROCESSABLE_ENTITY, Some(problem));
    };
    // Always a new one: nobody signs in under a cookie that somebody else may know.
    let ticket = Ticket::draw();
    let (digest, now) = (Tokens::digest(&ticket.0), app.links.planner().now());
    app.records.write(move |to| records::sign_in(to, &digest, token, now, now.plus(LIFE))).await?;
    let cookie = [(header::SET_COOKIE, ticket.set(&app))];
    Ok((cookie, Redirect::to(own(&sent.next))).into_response())
}

#[derive(Deserialize)]
struct Nothing {}

async fn sign_out(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    _: Posted<Nothing>,
) -> Result<Response, Failure> {
    if let Some(ticket) = Ticket::of(&app, &headers) {
        let digest = Tokens::digest(&ticket.0);
        app.records.write(move |to| records::sign_out(to, &digest)).await?;
    }
    Ok(([(header::SET_COOKIE, Ticket::clear(&app))], Redirect::to(PATH)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is asked for, one comes to a page of the dashboard, and to the one that was asked for if there may be one.
    #[test]
    fn a_sign_in_leads_nowhere_else() {
        for page in [
            "/dashboard/templates",
            "/dashboard/inquiries/inq_1?done=resume",
            "/dashboard/inquiries?after=1.inq_2",
        ] {
            assert_eq!(own(page), page);
        }
        for page in [
            "",
            "/",
            "dashboard/x",
            "/dashboardx",
            "https://evil.example/",
            "//evil.example/dashboard/",
            "/dashboard//evil.example",
            "/\\evil.example",
            "/dashboard/\\evil.example",
            "/dashboard/../verify",
            "/dashboard/%2e%2e/verify",
            "/dashboard/.%2E/verify",
            "/dashboard/%252e%252e/verify",
            "/dashboard/\r\nset-cookie: a=b",
            "/dashboard/\u{e9}",
            "/verify?code=1",
            "javascript:alert(1)",
            "/dashboard/sign-in",
            "/dashboard/sign-in?next=/dashboard/sign-in",
        ] {
            assert_eq!(own(page), HOME, "{page:?}");
        }
        assert_eq!(
            path_to("/dashboard/inquiries?a=b&c=d%20e"),
            "/dashboard/sign-in?next=/dashboard/inquiries?a=b%26c=d%2520e"
        );
        assert_eq!(path_to("//evil.example"), "/dashboard/sign-in");
    }
}
