//! Changing an inquiry, and what dies with its epoch (L4, R3, E6, V1).

use super::{
    Fixture,
    race::race,
    stage::{AFTER_RESUME, DEADLINE, Link, Stage, interval, micros, policy, sec},
};
use crate::{
    event::EventKind,
    id::{InquiryId, SessionId},
    inquiry::{Action, Status},
    redemption::{Refusal, Verdict},
    store::{ChangeOutcome, LinkStore},
};

/// S1, I3: a change that was computed from an older version is a conflict, and writes nothing.
pub async fn a_stale_change_is_a_conflict<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let first = stage.record(inquiry).await;
    let stale = stage.step(&first, Action::Expire, sec(2)).expect("it can expire");
    stage.act(inquiry, Action::Start, sec(1)).await;
    let before = stage.all(inquiry).await;
    assert_eq!(before.inquiry.version, first.version + 1, "a change must move the version on by one");
    assert_eq!(before.inquiry.inquiry.status, Status::Pending, "a start was not written");
    assert_eq!(
        stage.change(stale).await,
        ChangeOutcome::Conflict,
        "a change from an older version was taken"
    );
    assert_eq!(stage.all(inquiry).await, before, "a change that was a conflict wrote something");

    let mut unknown = stage.step(&before.inquiry, Action::Complete, sec(3)).expect("it can be completed");
    unknown.step.inquiry.id = stage.new_inquiry_id();
    assert_eq!(stage.change(unknown).await, ChangeOutcome::NotFound, "a change of an unknown inquiry");
}
