//! Whatever comes in: every constructor answers, within its range, and none panics.

use std::{num::NonZeroU32, time::Duration};

use chrono::{DateTime, Utc};
use inquiry_otl::{
    Attempt, AttemptKey, Clients, Creator, EventId, ExpirationPolicy, Grace, IdError, InquiryId, Interval,
    KeyId, LeaseTime, LeaseTooLong, LinkId, LinkRequest, ManualClock, Operator, Purpose, ReferenceId,
    Retention, Retry, Revocation, SessionId, Status, TemplateId, TenantId, TextError, TimeError, Timestamp,
    UrlFormat,
    store::{Outbox, Receipt},
};
use proptest::prelude::*;

use crate::support::{World, attempt, bound, moved, new_inquiry, no_sleep, seconds};

/// E8: an instant lies in the years 1970 to 9999, or is refused.
#[test]
fn instants_outside_their_range_are_refused() {
    assert_eq!(Timestamp::from_unix_micros(0), Ok(Timestamp::MIN));
    assert_eq!(Timestamp::from_unix_micros(253_402_300_799_999_999), Ok(Timestamp::MAX));
    for micros in [-1, 253_402_300_800_000_000, i64::MIN, i64::MAX] {
        assert_eq!(Timestamp::from_unix_micros(micros), Err(TimeError::OutOfRange), "{micros}");
    }
    for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert_eq!(Timestamp::try_from(at), Err(TimeError::OutOfRange));
    }
    assert_eq!(Timestamp::try_from(DateTime::UNIX_EPOCH), Ok(Timestamp::MIN));
    let edge = DateTime::from_timestamp(-1, 999_999_999).unwrap();
    assert_eq!(Timestamp::try_from(edge), Err(TimeError::OutOfRange));
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
    assert_eq!(Timestamp::MIN.to_string(), "1970-01-01T00:00:00.000000Z");
}

/// S5: what is finer than a microsecond is cut off, not rounded.
#[test]
fn instants_are_cut_to_whole_microseconds() {
    let at = DateTime::from_timestamp(1, 2_999).unwrap();
    let cut = Timestamp::try_from(at).unwrap();
    assert_eq!(cut.unix_micros(), 1_000_002);
    assert_eq!(DateTime::<Utc>::from(cut), DateTime::from_timestamp(1, 2_000).unwrap());
}

/// E8: a window is 1 to 2³²−1 whole seconds, or is refused.
#[test]
fn windows_outside_their_range_are_refused() {
    for (bad, error) in [
        (0, TimeError::EmptyInterval),
        (-1, TimeError::EmptyInterval),
        (i64::MIN, TimeError::EmptyInterval),
        (4_294_967_296, TimeError::IntervalTooLong),
        (i64::MAX, TimeError::IntervalTooLong),
    ] {
        assert_eq!(Interval::from_seconds(bad), Err(error), "{bad}");
        assert_eq!(Interval::from_minutes(bad), Err(error), "{bad}");
        assert_eq!(Interval::from_hours(bad), Err(error), "{bad}");
        assert_eq!(Interval::from_days(bad), Err(error), "{bad}");
    }
    assert_eq!(seconds(4_294_967_295).seconds(), u32::MAX);
    assert_eq!(Interval::from_days(1), Ok(seconds(86_400)));
    assert_eq!(seconds(86_400).to_string(), "86400s");
    assert_eq!(Interval::try_from(Duration::from_millis(1_500)), Err(TimeError::FractionalInterval));
    assert_eq!(Interval::try_from(Duration::ZERO), Err(TimeError::EmptyInterval));
    assert_eq!(Interval::try_from(Duration::MAX), Err(TimeError::FractionalInterval));
    assert_eq!(Interval::try_from(Duration::from_secs(u64::MAX)), Err(TimeError::IntervalTooLong));
    assert_eq!(Interval::try_from(Duration::from_secs(60)), Ok(seconds(60)));
    assert_eq!(Duration::from(seconds(60)), Duration::from_secs(60));
}

/// E8: arithmetic stays within the years, and never wraps.
#[test]
fn arithmetic_stops_at_the_edges() {
    let longest = seconds(i64::from(u32::MAX));
    assert_eq!(Timestamp::MAX.plus(seconds(1)), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.minus(longest), Timestamp::MIN);
    assert_eq!(Timestamp::MIN.plus(longest).minus(longest), Timestamp::MIN);
    assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
    assert_eq!(Timestamp::MAX.since(Timestamp::MIN), Duration::from_micros(253_402_300_799_999_999));
}

