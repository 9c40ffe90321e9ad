//! Rotating a key: new links under the new key, old links good until they expire, then the old key goes.

use std::error::Error;

use inquiry_otl::{
    Attempt, Key, KeyId, Keyring, LinkRequest, ManualClock, MemoryStore, NewInquiry, Redemption, Service,
    TemplateId,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let clock = ManualClock::default();
    let with = |ring| Service::builder(&store).clock(clock.clone()).keyring(ring).build();
    // In production these come from a secret store: `openssl rand -hex 32` makes one.
    let (first, second) = ("0123456789abcdef".repeat(4), "fedcba9876543210".repeat(4));
    let old = || KeyId::new(1).and_then(|id| Key::from_hex(id, &first));
    let new = || KeyId::new(2).and_then(|id| Key::from_hex(id, &second));

    // With a key, asking twice gives the same link: the code is derived, so it can be shown again.
    let before = with(Keyring::new(old()?))?;
    let inquiry = before.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    let link = before.issue(LinkRequest::resume(inquiry.id)).await?;
    let again = before.issue(LinkRequest::resume(inquiry.id)).await?;
    println!("asked twice: the same link: {}", link.id == again.id && again.reused);

    // Every process gets the new key as one that it recognises; then as the one that it uses.
    let during = with(Keyring::new(new()?).with_retiring(old()?)?)?;
    match during.redeem(link.url.expose(), &Attempt::new()).await? {
        Redemption::Granted(_) => println!("a link made under key 1: granted"),
        Redemption::Busy { .. } | Redemption::Refused(_) => println!("a link made under key 1: not granted"),
    }

    // When the last link of the old key has expired, the key may go. Support staff see what became of the rest.
    let after = with(Keyring::new(new()?))?;
    let late = before.issue(LinkRequest::resume(inquiry.id)).await?;
    if let Redemption::Refused(refused) = after.redeem(late.url.expose(), &Attempt::new()).await? {
        println!("a link made under key 1, without key 1: {}", refused.reason);
    }
    if let Some(refusal) = after.diagnose(late.url.expose()).await?.refusal {
        println!("diagnosis: {refusal}");
    }
    Ok(())
}
