//! The lifecycle of an inquiry, without a store.

use inquiry_otl::{
    Action, EventKind, ExpirationPolicy, Expiry, Inquiry, InquiryId, Interval, Phase, ReferenceId, Status,
    TemplateId, Timestamp, TransitionError, inquiry::EpochEnd,
};
use proptest::prelude::*;

use crate::support::{moved, seconds};

/// For each status what each action leads to, in the order of `Action::ALL`; `-` is an error, `?` a start that
/// depends on whether there was one.
const TABLE: [(&str, [&str; 9]); 8] = [
    ("created", ["pending", "-", "-", "expired", "created", "-", "-", "-", "created"]),
    ("pending", ["?", "completed", "failed", "expired", "pending", "-", "-", "-", "pending"]),
    ("completed", ["-", "-", "-", "-", "-", "approved", "needs_review", "declined", "completed"]),
    ("failed", ["-", "-", "-", "-", "-", "approved", "needs_review", "declined", "failed"]),
    ("expired", ["-", "-", "-", "-", "pending", "-", "-", "-", "expired"]),
    ("approved", ["-", "-", "-", "-", "-", "-", "needs_review", "declined", "approved"]),
    ("needs_review", ["-", "-", "-", "-", "-", "approved", "-", "declined", "needs_review"]),
    ("declined", ["-", "-", "-", "-", "-", "approved", "needs_review", "-", "declined"]),
];

/// What an action that is an error would have led to.
const WANTED: [&str; 9] =
    ["pending", "completed", "failed", "expired", "pending", "approved", "needs_review", "declined", ""];

/// Actions that make no sense without the person's data.
const NEEDS_DATA: [bool; 9] = [true, true, true, false, true, false, false, false, true];

const EVENTS: [&str; 9] = [
    "inquiry.started",
    "inquiry.completed",
    "inquiry.failed",
    "inquiry.expired",
    "inquiry.resumed",
    "inquiry.approved",
    "inquiry.marked-for-review",
    "inquiry.declined",
    "inquiry.redacted",
];

fn born() -> Timestamp {
    Timestamp::from_unix_micros(1_700_000_000_000_000).unwrap()
}

fn now() -> Timestamp {
    born().plus(seconds(60))
}

fn new(policy: ExpirationPolicy) -> Inquiry {
    Inquiry::new(InquiryId::new("inq_1").unwrap(), TemplateId::new("itmpl_1").unwrap(), policy, born())
}

fn status(name: &str) -> Status {
    name.parse().unwrap()
}

/// An inquiry as a store may hold it.
fn inquiry(name: &str, started: bool, redacted: bool, lapsed: bool) -> Inquiry {
    let mut inquiry = new(ExpirationPolicy::default());
    inquiry.status = status(name);
    inquiry.started_at = started.then_some(born());
    inquiry.redacted_at = redacted.then_some(born());
    inquiry.expired_at = (name == "expired").then_some(born());
    if lapsed {
        inquiry.expires_at = now();
    }
    inquiry
}

fn names(events: &[Option<EventKind>]) -> Vec<&'static str> {
    events.iter().flatten().map(EventKind::name).collect()
}

