//! The page of figures counts what happened, once.

use std::time::Instant;

use reqwest::StatusCode;

use crate::support::{Place, Running, later};

/// The page of a day, once all of that is in it: events are on their way for a moment.
async fn shows(server: &Running, wanted: &[&str]) -> String {
    let staff = server.staff().await;
    let mut page = String::new();
    later(&format!("the page has all of {wanted:?}"), async || {
        page = staff.page("/dashboard/figures?span=day").await;
        wanted.iter().all(|wanted| page.contains(wanted))
    })
    .await;
    page
}

/// Links created and used, looks, and refusals by reason, with what never was an event on disk (V1).
#[tokio::test]
async fn links_looks_and_refusals_are_counted() {
    let place = Place::new();
    let server = place.serve(&[]);
    let began = Instant::now();
    for _ in 0..3 {
        let inquiry = server.inquiry().await;
        let link = server.link(&inquiry).await;
        // The same link again is no other one.
        assert_eq!(server.link(&inquiry).await, link);
        let late = server.open(&link).await;
        assert_eq!(server.redeem(&link).await.status(), StatusCode::SEE_OTHER);
        assert_eq!(server.press(&late).await.status(), StatusCode::NOT_FOUND);
        let path = link.strip_prefix(&server.url).unwrap();
        assert_eq!(server.get(path).await.status(), StatusCode::NOT_FOUND);
    }
    // No link was used later than all of them were.
    let longest = began.elapsed().as_secs();
    let link = server.link(&server.inquiry().await).await;
    let other = Place::new();
    let elsewhere = other.serve(&[]);
    let unknown = elsewhere.link(&elsewhere.inquiry().await).await;
    for in_vain in [&link[..link.len() - 1], &unknown.replace(&elsewhere.url, &server.url)] {
        let path = in_vain.strip_prefix(&server.url).unwrap();
        assert_eq!(server.get(path).await.status(), StatusCode::NOT_FOUND);
    }
    let wanted = [
        "<dt>Links created</dt><dd>4</dd>",
        "<dt>First uses</dt><dd>3</dd>",
        "<svg aria-hidden",
        // Each link was looked at twice before its use; after it there were a press and a look in vain.
        "<dt>Looks at links that would open, which use nothing up</dt><dd>6, 2.0 for each first use</dd>",
        "<dt>Refusals</dt><dd>8</dd>",
        "used</th><td class=\"number\">3</td><td class=\"number\">3</td>",
        "mangled</th><td class=\"number\">1</td><td class=\"number\">0</td>",
        "unknown</th><td class=\"number\">1</td><td class=\"number\">0</td>",
    ];
    let page = shows(&server, &wanted).await;
    let (_, half) =
        page.split_once("<dt>From creation to first use</dt><dd>half within about ").expect("how soon");
    assert!((0..=longest).any(|seconds| half.starts_with(&format!("{seconds} s,"))), "{longest} s: {page}");
    for span in ["week", "month"] {
        let page = server.staff().await.page(&format!("/dashboard/figures?span={span}")).await;
        assert!(page.contains("<dt>Links created</dt><dd>4</dd>"), "{page}");
    }
}
