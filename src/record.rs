//! What a store keeps: an inquiry, its links, its sessions, and how they die together.
//!
//! The records are plain data with public fields, since stores outside this crate build them. They hold
//! digests and nonces, never a code or a token (L3).

use std::collections::BTreeSet;

use crate::{
    derivation::Derivation,
    digest::Digest,
    id::{InquiryId, LinkId, SessionId},
    inquiry::{EpochEnd, Expiry, Inquiry, Status, Step},
    link::Purpose,
    tenant::TenantId,
    text::Creator,
    time::Timestamp,
};

/// An inquiry as a store keeps it, with the counters that its links and sessions are held against.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct InquiryRecord {
    /// Whose it is (S6).
    pub tenant: TenantId,
    /// The inquiry itself, as last written.
    pub inquiry: Inquiry,
    /// Counts the writes to [`inquiry`](Self::inquiry), from a random number: a change names the version that it
    /// was computed from. A redemption leaves it alone unless it expires the inquiry.
    pub version: u64,
    /// The epoch that links and sessions must have been made in to be alive (L4).
    pub epoch: Epoch,
    /// The generation of links for each purpose (L5).
    pub generations: Generations,
    /// Sessions started since creation, or since the last resume from expired (E6).
    pub sessions_started: u32,
    /// The number of durable events so far; the next one gets the number after it (V1).
    pub last_sequence: u64,
    /// Why and when earlier epochs and generations ended, as far as a kept link may carry them.
    pub endings: Endings,
}

impl InquiryRecord {
    /// The record of an inquiry that was just made, with its `inquiry.created` already counted.
    #[must_use]
    pub fn new(tenant: TenantId, inquiry: Inquiry, first_epoch: Epoch) -> Self {
        Self {
            tenant,
            inquiry,
            version: first_epoch.get(),
            epoch: first_epoch,
            generations: Generations::default(),
            sessions_started: 0,
            last_sequence: 1,
            endings: Endings::default(),
        }
    }

    /// Writes a transition (I3): the new state, the end of the epoch, the count of sessions and of events.
    pub fn take(&mut self, step: Step) {
        if let Some((why, at)) = step.ends_epoch {
            self.end_epoch(why, at);
        }
        if step.resets_sessions {
            self.sessions_started = 0;
        }
        let events = step.events.iter().flatten().fold(0, |n: u64, _| n.wrapping_add(1));
        self.last_sequence = self.last_sequence.wrapping_add(events);
        self.inquiry = step.inquiry;
        self.version = self.version.wrapping_add(1);
    }

    /// Writes an expiry that an attempt met or caused (I6, E6); its event is counted by whoever writes it.
    pub fn expire(&mut self, cause: Expiry, at: Timestamp) {
        self.inquiry.status = Status::Expired;
        self.inquiry.expired_at = Some(at);
        if self.inquiry.redacted_at.is_none() {
            self.end_epoch(EpochEnd::Expired(cause), at);
        }
        self.version = self.version.wrapping_add(1);
    }

    /// Ends the epoch: every link and session made in it is dead, whatever their number (L4).
    ///
    /// Its generations end with it without a word: what died so can be neither superseded nor revoked later.
    pub fn end_epoch(&mut self, why: EpochEnd, at: Timestamp) {
        let generations = &self.generations;
        let has_links = generations.resume.has_links || generations.device_handoff.has_links;
        if has_links || !self.endings.generations.is_empty() {
            self.endings.epochs.push(EndedEpoch { epoch: self.epoch, why, at });
        }
        self.epoch = self.epoch.next();
        self.generations.resume.end();
        self.generations.device_handoff.end();
    }

    /// Ends the generation of links of that purpose, if any link was made in it (L5, L6).
    pub fn end_generation(&mut self, purpose: Purpose, why: GenerationEnd, at: Timestamp) -> bool {
        let current = self.generations.of_mut(purpose);
        if !current.has_links {
            return false;
        }
        let ended = EndedGeneration { purpose, generation: current.number, why, at };
        current.end();
        self.endings.generations.push(ended);
        true
    }
}

/// The number that links and sessions of an inquiry are made under; the first one is random (L4, S3).
///
/// A store keeps its 63 bits; it only ever compares for equality and takes [`next`](Self::next).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Epoch(u64);

impl Epoch {
    const MASK: u64 = u64::MAX >> 1;

