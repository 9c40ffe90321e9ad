//! Creating links (L1, L2, L5, E4, E5).

use super::{
    Fixture,
    race::race,
    stage::{DEADLINE, LINK, Link, Stage, derived_from, keys, micros, return_same, sec},
};
use crate::{
    event::{EventKind, Revocation},
    id::InquiryId,
    inquiry::Action,
    issuance::{IssueLink, Lifetime, Outstanding},
    keyring::KeySet,
    link::Purpose,
    record::{LinkRecord, LinkState},
    redemption::{Refusal, Verdict},
    session::NotOpen,
    store::{IssueOutcome, LinkName, LinkStore},
    text::Creator,
    time::Timestamp,
};

/// L2, E4, E5: a link lives as it was asked for, or as the policy says for its purpose; never past the deadline.
pub async fn a_link_lives_as_it_should<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let session = stage.start(inquiry, sec(0)).await;
    let at = sec(100);
    let link = |purpose, lifetime| {
        let parent = (purpose == Purpose::DeviceHandoff).then_some(session);
        IssueLink { purpose, parent, lifetime, ..stage.new_link(inquiry, at) }
    };
    for (command, expected, what) in [
        (link(Purpose::Resume, Lifetime::ByPolicy), sec(100 + LINK), "by policy (E4)"),
        (link(Purpose::DeviceHandoff, Lifetime::ByPolicy), sec(1_000), "by policy (E5)"),
        (link(Purpose::Resume, Lifetime::Until(micros(at, 7))), micros(at, 7), "as asked for"),
        (link(Purpose::Resume, Lifetime::Until(sec(DEADLINE))), sec(DEADLINE), "until the deadline"),
        (link(Purpose::Resume, Lifetime::Until(sec(DEADLINE + 1))), sec(DEADLINE), "past the deadline"),
        (link(Purpose::DeviceHandoff, Lifetime::Until(Timestamp::MAX)), sec(DEADLINE), "for ever"),
    ] {
        assert_eq!(stage.issued(command).await.expires_at, expected, "when a link expires that lives {what}");
    }
    let late = stage.issued(stage.new_link(inquiry, sec(DEADLINE - 10))).await;
    assert_eq!(late.expires_at, sec(DEADLINE), "a link's own window does not outlive the inquiry");
}

/// L7, L3, V1: a new link is kept with everything that it was created with, and its creation is an event.
pub async fn a_new_link_is_kept_whole<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let command = IssueLink {
        derivation: Some(derived_from(31, 7)),
        creator: Some(Creator::new("agent ünï").expect("a creator")),
        ..stage.new_link(inquiry, micros(sec(9), 1))
    };
    let IssueOutcome::Issued { link, events } = stage.issue_as(command.clone()).await else {
        panic!("a link of an open inquiry was not created");
    };
    let record = stage.record(inquiry).await;
    let expected = LinkRecord {
        tenant: stage.tenant,
        id: command.link,
        inquiry,
        purpose: Purpose::Resume,
        parent: None,
        creator: command.creator,
        digest: command.digest,
        derivation: command.derivation,
        epoch: record.epoch,
        generation: record.generations.resume.number,
        created_at: micros(sec(9), 1),
        expires_at: micros(sec(9 + LINK), 1),
        revoked_at: None,
        state: LinkState::Unused,
    };
    assert_eq!(link, expected, "the link that was answered");
    for name in [LinkName::Digest(command.digest), LinkName::Id(inquiry, command.link)] {
        let view = stage.inspect(name).await.expect("a new link cannot be found");
        assert_eq!(view.link, expected, "the link that is found by {name:?}");
        assert_eq!((view.session, view.parent), (None, None), "a new link has no session");
        assert_eq!(view.inquiry, record, "the inquiry that is found with it");
    }
    let events = stage.events(inquiry, &events);
    let kind = EventKind::LinkCreated { link: link.id, purpose: link.purpose, expires_at: link.expires_at };
    assert_eq!(events.len(), 1, "creating a link, with nothing to supersede, is one event");
    assert_eq!((events[0].id, events[0].kind), (command.event, kind), "the event of a new link");
    assert_eq!((events[0].sequence, record.last_sequence), (Some(2), 2), "its number");
}

