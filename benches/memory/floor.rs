//! The least that the rules need, by hand: what the store in memory and the service are held against.
//!
//! Every draw, every compression of SHA-256 and every step in a map that an issue and a redemption cannot do without, and
//! nothing around them. It knows no tenants, no policies, no outcomes and no events but their ids; it cannot revoke,
//! claim, replay, list or answer why. What it does:
//!
//! | | issue | redeem |
//! | --- | --- | --- |
//! | draws, bytes | code or nonce 20 or 16 (C1, L5), link 10 (S3), event 10 (V1) | session 10 (D7), token 20 (D7), event 10 (V1) |
//! | compressions | 1; with a key 3 to derive (L5) and 2 to hash (C7) | 1, and 1 for the token (D7); with a key 3 to derive again (C7), 2 to hash, 1 for the token |
//! | text | 32 symbols written, without a branch or a table (C3); the URL (C5) | the same, read |
//! | clock | once (S5) | once |
//! | locks | the inquiry's shard (L4, L5), the digest's part (D1) | the digest's part, the inquiry's shard |
//! | maps | inquiry by id (L1); link kept; found by its digest; among its inquiry's (L7); filed for the purge (S3) | link by digest, its inquiry; session kept, among its inquiry's |
//! | looks at | status, deadline, epoch | digest in constant time (C3); expiry, use, epoch, generation, deadline, session limit |

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    hint::black_box,
    sync::Mutex,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use inquiry_otl::bench::{BenchError, Candidate, Load, Timed, Work};
use rand::Rng as _;

use crate::sha::{Mac, decode, encode, hash_tagged};

const SHARDS: usize = 256;
const BASE: &str = "https://withpersona.com/verify?code=";
const DAY: i64 = 86_400_000_000;

pub(crate) struct Floor {
    shards: Vec<Mutex<Shard>>,
    index: Vec<Mutex<HashMap<u64, Place, BuildHasherDefault<AsIs>>>>,
    keys: Option<(Mac, Mac)>,
    stock: VecDeque<([u8; 31], String)>,
}

#[derive(Default)]
struct Shard {
    by_id: HashMap<[u8; 31], u32, BuildHasherDefault<Folded>>,
    inquiries: Vec<Inquiry>,
    links: Vec<Link>,
    free_links: Vec<u32>,
    sessions: Vec<Session>,
    free_sessions: Vec<u32>,
    calendar: BTreeMap<i64, Vec<u32>>,
}

#[derive(Clone, Copy)]
struct Place {
    shard: u32,
    link: u32,
}

struct Inquiry {
    id: [u8; 31],
    open: bool,
    expires_at: i64,
    epoch: u64,
    generation: u32,
    sessions_started: u32,
    events: u64,
    links: Vec<u32>,
    sessions: Vec<u32>,
}

#[allow(dead_code, reason = "kept for a list or a purge, of which there is none here")]
struct Link {
    digest: [u8; 32],
    id: [u8; 16],
    nonce: [u8; 16],
    created_at: i64,
    expires_at: i64,
    epoch: u64,
    generation: u32,
    inquiry: u32,
    session: u32,
}

#[allow(dead_code, reason = "kept for a list or a purge, of which there is none here")]
struct Session {
    id: [u8; 16],
    token: [u8; 32],
    started_at: i64,
    expires_at: i64,
    epoch: u64,
    inquiry: u32,
    link: u32,
}

const UNUSED: u32 = u32::MAX;

