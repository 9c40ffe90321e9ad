//! Many links in one transaction: the inquiries are held, each link is decided by the rules, and all are written at once.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::SystemTime,
};

use futures_util::future::{join3, join5};
use inquiry_otl::{
    Creator, LinkId, SessionId,
    issuance::{self, Issuance, IssueLink, Outstanding},
    record::{self, InquiryRecord, LinkRecord, SessionRecord},
    store::IssueOutcome,
};
use tokio_postgres::{error::SqlState, types::ToSql};
use uuid::Uuid;

use crate::{
    attempt::recorded,
    connection::Connection,
    fault::Fault,
    log::{Endings, Events},
    row::{Columns, Key, bits, columns, system_time},
};

/// How many links are made in one transaction.
pub(crate) const PART: usize = 10_000;

/// Creates the links of all commands, or none: none is also the answer if a name of one of them is taken by a link
/// that is there already.
pub(crate) async fn issue(
    on: Connection<'_>,
    commands: &[IssueLink],
) -> Result<Option<Vec<IssueOutcome>>, Fault> {
    let mut part = Part::hold(on, commands).await?;
    part.load_parents(on, commands).await?;
    part.load_unused(on, commands).await?;
    let outcomes = commands.iter().map(|command| part.decide(command)).collect::<Result<_, _>>()?;
    match part.write(on).await {
        Err(Fault::Engine(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(None),
        written => written.map(|()| Some(outcomes)),
    }
}

/// The inquiries of some commands, which a transaction holds, and what is to be written.
#[derive(Default)]
struct Part {
    inquiries: BTreeMap<Key, Held>,
    parents: HashMap<(Key, SessionId), SessionRecord>,
    new: Vec<LinkRecord>,
    names: HashSet<(Key, LinkId)>,
    digests: HashSet<[u8; 32]>,
    events: Events,
}

struct Held {
    before: InquiryRecord,
    after: InquiryRecord,
    /// Those that could be given out again, by id.
    unused: BTreeMap<LinkId, LinkRecord>,
}

impl Part {
    async fn hold(on: Connection<'_>, commands: &[IssueLink]) -> Result<Self, Fault> {
        let mut keys: Vec<Key> = commands.iter().map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        let (tenants, inquiries) = columns(&keys);
        let statement = on.ready(&on.sql.hold_many).await?;
        let ended = on.ready(&on.sql.ended_generations).await?;
        let (begun, rows, ended) = join3(
            on.begin(),
            on.send(&statement, &[&tenants, &inquiries]),
            on.send(&ended, &[&tenants, &inquiries]),
        )
        .await;
        begun?;
        let mut endings: HashMap<Key, record::Endings> = HashMap::new();
        for row in ended? {
            let mut columns = Columns::of(&row);
            let key = (columns.parsed()?, columns.parsed()?);
            columns.ending(endings.entry(key).or_default())?;
        }
        let mut part = Self::default();
        for row in rows? {
            if let Some(mut before) = Columns::of(&row).inquiry()? {
                before.endings = endings.remove(&(before.tenant, before.inquiry.id)).unwrap_or_default();
                let held = Held { after: before.clone(), before, unused: BTreeMap::new() };
                part.inquiries.insert((held.before.tenant, held.before.inquiry.id), held);
            }
        }
        Ok(part)
    }

    async fn load_parents(&mut self, on: Connection<'_>, commands: &[IssueLink]) -> Result<(), Fault> {
        let mut wanted: Vec<(Key, SessionId)> =
            commands.iter().filter_map(|command| Some((key(command), command.parent?))).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(());
        }
        let (tenants, inquiries) = columns(wanted.iter().map(|(key, _)| key));
        let ids: Vec<Uuid> = wanted.iter().map(|(_, id)| Uuid::from_u128(id.as_u128())).collect();
        for row in on.rows(&on.sql.sessions_of_many, &[&tenants, &inquiries, &ids]).await? {
            if let Some(session) = Columns::of(&row).session()? {
                self.parents.insert(((session.tenant, session.inquiry), session.id), session);
            }
        }
        Ok(())
    }

    /// Loads what could be given out again, where somebody asks for that.
    async fn load_unused(&mut self, on: Connection<'_>, commands: &[IssueLink]) -> Result<(), Fault> {
        let asks = |command: &&IssueLink| matches!(command.outstanding, Outstanding::ReturnSame { .. });
        let mut wanted: Vec<(Key, i64)> = Vec::new();
        for command in commands.iter().filter(asks) {
            let key = key(command);
            if let Some(held) = self.inquiries.get(&key) {
                if held.before.generations.of(command.purpose).has_links {
                    wanted.push((key, bits(held.before.epoch.get())));
                }
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(());
        }
        let (tenants, inquiries) = columns(wanted.iter().map(|(key, _)| key));
        let epochs: Vec<i64> = wanted.iter().map(|(_, epoch)| *epoch).collect();
        for row in on.rows(&on.sql.unused_of_many, &[&tenants, &inquiries, &epochs]).await? {
            let Some(link) = Columns::of(&row).link()? else { continue };
            if let Some(held) = self.inquiries.get_mut(&(link.tenant, link.inquiry)) {
                held.unused.insert(link.id, link);
            }
        }
        Ok(())
    }

    /// What a command comes to after those before it.
    fn decide(&mut self, command: &IssueLink) -> Result<IssueOutcome, Fault> {
        let key = key(command);
        let Some(held) = self.inquiries.get_mut(&key) else {
            return Ok(IssueOutcome::NotFound);
        };
        let parent = command.parent.and_then(|parent| self.parents.get(&(key, parent)));
        let issuance = issuance::issue(&held.after, parent, held.unused.values().rev(), command);
        if let Issuance::Create { link, .. } = &issuance {
            let named = self.names.insert((key, link.id));
            if !named || !self.digests.insert(*link.digest.as_bytes()) {
                return Ok(IssueOutcome::Taken);
            }
        }
        let kinds = issuance.change_inquiry(&mut held.after, command.now);
        let events = recorded(command.event, &held.after, command.now, kinds);
        self.events.extend(&held.after, &events);
        Ok(match issuance {
            Issuance::Create { link, .. } => {
                held.unused.insert(link.id, link.clone());
                self.new.push(link.clone());
                IssueOutcome::Issued { link, events }
            }
            Issuance::Reuse(id) => {
                let link = held.unused.get(&id).ok_or(Fault::Disagrees)?.clone();
                IssueOutcome::Reused { link, events }
            }
            Issuance::NotOpen { reason, .. } => IssueOutcome::NotOpen { reason, events },
            Issuance::SessionNotLive => IssueOutcome::SessionNotLive,
        })
    }

    /// Writes all of it, or nothing if a digest or an id is taken, and commits, in one round trip.
    async fn write(&self, on: Connection<'_>) -> Result<(), Fault> {
        let changed: Vec<&Held> = self.inquiries.values().filter(|held| held.before != held.after).collect();
        let links = Links::of(&self.new);
        let values = Values::of(changed.iter().map(|held| &held.after));
        let mut ended = Endings::default();
        for held in &changed {
            ended.extend(&held.before, &held.after);
        }
        let insert_links = on.ready(&on.sql.insert_links).await?;
        let update = on.ready(&on.sql.update_many).await?;
        let insert_endings = on.ready(&on.sql.insert_endings).await?;
        let insert_events = on.ready(&on.sql.insert_events).await?;
        let (new, params) = (links.params(), values.params());
        let (log, events) = (ended.params(), self.events.params());
        let has_events = on.outbox && !self.events.is_empty();
        let (made, updated, logged, told, committed) = join5(
            on.send_if(!self.new.is_empty(), &insert_links, &new),
            on.send_if(!values.is_empty(), &update, &params),
            on.send_if(!ended.is_empty(), &insert_endings, &log),
            on.send_if(has_events, &insert_events, &events),
            on.commit(),
        )
        .await;
        // A commit behind a statement that failed rolls back.
        made.and(updated).and(logged).and(told).and(committed)
    }
}

const fn key(command: &IssueLink) -> Key {
    (command.tenant, command.inquiry)
}

/// Links that are new, a vector for each column.
#[derive(Default)]
struct Links<'l> {
    tenants: Vec<&'l str>,
    inquiries: Vec<&'l str>,
    ids: Vec<Uuid>,
    purposes: Vec<&'static str>,
    parents: Vec<Option<Uuid>>,
    creators: Vec<Option<&'l str>>,
    digests: Vec<&'l [u8]>,
    keys: Vec<Option<i16>>,
    nonces: Vec<Option<&'l [u8]>>,
    epochs: Vec<i64>,
    generations: Vec<i64>,
    created_at: Vec<SystemTime>,
    expires_at: Vec<SystemTime>,
}

impl<'l> Links<'l> {
    fn of(links: &'l [LinkRecord]) -> Self {
        // In one order, so that two that look for taken digests do not wait for each other.
        let mut new: Vec<&LinkRecord> = links.iter().collect();
        new.sort_unstable_by_key(|link| link.digest.prefix());
        let mut columns = Self::default();
        for link in new {
            let derivation = link.derivation.as_ref();
            columns.tenants.push(link.tenant.as_str());
            columns.inquiries.push(link.inquiry.as_str());
            columns.ids.push(Uuid::from_u128(link.id.as_u128()));
            columns.purposes.push(link.purpose.as_str());
            columns.parents.push(link.parent.map(|parent| Uuid::from_u128(parent.as_u128())));
            columns.creators.push(link.creator.as_ref().map(Creator::as_str));
            columns.digests.push(&link.digest.as_bytes()[..]);
            columns.keys.push(derivation.map(|derivation| i16::from(derivation.key.get())));
            columns.nonces.push(derivation.map(|derivation| &derivation.nonce.as_bytes()[..]));
            columns.epochs.push(bits(link.epoch.get()));
            columns.generations.push(i64::from(link.generation));
            columns.created_at.push(system_time(link.created_at));
            columns.expires_at.push(system_time(link.expires_at));
        }
        columns
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 13] {
        [
            &self.tenants,
            &self.inquiries,
            &self.ids,
            &self.purposes,
            &self.parents,
            &self.creators,
            &self.digests,
            &self.keys,
            &self.nonces,
            &self.epochs,
            &self.generations,
            &self.created_at,
            &self.expires_at,
        ]
    }
}

/// What creating and redeeming links changes in inquiries, a vector for each column.
#[derive(Default)]
pub(crate) struct Values<'h> {
    tenants: Vec<&'h str>,
    ids: Vec<&'h str>,
    statuses: Vec<&'static str>,
    expired_at: Vec<Option<SystemTime>>,
    versions: Vec<i64>,
    epochs: Vec<i64>,
    resume: (Vec<i64>, Vec<bool>),
    device_handoff: (Vec<i64>, Vec<bool>),
    sessions_started: Vec<i64>,
    last_sequences: Vec<i64>,
    purge_from: Vec<Option<SystemTime>>,
}

