//! Creating, listing and revoking links.

use inquiry_otl::{
    Attempt, BuildError, Clock, Creator, ExpirationPolicy, InquiryId, IssueError, IssuedLink, LinkRequest,
    MemoryStore, NotOpen, OnOutstanding, Purpose, ReadError, Refusal, Revocation, RevokeError, Service,
    Status, Timestamp,
    issuance::IssueLink,
    redemption::Redeem,
    store::{IssueOutcome, LinkStore},
};

use crate::support::{World, granted, inquiry_id, seconds};

const SAME: OnOutstanding = OnOutstanding::ReturnSame { at_least: None };

async fn issue(world: &World, request: LinkRequest) -> IssuedLink {
    world.service.issue(request).await.unwrap()
}

fn same(id: InquiryId) -> LinkRequest {
    LinkRequest::resume(id).on_outstanding(SAME)
}

/// L1: a link is created for an open inquiry only; for an expired one the error says to resume first.
#[tokio::test]
async fn a_link_is_created_for_an_open_inquiry_only() {
    let world = World::new();
    let nobody = LinkRequest::resume(inquiry_id("inq_nobody"));
    assert!(matches!(world.service.issue(nobody).await, Err(IssueError::NotFound)));
    let id = world.created().await;
    world.link(id).await;
    world.service.expire(id).await.unwrap();
    let error = world.service.issue(LinkRequest::resume(id)).await.unwrap_err();
    assert!(matches!(error, IssueError::NotOpen(NotOpen::Expired { at }) if at == world.now()));
    assert!(error.to_string().contains("resume it first"));
    world.service.resume(id).await.unwrap();
    world.link(id).await;
    world.service.complete(id).await.unwrap();
    let error = world.service.issue(LinkRequest::resume(id)).await.unwrap_err();
    assert!(matches!(error, IssueError::NotOpen(NotOpen::Closed { status: Status::Completed })));
}

/// L2, E4: a link lives as asked, else as the policy says, and never beyond the inquiry's deadline.
#[tokio::test]
async fn a_link_lives_as_asked_or_by_policy_within_the_deadline() {
    let policy =
        ExpirationPolicy::default().with_after_create(seconds(1_000)).with_after_resume(seconds(500));
    for (policy, asked, lives) in [
        (policy, None, 500),
        (policy, Some(7), 7),
        (policy, Some(1_000), 1_000),
        (policy, Some(1_001), 1_000),
        (policy.with_resume_link(seconds(20)), None, 20),
        (policy.with_resume_link(seconds(20)), Some(30), 30),
        (policy.with_resume_link(seconds(2_000)), None, 1_000),
    ] {
        let world = World::policy(policy);
        let id = world.created().await;
        let mut request = LinkRequest::resume(id);
        if let Some(asked) = asked {
            request = request.expires_in(seconds(asked));
        }
        let link = issue(&world, request).await;
        assert_eq!(link.expires_at, world.now().plus(seconds(lives)), "{asked:?}");
        // A later resume gives the inquiry more time, and not the link.
        world.service.resume(id).await.unwrap();
        assert_eq!(world.service.links(id, None, 1).await.unwrap()[0].expires_at, link.expires_at);
    }
}

/// E2, L2: a start that brings the deadline forward bounds a link at its redemption.
#[tokio::test]
async fn an_earlier_deadline_bounds_a_link_at_its_redemption() {
    let world = World::policy(ExpirationPolicy::default().with_after_start(seconds(10)));
    let id = world.created().await;
    let link = world.link(id).await;
    world.service.start(id).await.unwrap();
    world.advance(seconds(10));
    assert_eq!(world.refusal(&link).await, Refusal::InquiryExpired { at: world.now() });
}

