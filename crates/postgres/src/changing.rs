//! What is decided here, on rows that a transaction holds: creating and changing an inquiry, revoking, starting a session.

use std::time::SystemTime;

use futures_util::future::{join3, join4, join5};
use inquiry_otl::{
    EventKind, ExpirationPolicy, InquirySession, LinkId, Revocation, SessionId,
    event::Recorded,
    record::{InquiryRecord, SessionRecord},
    revocation::{self, Found, Revoke},
    session::{self, StartSession},
    store::{
        ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, RevokeOutcome, SessionStarted,
    },
};
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use crate::{
    attempt::recorded,
    attempts::Sessions,
    connection::Connection,
    fault::Fault,
    log::{Endings, Events},
    row::{Columns, bits, system_time},
};

/// Keeps a new inquiry, unless there is one of that id (S2): one statement.
pub(crate) async fn create_inquiry(
    on: Connection<'_>,
    command: CreateInquiry,
) -> Result<CreateOutcome, Fault> {
    let now = command.inquiry.created_at;
    let record = InquiryRecord::new(command.tenant, command.inquiry, command.first_epoch);
    let events = recorded(command.event, &record, now, [Some(EventKind::InquiryCreated), None]);
    let values = InquiryValues::of(&record);
    let event = Uuid::from_u128(command.event.as_u128());
    let mut params = values.params();
    params.extend([&event as &(dyn ToSql + Sync), &on.outbox]);
    let row = on.row(&on.sql.create, &params).await?;
    let made: i64 = match &row {
        Some(row) => Columns::of(row).take()?,
        None => 0,
    };
    Ok(if made == 1 { CreateOutcome::Created(events) } else { CreateOutcome::Exists })
}

/// Changes an inquiry, if its version is the one named (I3).
pub(crate) async fn change_inquiry(
    on: Connection<'_>,
    command: ChangeInquiry,
) -> Result<ChangeOutcome, Fault> {
    let key = InquiryKey { tenant: command.tenant, inquiry: command.step.inquiry.id };
    let Some(before) = hold(on, &key, None).await?.inquiry else {
        on.commit().await?;
        return Ok(ChangeOutcome::NotFound);
    };
    if before.version != command.if_version {
        on.commit().await?;
        return Ok(ChangeOutcome::Conflict);
    }
    let kinds = command.step.events;
    let mut after = before.clone();
    after.take(command.step);
    let events = recorded(command.event, &after, command.now, kinds);
    write(on, &before, &after, &events, None).await?;
    Ok(ChangeOutcome::Changed(events))
}

/// Revokes a link, a session, all links, or everything (L6).
pub(crate) async fn revoke(on: Connection<'_>, command: &Revoke) -> Result<RevokeOutcome, Fault> {
    let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
    let named = match command.target {
        Revocation::Link(id) => Some(Named::Link(id)),
        Revocation::Session(id) => Some(Named::Session(id)),
        Revocation::AllLinks | Revocation::Everything => None,
    };
    let held = hold(on, &key, named).await?;
    let Some(before) = held.inquiry else {
        on.commit().await?;
        return Ok(RevokeOutcome::NotFound(Recorded::none(command.event, command.now)));
    };
    let (mut link, mut session) = (held.link, held.session);
    let mut after = before.clone();
    let revoked = revocation::revoke(&mut after, link.as_mut(), session.as_mut(), command);
    let events = recorded(command.event, &after, command.now, revoked.events);
    let also = match (named, revoked.found) {
        (Some(Named::Link(id)), Found::Revoked) => Some(Also::RevokeLink(id, system_time(command.now))),
        (Some(Named::Session(id)), Found::Revoked) => Some(Also::RevokeSession(id, system_time(command.now))),
        _ => None,
    };
    write(on, &before, &after, &events, also).await?;
    Ok(match revoked.found {
        Found::Revoked => RevokeOutcome::Revoked(events),
        Found::Already => RevokeOutcome::Already(events),
        Found::Nothing => RevokeOutcome::NotFound(events),
    })
}

