//! JSON, read as each type that has it (E8, E9, I2, V1): what is read stays what it is, and does not surprise the rules.

use std::fmt::Debug;

use inquiry_otl::{
    Action, Clients, CodeFormat, Creator, Derivation, Diagnosis, Digest, Event, EventId, EventKind,
    ExpirationPolicy, Expiry, Grace, Inquiry, InquiryId, InquirySession, Interval, KeyId, LinkId, LinkView,
    Nonce, OneTimeLink, Purpose, ReferenceId, Refusal, Refused, Region, Revocation, SessionId, Status,
    TemplateId, TenantId, Timestamp, UrlFormat, UrlStyle,
    inquiry::EpochEnd,
    record::{
        EndedEpoch, EndedGeneration, Endings, Epoch, Generation, GenerationEnd, Generations, GraceLeft,
        InquiryRecord, Lease, LinkRecord, LinkState, SessionRecord, TokenDigests, Use,
    },
    redemption::{self, Asked, Mode, Redeem, Verdict},
};
use serde::{Serialize, de::DeserializeOwned};

macro_rules! each {
    ($text:expr, $($name:ident)+) => {
        $(let _ = read::<$name>($text);)+
    };
}

/// Reads a text as JSON of every type that is serialised.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    each!(text, Clients CodeFormat Creator Derivation Diagnosis Digest EndedEpoch EndedGeneration Endings Epoch EpochEnd
        Event EventId EventKind Expiry Generation GenerationEnd Generations Grace GraceLeft InquiryId
        InquiryRecord InquirySession Interval KeyId Lease LinkId LinkRecord LinkState Nonce OneTimeLink Purpose
        ReferenceId Refusal Refused Region Revocation SessionId SessionRecord Status TemplateId TenantId Timestamp
        TokenDigests UrlFormat UrlStyle Use);
    if let Some(policy) = read::<ExpirationPolicy>(text) {
        is_bounded(&policy);
    }
    if let Some(inquiry) = read::<Inquiry>(text) {
        is_bounded(&inquiry.policy);
        changes(&inquiry);
    }
    if let Some(view) = read::<LinkView>(text) {
        decides(&view);
    }
}

/// What is read is written, and read again as the same.
fn read<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) -> Option<T> {
    let value: T = serde_json::from_str(text).ok()?;
    let written = serde_json::to_string(&value).expect("what was read is written");
    let again: T = serde_json::from_str(&written).unwrap_or_else(|error| {
        panic!("{} wrote what it does not read: {error}: {written}", std::any::type_name::<T>())
    });
    assert_eq!(again, value, "E9: {written}");
    assert_eq!(serde_json::to_string(&again).ok().as_ref(), Some(&written), "E9");
    Some(value)
}

/// E6, E8: windows are a second at least, and limits are one.
fn is_bounded(policy: &ExpirationPolicy) {
    let windows = [policy.after_create(), policy.after_start(), policy.after_resume()];
    let links = [Purpose::Resume, Purpose::DeviceHandoff].map(|purpose| policy.link_window(purpose));
    assert!(windows.iter().chain(&links).all(|window| 1 <= window.seconds()), "E8: {policy:?}");
    assert!(
        1 <= policy.session_limit() && policy.grace().is_none_or(|grace| 1 <= grace.max_replays()),
        "E6, E7"
    );
}

/// The instants that a rule may turn on, and those beside them.
fn around(instants: &[Timestamp]) -> impl Iterator<Item = Timestamp> {
    let beside = |at: &Timestamp| {
        [-1, 0, 1].into_iter().filter_map({
            let micros = at.unix_micros();
            move |by| Timestamp::from_unix_micros(micros + by).ok()
        })
    };
    instants.iter().flat_map(beside).chain([Timestamp::MIN, Timestamp::MAX]).collect::<Vec<_>>().into_iter()
}

/// I3: any inquiry takes a step or says why not, and what it becomes can be written and read.
fn changes(inquiry: &Inquiry) {
    for now in around(&[inquiry.created_at, inquiry.expires_at]) {
        assert_eq!(inquiry.is_open(now), inquiry.as_of(now).is_open(now), "I6: at {now}");
        for action in Action::ALL {
            let Ok(step) = inquiry.after(action, now) else { continue };
            assert!(
                inquiry.redacted_at.is_none() || action != Action::Resume,
                "I4, R1: a redacted inquiry was resumed"
            );
            let wire = serde_json::to_string(&step.inquiry).expect("an inquiry is written");
            assert_eq!(read::<Inquiry>(&wire).as_ref(), Some(&step.inquiry));
            assert!(step.events.iter().flatten().count() <= 2, "V1");
        }
    }
}

/// D2, D3: on records of any kind, a peek foretells what a redemption gets, and a first use needs all that the rules ask.
fn decides(view: &LinkView) {
    let LinkView { link, inquiry, .. } = view;
    for now in around(&[link.created_at, link.expires_at, inquiry.inquiry.expires_at]) {
        let asked = Asked {
            now,
            attempt: None,
            binding: None,
            repeats_after: now.minus(Interval::from_minutes(10).expect("a window")),
        };
        let command = Redeem {
            tenant: link.tenant,
            digest: link.digest,
            now,
            mode: Mode::Once,
            attempt: None,
            repeats_after: asked.repeats_after,
            binding: None,
            session: SessionId::from_u128(1),
            token: link.digest,
            event: EventId::from_u128(1),
        };
        let (foretold, decision) =
            (redemption::peek(&view.subject(), &asked), redemption::redeem(&view.subject(), &command));
        assert_eq!(foretold, decision.verdict, "D3: at {now}");
        if decision.verdict == Verdict::FirstUse {
            assert!(inquiry.inquiry.is_open(now), "L4: at {now}");
            assert!(now < link.expires_at, "L2: at {now}");
            assert!(link.epoch == inquiry.epoch, "R3");
            assert!(link.generation == inquiry.generations.of(link.purpose).number, "L5, L6");
            assert!(link.revoked_at.is_none(), "L6");
            assert!(!matches!(link.state, LinkState::Used(_)), "D1");
            assert!(inquiry.sessions_started < inquiry.inquiry.policy.session_limit(), "E6");
        }
    }
}