/// I2, I3, I4, I6, R1, V1: every action on every status, started or not, redacted or not, lapsed or not.
#[test]
fn every_transition_is_as_the_table_says() {
    for (name, row) in TABLE {
        for variant in 0..8 {
            let (started, redacted, lapsed) = (variant & 1 > 0, variant & 2 > 0, variant & 4 > 0);
            let before = inquiry(name, started, redacted, lapsed);
            let lapsed = lapsed && matches!(name, "created" | "pending");
            let (from, row) = if lapsed { ("expired", TABLE[4].1) } else { (name, row) };
            for (place, action) in Action::ALL.into_iter().enumerate() {
                let told = format!("{action:?} of {before:?}");
                let result = before.after(action, now());
                if lapsed && action == Action::Expire {
                    let step = result.expect(&told);
                    assert_eq!(step.inquiry.status, Status::Expired, "{told}");
                    assert_eq!(
                        step.events,
                        [
                            Some(EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: now() }),
                            None
                        ]
                    );
                    continue;
                }
                if redacted && NEEDS_DATA[place] {
                    assert_eq!(result.err(), Some(TransitionError::Redacted), "{told}");
                    continue;
                }
                let to = match row[place] {
                    "?" if started => "-",
                    "?" => "pending",
                    other => other,
                };
                if to == "-" {
                    let refused =
                        TransitionError::NotAllowed { from: status(from), to: status(WANTED[place]) };
                    assert_eq!(result.err(), Some(refused), "{told}");
                    let text = refused.to_string();
                    assert!(text.contains(from) && text.contains(WANTED[place]), "{text}");
                    continue;
                }
                let step = result.expect(&told);
                assert_eq!(step.inquiry.status, status(to), "{told}");
                let expired = lapsed.then_some("inquiry.expired");
                let wanted: Vec<_> = expired.into_iter().chain([EVENTS[place]]).collect();
                assert_eq!(names(&step.events), wanted, "{told}");
            }
        }
    }
}

/// L4, I4: what ends an inquiry ends its epoch, once, and says why; a start, a resume and a decision do not.
#[test]
fn the_epoch_ends_with_the_inquiry_and_only_then() {
    let ends =
        |name: &str, redacted, action| inquiry(name, true, redacted, false).after(action, now()).unwrap();
    for (name, action, why) in [
        ("created", Action::Expire, Some(EpochEnd::Expired(Expiry::Requested))),
        ("pending", Action::Expire, Some(EpochEnd::Expired(Expiry::Requested))),
        ("pending", Action::Complete, Some(EpochEnd::Completed)),
        ("pending", Action::Fail, Some(EpochEnd::Failed)),
        ("created", Action::Redact, Some(EpochEnd::Redacted)),
        ("pending", Action::Redact, Some(EpochEnd::Redacted)),
        ("completed", Action::Redact, None),
        ("created", Action::Start, None),
        ("created", Action::Resume, None),
        ("pending", Action::Resume, None),
        ("expired", Action::Resume, None),
        ("completed", Action::Approve, None),
        ("completed", Action::MarkForReview, None),
        ("completed", Action::Decline, None),
    ] {
        assert_eq!(ends(name, false, action).ends_epoch, why.map(|why| (why, now())), "{action:?} of {name}");
    }
    assert_eq!(ends("pending", true, Action::Expire).ends_epoch, None);
    let lapsed = inquiry("pending", true, false, true).after(Action::Resume, now()).unwrap();
    assert_eq!(lapsed.ends_epoch, Some((EpochEnd::Expired(Expiry::Deadline), now())));
}

/// I2: the statuses are Persona's, each in its phase.
#[test]
fn the_statuses_are_personas() {
    let wanted = [
        ("created", Phase::Created),
        ("pending", Phase::Pending),
        ("completed", Phase::Done),
        ("failed", Phase::Done),
        ("expired", Phase::Done),
        ("approved", Phase::PostInquiry),
        ("needs_review", Phase::PostInquiry),
        ("declined", Phase::PostInquiry),
    ];
    let found = Status::ALL.map(|status| (status.as_str(), status.phase()));
    assert_eq!(found, wanted);
    for (name, _) in wanted {
        assert_eq!(status(name).to_string(), name);
    }
    for name in ["", "Created", "needs-review", "archived"] {
        assert!(name.parse::<Status>().is_err(), "{name}");
    }
}

/// I1: an inquiry has an id, a template, and a reference if the application gave one.
#[test]
fn an_inquiry_has_an_id_a_template_and_perhaps_a_reference() {
    let plain = new(ExpirationPolicy::default());
    assert_eq!((plain.id.as_str(), plain.template.as_str(), &plain.reference), ("inq_1", "itmpl_1", &None));
    let reference = ReferenceId::new("user 7").unwrap();
    assert_eq!(plain.with_reference(reference.clone()).reference, Some(reference));
}

