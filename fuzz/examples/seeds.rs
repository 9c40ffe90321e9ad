//! Writes the seeds anew, into `fuzz/seeds`: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`.
//!
//! Those of `code`, `url`, `ids` and `json` are texts that the library writes and what people make of them. Those of
//! `keyring`, `memory` and `world` choose something with each byte, so they are any bytes, of a fixed generator.

use std::{fs, io, path::Path, sync::Arc};

use inquiry_otl::{
    Attempt, AttemptKey, Binding, Claiming, CodeFormat, Creator, Event, EventId, EventKind, ExpirationPolicy,
    Grace, InquiryId, Key, KeyId, Keyring, LinkRequest, LinkStore, ManualClock, MemoryStore, NewInquiry,
    Redemption, ReferenceId, Region, Revocation, Service, TemplateId, TenantId, Timestamp, UrlFormat,
    blocking::{BlockOn as _, BlockingService, ParkThread},
    store::{InquiryKey, Inspect, LinkName},
};
use inquiry_otl_fuzz::pasted::CODES;
use serde::Serialize;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    write("code", &codes()?)?;
    write("url", &urls())?;
    write("ids", &ids())?;
    write("json", &json()?)?;
    write("keyring", &bytes(&[40, 90, 200]))?;
    write("memory", &bytes(&[60, 250, 1_000]))?;
    write("world", &bytes(&[20, 60, 200]))?;
    Ok(())
}

fn write(target: &str, seeds: &[Vec<u8>]) -> io::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&dir)?;
    seeds.iter().enumerate().try_for_each(|(number, seed)| fs::write(dir.join(format!("{number:02}")), seed))
}

fn texts(texts: &[String]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.clone().into_bytes()).collect()
}

/// A code of each format, codes on their way through the mail, and other secrets.
fn codes() -> Result<Vec<Vec<u8>>> {
    let (_, service, inquiry) = service()?;
    let grant = service.start_session(inquiry)?;
    let link = service.issue(LinkRequest::resume(inquiry))?;
    let claimed = service.claim(link.code.expose().as_str(), &Attempt::new())?;
    let Claiming::Claimed(claim) = claimed else { return Err("the link is not claimed".into()) };
    let [short, usual, _, regional, ..] = CODES;
    let (front, back) = usual.split_at(20);
    let mut seeds = CODES.map(str::to_owned).to_vec();
    seeds.extend([
        format!(" {} - {}.", front.to_lowercase(), back),
        format!("\u{201C}{front}=\r\n{back}\u{201D}"),
        format!("**{}**", short.replace('0', "O")),
        regional.replace('-', "%2D"),
        grant.token.expose().as_str().to_owned(),
        claim.token.expose().as_str().to_owned(),
        AttemptKey::random().expose().to_owned(),
    ]);
    Ok(texts(&seeds))
}

/// A base, and what was pasted.
fn urls() -> Vec<Vec<u8>> {
    let [short, usual, _, regional, ..] = CODES;
    texts(&[
        format!("\nhttps://withpersona.com/verify?code={usual}"),
        format!("\nClick here: <https://perso.na/{short}>."),
        format!("https://verify.acme.com/start\nhttps://verify.acme.com/start?utm=1&code={usual}#top"),
        format!("http://localhost:8080\n[open]({})", format_args!("http://localhost:8080/{regional}")),
        format!("https://[::1]:444/a/b\n%68ttps://[::1]:444/a/b/?code=3D{short}"),
        format!("https://acme.com\n{usual}"),
        "https://acme.com/a\nhttps://evil.example/a?code=1&code=2".to_owned(),
    ])
}

fn ids() -> Vec<Vec<u8>> {
    texts(
        &[
            "otl_01jghtk8000000000000000001",
            "iqse_7zzzzzzzzzzzzzzzzzzzzzzzzz",
            "evt_00000000000000000000000001",
        ]
        .into_iter()
        .chain(["inq_2CVZ4HyVg7qaboXz2PUHknAn", "itmpl_kyc", "acme-eu", "us1", "user 7", "device-handoff"])
        .chain(["needs_review", "same"])
        .map(str::to_owned)
        .collect::<Vec<_>>(),
    )
}

/// Records of a link that was used, of one that is held and of an inquiry with a past; what is shown, told and configured.
fn json() -> Result<Vec<Vec<u8>>> {
    let (store, service, inquiry) = service()?;
    let mut seeds = Vec::new();
    let tenant = TenantId::default();
    let used = service.issue(LinkRequest::resume(inquiry).created_by(Creator::new("support: jo")?))?;
    let attempt = Attempt::new().with_key(AttemptKey::random()).with_binding(Binding::new(b"a cookie")?);
    let Redemption::Granted(grant) = service.redeem(used.url.expose(), &attempt)? else {
        return Err("the link is not redeemed".into());
    };
    let held = service.issue(LinkRequest::device_handoff(inquiry, grant.session.id))?;
    let _claim = service.claim(held.url.expose(), &Attempt::new())?;
    for link in [&used, &held] {
        let inspect = Inspect { tenant, link: LinkName::Id(inquiry, link.id) };
        push(&mut seeds, &ParkThread.block_on(store.inspect(inspect))?)?;
    }
    service.revoke(inquiry, Revocation::AllLinks)?;
    service.expire(inquiry)?;
    push(&mut seeds, &service.diagnose(used.url.expose())?)?;
    service.resume(inquiry)?;
    push(&mut seeds, &ParkThread.block_on(store.inquiry(InquiryKey { tenant, inquiry }))?)?;
    push(&mut seeds, &service.inquiry(inquiry)?)?;
    push(&mut seeds, &service.session(inquiry, grant.session.id)?)?;
    push(&mut seeds, &service.links(inquiry, None, 1)?.first())?;
    let kind = EventKind::LinkRevoked { revoked: Revocation::Link(used.id) };
    push(
        &mut seeds,
        &Event::new(EventId::from_u128(1), tenant, Some(inquiry), Some(3), Timestamp::MIN, kind),
    )?;
    push(&mut seeds, &ExpirationPolicy::default().with_grace(Grace::persona()))?;
    push(&mut seeds, &CodeFormat::default().with_region(Region::new("us1")?))?;
    push(&mut seeds, &UrlFormat::default())?;
    Ok(seeds)
}

/// A service under a key, with a grace, and an inquiry.
fn service() -> Result<(Arc<MemoryStore>, BlockingService<Arc<MemoryStore>>, InquiryId)> {
    let store = Arc::new(MemoryStore::new());
    let builder = Service::builder(store.clone())
        .clock(ManualClock::default())
        .policy(ExpirationPolicy::default().with_grace(Grace::persona()))
        .keyring(Keyring::new(Key::random(KeyId::new(1)?)));
    let service = BlockingService::new(builder.build()?, ParkThread);
    let request = NewInquiry::from_template(TemplateId::new("itmpl_kyc")?);
    let inquiry = service.create(request.with_reference(ReferenceId::new("user 7")?))?;
    Ok((store, service, inquiry.id))
}

fn push(seeds: &mut Vec<Vec<u8>>, value: &impl Serialize) -> Result<()> {
    seeds.push(serde_json::to_vec(value)?);
    Ok(())
}

/// Any bytes, the same each time.
fn bytes(lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    lengths.iter().map(|length| (0..*length).map(|_| next()).collect()).collect()
}
