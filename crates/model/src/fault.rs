//! What others did wrong, one thing at a time: each must be found.

use crate::world::{ENDED, GIVEN_AGAIN, LIMITED, ONE_LINK, REVOKED, World};

/// A store that does one thing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A redemption looks, and writes what it decided later (T1).
    RedeemsInTwoSteps,
    /// A redemption writes rightly, and answers what it saw before (T2).
    AnswersFromBefore,
    /// The grace begins with the creation of a link (T3).
    GraceFromCreation,
    /// The grace is a timer in memory (T4).
    GraceInMemory,
    /// A request that fails after its redemption takes it back (T5).
    RollsBack,
    /// A claim uses the link up (T5).
    ClaimUses,
    /// A purge does not look at the lease (T6).
    PurgesWhatIsHeld,
    /// A creation looks for outstanding links, and writes later (T8).
    CreatesInTwoSteps,
    /// The end of the former links is written after the creation, not with it (T8).
    SupersedesLater,
    /// An expiry is a mark that a resume takes off (R3).
    ResumeRevives,
    /// A commit does not look whether the epoch is still that of the claim (D5, R3).
    CommitsAcrossEpochs,
    /// Revoking everything leaves the epoch as it is (L6).
    RevokesLinksOnly,
    /// A commit does not look at the clock (D5).
    CommitsWithoutLease,
    /// A release does not look at the token (D5).
    ReleasesForAnybody,
    /// Leases are in memory (D5).
    LeaseInMemory,
    /// The attempt key is not kept with the first use (D6).
    ForgetsTheAttempt,
    /// A repeat does not look whether the link was revoked (D6).
    RepeatsWhatIsRevoked,
    /// The session of a grant is started anew (D4).
    ReplayStartsASession,
    /// An expiry that was met is told, and not written (I6).
    TellsExpiryOnly,
    /// A session is counted later than it is started (E6).
    CountsInTwoSteps,
    /// An event is told without its number (V1).
    ForgetsToCountAnEvent,
}

impl Fault {
    /// All of them, with what they are known by, the rule that is found broken, and the world.
    pub const ALL: &[(Self, &'static str, &'static str, &'static World)] = &[
        (Self::RedeemsInTwoSteps, "T1 look, then write: redemption", "D1", &ONE_LINK),
        (Self::AnswersFromBefore, "T2 the answer is what was seen before the write", "D1", &ONE_LINK),
        (Self::GraceFromCreation, "T3 a grace on an unused link", "L2", &ONE_LINK),
        (Self::GraceInMemory, "T4 a grace in memory, and a crash", "D4", &ONE_LINK),
        (Self::RollsBack, "T5 a roll-back makes a spent link good again", "D1", &ONE_LINK),
        (Self::ClaimUses, "T5 a claim spends the link, and its request fails", "D5", &ONE_LINK),
        (
            Self::PurgesWhatIsHeld,
            "T6 a purge takes a link in the middle of its redemption",
            "S3",
            &GIVEN_AGAIN,
        ),
        (Self::CreatesInTwoSteps, "T8 look, then write: two creations at once", "L5", &REVOKED),
        (Self::SupersedesLater, "T8 superseding is not written with the creation", "L5", &REVOKED),
        (Self::ResumeRevives, "a resume revives what had expired", "R3", &ENDED),
        (Self::CommitsAcrossEpochs, "a commit of a claim from before an expiry", "R3", &ENDED),
        (Self::RevokesLinksOnly, "revoking everything spares the sessions", "L4", &REVOKED),
        (Self::CommitsWithoutLease, "a commit after its lease", "D5", &ONE_LINK),
        (Self::ReleasesForAnybody, "a release by another claim", "D5", &ONE_LINK),
        (Self::LeaseInMemory, "leases in memory, and a crash", "D5", &ONE_LINK),
        (Self::ForgetsTheAttempt, "an attempt that is asked again is not known", "D6", &ONE_LINK),
        (Self::RepeatsWhatIsRevoked, "a repeat after a revocation", "L6", &REVOKED),
        (Self::ReplayStartsASession, "a replay starts a session of its own", "D4", &ONE_LINK),
        (Self::TellsExpiryOnly, "an expiry is told each time that it is met", "I6", &ENDED),
        (Self::CountsInTwoSteps, "look, then write: the session limit", "E6", &LIMITED),
        (Self::ForgetsToCountAnEvent, "an event without a number of its own", "V1", &ONE_LINK),
    ];
}