/// L1: no link is created for an inquiry that is not open, and the answer says why.
pub async fn only_open_inquiries_get_links<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for action in [Action::Complete, Action::Fail, Action::Expire, Action::Redact] {
        let inquiry = stage.inquiry().await;
        stage.act(inquiry, Action::Start, sec(1)).await;
        stage.act(inquiry, action, sec(2)).await;
        let before = stage.all(inquiry).await;
        let expected = match action {
            Action::Expire => NotOpen::Expired { at: sec(2) },
            Action::Redact => NotOpen::Redacted,
            _ => NotOpen::Closed { status: before.inquiry.inquiry.status },
        };
        match stage.issue_as(stage.new_link(inquiry, sec(3))).await {
            IssueOutcome::NotOpen { reason, events } => {
                assert_eq!(reason, expected, "why there is no link after {action:?}");
                assert!(events.is_empty(), "a link that was not created is no event");
            }
            outcome => panic!("after {action:?} a link was asked for, and it came to {outcome:?}"),
        }
        assert_eq!(stage.all(inquiry).await, before, "a link that was not created changed something");
    }
    let unknown = stage.new_link(stage.new_inquiry_id(), sec(3));
    assert_eq!(
        stage.issue_as(unknown).await,
        IssueOutcome::NotFound,
        "a link for an inquiry that is not there"
    );
}

/// L5: superseding kills all earlier links of the purpose, however many, and no other; it is one event.
pub async fn superseding_kills_the_purpose<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let session = stage.start(inquiry, sec(0)).await;
    let mut earlier = Vec::new();
    for _ in 0..3 {
        earlier.push(stage.issue(inquiry, sec(1)).await);
    }
    let handoff = stage.issue_link(handoff(&stage, inquiry, session)).await;
    let held = stage.claim(earlier[2], sec(2)).await;
    let command = IssueLink { outstanding: Outstanding::Supersede, ..stage.new_link(inquiry, sec(3)) };
    let IssueOutcome::Issued { link, events } = stage.issue_as(command.clone()).await else {
        panic!("a superseding link was not created");
    };
    let kinds: Vec<_> = stage.events(inquiry, &events).iter().map(|event| event.kind).collect();
    let superseded = EventKind::LinkSuperseded { purpose: Purpose::Resume, by: link.id };
    let created =
        EventKind::LinkCreated { link: link.id, purpose: link.purpose, expires_at: link.expires_at };
    assert_eq!(kinds, [superseded, created], "the events of a superseding link");
    let gone = Verdict::Refused(Refusal::Superseded { by: Some(link.id), at: Some(sec(3)) });
    for link in earlier {
        assert_eq!(stage.redeem(link, sec(4)).await, gone, "a link that was superseded");
    }
    assert_eq!(stage.commit(&held, sec(4)).await.verdict, gone, "the commit of a claim on a superseded link");
    assert_eq!(stage.redeem(handoff, sec(4)).await, Verdict::FirstUse, "a link of the other purpose");
    let new = Link { id: link.id, inquiry, digest: link.digest };
    assert_eq!(stage.redeem(new, sec(4)).await, Verdict::FirstUse, "the link that superseded the others");
}

/// L5: superseding 1000 links is one call, and kills them all.
pub async fn superseding_kills_a_thousand<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let commands: Vec<_> = (0..1_000).map(|_| stage.new_link(inquiry, sec(1))).collect();
    let some: Vec<_> = commands.iter().step_by(97).map(|link| link.digest).collect();
    for outcome in stage.store.issue_many(commands).await {
        let outcome = outcome.expect("the store failed to create one of 1000 links");
        assert!(matches!(outcome, IssueOutcome::Issued { .. }), "one of 1000 links came to {outcome:?}");
    }
    let command = IssueLink { outstanding: Outstanding::Supersede, ..stage.new_link(inquiry, sec(2)) };
    let by = stage.issued(command).await.id;
    for digest in some {
        let verdict = stage.redeem_as(stage.new_redeem(digest, sec(3))).await.verdict;
        let gone = Refusal::Superseded { by: Some(by), at: Some(sec(2)) };
        assert_eq!(verdict, Verdict::Refused(gone), "one of 1000 links that were superseded");
    }
}

