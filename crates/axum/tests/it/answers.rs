//! What every answer has: headers, limits, methods.

use axum::http::{Method, StatusCode};
use inquiry_otl_axum::ContentPolicy;

use crate::support::{Answer, Browser, World};

fn has_the_headers(answer: &Answer, what: &str) {
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-robots-tag", "noindex, nofollow"),
    ] {
        assert_eq!(answer.header(name), value, "{what}: {name}");
    }
    assert!(answer.header("permissions-policy").contains("camera=()"), "{what}");
    let policy = answer.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "script-src 'sha256-",
        "style-src 'sha256-",
    ] {
        assert!(policy.contains(part), "{what}: {part} in {policy}");
    }
    assert!(
        !policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"),
        "{what}: {policy}"
    );
}

/// C4, D3: every answer, whatever it is, has the headers of a page that keeps a secret.
#[tokio::test]
async fn every_answer_has_the_headers() {
    let world = World::new();
    let link = world.link().await;
    let mut browser = Browser::new(&world.app());
    let page = browser.open(link.url.expose()).await;
    has_the_headers(&page, "the page");
    has_the_headers(&browser.open(&format!("/c/{}", link.code.expose().as_str())).await, "the short link");
    let page = browser.open(link.url.expose()).await;
    has_the_headers(&browser.ask(Method::HEAD, "/verify").await, "no link");
    has_the_headers(&browser.ask(Method::PUT, "/verify").await, "another method");
    has_the_headers(&browser.post("text/plain", String::new()).await, "another type");
    let entered = browser.press(&page.fields()).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    has_the_headers(&entered, "the application's answer");
    has_the_headers(&browser.open(link.url.expose()).await, "the refusal");
}

/// C4, D7: the page for whoever has no session brings its headers along, wherever the application's route is, and its style is
/// allowed.
#[tokio::test]
async fn the_page_without_a_session_brings_its_headers_along() {
    let app = World::new().app();
    let bare = Browser::new(&app).go("/inquiry").await;
    let layered = app.layer(inquiry_otl_axum::security_headers(&ContentPolicy::strict()));
    for answer in [bare, Browser::new(&layered).go("/inquiry").await] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        has_the_headers(&answer, "no session");
        let style = answer.body.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let allowed = ContentPolicy::strict().inline_style(style).to_string();
        let allowed = allowed.rsplit_once("style-src ").unwrap().1;
        assert!(answer.header("content-security-policy").contains(allowed), "{allowed}");
    }
}

/// D3: methods that none of the pages uses are not allowed, and do nothing.
#[tokio::test]
async fn other_methods_are_not_allowed() {
    let world = World::new();
    let link = world.link().await;
    let mut browser = Browser::new(&world.app());
    let short = format!("/c/{}", link.code.expose().as_str());
    for (url, method, allowed) in [
        ("/verify", Method::PUT, "GET, HEAD, POST"),
        ("/verify", Method::DELETE, "GET, HEAD, POST"),
        ("/verify", Method::OPTIONS, "GET, HEAD, POST"),
        ("/verify", Method::TRACE, "GET, HEAD, POST"),
        (short.as_str(), Method::POST, "GET, HEAD"),
        (short.as_str(), Method::PATCH, "GET, HEAD"),
    ] {
        let answer = browser.ask(method.clone(), url).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {url}");
        assert_eq!(answer.headers.get_all("allow").iter().count(), 1);
        assert_eq!(answer.header("allow"), allowed, "{method} {url}");
    }
    assert_eq!(world.told("one-time-link.redeemed"), 0);
}

/// C6: a form that is too large, of another type, or none at all gets a page that repeats nothing of it.
#[tokio::test]
async fn malformed_forms_get_a_page_without_an_echo() {
    let world = World::new();
    let link = world.link().await;
    let mut browser = Browser::new(&world.app());
    let fields = browser.open(link.url.expose()).await.fields();
    let form = "application/x-www-form-urlencoded";
    let code = &fields["code"];
    for (kind, body, status) in [
        (
            form,
            format!(
                "code={code}&attempt={}&seal={}&x={}",
                fields["attempt"],
                fields["seal"],
                "marker".repeat(1000)
            ),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        ("application/json", "{\"code\":\"marker\"}".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("text/plain", "marker".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (form, "marker".to_owned(), StatusCode::UNPROCESSABLE_ENTITY),
        (form, String::new(), StatusCode::UNPROCESSABLE_ENTITY),
        (
            form,
            format!("code={code}&code={code}&attempt=marker&seal=marker"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (form, "code=marker&attempt=marker&seal=marker".to_owned(), StatusCode::NOT_FOUND),
        (form, "code=%FF&attempt=%00marker&seal=marker".to_owned(), StatusCode::NOT_FOUND),
    ] {
        let answer = browser.post(kind, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(!answer.body.contains("marker") && !answer.body.contains(code.as_str()));
        assert!(answer.header("content-type").starts_with("text/html"));
    }
    assert_eq!(world.told("one-time-link.redeemed"), 0);
    assert_eq!(browser.press(&fields).await.status, StatusCode::SEE_OTHER, "the link is as it was");
}

/// C5: the host of a request is in no address that an answer holds.
#[tokio::test]
async fn no_address_is_made_of_the_host_of_a_request() {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt as _;

    let world = World::new();
    let link = world.link().await;
    let path = link.url.expose().strip_prefix("https://verify.acme.com").unwrap();
    let request = Request::get(path)
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .body(Body::empty())
        .unwrap();
    let response = world.app().oneshot(request).await.unwrap();
    assert!(!format!("{:?}", response.headers()).contains("evil"));
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(!String::from_utf8_lossy(&body).contains("evil"));
}