impl Floor {
    pub(crate) fn new(live: usize, each: usize, keyed: bool, recycled: usize) -> Self {
        let mut floor = Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            index: (0..SHARDS).map(|_| Mutex::default()).collect(),
            keys: keyed.then(|| (Mac::new(&draw()), Mac::new(&draw()))),
            stock: VecDeque::new(),
        };
        for _ in 0..recycled {
            let inquiry = floor.create();
            let url = floor.issue(&inquiry).unwrap();
            floor.redeem(&url).unwrap();
        }
        floor.forget();
        let stock = live.min(65_536);
        let (every, mut since, mut left) = (live / stock, 0, live);
        while 0 < left {
            let links = left.min(10_000);
            left -= links;
            let inquiries: Vec<_> = (0..links.div_ceil(each)).map(|_| floor.create()).collect();
            for inquiry in (0..each).flat_map(|_| &inquiries).take(links) {
                let url = floor.issue(inquiry).unwrap();
                since += 1;
                if every <= since && floor.stock.len() < stock {
                    since = 0;
                    floor.stock.push_back((*inquiry, url));
                }
            }
        }
        floor
    }

    fn create(&self) -> [u8; 31] {
        let mut id = *b"inq_00000000000000000000000000\0";
        encode(&draw::<16>(), &mut id[4..30]);
        let mut shard = self.shards[shard_of(&id)].lock().unwrap();
        let place = shard.inquiries.len() as u32;
        shard.inquiries.push(Inquiry {
            id,
            open: true,
            expires_at: now() + 3 * DAY,
            epoch: u64::from_be_bytes(draw()),
            generation: 0,
            sessions_started: 0,
            events: 1,
            links: Vec::new(),
            sessions: Vec::new(),
        });
        shard.by_id.insert(id, place);
        id
    }

    /// Frees every place, and keeps the room.
    fn forget(&mut self) {
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap();
            shard.by_id.clear();
            shard.inquiries.clear();
            shard.calendar.clear();
            shard.free_links = (0..shard.links.len() as u32).collect();
            shard.free_sessions = (0..shard.sessions.len() as u32).collect();
        }
        self.index.iter_mut().for_each(|part| part.get_mut().unwrap().clear());
    }

    fn issue(&self, inquiry: &[u8; 31]) -> Option<String> {
        let now = now();
        let id = with_time(now, draw());
        let (code, nonce) = match &self.keys {
            None => (draw::<20>(), [0; 16]),
            Some((derive, _)) => {
                let nonce = draw::<16>();
                (derived(derive, inquiry, &id, &nonce), nonce)
            }
        };
        let digest = self.digest(&code);
        black_box(with_time(now, draw()));
        let index = shard_of(inquiry);
        let mut shard = self.shards[index].lock().unwrap();
        let shard = &mut *shard;
        let place = *shard.by_id.get(inquiry)?;
        let owner = &mut shard.inquiries[place as usize];
        if !owner.open || owner.expires_at <= now {
            return None;
        }
        let link = Link {
            digest,
            id,
            nonce,
            created_at: now,
            expires_at: (now + 2 * DAY).min(owner.expires_at),
            epoch: owner.epoch,
            generation: owner.generation,
            inquiry: place,
            session: UNUSED,
        };
        let expires_at = link.expires_at;
        let link = keep(&mut shard.links, &mut shard.free_links, link);
        owner.links.push(link);
        owner.events += 1;
        shard.calendar.entry(expires_at / (DAY / 24)).or_default().push(link);
        self.part(&digest).lock().unwrap().insert(prefix(&digest), Place { shard: index as u32, link });
        let mut text = [0; 32];
        encode(&code, &mut text);
        let mut url = String::with_capacity(BASE.len() + text.len());
        url.push_str(BASE);
        url.push_str(std::str::from_utf8(&text).ok()?);
        Some(url)
    }

    fn redeem(&self, url: &str) -> Option<[u8; 20]> {
        let code = decode(url.strip_prefix(BASE)?.as_bytes())?;
        let digest = self.digest(&code);
        let now = now();
        let (session, token) = (with_time(now, draw()), draw::<20>());
        let token_digest = hash_tagged(*b"st1", &token);
        black_box(with_time(now, draw()));
        let place = *self.part(&digest).lock().unwrap().get(&prefix(&digest))?;
        let mut shard = self.shards[place.shard as usize].lock().unwrap();
        let shard = &mut *shard;
        let link = &mut shard.links[place.link as usize];
        let owner = &mut shard.inquiries[link.inquiry as usize];
        if !same(&link.digest, &digest)
            || link.session != UNUSED
            || link.expires_at <= now
            || link.epoch != owner.epoch
            || link.generation != owner.generation
            || !owner.open
            || owner.expires_at <= now
            || owner.sessions_started == u32::MAX
        {
            return None;
        }
        if let Some((derive, _)) = &self.keys {
            if derived(derive, &owner.id, &link.id, &link.nonce) != code {
                return None;
            }
        }
        owner.sessions_started += 1;
        owner.events += 1;
        let session = Session {
            id: session,
            token: token_digest,
            started_at: now,
            expires_at: owner.expires_at,
            epoch: owner.epoch,
            inquiry: link.inquiry,
            link: place.link,
        };
        link.session = keep(&mut shard.sessions, &mut shard.free_sessions, session);
        owner.sessions.push(link.session);
        Some(token)
    }

    fn digest(&self, code: &[u8; 20]) -> [u8; 32] {
        match &self.keys {
            None => hash_tagged(*b"cd1", code),
            Some((_, digest)) => digest.of_one_block(code),
        }
    }

    fn part(&self, digest: &[u8; 32]) -> &Mutex<HashMap<u64, Place, BuildHasherDefault<AsIs>>> {
        &self.index[digest[7] as usize]
    }

    fn turnover(&mut self, calls: usize) -> Duration {
        let live: Vec<_> = self.stock.drain(..calls).collect();
        let mut successors = Vec::with_capacity(calls);
        let start = Instant::now();
        for (inquiry, _) in &live {
            successors.push(self.issue(inquiry).unwrap());
        }
        let issued = start.elapsed();
        let start = Instant::now();
        for (_, url) in &live {
            black_box(self.redeem(url).unwrap());
        }
        let redeemed = start.elapsed();
        self.stock.extend(live.into_iter().zip(successors).map(|((inquiry, _), url)| (inquiry, url)));
        issued + redeemed
    }
}

