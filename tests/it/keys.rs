//! Keys and their rotation, end to end: what is redeemable, what is refused, and what a diagnosis says.

use std::sync::Arc;

use inquiry_otl::{
    Attempt, Derivation, Digest, InquiryId, IssuedLink, Keyring, LinkRequest, LinkView, MemoryStore, Nonce,
    OnOutstanding, Peek, Refusal, Service, StoreError, Timestamp,
    issuance::IssueLink,
    redemption::Redeem,
    store::{Attempted, Inspect, IssueOutcome, LinkStore},
};

use crate::{
    support::{Store, World, granted, inquiry_id, key, refusal, seconds},
    wrapper::{Twist, Twisted},
};

fn ring(current: u8, retiring: &[u8]) -> Keyring {
    retiring.iter().fold(Keyring::new(key(current)), |ring, old| ring.with_retiring(key(*old)).unwrap())
}

async fn redeem(service: &Service<Store>, link: &IssuedLink) -> inquiry_otl::Redemption {
    service.redeem(link.url.expose(), &Attempt::new()).await.unwrap()
}

async fn issued(world: &World, service: &Service<Store>) -> IssuedLink {
    service.issue(LinkRequest::resume(world.created().await)).await.unwrap()
}

/// C2, C7: a code names its key; without one its first symbol is 0.
#[tokio::test]
async fn a_code_names_its_key() {
    let world = World::new();
    for (keyring, first) in [(None, '0'), (Some(ring(1, &[])), '1'), (Some(ring(31, &[1])), 'Z')] {
        let service = world.beside(|builder| match keyring {
            Some(keyring) => builder.keyring(keyring),
            None => builder,
        });
        let link = issued(&world, &service).await;
        assert!(link.code.expose().as_str().starts_with(first));
    }
}

/// C7: after a rotation the links of the old key stay redeemable, and new ones are made under the new key.
#[tokio::test]
async fn a_rotation_keeps_old_links_redeemable() {
    let world = World::keyed();
    let old = issued(&world, &world.service).await;
    let rotated = world.beside(|builder| builder.keyring(ring(2, &[1])));
    let new = issued(&world, &rotated).await;
    assert!(new.code.expose().as_str().starts_with('2'));
    granted(redeem(&rotated, &old).await);
    granted(redeem(&rotated, &new).await);
}

/// C7, D9: a code whose key left the ring is refused as expired, and diagnosed as key retired.
#[tokio::test]
async fn a_key_that_left_the_ring_counts_as_an_expiry() {
    let world = World::keyed();
    let old = issued(&world, &world.service).await;
    let without = world.beside(|builder| builder);
    let other = world.beside(|builder| builder.keyring(ring(2, &[])));
    for service in [without, other] {
        world.sink.take();
        assert_eq!(refusal(redeem(&service, &old).await), Refusal::LinkExpired { at: None });
        assert_eq!(world.sink.names(), ["one-time-link.refused"]);
        let peek = service.peek(old.url.expose(), &Attempt::new()).await.unwrap();
        assert!(
            matches!(peek, Peek::Refused(refused) if refused.reason == Refusal::LinkExpired { at: None })
        );
        let diagnosis = service.diagnose(old.url.expose()).await.unwrap();
        assert_eq!((diagnosis.refusal, diagnosis.link), (Some(Refusal::KeyRetired), None));
    }
    // It was not consumed.
    granted(redeem(&world.service, &old).await);
}

/// C7: once a key exists, links made without one are refused, unless that is allowed until a stated date.
#[tokio::test]
async fn links_without_a_key_are_refused_once_there_is_one() {
    let world = World::new();
    let (one, two) = (issued(&world, &world.service).await, issued(&world, &world.service).await);
    let strict = world.beside(|builder| builder.keyring(ring(1, &[])));
    assert_eq!(refusal(redeem(&strict, &one).await), Refusal::LinkExpired { at: None });
    assert_eq!(strict.diagnose(one.url.expose()).await.unwrap().refusal, Some(Refusal::KeyRetired));

    let until = world.now().plus(seconds(60));
    let lenient = world.beside(|builder| builder.keyring(ring(1, &[]).accept_unkeyed_until(until)));
    world.at(until, -1);
    granted(redeem(&lenient, &one).await);
    world.at(until, 0);
    assert_eq!(refusal(redeem(&lenient, &two).await), Refusal::LinkExpired { at: None });
}

