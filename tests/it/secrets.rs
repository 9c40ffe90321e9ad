//! No secret leaves but by its one reader: not through `Debug`, `Display`, an error, an event or a wire.

use std::{collections::BTreeSet, fmt::Debug, marker::PhantomData};

use inquiry_otl::{
    Attempt, AttemptKey, Binding, Claim, ClaimToken, Code, ExpirationPolicy, Grace, Grant, IssuePlan,
    IssuedLink, Key, Keyring, LinkRequest, LinkUrl, OnOutstanding, Redemption, Revocation, SecretText,
    SessionToken, TenantId,
    store::{InquiryKey, Inspect, LinkName, LinkStore, ListOf, Outbox, SessionKey},
};

use crate::support::{World, attempt, claimed, granted, key, key_hex};

/// Whether a type has a trait: an inherent constant hides the trait's own, where its bound holds.
struct Probe<T>(PhantomData<T>);

macro_rules! probes {
    ($($constant:ident, $absent:ident: $bound:path;)+) => {$(
        trait $absent {
            const $constant: bool = false;
        }
        impl<T> $absent for Probe<T> {}
        impl<T: $bound> Probe<T> {
            const $constant: bool = true;
        }
    )+};
}

probes! {
    CLONE, NoClone: Clone;
    DISPLAY, NoDisplay: std::fmt::Display;
    EQUAL, NoEqual: PartialEq;
    AS_TEXT, NoAsText: AsRef<str>;
    AS_BYTES, NoAsBytes: AsRef<[u8]>;
    INTO_TEXT, NoIntoText: Into<String>;
    TARGET, NoTarget: std::ops::Deref;
}
#[cfg(feature = "serde")]
probes! { SERIALIZE, NoSerialize: serde::Serialize; }

macro_rules! exits {
    ($type:ty) => {{
        #[cfg(feature = "serde")]
        let serialize = Probe::<$type>::SERIALIZE;
        #[cfg(not(feature = "serde"))]
        let serialize = false;
        [
            Probe::<$type>::CLONE,
            Probe::<$type>::DISPLAY,
            Probe::<$type>::EQUAL,
            Probe::<$type>::AS_TEXT,
            Probe::<$type>::AS_BYTES,
            Probe::<$type>::INTO_TEXT,
            Probe::<$type>::TARGET,
            serialize,
        ]
    }};
}

/// C4, C3: no secret can be cloned, printed, compared, borrowed as text or serialised by accident.
#[test]
fn no_secret_has_an_accidental_exit() {
    // The probe sees what is there.
    let serde = cfg!(feature = "serde");
    assert_eq!(exits!(String), [true, true, true, true, true, true, true, serde]);
    assert_eq!(exits!(inquiry_otl::LinkId), [true, true, true, false, false, false, false, serde]);
    let none = [false; 8];
    assert_eq!(exits!(Code), none);
    assert_eq!(exits!(SecretText), none);
    assert_eq!(exits!(LinkUrl), none);
    assert_eq!(exits!(SessionToken), none);
    assert_eq!(exits!(ClaimToken), none);
    assert_eq!(exits!(AttemptKey), none);
    assert_eq!(exits!(Binding), none);
    assert_eq!(exits!(Key), none);
    assert_eq!(exits!(Keyring), none);
    assert_eq!(exits!(Attempt), none);
    assert_eq!(exits!(IssuedLink), none);
    assert_eq!(exits!(Grant), none);
    assert_eq!(exits!(Claim), none);
    assert_eq!(exits!(Redemption), none);
    assert_eq!(exits!(inquiry_otl::Claiming), none);
    assert_eq!(exits!(IssuePlan), none);
    assert_eq!(exits!(inquiry_otl::RedeemPlan), none);
    assert_eq!(exits!(inquiry_otl::CommitPlan), none);
}

/// Everything that a story shows, in every form that it can be shown in.
#[derive(Default)]
struct Shown(Vec<String>);

impl Shown {
    fn debug(&mut self, value: &impl Debug) {
        self.0.push(format!("{value:?}"));
        self.0.push(format!("{value:#?}"));
    }

    fn error(&mut self, error: &dyn std::error::Error) {
        self.0.push(format!("{error} {error:?} {error:#?}"));
        if let Some(source) = error.source() {
            self.error(source);
        }
    }

    /// `Debug`, and the wire if there is one.
    #[cfg(feature = "serde")]
    fn wire(&mut self, value: &(impl Debug + serde::Serialize)) {
        self.debug(value);
        self.0.push(serde_json::to_string(value).unwrap());
    }

    #[cfg(not(feature = "serde"))]
    fn wire(&mut self, value: &impl Debug) {
        self.debug(value);
    }
}

/// What must not be seen, in upper case: every run of so many characters of a secret.
#[derive(Default)]
struct Hidden(BTreeSet<String>);

impl Hidden {
    fn text(&mut self, secret: &str, run: usize) {
        let secret = secret.to_uppercase();
        for start in 0..=secret.len() - run {
            self.0.insert(secret[start..start + run].to_owned());
        }
    }

