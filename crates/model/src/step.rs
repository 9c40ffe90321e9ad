//! What can happen, and what is answered.

use inquiry_otl::Action;
use serde::Serialize;

use crate::world::Creation;

/// Something that happens at one instant. A store carries it out in one atomic step; a broken one may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Step {
    /// A link is created (L5).
    Create(Creation),
    /// A caller redeems a link (D1); once more is a lost reply, or a double click.
    Redeem {
        /// Who.
        caller: usize,
        /// Which link.
        link: usize,
    },
    /// A caller claims a link (D5).
    Claim {
        /// Who.
        caller: usize,
        /// Which link.
        link: usize,
    },
    /// A claim is committed (D5).
    Commit {
        /// Which.
        claim: usize,
    },
    /// A claim is released (D5).
    Release {
        /// Which.
        claim: usize,
    },
    /// Something is revoked (L6).
    Revoke(Target),
    /// The inquiry changes (I3).
    Change(#[serde(skip)] Action),
    /// A session is started without a link (D7).
    StartSession,
    /// What is over is removed (S3).
    Purge,
}

/// What is revoked (L6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Target {
    /// A link.
    Link(usize),
    /// A session.
    Session(usize),
    /// All links.
    AllLinks,
    /// Links and sessions.
    Everything,
}

/// What the world may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The clock goes on by a second.
    Tick,
    /// A step, all at once.
    Whole(Step),
    /// A store that looks first and writes later: it looks.
    Look(Step),
    /// It writes what it decided on when it looked, the earliest look first.
    Write,
    /// It comes back with what it has stored, and nothing else.
    Crash,
    /// It takes a redemption back, whose answer is out.
    RollBack {
        /// Of which link.
        link: usize,
    },
}

/// What a step is answered. Links and sessions are numbered from 0, in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The first use, and its session (D1).
    FirstUse(usize),
    /// The same session, to the same attempt or commit (D6, D5).
    Repeat(usize),
    /// The same session, within the grace; which replay (D4).
    Replay(usize, u8),
    /// Held for the caller (D5).
    Claimed,
    /// Held for another (D5).
    Busy,
    /// No, and the name of the reason (D2).
    Refused(&'static str),
    /// There is a new link (L5).
    Created(usize),
    /// An outstanding link (L5).
    Reused(usize),
    /// The inquiry is not open (L1).
    NotOpen,
    /// The claim is free again.
    Released,
    /// The claim holds nothing.
    NotHeld,
    /// The claim was committed.
    Committed,
    /// It is revoked now.
    Revoked,
    /// It was dead before.
    Already,
    /// The inquiry is changed.
    Changed,
    /// It cannot be changed so (I3).
    NotAllowed,
    /// There is a session.
    Started(usize),
    /// One session too many (E6).
    SessionLimit,
    /// Removed, what there was.
    Purged,
    /// There is nothing of that name.
    Nothing,
}

impl Answer {
    /// The names of all that a world of these can be answered: each must be, somewhere.
    pub const NAMES: &[&'static str] = &[
        "first use",
        "repeat",
        "replay",
        "claimed",
        "busy",
        "revoked",
        "superseded",
        "inquiry-redacted",
        "inquiry-closed",
        "inquiry-expired",
        "used",
        "link-expired",
        "other-client",
        "session-limit",
        "lease-lost",
        "created",
        "reused",
        "not open",
        "released",
        "not held",
        "committed",
        "revoked now",
        "already dead",
        "changed",
        "not allowed",
        "started",
        "no more sessions",
        "purged",
        "nothing there",
    ];

    /// Its name, without numbers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::FirstUse(_) => "first use",
            Self::Repeat(_) => "repeat",
            Self::Replay(..) => "replay",
            Self::Claimed => "claimed",
            Self::Busy => "busy",
            Self::Refused(reason) => reason,
            Self::Created(_) => "created",
            Self::Reused(_) => "reused",
            Self::NotOpen => "not open",
            Self::Released => "released",
            Self::NotHeld => "not held",
            Self::Committed => "committed",
            Self::Revoked => "revoked now",
            Self::Already => "already dead",
            Self::Changed => "changed",
            Self::NotAllowed => "not allowed",
            Self::Started(_) => "started",
            Self::SessionLimit => "no more sessions",
            Self::Purged => "purged",
            Self::Nothing => "nothing there",
        }
    }

    /// Whether somebody is let in.
    #[must_use]
    pub const fn is_grant(&self) -> bool {
        matches!(self, Self::FirstUse(_) | Self::Repeat(_) | Self::Replay(..))
    }
}

/// An answer, and the events that came with it: their names, and the number of the first (V1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The answer.
    pub answer: Answer,
    /// The events.
    pub events: [Option<&'static str>; 2],
}

impl Told {
    /// That answer, and no event.
    #[must_use]
    pub const fn quietly(answer: Answer) -> Self {
        Self { answer, events: [None, None] }
    }

    /// That answer, and that event.
    #[must_use]
    pub const fn with(answer: Answer, event: &'static str) -> Self {
        Self { answer, events: [Some(event), None] }
    }

    /// The same, with the expiry before everything else, if that was met here first (I6).
    #[must_use]
    pub const fn after(self, lapse: bool) -> Self {
        match (lapse, self.events) {
            (true, [first, _]) => Self { answer: self.answer, events: [Some("inquiry.expired"), first] },
            (false, _) => self,
        }
    }

    /// How many events.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.events.iter().flatten().map(|_| 1).sum()
    }
}
