//! Planning and finishing by hand, as within a transaction of one's own; and a store behind one type.

use inquiry_otl::{
    Attempt, Claiming, Clock, GrantKind, IssueError, LinkRequest, MemoryStore, OnOutstanding, Planner,
    Redemption, Refusal, Released, Service,
    redemption::Verdict,
    store::{AnyLinkStore, Attempted, LinkStore},
};

use crate::support::{World, claimed, granted, new_inquiry, refusal};

fn planner(world: &World) -> &Planner {
    world.service.planner()
}

async fn redeem(world: &World, text: &str) -> Redemption {
    let plan = planner(world).redeem(text, &Attempt::new()).unwrap();
    let outcome = LinkStore::redeem(&world.store, plan.command()).await.unwrap();
    planner(world).finish_redeem(plan, outcome).told(planner(world))
}

/// L1, D1, V1: issuing and redeeming by hand gives the service's answers, and tells its sink when told.
#[tokio::test]
async fn by_hand_the_answers_are_the_same() {
    for world in [World::new(), World::keyed()] {
        let id = world.created().await;
        world.sink.take();
        let plan = planner(&world).issue(&LinkRequest::resume(id)).unwrap();
        let outcome = LinkStore::issue(&world.store, plan.command().clone()).await.unwrap();
        let finished = planner(&world).finish_issue(plan, outcome);
        // What the store confirmed is told only then.
        assert!(world.sink.take().is_empty());
        let link = finished.told(planner(&world)).unwrap();
        assert_eq!(world.sink.names(), ["one-time-link.created"]);

        let plan = planner(&world).redeem(link.url.expose(), &Attempt::new()).unwrap();
        let outcome = LinkStore::redeem(&world.store, plan.command()).await.unwrap();
        let finished = planner(&world).finish_redeem(plan, outcome);
        assert!(world.sink.take().is_empty());
        let grant = granted(finished.told(planner(&world)));
        assert_eq!((grant.kind, grant.link), (GrantKind::FirstUse, Some(link.id)));
        assert_eq!(world.sink.names(), ["one-time-link.redeemed"]);
        assert_eq!(world.refusal(&link).await, Refusal::Used { first_at: world.now() });
        assert_eq!(refusal(redeem(&world, link.url.expose()).await), Refusal::Used { first_at: world.now() });
        assert!(world.service.authenticate(id, grant.session.id, &grant.token).await.unwrap().is_some());
    }
}

/// V1: an answer that is dropped, as when the transaction was rolled back, tells the sink nothing.
#[tokio::test]
async fn what_is_not_told_is_not_told() {
    let world = World::new();
    let link = world.link(world.created().await).await;
    world.sink.take();
    let plan = planner(&world).redeem(link.url.expose(), &Attempt::new()).unwrap();
    let outcome = LinkStore::redeem(&world.store, plan.command()).await.unwrap();
    drop(planner(&world).finish_redeem(plan, outcome));
    assert!(world.sink.take().is_empty());
}

/// D5: claim, commit and release by hand.
#[tokio::test]
async fn a_claim_by_hand_is_settled_by_hand() {
    let world = World::new();
    let link = world.link(world.created().await).await;
    let lease = inquiry_otl::LeaseTime::default();
    for settle in ["release", "commit"] {
        let plan = planner(&world).claim(link.url.expose(), &Attempt::new(), lease).unwrap();
        let outcome = LinkStore::redeem(&world.store, plan.command()).await.unwrap();
        let answer: Claiming = planner(&world).finish_claim(plan, outcome).told(planner(&world));
        let claim = claimed(answer);
        assert!(matches!(redeem(&world, link.url.expose()).await, Redemption::Busy { .. }));
        if settle == "release" {
            let released = LinkStore::release(&world.store, planner(&world).release(&claim)).await.unwrap();
            assert_eq!(released, Some(Released::Released));
        } else {
            let plan = planner(&world).commit(&claim);
            let outcome = LinkStore::commit(&world.store, plan.command()).await.unwrap();
            let answer = planner(&world).finish_commit(plan, outcome).told(planner(&world));
            assert_eq!(granted(answer).kind, GrantKind::FirstUse);
        }
    }
}

/// D2, C2, L5: what needs no store is answered without a plan.
#[tokio::test]
async fn what_needs_no_store_gets_no_plan() {
    let world = World::new();
    let refused = planner(&world).redeem("no code", &Attempt::new()).unwrap_err();
    assert_eq!((refused.reason, refused.link), (Refusal::Mangled, None));
    let request = LinkRequest::resume(world.created().await);
    let same = request.on_outstanding(OnOutstanding::ReturnSame { at_least: None });
    assert!(matches!(planner(&world).issue(&same), Err(IssueError::NeedsKey)));
    let elsewhere = World::new();
    let unknown = elsewhere.link(elsewhere.created().await).await;
    let plan = planner(&world).redeem(unknown.url.expose(), &Attempt::new()).unwrap();
    let Redemption::Refused(refused) = planner(&world).finish_redeem(plan, None).told(planner(&world)) else {
        panic!()
    };
    assert_eq!(refused.reason, Refusal::Unknown);
}

