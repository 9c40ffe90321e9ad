//! Mails: a real mail server takes them, refuses them, or is not there.

use std::net::TcpListener;

use inquiry_otl_testkit::tls::Certificates;
use reqwest::StatusCode;

use crate::{
    receivers::{Mail, MailServer},
    staff::Staff,
    support::{Place, Running, later},
};

const FROM: &str = "Support <support@example.com>";

fn serve(place: &Place, mails: &MailServer) -> Running {
    place.serve(&["--smtp", &mails.url, "--mail-from", FROM])
}

/// The path of the page of the only mail.
async fn page_of_mail(staff: &Staff) -> String {
    let list = staff.page("/dashboard/mails").await;
    let (_, rest) = list.split_once("href=\"/dashboard/mails/mail_").unwrap();
    format!("/dashboard/mails/mail_{}", rest.split('"').next().unwrap())
}

fn code(link: &str) -> &str {
    link.split_once("code=").unwrap().1
}

/// L3, L5: the mail brings the link that the page showed; it opens once; no log has it, and the address is deleted.
#[tokio::test]
async fn a_mail_brings_the_link() {
    let (place, mails) = (Place::new(), MailServer::start());
    let server = serve(&place, &mails);
    let staff = server.staff().await;
    let link = staff.mail_link(&server.inquiry().await, "jo.doe@example.org").await.unwrap();
    later("it arrives", async || !mails.mails().is_empty()).await;
    let [Mail { to, from, subject, message_id, text, html, date }] = &mails.mails()[..] else {
        panic!("there is one mail")
    };
    assert_eq!(
        (&to[..], &**from, &**subject),
        (&["jo.doe@example.org".to_owned()][..], FROM, "Your link to continue")
    );
    assert!(!date.is_empty());
    assert!(text.contains(&link), "{text}");
    assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
    // It loads nothing, from nowhere.
    for loads in ["src=", "url(", "@import", "<link", "<script", "<img", "<iframe"] {
        assert!(!html.contains(loads), "{html}");
    }

    let page = page_of_mail(&staff).await;
    let id = page.rsplit('/').next().unwrap();
    assert_eq!(message_id, &format!("<{id}@localhost>"));
    later("it is noted", async || staff.page(&page).await.contains("Sent")).await;
    let shown = staff.page(&page).await;
    assert!(shown.contains("The address was deleted") && !shown.contains("jo.doe"), "{shown}");
    assert!(!shown.contains(code(&link)));
    assert_eq!(server.redeem(&link).await.status(), StatusCode::SEE_OTHER);
    let log = server.log();
    assert!(!log.contains("jo.doe") && !log.contains(code(&link)), "{log}");
}

/// What the mail server refuses for good is not tried again, and says why without the address.
#[tokio::test]
async fn a_refusal_for_good_ends_a_mail() {
    let (place, mails) = (Place::new(), MailServer::start());
    let server = serve(&place, &mails);
    let staff = server.staff().await;
    staff.mail_link(&server.inquiry().await, "nobody@example.org").await.unwrap();
    let page = page_of_mail(&staff).await;
    later("it ends", async || staff.page(&page).await.contains("Failed")).await;
    let shown = staff.page(&page).await;
    assert!(shown.contains("the mail server does not take it: 550"), "{shown}");
    assert!(!shown.contains("nobody@") && !server.log().contains("nobody@"));
    assert!(server.log().contains("mail failed: the mail server does not take it: 550"));
    assert!(mails.mails().is_empty());
}

/// What the mail server refuses for now waits for its next attempt.
#[tokio::test]
async fn a_refusal_for_now_waits() {
    let (place, mails) = (Place::new(), MailServer::start());
    let server = serve(&place, &mails);
    let staff = server.staff().await;
    staff.mail_link(&server.inquiry().await, "busy@example.org").await.unwrap();
    let page = page_of_mail(&staff).await;
    later("it waits", async || staff.page(&page).await.contains("does not take it now: 451")).await;
    let shown = staff.page(&page).await;
    assert!(shown.contains("Next attempt") && shown.contains("busy@example.org"), "{shown}");
    assert!(!server.log().contains("busy@"));
}

