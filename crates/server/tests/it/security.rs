//! What a stranger may try, and what must not be seen anywhere: over real connections, to the real program.

use inquiry_otl_axum::ContentPolicy;
use reqwest::{Method, Response, StatusCode};

use crate::support::{Place, Running};

/// Every answer has the headers of a page that keeps a secret, whatever it is.
#[tokio::test]
async fn every_answer_has_its_headers() {
    let place = Place::new();
    let server = place.serve(&[]);
    let inquiry = server.inquiry().await;
    let link = server.link(&inquiry).await;
    let staff = server.staff().await;
    let page = format!("/dashboard/inquiries/{inquiry}");
    let mut answers = Vec::new();
    for path in [
        "/dashboard",
        "/dashboard/inquiries",
        &page,
        "/dashboard/diagnose",
        "/dashboard/templates",
        "/dashboard/bulk",
        "/dashboard/bulk/progress?job=x",
        "/dashboard/mails",
        "/dashboard/webhooks",
        "/dashboard/figures",
        "/dashboard/nowhere",
    ] {
        answers.push((path.to_owned(), staff.get(path).await));
    }
    let link_path = link.strip_prefix(&server.url).unwrap();
    for path in [
        "/",
        "/dashboard/sign-in",
        "/dashboard",
        "/verify",
        "/c/0",
        "/inquiry",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/nowhere",
        "/api/v1/inquiries",
        "/api/v1/nowhere",
        link_path,
    ] {
        answers.push((path.to_owned(), server.get(path).await));
    }
    answers.push(("POST /dashboard/bulk".to_owned(), staff.bulk(b"inquiry-id\n".to_vec(), &[]).await));
    answers.push(("the redemption".to_owned(), server.redeem(&link).await));
    answers.push(("PUT /verify".to_owned(), server.request(Method::PUT, "/verify").send().await.unwrap()));
    for (what, answer) in &answers {
        assert_ne!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{what}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-robots-tag", "noindex, nofollow"),
        ] {
            let found = answer.headers().get(name).and_then(|found| found.to_str().ok());
            assert_eq!(found, Some(value), "{what}, {name}");
        }
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(part), "{what}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
        assert!(!answer.headers().contains_key("server"), "{what}");
    }
}

/// The page for whoever has no session is not the dashboard's: its own style is allowed where it is shown.
#[tokio::test]
async fn the_page_without_a_session_has_its_style() {
    let place = Place::new();
    let answer = place.serve(&[]).get("/inquiry").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let page = answer.text().await.unwrap();
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let allowed = ContentPolicy::strict().inline_style(style).to_string();
    assert!(policy.contains(allowed.rsplit_once("style-src ").unwrap().1), "{policy}");
}

/// Cookies are for this host, for no script and, by https, for nothing but https.
#[tokio::test]
async fn cookies_are_for_this_server_alone() {
    let cookies = async |server: &Running| {
        let inquiry = server.inquiry().await;
        let link = server.link(&inquiry).await;
        let path = format!("/verify?code={}", link.split_once("code=").unwrap().1);
        let mut found = Vec::new();
        for answer in [
            server.get(&path).await,
            server.redeem(&format!("{}{path}", server.local())).await,
            server.get("/dashboard/sign-in").await,
        ] {
            assert!(answer.status().is_success() || answer.status().is_redirection());
            found.extend(set_cookies(&answer));
        }
        found
    };
    let place = Place::new();
    let found = cookies(&place.serve(&[])).await;
    assert!(2 <= found.len(), "{found:?}");
    for cookie in found {
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite="), "{cookie}");
        assert!(!cookie.contains("Domain="), "{cookie}");
    }
    let place = Place::new();
    let found = cookies(&place.serve(&["--url", "https://verify.example.com"])).await;
    assert!(2 <= found.len(), "{found:?}");
    for cookie in found {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; Secure"), "{cookie}");
        assert!(cookie.contains("; Path=/") && !cookie.contains("Domain="), "{cookie}");
    }
}

