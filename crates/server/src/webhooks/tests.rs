//! Deliveries by state: the clock moves when told, and nothing is waited for.

#![allow(clippy::arithmetic_side_effects, reason = "a test stops at what surprises it")]

use inquiry_otl::Revocation;

use super::*;
use crate::stage::Stage;

/// An address at which nobody listens.
const NOBODY: &str = "http://127.0.0.1:9/";

/// One round of sending, as [`run`] does it.
async fn round(stage: &Stage) -> usize {
    let now = stage.now();
    let mut count = 0;
    for endpoint in stage.app.records.read(move |of| webhooks::due(of, now)).await.unwrap() {
        count += batch(&stage.app, &endpoint).await.unwrap();
    }
    count
}

async fn deliveries(stage: &Stage, endpoint: &str) -> Vec<Delivery> {
    let endpoint = endpoint.to_owned();
    stage.app.records.read(move |of| webhooks::deliveries(of, &endpoint, None, 100)).await.unwrap()
}

/// An endpoint that is down is tried eight times in growing pauses, and not between; then it is given up.
#[tokio::test]
async fn an_endpoint_that_is_down_is_tried_eight_times() {
    let stage = Stage::new().await;
    let endpoint = add(&stage.app, NOBODY, None).await.unwrap();
    stage.inquiry().await;
    stage.pump().await;
    let mut pauses = Vec::new();
    for attempt in 1.. {
        assert_eq!(round(&stage).await, 1);
        let [delivery] = &deliveries(&stage, &endpoint).await[..] else { panic!("there is one") };
        assert_eq!((delivery.attempts, delivery.status), (attempt, None));
        assert_eq!(delivery.fault.as_deref(), Some("it cannot be reached"));
        let Some(next) = delivery.next_at else { break };
        let pause = i64::try_from(next.since(stage.now()).as_secs()).unwrap();
        stage.advance(pause - 1);
        assert_eq!(round(&stage).await, 0);
        stage.advance(1);
        pauses.push(pause);
    }
    assert_eq!(pauses, [5, 30, 120, 600, 3_600, 21_600, 86_400]);
    stage.advance(86_400);
    assert_eq!(round(&stage).await, 0);

    // Somebody sends it again: once more, under the same id.
    let given_up = deliveries(&stage, &endpoint).await.remove(0);
    assert!(again(&stage.app, &endpoint, given_up.number).await.unwrap());
    assert!(!again(&stage.app, "whe_another", given_up.number).await.unwrap());
    assert_eq!(round(&stage).await, 1);
    let delivery = deliveries(&stage, &endpoint).await.remove(0);
    assert_eq!((delivery.attempts, delivery.next_at, delivery.message), (9, None, given_up.message));
}

/// V1: an event that the store gives away twice is sent once, to those who want it, and to nobody who is disabled.
#[tokio::test]
async fn an_event_goes_once_to_those_who_want_it() {
    let stage = Stage::new().await;
    let all = add(&stage.app, NOBODY, None).await.unwrap();
    let revoked = add(&stage.app, NOBODY, Some(vec!["one-time-link.revoked".to_owned()])).await.unwrap();
    let off = add(&stage.app, NOBODY, None).await.unwrap();
    let (id, now) = (off.clone(), stage.now());
    stage.app.records.write(move |to| webhooks::disable(to, &id, Some(now), None)).await.unwrap();

    let inquiry = stage.inquiry().await;
    stage.app.links.revoke(inquiry.id, Revocation::Everything).await.unwrap();
    assert_eq!(stage.pump().await, 2);
    let names = async |endpoint| -> Vec<String> {
        deliveries(&stage, endpoint).await.into_iter().map(|delivery| delivery.name).collect()
    };
    assert_eq!(names(&all).await, ["one-time-link.revoked", "inquiry.created"]);
    assert_eq!(names(&revoked).await, ["one-time-link.revoked"]);
    assert!(names(&off).await.is_empty());

    // The pump was killed before the store heard of it: the same events come again.
    let events = stage.app.records.read(move |of| crate::records::timeline::of(of, inquiry.id, None, 10));
    for event in events.await.unwrap() {
        stage.app.records.write(move |to| crate::pump::take(to, &event, now)).await.unwrap();
    }
    assert_eq!(names(&all).await.len(), 2);
}