/// Starts a session without a link (D7, E6).
pub(crate) async fn start_session(
    on: Connection<'_>,
    command: &StartSession,
) -> Result<Option<SessionStarted>, Fault> {
    let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
    let Some(before) = hold(on, &key, None).await?.inquiry else {
        on.commit().await?;
        return Ok(None);
    };
    let start = session::start(&before, command);
    let mut after = before.clone();
    start.change_inquiry(&mut after);
    let events = recorded(command.event, &after, command.now, [start.event, None]);
    let also = start.session.as_ref().ok().cloned().map(Box::new).map(Also::Start);
    write(on, &before, &after, &events, also).await?;
    let session = start.session.map(|session| InquirySession::seen(&session, &after, command.now));
    Ok(Some(SessionStarted { session, inquiry: after.inquiry, events }))
}

/// What a revocation names beside the inquiry.
#[derive(Clone, Copy)]
enum Named {
    Link(LinkId),
    Session(SessionId),
}

/// What is written beside the inquiry.
enum Also {
    RevokeLink(LinkId, SystemTime),
    RevokeSession(SessionId, SystemTime),
    Start(Box<SessionRecord>),
}

/// The rows that a transaction holds.
struct Held {
    inquiry: Option<InquiryRecord>,
    link: Option<inquiry_otl::record::LinkRecord>,
    session: Option<SessionRecord>,
}

/// Begins a transaction and takes hold of the inquiry, then of the link or session, in one round trip.
async fn hold(on: Connection<'_>, key: &InquiryKey, named: Option<Named>) -> Result<Held, Fault> {
    let inquiry = on.ready(&on.sql.hold).await?;
    let ended = on.ready(&on.sql.ended_generation).await?;
    let (tenant, id) = (key.tenant.as_str(), key.inquiry.as_str());
    let mut held = Held { inquiry: None, link: None, session: None };
    let (rows, ended) = match named {
        None => {
            let (begun, rows, ended) =
                join3(on.begin(), on.send(&inquiry, &[&tenant, &id]), on.send(&ended, &[&tenant, &id])).await;
            begun?;
            (rows?, ended?)
        }
        Some(named) => {
            let (statement, named_id) = match named {
                Named::Link(link) => (&on.sql.held_link, link.as_u128()),
                Named::Session(session) => (&on.sql.held_session, session.as_u128()),
            };
            let statement = on.ready(statement).await?;
            let named_id = Uuid::from_u128(named_id);
            let (begun, rows, ended, others) = join4(
                on.begin(),
                on.send(&inquiry, &[&tenant, &id]),
                on.send(&ended, &[&tenant, &id]),
                on.send(&statement, &[&tenant, &id, &named_id]),
            )
            .await;
            begun?;
            let rows = rows?;
            if let Some(row) = others?.first() {
                match named {
                    Named::Link(_) => held.link = Columns::of(row).link()?,
                    Named::Session(_) => held.session = Columns::of(row).session()?,
                }
            }
            (rows, ended?)
        }
    };
    if let Some(row) = rows.first() {
        held.inquiry = Columns::of(row).inquiry()?;
    }
    if let (Some(record), Some(row)) = (&mut held.inquiry, ended.first()) {
        Columns::of(row).ending(&mut record.endings)?;
    }
    Ok(held)
}

