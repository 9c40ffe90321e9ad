//! The commands of a small world, as a service would give them to a store.

use inquiry_otl::{
    Clients, Derivation, Digest, EventId, ExpirationPolicy, Grace, Inquiry, InquiryId, Interval, KeyId,
    KeySet, LinkId, Nonce, Purpose, Revocation, SessionId, TemplateId, TenantId, Timestamp,
    issuance::{IssueLink, Lifetime, Outstanding},
    record::Epoch,
    redemption::{Asked, Commit, Mode, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::CreateInquiry,
};

use crate::world::{Creation, World, windows};

/// The one inquiry.
pub(crate) fn create(world: &World) -> CreateInquiry {
    let template = TemplateId::new("itmpl_model").expect("a name of a template");
    CreateInquiry {
        tenant: TenantId::default(),
        inquiry: Inquiry::new(inquiry_id(), template, policy(world.grace), instant(0)),
        first_epoch: Epoch::new(1),
        event: event_id(),
    }
}

pub(crate) fn issue(how: Creation, number: usize, now: u8) -> IssueLink {
    let key = KeyId::new(1).expect("a key's number");
    let keys = KeySet::from_bits(1 << 1);
    IssueLink {
        tenant: TenantId::default(),
        inquiry: inquiry_id(),
        now: instant(now),
        link: link_id(number),
        digest: digest(Kind::Code, number),
        derivation: Some(Derivation { key, nonce: Nonce::from_bytes([0; 16]) }),
        purpose: Purpose::Resume,
        parent: None,
        creator: None,
        lifetime: Lifetime::ByPolicy,
        outstanding: match how {
            Creation::Supersede => Outstanding::Supersede,
            Creation::Keep => Outstanding::Keep,
            Creation::ReturnSame => Outstanding::ReturnSame { keys, live_until: instant(now) },
        },
        event: event_id(),
    }
}

pub(crate) fn redeem(
    world: &World,
    caller: usize,
    link: usize,
    now: u8,
    mode: Mode,
    session: SessionId,
) -> Redeem {
    let Asked { now, attempt, binding, repeats_after } = asked(world, caller, now);
    Redeem {
        tenant: TenantId::default(),
        digest: digest(Kind::Code, link),
        now,
        mode,
        attempt,
        repeats_after,
        binding,
        session,
        token: digest(Kind::Token, 0),
        event: event_id(),
    }
}

pub(crate) fn claim(number: usize, now: u8) -> Mode {
    Mode::Claim { token: claim_token(number), until: instant(now + windows::LEASE) }
}

pub(crate) fn commit(claim: usize, link: usize, now: u8, session: SessionId) -> Commit {
    Commit {
        tenant: TenantId::default(),
        inquiry: inquiry_id(),
        link: link_id(link),
        claim: claim_token(claim),
        now: instant(now),
        session,
        token: digest(Kind::Token, 0),
        event: event_id(),
    }
}

pub(crate) fn release(claim: usize, link: usize, now: u8) -> Release {
    Release {
        tenant: TenantId::default(),
        inquiry: inquiry_id(),
        link: link_id(link),
        claim: claim_token(claim),
        now: instant(now),
    }
}

pub(crate) fn revoke(target: Revocation, now: u8) -> Revoke {
    Revoke {
        tenant: TenantId::default(),
        inquiry: inquiry_id(),
        target,
        now: instant(now),
        event: event_id(),
    }
}

pub(crate) fn start_session(now: u8, session: SessionId) -> StartSession {
    StartSession {
        tenant: TenantId::default(),
        inquiry: inquiry_id(),
        now: instant(now),
        session,
        token: digest(Kind::Token, 0),
        event: event_id(),
    }
}

pub(crate) fn asked(world: &World, caller: usize, now: u8) -> Asked {
    let caller = world.callers[caller];
    Asked {
        now: instant(now),
        attempt: caller.key.map(|key| digest(Kind::Attempt, usize::from(key))),
        binding: caller.binding.map(|binding| digest(Kind::Binding, usize::from(binding))),
        repeats_after: instant(now).minus(interval(windows::REPEAT)),
    }
}

/// Seconds after an instant that leaves room before it.
pub(crate) fn instant(second: u8) -> Timestamp {
    Timestamp::from_unix_micros((1_000 + i64::from(second)) * 1_000_000).expect("an instant in 1970")
}

/// The second of an instant.
pub(crate) fn second(at: Timestamp) -> i64 {
    at.unix_micros() / 1_000_000 - 1_000
}

fn interval(seconds: u8) -> Interval {
    Interval::from_seconds(i64::from(seconds)).expect("a window of some seconds")
}

pub(crate) fn inquiry_id() -> InquiryId {
    InquiryId::new("inq_model").expect("a name of an inquiry")
}

pub(crate) fn link_id(number: usize) -> LinkId {
    LinkId::from_u128(1 + u128::try_from(number).unwrap_or_default())
}

pub(crate) fn session_id(number: usize) -> SessionId {
    SessionId::from_u128(1 + u128::try_from(number).unwrap_or_default())
}

pub(crate) fn event_id() -> EventId {
    EventId::from_u128(1)
}

pub(crate) fn claim_token(claim: usize) -> Digest {
    digest(Kind::Claim, claim)
}

/// What a digest is of: two kinds never meet.
#[derive(Clone, Copy)]
enum Kind {
    Code = 1,
    Token,
    Attempt,
    Binding,
    Claim,
}

fn digest(kind: Kind, number: usize) -> Digest {
    let number = u8::try_from(number).expect("a small world");
    // A store may index by any part of it.
    Digest::from_bytes([(kind as u8) << 4 | number; 32])
}

fn policy(grace: Option<Clients>) -> ExpirationPolicy {
    let policy = ExpirationPolicy::default()
        .with_after_create(interval(windows::CREATE))
        .with_after_start(interval(windows::START))
        .with_after_resume(interval(windows::RESUME))
        .with_resume_link(interval(windows::LINK))
        .with_session_limit(u32::from(windows::SESSIONS).try_into().expect("a limit is not zero"));
    let replays = u32::from(windows::REPLAYS).try_into().expect("a grace allows a replay");
    match grace {
        None => policy,
        Some(clients) => {
            policy.with_grace(Grace::new(interval(windows::GRACE), replays).with_clients(clients))
        }
    }
}
