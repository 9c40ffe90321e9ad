//! An inquiry as it is kept: its record, and how many kept links carry each of its counters.

use inquiry_otl::{
    EventId, LinkId, Purpose, Timestamp,
    event::{EventKind, Recorded},
    record::{EndedEpoch, EndedGeneration, Generation, GenerationEnd, InquiryRecord, LinkRecord},
    store::InquiryKey,
};
use rusqlite::{params, types::Value};

use crate::{
    error::Fault,
    records::{Records, bytes, micros, signed},
    rows::{self, Columns},
};

/// An inquiry's record, as it is to be, beside what was read.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) record: InquiryRecord,
    read: Numbers,
    links: KeptLinks,
    /// How many of the record's endings were read: those behind them are new.
    epochs_read: usize,
    generations_read: usize,
}

/// How many kept links carry the current epoch, and the current generations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeptLinks {
    pub(crate) epoch: i64,
    pub(crate) resume: i64,
    pub(crate) device_handoff: i64,
}

/// What tells whether a record was changed, and what of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    version: u64,
    epoch: u64,
    resume: Generation,
    device_handoff: Generation,
    sessions_started: u32,
    last_sequence: u64,
}

impl Kept {
    pub(crate) fn new(record: InquiryRecord, links: KeptLinks) -> Self {
        Self { read: Numbers::of(&record), record, links, epochs_read: 0, generations_read: 0 }
    }

    fn key(&self) -> InquiryKey {
        InquiryKey { tenant: self.record.tenant, inquiry: self.record.inquiry.id }
    }

    /// What was read of the endings is not new.
    fn endings_read(&mut self) {
        self.epochs_read = self.record.endings.epochs.len();
        self.generations_read = self.record.endings.generations.len();
    }

    /// Counts the links that carry what is current now, with the one that is added.
    fn count_links(&mut self, added: Option<Purpose>) {
        let now = Numbers::of(&self.record);
        let same_epoch = now.epoch == self.read.epoch;
        let keep = |count: i64, same: bool| if same { count } else { 0 };
        let count = |count: i64, added: bool| count.saturating_add(i64::from(added));
        let links = self.links;
        self.links = KeptLinks {
            epoch: count(keep(links.epoch, same_epoch), added.is_some()),
            resume: count(
                keep(links.resume, now.resume.number == self.read.resume.number),
                added == Some(Purpose::Resume),
            ),
            device_handoff: count(
                keep(links.device_handoff, now.device_handoff.number == self.read.device_handoff.number),
                added == Some(Purpose::DeviceHandoff),
            ),
        };
    }
}

impl Numbers {
    fn of(record: &InquiryRecord) -> Self {
        Self {
            version: record.version,
            epoch: record.epoch.get(),
            resume: record.generations.resume,
            device_handoff: record.generations.device_handoff,
            sessions_started: record.sessions_started,
            last_sequence: record.last_sequence,
        }
    }
}