/// E5: a hand-off link lives an hour, not beyond the session that made it, and is made by a live one only.
#[tokio::test]
async fn a_handoff_link_lives_an_hour_and_with_its_session() {
    let world = World::new();
    let id = world.pending().await;
    let session = world.service.start_session(id).await.unwrap().session;
    let link = issue(&world, LinkRequest::device_handoff(id, session.id)).await;
    assert_eq!((link.purpose, link.expires_at), (Purpose::DeviceHandoff, world.now().plus(seconds(3_600))));
    assert_eq!(world.service.links(id, None, 1).await.unwrap()[0].parent_session, Some(session.id));

    // The session lives until the deadline that was; a resume moves the deadline only.
    world.advance(seconds(86_000));
    world.service.resume(id).await.unwrap();
    let late = issue(&world, LinkRequest::device_handoff(id, session.id)).await;
    assert_eq!(late.expires_at, session.expires_at);
    world.clock.set(session.expires_at);
    let error = world.service.issue(LinkRequest::device_handoff(id, session.id)).await.unwrap_err();
    assert!(matches!(error, IssueError::SessionNotLive));
    let elsewhere = world.service.start_session(world.pending().await).await.unwrap().session.id;
    let error = world.service.issue(LinkRequest::device_handoff(id, elsewhere)).await.unwrap_err();
    assert!(matches!(error, IssueError::SessionNotLive));
}

/// E5, L6: a hand-off link dies with the session that made it, and others do not.
#[tokio::test]
async fn a_handoff_link_dies_with_its_session() {
    let world = World::new();
    let id = world.pending().await;
    let session = world.service.start_session(id).await.unwrap().session.id;
    let resume = world.link(id).await;
    let handoff = issue(&world, LinkRequest::device_handoff(id, session)).await;
    world.service.revoke(id, Revocation::Session(session)).await.unwrap();
    assert_eq!(world.refusal(&handoff).await, Refusal::Revoked { at: world.now() });
    world.grant(&resume).await;
}

/// L5: superseding kills every outstanding link of the purpose, claimed or not, and says which took its place.
#[tokio::test]
async fn superseding_kills_all_of_the_purpose() {
    let world = World::new();
    let id = world.pending().await;
    let session = world.service.start_session(id).await.unwrap().session.id;
    let handoff = issue(&world, LinkRequest::device_handoff(id, session)).await;
    let mut old = Vec::new();
    for _ in 0..3 {
        old.push(issue(&world, LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep)).await);
    }
    let claim = world.claim(&old[0]).await;
    world.sink.take();
    let new = issue(&world, LinkRequest::resume(id).on_outstanding(OnOutstanding::Supersede)).await;
    assert_eq!(world.sink.names(), ["one-time-link.superseded", "one-time-link.created"]);
    for link in &old {
        assert_eq!(
            world.refusal(link).await,
            Refusal::Superseded { by: Some(new.id), at: Some(world.now()) }
        );
    }
    let late = world.service.commit(&claim).await.unwrap();
    assert_eq!(crate::support::refusal(late).name(), "superseded");
    world.grant(&new).await;
    world.grant(&handoff).await;
}

/// L5: keeping leaves every outstanding link good.
#[tokio::test]
async fn keeping_leaves_every_link_good() {
    let world = World::new();
    let id = world.pending().await;
    let keep = || LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
    let (one, two) = (issue(&world, keep()).await, issue(&world, keep()).await);
    assert!(!world.sink.names().contains(&"one-time-link.superseded"));
    world.grant(&one).await;
    world.grant(&two).await;
}

/// L5: without a key the default supersedes, with one it returns the same: at most one link is live.
#[tokio::test]
async fn the_default_leaves_at_most_one_live_link() {
    let world = World::new();
    let id = world.pending().await;
    let (one, two) = (world.link(id).await, world.link(id).await);
    assert!(!two.reused);
    assert_eq!(world.refusal(&one).await.name(), "superseded");
    world.grant(&two).await;

    let world = World::keyed();
    let id = world.pending().await;
    let (one, two) = (world.link(id).await, world.link(id).await);
    assert!(!one.reused && two.reused);
    assert_eq!((one.id, one.expires_at), (two.id, two.expires_at));
    assert_eq!(one.url.expose(), two.url.expose());
    assert_eq!(one.code.expose().as_str(), two.code.expose().as_str());
    world.grant(&one).await;
    assert_eq!(world.refusal(&two).await.name(), "used");
}

