//! The bounds: how long things live, who asks, and how often anything may happen.

use inquiry_otl::{Action, Clients};

/// How long things live, in seconds; the clock goes by whole seconds, so every deadline is met before, at and after itself.
pub mod windows {
    /// From creation (E1).
    pub const CREATE: u8 = 5;
    /// From start (E2).
    pub const START: u8 = 6;
    /// From resume (E3).
    pub const RESUME: u8 = 4;
    /// Of a link (E4).
    pub const LINK: u8 = 3;
    /// Of a lease (D5).
    pub const LEASE: u8 = 2;
    /// Of the grace, from the first use (E7).
    pub const GRACE: u8 = 2;
    /// How many replays a grace allows (E7).
    pub const REPLAYS: u8 = 1;
    /// Within which the same attempt gets the same answer (D6).
    pub const REPEAT: u8 = 3;
    /// How many sessions an inquiry may start (E6).
    pub const SESSIONS: u8 = 2;
}

/// Who asks: with an attempt key or without (D6), from one client or another (D4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The attempt key, if there is one.
    pub key: Option<u8>,
    /// The binding, if there is one.
    pub binding: Option<u8>,
}

/// What a creation does with earlier links (L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Creation {
    /// They die.
    Supersede,
    /// They stay.
    Keep,
    /// The newest is given out again.
    ReturnSame,
}

/// A small world, of one inquiry. All that is possible within its bounds is tried, in every order.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// What it is about.
    pub name: &'static str,
    /// The last second; the inquiry is created at second 0.
    pub last_second: u8,
    /// How many links there may be, one after the other.
    pub links: u8,
    /// How they may be created.
    pub creations: &'static [Creation],
    /// Who asks.
    pub callers: &'static [Caller],
    /// How often each caller may redeem, any link: more than once is a double click, or a reply that was lost.
    pub redemptions: u8,
    /// How many claims there may be, by any caller; a claim that is never settled is a crash, too (D5).
    pub claims: u8,
    /// How many commits, of any claim.
    pub commits: u8,
    /// How many releases, of any claim.
    pub releases: u8,
    /// What may become of the inquiry, and how often in all (I3).
    pub actions: &'static [Action],
    /// See [`actions`](Self::actions).
    pub changes: u8,
    /// How many revocations, of anything (L6).
    pub revocations: u8,
    /// How many sessions are started without a link (D7).
    pub starts: u8,
    /// How many purges (S3).
    pub purges: u8,
    /// Whether there is a grace, and for which clients (D4).
    pub grace: Option<Clients>,
}

/// With a key, from a client; the same client without a key; the same key from another client.
const THREE: &[Caller] = &[
    Caller { key: Some(1), binding: Some(1) },
    Caller { key: None, binding: Some(1) },
    Caller { key: Some(1), binding: Some(2) },
];
/// With a key, from a client; with another key, from nobody knows where.
const TWO: &[Caller] = &[Caller { key: Some(1), binding: Some(1) }, Caller { key: Some(2), binding: None }];
const ONE: &[Caller] = &[Caller { key: Some(1), binding: None }];

/// The worlds that are explored.
pub const WORLDS: &[&World] = &[&ONE_LINK, &REVOKED, &ENDED, &LIMITED, &GIVEN_AGAIN];

/// Nothing happens here but what a world names.
const QUIET: World = World {
    name: "",
    last_second: 0,
    links: 0,
    creations: &[],
    callers: &[],
    redemptions: 0,
    claims: 0,
    commits: 0,
    releases: 0,
    actions: &[],
    changes: 0,
    revocations: 0,
    starts: 0,
    purges: 0,
    grace: None,
};

/// Races for one link: double clicks, lost replies, leases, a grace (D1, D4, D5, D6).
pub const ONE_LINK: World = World {
    name: "one link, three callers, two claims, a grace",
    last_second: 6,
    links: 1,
    creations: &[Creation::Supersede],
    callers: THREE,
    redemptions: 2,
    claims: 2,
    commits: 2,
    releases: 1,
    grace: Some(Clients::Any),
    ..QUIET
};

/// What is revoked or superseded, while it is held, used or in its grace (L5, L6).
pub const REVOKED: World = World {
    name: "two links, revocations, a grace for the same client",
    last_second: 4,
    links: 2,
    creations: &[Creation::Supersede, Creation::Keep, Creation::ReturnSame],
    callers: TWO,
    redemptions: 1,
    claims: 1,
    commits: 1,
    revocations: 1,
    grace: Some(Clients::Same),
    ..QUIET
};

/// An inquiry that ends in every way, and is brought back (L4, R1 to R3, I3 to I6).
pub const ENDED: World = World {
    name: "one link of an inquiry that ends and is resumed",
    last_second: 8,
    links: 1,
    creations: &[Creation::Supersede],
    callers: ONE,
    redemptions: 1,
    claims: 1,
    commits: 1,
    actions: &[Action::Start, Action::Complete, Action::Expire, Action::Resume, Action::Redact],
    changes: 3,
    ..QUIET
};

/// More sessions than an inquiry may start, and a count that begins anew (E6).
pub const LIMITED: World = World {
    name: "two links, sessions without a link, the session limit",
    last_second: 2,
    links: 2,
    creations: &[Creation::Keep],
    callers: ONE,
    redemptions: 1,
    claims: 1,
    commits: 1,
    actions: &[Action::Expire, Action::Resume],
    changes: 2,
    starts: 2,
    ..QUIET
};

/// Generations of links, within an epoch and across them, and what a purge leaves (L5, S3).
pub const GIVEN_AGAIN: World = World {
    name: "three links, given out again and superseded, a purge",
    last_second: 3,
    links: 3,
    creations: &[Creation::Supersede, Creation::Keep, Creation::ReturnSame],
    callers: ONE,
    redemptions: 1,
    claims: 1,
    actions: &[Action::Expire, Action::Resume],
    changes: 2,
    purges: 1,
    grace: Some(Clients::Any),
    ..QUIET
};
