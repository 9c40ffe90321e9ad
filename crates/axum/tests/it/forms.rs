//! Whose form counts.

use std::num::NonZeroU32;

use axum::http::StatusCode;
use inquiry_otl::{Clients, ExpirationPolicy, Grace, Interval};

use crate::support::{Browser, World};

const COOKIE: &str = "__Host-otl-form";

/// D3: the cookie of the form is the host's own, goes over https only, to no other site, and no script reads it.
#[tokio::test]
async fn the_cookie_of_the_form_travels_nowhere_else() {
    let world = World::new();
    let link = world.link().await;
    let page = Browser::new(&world.app()).open(link.url.expose()).await;
    let cookie = page.header("set-cookie");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-otl-form=") && pair.len() == COOKIE.len() + 1 + 34, "{cookie}");
    let mut attributes: Vec<&str> = attributes.split("; ").collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Max-Age=3600", "Path=/", "SameSite=Strict", "Secure"]);
    assert!(!cookie.contains(&page.fields()["code"]));

    // The other one tells a browser again that comes from a mail on another site; it seals nothing.
    let browser = page.headers.get_all("set-cookie").iter().nth(1).unwrap().to_str().unwrap();
    let (pair, attributes) = browser.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-otl-browser="), "{browser}");
    let mut attributes: Vec<&str> = attributes.split("; ").collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Max-Age=86400", "Path=/", "SameSite=Lax", "Secure"]);
    assert_ne!(pair.rsplit_once('=').unwrap().1, cookie[COOKIE.len() + 1..].split_once(';').unwrap().0);

    let verify = world.verify().over_http_on_loopback().enter(async |_| "in").unwrap();
    let page = Browser::new(&verify.router()).open(link.url.expose()).await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("otl-form=") && cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains("Secure"));
}

