//! A one-time link as an application sees it (L1 to L7).

use crate::{
    id::{InquiryId, LinkId, SessionId},
    record::{InquiryRecord, LinkRecord, LinkState, SessionRecord},
    redemption::{self, Asked, Refusal, Subject, Verdict},
    text::Creator,
    time::Timestamp,
};

/// Everything that a link remembers (L7), as of the moment it was read: safe to log and to show to staff.
///
/// The code is not among it: it was handed out when the link was created, and nowhere kept (L3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct OneTimeLink {
    /// Its name.
    pub id: LinkId,
    /// The inquiry that it leads to.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry-id"))]
    pub inquiry: InquiryId,
    /// What it is for.
    pub purpose: Purpose,
    /// Who created it.
    pub creator: Option<Creator>,
    /// The session that made a device hand-off link (E5).
    pub parent_session: Option<SessionId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The latest instant at which an unused link expires (L2).
    pub expires_at: Timestamp,
    /// When its first use was.
    pub first_used_at: Option<Timestamp>,
    /// How often it opened its session: the first use and the replays.
    pub uses: u32,
    /// The session that its first use started.
    pub session: Option<SessionId>,
    /// Until when somebody holds it, if somebody does (D5).
    pub claimed_until: Option<Timestamp>,
    /// When it was revoked, if it was revoked by itself (L6).
    pub revoked_at: Option<Timestamp>,
    /// Why a redemption without an attempt key would be refused, if it would.
    pub refusal: Option<Refusal>,
}

impl OneTimeLink {
    /// The link as of `now`.
    #[must_use]
    pub fn seen(subject: &Subject<'_>, now: Timestamp) -> Self {
        let link = subject.link;
        let used = match &link.state {
            LinkState::Used(used) => Some(used),
            LinkState::Unused | LinkState::Claimed(_) => None,
        };
        let asked = Asked { now, attempt: None, binding: None, repeats_after: now };
        let claimed_until = match &link.state {
            LinkState::Claimed(lease) if now < lease.until => Some(lease.until),
            _ => None,
        };
        Self {
            id: link.id,
            inquiry: link.inquiry,
            purpose: link.purpose,
            creator: link.creator.clone(),
            parent_session: link.parent,
            created_at: link.created_at,
            expires_at: link.expires_at,
            first_used_at: used.map(|used| used.at),
            uses: used.map_or(0, |used| used.replays.saturating_add(1)),
            session: used.map(|used| used.session),
            claimed_until,
            revoked_at: link.revoked_at,
            refusal: match redemption::peek(subject, &asked) {
                Verdict::Refused(refusal) => Some(refusal),
                _ => None,
            },
        }
    }
}

/// What a link is for (L7). Exhaustive: a store counts generations for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Purpose {
    /// To bring a person back to their inquiry (E4).
    #[default]
    Resume,
    /// To go on with a session on another device (E5).
    DeviceHandoff,
}

crate::text::words! {
    Purpose {
        Resume => "resume",
        DeviceHandoff => "device-handoff",
    }
}

/// What a store knows of a link, read in one step: for a peek and for a diagnosis (D3, D9).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct LinkView {
    /// The link.
    pub link: LinkRecord,
    /// Its inquiry.
    pub inquiry: InquiryRecord,
    /// The session that its first use started.
    pub session: Option<SessionRecord>,
    /// The session that made it.
    pub parent: Option<SessionRecord>,
}

impl LinkView {
    /// The records that an attempt on the link is judged by.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            link: &self.link,
            inquiry: &self.inquiry,
            session: self.session.as_ref(),
            parent: self.parent.as_ref(),
        }
    }
}