/// C7, L3: who can write to the store and has no key makes no code: the same digest under no key is another one.
#[tokio::test]
async fn another_key_of_the_same_number_opens_nothing() {
    let world = World::keyed();
    let link = issued(&world, &world.service).await;
    let bytes: Vec<u8> = (0..32).collect();
    let forged = inquiry_otl::Key::new(inquiry_otl::KeyId::new(1).unwrap(), &bytes).unwrap();
    let service = world.beside(|builder| builder.keyring(Keyring::new(forged)));
    assert_eq!(refusal(redeem(&service, &link).await), Refusal::Unknown);
}

/// L5, C7: after a rotation a link of a retiring key is returned the same; of a key that is gone, superseded.
#[tokio::test]
async fn a_link_is_returned_while_its_key_is_in_the_ring() {
    let world = World::keyed();
    let id = world.created().await;
    let first = world.link(id).await;
    let rotated = world.beside(|builder| builder.keyring(ring(2, &[1])));
    let same = rotated.issue(LinkRequest::resume(id)).await.unwrap();
    assert!(same.reused);
    assert_eq!(same.url.expose(), first.url.expose());
    let gone = world.beside(|builder| builder.keyring(ring(2, &[])));
    let other = gone.issue(LinkRequest::resume(id)).await.unwrap();
    assert!(!other.reused && other.code.expose().as_str().starts_with('2'));
    assert_eq!(refusal(redeem(&rotated, &first).await).name(), "superseded");
}

/// L5: a link that was made without a key cannot be returned: it is superseded.
#[tokio::test]
async fn a_link_without_a_key_is_not_returned() {
    let world = World::new();
    let id = world.created().await;
    let old = world.link(id).await;
    let until = Timestamp::MAX;
    let keyed = world.beside(|builder| builder.keyring(ring(1, &[]).accept_unkeyed_until(until)));
    let new = keyed.issue(LinkRequest::resume(id)).await.unwrap();
    assert!(!new.reused);
    assert_eq!(refusal(redeem(&keyed, &old).await).name(), "superseded");
}

/// What somebody who can write to the store makes of a row.
#[derive(Clone, Copy, Debug)]
enum Altered {
    Nothing,
    Inquiry(InquiryId),
    Nonce,
    Key,
    NoDerivation,
    LinkId,
}

struct Altering {
    store: Arc<MemoryStore>,
    how: Altered,
}

impl Altering {
    fn derivation(&self, derivation: Option<Derivation>) -> Option<Derivation> {
        match self.how {
            Altered::Nonce => derivation.map(|d| Derivation { nonce: Nonce::from_bytes([0; 16]), ..d }),
            Altered::Key => derivation.map(|d| Derivation { key: inquiry_otl::KeyId::new(2).unwrap(), ..d }),
            Altered::NoDerivation => None,
            _ => derivation,
        }
    }
}

impl Twist for Altering {
    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    async fn redeem(&self, command: Redeem) -> Result<Option<Attempted>, StoreError> {
        let attempted = LinkStore::redeem(&self.store, command).await?;
        Ok(attempted.map(|mut attempted| {
            attempted.derivation = self.derivation(attempted.derivation);
            match self.how {
                Altered::Inquiry(id) => attempted.inquiry.id = id,
                Altered::LinkId => attempted.link = inquiry_otl::LinkId::from_u128(7),
                _ => {}
            }
            attempted
        }))
    }

    async fn inspect(&self, command: Inspect) -> Result<Option<LinkView>, StoreError> {
        let view = LinkStore::inspect(&self.store, command).await?;
        Ok(view.map(|mut view| {
            view.link.derivation = self.derivation(view.link.derivation);
            match self.how {
                Altered::Inquiry(id) => view.link.inquiry = id,
                Altered::LinkId => view.link.id = inquiry_otl::LinkId::from_u128(7),
                _ => {}
            }
            view
        }))
    }

