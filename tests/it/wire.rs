//! What stands on the wire: Persona's names, and nothing that this version does not know.

use std::num::NonZeroU32;

use inquiry_otl::{
    Action, Clients, Creator, Diagnosis, Digest, Event, EventId, EventKind, ExpirationPolicy, Expiry, Grace,
    Inquiry, InquiryId, InquirySession, Interval, LinkId, LinkRequest, LinkView, OneTimeLink, Purpose,
    ReferenceId, Refusal, Refused, Revocation, SessionId, Status, TemplateId, TenantId, Timestamp,
    record::{Epoch, InquiryRecord, LinkRecord, SessionRecord, TokenDigests},
    store::{Inspect, LinkName, LinkStore, SessionKey},
};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::support::{World, attempt, seconds};

const AT: &str = "2026-01-01T00:00:00.000000Z";

fn at() -> Timestamp {
    serde_json::from_value(json!(AT)).unwrap()
}

/// Reads what it wrote, and is the same; gives what was written.
fn round<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> Value {
    let wire = serde_json::to_value(value).unwrap();
    assert_eq!(&serde_json::from_value::<T>(wire.clone()).unwrap(), value);
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    wire
}

fn error<T: DeserializeOwned + std::fmt::Debug>(wire: Value) -> String {
    serde_json::from_value::<T>(wire).unwrap_err().to_string()
}

/// E9: a policy is whole seconds under Persona's names, and what is missing is the default.
#[test]
fn a_policy_has_personas_names() {
    let default = json!({
        "expiration-after-create-interval-seconds": 86_400,
        "expiration-after-start-interval-seconds": null,
        "expiration-after-resume-interval-seconds": 86_400,
        "resume-link-expiration-seconds": null,
        "one-time-link-expiration-seconds": 3_600,
        "session-limit": 25,
        "grace": null,
    });
    assert_eq!(round(&ExpirationPolicy::default()), default);
    assert_eq!(serde_json::from_value::<ExpirationPolicy>(json!({})).unwrap(), ExpirationPolicy::default());
    let policy = ExpirationPolicy::default()
        .with_after_create(seconds(1))
        .with_after_start(seconds(2))
        .with_after_resume(seconds(3))
        .with_resume_link(seconds(4))
        .with_device_handoff_link(seconds(5))
        .with_session_limit(NonZeroU32::new(6).unwrap())
        .with_grace(Grace::new(seconds(7), NonZeroU32::new(8).unwrap()).with_clients(Clients::Same));
    let full = json!({
        "expiration-after-create-interval-seconds": 1,
        "expiration-after-start-interval-seconds": 2,
        "expiration-after-resume-interval-seconds": 3,
        "resume-link-expiration-seconds": 4,
        "one-time-link-expiration-seconds": 5,
        "session-limit": 6,
        "grace": { "window-seconds": 7, "max-replays": 8, "clients": "same" },
    });
    assert_eq!(round(&policy), full);
}

/// E8, E9: a policy with a name that is unknown, or a number out of its range, is an error.
#[test]
fn a_policy_that_is_not_understood_is_an_error() {
    assert!(
        error::<ExpirationPolicy>(json!({ "expiration-after-approve-interval-seconds": 1 }))
            .contains("unknown field")
    );
    for (name, value) in [
        ("expiration-after-create-interval-seconds", json!(0)),
        ("expiration-after-create-interval-seconds", json!(-1)),
        ("expiration-after-create-interval-seconds", json!(1.5)),
        ("expiration-after-create-interval-seconds", json!("1")),
        ("expiration-after-create-interval-seconds", json!(null)),
        ("expiration-after-start-interval-seconds", json!(4_294_967_296_u64)),
        ("expiration-after-resume-interval-seconds", json!(i64::MAX)),
        ("one-time-link-expiration-seconds", json!(u64::MAX)),
        ("resume-link-expiration-seconds", json!(0)),
        ("session-limit", json!(0)),
        ("session-limit", json!(-1)),
        ("grace", json!({ "window-seconds": 0, "max-replays": 1 })),
        ("grace", json!({ "window-seconds": 1, "max-replays": 0 })),
        ("grace", json!({ "window-seconds": 1 })),
        ("grace", json!({ "window-seconds": 1, "max-replays": 1, "clients": "some" })),
        ("grace", json!({ "window-seconds": 1, "max-replays": 1, "other": 1 })),
    ] {
        let _ = error::<ExpirationPolicy>(json!({ name: value }));
    }
}