    /// A code's symbols without its key's, and its bytes as numbers and as hexadecimal digits.
    fn code(&mut self, text: &str) {
        const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        self.text(&text[1..], 8);
        let bits = text[1..33]
            .chars()
            .fold(String::new(), |bits, symbol| format!("{bits}{:05b}", ALPHABET.find(symbol).unwrap()));
        let bytes: Vec<u8> =
            (0..20).map(|n| u8::from_str_radix(&bits[8 * n..8 * n + 8], 2).unwrap()).collect();
        for run in bytes.windows(6) {
            self.0.insert(format!("{run:?}").trim_matches(['[', ']']).to_owned());
            self.0.insert(run.iter().fold(String::new(), |text, byte| format!("{text}{byte:02X}")));
        }
    }

    fn seen_in(&self, text: &str) -> Option<&String> {
        let text = text.to_uppercase();
        self.0.iter().find(|secret| text.contains(secret.as_str()))
    }
}

async fn store_reads(world: &World, link: &IssuedLink, shown: &mut Shown) {
    let tenant = TenantId::default();
    let key = InquiryKey { tenant, inquiry: link.inquiry };
    shown.wire(&LinkStore::inquiry(&world.store, key).await.unwrap().unwrap());
    let inspect = Inspect { tenant, link: LinkName::Id(link.inquiry, link.id) };
    let view = LinkStore::inspect(&world.store, inspect).await.unwrap().unwrap();
    shown.wire(&view);
    shown.debug(&view.subject());
    let links = ListOf { inquiry: key, before: None, limit: 99 };
    shown.debug(&LinkStore::links(&world.store, links).await.unwrap());
    let sessions = ListOf { inquiry: key, before: None, limit: 99 };
    let listing = LinkStore::sessions(&world.store, sessions).await.unwrap().unwrap();
    for session in &listing.items {
        shown.wire(session);
        let key = SessionKey { tenant, inquiry: link.inquiry, session: session.id };
        shown.debug(&LinkStore::session(&world.store, key).await.unwrap());
    }
    shown.debug(&listing);
    shown.debug(&world.service);
    shown.debug(world.service.planner());
    shown.debug(&world.store);
}

/// The whole story, with everything that can be shown on the way.
async fn story(world: &World, shown: &mut Shown, hidden: &mut Hidden) {
    let id = world.pending().await;
    let request = LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
    shown.debug(&request);
    let links =
        [world.service.issue(request.clone()).await.unwrap(), world.service.issue(request).await.unwrap()];
    let planner = world.service.planner();
    let drawn = AttemptKey::random();
    hidden.text(drawn.expose(), 8);
    for (place, link) in links.iter().enumerate() {
        let code = link.code.expose();
        hidden.code(code.as_str());
        shown.debug(link);
        shown.debug(&code);
        let text = link.url.expose();
        let attempt = || attempt(drawn.expose()).with_binding(Binding::new(b"cookie-of-the-client").unwrap());
        shown.debug(&attempt());
        shown.debug(&world.service.peek(text, &attempt()).await.unwrap());
        shown.wire(&world.service.diagnose(text).await.unwrap());
        store_reads(world, link, shown).await;
        let grant = if place == 0 {
            let plan = planner.redeem(text, &attempt()).unwrap();
            shown.debug(&plan);
            shown.debug(&plan.command());
            let outcome = LinkStore::redeem(&world.store, plan.command()).await.unwrap();
            shown.debug(&outcome);
            let finished = planner.finish_redeem(plan, outcome);
            shown.debug(&finished);
            granted(finished.told(planner))
        } else {
            let claiming = world.service.claim(text, &attempt()).await.unwrap();
            shown.debug(&claiming);
            let claim = claimed(claiming);
            hidden.text(claim.token.expose().as_str(), 8);
            shown.debug(&claim);
            store_reads(world, link, shown).await;
            shown.debug(&world.service.redeem(text, &Attempt::new()).await.unwrap());
            shown.debug(&planner.release(&claim));
            let plan = planner.commit(&claim);
            shown.debug(&plan);
            shown.debug(&plan.command());
            let answer = world.service.commit(&claim).await.unwrap();
            shown.debug(&answer);
            granted(answer)
        };
        hidden.text(grant.token.expose().as_str(), 8);
        shown.debug(&grant);
        shown.debug(&grant.token.expose());
        for repeat in [attempt(), Attempt::new()] {
            let answer = world.service.redeem(text, &repeat).await.unwrap();
            shown.debug(&answer);
            hidden.text(granted(answer).token.expose().as_str(), 8);
        }
        shown.debug(&world.service.authenticate(id, grant.session.id, &grant.token).await.unwrap());
        store_reads(world, link, shown).await;
    }
    let plan = planner.issue(&LinkRequest::resume(id)).unwrap();
    shown.debug(&plan);
    shown.debug(plan.command());
    world.service.revoke(id, Revocation::AllLinks).await.unwrap();
    for link in &links {
        let code = link.code.expose();
        let code = code.as_str();
        let answer = world.service.redeem(code, &Attempt::new()).await.unwrap();
        shown.debug(&answer);
        let Redemption::Refused(refused) = answer else { panic!() };
        shown.wire(&refused);
        shown.error(&refused.reason);
        shown.debug(&world.service.issue(LinkRequest::resume(id)).await);
        mangled(world, code, shown).await;
    }
    shown.wire(&world.service.links(id, None, 9).await.unwrap());
    shown.wire(&world.service.sessions(id, None, 9).await.unwrap());
    for event in world.sink.take() {
        shown.wire(&event);
    }
    for delivery in world.store.pending(None, u32::MAX).await.unwrap() {
        shown.debug(&delivery);
        shown.wire(&delivery.event);
    }
}