/// Writes what changed and commits, in one round trip.
async fn write(
    on: Connection<'_>,
    before: &InquiryRecord,
    after: &InquiryRecord,
    events: &Recorded,
    also: Option<Also>,
) -> Result<(), Fault> {
    let (tenant, id) = (after.tenant.as_str(), after.inquiry.id.as_str());
    let values = InquiryValues::of(after);
    let ended = Endings::between(before, after);
    let told = Events::of(after, events);
    let update = on.ready(&on.sql.update_inquiry).await?;
    let insert_endings = on.ready(&on.sql.insert_endings).await?;
    let insert_events = on.ready(&on.sql.insert_events).await?;
    let other = match &also {
        None => None,
        Some(Also::RevokeLink(..)) => Some(on.ready(&on.sql.revoke_link).await?),
        Some(Also::RevokeSession(..)) => Some(on.ready(&on.sql.revoke_session).await?),
        Some(Also::Start(_)) => Some(on.ready(&on.sql.insert_sessions).await?),
    };
    let write_other = async {
        let Some(statement) = &other else { return Ok(Vec::new()) };
        match &also {
            Some(Also::RevokeLink(link, at)) => {
                on.send(statement, &[&tenant, &id, &Uuid::from_u128(link.as_u128()), at]).await
            }
            Some(Also::RevokeSession(session, at)) => {
                on.send(statement, &[&tenant, &id, &Uuid::from_u128(session.as_u128()), at]).await
            }
            Some(Also::Start(session)) => on.send(statement, &Sessions::of([&**session]).params()).await,
            None => Ok(Vec::new()),
        }
    };
    let (values, log, events) = (values.params(), ended.params(), told.params());
    let (inquiry, log, told, other, committed) = join5(
        on.send_if(before != after, &update, &values),
        on.send_if(!ended.is_empty(), &insert_endings, &log),
        on.send_if(on.outbox && !told.is_empty(), &insert_events, &events),
        write_other,
        on.commit(),
    )
    .await;
    // A commit behind a statement that failed rolls back.
    inquiry.and(log).and(told).and(other.map(drop)).and(committed)
}

/// The columns of an inquiry, and when a purge looks at it.
pub(crate) struct InquiryValues<'i> {
    tenant: &'i str,
    id: &'i str,
    template: &'i str,
    reference: Option<&'i str>,
    status: &'static str,
    policy: Json<ExpirationPolicy>,
    expires_at: SystemTime,
    created_at: SystemTime,
    instants: [Option<SystemTime>; 8],
    version: i64,
    epoch: i64,
    generations: [(i64, bool); 2],
    sessions_started: i64,
    last_sequence: i64,
    purge_from: Option<SystemTime>,
}

impl<'i> InquiryValues<'i> {
    pub(crate) fn of(record: &'i InquiryRecord) -> Self {
        let inquiry = &record.inquiry;
        Self {
            tenant: record.tenant.as_str(),
            id: inquiry.id.as_str(),
            template: inquiry.template.as_str(),
            reference: inquiry.reference.as_ref().map(inquiry_otl::ReferenceId::as_str),
            status: inquiry.status.as_str(),
            policy: Json(inquiry.policy),
            expires_at: system_time(inquiry.expires_at),
            created_at: system_time(inquiry.created_at),
            instants: [
                inquiry.started_at,
                inquiry.resumed_at,
                inquiry.completed_at,
                inquiry.failed_at,
                inquiry.expired_at,
                inquiry.marked_for_review_at,
                inquiry.decisioned_at,
                inquiry.redacted_at,
            ]
            .map(|at| at.map(system_time)),
            version: bits(record.version),
            epoch: bits(record.epoch.get()),
            generations: [record.generations.resume, record.generations.device_handoff]
                .map(|generation| (i64::from(generation.number), generation.has_links)),
            sessions_started: i64::from(record.sessions_started),
            last_sequence: bits(record.last_sequence),
            purge_from: inquiry.ended_at().map(system_time),
        }
    }

    pub(crate) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![
            &self.tenant,
            &self.id,
            &self.template,
            &self.reference,
            &self.status,
            &self.policy,
            &self.expires_at,
            &self.created_at,
        ];
        params.extend(self.instants.iter().map(|at| at as &(dyn ToSql + Sync)));
        params.extend([&self.version as &(dyn ToSql + Sync), &self.epoch]);
        for (number, has_links) in &self.generations {
            params.extend([number as &(dyn ToSql + Sync), has_links]);
        }
        params.extend([&self.sessions_started as &(dyn ToSql + Sync), &self.last_sequence, &self.purge_from]);
        params
    }
}