    /// The epoch of that number; only the low 63 bits count.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number & Self::MASK)
    }

    /// The number, below 2⁶³.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::new(self.0.wrapping_add(1))
    }
}

/// The current generation of links for each purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct Generations {
    /// Of links that resume.
    pub resume: Generation,
    /// Of links that hand off to another device.
    pub device_handoff: Generation,
}

impl Generations {
    /// The generation of that purpose.
    #[must_use]
    pub const fn of(&self, purpose: Purpose) -> Generation {
        match purpose {
            Purpose::Resume => self.resume,
            Purpose::DeviceHandoff => self.device_handoff,
        }
    }

    /// The generation of that purpose, to be changed.
    pub const fn of_mut(&mut self, purpose: Purpose) -> &mut Generation {
        match purpose {
            Purpose::Resume => &mut self.resume,
            Purpose::DeviceHandoff => &mut self.device_handoff,
        }
    }
}

/// A generation of links: superseding ends it, whatever the number of links in it (L5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct Generation {
    /// Its number.
    pub number: u32,
    /// Whether a link was made in it.
    pub has_links: bool,
}

impl Generation {
    /// The next generation, if a link was made in this one.
    const fn end(&mut self) {
        if self.has_links {
            *self = Self { number: self.number.wrapping_add(1), has_links: false };
        }
    }
}

/// Why and when epochs and generations ended, so that a refusal can name its reason (L4, L7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct Endings {
    /// Ended epochs, oldest first.
    pub epochs: Vec<EndedEpoch>,
    /// Ended generations, oldest first.
    pub generations: Vec<EndedGeneration>,
}

impl Endings {
    /// How that epoch ended.
    #[must_use]
    pub fn epoch(&self, epoch: Epoch) -> Option<&EndedEpoch> {
        self.epochs.iter().rev().find(|ended| ended.epoch == epoch)
    }

    /// How that generation of that purpose ended.
    #[must_use]
    pub fn generation(&self, purpose: Purpose, number: u32) -> Option<&EndedGeneration> {
        self.generations.iter().rev().find(|ended| ended.purpose == purpose && ended.generation == number)
    }

    /// Forgets what none of the links carries: a purge calls it with those that stay (L4).
    pub fn keep_for<'a>(&mut self, links: impl IntoIterator<Item = &'a LinkRecord>) {
        let mut epochs = BTreeSet::new();
        let mut generations = BTreeSet::new();
        for link in links {
            epochs.insert(link.epoch.get());
            generations.insert((link.purpose as u8, link.generation));
        }
        self.epochs.retain(|ended| epochs.contains(&ended.epoch.get()));
        self.generations.retain(|ended| generations.contains(&(ended.purpose as u8, ended.generation)));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.epochs.len().saturating_add(self.generations.len())
    }
}

/// An epoch that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct EndedEpoch {
    /// Which one.
    pub epoch: Epoch,
    /// Why.
    pub why: EpochEnd,
    /// When.
    pub at: Timestamp,
}

/// A generation of links that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct EndedGeneration {
    /// Of which purpose.
    pub purpose: Purpose,
    /// Which one.
    pub generation: u32,
    /// Why.
    pub why: GenerationEnd,
    /// When.
    pub at: Timestamp,
}

/// Why a generation of links ended. Exhaustive: a store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum GenerationEnd {
    /// That link superseded them (L5).
    Superseded(LinkId),
    /// All links of the inquiry were revoked (L6).
    Revoked,
}

/// A one-time link as a store keeps it (L3, L7): its digest, and nothing from which alone a code can be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct LinkRecord {
    /// Whose it is (S6).
    pub tenant: TenantId,
    /// Its name, safe to log.
    pub id: LinkId,
    /// The inquiry that it leads to.
    pub inquiry: InquiryId,
    /// What it is for.
    pub purpose: Purpose,
    /// The session that made a device hand-off link, and takes it along when it is revoked (E5).
    pub parent: Option<SessionId>,
    /// Who created it.
    pub creator: Option<Creator>,
    /// The digest of its code (C7).
    pub digest: Digest,
    /// What a derived code is computed from, together with the key (L5).
    pub derivation: Option<Derivation>,
    /// The epoch of the inquiry that it was made in (L4).
    pub epoch: Epoch,
    /// The generation that it was made in (L5).
    pub generation: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// From this instant on an unused link is expired (L2).
    pub expires_at: Timestamp,
    /// When it was revoked by itself (L6).
    pub revoked_at: Option<Timestamp>,
    /// What has become of it.
    pub state: LinkState,
}

