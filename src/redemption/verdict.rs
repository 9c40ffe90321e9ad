//! What an attempt gets, and why not (D2).

use thiserror::Error;

use crate::{id::LinkId, inquiry::Status, time::Timestamp};

/// What a release found (D5). Exhaustive: there is nothing else that it can find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// The link is free again.
    Released,
    /// This claim does not hold the link: its lease ran out, or it was released before.
    NotHeld,
    /// This claim was committed: the link is used.
    Committed,
}

/// What an attempt gets (D2). Exhaustive: a store answers it, and a new one must break it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first use: of any number of attempts exactly one (D1).
    FirstUse,
    /// The link is this attempt's until the lease ends (D5).
    Claimed,
    /// The same attempt again: the same session, and nothing counted (D6).
    Repeat,
    /// A use within the grace: the same session (D4).
    Replay {
        /// Which replay it is, from 1.
        number: u32,
        /// When the first use was.
        first_at: Timestamp,
        /// Whether it is the client of the first use; unknown if either came without a binding.
        same_client: Option<bool>,
    },
    /// Somebody else holds the link (D5).
    Busy {
        /// When it is free again, unless it is used by then.
        until: Timestamp,
    },
    /// No, and why.
    Refused(Refusal),
}

/// Why an attempt was refused: for the application and its support staff (D2).
///
/// The person is shown one and the same message for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "reason", rename_all = "kebab-case", rename_all_fields = "kebab-case")
)]
#[non_exhaustive]
pub enum Refusal {
    /// The code is damaged: it was told from an unknown one without asking the store (C2).
    #[error("the code is mangled")]
    Mangled,
    /// No link has this code.
    #[error("the code is unknown")]
    Unknown,
    /// The stored link was altered: its code is derived from another inquiry, link or nonce (C7).
    #[error("the stored link does not belong to this code")]
    Repointed,
    /// The link was revoked (L6).
    #[error("the link was revoked at {at}")]
    Revoked {
        /// When.
        at: Timestamp,
    },
    /// A newer link took its place (L5).
    #[error("the link was superseded by a newer one")]
    Superseded {
        /// Which one.
        by: Option<LinkId>,
        /// When.
        at: Option<Timestamp>,
    },
    /// The inquiry is redacted (I4).
    #[error("the inquiry was redacted at {at}")]
    InquiryRedacted {
        /// When.
        at: Timestamp,
    },
    /// The inquiry was completed, failed or decided (L4).
    #[error("the inquiry is closed: it is {status}")]
    InquiryClosed {
        /// What it became.
        status: Status,
        /// When, if that is known.
        at: Option<Timestamp>,
    },
    /// The inquiry expired since the link was made, also if it was resumed after that (R3).
    #[error("the inquiry expired at {at}")]
    InquiryExpired {
        /// When.
        at: Timestamp,
    },
    /// The link was used (D1).
    #[error("the link was used at {first_at}")]
    Used {
        /// When the first use was.
        first_at: Timestamp,
    },
    /// The link expired (L2), or its key was retired, which only a diagnosis tells (C7).
    #[error("the link expired")]
    LinkExpired {
        /// When, if the link could be looked up.
        at: Option<Timestamp>,
    },
    /// The key of the code left the ring, or the code has none where one is needed; only a diagnosis says so (C7).
    #[error("the link expired: its key is not in the ring")]
    KeyRetired,
    /// A replay by another client than the first use, where the policy wants the same (D4).
    #[error("another client used the link")]
    OtherClient,
    /// The inquiry started as many sessions as it may (E6).
    #[error("the inquiry started {limit} sessions, which is all it may")]
    SessionLimit {
        /// How many it may.
        limit: u32,
    },
    /// The claim does not hold the link any more (D5).
    #[error("the lease of the claim is lost")]
    LeaseLost,
}

impl Refusal {
    /// A short name for metrics and logs, as on the wire: `link-expired`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Mangled => "mangled",
            Self::Unknown => "unknown",
            Self::Repointed => "repointed",
            Self::Revoked { .. } => "revoked",
            Self::Superseded { .. } => "superseded",
            Self::InquiryRedacted { .. } => "inquiry-redacted",
            Self::InquiryClosed { .. } => "inquiry-closed",
            Self::InquiryExpired { .. } => "inquiry-expired",
            Self::Used { .. } => "used",
            Self::LinkExpired { .. } => "link-expired",
            Self::KeyRetired => "key-retired",
            Self::OtherClient => "other-client",
            Self::SessionLimit { .. } => "session-limit",
            Self::LeaseLost => "lease-lost",
        }
    }
}