    async fn issue(&self, command: IssueLink) -> Result<IssueOutcome, StoreError> {
        let mut outcome = LinkStore::issue(&self.store, command).await?;
        if let IssueOutcome::Reused { link, .. } = &mut outcome {
            link.derivation = self.derivation(link.derivation);
            match self.how {
                Altered::Inquiry(id) => link.inquiry = id,
                Altered::LinkId => link.id = inquiry_otl::LinkId::from_u128(7),
                _ => {}
            }
        }
        Ok(outcome)
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        let mut outcomes = Vec::new();
        for command in commands {
            outcomes.push(Twist::issue(self, command).await);
        }
        outcomes
    }
}

/// C7, L5, D9: a row that was re-pointed grants nothing, holds nothing, is diagnosed, and is neither returned nor derived.
#[tokio::test]
async fn a_row_that_was_repointed_grants_nothing() {
    for how in [
        Altered::Nothing,
        Altered::Inquiry(inquiry_id("inq_victim")),
        Altered::Nonce,
        Altered::Key,
        Altered::NoDerivation,
        Altered::LinkId,
    ] {
        let good = matches!(how, Altered::Nothing);
        let world = World::new();
        let build = |how| {
            Service::builder(Twisted(Altering { store: world.store.clone(), how }))
                .clock(world.clock.clone())
                .event_sink(world.sink.sink())
                .keyring(ring(1, &[2]))
                .build()
                .unwrap()
        };
        let (service, honest) = (build(how), build(Altered::Nothing));
        let id = world.created().await;
        let link = honest.issue(LinkRequest::resume(id)).await.unwrap();
        let derived = service.derive(id, link.id).await;
        assert_eq!(derived.is_ok_and(|derived| derived.url.expose() == link.url.expose()), good, "{how:?}");
        // A link whose code cannot be told again is superseded.
        let again = service.issue(LinkRequest::resume(id)).await.unwrap();
        assert_eq!((again.reused, again.url.expose() == link.url.expose()), (good, good), "{how:?}");
        let many = service.issue_many([LinkRequest::resume(id)]).await;
        assert!(matches!(&many[..], [Ok(link)] if link.reused == good), "{how:?}: {many:?}");
        let text = link.url.expose();
        let peek = service.peek(text, &Attempt::new()).await.unwrap();
        assert_eq!(matches!(peek, Peek::WouldGrant(_)), good, "{how:?}");
        let diagnosis = service.diagnose(text).await.unwrap();
        assert_eq!(diagnosis.refusal, (!good).then_some(Refusal::Repointed), "{how:?}");
        world.sink.take();
        match service.claim(text, &Attempt::new()).await.unwrap() {
            inquiry_otl::Claiming::Claimed(claim) => {
                assert!(good);
                service.release(&claim).await.unwrap();
            }
            inquiry_otl::Claiming::Refused(refused) => assert!(!good && refused.reason == Refusal::Repointed),
            other => panic!("{how:?}: {other:?}"),
        }
        world.advance(seconds(30));
        match service.redeem(text, &Attempt::new()).await.unwrap() {
            inquiry_otl::Redemption::Granted(_) => assert!(good),
            other => assert_eq!(refusal(other), Refusal::Repointed, "{how:?}"),
        }
    }
}

/// C7, L5: a code of a ring does not say anything about another: each link has a nonce of its own.
#[tokio::test]
async fn each_link_has_a_nonce_of_its_own() {
    let world = World::keyed();
    let id = world.created().await;
    let request = || LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
    let mut nonces = Vec::new();
    for _ in 0..8 {
        let link = world.service.issue(request()).await.unwrap();
        let tenant = inquiry_otl::TenantId::default();
        let name = inquiry_otl::store::LinkName::Id(id, link.id);
        let view = LinkStore::inspect(&world.store, Inspect { tenant, link: name }).await.unwrap().unwrap();
        let nonce = view.link.derivation.unwrap().nonce;
        assert!(!nonces.contains(&nonce));
        nonces.push(nonce);
        let digest: Digest = view.link.digest;
        assert_ne!(digest, Digest::from_bytes([0; 32]));
    }
}
