//! Many redemptions in one transaction: the inquiries are held, each attempt is decided by the rules after those before it, and
//! what they come to is written at once. Only what expires an inquiry goes by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use futures_util::future::{join, join3, join5};
use inquiry_otl::{
    SessionId, TenantId,
    record::{InquiryRecord, LinkRecord, LinkState, SessionRecord},
    redemption::{self, InquiryChange, LinkChange, Redeem, SessionChange, Subject, Verdict},
    store::Attempted,
};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    attempt::{attempted, recorded, tokens},
    bulk::Values,
    connection::Connection,
    fault::Fault,
    log::Events,
    row::{Columns, Key, bits, columns, system_time},
};

/// What an attempt came to: nothing, if there is no such link.
type Outcome = Option<Attempted>;

/// Redeems or claims links, all in one transaction (D1 to D7); no outcome for those that must go by themselves.
pub(crate) async fn redeem(on: Connection<'_>, commands: &[Redeem]) -> Result<Vec<Option<Outcome>>, Fault> {
    let mut batch = Batch::hold(on, commands).await?;
    let outcomes = commands.iter().map(|command| batch.decide(command)).collect();
    batch.write(on).await?;
    Ok(outcomes)
}

type Name<'c> = (TenantId, &'c [u8; 32]);
/// The links of some commands, and their inquiries, which a transaction holds.
#[derive(Default)]
struct Batch<'c> {
    links: BTreeMap<Name<'c>, Held>,
    inquiries: BTreeMap<Key, Counted>,
    events: Events,
}

/// An inquiry, and whether its counters changed.
struct Counted {
    record: InquiryRecord,
    changed: bool,
}

struct Held {
    link: LinkRecord,
    /// The session of its first use.
    session: Option<SessionRecord>,
    /// The session that made it.
    parent: Option<SessionRecord>,
    link_changed: bool,
    session_change: Session,
}

/// What became of the session of a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Session {
    Same,
    Started,
    /// It has more tokens.
    Changed,
}

impl<'c> Batch<'c> {
    async fn hold(on: Connection<'_>, commands: &'c [Redeem]) -> Result<Self, Fault> {
        let mut names: Vec<Name<'c>> =
            commands.iter().map(|command| (command.tenant, command.digest.as_bytes())).collect();
        names.sort_unstable();
        names.dedup();
        let tenants: Vec<&str> = names.iter().map(|(tenant, _)| tenant.as_str()).collect();
        let digests: Vec<&[u8]> = names.iter().map(|(_, digest)| &digest[..]).collect();
        let inquiries = on.ready(&on.sql.hold_by_digests).await?;
        let links = on.ready(&on.sql.links_by_digests).await?;
        let (begun, inquiries, links) = join3(
            on.begin(),
            on.send(&inquiries, &[&tenants, &digests]),
            // A statement of its own behind the hold: it sees what was committed while that waited.
            on.send(&links, &[&tenants, &digests]),
        )
        .await;
        begun?;
        let mut batch = Self::default();
        for row in inquiries? {
            if let Some(inquiry) = Columns::of(&row).inquiry()? {
                let key = (inquiry.tenant, inquiry.inquiry.id);
                batch.inquiries.insert(key, Counted { record: inquiry, changed: false });
            }
        }
        for row in links? {
            let mut columns = Columns::of(&row);
            let place: i64 = columns.take()?;
            let name = usize::try_from(place).ok().and_then(|place| names.get(place.checked_sub(1)?));
            if let (Some(name), Some(link)) = (name, columns.link()?) {
                let held = Held {
                    link,
                    session: None,
                    parent: None,
                    link_changed: false,
                    session_change: Session::Same,
                };
                batch.links.insert(*name, held);
            }
        }
        batch.load_more(on).await?;
        Ok(batch)
    }