/// D5: a lease is 5 minutes at most.
#[test]
fn a_lease_is_bounded() {
    assert_eq!(LeaseTime::default().interval(), seconds(30));
    assert_eq!(LeaseTime::new(seconds(300)).unwrap().interval(), seconds(300));
    assert_eq!(LeaseTime::new(seconds(301)), Err(LeaseTooLong));
}

/// E1, E2, E3, E4, E5, E6, E7, E9: the defaults are Persona's, and what is unset follows what it should.
#[test]
fn a_policy_has_personas_defaults() {
    let policy = ExpirationPolicy::default();
    let day = seconds(86_400);
    assert_eq!((policy.after_create(), policy.after_start(), policy.after_resume()), (day, day, day));
    assert_eq!(policy.link_window(Purpose::Resume), day);
    assert_eq!(policy.link_window(Purpose::DeviceHandoff), seconds(3_600));
    assert_eq!((policy.session_limit(), policy.grace()), (25, None));
    let copy = policy;
    assert_eq!(copy, policy);

    let policy = policy.with_after_create(seconds(2)).with_after_resume(seconds(3));
    assert_eq!(policy.after_start(), seconds(2));
    assert_eq!(policy.link_window(Purpose::Resume), seconds(3));
    assert_eq!(policy.link_window(Purpose::DeviceHandoff), seconds(3_600));
    let policy = policy.with_resume_link(seconds(4)).with_device_handoff_link(seconds(5));
    assert_eq!(policy.link_window(Purpose::Resume), seconds(4));
    assert_eq!(policy.link_window(Purpose::DeviceHandoff), seconds(5));

    let grace = Grace::persona();
    assert_eq!((grace.window(), grace.clients()), (seconds(300), Clients::Any));
    assert_ne!(copy.with_grace(grace), copy);
}

/// I1: ids take Persona's form and refuse everything else with its reason.
#[test]
fn ids_of_inquiries_and_templates_take_personas_form() {
    for good in ["inq_2CVZ4HyVg7qaboXz2PUHknAn", "inq_a", "inq_A-b_9", "inq_123456789012345678901234567"] {
        assert_eq!(InquiryId::new(good).unwrap().to_string(), good);
    }
    for (bad, error) in [
        ("", IdError::Prefix { expected: "inq_" }),
        ("INQ_1", IdError::Prefix { expected: "inq_" }),
        ("itmpl_1", IdError::Prefix { expected: "inq_" }),
        ("inq_", IdError::Length),
        ("inq_1234567890123456789012345678", IdError::Length),
        ("inq_ 1", IdError::Alphabet),
        ("inq_é", IdError::Alphabet),
        ("inq_\0", IdError::Alphabet),
    ] {
        assert_eq!(InquiryId::new(bad), Err(error), "{bad:?}");
    }
    assert_eq!(TemplateId::new("inq_1"), Err(IdError::Prefix { expected: "itmpl_" }));
    assert!(TemplateId::new("itmpl_kyc").is_ok());
}

/// L7, S3: ids that this library makes are 128 bits, and read again as written.
#[test]
fn own_ids_are_128_bits() {
    for bits in [0, 1, u128::MAX, 1 << 127] {
        let link = LinkId::from_u128(bits);
        assert_eq!((link.as_u128(), link.to_string().parse()), (bits, Ok(link)));
        assert_eq!(EventId::from_u128(bits).nth(u32::MAX).as_u128(), bits.wrapping_add(u128::from(u32::MAX)));
    }
    assert_eq!(LinkId::new(&format!("otl_8{}", "0".repeat(25))), Err(IdError::Alphabet));
    assert_eq!(LinkId::new(&format!("otl_{}", "u".repeat(26))), Err(IdError::Alphabet));
    assert_eq!(SessionId::new("iqse_0"), Err(IdError::Length));
    assert_eq!(SessionId::new("otl_0"), Err(IdError::Prefix { expected: "iqse_" }));
}

/// S6, I1, L7: text is bounded and plain.
#[test]
fn text_is_bounded_and_plain() {
    assert_eq!(TenantId::new(""), Err(TextError::Empty));
    assert!(TenantId::new(&"a".repeat(31)).is_ok());
    assert_eq!(TenantId::new(&"a".repeat(32)), Err(TextError::TooLong { max: 31 }));
    assert_eq!(TenantId::new(&"a".repeat(1 << 20)), Err(TextError::TooLong { max: 31 }));
    for bad in ["A", "a b", "a.b", "é", "a\0"] {
        assert_eq!(TenantId::new(bad), Err(TextError::Alphabet), "{bad:?}");
    }
    assert_eq!(ReferenceId::new(""), Err(TextError::Empty));
    assert!(ReferenceId::new(&"é".repeat(127)).is_ok());
    assert_eq!(ReferenceId::new(&"é".repeat(128)), Err(TextError::TooLong { max: 255 }));
    assert_eq!(Creator::new("a\nb"), Err(TextError::Alphabet));
    assert_eq!(Creator::new("support: jö").unwrap().as_str(), "support: jö");
}

