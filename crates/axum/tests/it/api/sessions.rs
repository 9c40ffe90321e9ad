//! Sessions: create, retrieve, expire, hand off.

use axum::http::StatusCode;
use inquiry_otl::{Attempt, Interval, Peek, Redemption};
use serde_json::{Value, json};

use super::world::World;

async fn session(world: &World, inquiry: &str) -> String {
    let body = json!({"data": {"attributes": {"inquiry-id": inquiry}}});
    let answer = world.post("/inquiry-sessions", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    assert_eq!(answer.attribute("status"), "active");
    assert_eq!(answer.body["data"]["relationships"]["inquiry"]["data"]["id"], inquiry);
    answer.id().to_owned()
}

/// D7: a session is started for an open inquiry, told by its name, and expired by it.
#[tokio::test]
async fn a_session_is_started_told_and_expired() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    let name = session(&world, inquiry.as_str()).await;
    assert!(name.starts_with("iqse_"));
    let path = format!("/inquiry-sessions/{name}");
    let told = world.get(&format!("{path}?include=inquiry")).await;
    assert_eq!((told.id(), told.attribute("status")), (name.as_str(), &json!("active")));
    assert_eq!(told.body["included"][0]["id"], inquiry.as_str());

    // Doing it again does no harm.
    for _ in 0..2 {
        let expired = world.post(&format!("{path}/expire"), Value::Null).await;
        assert_eq!((expired.status, expired.attribute("status")), (StatusCode::OK, &json!("expired")));
        assert!(expired.attribute("expired-at").is_string());
    }
    world.post(&format!("/inquiries/{inquiry}/expire"), Value::Null).await;
    let body = json!({"data": {"attributes": {"inquiry-id": inquiry.as_str()}}});
    world.post("/inquiry-sessions", body).await.is_error(409, "Conflict");
}

/// S6: names that are none, or of another inquiry's session, name nothing.
#[tokio::test]
async fn a_name_that_is_none_names_nothing() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    let name = session(&world, inquiry.as_str()).await;
    let other = world.inquiry().await;
    let (id, _) = name.split_once('-').unwrap();
    let mixed = format!("{id}-{}", other.as_str().strip_prefix("inq_").unwrap());
    for wrong in ["iqse_1", id, &mixed, &format!("{id}-"), "%FF", "inq_1"] {
        world.get(&format!("/inquiry-sessions/{wrong}")).await.is_error(404, "Record not found");
        for operation in ["expire", "generate-one-time-link"] {
            let path = format!("/inquiry-sessions/{wrong}/{operation}");
            world.post(&path, Value::Null).await.is_error(404, "Record not found");
        }
    }
    for wrong in ["no id", "inq_nobody"] {
        let body = json!({"data": {"attributes": {"inquiry-id": wrong}}});
        world.post("/inquiry-sessions", body).await.is_error(404, "Record not found");
    }
}

/// E6: one session too many is a conflict, and expires the inquiry.
#[tokio::test]
async fn one_session_too_many_is_a_conflict() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    for _ in 0..25 {
        session(&world, inquiry.as_str()).await;
    }
    let body = json!({"data": {"attributes": {"inquiry-id": inquiry.as_str()}}});
    let answer = world.post("/inquiry-sessions", body).await;
    answer.is_error(409, "Conflict");
    assert_eq!(answer.details(), "the inquiry started 25 sessions, which is all it may");
    assert_eq!(world.get(&format!("/inquiries/{inquiry}")).await.attribute("status"), "expired");
}

/// E5: a session's link hands it off to another device, and dies with it.
#[tokio::test]
async fn a_session_is_handed_off_by_a_link_that_dies_with_it() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    let path = format!("/inquiry-sessions/{}", session(&world, inquiry.as_str()).await);
    let linked = world.post(&format!("{path}/generate-one-time-link"), Value::Null).await;
    assert_eq!((linked.status, linked.attribute("status")), (StatusCode::OK, &json!("active")));
    assert_eq!(linked.headers["cache-control"], "no-store");
    let link = linked.meta("one-time-link").to_owned();
    assert!(matches!(world.service.peek(&link, &Attempt::new()).await.unwrap(), Peek::WouldGrant(_)));

    world.post(&format!("{path}/expire"), Value::Null).await;
    let refused = world.service.redeem(&link, &Attempt::new()).await.unwrap();
    assert!(matches!(refused, Redemption::Refused(_)));
    let again = world.post(&format!("{path}/generate-one-time-link"), Value::Null).await;
    again.is_error(409, "Conflict");
    assert_eq!(again.details(), "The session is not live");
}

/// L6: the sessions of some inquiries are expired at once, and their links stay.
#[tokio::test]
async fn sessions_of_some_inquiries_are_expired() {
    let world = World::new();
    let [one, two, other] = [world.inquiry().await, world.inquiry().await, world.inquiry().await];
    let names = [
        session(&world, one.as_str()).await,
        session(&world, one.as_str()).await,
        session(&world, two.as_str()).await,
    ];
    let kept = session(&world, other.as_str()).await;
    let link = world.post(&format!("/inquiries/{one}/generate-one-time-link"), Value::Null).await;

    let body = json!({"meta": {"inquiry-ids": [one.as_str(), two.as_str(), "inq_nobody", "no id"]}});
    let answer = world.post("/inquiry-sessions/expire-all", body.clone()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut expired = answer.ids();
    expired.sort_unstable();
    let mut expected: Vec<_> = names.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(expired, expected);
    assert!(answer.body["data"].as_array().unwrap().iter().all(|s| s["attributes"]["status"] == "expired"));
    assert_eq!(world.get(&format!("/inquiry-sessions/{kept}")).await.attribute("status"), "active");
    let peek = world.service.peek(link.meta("one-time-link"), &Attempt::new()).await.unwrap();
    assert!(matches!(peek, Peek::WouldGrant(_)));
    assert!(world.post("/inquiry-sessions/expire-all", body).await.ids().is_empty());

    let many = json!({"meta": {"inquiry-ids": vec!["inq_1"; 101]}});
    world.post("/inquiry-sessions/expire-all", many).await.is_error(422, "Unprocessable entity");
}

/// D7: the instant at which a session expired is told where it is known: its own revocation, or its own end.
#[tokio::test]
async fn a_session_tells_when_it_expired() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    let path = format!("/inquiry-sessions/{}", session(&world, inquiry.as_str()).await);
    assert_eq!(*world.get(&path).await.attribute("expired-at"), Value::Null);
    world.clock.advance(Interval::from_hours(24).unwrap());
    let told = world.get(&path).await;
    assert_eq!(told.attribute("status"), "expired");
    let deadline = world.service.inquiry(inquiry).await.unwrap().expires_at;
    assert_eq!(*told.attribute("expired-at"), deadline.to_string());
}