/// L5: keeping leaves the other links as they are.
pub async fn keeping_keeps<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let (first, second) = (stage.issue(inquiry, sec(1)).await, stage.issue(inquiry, sec(2)).await);
    assert_eq!(
        stage.redeem(first, sec(3)).await,
        Verdict::FirstUse,
        "a link beside which another was created"
    );
    assert_eq!(stage.redeem(second, sec(3)).await, Verdict::FirstUse, "and the other one");
}

/// L5: the same link is given again, as it is: the newest that is free, whose key is in the set and that lives long enough.
pub async fn the_same_link_is_returned<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let session = stage.start(inquiry, sec(0)).await;
    let by_key = |key, until| IssueLink {
        derivation: Some(derived_from(key, key)),
        lifetime: Lifetime::Until(until),
        ..stage.new_link(inquiry, sec(1))
    };
    let oldest = stage.issued(by_key(1, sec(500))).await;
    let fits = stage.issued(by_key(2, sec(400))).await;
    stage.issued(by_key(1, sec(399))).await; // Too short.
    stage.issued(by_key(3, sec(500))).await; // Its key is not in the set.
    stage.issue(inquiry, sec(1)).await; // It has no key.
    stage
        .issued(IssueLink { derivation: Some(derived_from(1, 9)), ..handoff(&stage, inquiry, session) })
        .await;
    let asked = || IssueLink {
        derivation: Some(derived_from(1, 40)),
        outstanding: Outstanding::ReturnSame { keys: keys(), live_until: sec(400) },
        lifetime: Lifetime::Until(sec(3_000)),
        ..stage.new_link(inquiry, sec(2))
    };
    let before = stage.all(inquiry).await;
    let command = asked();
    let IssueOutcome::Reused { link, events } = stage.issue_as(command.clone()).await else {
        panic!("a link that fits was not returned");
    };
    assert_eq!(link, fits, "the link that was returned is not the newest that fits, as it is kept");
    let [event] = &stage.events(inquiry, &events)[..] else {
        panic!("returning the same link must be one event");
    };
    assert_eq!((event.id, event.kind), (command.event, EventKind::LinkReused { link: fits.id }), "its event");
    assert_eq!(event.sequence, Some(before.inquiry.last_sequence + 1), "the number of its event");
    let mut after = stage.all(inquiry).await;
    after.inquiry.last_sequence -= 1;
    assert_eq!(after, before, "returning the same link changed more than the count of events");
    assert_eq!(stage.inspect(LinkName::Digest(command.digest)).await, None, "and kept the new one, too");

    let fits = Link { id: fits.id, inquiry, digest: fits.digest };
    let held = stage.claim(fits, sec(2)).await;
    let again = stage.issue_as(asked()).await;
    assert!(
        matches!(&again, IssueOutcome::Reused { link, .. } if link.id == oldest.id),
        "while claimed: {again:?}"
    );
    let later = IssueLink { now: held.until, ..asked() };
    let again = stage.issue_as(later).await;
    assert!(
        matches!(&again, IssueOutcome::Reused { link, .. } if link.id == fits.id),
        "its lease over: {again:?}"
    );
    stage.use_first(fits, sec(50)).await;
    let again = stage.issue_as(IssueLink { now: sec(60), ..asked() }).await;
    assert!(
        matches!(&again, IssueOutcome::Reused { link, .. } if link.id == oldest.id),
        "when used: {again:?}"
    );
}

/// L5: if no link fits, a new one supersedes the others: what is dead, used, expired or of another life never fits.
pub async fn what_does_not_fit_is_superseded<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = |key| IssueLink { derivation: Some(derived_from(key, 1)), ..stage.new_link(inquiry, sec(1)) };
    let asked = |now| IssueLink { outstanding: return_same(now), now, ..link(1) };

    let first = stage.issued(asked(sec(1))).await;
    stage.revoke(inquiry, Revocation::Link(first.id), sec(2)).await;
    let second = stage.issued(asked(sec(3))).await;
    assert_ne!(
        second.generation, first.generation,
        "a link that was revoked alone still belongs to its generation"
    );
    stage.revoke(inquiry, Revocation::AllLinks, sec(4)).await;
    let third = stage.issued(asked(sec(5))).await;
    let nothing = Outstanding::ReturnSame { keys: KeySet::from_bits(1 << 9), live_until: sec(5) };
    let fourth = stage.issued(IssueLink { outstanding: nothing, ..asked(sec(6)) }).await;
    let dead = Link { id: third.id, inquiry, digest: third.digest };
    let superseded = Verdict::Refused(Refusal::Superseded { by: Some(fourth.id), at: Some(sec(6)) });
    assert_eq!(stage.redeem(dead, sec(7)).await, superseded, "a link that did not fit");
    stage.use_first(Link { id: fourth.id, inquiry, digest: fourth.digest }, sec(7)).await;
    let fifth = stage.issued(asked(sec(8))).await;
    let sixth = stage.issue_as(asked(fifth.expires_at)).await;
    assert!(matches!(sixth, IssueOutcome::Issued { .. }), "an expired link was returned: {sixth:?}");
    stage.act(inquiry, Action::Expire, fifth.expires_at).await;
    stage.act(inquiry, Action::Resume, fifth.expires_at).await;
    let seventh = stage.issue_as(asked(fifth.expires_at)).await;
    assert!(matches!(seventh, IssueOutcome::Issued { .. }), "a link from before the expiry was returned");
}

