//! Endings and events, as one array for each column.

use std::time::SystemTime;

use inquiry_otl::{
    Event, Purpose,
    event::Recorded,
    record::{GenerationEnd, InquiryRecord},
};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::row::{bits, system_time};

/// Endings to be written, a vector for each column.
#[derive(Default)]
pub(crate) struct Endings {
    tenants: Vec<String>,
    inquiries: Vec<String>,
    kinds: Vec<&'static str>,
    numbers: Vec<i64>,
    whys: Vec<&'static str>,
    bys: Vec<Option<Uuid>>,
    ats: Vec<SystemTime>,
}

impl Endings {
    /// Those that a change added.
    pub(crate) fn between(before: &InquiryRecord, after: &InquiryRecord) -> Self {
        let mut added = Self::default();
        added.extend(before, after);
        added
    }

    /// Adds those that a change added. Generations end before the epoch, or with it and without a word.
    pub(crate) fn extend(&mut self, before: &InquiryRecord, after: &InquiryRecord) {
        for ended in after.endings.generations.iter().skip(before.endings.generations.len()) {
            let (why, by) = match ended.why {
                GenerationEnd::Superseded(by) => ("superseded", Some(Uuid::from_u128(by.as_u128()))),
                GenerationEnd::Revoked => ("revoked", None),
            };
            let kind = match ended.purpose {
                Purpose::Resume => Purpose::Resume.as_str(),
                Purpose::DeviceHandoff => Purpose::DeviceHandoff.as_str(),
            };
            self.push(after, kind, i64::from(ended.generation), why, by, system_time(ended.at));
        }
        for ended in after.endings.epochs.iter().skip(before.endings.epochs.len()) {
            self.push(
                after,
                "epoch",
                bits(ended.epoch.get()),
                ended.why.as_str(),
                None,
                system_time(ended.at),
            );
        }
    }

    fn push(
        &mut self,
        inquiry: &InquiryRecord,
        kind: &'static str,
        number: i64,
        why: &'static str,
        by: Option<Uuid>,
        at: SystemTime,
    ) {
        self.tenants.push(inquiry.tenant.as_str().to_owned());
        self.inquiries.push(inquiry.inquiry.id.as_str().to_owned());
        self.kinds.push(kind);
        self.numbers.push(number);
        self.whys.push(why);
        self.bys.push(by);
        self.ats.push(at);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub(crate) fn params(&self) -> [&(dyn ToSql + Sync); 7] {
        [&self.tenants, &self.inquiries, &self.kinds, &self.numbers, &self.whys, &self.bys, &self.ats]
    }
}

/// Events to be written, a vector for each column.
#[derive(Default)]
pub(crate) struct Events {
    ids: Vec<Uuid>,
    tenants: Vec<String>,
    inquiries: Vec<String>,
    sequences: Vec<i64>,
    ats: Vec<SystemTime>,
    names: Vec<&'static str>,
    words: Vec<Option<&'static str>>,
    links: Vec<Option<Uuid>>,
    sessions: Vec<Option<Uuid>>,
    instants: Vec<Option<SystemTime>>,
    numbers: Vec<Option<i64>>,
}

impl Events {
    pub(crate) fn of(inquiry: &InquiryRecord, recorded: &Recorded) -> Self {
        let mut events = Self::default();
        events.extend(inquiry, recorded);
        events
    }

    pub(crate) fn extend(&mut self, inquiry: &InquiryRecord, recorded: &Recorded) {
        for event in recorded.events(inquiry.tenant, inquiry.inquiry.id) {
            self.push(&event);
        }
    }

    fn push(&mut self, event: &Event) {
        // What is not durable has no columns, and no number: it never gets here.
        let (Some(columns), Some(inquiry), Some(sequence)) =
            (event.kind.columns(), event.inquiry, event.sequence)
        else {
            return;
        };
        self.ids.push(Uuid::from_u128(event.id.as_u128()));
        self.tenants.push(event.tenant.as_str().to_owned());
        self.inquiries.push(inquiry.as_str().to_owned());
        self.sequences.push(bits(sequence));
        self.ats.push(system_time(event.at));
        self.names.push(columns.name);
        self.words.push(columns.word);
        self.links.push(columns.link.map(|link| Uuid::from_u128(link.as_u128())));
        self.sessions.push(columns.session.map(|session| Uuid::from_u128(session.as_u128())));
        self.instants.push(columns.instant.map(system_time));
        self.numbers.push(columns.number.map(i64::from));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(crate) fn params(&self) -> [&(dyn ToSql + Sync); 11] {
        [
            &self.ids,
            &self.tenants,
            &self.inquiries,
            &self.sequences,
            &self.ats,
            &self.names,
            &self.words,
            &self.links,
            &self.sessions,
            &self.instants,
            &self.numbers,
        ]
    }
}
