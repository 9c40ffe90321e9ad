//! What a person does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    http::StatusCode,
    response::{Html, IntoResponse as _},
    routing::get,
};
use fantoccini::Locator;
use inquiry_otl_axum::{
    CurrentSession, SessionCookie,
    verify::{Entry, GoOn, Verify},
};

use crate::support::{Browser, Look, Scripts, Site, alone};

fn app<S: inquiry_otl::LinkStore + 'static>(verify: &Verify<S>) -> Router {
    async fn inquiry(CurrentSession(session): CurrentSession) -> Html<String> {
        Html(format!("<!doctype html><title>In</title><h1>{}</h1>", session.inquiry))
    }
    Router::new()
        .route("/inquiry", get(inquiry))
        .with_state(verify.sessions(SessionCookie::default()))
        .merge(verify.router())
}

/// D1, D3, C4: with scripts or without, by the long or the short link: the person opens it, presses the button, and is in;
/// the code is out of the address bar. Another browser is refused.
#[tokio::test]
async fn the_button_opens_the_inquiry_once() {
    let _turn = alone().await;
    for (scripts, short) in
        [(Scripts::Run, false), (Scripts::Run, true), (Scripts::Off, false), (Scripts::Off, true)]
    {
        let site = Site::new().await;
        let link = site.link().await;
        let (origin, code) = (site.origin(), link.code.expose().as_str().to_owned());
        let url = if short { format!("{origin}/c/{code}") } else { link.url.expose().to_owned() };
        let verify = site.verify().enter(GoOn::to("/inquiry").unwrap()).unwrap();
        let site = site.serve(app(&verify));

        let person = Browser::open(Look::Desktop, scripts).await;
        person.goto(&url).await;
        let clean = format!("{origin}/verify");
        // Without scripts the code stays until the button is pressed: so this sees that they are off.
        let address = if scripts == Scripts::Run { &clean } else { &url };
        assert_eq!(&person.address().await, address);
        assert_eq!(person.text("h1").await, "Continue your verification");
        person.press().await;
        person.until("h1", link.inquiry.to_string().as_str()).await;
        assert_eq!(person.address().await, format!("{origin}/inquiry"));
        person.close().await;

        let other = Browser::open(Look::Desktop, scripts).await;
        other.goto(&url).await;
        assert_eq!(other.text("h1").await, "This link does not work");
        assert!(other.0.find(Locator::Css("form")).await.is_err());
        other.close().await;
        assert_eq!(site.sessions(&link).await, 1);
    }
}

/// D3: what opens the link, runs its scripts and presses nothing uses nothing up.
#[tokio::test]
async fn a_scanner_that_runs_scripts_uses_nothing_up() {
    let _turn = alone().await;
    let site = Site::new().await;
    let link = site.link().await;
    let verify = site.verify().enter(GoOn::to("/inquiry").unwrap()).unwrap();
    let clean = format!("{}/verify", site.origin());
    let site = site.serve(app(&verify));
    let scanner = Browser::open(Look::Desktop, Scripts::Run).await;
    for _ in 0..5 {
        scanner.goto(link.url.expose()).await;
        scanner.run("document.body.dispatchEvent(new Event('mousemove')); window.scrollTo(0, 999);").await;
        assert_eq!(scanner.address().await, clean, "its scripts ran");
    }
    scanner.close().await;
    let peek = site.0.peek(link.url.expose(), &inquiry_otl::Attempt::new()).await.unwrap();
    assert!(matches!(peek, inquiry_otl::Peek::WouldGrant(_)));
}

/// D6: the application's answer to the press was no good; reloading the page sends the form again, and the person gets
/// into the same session.
#[tokio::test]
async fn a_reload_of_the_press_gets_the_same_session() {
    let _turn = alone().await;
    let site = Site::new().await;
    let link = site.link().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let ran = Arc::clone(&runs);
    let enter = move |entry: Entry| {
        let run = ran.fetch_add(1, Ordering::SeqCst);
        let session = entry.grant.session.id;
        async move {
            let status = if run == 0 { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
            (status, Html(format!("<!doctype html><title>x</title><h1>{run} {session}</h1>"))).into_response()
        }
    };
    let verify = site.verify().enter(enter).unwrap();
    let site = site.serve(verify.router());
    let person = Browser::open(Look::Desktop, Scripts::Run).await;
    person.goto(link.url.expose()).await;
    person.press().await;
    person.until("h1", "0 iqse_").await;
    let session = person.text("h1").await[2..].to_owned();
    person.0.refresh().await.unwrap();
    person.until("h1", &format!("1 {session}")).await;
    person.close().await;
    assert_eq!(site.sessions(&link).await, 1);
}

/// D1: a double click is one press; going back after it shows that the link was used.
#[tokio::test]
async fn a_double_click_is_one_press() {
    let _turn = alone().await;
    let site = Site::new().await;
    let link = site.link().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let ran = Arc::clone(&runs);
    let enter = move |_: Entry| {
        ran.fetch_add(1, Ordering::SeqCst);
        async { Html("<!doctype html><title>x</title><h1>in</h1>") }
    };
    let verify = site.verify().enter(enter).unwrap();
    let site = site.serve(verify.router());
    let person = Browser::open(Look::Desktop, Scripts::Run).await;
    person.goto(link.url.expose()).await;
    person.run("const button = document.querySelector('button'); button.click(); button.click();").await;
    person.until("h1", "in").await;
    person.close().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    drop(site);
}

/// D7: the application may be on another host; the page's content policy lets the form lead there, and nowhere else.
#[tokio::test]
async fn the_form_leads_to_the_applications_host_and_to_no_other() {
    let _turn = alone().await;
    let elsewhere = Site::new().await;
    let target = format!("http://127.0.0.1:{}", elsewhere.origin().rsplit_once(':').unwrap().1);
    let page = get(|| async { Html("<!doctype html><title>x</title><h1>elsewhere</h1>") });
    elsewhere.serve(Router::new().route("/inquiry", page));

    for allowed in [true, false] {
        let site = Site::new().await;
        let link = site.link().await;
        let to = format!("{target}/inquiry");
        let redirect = {
            let to = to.clone();
            move |_: Entry| {
                let to = to.clone();
                async move { axum::response::Redirect::to(&to) }
            }
        };
        let builder = site.verify();
        let builder = if allowed { builder.leads_to(&to) } else { builder };
        let verify = builder.enter(redirect).unwrap();
        let site = site.serve(verify.router());
        let person = Browser::open(Look::Desktop, Scripts::Run).await;
        person.goto(link.url.expose()).await;
        person.press().await;
        if allowed {
            person.until("h1", "elsewhere").await;
        } else {
            // The control: without it the browser stays, though the link was used.
            site.until_used(&link).await;
            assert_eq!(person.text("h1").await, "Continue your verification");
        }
        person.close().await;
    }
}
