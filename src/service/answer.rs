//! What the answers to a redemption and to a claim have in common.

use super::{
    attempt::{Claim, Claiming, Grant, Peek, Redemption, Refused},
    finished::Finished,
};
use crate::{
    event::EventKind,
    id::{InquiryId, LinkId},
    time::Timestamp,
};

/// An answer to an attempt, made as what the caller asked for: it is large, and is not turned into something else.
pub(super) trait Answer {
    fn granted(grant: Grant) -> Self;
    fn claimed(claim: Claim) -> Self;
    fn busy(until: Timestamp) -> Self;
    fn refused(refused: Refused) -> Self;
    /// Why it is a refusal, if it is one.
    fn refusal(&self) -> Option<&Refused>;
}

/// An answer that waits for its confirmation; a refusal is an event (V1).
pub(super) fn finished<A: Answer>(answer: A, now: Timestamp) -> Finished<A> {
    let event = answer.refusal().map(|refused| {
        (refused.inquiry, EventKind::LinkRefused { link: refused.link, refusal: refused.reason })
    });
    match event {
        Some((inquiry, event)) => Finished::of(answer).passing(inquiry, event, now),
        None => Finished::of(answer),
    }
}

/// What a peek is answered; that somebody looked is an event, at whatever it was (D3).
pub(super) fn peeked(answer: Peek, found: Option<(LinkId, InquiryId)>, now: Timestamp) -> Finished<Peek> {
    let refusal = match &answer {
        Peek::Refused(refused) => Some(refused.reason),
        _ => None,
    };
    let (link, inquiry) = found.unzip();
    Finished::of(answer).passing(inquiry, EventKind::LinkPeeked { link, refusal }, now)
}

impl Answer for Redemption {
    #[inline]
    fn granted(grant: Grant) -> Self {
        Self::Granted(grant)
    }

    /// Whoever asked for a redemption has no use for a claim: it runs out.
    fn claimed(claim: Claim) -> Self {
        Self::Busy { until: claim.until }
    }

    fn busy(until: Timestamp) -> Self {
        Self::Busy { until }
    }

    #[inline]
    fn refused(refused: Refused) -> Self {
        Self::Refused(refused)
    }

    fn refusal(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            Self::Granted(_) | Self::Busy { .. } => None,
        }
    }
}

impl Answer for Claiming {
    fn granted(grant: Grant) -> Self {
        Self::Granted(grant)
    }

    fn claimed(claim: Claim) -> Self {
        Self::Claimed(claim)
    }

    fn busy(until: Timestamp) -> Self {
        Self::Busy { until }
    }

    fn refused(refused: Refused) -> Self {
        Self::Refused(refused)
    }

    fn refusal(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            Self::Claimed(_) | Self::Granted(_) | Self::Busy { .. } => None,
        }
    }
}