/// L5: without a key, returning the same is refused when the service is built and when the link is asked for.
#[tokio::test]
async fn returning_the_same_needs_a_key() {
    let built = Service::builder(MemoryStore::new()).on_outstanding(SAME).build();
    assert_eq!(built.err(), Some(BuildError::NeedsKey));
    let world = World::new();
    let id = world.created().await;
    let error = world.service.issue(same(id)).await.unwrap_err();
    assert!(matches!(error, IssueError::NeedsKey));
    let many = world.service.issue_many([same(id), LinkRequest::resume(id), same(id)]).await;
    assert!(matches!(&many[..], [Err(IssueError::NeedsKey), Ok(_), Err(IssueError::NeedsKey)]));
    assert_eq!(world.store.counts().links, 1);
}

/// L5: the newest that is live, unused and unclaimed is returned, with the expiry that it has.
#[tokio::test]
async fn the_newest_that_fits_is_returned() {
    let world = World::keyed();
    let id = world.pending().await;
    let keep = || LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
    // The newest is told by its id, which begins with its millisecond.
    let a_millisecond_passes =
        || world.clock.set(Timestamp::from_unix_micros(world.clock.now().unix_micros() + 1_000).unwrap());
    let oldest = issue(&world, keep().expires_in(seconds(50))).await;
    a_millisecond_passes();
    let middle = issue(&world, keep().expires_in(seconds(40))).await;
    a_millisecond_passes();
    let newest = issue(&world, keep().expires_in(seconds(30))).await;
    let found = issue(&world, same(id).expires_in(seconds(1_000))).await;
    assert_eq!((found.id, found.expires_at, found.reused), (newest.id, newest.expires_at, true));
    assert_eq!(world.sink.names().last(), Some(&"one-time-link.reused"));

    // A least remaining life passes over it.
    let at_least = |life| {
        LinkRequest::resume(id).on_outstanding(OnOutstanding::ReturnSame { at_least: Some(seconds(life)) })
    };
    assert_eq!(issue(&world, at_least(39)).await.id, middle.id);
    world.claim(&newest).await;
    assert_eq!(issue(&world, same(id)).await.id, middle.id);
    world.service.revoke(id, Revocation::Link(middle.id)).await.unwrap();
    assert_eq!(issue(&world, same(id)).await.id, oldest.id);
    // The lease of the newest ran out as it expired.
    world.at(newest.expires_at, 0);
    assert_eq!(issue(&world, same(id)).await.id, oldest.id);
    world.grant(&oldest).await;
    let fresh = issue(&world, same(id)).await;
    assert!(!fresh.reused);
    // None fitted, so it superseded.
    assert_eq!(world.refusal(&newest).await.name(), "superseded");
    world.grant(&fresh).await;
}

/// L5: a least remaining life that no link has supersedes; a released claim is outstanding again.
#[tokio::test]
async fn if_none_fits_it_supersedes() {
    let world = World::keyed();
    let id = world.pending().await;
    let short = issue(&world, LinkRequest::resume(id).expires_in(seconds(10))).await;
    let claim = world.claim(&short).await;
    world.service.release(&claim).await.unwrap();
    assert_eq!(issue(&world, same(id)).await.id, short.id);
    let life = OnOutstanding::ReturnSame { at_least: Some(seconds(11)) };
    let long = issue(&world, LinkRequest::resume(id).on_outstanding(life)).await;
    assert!(!long.reused);
    assert_eq!(world.refusal(&short).await.name(), "superseded");
}

/// L5, R3: a link from before an expiry is not returned after a resume, nor one of another purpose or session.
#[tokio::test]
async fn what_is_dead_or_of_another_purpose_is_not_returned() {
    let world = World::keyed();
    let id = world.pending().await;
    let before = world.link(id).await;
    world.service.expire(id).await.unwrap();
    world.service.resume(id).await.unwrap();
    let after = world.link(id).await;
    assert!(!after.reused && before.id != after.id);
    let one = world.service.start_session(id).await.unwrap().session.id;
    let two = world.service.start_session(id).await.unwrap().session.id;
    let first = issue(&world, LinkRequest::device_handoff(id, one)).await;
    assert!(!first.reused);
    assert_eq!(issue(&world, LinkRequest::device_handoff(id, one)).await.id, first.id);
    let second = issue(&world, LinkRequest::device_handoff(id, two)).await;
    assert!(!second.reused);
    assert_eq!(issue(&world, same(id)).await.id, after.id);
}