    /// The sessions and endings by which links are judged that were used, handed off, superseded or ended: another round trip, if
    /// there are any.
    async fn load_more(&mut self, on: Connection<'_>) -> Result<(), Fault> {
        let (mut sessions, mut endings) = (BTreeSet::new(), BTreeSet::new());
        for Held { link, .. } in self.links.values() {
            let key = (link.tenant, link.inquiry);
            sessions.extend(session_of(link).into_iter().chain(link.parent).map(|id| (key, id)));
            let Some(Counted { record, .. }) = self.inquiries.get(&key) else { continue };
            if link.epoch != record.epoch {
                endings.insert((key, "epoch", bits(link.epoch.get())));
            }
            if link.generation != record.generations.of(link.purpose).number {
                endings.insert((key, link.purpose.as_str(), i64::from(link.generation)));
            }
        }
        if sessions.is_empty() && endings.is_empty() {
            return Ok(());
        }
        let (of_sessions, of_endings) =
            (columns(sessions.iter().map(|(key, _)| key)), columns(endings.iter().map(|(key, ..)| key)));
        let ids: Vec<Uuid> = sessions.iter().map(|(_, id)| Uuid::from_u128(id.as_u128())).collect();
        let kinds: Vec<&str> = endings.iter().map(|(_, kind, _)| *kind).collect();
        let numbers: Vec<i64> = endings.iter().map(|(.., number)| *number).collect();
        let read_sessions = on.ready(&on.sql.sessions_of_many).await?;
        let read_endings = on.ready(&on.sql.endings_of_many).await?;
        let (found, ended) = join(
            on.send(&read_sessions, &[&of_sessions.0, &of_sessions.1, &ids]),
            on.send(&read_endings, &[&of_endings.0, &of_endings.1, &kinds, &numbers]),
        )
        .await;
        let mut records = BTreeMap::new();
        for row in found? {
            if let Some(session) = Columns::of(&row).session()? {
                records.insert(((session.tenant, session.inquiry), session.id), session);
            }
        }
        for row in ended? {
            let mut columns = Columns::of(&row);
            let key = (columns.parsed()?, columns.parsed()?);
            if let Some(counted) = self.inquiries.get_mut(&key) {
                columns.ending(&mut counted.record.endings)?;
            }
        }
        for held in self.links.values_mut() {
            let key = (held.link.tenant, held.link.inquiry);
            let record = |id| records.get(&(key, id)).cloned();
            held.session = session_of(&held.link).and_then(record);
            held.parent = held.link.parent.and_then(record);
        }
        Ok(())
    }

    /// What an attempt comes to after those before it.
    fn decide(&mut self, command: &'c Redeem) -> Option<Outcome> {
        let Some(held) = self.links.get_mut(&(command.tenant, command.digest.as_bytes())) else {
            return Some(None);
        };
        let Some(counted) = self.inquiries.get_mut(&(held.link.tenant, held.link.inquiry)) else {
            // It came behind the hold.
            return None;
        };
        let inquiry = &mut counted.record;
        let subject = Subject {
            link: &held.link,
            inquiry,
            session: held.session.as_ref(),
            parent: held.parent.as_ref(),
        };
        let decision = redemption::redeem(&subject, command);
        if matches!(decision.inquiry, InquiryChange::Expire { .. }) {
            return None;
        }
        decision.change_inquiry(inquiry);
        counted.changed |= decision.inquiry != InquiryChange::None || decision.event.is_some();
        if decision.link != LinkChange::None {
            decision.change_link(&mut held.link);
            held.link_changed = true;
        }
        match (&decision.session, &mut held.session) {
            (SessionChange::Start(started), session) => {
                *session = Some(started.clone());
                held.session_change = Session::Started;
            }
            (SessionChange::Token(token), Some(session)) => {
                session.tokens.push(*token);
                if held.session_change == Session::Same {
                    held.session_change = Session::Changed;
                }
            }
            (SessionChange::Token(_) | SessionChange::None, _) => {}
        }
        let session = match decision.verdict {
            Verdict::FirstUse | Verdict::Repeat | Verdict::Replay { .. } => held.session.clone(),
            Verdict::Claimed | Verdict::Busy { .. } | Verdict::Refused(_) => None,
        };
        let events = recorded(command.event, inquiry, command.now, [decision.event, None]);
        self.events.extend(inquiry, &events);
        Some(Some(attempted(&decision, &held.link, inquiry, session, command.now, events)))
    }

    /// Writes what changed, and commits, in one round trip.
    async fn write(&self, on: Connection<'_>) -> Result<(), Fault> {
        let sessions = |change| {
            let held = self.links.values().filter(move |held| held.session_change == change);
            Sessions::of(held.filter_map(|held| held.session.as_ref()))
        };
        let (started, changed) = (sessions(Session::Started), sessions(Session::Changed));
        let links = Links::of(self.links.values().filter(|held| held.link_changed).map(|held| &held.link));
        let counted = self.inquiries.values().filter(|counted| counted.changed);
        let inquiries = Values::of(counted.map(|counted| &counted.record));
        let insert_sessions = on.ready(&on.sql.insert_sessions).await?;
        let update_tokens = on.ready(&on.sql.update_tokens).await?;
        let update_links = on.ready(&on.sql.update_links).await?;
        let update_inquiries = on.ready(&on.sql.update_many).await?;
        let insert_events = on.ready(&on.sql.insert_events).await?;
        let (some, more, tokens) = (links.params(), inquiries.params(), changed.tokens());
        let new = started.params();
        let events = self.events.params();
        let has_events = on.outbox && !self.events.is_empty();
        let (sent, committed) = join(
            join5(
                on.send_if(!started.ids.is_empty(), &insert_sessions, &new),
                on.send_if(!changed.ids.is_empty(), &update_tokens, &tokens),
                on.send_if(!links.ids.is_empty(), &update_links, &some),
                on.send_if(!inquiries.is_empty(), &update_inquiries, &more),
                on.send_if(has_events, &insert_events, &events),
            ),
            on.commit(),
        )
        .await;
        sent.0.and(sent.1).and(sent.2).and(sent.3).and(sent.4)?;
        committed
    }
}