/// What has become of a link. Exhaustive: a store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum LinkState {
    /// Nobody has used it.
    Unused,
    /// Somebody holds it until the lease ends (D5).
    Claimed(Lease),
    /// It had its first use.
    Used(Use),
}

/// A claim that has not been settled (D5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct Lease {
    /// The digest of the claim token.
    pub token: Digest,
    /// From this instant on the link is free again.
    pub until: Timestamp,
    /// The digest of the attempt key, if there was one (D6).
    pub attempt: Option<Digest>,
    /// The digest of the client's binding, if there was one (D4).
    pub binding: Option<Digest>,
}

/// The first use of a link, and what followed it (D1, D4, D6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct Use {
    /// When the first use was.
    pub at: Timestamp,
    /// The session that it started.
    pub session: SessionId,
    /// How often the link opened that session after the first use.
    pub replays: u32,
    /// The grace, fixed by the first use: until when, and how many replays in all (E7).
    pub grace: Option<GraceLeft>,
    /// The digest of the attempt key of the first use, if there was one (D6).
    pub attempt: Option<Digest>,
    /// The digest of the client's binding at the first use, if there was one (D4).
    pub binding: Option<Digest>,
    /// The digest of the claim token, if the first use was a commit (D5).
    pub claim: Option<Digest>,
}

/// What the first use fixed of the grace (E7): a later policy does not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct GraceLeft {
    /// From this instant on there is no replay.
    pub until: Timestamp,
    /// How many replays there may be.
    pub max_replays: u32,
    /// Which clients may replay.
    pub clients: crate::policy::Clients,
}

/// An inquiry session as a store keeps it (D7).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct SessionRecord {
    /// Whose it is (S6).
    pub tenant: TenantId,
    /// Its name: an id, not a credential.
    pub id: SessionId,
    /// The inquiry that it is a session of.
    pub inquiry: InquiryId,
    /// The link whose first use started it; none for one started otherwise.
    pub link: Option<LinkId>,
    /// The epoch that it was started in (L4).
    pub epoch: Epoch,
    /// When it was started.
    pub started_at: Timestamp,
    /// The inquiry's deadline of that moment: from this instant on the session is dead.
    pub expires_at: Timestamp,
    /// When it was revoked by itself (L6).
    pub revoked_at: Option<Timestamp>,
    /// The digests of its newest tokens.
    pub tokens: TokenDigests,
}

impl SessionRecord {
    /// Whether the session is live at `now` (D7).
    #[must_use]
    pub fn is_live(&self, inquiry: &InquiryRecord, now: Timestamp) -> bool {
        self.revoked_at.is_none()
            && self.epoch == inquiry.epoch
            && now < self.expires_at
            && inquiry.inquiry.is_open(now)
    }
}

/// The digests of the newest tokens of a session: each grant adds one, the oldest of four goes (D7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct TokenDigests([Option<Digest>; Self::KEPT]);

impl TokenDigests {
    /// How many tokens of one session are good at a time.
    pub const KEPT: usize = 4;

    /// The first token of a session.
    #[must_use]
    pub const fn new(first: Digest) -> Self {
        Self([Some(first), None, None, None])
    }

    /// What a store kept: the newest first, at most four of them count.
    #[must_use]
    pub fn from_newest(digests: impl IntoIterator<Item = Digest>) -> Self {
        let mut kept = [None; Self::KEPT];
        for (slot, digest) in kept.iter_mut().zip(digests) {
            *slot = Some(digest);
        }
        Self(kept)
    }

    /// The digests, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Digest> {
        self.0.iter().flatten()
    }

    /// Adds the token of another grant; the oldest of four goes.
    pub const fn push(&mut self, digest: Digest) {
        let [first, second, third, _] = self.0;
        self.0 = [Some(digest), first, second, third];
    }

    /// Whether that token is among them; every one of them is compared, in constant time (C3).
    #[must_use]
    pub fn contains(&self, digest: &Digest) -> bool {
        self.iter().fold(false, |found, kept| (kept == digest) | found)
    }
}