/// L6: one link is revoked by itself; a session that it started goes on.
#[tokio::test]
async fn one_link_is_revoked_by_itself() {
    let world = World::new();
    let id = world.pending().await;
    let keep = || LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
    let (used, unused) = (issue(&world, keep()).await, issue(&world, keep()).await);
    let other = issue(&world, keep()).await;
    let session = world.grant(&used).await.session.id;
    let at = world.now();
    for link in [&used, &unused] {
        assert!(world.service.revoke(id, Revocation::Link(link.id)).await.unwrap());
        world.advance(seconds(1));
        assert!(!world.service.revoke(id, Revocation::Link(link.id)).await.unwrap());
    }
    assert_eq!(world.refusal(&used).await, Refusal::Revoked { at });
    assert_eq!(world.refusal(&unused).await, Refusal::Revoked { at: at.plus(seconds(1)) });
    assert!(world.service.session(id, session).await.unwrap().live);
    world.grant(&other).await;
}

/// L6: one session is revoked; its token opens nothing, and the links of the inquiry go on.
#[tokio::test]
async fn one_session_is_revoked_by_itself() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    let (one, other) =
        (world.service.start_session(id).await.unwrap(), world.service.start_session(id).await.unwrap());
    assert!(world.service.revoke(id, Revocation::Session(one.session.id)).await.unwrap());
    let seen = world.service.session(id, one.session.id).await.unwrap();
    assert_eq!((seen.live, seen.revoked_at), (false, Some(world.now())));
    assert!(world.service.authenticate(id, one.session.id, &one.token).await.unwrap().is_none());
    assert!(world.service.authenticate(id, other.session.id, &other.token).await.unwrap().is_some());
    world.grant(&link).await;
}

/// L6, D7: a session that is over, by its own end or with its epoch, is not revoked once more, and no event is told.
#[tokio::test]
async fn a_session_that_is_over_is_not_revoked() {
    let world = World::new();
    let id = world.pending().await;
    let session = world.service.start_session(id).await.unwrap().session;
    world.advance(seconds(1));
    // Its inquiry stays open for longer.
    world.service.resume(id).await.unwrap();
    world.at(session.expires_at, 0);
    let later = world.service.start_session(id).await.unwrap().session;
    world.sink.take();
    assert!(!world.service.revoke(id, Revocation::Session(session.id)).await.unwrap());
    world.service.revoke(id, Revocation::Everything).await.unwrap();
    assert!(!world.service.revoke(id, Revocation::Session(later.id)).await.unwrap());
    assert_eq!(world.sink.names(), ["one-time-link.revoked"]);
    for session in [session.id, later.id] {
        assert_eq!(world.service.session(id, session).await.unwrap().revoked_at, None);
    }
}

/// L6: all links are revoked, of every purpose; sessions go on, and later links are good.
#[tokio::test]
async fn all_links_are_revoked_and_sessions_go_on() {
    let world = World::new();
    let id = world.pending().await;
    assert!(!world.service.revoke(id, Revocation::AllLinks).await.unwrap());
    let session = world.service.start_session(id).await.unwrap().session.id;
    let links = [
        world.link(id).await,
        issue(&world, LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep)).await,
        issue(&world, LinkRequest::device_handoff(id, session)).await,
    ];
    assert!(world.service.revoke(id, Revocation::AllLinks).await.unwrap());
    for link in &links {
        assert_eq!(world.refusal(link).await, Refusal::Revoked { at: world.now() });
    }
    assert!(world.service.session(id, session).await.unwrap().live);
    let later = world.link(id).await;
    world.grant(&later).await;
}

