//! What a store is asked: redeem, claim, commit, release (D5, D6).

use crate::{
    digest::Digest,
    id::{EventId, InquiryId, LinkId, SessionId},
    tenant::TenantId,
    time::Timestamp,
};

/// What an attempt brings along to be judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The instant that everything is judged by (S5).
    pub now: Timestamp,
    /// The digest of the attempt key, if there is one (D6).
    pub attempt: Option<Digest>,
    /// The digest of the client's binding, if there is one (D4).
    pub binding: Option<Digest>,
    /// A first use after this instant may be repeated by the same attempt (D6).
    pub repeats_after: Timestamp,
}

/// Redeem a link, or claim it: one atomic step (S2, D1). Exhaustive: a store carries out all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redeem {
    /// Whose link it must be (S6).
    pub tenant: TenantId,
    /// The digest of the code.
    pub digest: Digest,
    /// The instant that everything is judged by (S5).
    pub now: Timestamp,
    /// Both phases at once, or the first one only.
    pub mode: Mode,
    /// The digest of the attempt key, if there is one (D6).
    pub attempt: Option<Digest>,
    /// A first use after this instant may be repeated by the same attempt (D6).
    pub repeats_after: Timestamp,
    /// The digest of the client's binding, if there is one (D4).
    pub binding: Option<Digest>,
    /// The name of the session, if this is the first use.
    pub session: SessionId,
    /// The digest of the token that this grant hands out, if it is one (D7).
    pub token: Digest,
    /// The id of the first event that it yields.
    pub event: EventId,
}

/// How a link is redeemed (D5). Exhaustive: a store carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At once.
    Once,
    /// In two phases, of which this is the first.
    Claim {
        /// The digest of the claim token.
        token: Digest,
        /// When the lease ends.
        until: Timestamp,
    },
}

/// Commit a claim: the first use (D5). Exhaustive: a store carries out all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Whose link it must be (S6).
    pub tenant: TenantId,
    /// The inquiry of the link.
    pub inquiry: InquiryId,
    /// The claimed link.
    pub link: LinkId,
    /// The digest of the claim token.
    pub claim: Digest,
    /// The instant that everything is judged by (S5).
    pub now: Timestamp,
    /// The name of the session, if this is the first use.
    pub session: SessionId,
    /// The digest of the token that this grant hands out (D7).
    pub token: Digest,
    /// The id of the first event that it yields.
    pub event: EventId,
}

/// Release a claim: the link is free again (D5). Exhaustive: a store carries out all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Whose link it must be (S6).
    pub tenant: TenantId,
    /// The inquiry of the link.
    pub inquiry: InquiryId,
    /// The claimed link.
    pub link: LinkId,
    /// The digest of the claim token.
    pub claim: Digest,
    /// The instant that the lease is judged by (S5).
    pub now: Timestamp,
}
