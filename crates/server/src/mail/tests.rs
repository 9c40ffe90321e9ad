//! Mails by state: the clock moves when told, and nothing is waited for.

#![allow(clippy::arithmetic_side_effects, reason = "a test stops at what surprises it")]

use inquiry_otl::{Attempt, ExpirationPolicy, LinkId, NewInquiry, Redemption, Revocation, TemplateId};
use serde_json::json;

use super::*;
use crate::stage::Stage;

const ADDRESS: &str = "jo.doe@example.org";

/// With a mail server at an address where nobody listens.
async fn with_smtp() -> Stage {
    Stage::with(json!({"smtp": "smtp://127.0.0.1:9", "mail-from": "Support <support@example.com>"})).await
}

fn asked(older: Older) -> Asked {
    Asked { handoff_of: None, expires_in: None, older, creator: None }
}

async fn mail_to(stage: &Stage, inquiry: InquiryId, older: Older) -> (String, IssuedLink) {
    // By id the newest is the first.
    stage.advance(1);
    let link = enqueue(&stage.app, inquiry, asked(older), ADDRESS.parse().unwrap()).await.unwrap();
    (mails(stage).await.remove(0).id, link)
}

/// The mails, newest first.
async fn mails(stage: &Stage) -> Vec<Mail> {
    stage.app.records.read(|of| mails::newest(of, None, 100)).await.unwrap()
}

async fn mail(stage: &Stage, id: &str) -> Mail {
    let id = id.to_owned();
    stage.app.records.read(move |of| mails::find(of, &id)).await.unwrap().unwrap()
}

/// A mail as a server leaves it that is killed before the link is issued.
async fn wanted(stage: &Stage, inquiry: InquiryId, older: Older) -> Mail {
    let now = stage.now();
    let mail = Mail {
        id: "mail_1".to_owned(),
        inquiry,
        link: None,
        address: Some(Recipient(ADDRESS.parse().unwrap())),
        asked: asked(older),
        created_at: now,
        attempts: 0,
        next_at: Some(schedule::later(now, ABANDONED)),
        ended_at: None,
        ending: None,
        reason: None,
    };
    let added = mail.clone();
    stage.app.records.write(move |to| mails::add(to, &added)).await.unwrap();
    mail
}

/// Every link of the inquiry, newest first, and whether it is good.
async fn links(stage: &Stage, inquiry: InquiryId) -> Vec<(LinkId, bool)> {
    let links = stage.app.links.links(inquiry, None, 10).await.unwrap();
    links.into_iter().map(|link| (link.id, link.refusal.is_none())).collect()
}

/// A mail server that is down is tried eight times in growing pauses; then the mail failed, and the address is gone.
#[tokio::test]
async fn a_mail_server_that_is_down_is_tried_eight_times() {
    let stage = with_smtp().await;
    // An inquiry and a link that live longer than the mail is tried.
    let days = Interval::from_days(10).unwrap();
    let policy = ExpirationPolicy::default().with_after_create(days).with_after_resume(days);
    let request = NewInquiry::from_template(TemplateId::new("itmpl_identity").unwrap()).with_policy(policy);
    let inquiry = stage.app.links.create(request).await.unwrap().id;
    let (id, _) = mail_to(&stage, inquiry, Older::Supersede).await;
    let mut pauses = Vec::new();
    for attempt in 1..=7 {
        assert_eq!(batch(&stage.app).await.unwrap(), 1);
        let mail = mail(&stage, &id).await;
        assert_eq!((mail.attempts, mail.ending, mail.address.is_some()), (attempt, None, true));
        let pause = mail.next_at.unwrap().since(stage.now()).as_secs();
        pauses.push(pause);
        stage.advance(i64::try_from(pause).unwrap() - 1);
        assert_eq!(batch(&stage.app).await.unwrap(), 0);
        stage.advance(1);
    }
    assert_eq!(pauses, [5, 30, 120, 600, 3_600, 21_600, 86_400]);
    assert_eq!(batch(&stage.app).await.unwrap(), 1);
    let mail = mail(&stage, &id).await;
    assert_eq!((mail.ending, mail.next_at, mail.address.is_some()), (Some(Ending::Failed), None, false));
    assert_eq!(mail.reason.as_deref(), Some("the mail server cannot be reached, or did not answer"));
}