/// L6, L4: everything is revoked by one step of the epoch; what is made after it is good.
#[tokio::test]
async fn everything_is_revoked_by_one_step() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    let session = world.service.start_session(id).await.unwrap().session.id;
    let epoch = world.record(id).await.epoch;
    assert!(world.service.revoke(id, Revocation::Everything).await.unwrap());
    assert_eq!(world.record(id).await.epoch, epoch.next());
    assert_eq!(world.refusal(&link).await, Refusal::Revoked { at: world.now() });
    assert!(!world.service.session(id, session).await.unwrap().live);
    let later = world.link(id).await;
    assert!(world.grant(&later).await.session.live);
    world.service.expire(id).await.unwrap();
    assert!(!world.service.revoke(id, Revocation::Everything).await.unwrap());
}

/// L6: what is not there cannot be revoked, nor what belongs to another inquiry.
#[tokio::test]
async fn what_is_not_there_cannot_be_revoked() {
    let world = World::new();
    let (id, other) = (world.pending().await, world.pending().await);
    let link = world.link(other).await;
    let session = world.service.start_session(other).await.unwrap().session.id;
    for (inquiry, target) in [
        (id, Revocation::Link(link.id)),
        (id, Revocation::Session(session)),
        (inquiry_id("inq_nobody"), Revocation::Everything),
    ] {
        let error = world.service.revoke(inquiry, target).await;
        assert!(matches!(error, Err(RevokeError::NotFound)), "{target:?}");
    }
    world.grant(&link).await;
}

/// L7: a link remembers its id, purpose, times, uses, creator, and how it ended.
#[tokio::test]
async fn a_link_remembers_its_story() {
    let world = World::new();
    let id = world.pending().await;
    let creator = Creator::new("support: jo").unwrap();
    let link = issue(&world, LinkRequest::resume(id).created_by(creator.clone())).await;
    let created_at = world.now();
    let seen = world.service.links(id, None, 1).await.unwrap().remove(0);
    assert_eq!((seen.id, seen.inquiry, seen.purpose), (link.id, id, Purpose::Resume));
    assert_eq!((seen.created_at, seen.expires_at), (created_at, link.expires_at));
    assert_eq!((seen.creator, seen.uses, seen.first_used_at), (Some(creator), 0, None));
    assert_eq!((seen.refusal, seen.revoked_at, seen.session), (None, None, None));
    assert!(link.id.to_string().starts_with("otl_"));
    world.advance(seconds(1));
    let session = world.grant(&link).await.session.id;
    world.advance(seconds(1));
    world.service.revoke(id, Revocation::Link(link.id)).await.unwrap();
    let seen = world.service.links(id, None, 1).await.unwrap().remove(0);
    assert_eq!((seen.first_used_at, seen.uses), (Some(created_at.plus(seconds(1))), 1));
    assert_eq!((seen.session, seen.revoked_at), (Some(session), Some(world.now())));
}

/// L7, D7: links and sessions are listed newest first, page by page, each once.
#[tokio::test]
async fn listings_are_newest_first_and_page_by_page() {
    let world = World::new();
    let id = world.pending().await;
    let (mut links, mut sessions) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        world.advance(seconds(1));
        links.push(world.link(id).await.id);
        sessions.push(world.service.start_session(id).await.unwrap().session.id);
    }
    links.reverse();
    sessions.reverse();
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = world.service.links(id, before, 2).await.unwrap();
        assert!(page.len() <= 2);
        found.extend(page.iter().map(|link| link.id));
        let Some(last) = page.last() else { break };
        before = Some(last.id);
    }
    assert_eq!(found, links);
    let page = world.service.sessions(id, Some(sessions[1]), 2).await.unwrap();
    assert_eq!(page.iter().map(|session| session.id).collect::<Vec<_>>(), sessions[2..4]);
    let nobody = inquiry_id("inq_nobody");
    assert!(matches!(world.service.links(nobody, None, 1).await, Err(ReadError::NotFound)));
    assert!(matches!(world.service.sessions(nobody, None, 1).await, Err(ReadError::NotFound)));
}