fn inquiry() -> Inquiry {
    let (id, template) = (InquiryId::new("inq_1").unwrap(), TemplateId::new("itmpl_kyc").unwrap());
    Inquiry::new(id, template, ExpirationPolicy::default(), at())
        .with_reference(ReferenceId::new("user 7").unwrap())
}

/// I1, I2: an inquiry has Persona's names.
#[test]
fn an_inquiry_has_personas_names() {
    let wire = round(&inquiry());
    let policy = serde_json::to_value(ExpirationPolicy::default()).unwrap();
    assert_eq!(
        wire,
        json!({
            "id": "inq_1", "inquiry-template-id": "itmpl_kyc", "reference-id": "user 7", "status": "created",
            "policy": policy, "expires-at": "2026-01-02T00:00:00.000000Z", "created-at": AT,
            "started-at": null, "resumed-at": null, "completed-at": null, "failed-at": null, "expired-at": null,
            "marked-for-review-at": null, "decisioned-at": null, "redacted-at": null,
        })
    );
    for status in Status::ALL {
        assert_eq!(round(&status), json!(status.as_str()));
    }
}

/// I2: a status that a later version may know is an error that says so, alone and in an inquiry.
#[test]
fn a_status_of_the_future_is_an_error_that_says_so() {
    let mut wire = serde_json::to_value(inquiry()).unwrap();
    wire["status"] = json!("archived");
    for told in [error::<Inquiry>(wire), error::<Status>(json!("archived"))] {
        assert!(told.contains("archived") && told.contains("needs_review"), "{told}");
    }
    assert_eq!("archived".parse::<Status>().unwrap_err().to_string(), "not a status that this version knows");
}

/// S4: what is no text where a name should be is told so.
#[test]
fn a_name_is_a_string() {
    assert!(error::<InquiryId>(json!(7)).contains("expected a string"));
}

/// E8: what is out of range or not of its form is refused wherever it stands in an inquiry.
#[test]
fn an_inquiry_is_read_through_its_constructors() {
    for (name, value) in [
        ("id", json!("itmpl_1")),
        ("inquiry-template-id", json!("")),
        ("reference-id", json!("")),
        ("reference-id", json!("x".repeat(256))),
        ("expires-at", json!("1969-12-31T23:59:59Z")),
        ("expires-at", json!("+10000-01-01T00:00:00Z")),
        ("created-at", json!("-262143-01-01T00:00:00Z")),
        ("created-at", json!(1)),
        ("created-at", json!("2026-01-01T00:00:00")),
    ] {
        let mut wire = serde_json::to_value(inquiry()).unwrap();
        wire[name] = value;
        let _ = error::<Inquiry>(wire);
    }
    let other_zone = serde_json::from_value::<Timestamp>(json!("2026-01-01T02:00:00.0000009+02:00")).unwrap();
    assert_eq!(other_zone, at());
}