/// C2, V1: a refusal that needed no store is finished like any other, and told when it is told.
#[tokio::test]
async fn a_refusal_without_a_plan_is_told() {
    let world = World::new();
    let refused = planner(&world).redeem("no code", &Attempt::new()).unwrap_err();
    let finished = planner(&world).finish_refused(refused);
    assert!(world.sink.take().is_empty());
    assert_eq!(refusal(finished.told(planner(&world))), Refusal::Mangled);
    assert_eq!(world.sink.names(), ["one-time-link.refused"]);
}

/// D5: a claim that is finished as a redemption is no grant: the link is held, and until when is told.
#[tokio::test]
async fn a_claim_is_no_grant() {
    let world = World::new();
    let link = world.link(world.created().await).await;
    let lease = inquiry_otl::LeaseTime::default();
    let until = world.now().plus(lease.interval());
    let plan = planner(&world).claim(link.url.expose(), &Attempt::new(), lease).unwrap();
    let outcome = LinkStore::redeem(&world.store, plan.command()).await.unwrap();
    let answer = planner(&world).finish_redeem(plan, outcome).told(planner(&world));
    assert!(matches!(answer, Redemption::Busy { until: told } if told == until), "{answer:?}");

    world.advance(lease.interval());
    let until = world.now().plus(lease.interval());
    let claiming = || async { world.service.claim(link.url.expose(), &Attempt::new()).await.unwrap() };
    assert!(matches!(Redemption::from(claiming().await), Redemption::Busy { until: told } if told == until));
    assert!(matches!(Redemption::from(claiming().await), Redemption::Busy { until: told } if told == until));
    world.service.revoke(link.inquiry, inquiry_otl::Revocation::AllLinks).await.unwrap();
    assert_eq!(refusal(Redemption::from(claiming().await)).name(), "revoked");
}

/// D2, D5: an outcome that names no session grants nothing, whatever its verdict says.
#[tokio::test]
async fn a_grant_without_a_session_is_no_grant() {
    let world = World::new();
    let link = world.link(world.created().await).await;
    let claim = world.claim(&link).await;
    let plan = planner(&world).commit(&claim);
    let committed = LinkStore::commit(&world.store, plan.command()).await.unwrap().unwrap();
    let without = Attempted { session: None, ..committed.clone() };
    let answer = planner(&world).finish_commit(plan, Some(without.clone())).told(planner(&world));
    assert_eq!((committed.verdict, refusal(answer)), (Verdict::FirstUse, Refusal::LeaseLost));
    let plan = planner(&world).redeem(link.url.expose(), &Attempt::new()).unwrap();
    let answer = planner(&world).finish_redeem(plan, Some(without)).told(planner(&world));
    assert_eq!(refusal(answer), Refusal::Unknown);
}

/// S5: a command carries the clock's instant, and every deadline in it is an instant.
#[tokio::test]
async fn a_command_carries_the_clocks_instant() {
    let world = World::new();
    let link = world.link(world.created().await).await;
    let plan = planner(&world).redeem(link.url.expose(), &Attempt::new()).unwrap();
    assert_eq!(plan.command().now, world.clock.now());
    assert_eq!(planner(&world).issue(&LinkRequest::resume(link.inquiry)).unwrap().command().now, world.now());
}

/// S1: a service works the same on a store behind one type.
#[tokio::test]
async fn a_store_behind_one_type_works_the_same() {
    let store = AnyLinkStore::new(MemoryStore::new());
    let service: Service<AnyLinkStore> = Service::new(store.clone());
    let twin = Service::new(&store);
    let id = service.create(new_inquiry()).await.unwrap().id;
    service.start(id).await.unwrap();
    let link = twin.issue(LinkRequest::resume(id)).await.unwrap();
    let text = link.url.expose();
    let claim = claimed(service.claim(text, &Attempt::new()).await.unwrap());
    assert_eq!(twin.release(&claim).await.unwrap(), Released::Released);
    let claim = claimed(service.claim(text, &Attempt::new()).await.unwrap());
    let grant = granted(twin.commit(&claim).await.unwrap());
    assert_eq!(refusal(service.redeem(text, &Attempt::new()).await.unwrap()).name(), "used");
    assert!(service.authenticate(id, grant.session.id, &grant.token).await.unwrap().is_some());
    assert_eq!(service.links(id, None, 9).await.unwrap().len(), 1);
    assert_eq!(service.sessions(id, None, 9).await.unwrap().len(), 1);
    assert!(service.diagnose(text).await.unwrap().link.is_some());
    assert!(service.revoke(id, inquiry_otl::Revocation::Everything).await.unwrap());
    assert!(service.start_session(id).await.is_ok());
    assert_eq!(service.issue_many([LinkRequest::resume(id)]).await.len(), 1);
}