/// What is said of a code that was mangled on its way, and of a secret in the wrong place.
async fn mangled(world: &World, code: &str, shown: &mut Shown) {
    let formats = (inquiry_otl::UrlFormat::default(), inquiry_otl::CodeFormat::default());
    for text in [
        code[1..].to_owned(),
        format!("{code}{code}"),
        code.replacen(&code[5..6], "*", 1),
        format!("{}{}", &code[1..], &code[..1]),
        format!("us1-{code}"),
        format!("%FF{code}"),
        format!("https://evil.example/verify?code={code}"),
        format!("https://withpersona.com/{code}"),
        format!("https://withpersona.com/verify?code={code}&code={code}"),
    ] {
        let answer = world.service.redeem(&text, &Attempt::new()).await.unwrap();
        shown.debug(&answer);
        shown.debug(&world.service.peek(&text, &Attempt::new()).await.unwrap());
        shown.wire(&world.service.diagnose(&text).await.unwrap());
        shown.error(&formats.0.parse(&formats.1, &text).unwrap_err());
        if let Err(error) = formats.1.parse(&text) {
            shown.error(&error);
        }
    }
    shown.error(&SessionToken::parse(code).unwrap_err());
    shown.error(&ClaimToken::parse(&code[1..]).unwrap_err());
    shown.error(&AttemptKey::new(&code[20..]).unwrap_err());
    shown.error(&inquiry_otl::InquiryId::new(code).unwrap_err());
    shown.error(&inquiry_otl::LinkId::new(&format!("otl_{code}")).unwrap_err());
    shown.error(&Key::from_hex(inquiry_otl::KeyId::new(1).unwrap(), code).unwrap_err());
    #[cfg(feature = "serde")]
    shown.error(&serde_json::from_str::<inquiry_otl::LinkId>(&format!("\"otl_{code}\"")).unwrap_err());
    #[cfg(feature = "serde")]
    shown.error(&serde_json::from_str::<inquiry_otl::Digest>(&format!("\"{code}\"")).unwrap_err());
}

/// C4, L3, V1, D9: no secret of a whole story is in anything that is printed, told, kept or sent on its way.
#[tokio::test]
async fn no_secret_is_in_anything_that_is_shown() {
    let policy = ExpirationPolicy::default().with_grace(Grace::persona());
    for keyed in [false, true] {
        let world = World::with(|builder| {
            let builder = builder.policy(policy);
            if keyed { builder.keyring(Keyring::new(key(1)).with_retiring(key(2)).unwrap()) } else { builder }
        });
        let (mut shown, mut hidden) = (Shown::default(), Hidden::default());
        for number in [1, 2] {
            hidden.text(&key_hex(number), 16);
            shown.debug(&key(number));
        }
        hidden.text("cookie-of-the-client", 8);
        story(&world, &mut shown, &mut hidden).await;
        // The search finds what it looks for.
        let link = world.link(world.pending().await).await;
        let url = link.url.expose().to_lowercase();
        assert_eq!(hidden.seen_in(&url), None);
        hidden.code(link.code.expose().as_str());
        assert!(hidden.seen_in(&url).is_some());
        assert!(400 < shown.0.len() && 300 < hidden.0.len(), "{} {}", shown.0.len(), hidden.0.len());
        for text in &shown.0 {
            assert_eq!(hidden.seen_in(text), None, "{text}");
        }
    }
}

/// C4, S4: what holds a store, a sink or keys names itself, and shows nothing that is inside.
#[test]
fn what_holds_others_shows_only_its_name() {
    use inquiry_otl::{
        MemoryStore, Operator, Service,
        store::{AnyDirectory, AnyHousekeeping, AnyLinkStore, AnyOutbox},
    };
    let store = || MemoryStore::new().with_outbox();
    let shown = [
        format!("{:?}", AnyLinkStore::new(store())),
        format!("{:?}", AnyDirectory::new(store())),
        format!("{:?}", AnyHousekeeping::new(store())),
        format!("{:?}", AnyOutbox::new(store())),
    ];
    assert_eq!(
        shown,
        ["AnyLinkStore { .. }", "AnyDirectory { .. }", "AnyHousekeeping { .. }", "AnyOutbox { .. }"]
    );
    let operator = Operator::new(store());
    assert!(format!("{operator:?}").starts_with("Operator {"), "{operator:?}");
    let builder = Service::builder(store()).event_sink(|_: &inquiry_otl::Event| {});
    assert!(format!("{builder:?}").contains("sink: Some(EventSink)"), "{builder:?}");
}