/// I5, I6: one microsecond before its deadline an inquiry is open, at the deadline it is expired.
#[test]
fn at_the_deadline_it_is_expired() {
    for name in ["created", "pending"] {
        let inquiry = inquiry(name, true, false, false);
        let before = moved(inquiry.expires_at, -1);
        assert!(inquiry.is_open(before));
        assert_eq!((inquiry.status_at(before), inquiry.lapsed_at(before)), (status(name), None));
        assert_eq!(inquiry.as_of(before), inquiry);
        for late in [0, 1] {
            let now = moved(inquiry.expires_at, late);
            assert!(!inquiry.is_open(now));
            assert_eq!(inquiry.status_at(now), Status::Expired);
            assert_eq!(inquiry.lapsed_at(now), Some(inquiry.expires_at));
            let seen = inquiry.as_of(now);
            assert_eq!((seen.status, seen.expired_at), (Status::Expired, Some(inquiry.expires_at)));
        }
    }
}

/// I4, I5: neither a redacted nor a closed inquiry is open, however far its deadline.
#[test]
fn only_created_and_pending_are_open() {
    for (name, _) in TABLE {
        let open = matches!(name, "created" | "pending");
        assert_eq!(inquiry(name, true, false, false).is_open(born()), open, "{name}");
        assert!(!inquiry(name, true, true, false).is_open(born()), "{name}");
        if !open {
            assert_eq!(inquiry(name, true, false, true).status_at(Timestamp::MAX), status(name));
        }
    }
}

/// E1: the deadline of a new inquiry is its creation and the window, 24 hours unless told otherwise.
#[test]
fn a_new_inquiry_is_open_for_the_window_from_creation() {
    assert_eq!(new(ExpirationPolicy::default()).expires_at, born().plus(seconds(86_400)));
    let policy = ExpirationPolicy::default().with_after_create(seconds(7));
    assert_eq!(new(policy).expires_at, born().plus(seconds(7)));
}

/// E2: a start moves the deadline to the start and its window, sooner or later than before.
#[test]
fn a_start_moves_the_deadline_sooner_or_later() {
    let start = |policy| new(policy).after(Action::Start, now()).unwrap().inquiry;
    let policy = ExpirationPolicy::default();
    assert_eq!(start(policy.with_after_start(seconds(5))).expires_at, now().plus(seconds(5)));
    let later = seconds(1_000_000);
    assert_eq!(start(policy.with_after_start(later)).expires_at, now().plus(later));
    let unset = start(policy.with_after_create(seconds(100)));
    assert_eq!((unset.expires_at, unset.started_at), (now().plus(seconds(100)), Some(now())));
}

/// I3, D7: a start of a pending inquiry that never started changes neither status nor deadline.
#[test]
fn a_late_start_is_only_recorded() {
    let before = inquiry("pending", false, false, false);
    let step = before.after(Action::Start, now()).unwrap();
    let mut wanted = before;
    wanted.started_at = Some(now());
    assert_eq!(step.inquiry, wanted);
}

/// E3, R2: a resume of an open inquiry never shortens its deadline, keeps its status, and ends nothing.
#[test]
fn a_resume_of_an_open_inquiry_never_shortens_its_deadline() {
    for name in ["created", "pending"] {
        let mut long = inquiry(name, true, false, false);
        long.expires_at = now().plus(seconds(86_401));
        let step = long.after(Action::Resume, now()).unwrap();
        let mut wanted = long.clone();
        wanted.resumed_at = Some(now());
        assert_eq!(step.inquiry, wanted);
        assert!(!step.resets_sessions);
        long.expires_at = now().plus(seconds(86_399));
        let step = long.after(Action::Resume, now()).unwrap();
        assert_eq!(
            (step.inquiry.status, step.inquiry.expires_at),
            (status(name), now().plus(seconds(86_400)))
        );
    }
}

