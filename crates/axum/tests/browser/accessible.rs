//! Whether everybody can read and use the pages.

use std::path::Path;

use inquiry_otl_axum::verify::GoOn;

use inquiry_otl_testkit::browser::axe;

use crate::support::{Browser, Look, Scripts, Site, alone};

/// D2, D3: each page, light and dark, on a phone: one heading, a language, nothing that axe finds wrong,
/// nothing wider than the screen, a button that a thumb hits and the keyboard reaches. It leaves pictures.
#[tokio::test]
async fn everybody_can_use_the_pages() {
    let _turn = alone().await;
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (axe, pictures) = (axe(directory), directory.join("screens"));
    let site = Site::new().await;
    let (link, held, used) = (site.link().await, site.link().await, site.link().await);
    let verify = site.verify().enter(GoOn::to("/inquiry").unwrap()).unwrap();
    let origin = site.origin();
    let site = site.serve(verify.router());
    let attempt = inquiry_otl::Attempt::new();
    let _held = site.0.claim(held.url.expose(), &attempt).await.unwrap();
    let _used = site.0.redeem(used.url.expose(), &attempt).await.unwrap();
    let missing = format!("{origin}/verify");

    for (look, light) in [(Look::Phone, "light"), (Look::DarkPhone, "dark")] {
        let browser = Browser::open(look, Scripts::Run).await;
        let dark = browser.run("return matchMedia('(prefers-color-scheme: dark)').matches").await;
        assert_eq!(dark, look == Look::DarkPhone);
        for (name, url, buttons) in [
            ("confirm", link.url.expose(), 1),
            ("busy", held.url.expose(), 1),
            ("refused", used.url.expose(), 0),
            ("missing", &missing, 0),
        ] {
            browser.goto(url).await;
            browser.picture(&pictures, &format!("{name}-{light}")).await;
            let facts = browser
                .run(
                    "const all = (s) => [...document.querySelectorAll(s)]; return [all('h1').length, \
                     document.documentElement.lang, document.title === all('h1')[0].textContent, all('button').length, \
                     all('button').every((b) => b.getBoundingClientRect().height >= 44 && b.textContent !== ''), \
                     document.documentElement.scrollWidth <= innerWidth, innerWidth]",
                )
                .await;
            assert_eq!(facts, serde_json::json!([1, "en", true, buttons, true, true, 390]), "{name}");
            assert_eq!(browser.violations(&axe).await, Vec::<String>::new(), "{name} {light}");
        }
        // The keyboard: the first thing that takes the focus is the button.
        browser.goto(link.url.expose()).await;
        browser.0.find(fantoccini::Locator::Css("body")).await.unwrap().send_keys("\u{e004}").await.unwrap();
        assert_eq!(browser.run("return document.activeElement.localName").await, "button");
        browser.picture(&pictures, &format!("focus-{light}")).await;
        // The control: the checker sees what is wrong.
        browser.run("document.documentElement.removeAttribute('lang'); document.querySelector('button').textContent = '';").await;
        let found = browser.violations(&axe).await;
        assert_eq!(found.len(), 2, "{found:?}");
        browser.close().await;
    }
}
