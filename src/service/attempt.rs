//! What a person's attempt brings along, and what it gets (D2, D4, D5, D6).

use crate::{
    id::{InquiryId, LinkId},
    inquiry::Inquiry,
    link::{OneTimeLink, Purpose},
    redemption::Refusal,
    secret::{AttemptKey, Binding, ClaimToken, SessionToken},
    session::InquirySession,
    time::Timestamp,
};

/// What a client brings along beside the code: nothing, unless the application says so.
///
/// ```
/// use inquiry_otl::{Attempt, AttemptKey, Binding};
///
/// let attempt = Attempt::new().with_key(AttemptKey::random()).with_binding(Binding::new(b"cookie")?);
/// # Ok::<(), inquiry_otl::BindingError>(())
/// ```
#[derive(Debug, Default)]
pub struct Attempt {
    pub(crate) key: Option<AttemptKey>,
    pub(crate) binding: Option<Binding>,
}

impl Attempt {
    /// An attempt that brings nothing along.
    #[must_use]
    pub const fn new() -> Self {
        Self { key: None, binding: None }
    }

    /// The attempt with a key by which its answer can be asked for again, when the reply was lost (D6).
    #[must_use]
    pub fn with_key(mut self, key: AttemptKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The attempt with what tells its client from another (D4).
    #[must_use]
    pub fn with_binding(mut self, binding: Binding) -> Self {
        self.binding = Some(binding);
        self
    }
}

/// The answer to a redemption (D2). Exhaustive: an application must have thought of each.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a redemption allocates nothing")]
#[must_use = "the link may be spent: what it opened is in the answer"]
pub enum Redemption {
    /// Let the person in.
    Granted(Grant),
    /// Somebody else holds the link at the moment (D5).
    Busy {
        /// When it is free again, unless it is used by then.
        until: Timestamp,
    },
    /// Do not let the person in.
    Refused(Refused),
}

/// The answer to a claim (D5). Exhaustive: an application must have thought of each.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a redemption allocates nothing")]
#[must_use = "the link is held until the claim is committed, released, or runs out"]
pub enum Claiming {
    /// The link is held: do the work, then commit.
    Claimed(Claim),
    /// The link is used, and this attempt gets its session again: there is nothing to commit (D4, D6).
    Granted(Grant),
    /// Somebody else holds the link at the moment.
    Busy {
        /// When it is free again, unless it is used by then.
        until: Timestamp,
    },
    /// Do not let the person in.
    Refused(Refused),
}

impl From<Claiming> for Redemption {
    fn from(answer: Claiming) -> Self {
        match answer {
            Claiming::Granted(grant) => Self::Granted(grant),
            Claiming::Busy { until } => Self::Busy { until },
            Claiming::Refused(refused) => Self::Refused(refused),
            // Whoever asked for a redemption has no use for a claim: it runs out.
            Claiming::Claimed(claim) => Self::Busy { until: claim.until },
        }
    }
}

/// A person may go on: with which inquiry, in which session (D7).
#[derive(Debug)]
#[non_exhaustive]
pub struct Grant {
    /// Why.
    pub kind: GrantKind,
    /// The link that was redeemed; none for a session that was started otherwise.
    pub link: Option<LinkId>,
    /// The inquiry to go on with, as of now.
    pub inquiry: Inquiry,
    /// The session to go on in. Its id is no credential.
    pub session: InquirySession,
    /// The credential of the session: it is in no store, and shown only here.
    pub token: SessionToken,
}

/// Why a grant was given. Exhaustive: an application may count each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// This is the one first use (D1).
    FirstUse,
    /// The same attempt asked again: the first answer, with a new token (D6).
    Repeat,
    /// A use within the grace (D4).
    Replay {
        /// Which replay it is, from 1.
        number: u32,
        /// When the first use was.
        first_at: Timestamp,
        /// Whether it is the client of the first use; unknown if either came without a binding.
        same_client: Option<bool>,
    },
    /// The application started the session itself, without a link (D7).
    Started,
}

/// Why an attempt was refused, and on what: for the application, not for the person (D2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct Refused {
    /// The reason.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub reason: Refusal,
    /// The link, if the code is known.
    pub link: Option<LinkId>,
    /// Its inquiry.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry-id"))]
    pub inquiry: Option<InquiryId>,
}

/// A link that is held until a deadline, by whoever has this (D5).
///
/// Dropping it releases nothing: the lease does that by itself, so that a crash burns no link.
#[derive(Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The claimed link.
    pub link: LinkId,
    /// Its inquiry.
    pub inquiry: InquiryId,
    /// What settles the claim: keep it as a secret.
    pub token: ClaimToken,
    /// When the lease ends; at that instant the link is free again.
    pub until: Timestamp,
}

impl Claim {
    /// A claim from its parts, to be settled elsewhere than where it was made.
    #[must_use]
    pub const fn from_parts(inquiry: InquiryId, link: LinkId, token: ClaimToken, until: Timestamp) -> Self {
        Self { link, inquiry, token, until }
    }
}

/// Whether a redemption would succeed (D3). Exhaustive, like the answer that it foretells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// It would be the first use.
    WouldGrant(Peeked),
    /// It would open the session of the first use again (D4, D6).
    WouldReplay(Peeked),
    /// Somebody else holds the link at the moment.
    Busy {
        /// When it is free again, unless it is used by then.
        until: Timestamp,
    },
    /// It would be refused.
    Refused(Refused),
}

/// What a peek shows of a link that would be redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peeked {
    /// The link.
    pub link: LinkId,
    /// The inquiry that it leads to.
    pub inquiry: InquiryId,
    /// What it is for.
    pub purpose: Purpose,
    /// When it expires, unless it is used before.
    pub expires_at: Timestamp,
}

/// All that support staff can learn from a link that somebody pasted (D9). It names no code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is wrong with what was pasted, in words, if it could not be read.
    pub unreadable: Option<String>,
    /// Why a redemption would be refused at this moment. If it would not be, `link` tells whether it would be
    /// the first use, a replay (`uses`), or too early (`claimed_until`).
    pub refusal: Option<Refusal>,
    /// Everything that the link remembers, if it is known (L7).
    pub link: Option<OneTimeLink>,
    /// Its inquiry, as of now.
    pub inquiry: Option<Inquiry>,
    /// The session that its first use started.
    pub session: Option<InquirySession>,
}