/// E5: a hand-off link needs a live session, is bounded by it, and dies when it is revoked; another session's is not returned.
pub async fn a_hand_off_link_follows_its_session<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let session = stage.start(inquiry, sec(0)).await;
    let other = stage.start(inquiry, sec(0)).await;
    stage.act(inquiry, Action::Resume, sec(1)).await;
    let long = IssueLink { lifetime: Lifetime::Until(Timestamp::MAX), ..handoff(&stage, inquiry, session) };
    let link = stage.issued(IssueLink { derivation: Some(derived_from(1, 1)), ..long }).await;
    assert_eq!(link.expires_at, sec(DEADLINE), "a hand-off link outlives the session that made it");
    assert_eq!(link.parent, Some(session), "a hand-off link forgot the session that made it");
    let link = Link { id: link.id, inquiry, digest: link.digest };
    let view = stage.view(link).await;
    assert_eq!(
        view.parent.map(|parent| parent.id),
        Some(session),
        "the session that made a link is shown with it"
    );

    let asked = IssueLink {
        derivation: Some(derived_from(1, 2)),
        outstanding: return_same(sec(2)),
        ..handoff(&stage, inquiry, other)
    };
    let others = stage.issue_as(asked).await;
    assert!(matches!(others, IssueOutcome::Issued { .. }), "a link that another session made was returned");

    let link = stage.issue_link(handoff(&stage, inquiry, session)).await;
    stage.revoke(inquiry, Revocation::Session(session), sec(5)).await;
    let dead = Verdict::Refused(Refusal::Revoked { at: sec(5) });
    assert_eq!(stage.redeem(link, sec(6)).await, dead, "a hand-off link whose session was revoked");
    for parent in [session, stage.new_session_id()] {
        let command = IssueLink { now: sec(7), ..handoff(&stage, inquiry, parent) };
        let before = stage.all(inquiry).await;
        let outcome = stage.issue_as(command).await;
        assert_eq!(outcome, IssueOutcome::SessionNotLive, "a hand-off link of a session that is not live");
        assert_eq!(
            stage.all(inquiry).await,
            before,
            "a hand-off link that was not created changed something"
        );
    }
}

/// L5, T8: 16 simultaneous creations that return the same link give out one, and none is an error.
pub async fn simultaneous_creations_return_one_link<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for _ in 0..8 {
        let inquiry = stage.inquiry().await;
        let racers = stage.clone();
        let outcomes = race(16, move |_| {
            let stage = racers.clone();
            let command = IssueLink {
                derivation: Some(derived_from(1, 1)),
                outstanding: return_same(sec(1)),
                ..stage.new_link(inquiry, sec(1))
            };
            async move { stage.issue_as(command).await }
        })
        .await;
        let mut given: Vec<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                IssueOutcome::Issued { link, .. } | IssueOutcome::Reused { link, .. } => link.id,
                outcome => panic!("one of 16 simultaneous creations came to {outcome:?}"),
            })
            .collect();
        given.dedup();
        assert_eq!(given.len(), 1, "16 simultaneous creations that return the same link gave out several");
        let created =
            outcomes.iter().filter(|outcome| matches!(outcome, IssueOutcome::Issued { .. })).count();
        assert_eq!(created, 1, "and one of them says that it is new");
        assert_eq!(stage.all(inquiry).await.links.len(), 1, "and one is kept");
    }
}