fn kinds() -> Vec<(EventKind, Value)> {
    let (link, session) = (LinkId::from_u128(1), SessionId::from_u128(2));
    let (otl, iqse) = (link.to_string(), session.to_string());
    vec![
        (EventKind::InquiryCreated, json!({ "name": "inquiry.created" })),
        (EventKind::InquiryStarted, json!({ "name": "inquiry.started" })),
        (EventKind::InquiryCompleted, json!({ "name": "inquiry.completed" })),
        (EventKind::InquiryFailed, json!({ "name": "inquiry.failed" })),
        (
            EventKind::InquiryExpired { cause: Expiry::SessionLimit, expired_at: at() },
            json!({ "name": "inquiry.expired", "cause": "session-limit", "expired-at": AT }),
        ),
        (
            EventKind::InquiryResumed { expires_at: at() },
            json!({ "name": "inquiry.resumed", "expires-at": AT }),
        ),
        (EventKind::InquiryApproved, json!({ "name": "inquiry.approved" })),
        (EventKind::InquiryMarkedForReview, json!({ "name": "inquiry.marked-for-review" })),
        (EventKind::InquiryDeclined, json!({ "name": "inquiry.declined" })),
        (EventKind::InquiryRedacted, json!({ "name": "inquiry.redacted" })),
        (
            EventKind::LinkCreated { link, purpose: Purpose::DeviceHandoff, expires_at: at() },
            json!({ "name": "one-time-link.created", "link": otl, "purpose": "device-handoff", "expires-at": AT }),
        ),
        (EventKind::LinkReused { link }, json!({ "name": "one-time-link.reused", "link": otl })),
        (
            EventKind::LinkSuperseded { purpose: Purpose::Resume, by: link },
            json!({ "name": "one-time-link.superseded", "purpose": "resume", "by": otl }),
        ),
        (
            EventKind::LinkRevoked { revoked: Revocation::Link(link) },
            json!({ "name": "one-time-link.revoked", "revoked": { "link": otl } }),
        ),
        (
            EventKind::LinkRevoked { revoked: Revocation::Everything },
            json!({ "name": "one-time-link.revoked", "revoked": "everything" }),
        ),
        (
            EventKind::LinkPeeked { link: Some(link), refusal: None },
            json!({ "name": "one-time-link.peeked", "link": otl, "refusal": null }),
        ),
        (
            EventKind::LinkRedeemed { link, session },
            json!({ "name": "one-time-link.redeemed", "link": otl, "session": iqse }),
        ),
        (
            EventKind::LinkReplayed { link, session, number: 3 },
            json!({ "name": "one-time-link.replayed", "link": otl, "session": iqse, "number": 3 }),
        ),
        (
            EventKind::LinkRefused { link: None, refusal: Refusal::Unknown },
            json!({ "name": "one-time-link.refused", "link": null, "refusal": { "reason": "unknown" } }),
        ),
    ]
}

/// V1: an event has its name and its fields on the wire, and is read again.
#[test]
fn an_event_has_its_name_on_the_wire() {
    for (kind, fields) in kinds() {
        assert_eq!(fields["name"], kind.name());
        let event = Event::new(
            EventId::from_u128(u128::MAX),
            TenantId::default(),
            InquiryId::new("inq_1").ok(),
            Some(u64::MAX),
            at(),
            kind,
        );
        let mut wanted = json!({
            "id": "evt_7zzzzzzzzzzzzzzzzzzzzzzzzz", "tenant": "default", "inquiry-id": "inq_1",
            "sequence": u64::MAX, "at": AT,
        });
        wanted.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(round(&event), wanted);
    }
}

/// V1: an event of a name that this version does not know is an error, as is one that lacks a field.
#[test]
fn an_event_of_the_future_is_an_error() {
    let event = |fields: Value| {
        let mut wire = json!({ "id": "evt_00000000000000000000000001", "tenant": "default", "inquiry-id": null,
            "sequence": null, "at": AT });
        wire.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        error::<Event>(wire)
    };
    assert!(event(json!({ "name": "inquiry.archived" })).contains("inquiry.archived"));
    let _ = event(json!({ "name": "one-time-link.redeemed" }));
    let _ = event(json!({ "name": "one-time-link.refused", "link": null, "refusal": { "reason": "tired" } }));
    let _ = event(json!({}));
}

