//! Pages, texts and paths of the application's own.

use std::error::Error;

use axum::http::StatusCode;
use inquiry_otl_axum::{
    ContentPolicy,
    verify::{GoOn, PageKind, Pages, Texts, VerifyError, View, Words},
};

use crate::support::{Browser, World};

/// Pages that show one button, and fail where there is nothing to press.
struct Bare;

impl Pages for Bare {
    fn html(&self, view: &View<'_>) -> Result<String, Box<dyn Error + Send + Sync>> {
        let form = view.form.as_ref().ok_or_else(|| format!("nothing to press on {view:?}"))?;
        assert_eq!(
            (view.kind, form.method, form.action),
            (PageKind::Confirm(inquiry_otl::Purpose::Resume), "post", "/in")
        );
        let code = &form.fields[0].1;
        assert!(!format!("{view:?}").contains(code), "a form is shown without its fields");
        Ok(format!("<script>{}</script>{}", view.script(), view.words().button))
    }

    fn policy(&self) -> ContentPolicy {
        ContentPolicy::strict().allow("img-src", "'self'").inline_style("h1{}")
    }
}

/// D3: an application's own pages are shown, under a policy that allows what they load and the one script; one that cannot
/// be made is a plain 500, without the reason.
#[tokio::test]
async fn an_applications_own_pages_are_shown() {
    let world = World::new();
    let link = world.link().await;
    let builder = world.verify().pages(Bare).path("/in").short_path("/in/short");
    let verify = builder.enter(GoOn::to("/inquiry").unwrap()).unwrap();
    let mut person = Browser::new(&verify.router());
    let code = link.code.expose().as_str().to_owned();
    for url in [format!("/in?code={code}"), format!("/in/short/{code}")] {
        let page = person.open(&url).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.ends_with("Continue") && page.body.contains("replaceState"));
        let policy = page.header("content-security-policy");
        assert!(policy.contains("img-src 'self';") && policy.contains("style-src 'sha256-"), "{policy}");
        assert_eq!(policy.matches("script-src 'sha256-").count(), 1, "{policy}");
    }
    let failed = person.open("/in").await;
    assert_eq!(
        (failed.status, failed.body.as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    );
    assert_eq!(failed.header("referrer-policy"), "no-referrer");
}

/// C4: what a translator writes is text, whatever it looks like.
#[tokio::test]
async fn texts_are_escaped() {
    let world = World::new();
    let missing = Words::new("<b>\"Hi\"</b>", "a & b\n<script>alert(1)</script>", "");
    let texts = Texts { missing, language: "x\"><i>".to_owned(), ..Texts::english() };
    let verify = world.verify().texts(texts, [Texts::german()]).enter(async |_| "in").unwrap();
    let page = Browser::new(&verify.router()).open("/verify").await;
    assert_eq!(page.body.matches("<script>").count(), 1);
    assert!(!page.body.contains("<b>") && !page.body.contains("<i>") && !page.body.contains("a & b"));
    assert_eq!(page.body.matches("<p>").count(), 2);
}

/// C5: a path that a router or a browser could read as something else is refused when the pages are put together.
#[tokio::test]
async fn a_path_is_plain() {
    let world = World::new();
    for path in ["", "/", "verify", "/verify/", "//x", "/{x}", "/a b", "/a?b", "/c", "/a/../b", "/<x>"] {
        let built = world.verify().path(path).enter(async |_| "in");
        assert_eq!(built.err(), Some(VerifyError::Path), "{path}");
    }
    for url in ["evil.example", "http://evil.example", "https://", "javascript:x"] {
        let built = world.verify().leads_to(url).enter(async |_| "in");
        assert_eq!(built.err(), Some(VerifyError::LeadsTo), "{url}");
    }
    assert!(world.verify().path("/a/b-c").short_path("/s").enter(async |_| "in").is_ok());
}
