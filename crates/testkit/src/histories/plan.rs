//! What clients will call, all of it known before: any process can tell it from a seed.

use std::num::NonZeroU32;

use inquiry_otl::{
    Action, Clients, Derivation, Digest, EventId, ExpirationPolicy, Grace, Inquiry, InquiryId, Interval,
    KeyId, KeySet, LinkId, Nonce, Purpose, Revocation, SessionId, TemplateId, TenantId, Timestamp,
    issuance::{IssueLink, Lifetime, Outstanding},
    record::Epoch,
    redemption::{Commit, Mode, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{CreateInquiry, InquiryKey, Inspect, LinkName, ListOf},
};
use inquiry_otl_histories::Call;

use crate::random::Sequence;

/// How many clients call at the same time.
pub(crate) const CLIENTS: u32 = 8;
/// A client's calls come in so many parts.
pub(crate) const PARTS: u32 = 3;
/// How often it calls in each.
const CALLS: u32 = 4;
/// Links that are there when the clients begin: two that resume, and one that a session handed off.
const LINKS: u32 = 3;
const LEASE: i64 = 4;
const REPEAT: i64 = 600;

/// The plan for one inquiry: everything that happens to it.
///
/// Its clients share a few links. Their clocks differ by some seconds, and run past leases, graces, links and deadlines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) history: u32,
    /// Whether clients also look at what is kept, and act by what they saw.
    pub(crate) reads: bool,
}

/// Whose calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Who {
    /// What comes before all others: an inquiry, a session and three links.
    First,
    /// A client's calls in a part.
    Client { number: u32, part: u32 },
    /// What comes after all others: a look at everything.
    Last,
}

/// What a name is of: two kinds never meet.
#[derive(Clone, Copy)]
enum Kind {
    Policy = 1,
    Calls,
    Link,
    Session,
    Event,
    Claim,
    Attempt,
    Binding,
}

impl Plan {
    pub(crate) fn calls(&self, who: Who) -> Vec<Call> {
        match who {
            Who::First => self.first(),
            Who::Client { number, part } => {
                let mut calls = self.client(number);
                calls.drain(usize::try_from(part * CALLS).unwrap()..).take(CALLS as usize).collect()
            }
            Who::Last => self.last(),
        }
    }

    /// A call that shows whether the store answers.
    pub(crate) fn look(&self) -> Call {
        Call::Sessions(ListOf { inquiry: self.key(), before: None, limit: 100 })
    }

    fn first(&self) -> Vec<Call> {
        let now = instant(0);
        let template = TemplateId::new("itmpl_history").unwrap();
        let inquiry = Inquiry::new(self.key().inquiry, template, self.policy(), now);
        let first_epoch = Epoch::new(self.sequence(Kind::Policy, 1, 0).next() >> 2);
        let event = self.event(CLIENTS, 0);
        let mut calls = vec![
            Call::Create(CreateInquiry { tenant: self.key().tenant, inquiry, first_epoch, event }),
            Call::Start(self.start(CLIENTS, 1, now)),
        ];
        let links = (0..LINKS).map(|link| {
            let mut command = self.issue(CLIENTS, link, now, Outstanding::Keep);
            if link == LINKS - 1 {
                command.purpose = Purpose::DeviceHandoff;
                command.parent = Some(self.session(CLIENTS, 1));
            }
            Call::Issue(command)
        });
        calls.extend(links);
        calls
    }

    fn last(&self) -> Vec<Call> {
        let inquiry = self.key();
        vec![Call::Links(ListOf { inquiry, before: None, limit: 100 }), self.look()]
    }

    /// A client's calls in all parts.
    fn client(&self, client: u32) -> Vec<Call> {
        let mut random = self.sequence(Kind::Calls, client, 0);
        let mut claims = Vec::new();
        let calls = (LINKS..LINKS + PARTS * CALLS).map(|call| {
            let random = &mut random;
            let now = instant(i64::from(call) * 2 + i64::try_from(random.below(4)).unwrap());
            match random.below(20) {
                0..3 => self.claim(random, client, call, now, &mut claims),
                3..6 if !claims.is_empty() => self.commit(random, client, call, now, &claims),
                6 if !claims.is_empty() => self.release(random, client, now, &claims),
                7..9 => Call::Issue(self.issue(client, call, now, outstanding(random, now))),
                9 => self.revoke(random, client, call, now),
                10..12 if self.reads => {
                    let (inquiry, event) = (self.key(), self.event(client, call));
                    Call::Change { inquiry, action: action(random), now, event }
                }
                12 => Call::Start(self.start(client, call, now)),
                13..15 if self.reads => self.inspect(random),
                _ => Call::Redeem(self.redeem(random, client, call, now)),
            }
        });
        calls.collect()
    }

