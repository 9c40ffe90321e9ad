//! Rows become records, column by column; what a column cannot hold is a fault, never a guess.

use inquiry_otl::{
    Clients, Creator, Derivation, Digest, Event, EventId, EventKind, ExpirationPolicy, Inquiry, InquiryId,
    KeyId, LinkId, Nonce, Purpose, ReferenceId, SessionId, Status, TemplateId, TenantId, Timestamp,
    event::EventColumns,
    inquiry::EpochEnd,
    record::{
        EndedEpoch, EndedGeneration, Endings, Epoch, Generation, GenerationEnd, Generations, GraceLeft,
        InquiryRecord, Lease, LinkRecord, LinkState, SessionRecord, TokenDigests, Use,
    },
};
use rusqlite::{Row, types::ValueRef};

use crate::{
    error::{Fault, Unreadable},
    inquiries::{Kept, KeptLinks},
};

/// The columns of a row, from left to right.
pub(crate) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(crate) fn new(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub(crate) fn read<T: Column>(&mut self) -> Result<T, Fault> {
        let value = self.row.get_ref(self.next)?;
        let read = T::read(value).ok_or_else(|| self.unreadable());
        self.next = self.next.saturating_add(1);
        Ok(read?)
    }

    /// That the next column is not what it should be.
    fn unreadable(&self) -> Unreadable {
        Unreadable(self.row.as_ref().column_name(self.next).unwrap_or_default().to_owned())
    }

    /// That the column before is not what the others make of it.
    fn contradicted(&mut self) -> Fault {
        self.next = self.next.saturating_sub(1);
        Fault::Unreadable(self.unreadable())
    }
}

/// A row of one column.
pub(crate) fn only<T: Column>(columns: &mut Columns<'_>) -> Result<T, Fault> {
    columns.read()
}

/// The columns of `link!`.
pub(crate) fn link(columns: &mut Columns<'_>) -> Result<LinkRecord, Fault> {
    Ok(LinkRecord {
        digest: columns.read()?,
        tenant: columns.read()?,
        inquiry: columns.read()?,
        id: columns.read()?,
        purpose: columns.read()?,
        parent: columns.read()?,
        creator: columns.read()?,
        derivation: derivation(columns)?,
        epoch: columns.read()?,
        generation: columns.read()?,
        created_at: columns.read()?,
        expires_at: columns.read()?,
        revoked_at: columns.read()?,
        state: state(columns)?,
    })
}

fn derivation(columns: &mut Columns<'_>) -> Result<Option<Derivation>, Fault> {
    match (columns.read()?, columns.read()?) {
        (Some(key), Some(nonce)) => Ok(Some(Derivation { key, nonce })),
        (None, None::<Nonce>) => Ok(None),
        _ => Err(columns.contradicted()),
    }
}

fn state(columns: &mut Columns<'_>) -> Result<LinkState, Fault> {
    let state: String = columns.read()?;
    let claim: Option<Digest> = columns.read()?;
    let lease_until: Option<Timestamp> = columns.read()?;
    let (attempt, binding) = (columns.read()?, columns.read()?);
    let used: (Option<Timestamp>, Option<SessionId>, Option<u32>) =
        (columns.read()?, columns.read()?, columns.read()?);
    let grace = match (columns.read()?, columns.read()?, columns.read()?) {
        (Some(until), Some(max_replays), Some(clients)) => Some(GraceLeft { until, max_replays, clients }),
        (None, None, None) => None,
        _ => return Err(columns.contradicted()),
    };
    match (state.as_str(), claim, lease_until, used) {
        ("unused", None, None, (None, None, None)) => Ok(LinkState::Unused),
        ("claimed", Some(token), Some(until), (None, None, None)) => {
            Ok(LinkState::Claimed(Lease { token, until, attempt, binding }))
        }
        ("used", claim, None, (Some(at), Some(session), Some(replays))) => {
            Ok(LinkState::Used(Use { at, session, replays, grace, attempt, binding, claim }))
        }
        _ => Err(Fault::Unreadable(Unreadable("state".to_owned()))),
    }
}

/// The columns of `inquiry!`; its endings are read as they are needed.
pub(crate) fn inquiry(columns: &mut Columns<'_>) -> Result<Kept, Fault> {
    let tenant = columns.read()?;
    let (id, template, reference): (_, _, Option<ReferenceId>) =
        (columns.read()?, columns.read()?, columns.read()?);
    let (status, policy, expires_at): (Status, _, _) = (columns.read()?, columns.read()?, columns.read()?);
    let mut inquiry = Inquiry::new(id, template, policy, columns.read()?);
    inquiry.reference = reference;
    inquiry.status = status;
    inquiry.expires_at = expires_at;
    inquiry.started_at = columns.read()?;
    inquiry.resumed_at = columns.read()?;
    inquiry.completed_at = columns.read()?;
    inquiry.failed_at = columns.read()?;
    inquiry.expired_at = columns.read()?;
    inquiry.marked_for_review_at = columns.read()?;
    inquiry.decisioned_at = columns.read()?;
    inquiry.redacted_at = columns.read()?;
    let record = InquiryRecord {
        tenant,
        inquiry,
        version: columns.read()?,
        epoch: columns.read()?,
        generations: Generations {
            resume: Generation { number: columns.read()?, has_links: columns.read()? },
            device_handoff: Generation { number: columns.read()?, has_links: columns.read()? },
        },
        sessions_started: columns.read()?,
        last_sequence: columns.read()?,
        endings: Endings::default(),
    };
    let links =
        KeptLinks { epoch: columns.read()?, resume: columns.read()?, device_handoff: columns.read()? };
    Ok(Kept::new(record, links))
}