impl Candidate for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn batch(&mut self, work: Work, load: Load) -> Result<Timed, BenchError> {
        match work {
            Work::Turnover => Ok(Timed::Took(self.turnover(load.calls()))),
            _ => Ok(Timed::Cannot),
        }
    }
}

fn keep<T>(slots: &mut Vec<T>, free: &mut Vec<u32>, value: T) -> u32 {
    if let Some(place) = free.pop() {
        slots[place as usize] = value;
        return place;
    }
    slots.push(value);
    slots.len() as u32 - 1
}

fn derived(mac: &Mac, inquiry: &[u8; 31], link: &[u8; 16], nonce: &[u8; 16]) -> [u8; 20] {
    let mut message = [0; 63];
    message[..31].copy_from_slice(inquiry);
    message[31..47].copy_from_slice(link);
    message[47..].copy_from_slice(nonce);
    *mac.of_two_blocks(&message).first_chunk().unwrap()
}

/// 48 bits of milliseconds before 80 random ones.
fn with_time(now: i64, random: [u8; 10]) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&(now / 1_000).to_be_bytes()[2..]);
    id[6..].copy_from_slice(&random);
    id
}

/// In time that does not depend on where they differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    black_box(a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b))) == 0
}

fn draw<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

fn prefix(digest: &[u8; 32]) -> u64 {
    u64::from_be_bytes(*digest.first_chunk().unwrap())
}

fn shard_of(inquiry: &[u8; 31]) -> usize {
    let mut hasher = Folded::default();
    hasher.write(inquiry);
    (hasher.finish() >> 32) as usize % SHARDS
}

/// Keys that are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Two multiplications for an id: the cheapest hash of 31 bytes that spreads. (It has no seed, which a store needs.)
#[derive(Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        let fold = |a: u64, b: u64| {
            let wide = u128::from(a) * u128::from(b);
            wide as u64 ^ (wide >> 64) as u64
        };
        self.0 = fold(word(0) ^ 0x9E37_79B9_7F4A_7C15, word(8) ^ 0xD1B5_4A32_D192_ED03)
            ^ fold(word(15) ^ 0x8CB9_2BA7_2F3D_8DD7, word(23) ^ 0xA24B_AED4_963E_E407);
    }

    fn write_u8(&mut self, _: u8) {}

    fn write_usize(&mut self, _: usize) {}
}
