//! Tokens: made and revoked in the dashboard and on the command line, and nowhere to be read.

use std::{process::Output, slice};

use reqwest::{Method, StatusCode};

use crate::{
    searching::Search,
    staff::{location, shown},
    support::{Place, Running},
};

/// What the API says to a token.
async fn answer(server: &Running, token: &str) -> StatusCode {
    server.request(Method::GET, "/api/v1/inquiries").bearer_auth(token).send().await.unwrap().status()
}

/// A token of the dashboard opens the API and the dashboard, until it is revoked; the others are none the worse.
#[tokio::test]
async fn a_token_opens_everything_until_it_is_revoked() {
    let place = Place::new();
    let server = place.serve(&[]);
    let admin = server.staff().await;
    let own = ("own-token", server.token.as_deref().unwrap());
    let page = admin.post("/dashboard/tokens", &[("name", "night <shift>"), own]).await;
    assert_eq!(page.status(), StatusCode::CREATED);
    let page = page.text().await.unwrap();
    assert!(!page.contains("<shift>"));
    let token = shown(&page, "created");
    assert!(!admin.page("/dashboard/tokens").await.contains(&token), "it is shown once");
    assert_eq!(Search::of(slice::from_ref(&token)).found(&place), Vec::<String>::new());
    let again = admin.post("/dashboard/tokens", &[("name", "night <shift>"), own]).await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);

    let night = server.sign_in(&token).await;
    assert!(night.page("/dashboard/inquiries").await.contains("Signed in as night &#60;shift&#62;"));
    assert_eq!(answer(&server, &token).await, StatusCode::OK);
    let done = admin.post("/dashboard/tokens/revoke", &[("name", "night <shift>")]).await;
    assert_eq!(location(&done), "/dashboard/tokens?done=revoked");
    assert_eq!(answer(&server, &token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(location(&night.get("/dashboard/inquiries").await), "/dashboard/sign-in");
    assert_eq!(answer(&server, server.token.as_deref().unwrap()).await, StatusCode::OK);

    let last = admin.post("/dashboard/tokens/revoke", &[("name", "admin")]).await;
    assert_eq!(last.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(last.text().await.unwrap().contains("the last token"));
    admin.page("/dashboard/tokens").await;
}

/// A cookie is no token: whoever has the cookie alone makes none, which would outlast it.
#[tokio::test]
async fn a_cookie_alone_makes_no_token() {
    let place = Place::new();
    let server = place.serve(&[]);
    let thief = server.staff().await;
    let wrong = "0123456789abcdef0123456789abcdef01234567";
    for own in [&[][..], &[("own-token", "")], &[("own-token", wrong)]] {
        let form: Vec<_> = [("name", "for good")].iter().chain(own).copied().collect();
        let refused = thief.post("/dashboard/tokens", &form).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text().await.unwrap();
        assert!(page.contains("id=\"own-token-error\"") && !page.contains(wrong), "{page}");
        assert!(page.contains("value=\"for good\""), "the name is still there");
    }
    assert!(!thief.page("/dashboard/tokens").await.contains("for good"));
    assert!(!server.log().contains(wrong));
}

/// Who has lost the token gets another one on the server's machine, while the server runs.
#[tokio::test]
async fn a_lost_token_is_replaced_on_the_command_line() {
    let place = Place::new();
    let run = |arguments: &[&str]| place.program().args(arguments).output().unwrap();
    let said = |output: Output| {
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let nothing = run(&["tokens", "list"]);
    assert!(!nothing.status.success());
    assert!(String::from_utf8(nothing.stderr).unwrap().contains("is this the server's folder?"));

    let server = place.serve(&[]);
    let lost = server.token.clone().unwrap();
    let token = said(run(&["tokens", "create", "found"]));
    let token = token.trim_end();
    assert_eq!(answer(&server, token).await, StatusCode::OK);
    said(run(&["tokens", "revoke", "admin"]));
    assert_eq!(answer(&server, &lost).await, StatusCode::UNAUTHORIZED);
    let listed = said(run(&["tokens", "list"]));
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].starts_with("admin: created ") && lines[0].contains(", revoked "), "{listed}");
    assert!(lines[1].starts_with("found: created ") && !lines[1].contains("revoked"), "{listed}");
    let refused = run(&["tokens", "revoke", "found"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("create another one first"));
}