/// The columns of `session!`.
pub(crate) fn session(columns: &mut Columns<'_>) -> Result<SessionRecord, Fault> {
    Ok(SessionRecord {
        tenant: columns.read()?,
        inquiry: columns.read()?,
        id: columns.read()?,
        link: columns.read()?,
        epoch: columns.read()?,
        started_at: columns.read()?,
        expires_at: columns.read()?,
        revoked_at: columns.read()?,
        tokens: columns.read()?,
    })
}

/// Kind, number, reason, successor and instant of an ending, added to those that were read before.
pub(crate) fn ending(columns: &mut Columns<'_>, endings: &mut Endings) -> Result<(), Fault> {
    let kind: u32 = columns.read()?;
    let number: Epoch = columns.read()?;
    let why: String = columns.read()?;
    let successor: Option<LinkId> = columns.read()?;
    let at = columns.read()?;
    let unreadable = || Fault::Unreadable(Unreadable("why".to_owned()));
    let purpose = match kind {
        0 => {
            let why: EpochEnd = why.parse().map_err(|_| unreadable())?;
            endings.epochs.push(EndedEpoch { epoch: number, why, at });
            return Ok(());
        }
        1 => Purpose::Resume,
        _ => Purpose::DeviceHandoff,
    };
    let why = match (why.as_str(), successor) {
        ("superseded", Some(link)) => GenerationEnd::Superseded(link),
        ("revoked", None) => GenerationEnd::Revoked,
        _ => return Err(unreadable()),
    };
    let generation = u32::try_from(number.get()).map_err(|_| unreadable())?;
    endings.generations.push(EndedGeneration { purpose, generation, why, at });
    Ok(())
}

/// Everything of an event behind its position.
pub(crate) fn event(columns: &mut Columns<'_>) -> Result<Event, Fault> {
    let (id, tenant, inquiry, sequence, at): (EventId, TenantId, InquiryId, u64, Timestamp) =
        (columns.read()?, columns.read()?, columns.read()?, columns.read()?, columns.read()?);
    let (name, word): (String, Option<String>) = (columns.read()?, columns.read()?);
    let kind = EventKind::try_from(EventColumns {
        name: &name,
        word: word.as_deref(),
        link: columns.read()?,
        session: columns.read()?,
        instant: columns.read()?,
        number: columns.read()?,
    })
    .map_err(|_| Unreadable("name".to_owned()))?;
    Ok(Event::new(id, tenant, Some(inquiry), Some(sequence), at, kind))
}

/// What a column may hold.
pub(crate) trait Column: Sized {
    /// The value, if it is one of this type.
    fn read(value: ValueRef<'_>) -> Option<Self>;
}

impl<T: Column> Column for Option<T> {
    fn read(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}

/// One line for each type: what the engine gives, and what becomes of it.
macro_rules! columns {
    ($($type:ty: $from:ident, $value:ident => $read:expr;)+) => {
        $(impl Column for $type {
            fn read($value: ValueRef<'_>) -> Option<Self> {
                let $value = $value.$from().ok()?;
                $read
            }
        })+
    };
}

columns! {
    i64: as_i64, number => Some(number);
    u32: as_i64, number => number.try_into().ok();
    // A counter that wraps at 2⁶⁴, kept bit by bit.
    u64: as_i64, number => Some(Self::from_ne_bytes(number.to_ne_bytes()));
    bool: as_i64, number => match number { 0 => Some(false), 1 => Some(true), _ => None };
    Epoch: as_i64, number => number.try_into().ok().map(Self::new);
    Timestamp: as_i64, micros => Self::from_unix_micros(micros).ok();
    KeyId: as_i64, number => Self::new(number.try_into().ok()?).ok();
    String: as_str, text => Some(text.to_owned());
    TenantId: as_str, text => Self::new(text).ok();
    InquiryId: as_str, text => Self::new(text).ok();
    TemplateId: as_str, text => Self::new(text).ok();
    ReferenceId: as_str, text => Self::new(text).ok();
    Creator: as_str, text => Self::new(text).ok();
    Status: as_str, text => text.parse().ok();
    Purpose: as_str, text => text.parse().ok();
    Clients: as_str, text => text.parse().ok();
    ExpirationPolicy: as_str, text => serde_json::from_str(text).ok();
    Digest: as_blob, bytes => bytes.try_into().ok().map(Self::from_bytes);
    Nonce: as_blob, bytes => bytes.try_into().ok().map(Self::from_bytes);
    LinkId: as_blob, bytes => bytes.try_into().ok().map(u128::from_be_bytes).map(Self::from_u128);
    SessionId: as_blob, bytes => bytes.try_into().ok().map(u128::from_be_bytes).map(Self::from_u128);
    EventId: as_blob, bytes => bytes.try_into().ok().map(u128::from_be_bytes).map(Self::from_u128);
    TokenDigests: as_blob, bytes => tokens(bytes);
}

/// Digests one after the other, the newest first.
fn tokens(bytes: &[u8]) -> Option<TokenDigests> {
    let digests = bytes.chunks_exact(32);
    let whole = digests.remainder().is_empty() && (1..=TokenDigests::KEPT).contains(&digests.len());
    let digests: Option<Vec<_>> =
        digests.map(|digest| digest.try_into().ok().map(Digest::from_bytes)).collect();
    digests.filter(|_| whole).map(TokenDigests::from_newest)
}
