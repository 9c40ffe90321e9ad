//! Somebody who reads the database, and somebody who writes to it.

use inquiry_otl::{
    Attempt, AttemptKey, Binding, Claiming, InquiryId, IssuedLink, Key, KeyId, Keyring, LinkRequest,
    ManualClock, NewInquiry, OnOutstanding, Redemption, Refusal, Revocation, Service, TemplateId,
};
use inquiry_otl_postgres::PostgresStore;
use uuid::Uuid;

use crate::support::Schema;

/// L3, C7: after a whole story no code, token, key of an attempt or binding is in any table, nor a part of one, as text or
/// as bytes.
#[tokio::test]
async fn who_reads_the_database_finds_no_secret() {
    for keyring in [None, Some(ring())] {
        let schema = Schema::new();
        let service = service(&schema, keyring).await;
        let inquiry = inquiry(&service).await;
        let link = service.issue(LinkRequest::resume(inquiry)).await.unwrap();
        let (key, cookie) = (AttemptKey::random(), "cookie-of-the-client");
        let mut secrets = vec![code(&link), key.expose().to_owned(), cookie.to_owned()];
        let attempt = Attempt::new().with_key(key).with_binding(Binding::new(cookie.as_bytes()).unwrap());
        let Claiming::Claimed(claim) = service.claim(link.url.expose(), &attempt).await.unwrap() else {
            panic!("not claimed")
        };
        secrets.push(claim.token.expose().as_str().to_owned());
        for answer in [service.commit(&claim).await, service.redeem(link.url.expose(), &attempt).await] {
            let Redemption::Granted(grant) = answer.unwrap() else { panic!("not granted") };
            secrets.push(grant.token.expose().as_str().to_owned());
        }
        let unused = service.issue(LinkRequest::resume(inquiry)).await.unwrap();
        secrets.push(code(&unused));
        service.revoke(inquiry, Revocation::Everything).await.unwrap();

        let tables = ["inquiries", "links", "sessions", "endings", "outbox"];
        let read =
            || tables.map(|table| schema.sql(&format!("SELECT t FROM {table} t"))).concat().to_lowercase();
        let seen =
            |read: &str, secret: &String| parts(secret).iter().any(|part| read.contains(part.as_str()));
        for (place, secret) in secrets.iter().enumerate() {
            assert!(!seen(&read(), secret), "secret {place} is kept");
        }
        // The search finds what is there, in either form.
        for kept in [secrets[0].clone(), parts(&secrets[0]).pop().unwrap()] {
            schema.sql(&format!("UPDATE links SET creator = '{kept}'"));
            assert!(seen(&read(), &secrets[0]), "{kept}");
        }
    }
}

/// C7, C2: who writes to the database and has no key makes no code that works, and leads none elsewhere; what they can do is
/// revive a link whose code they hold, and, where there is no key, lead it elsewhere.
#[tokio::test]
async fn who_writes_to_the_database_leads_no_derived_code_elsewhere() {
    for keyring in [None, Some(ring())] {
        let keyed = keyring.is_some();
        let schema = Schema::new();
        let service = service(&schema, keyring).await;
        let (mine, theirs) = (inquiry(&service).await, inquiry(&service).await);
        let request = LinkRequest::resume(mine).on_outstanding(OnOutstanding::Keep);
        let (link, other) =
            (service.issue(request.clone()).await.unwrap(), service.issue(request).await.unwrap());
        let redeemed =
            async |link: &IssuedLink| service.redeem(link.url.expose(), &Attempt::new()).await.unwrap();

        schema.sql(&format!(
            "UPDATE links SET inquiry = i.id, epoch = i.epoch, generation = i.resume_generation \
             FROM inquiries i WHERE i.id = '{theirs}' AND links.id = '{}'",
            Uuid::from_u128(link.id.as_u128())
        ));
        match redeemed(&link).await {
            Redemption::Granted(grant) => assert!(!keyed && grant.inquiry.id == theirs),
            Redemption::Refused(refused) => assert!(keyed && refused.reason == Refusal::Repointed),
            busy @ Redemption::Busy { .. } => panic!("{busy:?}"),
        }
        // The link is spent either way.
        assert_eq!(schema.sql("SELECT count(*) FROM links WHERE used_at IS NOT NULL"), "1");

        assert!(matches!(redeemed(&other).await, Redemption::Granted(_)));
        assert!(matches!(redeemed(&other).await, Redemption::Refused(_)));
        let revive = "UPDATE links SET used_at = NULL, session = NULL, claim = NULL, lease_until = NULL";
        schema.sql(&format!("{revive} WHERE id = '{}'", Uuid::from_u128(other.id.as_u128())));
        assert!(matches!(redeemed(&other).await, Redemption::Granted(_)), "this is not promised");
    }
}

fn ring() -> Keyring {
    Keyring::new(Key::random(KeyId::new(1).unwrap()))
}

async fn service(schema: &Schema, keyring: Option<Keyring>) -> Service<PostgresStore> {
    let store = schema.store_with(schema.options().with_outbox()).await;
    let builder = Service::builder(store).clock(ManualClock::default());
    match keyring {
        Some(keyring) => builder.keyring(keyring),
        None => builder,
    }
    .build()
    .unwrap()
}

async fn inquiry(service: &Service<PostgresStore>) -> InquiryId {
    let template = TemplateId::new("itmpl_kyc").unwrap();
    service.create(NewInquiry::from_template(template)).await.unwrap().id
}

fn code(link: &IssuedLink) -> String {
    link.code.expose().as_str().to_owned()
}

/// Every eight characters of a secret, and every six bytes of its text, and of its symbols, as hexadecimal digits.
fn parts(secret: &str) -> Vec<String> {
    const SYMBOLS: &str = "0123456789abcdefghjkmnpqrstvwxyz";
    let secret = secret.to_lowercase();
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let mut parts: Vec<_> = (0..=secret.len() - 8).map(|start| secret[start..start + 8].to_owned()).collect();
    parts.extend(secret.as_bytes().windows(6).map(hex));
    // A code begins with the symbol of its key, a token with its own.
    for begin in [0, 1] {
        let symbols = secret[begin..].chars().take(32).map(|symbol| SYMBOLS.find(symbol));
        let Some(symbols) = symbols.collect::<Option<Vec<_>>>() else { continue };
        let bits = symbols.iter().fold(String::new(), |bits, symbol| format!("{bits}{symbol:05b}"));
        let bytes: Vec<_> = bits
            .as_bytes()
            .chunks_exact(8)
            .map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0')))
            .collect();
        parts.extend(bytes.windows(6).map(hex));
    }
    parts
}