/// D2: a refusal has its short name on the wire, with what belongs to it.
#[test]
fn a_refusal_has_its_short_name_on_the_wire() {
    let (by, at) = (LinkId::from_u128(1), at());
    for (refusal, fields) in [
        (Refusal::Mangled, json!({})),
        (Refusal::Unknown, json!({})),
        (Refusal::Repointed, json!({})),
        (Refusal::Revoked { at }, json!({ "at": AT })),
        (Refusal::Superseded { by: Some(by), at: None }, json!({ "by": by.to_string(), "at": null })),
        (Refusal::InquiryRedacted { at }, json!({ "at": AT })),
        (
            Refusal::InquiryClosed { status: Status::NeedsReview, at: None },
            json!({ "status": "needs_review", "at": null }),
        ),
        (Refusal::InquiryExpired { at }, json!({ "at": AT })),
        (Refusal::Used { first_at: at }, json!({ "first-at": AT })),
        (Refusal::LinkExpired { at: Some(at) }, json!({ "at": AT })),
        (Refusal::KeyRetired, json!({})),
        (Refusal::OtherClient, json!({})),
        (Refusal::SessionLimit { limit: 25 }, json!({ "limit": 25 })),
        (Refusal::LeaseLost, json!({})),
    ] {
        let mut wanted = fields;
        wanted["reason"] = json!(refusal.name());
        assert_eq!(round(&refusal), wanted);
    }
}

/// L7, D2, D9, D7: what support staff see of a story is data that is read again.
#[tokio::test]
async fn what_the_service_shows_is_read_again() {
    let world = World::keyed();
    let id = world.pending().await;
    let request = LinkRequest::resume(id).created_by(Creator::new("support: jo").unwrap());
    let link = world.service.issue(request).await.unwrap();
    let grant = world.grant(&link).await;
    let inquiry_otl::Redemption::Refused(refused) = world.redeem(&link).await else { panic!() };
    let wire = round::<Refused>(&refused);
    assert_eq!(
        wire,
        json!({ "reason": "used", "first-at": AT, "link": link.id.to_string(), "inquiry-id": id.to_string() })
    );
    let wire = round::<OneTimeLink>(&world.service.links(id, None, 1).await.unwrap()[0]);
    assert_eq!(
        wire,
        json!({
            "id": link.id.to_string(), "inquiry-id": id.to_string(), "purpose": "resume", "creator": "support: jo",
            "parent-session": null, "created-at": AT, "expires-at": "2026-01-02T00:00:00.000000Z",
            "first-used-at": AT, "uses": 1, "session": grant.session.id.to_string(), "claimed-until": null,
            "revoked-at": null, "refusal": { "reason": "used", "first-at": AT },
        })
    );
    let wire = round::<InquirySession>(&grant.session);
    assert_eq!(
        wire,
        json!({
            "id": grant.session.id.to_string(), "inquiry-id": id.to_string(), "link": link.id.to_string(),
            "started-at": AT, "expires-at": "2026-01-02T00:00:00.000000Z", "revoked-at": null, "live": true,
        })
    );
    let diagnosis = world.service.diagnose(link.url.expose()).await.unwrap();
    let wire = round::<Diagnosis>(&diagnosis);
    assert_eq!(wire["refusal"]["reason"], "used");
    assert_eq!(wire["inquiry"]["status"], "pending");
    round::<Diagnosis>(&world.service.diagnose("%FF").await.unwrap());
}

