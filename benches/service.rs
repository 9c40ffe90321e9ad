//! What the rules cost in memory: issue and redeem through the service, beside a floor that draws the same
//! bytes, hashes the same blocks and takes the same map steps, with nothing around them.
//!
//! `cargo bench --features blocking --bench service`; one batch of each candidate in turn, medians, ratios.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "a bench computes with small numbers"
)]

use std::{collections::HashMap, hint::black_box, time::Instant};

use inquiry_otl::{
    Attempt, Clock, InquiryId, Key, KeyId, Keyring, LinkRequest, MemoryStore, NewInquiry, OnOutstanding,
    Redemption, Service, TemplateId,
    blocking::{BlockingService, ParkThread},
};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

/// Pairs of issue and redeem in a batch, and batches of each candidate.
const PAIRS: usize = 1_000;
const BATCHES: usize = 41;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for live in [1_000, 100_000, 1_000_000] {
        let mut floor = Floor::default();
        for _ in 0..live {
            floor.issue();
        }
        let plain = Subject::new(None, live)?;
        let keyed = Subject::new(Some(Keyring::new(Key::random(KeyId::new(1)?))), live)?;
        let mut times = [const { Vec::new() }; 6];
        for batch in 0..BATCHES {
            let (issue, redeem) = floor.batch();
            let (plain_issue, plain_redeem) = plain.batch(batch)?;
            let (keyed_issue, keyed_redeem) = keyed.batch(batch)?;
            let figures = [issue, redeem, plain_issue, plain_redeem, keyed_issue, keyed_redeem];
            times.iter_mut().zip(figures).for_each(|(times, ns)| times.push(ns));
        }
        let [issue, redeem, plain_issue, plain_redeem, keyed_issue, keyed_redeem] = times.map(median);
        println!("{live} live links, ns a call (median of {BATCHES} batches of {PAIRS})");
        println!("  floor            issue {issue:5.0}  redeem {redeem:5.0}");
        for (name, i, r) in
            [("without a key", plain_issue, plain_redeem), ("with a key", keyed_issue, keyed_redeem)]
        {
            let ratio = (i + r) / (issue + redeem);
            println!("  {name:<16} issue {i:5.0}  redeem {r:5.0}  both {ratio:4.2} x the floor");
        }
    }
    Ok(())
}

/// A service on a store with that many links that are not touched, and inquiries for those that are.
struct Subject {
    service: BlockingService<MemoryStore>,
    inquiries: Vec<InquiryId>,
}

impl Subject {
    fn new(keyring: Option<Keyring>, live: usize) -> Result<Self, Box<dyn std::error::Error>> {
        let builder = Service::builder(MemoryStore::new()).on_outstanding(OnOutstanding::Keep);
        let builder = match keyring {
            Some(ring) => builder.keyring(ring),
            None => builder,
        };
        let service = BlockingService::new(builder.build()?, ParkThread);
        let template = TemplateId::new("itmpl_bench")?;
        let new = || NewInquiry::from_template(template);
        for _ in 0..live {
            service.issue(LinkRequest::resume(service.create(new())?.id))?;
        }
        let inquiries = (0..PAIRS * BATCHES).map(|_| Ok(service.create(new())?.id));
        let inquiries = inquiries.collect::<Result<_, inquiry_otl::CreateError>>()?;
        Ok(Self { service, inquiries })
    }

    fn batch(&self, batch: usize) -> Result<(f64, f64), Box<dyn std::error::Error>> {
        let start = Instant::now();
        let mut links = Vec::with_capacity(PAIRS);
        for inquiry in self.inquiries.iter().skip(batch * PAIRS).take(PAIRS) {
            links.push(self.service.issue(LinkRequest::resume(*inquiry))?);
        }
        let issued = Instant::now();
        for link in &links {
            let Redemption::Granted(grant) = self.service.redeem(link.url.expose(), &Attempt::new())? else {
                return Err("a fresh link was refused".into());
            };
            black_box(grant);
        }
        Ok(per_call(start, issued))
    }
}

/// The least that the rules need: a code, its digest and its URL; the digest again, and the row flipped; a
/// session with a token of its own; ids for the link, the session and the events.
#[derive(Default)]
struct Floor {
    rows: HashMap<u64, Row, std::hash::BuildHasherDefault<AsIs>>,
    sessions: Vec<([u8; 16], [u8; 32])>,
}

struct Row {
    digest: [u8; 32],
    id: [u8; 16],
    expires_at: i64,
    used: Option<usize>,
}

impl Floor {
    fn issue(&mut self) -> String {
        let code: [u8; 20] = draw();
        let digest = hash(&code);
        let row = Row { digest, id: draw(), expires_at: i64::MAX, used: None };
        black_box(draw::<16>());
        self.rows.insert(prefix(&digest), row);
        let mut url = String::with_capacity(70);
        url.push_str("https://withpersona.com/verify?code=");
        url.extend(code.iter().map(|byte| char::from(b'A' + (byte & 15))));
        url.extend(code.iter().map(|byte| char::from(b'A' + (byte >> 4))));
        url
    }

    fn redeem(&mut self, url: &str) -> bool {
        let (_, text) = url.split_at(36);
        let (low, high) = text.as_bytes().split_at(20);
        let mut code = [0; 20];
        for ((byte, low), high) in code.iter_mut().zip(low).zip(high) {
            *byte = (low - b'A') | (high - b'A') << 4;
        }
        let digest = hash(&code);
        let Some(row) = self.rows.get_mut(&prefix(&digest)) else { return false };
        let now = inquiry_otl::SystemClock.now().unix_micros();
        if row.digest != digest || row.used.is_some() || row.expires_at <= now {
            return false;
        }
        let token: [u8; 20] = draw();
        row.used = Some(self.sessions.len());
        self.sessions.push((draw(), hash(&token)));
        black_box((draw::<16>(), row.id));
        true
    }

    fn batch(&mut self) -> (f64, f64) {
        let start = Instant::now();
        let urls: Vec<String> = (0..PAIRS).map(|_| self.issue()).collect();
        let issued = Instant::now();
        assert!(urls.iter().all(|url| self.redeem(url)));
        per_call(start, issued)
    }
}

#[derive(Default)]
struct AsIs(u64);

impl std::hash::Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

fn draw<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn hash(code: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(b"tag").chain_update(code).finalize().into()
}

fn prefix(digest: &[u8; 32]) -> u64 {
    digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

fn per_call(start: Instant, issued: Instant) -> (f64, f64) {
    let each = |span: std::time::Duration| span.as_secs_f64() * 1e9 / PAIRS as f64;
    (each(issued - start), each(issued.elapsed()))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