/// L4, L5, L6: a link that is no good by the time of sending is not sent, and the address is deleted.
#[tokio::test]
async fn a_dead_link_is_not_sent() {
    for (why, reason) in [
        ("used", "the link was used"),
        ("revoked", "revoked"),
        ("superseded", "superseded"),
        ("expired", "expired"),
        ("closed", "completed"),
        ("redacted", "redacted"),
    ] {
        let stage = with_smtp().await;
        let inquiry = stage.inquiry().await.id;
        let (id, link) = mail_to(&stage, inquiry, Older::Supersede).await;
        let links = &stage.app.links;
        match why {
            "used" => {
                let redeemed = links.redeem(link.url.expose(), &Attempt::new()).await.unwrap();
                assert!(matches!(redeemed, Redemption::Granted(_)));
            }
            "revoked" => assert!(links.revoke(inquiry, Revocation::Link(link.id)).await.unwrap()),
            "superseded" => drop(links.issue(asked(Older::Supersede).request(inquiry)).await.unwrap()),
            "expired" => stage.advance(86_400),
            "closed" => {
                links.start(inquiry).await.unwrap();
                links.complete(inquiry).await.unwrap();
            }
            _ => drop(links.redact(inquiry).await.unwrap()),
        }
        assert_eq!(batch(&stage.app).await.unwrap(), 1, "{why}");
        let mail = mail(&stage, &id).await;
        assert_eq!((mail.ending, mail.address.is_some()), (Some(Ending::Dropped), false), "{why}");
        let said = mail.reason.unwrap();
        assert!(said.contains(reason), "{why}: {said}");
    }
}

/// I4: a redaction deletes the address with the event, before anything else is tried.
#[tokio::test]
async fn a_redaction_deletes_the_address() {
    let stage = with_smtp().await;
    let (inquiry, other) = (stage.inquiry().await.id, stage.inquiry().await.id);
    let (id, _) = mail_to(&stage, inquiry, Older::Supersede).await;
    let (kept, _) = mail_to(&stage, other, Older::Supersede).await;
    stage.app.links.redact(inquiry).await.unwrap();
    stage.pump().await;
    let redacted = mail(&stage, &id).await;
    assert_eq!((redacted.ending, redacted.address.is_some()), (Some(Ending::Dropped), false));
    assert_eq!(redacted.reason.as_deref(), Some("the inquiry was redacted"));
    assert!(mail(&stage, &kept).await.address.is_some());
}

/// L1: what cannot be linked to is not mailed later either.
#[tokio::test]
async fn a_mail_without_a_link_is_dropped_at_once() {
    let stage = with_smtp().await;
    let inquiry = stage.inquiry().await.id;
    stage.app.links.redact(inquiry).await.unwrap();
    let refused = enqueue(&stage.app, inquiry, asked(Older::Supersede), ADDRESS.parse().unwrap()).await;
    assert!(matches!(refused, Err(EnqueueError::Issue(IssueError::NotOpen(_)))));
    let mail = mails(&stage).await.remove(0);
    assert_eq!((mail.ending, mail.address.is_some()), (Some(Ending::Dropped), false));
}

/// L5: a mail that a killed server left without a link gets one after its restart, as it was asked for.
#[tokio::test]
async fn a_mail_that_was_left_without_a_link_gets_one() {
    for (older, is_same, old_is_good) in
        [(Older::Supersede, false, false), (Older::Keep, false, true), (Older::ReturnSame, true, true)]
    {
        let stage = with_smtp().await;
        let inquiry = stage.inquiry().await.id;
        let old = stage.app.links.issue(asked(Older::Keep).request(inquiry)).await.unwrap();
        wanted(&stage, inquiry, older).await;

        let stage = stage.again().await;
        // Whoever asked may still be waiting for the link.
        assert_eq!(batch(&stage.app).await.unwrap(), 0);
        stage.advance(ABANDONED);
        assert_eq!(batch(&stage.app).await.unwrap(), 1);
        let mail = mail(&stage, "mail_1").await;
        assert_eq!(mail.link == Some(old.id), is_same, "{older:?}");
        let all = links(&stage, inquiry).await;
        assert!(all.contains(&(old.id, old_is_good)), "{older:?}: {all:?}");
        assert!(all.contains(&(mail.link.unwrap(), true)), "{older:?}: {all:?}");
    }
}

