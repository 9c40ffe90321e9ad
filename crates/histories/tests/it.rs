//! What the checker passes, and what it finds: a history is a line for each call.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test may panic")]

use inquiry_otl::{
    Digest, EventId, ExpirationPolicy, Inquiry, InquiryId, LinkId, Purpose, SessionId, TemplateId, TenantId,
    Timestamp,
    issuance::{IssueLink, Lifetime, Outstanding},
    record::Epoch,
    redemption::{Mode, Redeem},
    store::{CreateInquiry, Inspect, LinkName},
};
use inquiry_otl_histories::{Anomaly, Answer, Call, End, Recorded, Rules, check};

/// The rules with an inquiry and a link in them.
fn a_link() -> Rules {
    let (tenant, now, event) = (TenantId::default(), instant(), EventId::from_u128(1));
    let (id, template) = (inquiry(), TemplateId::new("itmpl_1").unwrap());
    let inquiry = Inquiry::new(id, template, ExpirationPolicy::default(), now);
    let mut rules = Rules::new();
    rules.answer(&Call::Create(CreateInquiry { tenant, inquiry, first_epoch: Epoch::new(1), event }));
    rules.answer(&Call::Issue(IssueLink {
        tenant,
        inquiry: id,
        now,
        link: LinkId::from_u128(1),
        digest: digest(1),
        derivation: None,
        purpose: Purpose::Resume,
        parent: None,
        creator: None,
        lifetime: Lifetime::ByPolicy,
        outstanding: Outstanding::Keep,
        event,
    }));
    rules
}

fn redeem(client: u32) -> Call {
    Call::Redeem(Redeem {
        tenant: TenantId::default(),
        digest: digest(1),
        now: instant(),
        mode: Mode::Once,
        attempt: None,
        repeats_after: instant(),
        binding: None,
        session: SessionId::from_u128(client.into()),
        token: digest(9),
        event: EventId::from_u128(u128::from(client) << 8),
    })
}

fn look() -> Call {
    Call::Inspect(Inspect { tenant: TenantId::default(), link: LinkName::Digest(digest(1)) })
}

fn inquiry() -> InquiryId {
    InquiryId::new("inq_1").unwrap()
}

fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

fn instant() -> Timestamp {
    Timestamp::from_unix_micros(1_767_225_600_000_000).unwrap()
}

/// What the rules answer to the last of these, one after the other.
fn after(calls: &[Call]) -> Answer {
    let mut rules = a_link();
    calls.iter().map(|call| rules.answer(call)).last().unwrap()
}

fn recorded(client: u32, call: Call, invoked: u64, end: End) -> Recorded {
    Recorded { client, call, invoked, end }
}

fn answered(at: u64, answer: Answer) -> End {
    End::Answered { at, answer }
}

fn passes(history: &[Recorded]) -> bool {
    match check(&a_link(), history) {
        Ok(_) => true,
        Err(Anomaly::NotLinearizable(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

/// D1: of two attempts at the same time either may be first, and not both.
#[test]
fn two_first_uses_are_found() {
    let (first, second) = (after(&[redeem(1)]), after(&[redeem(2)]));
    let used = after(&[redeem(1), redeem(2)]);
    let both = |one: &Answer, other: &Answer| {
        passes(&[
            recorded(1, redeem(1), 0, answered(10, one.clone())),
            recorded(2, redeem(2), 5, answered(15, other.clone())),
        ])
    };
    assert!(both(&first, &used), "the first one was first");
    assert!(both(&after(&[redeem(2), redeem(1)]), &second), "the second one was first");
    assert!(!both(&first, &second), "both were first");
    assert!(!both(&after(&[redeem(2), redeem(1)]), &used), "none was first");
}

/// D1: what was over before another call began happened before it.
#[test]
fn an_answer_from_before_is_found() {
    let used = after(&[redeem(1), redeem(2)]);
    let used_at = |over: u64| {
        passes(&[
            recorded(2, redeem(2), 0, answered(over, used.clone())),
            recorded(1, redeem(1), 10, answered(20, after(&[redeem(1)]))),
        ])
    };
    assert!(used_at(11), "the first use may have been before the other was told");
    assert!(!used_at(9), "used before its first use");

    let fresh = after(&[look()]);
    let seen_fresh = |invoked: u64| {
        passes(&[
            recorded(1, redeem(1), 0, answered(10, after(&[redeem(1)]))),
            recorded(2, look(), invoked, answered(30, fresh.clone())),
        ])
    };
    assert!(seen_fresh(9), "the look may have been before the first use");
    assert!(!seen_fresh(11), "unused after its first use");
}

/// D1, S4: a call without an answer may have taken effect, once, or never; one after which nothing was written, never.
#[test]
fn a_lost_answer_may_be_either() {
    let used = after(&[redeem(1), redeem(2)]);
    let first = after(&[redeem(2)]);
    let with = |end: &End, other: &Answer, invoked: u64| {
        passes(&[
            recorded(1, redeem(1), 5, end.clone()),
            recorded(2, redeem(2), invoked, answered(invoked + 10, other.clone())),
        ])
    };
    assert!(with(&End::Unknown, &used, 7), "it took effect");
    assert!(with(&End::Unknown, &used, 1_000), "it took effect long after it was made");
    assert!(with(&End::Unknown, &first, 7), "it never took effect, or later");
    assert!(with(&End::NothingWritten, &first, 7), "it never took effect");
    assert!(!with(&End::NothingWritten, &used, 7), "it must not have taken effect");
    let before = [recorded(1, redeem(1), 20, End::Unknown), recorded(2, redeem(2), 0, answered(10, used))];
    assert!(!passes(&before), "it took effect before it was made");
}

/// D1: an acknowledged first use that is lost is found: by another first use, and by a look.
#[test]
fn a_lost_acknowledgement_is_found() {
    let first = recorded(1, redeem(1), 0, answered(10, after(&[redeem(1)])));
    assert!(!passes(&[first.clone(), recorded(2, redeem(2), 20, answered(30, after(&[redeem(2)])))]));
    let said = check(&a_link(), &[first, recorded(2, look(), 20, answered(30, after(&[look()])))]);
    let said = said.unwrap_err().to_string();
    assert!(said.contains("of 2 calls, 1 can be put in order at most"), "{said}");
}