/// D1, D3: a form that this browser did not get from here uses nothing up: the person is shown the button.
#[tokio::test]
async fn nobody_elses_form_counts() {
    let world = World::new();
    let (link, other) = (world.link().await, world.link().await);
    let app = world.app();
    let mut person = Browser::new(&app);
    let fields = person.open(link.url.expose()).await.fields();
    let mut attacker = Browser::new(&app);
    let theirs = attacker.open(other.url.expose()).await.fields();

    let mut tried = 0;
    let mut refused = async |browser: &Browser, fields: &_, what: &str| {
        let mut browser = browser.clone();
        let answer = browser.press(fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
        assert!(answer.body.contains("Please press the button once more"), "{what}");
        assert!(answer.headers.get("location").is_none());
        tried += 1;
    };

    // Somebody's own link, sent by a person's browser: the attacker's form goes with no cookie, or with another one.
    refused(&Browser::new(&app), &theirs, "no cookie").await;
    refused(&person, &theirs, "another browser's form").await;
    for site in ["cross-site", "same-site", "none", "", "SAME-ORIGIN"] {
        let mut elsewhere = person.clone();
        elsewhere.site = Some(site);
        refused(&elsewhere, &fields, site).await;
    }
    let mut twice = person.clone();
    twice.cookies.insert(
        format!("{COOKIE}=00000000000000000000000000000000AB; {COOKIE}"),
        twice.cookies[COOKIE].clone(),
    );
    refused(&twice, &fields, "two cookies").await;
    let mut forged = person.clone();
    forged.cookies.insert(COOKIE.to_owned(), String::new());
    refused(&forged, &fields, "an empty cookie").await;

    // Parts of one form in another.
    for name in ["code", "attempt", "seal"] {
        let mut mixed = fields.clone();
        mixed.insert(name.to_owned(), theirs[name].clone());
        refused(&person, &mixed, name).await;
    }
    for seal in ["", ".", "1", "1.", ".AAAA", "x.AAAA", "-1.AAAA", "9223372036854775807.AAAA"] {
        let mut forged = fields.clone();
        forged.insert("seal".to_owned(), seal.to_owned());
        refused(&person, &forged, seal).await;
    }
    let (until, mac) = fields["seal"].split_once('.').unwrap();
    let later = until.parse::<i64>().unwrap() + 1;
    let mut longer = fields.clone();
    longer.insert("seal".to_owned(), format!("{later}.{mac}"));
    refused(&person, &longer, "a longer life").await;
    assert_eq!((tried, world.told("one-time-link.redeemed")), (21, 0));

    // A browser that does not say where a request comes from is believed by its cookie.
    person.site = None;
    assert_eq!(person.press(&fields).await.status, StatusCode::SEE_OTHER);
}

/// D3: at the end of its life itself a page is too old; the button, pressed once more, works.
#[tokio::test]
async fn a_page_that_is_too_old_asks_once_more() {
    let world = World::new();
    let link = world.link().await;
    let mut person = Browser::new(&world.app());
    let fields = person.open(link.url.expose()).await.fields();
    world.clock.advance(Interval::from_minutes(60).unwrap());
    let again = person.press(&fields).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert_eq!(person.press(&again.fields()).await.status, StatusCode::SEE_OTHER);

    let late = world.link().await;
    let fields = person.open(late.url.expose()).await.fields();
    world.clock.advance(Interval::from_seconds(3599).unwrap());
    assert_eq!(person.press(&fields).await.status, StatusCode::SEE_OTHER);
}

/// D4, E7: within a grace for the client that was first, that browser gets its session again by opening the link once more, also
/// out of a mail on another site; another browser does not.
#[tokio::test]
async fn the_browser_that_was_first_comes_back_within_the_grace() {
    let window = Interval::from_minutes(5).unwrap();
    let grace = Grace::new(window, NonZeroU32::new(3).unwrap()).with_clients(Clients::Same);
    let world = World::with(|builder| builder.policy(ExpirationPolicy::default().with_grace(grace)));
    let link = world.link().await;
    let app = world.app();
    let mut stranger = Browser::new(&app);
    let theirs = stranger.open(link.url.expose()).await;
    let mut person = Browser::new(&app);
    let page = person.open(link.url.expose()).await;
    assert_eq!(person.press(&page.fields()).await.status, StatusCode::SEE_OTHER);
    let session = person.go("/inquiry").await.body;

    let again = person.open(link.url.expose()).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.body);
    assert_eq!(person.press(&again.fields()).await.status, StatusCode::SEE_OTHER);
    assert_eq!(person.go("/inquiry").await.body, session);
    assert_eq!((world.told("one-time-link.redeemed"), world.told("one-time-link.replayed")), (1, 1));

    assert_eq!(stranger.open(link.url.expose()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.press(&theirs.fields()).await.status, StatusCode::NOT_FOUND);
    world.clock.advance(window);
    assert_eq!(person.open(link.url.expose()).await.status, StatusCode::NOT_FOUND);
}

/// D1: any instance with the same key takes the form; one with another key asks once more.
#[tokio::test]
async fn a_form_counts_at_every_instance_with_the_key() {
    use inquiry_otl_axum::verify::{FormKey, GoOn, Verify};

    let world = World::new();
    let (one, other) = (world.link().await, world.link().await);
    let mut person = Browser::new(&world.app());
    let fields = person.open(one.url.expose()).await.fields();
    person.app = world.app();
    assert_eq!(person.press(&fields).await.status, StatusCode::SEE_OTHER);

    let fields = person.open(other.url.expose()).await.fields();
    let verify = Verify::builder(world.service.clone(), FormKey::random())
        .enter(GoOn::to("/inquiry").unwrap())
        .unwrap();
    person.app = verify.router();
    let again = person.press(&fields).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert_eq!(person.press(&again.fields()).await.status, StatusCode::SEE_OTHER);
}

/// D3: a second tab does not end the first one's form, where the browser shows its cookie.
#[tokio::test]
async fn two_tabs_do_not_end_each_other() {
    let world = World::new();
    let (one, other) = (world.link().await, world.link().await);
    let mut person = Browser::new(&world.app());
    let first = person.go(one.url.expose().strip_prefix("https://verify.acme.com").unwrap()).await.fields();
    let second =
        person.go(other.url.expose().strip_prefix("https://verify.acme.com").unwrap()).await.fields();
    assert_ne!(first["attempt"], second["attempt"]);
    assert_eq!(person.press(&first).await.status, StatusCode::SEE_OTHER);
    assert_eq!(person.press(&second).await.status, StatusCode::SEE_OTHER);
}
