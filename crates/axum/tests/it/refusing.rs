//! One page for every refusal.

use std::{collections::BTreeSet, num::NonZeroU32};

use axum::http::StatusCode;
use inquiry_otl::{
    Attempt, Clients, EventKind, ExpirationPolicy, Grace, Interval, Key, KeyId, Keyring, LinkRequest,
    Revocation,
};

use crate::support::{Answer, Browser, World};

/// A world, a link in it, and a browser that has its page open.
struct Scene {
    world: World,
    person: Browser,
    link: inquiry_otl::IssuedLink,
    page: Answer,
}

async fn scene(world: World) -> Scene {
    scene_with(world, |request| request).await
}

async fn scene_with(world: World, change: impl FnOnce(LinkRequest) -> LinkRequest) -> Scene {
    let request = change(LinkRequest::resume(world.inquiry().await));
    let link = world.service.issue(request).await.unwrap();
    let mut person = Browser::new(&world.app());
    let page = person.open(link.url.expose()).await;
    assert_eq!(page.status, StatusCode::OK);
    Scene { world, person, link, page }
}

fn policy(change: impl FnOnce(ExpirationPolicy) -> ExpirationPolicy) -> World {
    World::with(|builder| builder.policy(change(ExpirationPolicy::default())))
}

impl Scene {
    /// What looking and pressing gets, and the reason that only the application learns.
    async fn answers(mut self) -> (Answer, Answer, &'static str) {
        self.world.events.lock().unwrap().clear();
        let press = self.person.press(&self.page.fields()).await;
        let look = self.person.open(self.link.url.expose()).await;
        let events = self.world.events.lock().unwrap();
        let reason = events.iter().find_map(|event| match event.kind {
            EventKind::LinkRefused { refusal, .. } => Some(refusal.name()),
            _ => None,
        });
        (press, look, reason.unwrap())
    }
}

/// D2: whatever the reason, looking and pressing show the same page, byte for byte, under the same status and headers.
#[tokio::test]
async fn the_page_is_the_same_for_every_reason() {
    let mut answers = Vec::new();

    let used = scene(World::new()).await;
    let _ = used.world.service.redeem(used.link.url.expose(), &Attempt::new()).await.unwrap();
    answers.push(used.answers().await);

    let revoked = scene(World::new()).await;
    revoked.world.service.revoke(revoked.link.inquiry, Revocation::AllLinks).await.unwrap();
    answers.push(revoked.answers().await);

    let superseded = scene(World::new()).await;
    superseded.world.service.issue(LinkRequest::resume(superseded.link.inquiry)).await.unwrap();
    answers.push(superseded.answers().await);

    let redacted = scene(World::new()).await;
    redacted.world.service.redact(redacted.link.inquiry).await.unwrap();
    answers.push(redacted.answers().await);

    let closed = scene(World::new()).await;
    closed.world.service.start(closed.link.inquiry).await.unwrap();
    closed.world.service.complete(closed.link.inquiry).await.unwrap();
    answers.push(closed.answers().await);

    let expired = scene(World::new()).await;
    expired.world.service.expire(expired.link.inquiry).await.unwrap();
    answers.push(expired.answers().await);

    let half = Interval::from_minutes(30).unwrap();
    let outlived = scene_with(World::new(), |request| request.expires_in(half)).await;
    outlived.world.clock.advance(half);
    answers.push(outlived.answers().await);

    let limited = policy(|policy| policy.with_session_limit(NonZeroU32::MIN));
    let limited = scene(limited).await;
    limited.world.service.start_session(limited.link.inquiry).await.unwrap();
    answers.push(limited.answers().await);

    let grace = Grace::new(half, NonZeroU32::MIN).with_clients(Clients::Same);
    let other = scene(policy(|policy| policy.with_grace(grace))).await;
    let _ = other.world.service.redeem(other.link.url.expose(), &Attempt::new()).await.unwrap();
    answers.push(other.answers().await);

    // A code that this instance has never seen, in a form that another one with the same key has sealed.
    let mut unknown = scene(World::new()).await;
    let elsewhere = World::new();
    unknown.person.app = elsewhere.app();
    unknown.world = elsewhere;
    answers.push(unknown.answers().await);

    // A code whose key is not in this instance's ring.
    let ring = |id| Keyring::new(Key::random(KeyId::new(id).unwrap()));
    let mut retired = scene(World::with(|builder| builder.keyring(ring(1)))).await;
    let elsewhere = World::with(|builder| builder.keyring(ring(2)));
    retired.person.app = elsewhere.app();
    retired.world = elsewhere;
    answers.push(retired.answers().await);

    let mut mangled = scene(World::new()).await;
    let code = mangled.page.fields()["code"].clone();
    let wrong = mangled.person.open(&format!("/verify?code={}", &code[..code.len() - 1])).await;
    let pressed =
        mangled.person.post("application/x-www-form-urlencoded", "code=x&attempt=y&seal=z".to_owned()).await;
    answers.push((pressed, wrong, "mangled"));

    let reasons: BTreeSet<&str> = answers.iter().map(|(.., reason)| *reason).collect();
    assert_eq!(
        Vec::from_iter(reasons),
        [
            "inquiry-closed",
            "inquiry-expired",
            "inquiry-redacted",
            "link-expired",
            "mangled",
            "other-client",
            "revoked",
            "session-limit",
            "superseded",
            "unknown",
            "used"
        ],
    );
    assert_eq!(answers.len(), 12);
    let text = answers[0].0.text();
    assert!(text.starts_with("404") && text.contains("ask for a new link"), "{text}");
    for (press, look, reason) in &answers {
        assert_eq!(press.text(), text, "{reason}");
        assert_eq!(look.text(), text, "{reason}");
    }
}