/// A mail server that takes nothing from this server, or does not know its password, has not refused the mail: that may be set right.
#[tokio::test]
async fn who_is_not_let_in_tries_again() {
    let place = Place::new();
    let certificates = Certificates::make(place.folder.path());
    let (barring, knowing) = (MailServer::start_barred(), MailServer::start_with_tls(&certificates, true));
    let serve = |url: &str| {
        place.serve_by(|command| {
            let trusting = command.env("SSL_CERT_FILE", &certificates.authority);
            trusting.args(["--mail-from", FROM]).env("OTL_SMTP", url)
        })
    };
    let server = serve(&barring.url);
    let token = server.token.clone().unwrap();
    let staff = server.staff().await;
    staff.mail_link(&server.inquiry().await, "jo@example.org").await.unwrap();
    let page = page_of_mail(&staff).await;
    let waits = async |staff: &Staff, code| {
        let reason = format!("the mail server takes nothing from this server: {code}");
        later("it waits", async || staff.page(&page).await.contains(&reason)).await;
        let shown = staff.page(&page).await;
        assert!(shown.contains("Next attempt") && shown.contains("jo@example.org"), "{shown}");
    };
    waits(&staff, 550).await;
    assert!(server.stop().success());

    let server = serve(&knowing.url.replace("word", "guess"));
    waits(&server.sign_in(&token).await, 535).await;
    assert!(!server.log().contains("pass"), "{}", server.log());
    assert!(server.stop().success());

    let _server = serve(&knowing.url);
    later("it arrives", async || !knowing.to("jo@example.org").is_empty()).await;
}