fn set_cookies(answer: &Response) -> Vec<String> {
    answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// With the most talkative log, after the whole story: no code, token, cookie or form in a log line, nor in a metric (C4, L3).
#[tokio::test]
async fn no_secret_is_logged_or_counted() {
    for form in ["text", "json"] {
        let place = Place::new();
        let server = place.serve_by(|command| command.env("RUST_LOG", "trace").args(["--log", form]));
        let mut secrets = vec![("token", server.token.clone().unwrap())];
        let inquiry = server.inquiry().await;
        let link = server.link(&inquiry).await;
        let code = link.split_once("code=").unwrap().1.to_owned();
        let short = server.get(&format!("/c/{code}")).await;
        let form_page = short.text().await.unwrap();
        for name in form_page.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = name.split_once("\" value=\"").unwrap();
            secrets.push(("a field of the form", rest.split_once('"').unwrap().0.to_owned()));
            assert!(!name.is_empty());
        }
        let entered = server.redeem(&link).await;
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        for cookie in set_cookies(&entered) {
            let value = cookie.split_once('=').unwrap().1.split(';').next().unwrap().to_owned();
            secrets.extend(value.split('.').skip(2).map(|token| ("the person's token", token.to_owned())));
        }
        // It is used, and refused.
        assert_eq!(server.get(&format!("/verify?code={code}&x=%zz")).await.status(), StatusCode::NOT_FOUND);
        let staff = server.staff().await;
        for path in ["/dashboard/inquiries".to_owned(), format!("/dashboard/inquiries/{inquiry}")] {
            staff.page(&path).await;
        }
        let made = staff.bulk(b"template-id\nitmpl_identity\n".to_vec(), &[]).await.text().await.unwrap();
        let (_, bulk) = made.split_once("code=").unwrap();
        secrets.push(("a code of the file", bulk.split(',').next().unwrap().to_owned()));
        secrets.push(("code", code));
        let resumed = server.api(Method::POST, &format!("/inquiries/{inquiry}/resume")).send().await.unwrap();
        let resumed: serde_json::Value = resumed.json().await.unwrap();
        secrets.push(("session token", resumed["meta"]["session-token"].as_str().unwrap().to_owned()));

        let metrics = server.get("/metrics").await.text().await.unwrap();
        assert!(metrics.contains("otl_links_total{event=\"redeemed\"} 1"), "{metrics}");
        let (said, err) = (server.said(), place.file("stderr"));
        assert!(server.stop().success());
        let log = std::fs::read_to_string(err).unwrap();
        // It is talkative indeed.
        assert!(log.contains("/verify") && 20 < log.lines().count(), "{log}");
        for (what, secret) in &secrets {
            assert!(8 <= secret.len() || secret.is_empty(), "{what} is no secret");
            if secret.is_empty() {
                continue;
            }
            assert!(!metrics.contains(secret.as_str()), "{what} in a metric");
            if let Some(line) = log.lines().find(|line| line.contains(secret.as_str())) {
                panic!("{what} in the log: {line}");
            }
            // The token is told there, once.
            assert!(*what == "token" || !said.contains(secret.as_str()), "{what} on standard output");
        }
    }
}

/// Links and redirects are made of what is configured, never of what a request says about hosts.
#[tokio::test]
async fn hosts_of_requests_are_not_believed() {
    let place = Place::new();
    let server = place.serve(&[]);
    let inquiry = server.inquiry().await;
    let evil = |request: reqwest::RequestBuilder| {
        request
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "https")
            .header("x-original-url", "//evil.example/")
            .header("forwarded", "host=evil.example;proto=https")
    };
    let generate = format!("/inquiries/{inquiry}/generate-one-time-link");
    let mut answers = vec![
        evil(server.api(Method::POST, &generate)),
        evil(server.api(Method::GET, "/inquiries?page%5Bsize%5D=1")),
    ];
    for path in [
        "/",
        "/dashboard",
        "/dashboard/sign-in?next=https://evil.example/",
        "/dashboard/sign-in?next=//evil.example",
        "/dashboard/sign-in?next=/%5Cevil.example",
        "/verify",
        "/openapi.json",
        "/docs",
        "//evil.example/",
        "/%5Cevil.example/",
        "/c/..%2F..%2Fevil.example",
    ] {
        answers.push(evil(server.request(Method::GET, path)));
    }
    for request in answers {
        let answer = request.send().await.unwrap();
        let url = answer.url().to_string();
        if let Some(to) = answer.headers().get("location") {
            let to = to.to_str().unwrap();
            assert!(
                to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\"),
                "{url} leads to {to}"
            );
        }
        let text = answer.text().await.unwrap();
        // A value that comes back as text in a form of one's own leads nowhere.
        assert!(!text.contains("//evil.example") || url.contains("sign-in"), "{url}: {text}");
        if url.ends_with("generate-one-time-link") {
            assert!(text.contains(&server.url), "{text}");
        }
    }
    // Wherever somebody is led after signing in, it is here.
    for next in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/dashboard/../..//evil.example",
        "javascript:1",
    ] {
        let to = server.signs_in_to(next).await;
        assert!(to.starts_with("/dashboard"), "{next} leads to {to}");
    }
}