    fn redeem(&self, random: &mut Sequence, client: u32, call: u32, now: Timestamp) -> Redeem {
        let (of, link) = a_link(random);
        Redeem {
            tenant: self.key().tenant,
            digest: self.digest(Kind::Link, of, link),
            now,
            mode: Mode::Once,
            attempt: (random.below(3) != 0).then(|| self.digest(Kind::Attempt, client, 0)),
            repeats_after: now.minus(seconds(REPEAT)),
            // Two devices among all clients.
            binding: (random.below(3) != 0).then(|| self.digest(Kind::Binding, client % 2, 0)),
            session: self.session(client, call),
            token: token(),
            event: self.event(client, call),
        }
    }

    fn claim(
        &self,
        random: &mut Sequence,
        client: u32,
        call: u32,
        now: Timestamp,
        claims: &mut Vec<(u32, u32)>,
    ) -> Call {
        let link = random.below(u64::from(LINKS));
        let link = u32::try_from(link).unwrap();
        claims.push((link, call));
        let mode =
            Mode::Claim { token: self.digest(Kind::Claim, client, call), until: now.plus(seconds(LEASE)) };
        let digest = self.digest(Kind::Link, CLIENTS, link);
        Call::Redeem(Redeem { digest, mode, ..self.redeem(random, client, call, now) })
    }

    fn commit(
        &self,
        random: &mut Sequence,
        client: u32,
        call: u32,
        now: Timestamp,
        claims: &[(u32, u32)],
    ) -> Call {
        let (link, claim) = one_of(random, claims);
        Call::Commit(Commit {
            tenant: self.key().tenant,
            inquiry: self.key().inquiry,
            link: self.link(CLIENTS, link),
            claim: self.digest(Kind::Claim, client, claim),
            now,
            session: self.session(client, call),
            token: token(),
            event: self.event(client, call),
        })
    }

    fn release(&self, random: &mut Sequence, client: u32, now: Timestamp, claims: &[(u32, u32)]) -> Call {
        let (link, claim) = one_of(random, claims);
        Call::Release(Release {
            tenant: self.key().tenant,
            inquiry: self.key().inquiry,
            link: self.link(CLIENTS, link),
            claim: self.digest(Kind::Claim, client, claim),
            now,
        })
    }

    fn issue(&self, client: u32, call: u32, now: Timestamp, outstanding: Outstanding) -> IssueLink {
        let key = KeyId::new(1).unwrap();
        IssueLink {
            tenant: self.key().tenant,
            inquiry: self.key().inquiry,
            now,
            link: self.link(client, call),
            digest: self.digest(Kind::Link, client, call),
            derivation: Some(Derivation { key, nonce: Nonce::from_bytes([1; 16]) }),
            purpose: Purpose::Resume,
            parent: None,
            creator: None,
            lifetime: Lifetime::ByPolicy,
            outstanding,
            event: self.event(client, call),
        }
    }

    fn revoke(&self, random: &mut Sequence, client: u32, call: u32, now: Timestamp) -> Call {
        let link = u32::try_from(random.below(u64::from(LINKS))).unwrap();
        let target = match random.below(8) {
            0 => Revocation::Everything,
            1..3 => Revocation::AllLinks,
            3..5 => Revocation::Session(self.session(CLIENTS, 1)),
            _ => Revocation::Link(self.link(CLIENTS, link)),
        };
        let (InquiryKey { tenant, inquiry }, event) = (self.key(), self.event(client, call));
        Call::Revoke(Revoke { tenant, inquiry, target, now, event })
    }

    fn start(&self, client: u32, call: u32, now: Timestamp) -> StartSession {
        StartSession {
            tenant: self.key().tenant,
            inquiry: self.key().inquiry,
            now,
            session: self.session(client, call),
            token: token(),
            event: self.event(client, call),
        }
    }

