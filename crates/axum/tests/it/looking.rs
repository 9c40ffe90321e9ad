//! Looking at a link.

use axum::http::{Method, StatusCode};
use inquiry_otl::{EventKind, Refusal};

use crate::support::{Browser, World};

/// D3: a hundred scanners fetch a link, by GET and HEAD, and the person still is the first.
#[tokio::test]
async fn looking_uses_nothing_up() {
    let world = World::new();
    let link = world.link().await;
    let app = world.app();
    let url = link.url.expose().strip_prefix("https://verify.acme.com").unwrap();
    for _ in 0..100 {
        let mut scanner = Browser::new(&app);
        assert_eq!(scanner.open(url).await.status, StatusCode::OK);
        let head = scanner.ask(Method::HEAD, url).await;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    }
    assert_eq!((world.told("one-time-link.peeked"), world.told("one-time-link.redeemed")), (200, 0));

    let mut person = Browser::new(&app);
    let page = person.open(url).await;
    assert_eq!(person.press(&page.fields()).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.told("one-time-link.redeemed"), 1);
}

/// C5, C6: the short link shows the same page, and both forgive what mail does to them.
#[tokio::test]
async fn links_are_read_as_mail_leaves_them() {
    let world = World::new();
    let link = world.link().await;
    let app = world.app();
    let code = link.code.expose();
    let code = code.as_str();
    let lower = code.to_lowercase();
    let hyphens = format!("{}-{}", &code[..7], &code[7..]);
    for url in [
        format!("/c/{code}"),
        format!("/c/{lower}"),
        format!("/c/{hyphens}"),
        format!("/verify?code={lower}"),
        format!("/verify?code={hyphens}."),
        format!("/verify?code=%20{code}%3E"),
        format!("/verify?code=3D{code}"),
        format!("/verify?utm_source=mail&code={code}&x"),
        format!("/verify?CODE={code}"),
    ] {
        let page = Browser::new(&app).open(&url).await;
        assert_eq!(page.status, StatusCode::OK, "{url}");
        assert_eq!(page.fields()["code"], code, "the form has the code as it should be");
    }
}

/// C6, D2, V1: what holds no code asks for the link; what holds a bad one, or two, is refused as any other, and counted.
#[tokio::test]
async fn what_is_no_link_is_told_so() {
    let world = World::new();
    let link = world.link().await;
    let code = link.code.expose();
    let code = code.as_str();
    let mut browser = Browser::new(&world.app());
    for url in ["/verify", "/verify?", "/verify?cod=x", "/verify?x=code"] {
        let page = browser.open(url).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{url}");
        assert!(page.body.contains("Please open your link"), "{url}");
    }
    for url in [
        format!("/verify?code={}", &code[1..]),
        format!("/verify?code={code}&code={code}"),
        "/verify?code=".to_owned(),
        "/verify?code=%FF%FE".to_owned(),
        "/c/%FF%FE".to_owned(),
        "/c/short".to_owned(),
        "/verify?code=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
    ] {
        let page = browser.open(&url).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{url}");
        assert!(!page.body.contains("alert") && !page.body.contains(&code[1..]), "{url}");
    }
    assert!(browser.cookies.is_empty());
    let long = browser.open(&format!("/verify?code={}", "0".repeat(3000))).await;
    assert_eq!(long.status, StatusCode::URI_TOO_LONG);
    assert!(!long.body.contains("0000"));
    let mangled = EventKind::LinkPeeked { link: None, refusal: Some(Refusal::Mangled) };
    let events = world.events.lock().unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == mangled).count(), 7);
    assert!(events.iter().all(|event| event.kind.name() != "one-time-link.peeked" || event.kind == mangled));
}

/// D3: the page of a hand-off link says what it does; pages are in the language of the browser.
#[tokio::test]
async fn the_page_says_what_will_happen_in_the_persons_language() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    let session = world.service.start_session(inquiry).await.unwrap().session.id;
    let handoff =
        world.service.issue(inquiry_otl::LinkRequest::device_handoff(inquiry, session)).await.unwrap();
    let app = world.app();
    let mut browser = Browser::new(&app);
    let page = browser.open(handoff.url.expose()).await;
    assert!(
        page.body.contains("<h1>Continue on this device</h1>")
            && page.body.contains("<html lang=\"en\" dir=\"ltr\"")
    );
    assert_eq!(page.header("content-language"), "en");
    browser.language = "de-CH, en;q=0.5";
    let page = browser.open(handoff.url.expose()).await;
    assert!(
        page.body.contains("<h1>Auf diesem Gerät weitermachen</h1>")
            && page.body.contains("<html lang=\"de\"")
    );
    assert_eq!(page.header("content-language"), "de");
    assert_eq!(page.body.matches("<h1>").count(), 1);
    assert_eq!(page.body.matches("<button>").count(), 1);
}