/// The session of a link's first use.
fn session_of(link: &LinkRecord) -> Option<SessionId> {
    match &link.state {
        LinkState::Used(used) => Some(used.session),
        LinkState::Unused | LinkState::Claimed(_) => None,
    }
}

/// Sessions, a vector for each column.
#[derive(Default)]
pub(crate) struct Sessions<'s> {
    tenants: Vec<&'s str>,
    inquiries: Vec<&'s str>,
    ids: Vec<Uuid>,
    links: Vec<Option<Uuid>>,
    epochs: Vec<i64>,
    started_at: Vec<SystemTime>,
    expires_at: Vec<SystemTime>,
    tokens: Vec<Vec<u8>>,
}

impl<'s> Sessions<'s> {
    pub(crate) fn of(sessions: impl IntoIterator<Item = &'s SessionRecord>) -> Self {
        let mut columns = Self::default();
        for session in sessions {
            columns.tenants.push(session.tenant.as_str());
            columns.inquiries.push(session.inquiry.as_str());
            columns.ids.push(Uuid::from_u128(session.id.as_u128()));
            columns.links.push(session.link.map(|link| Uuid::from_u128(link.as_u128())));
            columns.epochs.push(bits(session.epoch.get()));
            columns.started_at.push(system_time(session.started_at));
            columns.expires_at.push(system_time(session.expires_at));
            columns.tokens.push(tokens(&session.tokens));
        }
        columns
    }

    pub(crate) fn params(&self) -> [&(dyn ToSql + Sync); 8] {
        [
            &self.tenants,
            &self.inquiries,
            &self.ids,
            &self.links,
            &self.epochs,
            &self.started_at,
            &self.expires_at,
            &self.tokens,
        ]
    }

    /// What is changed in sessions that are there.
    fn tokens(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.tenants, &self.inquiries, &self.ids, &self.tokens]
    }
}

/// What attempts change in links, a vector for each column.
#[derive(Default)]
struct Links<'l> {
    tenants: Vec<&'l str>,
    inquiries: Vec<&'l str>,
    ids: Vec<Uuid>,
    expires_at: Vec<SystemTime>,
    claims: Vec<Option<&'l [u8]>>,
    lease_until: Vec<Option<SystemTime>>,
    used_at: Vec<Option<SystemTime>>,
    sessions: Vec<Option<Uuid>>,
    replays: Vec<i64>,
    grace_until: Vec<Option<SystemTime>>,
    grace_max_replays: Vec<Option<i64>>,
    grace_clients: Vec<Option<&'static str>>,
    attempts: Vec<Option<&'l [u8]>>,
    bindings: Vec<Option<&'l [u8]>>,
}

impl<'l> Links<'l> {
    fn of(links: impl Iterator<Item = &'l LinkRecord>) -> Self {
        let mut columns = Self::default();
        for link in links {
            columns.tenants.push(link.tenant.as_str());
            columns.inquiries.push(link.inquiry.as_str());
            columns.ids.push(Uuid::from_u128(link.id.as_u128()));
            columns.expires_at.push(system_time(link.expires_at));
            let (lease, used) = match &link.state {
                LinkState::Unused => (None, None),
                LinkState::Claimed(lease) => (Some(lease), None),
                LinkState::Used(used) => (None, Some(used)),
            };
            let claim = lease.map(|lease| &lease.token).or(used.and_then(|used| used.claim.as_ref()));
            let attempt = lease
                .map_or_else(|| used.and_then(|used| used.attempt.as_ref()), |lease| lease.attempt.as_ref());
            let binding = lease
                .map_or_else(|| used.and_then(|used| used.binding.as_ref()), |lease| lease.binding.as_ref());
            let grace = used.and_then(|used| used.grace);
            columns.claims.push(claim.map(|digest| &digest.as_bytes()[..]));
            columns.lease_until.push(lease.map(|lease| system_time(lease.until)));
            columns.used_at.push(used.map(|used| system_time(used.at)));
            columns.sessions.push(used.map(|used| Uuid::from_u128(used.session.as_u128())));
            columns.replays.push(used.map_or(0, |used| i64::from(used.replays)));
            columns.grace_until.push(grace.map(|grace| system_time(grace.until)));
            columns.grace_max_replays.push(grace.map(|grace| i64::from(grace.max_replays)));
            columns.grace_clients.push(grace.map(|grace| grace.clients.as_str()));
            columns.attempts.push(attempt.map(|digest| &digest.as_bytes()[..]));
            columns.bindings.push(binding.map(|digest| &digest.as_bytes()[..]));
        }
        columns
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 14] {
        [
            &self.tenants,
            &self.inquiries,
            &self.ids,
            &self.expires_at,
            &self.claims,
            &self.lease_until,
            &self.used_at,
            &self.sessions,
            &self.replays,
            &self.grace_until,
            &self.grace_max_replays,
            &self.grace_clients,
            &self.attempts,
            &self.bindings,
        ]
    }
}