/// L5: after 16 simultaneous creations that supersede exactly one link is live.
pub async fn simultaneous_creations_leave_one_live<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for _ in 0..8 {
        let inquiry = stage.inquiry().await;
        let racers = stage.clone();
        let links = race(16, move |_| {
            let stage = racers.clone();
            let link = stage.new_link(inquiry, sec(1));
            let command = IssueLink { outstanding: Outstanding::Supersede, ..link };
            async move { stage.issue_link(command).await }
        })
        .await;
        let mut live = 0;
        for link in links {
            live += u32::from(stage.redeem(link, sec(2)).await == Verdict::FirstUse);
        }
        assert_eq!(live, 1, "after simultaneous creations that supersede exactly one link is live");
    }
}

/// S3: an id or a digest that is taken creates nothing, and leaves everything as it is.
pub async fn a_taken_name_creates_nothing<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let elsewhere = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let before = (stage.all(inquiry).await, stage.all(elsewhere).await);
    for inquiry in [inquiry, elsewhere] {
        let new = || IssueLink { outstanding: Outstanding::Supersede, ..stage.new_link(inquiry, sec(2)) };
        let digest = IssueLink { digest: link.digest, ..new() };
        assert_eq!(stage.issue_as(digest).await, IssueOutcome::Taken, "a digest was given to two links");
    }
    let id =
        IssueLink { link: link.id, outstanding: Outstanding::Supersede, ..stage.new_link(inquiry, sec(2)) };
    assert_eq!(stage.issue_as(id).await, IssueOutcome::Taken, "an id was given to two links");
    let after = (stage.all(inquiry).await, stage.all(elsewhere).await);
    assert_eq!(after, before, "a link that was not created, since its name is taken, changed something");
    assert_eq!(stage.redeem(link, sec(3)).await, Verdict::FirstUse, "the link that had the name first");
}

/// S1, L5: many creations in one call answer one by one, in order; one that fails takes no other with it.
pub async fn many_creations_answer_one_by_one<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let (first, second, ended) = (stage.inquiry().await, stage.inquiry().await, stage.inquiry().await);
    stage.act(ended, Action::Expire, sec(1)).await;
    let taken = stage.issue(first, sec(1)).await;
    let fine = stage.new_link(first, sec(2));
    let commands = vec![
        fine.clone(),
        stage.new_link(ended, sec(2)),
        stage.new_link(stage.new_inquiry_id(), sec(2)),
        IssueLink { digest: taken.digest, ..stage.new_link(second, sec(2)) },
        // It sees what came before it.
        IssueLink { outstanding: Outstanding::Supersede, ..stage.new_link(first, sec(2)) },
        stage.new_link(second, sec(2)),
    ];
    let links: Vec<_> = commands.iter().map(|command| command.link).collect();
    let outcomes = stage.store.issue_many(commands).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("the store failed")).collect();
    let issued = |n: usize| matches!(&outcomes[n], IssueOutcome::Issued { link, .. } if link.id == links[n]);
    assert_eq!(outcomes.len(), links.len(), "there must be as many answers as commands");
    assert!(issued(0) && issued(4) && issued(5), "the commands that can be carried out: {outcomes:?}");
    assert!(
        matches!(outcomes[1], IssueOutcome::NotOpen { .. }),
        "the one of an ended inquiry: {:?}",
        outcomes[1]
    );
    assert_eq!(outcomes[2], IssueOutcome::NotFound, "the one of no inquiry");
    assert_eq!(outcomes[3], IssueOutcome::Taken, "the one with a digest that is taken");
    let gone = Refusal::Superseded { by: Some(links[4]), at: Some(sec(2)) };
    let attempted = stage.redeem_as(stage.new_redeem(fine.digest, sec(3))).await;
    assert_eq!(
        attempted.verdict,
        Verdict::Refused(gone),
        "a link that a later command of the same call supersedes"
    );
    assert_eq!(stage.store.issue_many(Vec::new()).await.len(), 0, "no commands have no answers");
}

/// A hand-off link that a session makes.
fn handoff<S: LinkStore + 'static>(
    stage: &Stage<S>,
    inquiry: InquiryId,
    session: crate::SessionId,
) -> IssueLink {
    let link = stage.new_link(inquiry, sec(2));
    IssueLink { purpose: Purpose::DeviceHandoff, parent: Some(session), ..link }
}
