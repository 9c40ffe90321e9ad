//! What support staff does in a browser.

use fantoccini::Locator;
pub(crate) use inquiry_otl_testkit::{
    browser::{Browser, alone},
    chromium::{Look, Scripts},
};

use crate::server::Running;

/// A browser that is signed in.
pub(crate) async fn signed_in(server: &Running, look: Look, scripts: Scripts) -> Browser {
    let staff = Browser::open(look, scripts).await;
    sign_in(&staff, server, server.token.as_deref().unwrap()).await;
    staff.until("h1", "All inquiries").await;
    staff
}

/// Opens the server's first page, which asks for a token, and gives it one.
pub(crate) async fn sign_in(staff: &Browser, server: &Running, token: &str) {
    staff.goto(&server.url).await;
    staff.until("h1", "Sign in").await;
    staff.fill("#token", token).await;
    staff.press().await;
}

/// Follows the link with that text.
pub(crate) async fn follow(staff: &Browser, text: &str) {
    staff.0.find(Locator::LinkText(text)).await.unwrap().click().await.unwrap();
}

/// Opens one of the samples, which it adds first.
pub(crate) async fn open_sample(staff: &Browser, name: &str) {
    staff.click("form[action='/dashboard/samples'] button").await;
    staff.until("table", name).await;
    follow(staff, name).await;
    staff.until("h1", name).await;
}

/// Presses the one button of the form that does that.
pub(crate) async fn press(staff: &Browser, action: &str) {
    staff.click(&format!("form[action$='/{action}'] button")).await;
}

/// Creates a link, as the form is; the page that shows it is left open.
pub(crate) async fn create_link(staff: &Browser) -> String {
    press(staff, "links").await;
    staff.until("h1", "The new link").await;
    let field = staff.0.find(Locator::Css("#link")).await.unwrap();
    field.attr("value").await.unwrap().unwrap()
}

/// What the server knows about a link.
pub(crate) async fn diagnose(staff: &Browser, server: &Running, link: &str) -> String {
    staff.goto(&format!("{}/dashboard/diagnose", server.url)).await;
    staff.fill("#link", link).await;
    press(staff, "diagnose").await;
    staff.until("#verdict", "What you pasted").await;
    staff.text("section[role=status]").await
}
