//! Tenants on one store: nothing of another is read, redeemed, listed, revoked or purged.

use inquiry_otl::{
    Attempt, ChangeError, Claim, IssueError, Keyring, LinkRequest, Operator, ReadError, Refusal, Released,
    Revocation, RevokeError, Service, SessionError, Status, TenantId,
};

use crate::support::{Store, World, granted, inquiry_id, key, new_inquiry, refusal, seconds};

fn other(world: &World) -> Service<Store> {
    world.beside(|builder| builder.tenant(TenantId::new("other").unwrap()))
}

/// S6: an id is looked up within the tenant: the same id in two tenants is two inquiries.
#[tokio::test]
async fn the_same_id_is_another_inquiry_in_another_tenant() {
    let world = World::new();
    let other = other(&world);
    let id = inquiry_id("inq_same");
    world.service.create(new_inquiry().with_id(id)).await.unwrap();
    assert!(matches!(other.inquiry(id).await, Err(ReadError::NotFound)));
    other.create(new_inquiry().with_id(id)).await.unwrap();
    other.expire(id).await.unwrap();
    assert_eq!(world.service.inquiry(id).await.unwrap().status, Status::Created);
    world.service.start_session(id).await.unwrap();
    assert!(other.sessions(id, None, 9).await.unwrap().is_empty());
    let told = world.sink.take();
    assert_eq!(told[0].tenant, TenantId::default());
    assert_eq!(told[1].tenant.as_str(), "other");
}

/// S6, D2: a link of another tenant is unknown, with a key or without, to every call.
#[tokio::test]
async fn a_link_of_another_tenant_is_unknown() {
    for keyed in [false, true] {
        let world = World::new();
        let service = |tenant: &str| {
            world.beside(|builder| {
                let builder = builder.tenant(TenantId::new(tenant).unwrap());
                if keyed { builder.keyring(Keyring::new(key(1))) } else { builder }
            })
        };
        let (here, there) = (service("here"), service("there"));
        let id = here.create(new_inquiry()).await.unwrap().id;
        let link = here.issue(LinkRequest::resume(id)).await.unwrap();
        let text = link.url.expose();
        assert_eq!(refusal(there.redeem(text, &Attempt::new()).await.unwrap()), Refusal::Unknown);
        let diagnosis = there.diagnose(text).await.unwrap();
        assert_eq!((diagnosis.refusal, diagnosis.link), (Some(Refusal::Unknown), None));
        let claim = crate::support::claimed(here.claim(text, &Attempt::new()).await.unwrap());
        assert_eq!(there.release(&claim).await.unwrap(), Released::NotHeld);
        assert_eq!(refusal(there.commit(&claim).await.unwrap()), Refusal::Unknown);
        let grant = granted(here.commit(&claim).await.unwrap());
        assert!(matches!(there.links(id, None, 9).await, Err(ReadError::NotFound)));
        assert!(matches!(there.sessions(id, None, 9).await, Err(ReadError::NotFound)));
        assert!(matches!(there.session(id, grant.session.id).await, Err(ReadError::NotFound)));
        assert!(there.authenticate(id, grant.session.id, &grant.token).await.unwrap().is_none());
        assert!(matches!(there.start(id).await, Err(ChangeError::NotFound)));
        assert!(matches!(there.issue(LinkRequest::resume(id)).await, Err(IssueError::NotFound)));
        assert!(matches!(there.start_session(id).await, Err(SessionError::NotFound)));
        let revoked = there.revoke(id, Revocation::Everything).await;
        assert!(matches!(revoked, Err(RevokeError::NotFound)));
        assert!(here.authenticate(id, grant.session.id, &grant.token).await.unwrap().is_some());
    }
}

/// S6: even where both tenants have the inquiry, the token of a session or a claim is good in its own only.
#[tokio::test]
async fn a_token_is_good_in_its_own_tenant_only() {
    let world = World::new();
    let other = other(&world);
    let id = inquiry_id("inq_same");
    let mut grants = Vec::new();
    for service in [&world.service, &other] {
        service.create(new_inquiry().with_id(id)).await.unwrap();
        grants.push(service.start_session(id).await.unwrap());
    }
    let token = &grants[0].token;
    assert!(other.authenticate(id, grants[1].session.id, token).await.unwrap().is_none());
    let link = world.link(id).await;
    let claim: Claim = world.claim(&link).await;
    other.issue(LinkRequest::resume(id)).await.unwrap();
    assert_eq!(other.release(&claim).await.unwrap(), Released::NotHeld);
}

/// S6: two services of one tenant on one store are one: keys, sessions and refusals are shared.
#[tokio::test]
async fn two_services_of_one_tenant_are_one() {
    let world = World::keyed();
    let twin = world.beside(|builder| builder.keyring(Keyring::new(key(1))));
    let id = world.created().await;
    let link = world.link(id).await;
    let again = twin.issue(LinkRequest::resume(id)).await.unwrap();
    assert!(again.reused);
    let grant = granted(twin.redeem(link.url.expose(), &Attempt::new()).await.unwrap());
    assert_eq!(world.refusal(&link).await, Refusal::Used { first_at: world.now() });
    assert!(world.service.authenticate(id, grant.session.id, &grant.token).await.unwrap().is_some());
}

/// S6, I6: an operator spans tenants; what it announces says whose it is.
#[tokio::test]
async fn an_operator_spans_tenants() {
    let world = World::new();
    let other = other(&world);
    world.created().await;
    other.create(new_inquiry()).await.unwrap();
    world.advance(seconds(86_400));
    world.sink.take();
    let operator = Operator::builder(world.store.clone()).clock(world.clock.clone());
    let round = operator.event_sink(world.sink.sink()).build().tick().await;
    assert_eq!(round.expired, 2);
    let mut tenants: Vec<_> = world.sink.take().iter().map(|event| event.tenant.to_string()).collect();
    tenants.sort();
    assert_eq!(tenants, ["default", "other"]);
}