proptest! {
    /// E8, S5: any number is an instant in its range or an error, and text and date are the same instant.
    #[test]
    fn any_number_is_an_instant_or_an_error(micros in any::<i64>(), near in 0..=253_402_300_799_999_999_i64) {
        prop_assert_eq!(Timestamp::from_unix_micros(micros).is_ok(), (0..=253_402_300_799_999_999).contains(&micros));
        let at = Timestamp::from_unix_micros(near).unwrap();
        prop_assert_eq!(Timestamp::try_from(at.to_datetime()), Ok(at));
    }

    /// E8: any interval added to any instant is later, within range, and exact if there is room.
    #[test]
    fn any_deadline_is_later_and_in_range(micros in 0..=253_402_300_799_999_999_i64, window in 1..=i64::from(u32::MAX)) {
        let (at, window) = (Timestamp::from_unix_micros(micros).unwrap(), seconds(window));
        let deadline = at.plus(window);
        prop_assert_eq!(deadline.unix_micros(), (micros + window.micros()).min(Timestamp::MAX.unix_micros()));
        prop_assert_eq!(at.minus(window).unix_micros(), (micros - window.micros()).max(0));
    }

    /// I1, S6: any text is an id or an error, and what is read is written again.
    #[test]
    fn any_text_is_an_id_or_an_error(text in any::<String>(), near in "(inq_|itmpl_|otl_|iqse_|evt_)?[0-9a-zA-Z_é -]{0,32}") {
        for text in [text.as_str(), near.as_str()] {
            if let Ok(id) = InquiryId::new(text) { prop_assert_eq!(id.to_string(), text); }
            if let Ok(id) = TemplateId::new(text) { prop_assert_eq!(id.to_string(), text); }
            if let Ok(id) = LinkId::new(text) { prop_assert_eq!(id.to_string(), text); }
            if let Ok(id) = SessionId::new(text) { prop_assert_eq!(id.to_string(), text); }
            if let Ok(id) = EventId::new(text) { prop_assert_eq!(id.to_string(), text); }
            if let Ok(id) = TenantId::new(text) { prop_assert_eq!(id.to_string(), text); }
            if let Ok(text_type) = ReferenceId::new(text) { prop_assert_eq!(text_type.to_string(), text); }
            if let Ok(text_type) = Creator::new(text) { prop_assert_eq!(text_type.to_string(), text); }
            let _ = text.parse::<Status>();
        }
    }

    /// C6, D2, D9: whatever a person pastes, redeem, claim, peek and diagnose answer.
    #[test]
    fn whatever_is_pasted_is_answered(text in any::<String>(), near in "(https://withpersona.com/verify[?]code=)?[0-9A-Za-z%é-]{30,40}") {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let world = World::keyed();
            for text in [&text, &near] {
                let _ = world.service.redeem(text, &Attempt::new()).await.unwrap();
                let _ = world.service.claim(text, &Attempt::new()).await.unwrap();
                let _ = world.service.peek(text, &Attempt::new()).await.unwrap();
                let _ = world.service.diagnose(text).await.unwrap();
            }
        });
    }
}

/// C6, D2: a megabyte, escapes that are no UTF-8, and nothing at all are mangled, not a fault.
#[tokio::test]
async fn absurd_input_is_mangled() {
    let world = World::new();
    let megabyte = "A".repeat(1 << 20);
    for text in [&megabyte, "", "%FF%FE", "https://withpersona.com/verify?code=%C3%28", "\0"] {
        let answer = world.service.redeem(text, &Attempt::new()).await.unwrap();
        assert_eq!(crate::support::refusal(answer).name(), "mangled");
        assert!(world.service.diagnose(text).await.unwrap().unreadable.is_some());
    }
    assert!(UrlFormat::new(&megabyte).is_err());
    assert!(AttemptKey::new(&megabyte).is_err());
    assert!(KeyId::new(255).is_err());
}

