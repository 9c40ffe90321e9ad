//! From the button to the application.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::http::StatusCode;
use inquiry_otl::{GrantKind, InquiryId, Interval};
use inquiry_otl_axum::verify::{Entry, GoOn};

use crate::support::{Browser, World, app};

/// D1, D7: the person goes on in a session of their own; the second use is refused.
#[tokio::test]
async fn the_button_opens_the_inquiry_once() {
    let world = World::new();
    let link = world.link().await;
    let app = world.app();
    let mut person = Browser::new(&app);
    let fields = person.open(link.url.expose()).await.fields();
    let entered = person.press(&fields).await;
    assert_eq!((entered.status, entered.header("location")), (StatusCode::SEE_OTHER, "/inquiry"));
    let cookie = entered.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-inquiry=inq_")
            && cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"),
        "{cookie}"
    );
    assert!(person.go("/inquiry").await.body.starts_with(&link.inquiry.to_string()));

    let mut other = Browser::new(&app);
    assert_eq!(other.open(link.url.expose()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(other.go("/inquiry").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(person.open(link.url.expose()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.service.sessions(link.inquiry, None, 10).await.unwrap().len(), 1);
}

/// D6: a lost answer is asked for again by the same form: the same session, another token; other browsers get nothing.
#[tokio::test]
async fn a_form_that_is_sent_again_gets_the_same_session() {
    let world = World::new();
    let link = world.link().await;
    let app = world.app();
    let mut person = Browser::new(&app);
    let fields = person.open(link.url.expose()).await.fields();
    let before = person.clone();
    let lost = person.press(&fields).await;
    let mut again = before.clone();
    let found = again.press(&fields).await;
    assert_eq!(found.status, StatusCode::SEE_OTHER);
    assert_ne!(lost.header("set-cookie"), found.header("set-cookie"));
    assert_eq!(person.go("/inquiry").await.body, again.go("/inquiry").await.body);
    assert_eq!(world.service.sessions(link.inquiry, None, 10).await.unwrap().len(), 1);

    // The form alone, without its cookie, is a stranger's.
    assert_eq!(Browser::new(&app).press(&fields).await.status, StatusCode::NOT_FOUND);
    world.clock.advance(Interval::from_minutes(10).unwrap());
    assert_eq!(before.clone().press(&fields).await.status, StatusCode::NOT_FOUND);
}

/// D6, D7: the application gets inquiry, session and token, and a request without a code; it answers as it likes.
#[tokio::test]
async fn the_application_answers_for_itself() {
    let world = World::new();
    let link = world.link().await;
    let code = link.code.expose().as_str().to_owned();
    let failed = Arc::new(AtomicBool::new(false));
    let kinds = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (fails, seen) = (Arc::clone(&failed), Arc::clone(&kinds));
    let enter = move |entry: Entry| {
        assert!(!format!("{entry:?}").contains(&code));
        seen.lock().unwrap().push(entry.grant.kind);
        let failed = fails.swap(true, Ordering::SeqCst);
        async move {
            let status = if failed { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
            (status, [("content-security-policy", "default-src 'self'")], entry.grant.session.id.to_string())
        }
    };
    let verify = world.verify().leads_to("https://app.acme.com/x").enter(enter).unwrap();
    let mut person = Browser::new(&app(&verify));
    let page = person.open(link.url.expose()).await;
    assert!(page.header("content-security-policy").contains("form-action 'self' https://app.acme.com;"));
    // What fails after the link was used is asked for again.
    let first = person.press(&page.fields()).await;
    let second = person.press(&page.fields()).await;
    assert_eq!((first.status, second.status), (StatusCode::BAD_GATEWAY, StatusCode::OK));
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("content-security-policy"), "default-src 'self'");
    assert_eq!(second.header("referrer-policy"), "no-referrer");
    assert_eq!(*kinds.lock().unwrap(), [GrantKind::FirstUse, GrantKind::Repeat]);
}

/// D5: work that fails before the link is used gives it back; the button, pressed once more, works.
#[tokio::test]
async fn a_preparation_that_fails_burns_no_link() {
    let world = World::new();
    let link = world.link().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let ran = Arc::clone(&runs);
    let prepare = move |_: InquiryId| {
        let run = ran.fetch_add(1, Ordering::SeqCst);
        async move { if run == 0 { Err("the archive does not answer") } else { Ok(()) } }
    };
    let verify = world.verify().prepare(prepare).enter(GoOn::to("/inquiry").unwrap()).unwrap();
    let mut person = Browser::new(&app(&verify));
    let page = person.open(link.url.expose()).await;
    let failed = person.press(&page.fields()).await;
    assert_eq!((failed.status, failed.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "10"));
    assert!(!failed.body.contains("archive"));
    assert_eq!(failed.fields(), page.fields(), "the same attempt");
    assert_eq!(world.told("one-time-link.redeemed"), 0);
    assert_eq!(person.press(&failed.fields()).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        person.press(&failed.fields()).await.status,
        StatusCode::SEE_OTHER,
        "a repeat prepares nothing"
    );
    assert_eq!((runs.load(Ordering::SeqCst), world.told("one-time-link.redeemed")), (2, 1));
}

/// D2, D5: while a link is held, others are asked to wait, until when; then it is free again.
#[tokio::test]
async fn a_link_that_is_held_is_busy() {
    let world = World::new();
    let link = world.link().await;
    let mut person = Browser::new(&world.app());
    let page = person.open(link.url.expose()).await;
    let claim = world.service.claim(link.url.expose(), &inquiry_otl::Attempt::new()).await.unwrap();
    assert!(matches!(claim, inquiry_otl::Claiming::Claimed(_)));

    let look = person.clone().open(link.url.expose()).await;
    assert_eq!((look.status, look.header("retry-after")), (StatusCode::CONFLICT, "31"));
    assert!(look.body.contains("<form method=\"get\" action=\"/verify\"") && look.fields().len() == 1);
    let press = person.press(&page.fields()).await;
    assert_eq!(press.status, StatusCode::CONFLICT);
    assert_eq!(press.fields(), page.fields());
    world.clock.advance(Interval::from_seconds(30).unwrap());
    assert_eq!(person.press(&press.fields()).await.status, StatusCode::SEE_OTHER);
}

/// D7: the extractor wants a live session and one of its tokens; what is no cookie of ours is nothing.
#[tokio::test]
async fn only_a_live_session_is_let_through() {
    let world = World::new();
    let link = world.link().await;
    let mut person = Browser::new(&world.app());
    let fields = person.open(link.url.expose()).await.fields();
    person.press(&fields).await;
    let cookie = person.cookies["__Host-inquiry"].clone();
    assert_eq!(person.go("/inquiry").await.status, StatusCode::OK);
    for wrong in
        ["", ".", "..", "a.b.c", &cookie[1..], &format!("{cookie}0"), &cookie.replace("inq_", "inq_0")]
    {
        person.cookies.insert("__Host-inquiry".to_owned(), wrong.to_owned());
        assert_eq!(person.go("/inquiry").await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    person.cookies.insert("__Host-inquiry".to_owned(), cookie);
    world.service.expire(link.inquiry).await.unwrap();
    assert_eq!(person.go("/inquiry").await.status, StatusCode::UNAUTHORIZED);
}