/// S1, L4, L5: the records of a store are data that is read again, in every state that a link can be in.
#[tokio::test]
async fn records_are_read_again() {
    let policy = ExpirationPolicy::default().with_grace(Grace::persona());
    let world = World::with(|b| b.policy(policy).keyring(inquiry_otl::Keyring::new(crate::support::key(1))));
    let id = world.pending().await;
    let view = |link: &inquiry_otl::IssuedLink| {
        let (store, id) = (world.store.clone(), link.id);
        let inquiry = link.inquiry;
        async move {
            let inspect = Inspect { tenant: TenantId::default(), link: LinkName::Id(inquiry, id) };
            LinkStore::inspect(&store, inspect).await.unwrap().unwrap()
        }
    };
    let used = world.link(id).await;
    let grant = world.service.redeem(used.url.expose(), &attempt(crate::support::ATTEMPT)).await.unwrap();
    let session = crate::support::granted(grant).session;
    let handoff = world.service.issue(LinkRequest::device_handoff(id, session.id)).await.unwrap();
    let claimed = world.link(id).await;
    world.claim(&claimed).await;
    for link in [&used, &claimed, &handoff] {
        round::<LinkView>(&view(link).await);
        round::<LinkRecord>(&view(link).await.link);
    }
    world.service.revoke(id, Revocation::AllLinks).await.unwrap();
    world.service.change(id, Action::Expire).await.unwrap();
    world.service.resume(id).await.unwrap();
    let record = world.record(id).await;
    assert_eq!((record.endings.epochs.len(), record.endings.generations.len()), (1, 3));
    round::<InquiryRecord>(&record);
    let key = SessionKey { tenant: TenantId::default(), inquiry: id, session: session.id };
    round::<SessionRecord>(&LinkStore::session(&world.store, key).await.unwrap().unwrap().session);
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(
            &["created", "inq_1", "itmpl_1", AT, "inquiry.expired", "9999-12-31T23:59:60Z"][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z-]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// E8, E9, I2, V1: a value of any kind in any place is read or refused, without a panic.
    #[test]
    fn any_value_in_any_place_is_read_or_refused(place in any::<prop::sample::Index>(), value in json_values()) {
        let record = InquiryRecord::new(TenantId::default(), inquiry(), Epoch::new(1));
        let event = Event::new(EventId::from_u128(1), TenantId::default(), None, None, at(), kinds()[4].0);
        for mut wire in [
            serde_json::to_value(inquiry()).unwrap(),
            serde_json::to_value(ExpirationPolicy::default()).unwrap(),
            serde_json::to_value(record).unwrap(),
            serde_json::to_value(event).unwrap(),
        ] {
            let object = wire.as_object_mut().unwrap();
            let name = object.keys().nth(place.index(object.len())).unwrap().clone();
            object.insert(name, value.clone());
            let _ = serde_json::from_value::<Inquiry>(wire.clone());
            let _ = serde_json::from_value::<ExpirationPolicy>(wire.clone());
            let _ = serde_json::from_value::<InquiryRecord>(wire.clone());
            let _ = serde_json::from_value::<Event>(wire);
        }
        let _ = serde_json::from_value::<Timestamp>(value.clone());
        let _ = serde_json::from_value::<Interval>(value.clone());
        let _ = serde_json::from_value::<Digest>(value.clone());
        let _ = serde_json::from_value::<LinkRecord>(value.clone());
        let _ = serde_json::from_value::<SessionRecord>(value.clone());
        let _ = serde_json::from_value::<TokenDigests>(value.clone());
        let _ = serde_json::from_value::<Diagnosis>(value.clone());
        let _ = serde_json::from_value::<Refusal>(value);
    }

    /// E9: any policy survives the wire.
    #[test]
    fn any_policy_survives_the_wire(
        windows in prop::array::uniform6(1..=u32::MAX),
        limits in prop::array::uniform2(1..=u32::MAX),
        set in any::<[bool; 3]>(),
    ) {
        let window = |n: usize| seconds(i64::from(windows[n]));
        let limit = |n: usize| NonZeroU32::new(limits[n]).unwrap();
        let mut policy = ExpirationPolicy::default()
            .with_after_create(window(0))
            .with_after_resume(window(1))
            .with_device_handoff_link(window(2))
            .with_session_limit(limit(0));
        if set[0] { policy = policy.with_after_start(window(3)); }
        if set[1] { policy = policy.with_resume_link(window(4)); }
        if set[2] { policy = policy.with_grace(Grace::new(window(5), limit(1))); }
        round(&policy);
    }
}
