//! Who may use the dashboard: a browser that is signed in, by forms of its own.

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};

use crate::{
    staff::{create, field, location},
    support::{Place, Running},
};

/// Every form that changes something.
fn forms(inquiry: &str) -> Vec<String> {
    let of_inquiry =
        ["resume", "expire", "approve", "decline", "mark-for-review", "links", "revoke", "redact"];
    let mut paths: Vec<_> = of_inquiry.iter().map(|rest| format!("{inquiry}/{rest}")).collect();
    let others = [
        "inquiries",
        "samples",
        "search",
        "diagnose",
        "templates/new",
        "templates/itmpl_identity",
        "tokens",
        "tokens/revoke",
    ];
    paths.extend(others.iter().map(|rest| format!("/dashboard/{rest}")));
    paths.push("/dashboard/sign-out".to_owned());
    paths
}

/// A form counts with the token of its own sign-in only, and only from a page of ours.
#[tokio::test]
async fn a_form_that_is_not_ours_does_nothing() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let other = server.staff().await;
    let inquiry = create(&staff).await;
    let confirm = ("confirm", inquiry.rsplit('/').next().unwrap());
    let fields = [confirm, ("what", "everything"), ("name", "x"), ("template", "itmpl_identity")];
    let posts = |path: &str, token: &[&str]| {
        let tokens = token.iter().map(|token| ("form-token", *token));
        let form: Vec<_> = fields.into_iter().chain(tokens).collect();
        staff.client.post(format!("{}{path}", server.url)).form(&form)
    };
    for path in forms(&inquiry) {
        for token in [&[][..], &[""], &["0"], &[&other.form_token]] {
            let wrong = posts(&path, token).send().await.unwrap();
            assert_eq!(wrong.status(), StatusCode::FORBIDDEN, "{path}, with the token {token:?}");
        }
        for site in ["cross-site", "same-site", "none"] {
            let request = posts(&path, &[&staff.form_token]).header("sec-fetch-site", site);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}, from {site}");
        }
        let nobody = server.request(Method::POST, &path).form(&fields).send().await.unwrap();
        assert_eq!(nobody.status(), StatusCode::SEE_OTHER, "{path}, by nobody");
        assert_eq!(location(&nobody), "/dashboard/sign-in");
    }
    let page = staff.page(&inquiry).await;
    assert!(page.contains("The person has not begun yet"), "something was done");
    // The control: its own form, from its own page, counts.
    let own = posts(&format!("{inquiry}/expire"), &[&staff.form_token]);
    let answer = own.header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(location(&answer), format!("{inquiry}?done=expire"));
}

/// A browser's cookie, and what its form has.
async fn arrives(server: &Running) -> (String, String) {
    let page = server.get("/dashboard/sign-in").await;
    let cookie = cookie(&page);
    (cookie, field(&page.text().await.unwrap(), "form-token").to_owned())
}

fn signs_in(server: &Running, (cookie, form_token): &(String, String), token: &str) -> RequestBuilder {
    let form = [("form-token", form_token.as_str()), ("token", token)];
    server.request(Method::POST, "/dashboard/sign-in").header(header::COOKIE, cookie).form(&form)
}

/// The value of the cookie that an answer sets, with its name.
fn cookie(answer: &Response) -> String {
    let header = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    header.split(';').next().unwrap().to_owned()
}

/// A new cookie with each sign-in, for twelve hours; what was there before does not sign in; nothing after signing out.
#[tokio::test]
async fn a_sign_in_has_a_cookie_of_its_own_until_it_ends() {
    let place = Place::new();
    let server = place.serve(&[]);
    let token = server.token.as_deref().unwrap();
    let list = async |cookie: &str| {
        let request = server.request(Method::GET, "/dashboard/inquiries").header(header::COOKIE, cookie);
        request.send().await.unwrap().status()
    };
    let before = arrives(&server).await;
    let refused = signs_in(&server, &before, "no token of this server").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let other = (arrives(&server).await.0, before.1.clone());
    let refused = signs_in(&server, &other, token).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN, "the form of another browser");

    let answer = signs_in(&server, &before, token).send().await.unwrap();
    let set = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(set.contains("; SameSite=Strict; Path=/; Max-Age=43200"), "{set}");
    let after = cookie(&answer);
    assert_ne!(after, before.0, "somebody may know the one from before");
    assert_eq!((list(&before.0).await, list(&after).await), (StatusCode::SEE_OTHER, StatusCode::OK));

    let page = server.request(Method::GET, "/dashboard/diagnose").header(header::COOKIE, &after);
    let page = page.send().await.unwrap().text().await.unwrap();
    let out = server.request(Method::POST, "/dashboard/sign-out").header(header::COOKIE, &after);
    let out = out.form(&[("form-token", field(&page, "form-token"))]).send().await.unwrap();
    assert_eq!(out.status(), StatusCode::SEE_OTHER);
    assert_eq!(list(&after).await, StatusCode::SEE_OTHER);
}

/// Who guesses is told to wait, and keeps nobody out: a token signs in all the same.
#[tokio::test]
async fn guesses_are_slowed_down() {
    let place = Place::new();
    let server = place.serve(&[]);
    let browser = arrives(&server).await;
    let attempt = async |token: &str| signs_in(&server, &browser, token).send().await.unwrap();
    let mut refused = 0;
    let told = loop {
        let answer = attempt("a guess").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        refused += 1;
        assert!(refused < 100, "nothing slows it down");
    };
    assert!(0 < refused, "the first one is not slowed down");
    assert_eq!(told.headers()[header::RETRY_AFTER], "6");
    field(&told.text().await.unwrap(), "form-token");
    for _ in 0..20 {
        attempt("a guess").await;
    }
    let signed_in = attempt(server.token.as_deref().unwrap()).await;
    assert_eq!(location(&signed_in), "/dashboard/inquiries");
}
