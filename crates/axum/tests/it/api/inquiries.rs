//! Create, retrieve, expire, resume, link, decide, redact.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use inquiry_otl::{Attempt, ExpirationPolicy, Interval, Peek, Redemption, Status};
use inquiry_otl_axum::api::authenticate;
use serde_json::{Value, json};

use super::world::{Call, World};

fn seconds(n: i64) -> Interval {
    Interval::from_seconds(n).unwrap()
}

/// I1, E1, E2, E3, E5, E10: an inquiry is made under the windows that its request names, and keeps them.
#[tokio::test]
async fn an_inquiry_has_the_windows_of_its_request() {
    let world = World::new();
    let answer = world
        .post(
            "/inquiries",
            json!({
                "data": {"attributes": {"inquiry-template-id": "itmpl_kyc", "reference-id": "user 7"}},
                "meta": {
                    "expiration-after-create-interval-seconds": 10,
                    "expiration-after-start-interval-seconds": 20.0,
                    "expiration-after-resume-interval-seconds": 30,
                    "one-time-link-expiration-seconds": 40,
                },
            }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.attribute("status"), "created");
    assert_eq!(answer.attribute("reference-id"), "user 7");
    assert_eq!(
        answer.body["data"]["relationships"]["inquiry-template"]["data"],
        json!({"type": "inquiry-template", "id": "itmpl_kyc"}),
    );
    let inquiry = world.service.inquiry(answer.id().parse().unwrap()).await.unwrap();
    let policy = ExpirationPolicy::default()
        .with_after_create(seconds(10))
        .with_after_start(seconds(20))
        .with_after_resume(seconds(30))
        .with_device_handoff_link(seconds(40));
    assert_eq!(inquiry.policy, policy);

    world.clock.advance(seconds(10));
    let path = format!("/inquiries/{}", inquiry.id);
    assert_eq!(world.get(&path).await.attribute("status"), "expired");
}

/// I1: bodies are read in every case, unknown attributes are passed over, and the account's reference is the person's.
#[tokio::test]
async fn a_body_is_read_in_every_case() {
    let world = World::new();
    for (template, meta) in [
        ("inquiry-template-id", "auto-create-account-reference-id"),
        ("inquiryTemplateId", "autoCreateAccountReferenceId"),
        ("inquiry_template_id", "auto_create_account_reference_id"),
    ] {
        let body = json!({
            "data": {"attributes": {
                template: "itmpl_kyc", "colour": "blue", "fields": {"nameFirst": "Jane"}, "tags": ["vip"],
                "note": null,
            }},
            "meta": {meta: "user 7"},
        });
        let answer = world.post("/inquiries", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        assert_eq!(answer.attribute("reference-id"), "user 7");
        // What is not kept is empty or null.
        for (name, nothing) in [("tags", json!([])), ("fields", json!({})), ("note", Value::Null)] {
            assert_eq!(*answer.attribute(name), nothing);
        }
        assert_eq!(*answer.attribute("name-first"), Value::Null);
    }
}

/// I1, E10: an application may say which templates there are, and the policy of each.
#[tokio::test]
async fn a_template_that_there_is_not_makes_no_inquiry() {
    let policy = ExpirationPolicy::default().with_after_create(seconds(5));
    let world = World::with(None, |api| {
        api.templates(move |template| (template.as_str() == "itmpl_kyc").then_some(policy))
    });
    let known = world.service.inquiry(world.inquiry().await).await.unwrap();
    assert_eq!(known.policy, policy);
    for (name, id) in [
        ("inquiry-template-id", "itmpl_other"),
        ("inquiry-template-id", "no id"),
        ("template-id", "tmpl_kyc"),
        ("inquiry-template-version-id", "itmplv_kyc"),
    ] {
        let answer = world.post("/inquiries", json!({"data": {"attributes": {name: id}}})).await;
        answer.is_error(404, "Record not found");
        assert_eq!(answer.details(), format!("data.attributes.{name} is not found"));
    }
    let answer = world.post("/inquiries", json!({"data": {"attributes": {}}})).await;
    answer.is_error(422, "Unprocessable entity");
    assert_eq!(answer.body["errors"][0]["source"]["pointer"], "/data/attributes/inquiry-template-id");
}

/// E8: a window that is none is refused, and its place is told.
#[tokio::test]
async fn a_window_that_is_none_is_refused() {
    let world = World::new();
    let name = "expiration-after-create-interval-seconds";
    for window in [json!(0), json!(-1), json!(4_294_967_296_u64), json!(1e300), json!(-1e300)] {
        let body = json!({
            "data": {"attributes": {"inquiry-template-id": "itmpl_kyc"}}, "meta": {name: window},
        });
        let answer = world.post("/inquiries", body).await;
        answer.is_error(422, "Unprocessable entity");
        assert_eq!(answer.body["errors"][0]["source"]["pointer"], format!("/meta/{name}"));
    }
}

/// D7: an inquiry is told with its sessions and its template; other answers include what they are asked for.
#[tokio::test]
async fn what_belongs_to_an_inquiry_is_included() {
    let world = World::new();
    let id = world.inquiry().await;
    world.service.start_session(id).await.unwrap();
    let path = format!("/inquiries/{id}");
    let types = |body: &Value| {
        let items = body["included"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let answer = world.get(&path).await;
    assert_eq!(types(&answer.body), ["inquiry-session", "inquiry-template"]);
    let name = &answer.body["data"]["relationships"]["sessions"]["data"][0]["id"];
    assert_eq!(*name, answer.body["included"][0]["id"]);

    assert_eq!(
        types(&world.get(&format!("{path}?include=inquiry-template")).await.body),
        ["inquiry-template"]
    );
    let resumed = world.post(&format!("{path}/resume?include=sessions"), Value::Null).await;
    assert_eq!(types(&resumed.body), ["inquiry-session", "inquiry-session"]);
    let resumed = world.post(&format!("{path}/resume"), Value::Null).await;
    assert_eq!(resumed.body.get("included"), None);
}

/// Answers have the attributes and the case that they are asked for.
#[tokio::test]
async fn answers_have_the_attributes_and_the_case_asked_for() {
    let world = World::new();
    let path = format!("/inquiries/{}", world.inquiry().await);
    let answer = world.get(&format!("{path}?fields=created_at,status&include=")).await;
    let names: Vec<_> = answer.body["data"]["attributes"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["created-at", "status"]);
    let answer = world.get(&format!("{path}?fields%5Binquiry%5D=status")).await;
    assert_eq!(answer.body["data"]["attributes"].as_object().unwrap().len(), 1);

    for (inflection, name) in [("kebab", "created-at"), ("camel", "createdAt"), ("snake", "created_at")] {
        let call = Call::new(Method::GET, &path).header("key-inflection", inflection);
        let answer = world.call(call).await;
        assert!(answer.attribute(name).is_string(), "{:?}", answer.body);
        assert_eq!(answer.attribute("status"), "created");
    }
}

/// R1, R2, D7: a resume brings an expired inquiry back, with a token that opens a session of it.
#[tokio::test]
async fn a_resume_gives_a_token_that_opens_a_session() {
    let world = World::new();
    let id = world.inquiry().await;
    let path = format!("/inquiries/{id}");
    let expired = world.post(&format!("{path}/expire"), Value::Null).await;
    assert_eq!((expired.status, expired.attribute("status")), (StatusCode::OK, &json!("expired")));
    assert!(expired.attribute("expired-at").is_string());

    let answer = world.post(&format!("{path}/resume"), Value::Null).await;
    assert_eq!((answer.status, answer.attribute("status")), (StatusCode::OK, &json!("pending")));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let token = answer.meta("session-token");
    let session = authenticate(&world.service, token).await.unwrap().unwrap();
    assert_eq!(session.inquiry, id);
    for wrong in ["", "iqse_1.x", &token.replace('.', "-"), &format!("{token}x")] {
        assert_eq!(authenticate(&world.service, wrong).await.unwrap(), None);
    }
    let other = world.post(&format!("{path}/resume"), Value::Null).await;
    let name = token.split('.').next().unwrap();
    let mixed = format!("{name}.{}", other.meta("session-token").split('.').nth(1).unwrap());
    assert_eq!(authenticate(&world.service, &mixed).await.unwrap(), None);
}

/// R1, I4: what cannot be resumed is a conflict that says so.
#[tokio::test]
async fn what_cannot_be_resumed_is_a_conflict() {
    let world = World::new();
    let id = world.inquiry().await;
    let path = format!("/inquiries/{id}");
    world.service.start(id).await.unwrap();
    world.service.complete(id).await.unwrap();
    let answer = world.post(&format!("{path}/resume"), Value::Null).await;
    answer.is_error(409, "Conflict");
    assert_eq!(answer.details(), "an inquiry that is completed cannot become pending");

    let redacted = world.call(Call::new(Method::DELETE, &path)).await;
    assert_eq!(redacted.status, StatusCode::OK);
    assert!(redacted.attribute("redacted-at").is_string());
    for call in [Call::new(Method::POST, &format!("{path}/resume")), Call::new(Method::DELETE, &path)] {
        let answer = world.call(call).await;
        answer.is_error(409, "Conflict");
        assert_eq!(answer.details(), "Inquiry already redacted");
    }
}

/// L1, L2, L5, C5: both forms of a link open the same; a second call gives the same link; its life is the one asked for.
#[tokio::test]
async fn a_link_is_told_in_both_forms_and_again() {
    let world = World::new();
    let id = world.inquiry().await;
    let path = format!("/inquiries/{id}/generate-one-time-link");
    let first = world.post(&path, json!({"meta": {"expires-in-seconds": 60}})).await;
    assert_eq!((first.status, first.id()), (StatusCode::OK, id.as_str()));
    assert_eq!(first.headers["cache-control"], "no-store");
    assert!(first.meta("one-time-link").starts_with("https://withpersona.com/verify?code="));
    assert!(first.meta("one-time-link-short").starts_with("https://perso.na/"));
    let second = world.post(&path, Value::Null).await;
    assert_eq!(second.body["meta"], first.body["meta"]);

    let opens = async |link: &str| {
        matches!(world.service.peek(link, &Attempt::new()).await.unwrap(), Peek::WouldGrant(_))
    };
    assert!(opens(first.meta("one-time-link")).await);
    assert!(opens(first.meta("one-time-link-short")).await);
    world.clock.advance(seconds(60));
    assert!(!opens(first.meta("one-time-link")).await);

    world.post(&format!("/inquiries/{id}/expire"), Value::Null).await;
    let answer = world.post(&path, Value::Null).await;
    answer.is_error(409, "Conflict");
    assert!(answer.details().ends_with("resume it first"));
    let answer = world.post(&path, json!({"meta": {"expires-in-seconds": 0}})).await;
    answer.is_error(422, "Unprocessable entity");
    let answer = world.post(&path, json!({"meta": {"expires-in-seconds": 2_147_483_648_u32}})).await;
    answer.is_error(400, "Bad Request");
}

/// L5: without a key, a second link supersedes the first.
#[tokio::test]
async fn without_a_key_a_second_link_supersedes_the_first() {
    let world = World::with(None, |api| api);
    let path = format!("/inquiries/{}/generate-one-time-link", world.inquiry().await);
    let [first, second] = [world.post(&path, Value::Null).await, world.post(&path, Value::Null).await];
    let redeem = async |link: &str| world.service.redeem(link, &Attempt::new()).await.unwrap();
    assert!(matches!(redeem(first.meta("one-time-link")).await, Redemption::Refused(_)));
    assert!(matches!(redeem(second.meta("one-time-link")).await, Redemption::Granted(_)));
}

/// I3: decisions, with or without a comment, from where the domain allows them.
#[tokio::test]
async fn an_inquiry_is_decided() {
    let world = World::new();
    let id = world.inquiry().await;
    let path = |decision| format!("/inquiries/{id}/{decision}");
    let early = world.post(&path("approve"), Value::Null).await;
    early.is_error(409, "Conflict");
    assert_eq!(early.details(), "an inquiry that is created cannot become approved");
    world.service.start(id).await.unwrap();
    world.service.complete(id).await.unwrap();
    let approved = world.post(&path("approve"), json!({"meta": {"comment": "fine"}})).await;
    assert_eq!((approved.status, approved.attribute("status")), (StatusCode::OK, &json!("approved")));
    let declined = world.post(&path("decline"), Value::Null).await;
    assert_eq!(declined.attribute("status"), "declined");
    assert!(declined.attribute("decisioned-at").is_string());
    assert_eq!(world.service.inquiry(id).await.unwrap().status, Status::Declined);
    world.post(&path("approve"), json!({"meta": {"comment": 1}})).await.is_error(400, "Bad Request");
}

/// V1: an answer tells when the inquiry last changed, as its clock had it.
#[tokio::test]
async fn an_answer_tells_of_the_last_change() {
    let world = World::new();
    let id = world.inquiry().await;
    world.clock.advance(Interval::try_from(Duration::from_secs(7)).unwrap());
    let started = world.service.start(id).await.unwrap();
    let answer = world.get(&format!("/inquiries/{id}")).await;
    assert_eq!(*answer.attribute("updated-at"), started.started_at.unwrap().to_string());
    assert_eq!(answer.attribute("started-at"), answer.attribute("updated-at"));
}
