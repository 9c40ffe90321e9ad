//! Signing in and out.

use crate::{
    server::Place,
    staff::{Browser, Look, Scripts, alone, sign_in},
};

/// A wrong token is refused; the right one leads to the page that was asked for; after signing out it is asked for again.
#[tokio::test]
async fn only_a_token_signs_in_until_signing_out() {
    let _turn = alone().await;
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = Browser::open(Look::Desktop, Scripts::Run).await;
    sign_in(&staff, &server, "0123456789abcdef0123456789abcdef01234567").await;
    staff.until(".notice", "not a token of this server").await;
    let templates = format!("{}/dashboard/templates", server.url);
    staff.goto(&templates).await;
    staff.until("h1", "Sign in").await;

    staff.fill("#token", server.token.as_deref().unwrap()).await;
    staff.press().await;
    staff.until("h1", "Templates").await;
    assert_eq!(staff.address().await, templates);

    staff.click("form[action$='/sign-out'] button").await;
    staff.until("h1", "Sign in").await;
    staff.goto(&templates).await;
    staff.until("h1", "Sign in").await;
    staff.close().await;
}