impl Records<'_> {
    /// The inquiry without its endings.
    pub(crate) fn inquiry(&self, key: &InquiryKey) -> Result<Option<Kept>, Fault> {
        self.one(&self.sql.inquiry, params![key.tenant.as_str(), key.inquiry.as_str()], rows::inquiry)
    }

    /// The inquiry with all its endings, oldest first.
    pub(crate) fn whole_inquiry(&self, key: &InquiryKey) -> Result<Option<InquiryRecord>, Fault> {
        let Some(mut kept) = self.inquiry(key)? else {
            return Ok(None);
        };
        self.read_endings(&mut kept)?;
        Ok(Some(kept.record))
    }

    /// All endings, oldest first.
    pub(crate) fn read_endings(&self, kept: &mut Kept) -> Result<(), Fault> {
        let key = kept.key();
        let mut statement = self.prepare(&self.sql.endings)?;
        let mut rows = statement.query(params![key.tenant.as_str(), key.inquiry.as_str()])?;
        while let Some(row) = rows.next()? {
            rows::ending(&mut Columns::new(row), &mut kept.record.endings)?;
        }
        kept.endings_read();
        Ok(())
    }

    /// The endings that a link is judged by: none, as long as it is of the current epoch and generation.
    pub(crate) fn read_endings_of(&self, kept: &mut Kept, link: &LinkRecord) -> Result<(), Fault> {
        if link.epoch != kept.record.epoch {
            self.read_ending(kept, EPOCH, signed(link.epoch.get()))?;
        }
        if link.generation != kept.record.generations.of(link.purpose).number {
            self.read_ending(kept, kind(link.purpose), i64::from(link.generation))?;
        }
        kept.endings_read();
        Ok(())
    }

    /// One ended generation, if there is any and none was read: the end of an epoch asks whether there is.
    pub(crate) fn read_any_ended_generation(&self, kept: &mut Kept) -> Result<(), Fault> {
        if kept.record.endings.generations.is_empty() {
            let key = kept.key();
            let mut statement = self.prepare(&self.sql.any_ended_generation)?;
            let mut rows = statement.query(params![key.tenant.as_str(), key.inquiry.as_str()])?;
            if let Some(row) = rows.next()? {
                rows::ending(&mut Columns::new(row), &mut kept.record.endings)?;
            }
            kept.endings_read();
        }
        Ok(())
    }

    /// The same, if a command at that instant may end the epoch: the deadline or the session limit is reached.
    pub(crate) fn read_for_expiry(&self, kept: &mut Kept, now: Timestamp) -> Result<(), Fault> {
        let limit = kept.record.inquiry.policy.session_limit();
        if kept.record.inquiry.lapsed_at(now).is_some() || limit <= kept.record.sessions_started {
            self.read_any_ended_generation(kept)?;
        }
        Ok(())
    }

    /// Keeps a new inquiry, unless there is one of that name.
    pub(crate) fn insert_inquiry(&self, record: &InquiryRecord) -> Result<bool, Fault> {
        let columns = columns(record, KeptLinks::default())?;
        let mut statement = self.prepare(&self.sql.insert_inquiry)?;
        Ok(statement.execute(rusqlite::params_from_iter(columns))? == 1)
    }

    /// Writes what a command changed in an inquiry, and the events that it counted; `added` is the purpose of a new link.
    pub(crate) fn save_inquiry(
        &self,
        kept: &mut Kept,
        added: Option<Purpose>,
        first: EventId,
        at: Timestamp,
        kinds: [Option<EventKind>; 2],
    ) -> Result<Recorded, Fault> {
        let now = Numbers::of(&kept.record);
        if now != kept.read {
            self.insert_endings(kept)?;
            kept.count_links(added);
            if now.version == kept.read.version {
                self.save_counters(kept)?;
            } else {
                let columns = columns(&kept.record, kept.links)?;
                self.prepare(&self.sql.save_inquiry)?.execute(rusqlite::params_from_iter(columns))?;
            }
            kept.read = now;
            kept.endings_read();
        }
        let none = Recorded::new(first, 0, at, kinds);
        let before = now.last_sequence.wrapping_sub(none.count());
        let recorded = Recorded::new(first, before.wrapping_add(1), at, kinds);
        self.insert_events(&kept.key(), &recorded)?;
        Ok(recorded)
    }

    /// What an issue and a redemption change; no index has any of it.
    fn save_counters(&self, kept: &Kept) -> Result<(), Fault> {
        let Kept { record, links, .. } = kept;
        self.prepare(&self.sql.save_counters)?.execute(params![
            record.tenant.as_str(),
            record.inquiry.id.as_str(),
            signed(record.epoch.get()),
            record.generations.resume.number,
            record.generations.resume.has_links,
            record.generations.device_handoff.number,
            record.generations.device_handoff.has_links,
            record.sessions_started,
            signed(record.last_sequence),
            links.epoch,
            links.resume,
            links.device_handoff,
        ])?;
        Ok(())
    }

    fn insert_endings(&self, kept: &Kept) -> Result<(), Fault> {
        let sequence = signed(kept.record.last_sequence);
        for EndedEpoch { epoch, why, at } in kept.record.endings.epochs.iter().skip(kept.epochs_read) {
            let number = signed(epoch.get());
            let links = kept.links.epoch;
            self.insert_ending(kept, EPOCH, number, (why.as_str(), None), *at, sequence, links)?;
        }
        let new = kept.record.endings.generations.iter().skip(kept.generations_read);
        for EndedGeneration { purpose, generation, why, at } in new {
            let why = match why {
                GenerationEnd::Superseded(by) => ("superseded", Some(*by)),
                GenerationEnd::Revoked => ("revoked", None),
            };
            let links = match purpose {
                Purpose::Resume => kept.links.resume,
                Purpose::DeviceHandoff => kept.links.device_handoff,
            };
            self.insert_ending(kept, kind(*purpose), i64::from(*generation), why, *at, sequence, links)?;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "they are the columns of one row")]
    fn insert_ending(
        &self,
        kept: &Kept,
        kind: i64,
        number: i64,
        (why, successor): (&str, Option<LinkId>),
        at: Timestamp,
        sequence: i64,
        links: i64,
    ) -> Result<(), Fault> {
        let key = kept.key();
        self.prepare(&self.sql.insert_ending)?.execute(params![
            key.tenant.as_str(),
            key.inquiry.as_str(),
            kind,
            number,
            why,
            successor.map(|link| bytes(link.as_u128())),
            at.unix_micros(),
            sequence,
            links,
        ])?;
        Ok(())
    }

    fn read_ending(&self, kept: &mut Kept, kind: i64, number: i64) -> Result<(), Fault> {
        let key = kept.key();
        let mut statement = self.prepare(&self.sql.ending)?;
        let mut rows = statement.query(params![key.tenant.as_str(), key.inquiry.as_str(), kind, number])?;
        if let Some(row) = rows.next()? {
            rows::ending(&mut Columns::new(row), &mut kept.record.endings)?;
        }
        Ok(())
    }

    /// One link less carries its epoch and its generation; endings that nobody can ask for any more are forgotten (L4).
    pub(crate) fn uncount_link(&self, kept: &mut Kept, link: &LinkRecord) -> Result<(), Fault> {
        let key = kept.key();
        let current = kept.record.generations.of(link.purpose).number == link.generation;
        let less = |count: i64, here: bool| count.saturating_sub(i64::from(here));
        kept.links = KeptLinks {
            epoch: less(kept.links.epoch, link.epoch == kept.record.epoch),
            resume: less(kept.links.resume, current && link.purpose == Purpose::Resume),
            device_handoff: less(
                kept.links.device_handoff,
                current && link.purpose == Purpose::DeviceHandoff,
            ),
        };
        self.save_counters(kept)?;
        if link.epoch != kept.record.epoch {
            self.uncount_ending(&key, EPOCH, signed(link.epoch.get()))?;
        }
        if !current {
            self.uncount_ending(&key, kind(link.purpose), i64::from(link.generation))?;
        }
        // Of an inquiry without links nobody asks why one is dead.
        if !self.any(&self.sql.any_link, &key)? {
            self.on_inquiry(&self.sql.forget_endings, &key)?;
        }
        Ok(())
    }

    fn uncount_ending(&self, key: &InquiryKey, kind: i64, number: i64) -> Result<(), Fault> {
        let ending = params![key.tenant.as_str(), key.inquiry.as_str(), kind, number];
        if self.prepare(&self.sql.forget_ending)?.execute(ending)? == 0 {
            self.prepare(&self.sql.count_ending)?.execute(ending)?;
        }
        Ok(())
    }
}