    fn inspect(&self, random: &mut Sequence) -> Call {
        let (of, link) = a_link(random);
        let link = LinkName::Digest(self.digest(Kind::Link, of, link));
        Call::Inspect(Inspect { tenant: self.key().tenant, link })
    }

    /// Deadlines, links and graces that end among the calls, or behind them.
    fn policy(&self) -> ExpirationPolicy {
        let mut random = self.sequence(Kind::Policy, 0, 0);
        let mut one = |of: [i64; 3]| seconds(of[usize::try_from(random.below(3)).unwrap()]);
        let policy = ExpirationPolicy::default()
            .with_after_create(one([15, 60, 60]))
            .with_after_start(one([10, 60, 60]))
            .with_after_resume(one([10, 30, 60]))
            .with_resume_link(one([12, 40, 40]))
            .with_device_handoff_link(one([12, 40, 40]));
        let limit = u32::try_from(random.below(6)).unwrap() + 3;
        let policy = policy.with_session_limit(NonZeroU32::new(limit).unwrap());
        let grace = Grace::new(seconds(10), NonZeroU32::new(2).unwrap());
        match random.below(3) {
            0 => policy,
            1 => policy.with_grace(grace),
            _ => policy.with_grace(grace.with_clients(Clients::Same)),
        }
    }

    pub(super) fn key(&self) -> InquiryKey {
        let inquiry = format!("inq_{:016x}-{}", self.seed, self.history);
        InquiryKey { tenant: TenantId::default(), inquiry: InquiryId::new(&inquiry).unwrap() }
    }

    fn link(&self, client: u32, call: u32) -> LinkId {
        LinkId::from_u128(self.name(Kind::Link, client, call))
    }

    fn session(&self, client: u32, call: u32) -> SessionId {
        SessionId::from_u128(self.name(Kind::Session, client, call))
    }

    fn event(&self, client: u32, call: u32) -> EventId {
        // The last bits are for the second of two.
        EventId::from_u128(self.name(Kind::Event, client, call) << 8)
    }

    fn name(&self, kind: Kind, client: u32, call: u32) -> u128 {
        let mut sequence = self.sequence(kind, client, call);
        u128::from(sequence.next()) << 64 | u128::from(sequence.next())
    }

    fn digest(&self, kind: Kind, client: u32, call: u32) -> Digest {
        let mut sequence = self.sequence(kind, client, call);
        let mut bytes = [0; 32];
        bytes.chunks_exact_mut(8).for_each(|chunk| chunk.copy_from_slice(&sequence.next().to_be_bytes()));
        Digest::from_bytes(bytes)
    }

    fn sequence(&self, kind: Kind, client: u32, call: u32) -> Sequence {
        let words = [u64::from(self.history), kind as u64, u64::from(client), u64::from(call)];
        words
            .into_iter()
            .fold(Sequence::new(self.seed), |mut sequence, word| Sequence::new(sequence.next() ^ word))
    }
}

/// Mostly one that was there from the beginning, sometimes one that a client issues.
fn a_link(random: &mut Sequence) -> (u32, u32) {
    let mut below = |end: u32| u32::try_from(random.below(u64::from(end))).unwrap();
    if below(4) == 0 { (below(CLIENTS), LINKS + below(PARTS * CALLS)) } else { (CLIENTS, below(LINKS)) }
}

fn one_of(random: &mut Sequence, claims: &[(u32, u32)]) -> (u32, u32) {
    claims[usize::try_from(random.below(claims.len() as u64)).unwrap()]
}

fn outstanding(random: &mut Sequence, now: Timestamp) -> Outstanding {
    match random.below(4) {
        0 => Outstanding::Supersede,
        1 => Outstanding::ReturnSame { keys: KeySet::from_bits(1 << 1), live_until: now },
        _ => Outstanding::Keep,
    }
}

fn action(random: &mut Sequence) -> Action {
    match random.below(12) {
        0 => Action::Expire,
        1 => Action::Complete,
        2..7 => Action::Start,
        _ => Action::Resume,
    }
}

/// Of a token only its digest is kept, which no answer shows.
fn token() -> Digest {
    Digest::from_bytes([7; 32])
}

/// So many seconds after 2026-01-01T00:00:00Z.
fn instant(second: i64) -> Timestamp {
    Timestamp::from_unix_micros((1_767_225_600 + second) * 1_000_000).unwrap()
}

fn seconds(count: i64) -> Interval {
    Interval::from_seconds(count).unwrap()
}