impl<'h> Values<'h> {
    pub(crate) fn of(changed: impl Iterator<Item = &'h InquiryRecord>) -> Self {
        let mut values = Self::default();
        for record in changed {
            let InquiryRecord { tenant, inquiry, version, epoch, generations, .. } = record;
            values.tenants.push(tenant.as_str());
            values.ids.push(inquiry.id.as_str());
            values.statuses.push(inquiry.status.as_str());
            values.expired_at.push(inquiry.expired_at.map(system_time));
            values.versions.push(bits(*version));
            values.epochs.push(bits(epoch.get()));
            values.resume.0.push(i64::from(generations.resume.number));
            values.resume.1.push(generations.resume.has_links);
            values.device_handoff.0.push(i64::from(generations.device_handoff.number));
            values.device_handoff.1.push(generations.device_handoff.has_links);
            values.sessions_started.push(i64::from(record.sessions_started));
            values.last_sequences.push(bits(record.last_sequence));
            values.purge_from.push(inquiry.ended_at().map(system_time));
        }
        values
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(crate) fn params(&self) -> [&(dyn ToSql + Sync); 13] {
        [
            &self.tenants,
            &self.ids,
            &self.statuses,
            &self.expired_at,
            &self.versions,
            &self.epochs,
            &self.resume.0,
            &self.resume.1,
            &self.device_handoff.0,
            &self.device_handoff.1,
            &self.sessions_started,
            &self.last_sequences,
            &self.purge_from,
        ]
    }
}