/// What `otl_endings.kind` holds for an epoch.
const EPOCH: i64 = 0;

/// What `otl_endings.kind` holds for a generation.
const fn kind(purpose: Purpose) -> i64 {
    match purpose {
        Purpose::Resume => 1,
        Purpose::DeviceHandoff => 2,
    }
}

/// Every column of an inquiry, in the order of `insert_inquiry` and `save_inquiry`.
fn columns(record: &InquiryRecord, links: KeptLinks) -> Result<[Value; 28], Fault> {
    let inquiry = &record.inquiry;
    let text = |text: &str| Value::Text(text.to_owned());
    let instant = |at: Option<Timestamp>| micros(at).map_or(Value::Null, Value::Integer);
    // A policy is whole seconds and small numbers, which JSON can always hold.
    let policy = serde_json::to_string(&inquiry.policy)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    Ok([
        text(record.tenant.as_str()),
        text(inquiry.id.as_str()),
        text(inquiry.template.as_str()),
        inquiry.reference.as_ref().map_or(Value::Null, |reference| text(reference.as_str())),
        text(inquiry.status.as_str()),
        Value::Text(policy),
        instant(Some(inquiry.expires_at)),
        instant(Some(inquiry.created_at)),
        instant(inquiry.started_at),
        instant(inquiry.resumed_at),
        instant(inquiry.completed_at),
        instant(inquiry.failed_at),
        instant(inquiry.expired_at),
        instant(inquiry.marked_for_review_at),
        instant(inquiry.decisioned_at),
        instant(inquiry.redacted_at),
        Value::Integer(signed(record.version)),
        Value::Integer(signed(record.epoch.get())),
        Value::Integer(record.generations.resume.number.into()),
        Value::Integer(record.generations.resume.has_links.into()),
        Value::Integer(record.generations.device_handoff.number.into()),
        Value::Integer(record.generations.device_handoff.has_links.into()),
        Value::Integer(record.sessions_started.into()),
        Value::Integer(signed(record.last_sequence)),
        Value::Integer(links.epoch),
        Value::Integer(links.resume),
        Value::Integer(links.device_handoff),
        instant(inquiry.ended_at()),
    ])
}
