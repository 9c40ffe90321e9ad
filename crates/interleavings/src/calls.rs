//! Calls on one inquiry, in few words. A call's number names what it makes.

use inquiry_otl::{
    Action, Derivation, Digest, EventId, ExpirationPolicy, Grace, Inquiry, InquiryId, Interval, KeyId,
    KeySet, LinkId, Nonce, Purpose, Revocation, SessionId, TemplateId, TenantId, Timestamp,
    issuance::{IssueLink, Lifetime, Outstanding},
    record::Epoch,
    redemption::{Commit, Mode, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{CreateInquiry, InquiryKey, ListOf, Purge, Sweep},
};
use inquiry_otl_histories::Call;

/// The instants of the scenarios are seconds and hours after the inquiry's creation.
pub(crate) const HOUR: i64 = 3_600;
/// The inquiry's deadline.
pub(crate) const DEADLINE: i64 = 24 * HOUR;
/// How long a link lives.
pub(crate) const LINK: i64 = HOUR;
const GRACE: i64 = 300;
const REPEAT: i64 = 600;

/// An inquiry that may start so many sessions.
pub(crate) fn create(sessions: u32) -> Call {
    let policy = ExpirationPolicy::default()
        .with_session_limit(sessions.try_into().unwrap())
        .with_resume_link(seconds(LINK))
        .with_grace(Grace::new(seconds(GRACE), 2.try_into().unwrap()));
    let inquiry = Inquiry::new(key().inquiry, TemplateId::new("itmpl_1").unwrap(), policy, at(0));
    Call::Create(CreateInquiry {
        tenant: key().tenant,
        inquiry,
        first_epoch: Epoch::new(1),
        event: event(99),
    })
}

pub(crate) fn keep(link: u8, now: i64) -> Call {
    issue(link, now, Outstanding::Keep)
}

pub(crate) fn supersede(link: u8, now: i64) -> Call {
    issue(link, now, Outstanding::Supersede)
}

pub(crate) fn return_same(link: u8, now: i64) -> Call {
    issue(link, now, Outstanding::ReturnSame { keys: KeySet::from_bits(1 << 1), live_until: at(now) })
}

fn issue(link: u8, now: i64, outstanding: Outstanding) -> Call {
    Call::Issue(IssueLink {
        tenant: key().tenant,
        inquiry: key().inquiry,
        now: at(now),
        link: link_id(link),
        digest: digest(Kind::Code, link),
        derivation: Some(Derivation { key: KeyId::new(1).unwrap(), nonce: Nonce::from_bytes([1; 16]) }),
        purpose: Purpose::Resume,
        parent: None,
        creator: None,
        lifetime: Lifetime::ByPolicy,
        outstanding,
        event: event(link),
    })
}

pub(crate) fn redeem(number: u8, link: u8, now: i64) -> Call {
    Call::Redeem(attempt(number, link, now))
}

/// The same, with an attempt key (D6).
pub(crate) fn redeem_with(key: u8, number: u8, link: u8, now: i64) -> Call {
    let attempt = Redeem { attempt: Some(digest(Kind::Attempt, key)), ..attempt(number, link, now) };
    Call::Redeem(attempt)
}

/// A claim, by the token of its number.
pub(crate) fn claim(number: u8, link: u8, now: i64, until: i64) -> Call {
    let mode = Mode::Claim { token: digest(Kind::Claim, number), until: at(until) };
    Call::Redeem(Redeem { mode, ..attempt(number, link, now) })
}

fn attempt(number: u8, link: u8, now: i64) -> Redeem {
    Redeem {
        tenant: key().tenant,
        digest: digest(Kind::Code, link),
        now: at(now),
        mode: Mode::Once,
        attempt: None,
        repeats_after: at(now - REPEAT),
        binding: None,
        session: SessionId::from_u128(number.into()),
        token: digest(Kind::Token, 0),
        event: event(number),
    }
}

/// Commits the claim of that number.
pub(crate) fn commit(number: u8, claim: u8, link: u8, now: i64) -> Call {
    Call::Commit(Commit {
        tenant: key().tenant,
        inquiry: key().inquiry,
        link: link_id(link),
        claim: digest(Kind::Claim, claim),
        now: at(now),
        session: SessionId::from_u128(number.into()),
        token: digest(Kind::Token, 0),
        event: event(number),
    })
}

pub(crate) fn release(claim: u8, link: u8, now: i64) -> Call {
    Call::Release(Release {
        tenant: key().tenant,
        inquiry: key().inquiry,
        link: link_id(link),
        claim: digest(Kind::Claim, claim),
        now: at(now),
    })
}

pub(crate) fn revoke_link(number: u8, link: u8, now: i64) -> Call {
    revoke(number, Revocation::Link(link_id(link)), now)
}

pub(crate) fn revoke_all(number: u8, now: i64) -> Call {
    revoke(number, Revocation::AllLinks, now)
}

pub(crate) fn revoke_everything(number: u8, now: i64) -> Call {
    revoke(number, Revocation::Everything, now)
}

fn revoke(number: u8, target: Revocation, now: i64) -> Call {
    let InquiryKey { tenant, inquiry } = key();
    Call::Revoke(Revoke { tenant, inquiry, target, now: at(now), event: event(number) })
}

pub(crate) fn start_session(number: u8, now: i64) -> Call {
    Call::Start(StartSession {
        tenant: key().tenant,
        inquiry: key().inquiry,
        now: at(now),
        session: SessionId::from_u128(number.into()),
        token: digest(Kind::Token, 0),
        event: event(number),
    })
}

pub(crate) fn act(number: u8, action: Action, now: i64) -> Call {
    Call::Change { inquiry: key(), action, now: at(now), event: event(number) }
}

pub(crate) fn sweep(number: u8, now: i64) -> Call {
    Call::Sweep(Sweep { now: at(now), limit: 10, event: event(number) })
}

/// Purges with a retention of an hour.
pub(crate) fn purge(now: i64) -> Call {
    let repeats_after = at(now - REPEAT);
    Call::Purge(Purge {
        now: at(now),
        retention: seconds(HOUR),
        inquiry_retention: None,
        repeats_after,
        limit: 10,
    })
}

/// A look at all that is kept.
pub(crate) fn last() -> [Call; 3] {
    let inquiry = key();
    [
        Call::Links(ListOf { inquiry, before: None, limit: 10 }),
        Call::Sessions(ListOf { inquiry, before: None, limit: 10 }),
        Call::Pending,
    ]
}

fn key() -> InquiryKey {
    InquiryKey { tenant: TenantId::default(), inquiry: InquiryId::new("inq_1").unwrap() }
}

fn link_id(link: u8) -> LinkId {
    LinkId::from_u128(link.into())
}

fn event(number: u8) -> EventId {
    EventId::from_u128(u128::from(number) << 8)
}

/// What a digest is of: two kinds never meet.
#[derive(Clone, Copy)]
enum Kind {
    Code = 1,
    Token,
    Attempt,
    Claim,
}

/// A directory looks at the first bytes only, and finds all codes in one of its parts.
fn digest(kind: Kind, number: u8) -> Digest {
    Digest::from_bytes([(kind as u8) << 4 | number; 32])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_micros((1_767_225_600 + second) * 1_000_000).unwrap()
}

fn seconds(count: i64) -> Interval {
    Interval::from_seconds(count).unwrap()
}
