//! Giving out an outstanding link again, by its id.

use std::num::NonZeroU32;

use inquiry_otl::{
    DeriveError, ExpirationPolicy, Grace, IssuedLink, Keyring, LinkRequest, OnOutstanding, Refusal, Released,
    Revocation, TenantId,
};

use crate::support::{World, key, seconds};

async fn issued(world: &World) -> IssuedLink {
    world.link(world.created().await).await
}

async fn refused(world: &World, link: &IssuedLink) -> Refusal {
    match world.service.derive(link.inquiry, link.id).await {
        Err(DeriveError::NotOutstanding(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// L3, L5: an outstanding link is given out again by its id, also under a key that retires, and nothing happens by it.
#[tokio::test]
async fn an_outstanding_link_is_derived_again() {
    let world = World::keyed();
    let link = issued(&world).await;
    let rotated =
        world.beside(|builder| builder.keyring(Keyring::new(key(2)).with_retiring(key(1)).unwrap()));
    let claim = world.claim(&link).await;
    world.sink.take();
    for service in [&world.service, &rotated] {
        // A claim may be released: the link is unused.
        let again = service.derive(link.inquiry, link.id).await.unwrap();
        assert_eq!(again.url.expose(), link.url.expose());
        assert_eq!((again.id, again.expires_at, again.reused), (link.id, link.expires_at, true));
    }
    assert!(world.sink.names().is_empty());
    assert_eq!(world.service.release(&claim).await.unwrap(), Released::Released);
    world.grant(&rotated.derive(link.inquiry, link.id).await.unwrap()).await;
}

/// D2, D4, L5, L6: what a redemption would refuse, or answer with a replay, is not given out again.
#[tokio::test]
async fn a_link_that_is_not_outstanding_is_not_derived() {
    for grace in [None, Some(Grace::new(seconds(60), NonZeroU32::MIN))] {
        let policy = ExpirationPolicy::default();
        let policy = grace.map_or(policy, |grace| policy.with_grace(grace));
        let world = World::with(|builder| builder.policy(policy).keyring(Keyring::new(key(1))));
        let link = issued(&world).await;
        world.grant(&link).await;
        assert_eq!(refused(&world, &link).await, Refusal::Used { first_at: world.now() });
    }
    let world = World::keyed();
    let old = issued(&world).await;
    let request = LinkRequest::resume(old.inquiry).on_outstanding(OnOutstanding::Supersede);
    let link = world.service.issue(request).await.unwrap();
    assert_eq!(refused(&world, &old).await.name(), "superseded");
    world.at(link.expires_at, 0);
    assert_eq!(refused(&world, &link).await.name(), "inquiry-expired");
    world.service.resume(link.inquiry).await.unwrap();
    let link = world.link(link.inquiry).await;
    world.service.revoke(link.inquiry, Revocation::Link(link.id)).await.unwrap();
    assert_eq!(refused(&world, &link).await, Refusal::Revoked { at: world.now() });
}

/// C7, L5, S6: without its key no link is derived; another tenant's is not there.
#[tokio::test]
async fn a_link_without_its_key_is_not_derived() {
    let world = World::keyed();
    let unkeyed = world.beside(|builder| builder);
    let made_with = issued(&world).await;
    let made_without = unkeyed.issue(LinkRequest::resume(world.created().await)).await.unwrap();
    let gone = world.beside(|builder| builder.keyring(Keyring::new(key(2))));
    for (service, link) in [(&unkeyed, &made_without), (&world.service, &made_without), (&gone, &made_with)] {
        let answer = service.derive(link.inquiry, link.id).await;
        assert!(matches!(answer, Err(DeriveError::NotDerived)), "{answer:?}");
    }
    let elsewhere = world
        .beside(|builder| builder.tenant(TenantId::new("elsewhere").unwrap()).keyring(Keyring::new(key(1))));
    for (service, inquiry) in [(&world.service, made_without.inquiry), (&elsewhere, made_with.inquiry)] {
        let answer = service.derive(inquiry, made_with.id).await;
        assert!(matches!(answer, Err(DeriveError::NotFound)), "{answer:?}");
    }
}