/// A mail server that takes the connection and says nothing is waited for, but not for ever.
#[tokio::test]
async fn a_mail_server_that_says_nothing_holds_up_no_mail() {
    let (place, silent) = (Place::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let server = place.serve(&["--smtp", &url, "--mail-from", FROM]);
    let staff = server.staff().await;
    staff.mail_link(&server.inquiry().await, "jo@example.org").await.unwrap();
    let page = page_of_mail(&staff).await;
    later("it is tried later", async || staff.page(&page).await.contains("or did not answer")).await;
}

/// What was written where there was no mail server was handed over by whoever read it: it is not sent by a later one.
#[tokio::test]
async fn a_mail_that_was_there_to_be_read_is_not_sent_later() {
    let (place, mails) = (Place::new(), MailServer::start());
    let server = place.serve(&[]);
    let (token, staff) = (server.token.clone().unwrap(), server.staff().await);
    let (inquiry, other) = (server.inquiry().await, server.inquiry().await);
    staff.mail_link(&inquiry, "jo@example.org").await.unwrap();
    let page = page_of_mail(&staff).await;
    assert!(server.stop().success());

    let server = serve(&place, &mails);
    let staff = server.sign_in(&token).await;
    let shown = staff.page(&page).await;
    assert!(shown.contains("Dropped") && shown.contains("there was no mail server"), "{shown}");
    assert!(!shown.contains("jo@example.org"), "{shown}");
    // What is written from now on is sent.
    staff.mail_link(&other, "al@example.org").await.unwrap();
    later("it arrives", async || !mails.to("al@example.org").is_empty()).await;
    assert_eq!(mails.mails().len(), 1);
}

/// Over TLS, from the first byte on with a password, or after `STARTTLS`, by an authority that the system trusts.
#[tokio::test]
async fn a_mail_goes_over_tls() {
    for is_implicit in [true, false] {
        let place = Place::new();
        let certificates = Certificates::make(place.folder.path());
        let mails = MailServer::start_with_tls(&certificates, is_implicit);
        let server = place.serve_by(|command| {
            let trusting = command.env("SSL_CERT_FILE", &certificates.authority);
            trusting.args(["--mail-from", FROM]).env("OTL_SMTP", &mails.url)
        });
        let link = server.staff().await.mail_link(&server.inquiry().await, "jo@example.org").await.unwrap();
        later("it arrives", async || !mails.to("jo@example.org").is_empty()).await;
        assert!(mails.to("jo@example.org")[0].text.contains(&link));
        assert!(!server.log().contains("pass"), "{}", server.log());
    }
}

/// A mail server whose certificate is by an authority that nobody knows gets no link, and no password.
#[tokio::test]
async fn a_mail_server_that_is_not_verified_gets_nothing() {
    for is_implicit in [true, false] {
        let place = Place::new();
        let certificates = Certificates::make(place.folder.path());
        let mails = MailServer::start_with_tls(&certificates, is_implicit);
        let server =
            place.serve_by(|command| command.args(["--mail-from", FROM]).env("OTL_SMTP", &mails.url));
        let staff = server.staff().await;
        staff.mail_link(&server.inquiry().await, "jo@example.org").await.unwrap();
        let page = page_of_mail(&staff).await;
        later("it failed once", async || {
            staff.page(&page).await.contains("there is no encrypted connection to the mail server")
        })
        .await;
        assert!(mails.mails().is_empty());
    }
}

/// Where TLS is required and the mail server has none, no link is sent.
#[tokio::test]
async fn without_the_tls_that_is_required_nothing_is_sent() {
    let (place, mails) = (Place::new(), MailServer::start());
    let server = place.serve(&["--smtp", &format!("{}?tls=required", mails.url), "--mail-from", FROM]);
    let staff = server.staff().await;
    staff.mail_link(&server.inquiry().await, "jo@example.org").await.unwrap();
    let page = page_of_mail(&staff).await;
    later("it waits", async || staff.page(&page).await.contains("the mail server lacks what is needed: TLS"))
        .await;
    assert!(staff.page(&page).await.contains("Next attempt"));
    assert!(mails.mails().is_empty());
}

/// L3: without a mail server a mail is written when it is looked at, as long as its link is unused.
#[tokio::test]
async fn without_a_mail_server_a_mail_can_be_read() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let link = staff.mail_link(&server.inquiry().await, "jo@example.org").await.unwrap();
    let page = page_of_mail(&staff).await;
    assert!(staff.page(&page).await.contains(code(&link)));
    assert_eq!(server.redeem(&link).await.status(), StatusCode::SEE_OTHER);
    let shown = staff.page(&page).await;
    assert!(!shown.contains(code(&link)) && shown.contains("not to be used any more"), "{shown}");
}

/// A wrong address sends nothing, and a wrong setting is named without its password.
#[tokio::test]
async fn what_is_wrong_is_named() {
    let place = Place::new();
    for (setting, arguments) in [
        (
            "`mail-from`",
            ["--smtp", "smtps://jo:hunter2@mail.example.com", "--url", "http://localhost"].as_slice(),
        ),
        ("`mail-from`", &["--smtp", "smtps://jo:hunter2@mail.example.com", "--mail-from", "nobody"]),
        ("`smtp`", &["--smtp", "smtp://jo:hunter2@mail.example.com", "--mail-from", FROM]),
        ("`smtp`", &["--smtp", "smtp://jo:hunter2@mail.example.com?tls=opportunistic", "--mail-from", FROM]),
    ] {
        let said = place.refused(arguments);
        assert!(said.contains(setting) && !said.contains("hunter2"), "{said}");
    }
    let server = place.serve(&[]);
    let staff = server.staff().await;
    for wrong in ["jo", "jo@example.org, al@example.org", "jo@example.org\r\nBcc: al@example.org"] {
        let refused = staff.mail_link(&server.inquiry().await, wrong).await.unwrap_err();
        assert_eq!(refused.status(), Some(StatusCode::UNPROCESSABLE_ENTITY), "{wrong:?}");
    }
    assert!(staff.page("/dashboard/mails").await.contains("There are none yet"));
}
