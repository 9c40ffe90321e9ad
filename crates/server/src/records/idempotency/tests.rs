//! Keys over the API, since nobody else can make one, on the real file.

#![allow(clippy::arithmetic_side_effects, reason = "a test stops at what surprises it")]

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use inquiry_otl::InquiryQuery;
use inquiry_otl_axum::api::{Api, Tokens};
use serde_json::Value;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::stage::Stage;

fn api(stage: &Stage) -> Router {
    let tokens = Tokens::new(["YH3Oj2m5VJ8qC4mB7yq1cw"]).unwrap();
    Api::new(stage.app.links.clone(), tokens).idempotency(stage.app.records.clone()).into_router()
}

/// Creates an inquiry under a key, and gives the status and the inquiry's id.
async fn create(api: &Router, key: &str) -> (StatusCode, Option<String>) {
    let request = Request::post("/api/v1/inquiries")
        .header("authorization", "Bearer YH3Oj2m5VJ8qC4mB7yq1cw")
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(r#"{"data":{"attributes":{"inquiry-template-id":"itmpl_identity"}}}"#))
        .unwrap();
    let answer = api.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    (status, body["data"]["id"].as_str().map(str::to_owned))
}

async fn inquiries(stage: &Stage) -> usize {
    stage.app.links.inquiries(InquiryQuery::newest(100)).await.unwrap().items.len()
}

/// Of many requests at once under one key one is carried out; the others are told its answer, or to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_is_carried_out() {
    let stage = Stage::new().await;
    let api = api(&stage);
    for round in 1..=20 {
        let mut racing = JoinSet::new();
        for _ in 0..16 {
            let api = api.clone();
            racing.spawn(async move { create(&api, &format!("key {round}")).await });
        }
        let mut made: Vec<_> = Vec::new();
        for (status, id) in racing.join_all().await {
            match status {
                StatusCode::CREATED => made.extend(id),
                status => assert_eq!(status, StatusCode::CONFLICT),
            }
        }
        made.dedup();
        assert_eq!(made.len(), 1);
        assert_eq!(inquiries(&stage).await, round);
    }
}

/// A repeat after a restart is told what was made; a day after, the key is free.
#[tokio::test]
async fn a_key_outlives_a_restart_and_lapses_after_a_day() {
    let stage = Stage::new().await;
    let (status, first) = create(&api(&stage), "key").await;
    assert_eq!(status, StatusCode::CREATED);

    let stage = stage.again().await;
    stage.advance(86_399);
    assert_eq!(create(&api(&stage), "key").await.1, first);
    stage.advance(1);
    assert_ne!(create(&api(&stage), "key").await.1, first);
    assert_eq!(inquiries(&stage).await, 2);
}

/// A request whose process ended before it noted what it made is not carried out again: nobody knows, for as long as its key is
/// kept.
#[tokio::test]
async fn what_a_process_did_not_note_is_not_repeated() {
    let stage = Stage::new().await;
    create(&api(&stage), "key").await;
    // As if the process had ended behind the store's commit.
    stage.app.records.write(|to| to.execute("UPDATE idempotency SET made = NULL", [])).await.unwrap();

    let stage = stage.again().await;
    for wait in [119, 1, 86_279] {
        stage.advance(wait);
        assert_eq!(create(&api(&stage), "key").await.0, StatusCode::CONFLICT);
        assert_eq!(inquiries(&stage).await, 1);
    }
    stage.advance(1);
    assert_eq!(create(&api(&stage), "key").await.0, StatusCode::CREATED);
}

/// When there is no room another key is refused, and one that is known is not; what lapses makes room.
#[tokio::test]
async fn there_is_room_for_so_many_keys() {
    let stage = Stage::new().await;
    let api = api(&stage);
    let (_, first) = create(&api, "key").await;
    let count = |change: i64| {
        stage.app.records.write(move |to| {
            to.execute("UPDATE idempotency_count SET count = count + ?1", [change])?;
            to.query_row("SELECT count FROM idempotency_count", [], |row| row.get::<_, i64>(0))
        })
    };
    // As if the others were there.
    assert_eq!(count(super::MOST - 1).await.unwrap(), super::MOST);
    assert_eq!(create(&api, "another").await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(create(&api, "key").await.1, first);
    stage.advance(86_400);
    assert_eq!(create(&api, "another").await.0, StatusCode::CREATED);
    assert_eq!(count(1 - super::MOST).await.unwrap(), 1);
}
