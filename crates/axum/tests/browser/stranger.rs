//! What a stranger's site can make a browser do.

use axum::{Router, response::Html, routing::get};
use fantoccini::Locator;
use inquiry_otl_axum::verify::GoOn;

use crate::support::{Browser, Look, Scripts, Site, alone};

/// D3: another site sends its own link, with a form that its owner got, by a person's browser: the person is shown the
/// button and is in nobody's inquiry. A frame around the page stays empty.
#[tokio::test]
async fn another_site_signs_nobody_in() {
    let _turn = alone().await;
    let site = Site::new().await;
    let (theirs, persons) = (site.link().await, site.link().await);
    let origin = site.origin();
    let verify = site.verify().enter(GoOn::to("/inquiry").unwrap()).unwrap();
    let site = site.serve(verify.router());

    // The stranger opens their own link, and takes the form.
    let stranger = Browser::open(Look::Desktop, Scripts::Run).await;
    stranger.goto(theirs.url.expose()).await;
    let mut fields = String::new();
    for field in stranger.0.find_all(Locator::Css("input")).await.unwrap() {
        let (name, value) =
            (field.attr("name").await.unwrap().unwrap(), field.attr("value").await.unwrap().unwrap());
        fields = format!("{fields}<input type=hidden name={name} value='{value}'>");
    }
    stranger.close().await;

    let evil = Site::new().await;
    let evil_origin = format!("http://127.0.0.1:{}", evil.origin().rsplit_once(':').unwrap().1);
    let post = format!(
        "<!doctype html><title>x</title><form method=post action='{origin}/verify'>{fields}</form>\
         <script>document.forms[0].submit()</script>"
    );
    let frame = format!("<!doctype html><title>x</title><iframe src='{}'></iframe>", theirs.url.expose());
    let routes = Router::new()
        .route("/post", get(move || async move { Html(post) }))
        .route("/frame", get(move || async move { Html(frame) }));
    evil.serve(routes);

    // The person has a page of their own open, so their browser has a cookie.
    let person = Browser::open(Look::Desktop, Scripts::Run).await;
    person.goto(persons.url.expose()).await;
    person.goto(&format!("{evil_origin}/post")).await;
    person.until("h1", "Please press the button once more").await;
    assert_eq!(site.sessions(&theirs).await, 0);

    person.goto(&format!("{evil_origin}/frame")).await;
    let frame = person.0.find(Locator::Css("iframe")).await.unwrap();
    frame.enter_frame().await.unwrap();
    assert!(person.0.find(Locator::Css("button")).await.is_err());
    person.0.enter_parent_frame().await.unwrap();

    // The control: the same form, sent by our own page in the stranger's browser, would open the link; here the person's
    // own does.
    person.goto(persons.url.expose()).await;
    person.press().await;
    person.until("body", "").await;
    site.until_used(&persons).await;
    person.close().await;
}
