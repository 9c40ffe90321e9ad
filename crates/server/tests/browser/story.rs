//! The story that all this is for: somebody lost their page, and support staff brings them back.

use fantoccini::Locator;

use crate::{
    server::Place,
    staff::{Browser, Look, Scripts, alone, create_link, diagnose, follow, open_sample, press, signed_in},
};

/// R2, L3, D1: with scripts or without: staff signs in, resumes an expired inquiry, and creates a link; the person opens it in a
/// browser of their own, presses the button, and is back; a second use is refused; the person completes the inquiry.
#[tokio::test]
async fn staff_brings_a_person_back_once() {
    let _turn = alone().await;
    for scripts in [Scripts::Run, Scripts::Off] {
        let place = Place::new();
        let server = place.serve(&[]);
        let staff = signed_in(&server, Look::Desktop, scripts).await;
        open_sample(&staff, "sample-expired").await;
        assert!(staff.0.find(Locator::Css("form[action$='/links']")).await.is_err(), "L1: resume first");
        press(&staff, "resume").await;
        staff.until(".notice", "resumed").await;
        let inquiry = staff.address().await.split('?').next().unwrap().to_owned();

        let link = create_link(&staff).await;
        let code = link.split_once("code=").unwrap().1;
        assert!(!staff.address().await.contains(code));
        assert!(staff.0.find(Locator::Css(".qr svg")).await.is_ok());
        let copy = staff.0.find(Locator::Css("[data-copy]")).await.unwrap();
        assert_eq!(copy.is_displayed().await.unwrap(), scripts == Scripts::Run, "a button that does nothing");

        // A reload sends the form again, and the link is none the worse.
        staff.0.refresh().await.unwrap();
        staff.until("h1", "The same link again").await;
        let field = staff.0.find(Locator::Css("#link")).await.unwrap();
        assert_eq!(field.attr("value").await.unwrap().unwrap(), link);

        let person = Browser::open(Look::Desktop, scripts).await;
        person.goto(&link).await;
        assert_eq!(person.text("h1").await, "Continue your verification");
        person.press().await;
        person.until("h1", "Welcome back").await;
        assert!(person.text("main").await.contains("sample-expired"));
        assert_eq!(person.address().await, format!("{}/inquiry", server.url));

        let other = Browser::open(Look::Desktop, scripts).await;
        other.goto(&link).await;
        assert_eq!(other.text("h1").await, "This link does not work");
        other.close().await;
        assert!(diagnose(&staff, &server, &link).await.contains("It was used on"));
        assert!(!staff.0.source().await.unwrap().contains(code), "it is not shown again");

        person.press().await;
        person.until("h1", "You are done").await;
        person.close().await;
        staff.goto(&inquiry).await;
        staff.until(".head .state", "Completed").await;
        staff.until(".timeline", "The person opened the link").await;
        staff.close().await;
    }
}

/// L6: a link was used by somebody else: everything is revoked, whoever was in is out, and the next link is good.
#[tokio::test]
async fn revoking_everything_puts_a_thief_out() {
    let _turn = alone().await;
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = signed_in(&server, Look::Desktop, Scripts::Run).await;
    open_sample(&staff, "sample-under-way").await;
    let stolen = create_link(&staff).await;
    let thief = Browser::open(Look::Desktop, Scripts::Run).await;
    thief.goto(&stolen).await;
    thief.press().await;
    thief.until("h1", "Welcome back").await;

    follow(&staff, "Back to the inquiry").await;
    staff.until("h1", "sample-under-way").await;
    staff.click("button.danger").await;
    staff.until(".notice", "Everything was revoked").await;
    thief.0.refresh().await.unwrap();
    thief.until("h1", "Please open your link").await;

    let next = create_link(&staff).await;
    thief.goto(&next).await;
    assert_eq!(thief.text("h1").await, "Continue your verification");
    thief.close().await;
    staff.close().await;
}