/// An attempt is noted before it is made: one that nobody noted the end of is made again after its pause.
#[tokio::test]
async fn an_attempt_that_ended_with_the_server_is_made_again() {
    let stage = Stage::new().await;
    let endpoint = add(&stage.app, NOBODY, None).await.unwrap();
    test(&stage.app, &endpoint).await.unwrap();
    let (id, now) = (endpoint.clone(), stage.now());
    let taken = stage.app.records.write(move |to| webhooks::take(to, &id, now, 10)).await.unwrap();
    assert_eq!(taken.len(), 1);

    let stage = stage.again().await;
    assert_eq!(round(&stage).await, 0);
    stage.advance(5);
    assert_eq!(round(&stage).await, 1);
    let delivery = deliveries(&stage, &endpoint).await.remove(0);
    assert_eq!((delivery.attempts, &delivery.message), (2, &taken[0].message));
}

/// The answer of an endpoint that was removed meanwhile says nothing about what is sent to another one.
#[tokio::test]
async fn a_late_answer_is_about_no_other_delivery() {
    let stage = Stage::new().await;
    let removed = add(&stage.app, NOBODY, None).await.unwrap();
    test(&stage.app, &removed).await.unwrap();
    let (id, now) = (removed.clone(), stage.now());
    let late = stage.app.records.write(move |to| webhooks::take(to, &id, now, 10)).await.unwrap().remove(0);
    stage.app.records.write(move |to| webhooks::remove(to, &removed)).await.unwrap();
    let other = add(&stage.app, NOBODY, None).await.unwrap();
    test(&stage.app, &other).await.unwrap();
    let answered = Attempted::Delivered(204);
    stage.app.records.write(move |to| webhooks::attempted(to, &late, &answered, now)).await.unwrap();
    let delivery = deliveries(&stage, &other).await.remove(0);
    assert_eq!((delivery.next_at, delivery.delivered_at), (Some(now), None));
}

/// What is older than 30 days goes, whatever came of it; what is not, stays.
#[tokio::test]
async fn old_deliveries_are_removed() {
    let stage = Stage::new().await;
    let endpoint = add(&stage.app, NOBODY, None).await.unwrap();
    test(&stage.app, &endpoint).await.unwrap();
    stage.advance(30 * 86_400);
    test(&stage.app, &endpoint).await.unwrap();
    stage.advance(1);
    assert_eq!(crate::housekeeping::purge(&stage.app).await.unwrap(), 1);
    assert_eq!(deliveries(&stage, &endpoint).await.len(), 1);
    stage.advance(30 * 86_400);
    assert_eq!(crate::housekeeping::purge(&stage.app).await.unwrap(), 1);
    assert!(deliveries(&stage, &endpoint).await.is_empty());
}

/// Ids travel encrypted, or stay on this machine.
#[test]
fn an_address_is_https_or_here() {
    for good in
        ["https://example.com/hook?key=1", "http://localhost:1/", "http://127.0.0.1/x", "http://[::1]:8/"]
    {
        assert!(check_url(good).is_ok(), "{good}");
    }
    let long = format!("https://example.com/{}", "x".repeat(2_000));
    for (bad, wrong) in [
        ("http://example.com/", "https://"),
        ("http://localhost.example.com/", "https://"),
        ("http://127.0.0.1.example.com/", "https://"),
        ("ftp://example.com/", "https://"),
        ("https://jo:hunter2@example.com/", "password"),
        ("example.com", "not an address"),
        ("mailto:jo@example.com", "not an address"),
        ("", "not an address"),
        (&long, "not an address"),
    ] {
        let said = check_url(bad).unwrap_err().to_string();
        assert!(said.contains(wrong) && !said.contains("hunter2"), "{bad}: {said}");
    }
}

/// A name that no event has is refused, and so is one endpoint more than there may be.
#[tokio::test]
async fn what_no_event_has_and_one_too_many_are_refused() {
    let stage = Stage::new().await;
    let refused = add(&stage.app, NOBODY, Some(vec!["inquiry.opened".to_owned()])).await;
    assert!(matches!(refused, Err(EndpointError::Name)));
    for _ in 0..MOST {
        add(&stage.app, NOBODY, None).await.unwrap();
    }
    assert!(matches!(add(&stage.app, NOBODY, None).await, Err(EndpointError::TooMany)));
}
