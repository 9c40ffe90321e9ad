//! Whether everybody can read and use the pages, on a phone and on a desk.

use std::{env, path::Path};

use fantoccini::Locator;
use inquiry_otl_testkit::browser::axe;
use serde_json::json;

use crate::{
    server::{Place, Running},
    staff::{Browser, Look, Scripts, alone, create_link, follow, press, sign_in},
};

/// What is looked at, where each page leaves a picture if `SCREENSHOTS` is set.
struct Looker {
    browser: Browser,
    look: Look,
    axe: String,
}

impl Looker {
    async fn new(look: Look) -> Self {
        let browser = Browser::open(look, Scripts::Run).await;
        if look == Look::Desktop {
            let bars = browser.run("return outerHeight - innerHeight").await.as_u64().unwrap();
            browser.0.set_window_size(1280, 900 + u32::try_from(bars).unwrap()).await.unwrap();
        }
        Self { browser, look, axe: axe(Path::new(env!("CARGO_TARGET_TMPDIR"))) }
    }

    /// The page that is shown: one heading, a title and a language, nothing wider than the screen, nothing that axe finds wrong.
    async fn look(&self, name: &str) {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        let look = match self.look {
            Look::Desktop => "desktop",
            Look::Phone => "phone",
            Look::DarkPhone => "phone-dark",
        };
        if env::var_os("SCREENSHOTS").is_some() {
            self.browser.pictures(&directory, &format!("{name}-{look}")).await;
        }
        let facts = self
            .browser
            .run(
                "return [document.querySelectorAll('h1').length, document.documentElement.lang, \
                 document.documentElement.scrollWidth - innerWidth <= 0, document.title.length > 20]",
            )
            .await;
        assert_eq!(facts, json!([1, "en", true, true]), "{name}, {look}");
        assert_eq!(self.browser.violations(&self.axe).await, Vec::<String>::new(), "{name}, {look}");
    }
}

/// Every page of the dashboard, with and without content, in light and dark.
#[tokio::test]
async fn everybody_can_use_the_pages() {
    let _turn = alone().await;
    for look in [Look::Desktop, Look::Phone, Look::DarkPhone] {
        let place = Place::new();
        let server = place.serve(&[]);
        let looker = Looker::new(look).await;
        let staff = &looker.browser;
        staff.goto(&server.url).await;
        staff.until("h1", "Sign in").await;
        looker.look("sign-in").await;
        sign_in(staff, &server, "wrong").await;
        staff.until(".notice", "not a token").await;
        looker.look("sign-in-refused").await;
        sign_in(staff, &server, server.token.as_deref().unwrap()).await;
        staff.until("h1", "All inquiries").await;
        looker.look("inquiries-empty").await;

        press(staff, "samples").await;
        staff.until("table", "sample-expired").await;
        looker.look("inquiries").await;
        for path in navigation(staff).await {
            staff.goto(&format!("{}{path}", server.url)).await;
            let name = path.rsplit('/').next().unwrap();
            if name != "inquiries" {
                looker.look(name).await;
            }
        }
        for (path, name) in [
            ("/dashboard/inquiries/new", "new-inquiry"),
            ("/dashboard/templates/new", "new-template"),
            ("/dashboard/templates/itmpl_identity", "template"),
            ("/dashboard/nothing", "not-found"),
        ] {
            staff.goto(&format!("{}{path}", server.url)).await;
            looker.look(name).await;
        }
        staff.goto(&format!("{}/dashboard/templates/itmpl_identity", server.url)).await;
        for field in ["after-create", "session-limit"] {
            staff.0.find(Locator::Id(field)).await.unwrap().clear().await.unwrap();
        }
        staff.click("main form > button").await;
        staff.until(".notice", "Nothing was saved").await;
        looker.look("template-refused").await;

        staff.goto(&format!("{}/dashboard/inquiries", server.url)).await;
        follow(staff, "sample-expired").await;
        staff.until("h1", "sample-expired").await;
        looker.look("inquiry-expired").await;
        press(staff, "resume").await;
        staff.until(".notice", "resumed").await;
        looker.look("inquiry-resumed").await;
        let inquiry = staff.address().await;
        staff.fill("#mail", "jo@example.com").await;
        let link = create_link(staff).await;
        looker.look("link").await;
        staff.goto(&format!("{}/dashboard/mails", server.url)).await;
        looker.look("mails-one").await;
        staff.click("main table a").await;
        staff.until("h1", "Mail").await;
        looker.look("mail").await;
        let hidden = "const letter = document.querySelector('.letter'); return letter.scrollWidth - letter.clientWidth";
        assert_eq!(staff.run(hidden).await, json!(0), "the whole mail can be read");
        server.redeem(&link).await;
        staff.goto(&inquiry).await;
        looker.look("inquiry-used").await;

        staff.goto(&format!("{}/dashboard/webhooks", server.url)).await;
        staff.fill("#url", "http://example.com/hook").await;
        press(staff, "webhooks").await;
        staff.until("#url-error", "https://").await;
        looker.look("webhooks-refused").await;
        staff.0.find(Locator::Id("url")).await.unwrap().clear().await.unwrap();
        // Nobody listens there.
        staff.fill("#url", "http://127.0.0.1:9/hook").await;
        press(staff, "webhooks").await;
        staff.until(".notice", "The endpoint was added").await;
        press(staff, "test").await;
        staff.until(".notice", "A test event").await;
        staff.click("summary").await;
        looker.look("webhook").await;
        create_token(&looker, &server).await;
        staff.goto(&format!("{}/dashboard/diagnose", server.url)).await;
        staff.fill("#link", &link).await;
        press(staff, "diagnose").await;
        staff.until("#verdict", "What you pasted").await;
        looker.look("diagnose-used").await;

        let next = server.link(&server.inquiry().await).await;
        staff.goto(&next).await;
        staff.press().await;
        staff.until("h1", "Welcome back").await;
        looker.look("person").await;
        staff.press().await;
        staff.until("h1", "You are done").await;
        looker.look("person-done").await;
        staff.goto(&format!("{}/inquiry", server.url)).await;
        staff.until("h1", "Please open your link").await;
        looker.look("person-over").await;

        // The control: the checker sees what is wrong.
        staff.run("document.documentElement.removeAttribute('lang')").await;
        assert_eq!(staff.violations(&looker.axe).await.len(), 1);
        looker.browser.close().await;
    }
}

/// A token is made by whoever has one.
async fn create_token(looker: &Looker, server: &Running) {
    let (staff, own) = (&looker.browser, server.token.as_deref().unwrap());
    staff.goto(&format!("{}/dashboard/tokens", server.url)).await;
    staff.fill("#name", "night shift").await;
    staff.fill("#own-token", "wrong").await;
    press(staff, "tokens").await;
    staff.until("#own-token-error", "not a token").await;
    looker.look("token-refused").await;
    staff.fill("#own-token", own).await;
    press(staff, "tokens").await;
    staff.until(".notice", "shows the token once").await;
    looker.look("token").await;
}

/// Where the navigation leads.
async fn navigation(staff: &Browser) -> Vec<String> {
    let links = staff
        .run("return [...document.querySelectorAll('header nav a')].map((link) => link.getAttribute('href'))")
        .await;
    serde_json::from_value(links).unwrap()
}