/// R2, E3, E6: a resume from expired makes it pending, for the window, and counts sessions anew.
#[test]
fn a_resume_from_expired_begins_again() {
    let mut expired = inquiry("expired", true, false, false);
    // Its old deadline lies far ahead: it was expired by request.
    expired.expires_at = now().plus(seconds(1_000_000));
    let step = expired.after(Action::Resume, now()).unwrap();
    let mut wanted = expired;
    wanted.status = Status::Pending;
    wanted.expires_at = now().plus(seconds(86_400));
    wanted.resumed_at = Some(now());
    wanted.expired_at = None;
    assert_eq!(step.inquiry, wanted);
    assert!(step.resets_sessions);
    let lapsed = inquiry("created", false, false, true).after(Action::Resume, now()).unwrap();
    assert_eq!(lapsed.inquiry.status, Status::Pending);
    assert!(lapsed.resets_sessions);
}

/// I3: each action leaves its instant, and the last of them is when the inquiry ended.
#[test]
fn each_action_leaves_its_instant() {
    let at = |second| born().plus(seconds(second));
    let take = |inquiry: &Inquiry, action, second| inquiry.after(action, at(second)).unwrap().inquiry;
    let done = take(&take(&new(ExpirationPolicy::default()), Action::Start, 1), Action::Complete, 2);
    assert_eq!(
        (done.started_at, done.completed_at, done.ended_at()),
        (Some(at(1)), Some(at(2)), Some(at(2)))
    );
    let review = take(&done, Action::MarkForReview, 3);
    assert_eq!((review.marked_for_review_at, review.ended_at()), (Some(at(3)), Some(at(3))));
    let approved = take(&review, Action::Approve, 4);
    assert_eq!((approved.decisioned_at, approved.ended_at()), (Some(at(4)), Some(at(4))));
    let declined = take(&approved, Action::Decline, 5);
    assert_eq!((declined.decisioned_at, declined.ended_at()), (Some(at(5)), Some(at(5))));
    let redacted = take(&declined, Action::Redact, 6);
    assert_eq!((redacted.redacted_at, redacted.ended_at()), (Some(at(6)), Some(at(6))));
    let failed = take(&take(&new(ExpirationPolicy::default()), Action::Start, 1), Action::Fail, 2);
    assert_eq!((failed.failed_at, failed.ended_at()), (Some(at(2)), Some(at(2))));
    let expired = take(&new(ExpirationPolicy::default()), Action::Expire, 3);
    assert_eq!((expired.expired_at, expired.ended_at()), (Some(at(3)), Some(at(3))));
    assert_eq!(new(ExpirationPolicy::default()).ended_at(), None);
}

fn intervals() -> impl Strategy<Value = Interval> {
    prop_oneof![Just(1), Just(i64::from(u32::MAX)), 1..=i64::from(u32::MAX)].prop_map(seconds)
}

fn instants() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(0), Just(Timestamp::MAX.unix_micros()), 0..=Timestamp::MAX.unix_micros()]
        .prop_map(|micros| Timestamp::from_unix_micros(micros).unwrap())
}

proptest! {
    /// E8, E10, I4: any actions at any instants never panic, never change the policy, never undo a redaction.
    #[test]
    fn any_life_keeps_what_must_be_kept(
        windows in (intervals(), intervals(), intervals()),
        born in instants(),
        actions in prop::collection::vec((0..9_usize, instants()), 0..20),
    ) {
        let policy = ExpirationPolicy::default()
            .with_after_create(windows.0)
            .with_after_start(windows.1)
            .with_after_resume(windows.2);
        let mut inquiry = Inquiry::new(
            InquiryId::new("inq_1").unwrap(), TemplateId::new("itmpl_1").unwrap(), policy, born,
        );
        for (action, now) in actions {
            let Ok(step) = inquiry.after(Action::ALL[action], now) else { continue };
            prop_assert_eq!(step.inquiry.policy, policy);
            prop_assert!(inquiry.redacted_at.is_none() || step.inquiry.redacted_at == inquiry.redacted_at);
            prop_assert!(!(inquiry.redacted_at.is_some() && step.inquiry.is_open(now)));
            prop_assert!(!(inquiry.redacted_at.is_some() && step.ends_epoch.is_some()));
            prop_assert!(step.events[0].is_some());
            inquiry = step.inquiry;
        }
    }
}
