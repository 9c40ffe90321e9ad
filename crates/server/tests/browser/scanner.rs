//! What mail scanners do.

use reqwest::{Method, StatusCode};

use crate::{
    server::{Place, client},
    staff::{Browser, Look, Scripts, alone, diagnose, signed_in},
};

/// D3: `GET`, `HEAD`, and a browser that loads the page and runs its scripts, and presses nothing, use nothing up.
#[tokio::test]
async fn a_scanner_uses_nothing_up() {
    let _turn = alone().await;
    let place = Place::new();
    let server = place.serve(&[]);
    let link = server.link(&server.inquiry().await).await;
    for method in [Method::GET, Method::HEAD] {
        for _ in 0..3 {
            let answer = client().request(method.clone(), &link).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        }
    }
    let scanner = Browser::open(Look::Desktop, Scripts::Run).await;
    scanner.goto(&link).await;
    scanner.run("document.body.dispatchEvent(new Event('mousemove')); window.scrollTo(0, 999);").await;
    assert_eq!(scanner.address().await, format!("{}/verify", server.url), "its scripts ran");
    scanner.close().await;

    let staff = signed_in(&server, Look::Desktop, Scripts::Run).await;
    let told = diagnose(&staff, &server, &link).await;
    assert!(told.contains("Works") && told.contains("never"), "{told}");
    // The control: a press does use it up.
    assert_eq!(server.redeem(&link).await.status(), StatusCode::SEE_OTHER);
    let told = diagnose(&staff, &server, &link).await;
    assert!(told.contains("Opens nothing") && !told.contains("never"), "{told}");
    staff.close().await;
}