/// Of two that give a mail its link one does, and both tell that one.
#[tokio::test]
async fn a_mail_has_one_link() {
    let stage = with_smtp().await;
    let inquiry = stage.inquiry().await.id;
    wanted(&stage, inquiry, Older::Keep).await;
    let first = stage.app.links.issue(asked(Older::Keep).request(inquiry)).await.unwrap();
    let second = stage.app.links.issue(asked(Older::Keep).request(inquiry)).await.unwrap();
    let first = keep(&stage.app, "mail_1", first).await.unwrap();
    let told = keep(&stage.app, "mail_1", second).await.unwrap();
    assert_eq!((told.id, told.url.expose()), (first.id, first.url.expose()));
    assert_eq!(mail(&stage, "mail_1").await.link, Some(first.id));
}

/// L3: without a mail server a mail can be read as long as its link is unused; then its address is deleted.
#[tokio::test]
async fn without_a_mail_server_a_mail_can_be_read_while_its_link_is_unused() {
    let stage = Stage::new().await;
    let inquiry = stage.inquiry().await.id;
    let (id, link) = mail_to(&stage, inquiry, Older::Supersede).await;
    assert_eq!(batch(&stage.app).await.unwrap(), 1);
    let waiting = mail(&stage, &id).await;
    assert_eq!((waiting.ending, waiting.attempts), (None, 0));
    let letter = preview(&stage.app, &waiting).await.unwrap();
    assert!(letter.text().unwrap().contains(link.url.expose()));
    assert!(letter.html().unwrap().contains(link.url.expose()));

    drop(stage.app.links.redeem(link.url.expose(), &Attempt::new()).await.unwrap());
    assert!(preview(&stage.app, &waiting).await.is_none());
    stage.advance(UNSENT);
    assert_eq!(batch(&stage.app).await.unwrap(), 1);
    let over = mail(&stage, &id).await;
    assert_eq!((over.ending, over.address.is_some()), (Some(Ending::Dropped), false));
}

/// L3: neither the code nor, once it is over, the address is in any file; what is there is found.
#[tokio::test]
async fn an_address_leaves_the_files_with_its_mail() {
    let stage = Stage::new().await;
    let inquiry = stage.inquiry().await.id;
    let (_, link) = mail_to(&stage, inquiry, Older::Supersede).await;
    let has = |stage: &Stage, text: &str| {
        stage.files().windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    };
    assert!(has(&stage, ADDRESS));
    stage.app.links.revoke(inquiry, Revocation::Everything).await.unwrap();
    batch(&stage.app).await.unwrap();
    crate::housekeeping::round(&stage.app).await.unwrap();
    assert!(!has(&stage, ADDRESS), "the address is still in a file");
    let code = link.url.expose().split_once("code=").unwrap().1;
    assert!(!has(&stage, code));
}

/// Links travel encrypted, or stay on this machine; what is wrong is said without the password.
#[test]
fn a_mail_server_is_spoken_to_encrypted_or_is_here() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let from = || "support@example.com".parse().unwrap();
    for good in [
        "smtps://jo:hunter2@mail.example.com",
        "smtp://mail.example.com:587?tls=required",
        "smtp://127.0.0.1:2525",
        "smtp://localhost",
    ] {
        assert!(Smtp::new(good, from()).is_ok(), "{good}");
    }
    for (bad, wrong) in [
        ("smtp://jo:hunter2@mail.example.com", "without TLS"),
        ("smtp://jo:hunter2@mail.example.com?tls=no", "without TLS"),
        ("smtp://jo:hunter2@mail.example.com?tls=opportunistic", "without TLS"),
        ("smtp://jo:hunter2@mail.example.com?tls=opportunistic&tls=required", "without TLS"),
        ("pop3://jo:hunter2@localhost", "it is smtps://"),
        ("jo:hunter2@mail.example.com", "smtp"),
    ] {
        let said = Smtp::new(bad, from()).err().unwrap().to_string();
        assert!(said.contains(wrong) && !said.contains("hunter2"), "{bad}: {said}");
    }
}
