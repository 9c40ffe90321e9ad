//! Creating an inquiry, and tenants (S2, S3, S6).

use super::{
    Fixture,
    race::race,
    stage::{Stage, interval, policy, sec},
};
use crate::{
    event::{EventKind, Revocation},
    inquiry::Action,
    store::{
        ChangeOutcome, CreateOutcome, InquiryKey, IssueOutcome, LinkName, LinkStore, ListOf, RevokeOutcome,
    },
};

/// S2, S3: creating an inquiry whose id is taken writes nothing, whatever it brings along.
pub async fn creating_is_not_updating<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let id = stage.new_inquiry_id();
    let command = stage.new_inquiry(id, policy(), sec(0));
    let CreateOutcome::Created(events) = stage.create(command.clone()).await else {
        panic!("an inquiry with a new id was not created");
    };
    let [event] = &stage.events(id, &events)[..] else {
        panic!("creating an inquiry must yield one event, not {events:?}");
    };
    assert_eq!((event.id, event.kind), (command.event, EventKind::InquiryCreated), "the event of a creation");
    assert_eq!((event.sequence, event.at), (Some(1), sec(0)), "number and instant of a creation's event");

    let record = stage.record(id).await;
    assert_eq!(record.inquiry, command.inquiry, "the inquiry is not as it was created");
    assert_eq!(
        (record.version, record.epoch),
        (command.first_epoch.get(), command.first_epoch),
        "version and epoch of a new inquiry: both begin at its first epoch"
    );
    assert_eq!((record.sessions_started, record.last_sequence), (0, 1), "the counts of a new inquiry");

    stage.issue(id, sec(1)).await;
    let before = stage.all(id).await;
    for again in [command, stage.new_inquiry(id, policy().with_after_create(interval(5)), sec(9))] {
        assert_eq!(stage.create(again).await, CreateOutcome::Exists, "an id was given to two inquiries");
        assert_eq!(
            stage.all(id).await,
            before,
            "creating an inquiry whose id is taken changed the one there"
        );
    }
}

/// S2, T8: of 16 simultaneous creations of one id exactly one creates, and none is an error.
pub async fn one_of_many_creations_wins<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for _ in 0..8 {
        let id = stage.new_inquiry_id();
        let racers = stage.clone();
        let outcomes = race(16, move |n| {
            let stage = racers.clone();
            let after = i64::try_from(n).unwrap_or_default() + 10;
            let command = stage.new_inquiry(id, policy().with_after_create(interval(after)), sec(0));
            async move { (command.first_epoch, stage.create(command).await) }
        })
        .await;
        let created: Vec<_> =
            outcomes.iter().filter(|(_, outcome)| matches!(outcome, CreateOutcome::Created(_))).collect();
        assert_eq!(created.len(), 1, "of 16 creations of one id exactly one may say that it created");
        let record = stage.record(id).await;
        assert_eq!(record.epoch, created[0].0, "the inquiry that is kept is not the one that was created");
        assert_eq!(record.last_sequence, 1, "a creation that was refused counted an event");
    }
}

/// S6: what one tenant has, no command of another tenant finds, reads or changes.
pub async fn tenants_are_apart<F: Fixture>(fixture: &F) {
    let ours = Stage::new(fixture).await;
    let theirs = ours.tenant("theirs");
    let inquiry = ours.inquiry().await;
    let link = ours.issue(inquiry, sec(1)).await;
    let claimed = ours.issue(inquiry, sec(1)).await;
    let held = ours.claim(claimed, sec(2)).await;
    let session = ours.start(inquiry, sec(2)).await;
    let before = ours.all(inquiry).await;

    let key = InquiryKey { tenant: theirs.tenant, inquiry };
    assert_eq!(theirs.find(inquiry).await, None, "another tenant read an inquiry");
    let found = theirs.store.redeem(theirs.new_redeem(link.digest, sec(3))).await.expect("the store failed");
    assert_eq!(found, None, "another tenant redeemed a link by its digest");
    let found = theirs.store.commit(theirs.new_commit(&held, sec(3))).await.expect("the store failed");
    assert_eq!(found, None, "another tenant committed a claim");
    let found = theirs.store.release(theirs.new_release(&held, sec(3))).await.expect("the store failed");
    assert_eq!(found, None, "another tenant released a claim");
    for name in [LinkName::Digest(link.digest), LinkName::Id(inquiry, link.id)] {
        assert_eq!(theirs.inspect(name).await, None, "another tenant inspected a link by {name:?}");
    }
    for target in [
        Revocation::Link(link.id),
        Revocation::Session(session),
        Revocation::AllLinks,
        Revocation::Everything,
    ] {
        let outcome = theirs.revoke(inquiry, target, sec(3)).await;
        let nothing = matches!(&outcome, RevokeOutcome::NotFound(events) if events.is_empty());
        assert!(nothing, "another tenant's revocation of {target:?} came to {outcome:?}");
    }
    assert_eq!(theirs.find_session(inquiry, session).await, None, "another tenant read a session");
    let found =
        theirs.store.start_session(theirs.new_start(inquiry, sec(3))).await.expect("the store failed");
    assert_eq!(found, None, "another tenant started a session");
    let outcome = theirs.issue_as(theirs.new_link(inquiry, sec(3))).await;
    assert_eq!(outcome, IssueOutcome::NotFound, "another tenant created a link");
    let step = theirs.step(&before.inquiry, Action::Start, sec(3)).expect("it can be started");
    assert_eq!(theirs.change(step).await, ChangeOutcome::NotFound, "another tenant changed an inquiry");
    let links = theirs.store.links(ListOf { inquiry: key, before: None, limit: 9 }).await;
    assert_eq!(links.expect("the store failed"), None, "another tenant listed links");
    let sessions = theirs.store.sessions(ListOf { inquiry: key, before: None, limit: 9 }).await;
    assert_eq!(sessions.expect("the store failed"), None, "another tenant listed sessions");
    assert_eq!(ours.all(inquiry).await, before, "another tenant changed something");
}

/// S6: two tenants may have inquiries of the same id, and each has its own links.
pub async fn tenants_share_ids<F: Fixture>(fixture: &F) {
    let ours = Stage::new(fixture).await;
    let theirs = ours.tenant("theirs");
    let inquiry = ours.inquiry().await;
    let outcome = theirs.create(theirs.new_inquiry(inquiry, policy(), sec(5))).await;
    assert!(matches!(outcome, CreateOutcome::Created(_)), "an id is taken by another tenant: {outcome:?}");
    let link = ours.issue(inquiry, sec(6)).await;
    let before = ours.all(inquiry).await;
    assert_eq!(theirs.list_links(inquiry, None, 9).await.items, [], "a link shows up at another tenant");
    theirs.issue(inquiry, sec(7)).await;
    theirs.revoke(inquiry, Revocation::Everything, sec(8)).await;
    assert_eq!(
        ours.all(inquiry).await,
        before,
        "what a tenant did to its inquiry reached another's of that id"
    );
    ours.use_first(link, sec(9)).await;
}