/// L7, D7, S3: ids may come in any order: listings are by id all the same, and none is used again.
#[tokio::test]
async fn ids_may_come_in_any_order() {
    let world = World::new();
    let id = world.created().await;
    let request = LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
    let plan = || world.service.planner().issue(&request).unwrap().command().clone();
    let mut commands = [plan(), plan(), plan()];
    commands.sort_by_key(|command| command.link);
    for index in [1, 0, 2] {
        let issued = LinkStore::issue(&world.store, commands[index].clone()).await.unwrap();
        assert!(matches!(issued, IssueOutcome::Issued { .. }));
    }
    for IssueLink { link, .. } in commands.clone() {
        let taken = LinkStore::issue(&world.store, IssueLink { link, ..plan() }).await.unwrap();
        assert!(matches!(taken, IssueOutcome::Taken));
    }
    let listed: Vec<_> = world.service.links(id, None, 9).await.unwrap().iter().map(|link| link.id).collect();
    assert_eq!(listed, [2, 1, 0].map(|index: usize| commands[index].link));

    let mut attempts = Vec::new();
    for _ in 0..4 {
        let link = issue(&world, request.clone()).await;
        let plan = world.service.planner().redeem(link.url.expose(), &Attempt::new()).unwrap();
        attempts.push(plan.command());
    }
    let last = attempts.pop().unwrap();
    attempts.sort_by_key(|command| command.session);
    for index in [1, 0, 2] {
        assert!(LinkStore::redeem(&world.store, attempts[index]).await.unwrap().is_some());
    }
    for Redeem { session, .. } in attempts.clone() {
        assert!(LinkStore::redeem(&world.store, Redeem { session, ..last }).await.is_err());
    }
    let listed: Vec<_> = world.service.sessions(id, None, 9).await.unwrap().iter().map(|s| s.id).collect();
    assert_eq!(listed, [2, 1, 0].map(|index: usize| attempts[index].session));
}

/// S1, L5: many links are created item by item, in their order.
#[tokio::test]
async fn many_links_are_created_item_by_item() {
    let world = World::new();
    let (one, two) = (world.created().await, world.created().await);
    world.service.expire(two).await.unwrap();
    let nobody = inquiry_id("inq_nobody");
    let requests = [one, two, nobody, one].map(LinkRequest::resume);
    let answers = world.service.issue_many(requests).await;
    let [Ok(first), Err(IssueError::NotOpen(_)), Err(IssueError::NotFound), Ok(second)] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(world.refusal(first).await.name(), "superseded");
    world.grant(second).await;
}

/// S1: many links are told of as they are made, also those that are refused; nothing is told of nothing.
#[tokio::test]
async fn progress_is_told_of_many_links() {
    let world = World::new();
    let (id, nobody) = (world.created().await, inquiry_id("inq_nobody"));
    let mut told = Vec::new();
    let requests = (0..20_001).map(|n| LinkRequest::resume(if n % 2 == 0 { id } else { nobody }));
    let links = world.service.issue_many_with_progress(requests, |done, of| told.push((done, of))).await;
    assert_eq!(told, [(10_000, 20_001), (20_000, 20_001), (20_001, 20_001)]);
    assert_eq!(links.iter().filter(|link| link.is_ok()).count(), 10_001);
    assert!(world.service.issue_many_with_progress([], |_, _| panic!("there is none")).await.is_empty());
}

/// C1, L3: no two codes are the same, with a key or without.
#[tokio::test]
async fn no_two_codes_are_the_same() {
    for world in [World::new(), World::keyed()] {
        let id = world.created().await;
        let requests = vec![LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep); 1_000];
        let mut seen = std::collections::HashSet::new();
        for link in world.service.issue_many(requests).await {
            let link = link.unwrap();
            assert!(seen.insert(link.code.expose().as_str().to_owned()));
            assert_eq!(link.code.expose().as_str().len(), 35);
        }
        let any = seen.iter().next().unwrap();
        granted(world.service.redeem(any, &Attempt::new()).await.unwrap());
    }
}