/// E8, S1: a whole story at the first and at the last instant there is panics nowhere.
#[tokio::test]
async fn a_story_at_the_edges_of_time_is_told() {
    let longest = seconds(i64::from(u32::MAX));
    let policy = ExpirationPolicy::default()
        .with_after_create(longest)
        .with_after_start(longest)
        .with_after_resume(longest)
        .with_resume_link(longest)
        .with_session_limit(NonZeroU32::MAX)
        .with_grace(Grace::new(longest, NonZeroU32::MAX));
    for now in [Timestamp::MIN, moved(Timestamp::MIN, 1), moved(Timestamp::MAX, -1), Timestamp::MAX] {
        let world = World::with(|builder| {
            builder
                .policy(policy)
                .keyring(inquiry_otl::Keyring::new(crate::support::key(31)))
                .repeat_window(longest)
        });
        world.clock.set(now);
        let id = world.service.create(new_inquiry()).await.unwrap().id;
        if now == Timestamp::MAX {
            // There is no instant after it: the inquiry is expired as it is born.
            assert_eq!(world.service.inquiry(id).await.unwrap().status, Status::Expired);
        }
        let issued = world.service.issue(LinkRequest::resume(id).expires_in(longest)).await;
        assert_eq!(issued.is_ok(), now < Timestamp::MAX);
        if let Ok(link) = issued {
            let text = link.url.expose();
            let client = bound("one");
            for _ in 0..3 {
                let _ = world.service.peek(text, &client).await.unwrap();
                let _ = world.service.diagnose(text).await.unwrap();
                let _ = world.service.claim(text, &attempt(crate::support::ATTEMPT)).await.unwrap();
                world.clock.set(now.plus(seconds(40)));
                let _ = world.service.redeem(text, &client).await.unwrap();
            }
        }
        let _ = world.service.start_session(id).await;
        let _ = world.service.start(id).await;
        let _ = world.service.resume(id).await;
        let _ = world.service.revoke(id, Revocation::AllLinks).await.unwrap();
        let _ = world.service.revoke(id, Revocation::Everything).await.unwrap();
        let _ = world.service.redact(id).await;
        let retention =
            Retention::default().with_links(longest).with_inquiries(longest).with_repeat_window(longest);
        let operator =
            Operator::builder(world.store.clone()).clock(world.clock.clone()).retention(retention).build();
        let round = operator.tick().await;
        assert!(round.failures.is_empty());
    }
}

/// S1, S3: a limit of nothing and of everything is answered.
#[tokio::test]
async fn limits_of_nothing_and_of_everything_are_answered() {
    let world = World::new();
    let id = world.created().await;
    for _ in 0..3 {
        world.service.start_session(id).await.unwrap();
        world.link(id).await;
    }
    // From 1, says the listing.
    for (limit, found) in [(0, 1), (1, 1), (2, 2), (3, 3), (u32::MAX, 3)] {
        assert_eq!(world.service.links(id, None, limit).await.unwrap().len(), found);
        assert_eq!(world.service.sessions(id, None, limit).await.unwrap().len(), found);
    }
    let first = LinkId::from_u128(0);
    assert!(world.service.links(id, Some(first), u32::MAX).await.unwrap().is_empty());
    assert_eq!(world.service.links(id, Some(LinkId::from_u128(u128::MAX)), u32::MAX).await.unwrap().len(), 3);

    assert!(world.store.pending(None, 0).await.unwrap().is_empty());
    let all = world.store.pending(None, u32::MAX).await.unwrap();
    // Created; three links, two of which superseded one.
    assert_eq!(all.len(), 6);
    for receipt in ["", "-", "0", "x-y", "999999-1", "0-18446744073709551615", "-1-1"] {
        assert_eq!(world.store.acknowledge(vec![Receipt::new(receipt)]).await.unwrap(), 0, "{receipt}");
        if let Err(error) = world.store.pending(Some(Receipt::new(receipt)), u32::MAX).await {
            assert_eq!(error.retry(), Retry::Useless, "{receipt}");
        }
    }

    let clock = ManualClock::at(Timestamp::MAX);
    for batch in [0, u32::MAX] {
        let operator = Operator::builder(world.store.clone()).clock(clock.clone()).batch(batch).build();
        let mut rounds = 0;
        operator
            .run(no_sleep, |round| {
                rounds += 1;
                assert!(round.failures.is_empty());
                rounds < 3
            })
            .await;
        assert_eq!(rounds, 3);
    }
    assert_eq!(world.store.counts().links, 0);
}

/// I1, L7, S6: each kind of text is read by `parse` as by its constructor.
#[test]
fn texts_are_parsed() {
    assert_eq!("acme-eu".parse(), TenantId::new("acme-eu"));
    assert_eq!("Acme".parse::<TenantId>(), Err(TextError::Alphabet));
    assert_eq!("inq_1".parse(), InquiryId::new("inq_1"));
    assert_eq!("itmpl_1".parse(), TemplateId::new("itmpl_1"));
    assert_eq!("user 7".parse(), ReferenceId::new("user 7"));
    assert_eq!("jo".parse(), Creator::new("jo"));
    assert_eq!(format!("{:>4}", Receipt::new("7")), "   7");
}
