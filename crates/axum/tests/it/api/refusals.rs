//! Requests that are no good: an error of the contract's form, which repeats nothing of them.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};

use super::world::{Call, TOKEN, World};
use crate::traced::{trace, traced};

/// What must not come back.
const SECRET: &str = "0JY7NTT17M4SKPG1YCQKT42K6VP2ZCMCR39";

fn raw(path: &str, kind: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header(header::CONTENT_TYPE, kind)
        .body(body.into())
        .unwrap()
}

/// C4: whatever is wrong with a body, its answer says what, and does not repeat it.
#[tokio::test]
async fn an_error_repeats_nothing() {
    let world = World::new();
    let json = "application/json";
    for (body, status, details) in [
        (format!("{{\"{SECRET}"), 400, "The body is not JSON"),
        (format!("[\"{SECRET}\"]"), 400, "The body must be an object"),
        (format!("\"{SECRET}\""), 400, "The body must be an object"),
        ("[".repeat(10_000), 400, "The body is not JSON"),
        (String::new(), 400, "data is missing"),
        ("null".into(), 400, "The body must be an object"),
        ("{}".into(), 400, "data is missing"),
        (format!("{{\"{SECRET}\":1}}"), 400, "The body has a member that is not known"),
        (format!("{{\"data\":\"{SECRET}\"}}"), 400, "data must be an object"),
        ("{\"data\":null}".into(), 400, "data must be an object"),
        (format!("{{\"data\":{{\"{SECRET}\":1}}}}"), 400, "data has a member that is not known"),
        ("{\"data\":{}}".into(), 400, "data.attributes is missing"),
        (
            format!("{{\"data\":{{\"attributes\":{{\"note\":[\"{SECRET}\"]}}}}}}"),
            400,
            "data.attributes.note must be a string or null",
        ),
        (
            format!("{{\"data\":{{\"attributes\":{{\"tags\":\"{SECRET}\"}}}}}}"),
            400,
            "data.attributes.tags must be an array of strings",
        ),
        (
            format!("{{\"data\":{{\"attributes\":{{\"fields\":{{\"birthdate\":\"{SECRET}\"}}}}}}}}"),
            400,
            "data.attributes.fields.birthdate must be a date as in 1995-09-08",
        ),
        (
            format!("{{\"data\":{{\"attributes\":{{}}}},\"meta\":{{\"{SECRET}\":1}}}}"),
            400,
            "meta has a member that is not known",
        ),
        (
            "{\"data\":{\"attributes\":{\"inquiry-template-id\":\"itmpl_1\"}},\
              \"meta\":{\"one-time-link-expiration-seconds\":1.5}}"
                .into(),
            400,
            "meta.one-time-link-expiration-seconds must be an integer or null",
        ),
        (
            "{\"data\":{\"attributes\":{\"reference-id\":null,\"referenceId\":null}}}".into(),
            400,
            "A member is given twice, in two cases",
        ),
        (
            format!(
                "{{\"data\":{{\"attributes\":{{\"inquiry-template-id\":\"itmpl_1\",\"reference-id\":\"{}\"}}}}}}",
                SECRET.repeat(8),
            ),
            422,
            "the text is longer than 255 bytes",
        ),
        (
            format!(
                "{{\"data\":{{\"attributes\":{{\"inquiry-template-id\":\"itmpl_1\"}}}},\"meta\":{{\
                 \"auto-create-account\":false,\"auto-create-account-reference-id\":\"{SECRET}\"}}}}",
            ),
            422,
            "An account that is not created has no reference",
        ),
    ] {
        let answer = world.send(raw("/inquiries", json, body)).await;
        assert_eq!((answer.status.as_u16(), answer.details()), (status, details));
        assert!(!answer.body.to_string().contains(SECRET));
    }
}

/// A body that is too large, or of another kind, is refused before it is looked at.
#[tokio::test]
async fn a_body_is_bounded_and_json() {
    let world = World::new();
    let large = format!("{{\"data\":\"{}\"}}", "x".repeat(70_000));
    world.send(raw("/inquiries", "application/json", large)).await.is_error(413, "Payload too large");
    let answer = world.send(raw("/inquiries", "text/plain", SECRET)).await;
    answer.is_error(415, "Unsupported media type");
    let body = json!({"data": {"attributes": {"inquiry-template-id": "itmpl_1"}}}).to_string();
    let answer = world.send(raw("/inquiries", "Application/JSON; charset=utf-8", body)).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

/// What there is not is not found, what cannot be done there is not allowed, and neither is told to a cache.
#[tokio::test]
async fn paths_and_methods_that_there_are_not_are_told_apart() {
    let world = World::new();
    for path in ["/", "/nowhere", "/inquiries/inq_1/explode", "/inquiry-sessions/iqse_1/a/b"] {
        world.get(path).await.is_error(404, "Not Found");
    }
    for (method, path, allowed) in [
        (Method::PATCH, "/inquiries/inq_1", "GET,HEAD,DELETE"),
        (Method::GET, "/inquiries/inq_1/resume", "POST"),
        (Method::TRACE, "/inquiry-sessions", "GET,HEAD,POST"),
    ] {
        let answer = world.call(Call::new(method, path)).await;
        answer.is_error(405, "Method not allowed");
        assert_eq!(answer.headers[header::ALLOW], allowed);
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    }
    for path in
        ["/inquiries/inq_nobody", "/inquiries/no%20id", "/inquiries/%FF", &format!("/inquiries/{SECRET}")]
    {
        let answer = world.get(path).await;
        answer.is_error(404, "Record not found");
        assert!(!answer.body.to_string().contains(SECRET));
    }
    for operation in ["expire", "resume", "generate-one-time-link", "approve", "decline"] {
        let path = format!("/inquiries/inq_nobody/{operation}");
        world.post(&path, Value::Null).await.is_error(404, "Record not found");
    }
}

/// Headers that the contract does not have the values of are refused.
#[tokio::test]
async fn headers_have_the_values_of_the_contract() {
    let world = World::new();
    let path = format!("/inquiries/{}", world.inquiry().await);
    for (name, value) in [("key-inflection", "shouting"), ("persona-version", "1999-12-31")] {
        let call = Call::new(Method::GET, &path).header(name, value);
        world.call(call).await.is_error(400, "Bad Request");
    }
    let call = Call::new(Method::GET, &path).header("persona-version", "2023-01-05");
    assert_eq!(world.call(call).await.status, StatusCode::OK);
}

/// C4: what is traced of calls has their ids, and no code, token, key or body.
#[tokio::test]
async fn spans_hold_ids_and_no_secret() {
    trace();
    let world = World::new();
    let id = world.inquiry().await;
    let path = format!("/inquiries/{id}");
    let key = "a key of the client's";
    let call = Call::new(Method::POST, &format!("{path}/generate-one-time-link")).key(key);
    let link = world.call(call).await;
    let resumed = world.post(&format!("{path}/resume"), Value::Null).await;
    world.get(&format!("/inquiries/{SECRET}?code={SECRET}")).await;
    world.post(&format!("{path}/approve"), json!({"meta": {"comment": SECRET}})).await;

    let text = traced();
    assert!(text.contains(id.as_str()) && text.contains("generate-one-time-link"), "{text}");
    let code = link.meta("one-time-link").split('=').nth(1).unwrap();
    let token = resumed.meta("session-token").split('.').nth(1).unwrap();
    for secret in [code, token, key, TOKEN, SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
}
