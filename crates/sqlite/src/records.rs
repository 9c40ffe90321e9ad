//! What a connection that is in a transaction can read and write of links, sessions and events.

use inquiry_otl::{
    Creator, Digest, LinkId, SessionId, TenantId, Timestamp,
    event::Recorded,
    record::{InquiryRecord, LinkRecord, LinkState, SessionRecord},
    redemption::Subject,
    store::{InquiryKey, LinkName},
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, params};

use crate::{
    error::Fault,
    inquiries::Kept,
    rows::{self, Columns},
    sql::Sql,
    tables::Tables,
};

/// The records behind a connection, for as long as its transaction lasts.
pub(crate) struct Records<'c> {
    connection: &'c Connection,
    pub(crate) sql: &'c Sql,
    has_outbox: bool,
}

impl<'c> Records<'c> {
    pub(crate) fn new(connection: &'c Connection, tables: &'c Tables) -> Self {
        Self { connection, sql: tables.sql(), has_outbox: tables.has_outbox() }
    }

    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'c>, Fault> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// The row that a statement finds, if it finds one.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: fn(&mut Columns<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(|row| read(&mut Columns::new(row))).transpose()
    }

    /// The rows that a statement finds.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: fn(&mut Columns<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(params)?;
        let mut read_so_far = Vec::new();
        while let Some(row) = rows.next()? {
            read_so_far.push(read(&mut Columns::new(row))?);
        }
        Ok(read_so_far)
    }

    /// Whether a statement finds anything of that inquiry.
    pub(crate) fn any(&self, sql: &str, key: &InquiryKey) -> Result<bool, Fault> {
        let found: Option<i64> = self
            .prepare(sql)?
            .query_row([key.tenant.as_str(), key.inquiry.as_str()], |row| row.get(0))
            .optional()?;
        Ok(found.is_some())
    }

    /// Runs a statement on that inquiry.
    pub(crate) fn on_inquiry(&self, sql: &str, key: &InquiryKey) -> Result<(), Fault> {
        self.prepare(sql)?.execute([key.tenant.as_str(), key.inquiry.as_str()])?;
        Ok(())
    }

    /// Carries out a part of the transaction: what fails is undone, and fails alone. The outer fault is that the
    /// transaction cannot go on.
    pub(crate) fn whole<T>(
        &self,
        part: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<Result<T, Fault>, Fault> {
        self.prepare("SAVEPOINT otl")?.execute([])?;
        let done = part();
        match done {
            // The engine ended the transaction, and the savepoint with it.
            Err(fault) if self.connection.is_autocommit() => return Err(fault),
            Err(_) => self.prepare("ROLLBACK TO otl")?.execute([])?,
            Ok(_) => 0,
        };
        self.prepare("RELEASE otl")?.execute([])?;
        Ok(done)
    }

    /// Whether a transaction is open.
    pub(crate) fn is_in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// The link and its inquiry, by the digest of its code; the comparison of the whole digest decides (C3).
    pub(crate) fn link_by_digest(
        &self,
        tenant: &TenantId,
        digest: &Digest,
    ) -> Result<Option<(LinkRecord, Kept)>, Fault> {
        let found = self.one(&self.sql.link, params![digest.as_bytes()], |columns| {
            Ok((rows::link(columns)?, rows::inquiry(columns)?))
        })?;
        Ok(found.filter(|(link, _)| link.digest == *digest && link.tenant == *tenant))
    }

    /// The link of that inquiry and id.
    pub(crate) fn link_by_id(&self, key: &InquiryKey, id: LinkId) -> Result<Option<LinkRecord>, Fault> {
        let name = params![key.tenant.as_str(), key.inquiry.as_str(), bytes(id.as_u128())];
        self.one(&self.sql.link_by_id, name, rows::link)
    }

    /// The link of that name, and its inquiry without endings.
    pub(crate) fn link(
        &self,
        tenant: &TenantId,
        name: &LinkName,
    ) -> Result<Option<(LinkRecord, Kept)>, Fault> {
        match name {
            LinkName::Digest(digest) => self.link_by_digest(tenant, digest),
            LinkName::Id(inquiry, id) => {
                let key = InquiryKey { tenant: *tenant, inquiry: *inquiry };
                let Some(kept) = self.inquiry(&key)? else {
                    return Ok(None);
                };
                Ok(self.link_by_id(&key, *id)?.map(|link| (link, kept)))
            }
        }
    }

    /// Links with at most that id, the newest first.
    pub(crate) fn links(&self, key: &InquiryKey, from: u128, limit: u32) -> Result<Vec<LinkRecord>, Fault> {
        let page = params![key.tenant.as_str(), key.inquiry.as_str(), bytes(from), limit];
        self.all(&self.sql.links, page, rows::link)
    }

    /// Keeps a new link, unless its id or its digest is taken.
    pub(crate) fn insert_link(&self, link: &LinkRecord) -> Result<bool, Fault> {
        let inserted = self.prepare(&self.sql.insert_link)?.execute(params![
            link.digest.as_bytes(),
            link.tenant.as_str(),
            link.inquiry.as_str(),
            bytes(link.id.as_u128()),
            link.purpose.as_str(),
            link.parent.map(|session| bytes(session.as_u128())),
            link.creator.as_ref().map(Creator::as_str),
            link.derivation.map(|derivation| derivation.key.get()),
            link.derivation.map(|derivation| *derivation.nonce.as_bytes()),
            signed(link.epoch.get()),
            link.generation,
            link.created_at.unix_micros(),
            link.expires_at.unix_micros(),
        ])?;
        Ok(inserted == 1)
    }

    /// Writes what has become of a link.
    pub(crate) fn save_link(&self, link: &LinkRecord) -> Result<(), Fault> {
        let (state, used, lease) = match &link.state {
            LinkState::Unused => ("unused", None, None),
            LinkState::Claimed(lease) => ("claimed", None, Some(lease)),
            LinkState::Used(used) => ("used", Some(used), None),
        };
        let grace = used.and_then(|used| used.grace);
        let of_state = |of_lease: Option<Digest>, of_use: Option<Digest>| {
            of_lease.or(of_use).map(|digest| *digest.as_bytes())
        };
        self.prepare(&self.sql.save_link)?.execute(params![
            link.digest.as_bytes(),
            micros(link.revoked_at),
            state,
            of_state(lease.map(|lease| lease.token), used.and_then(|used| used.claim)),
            micros(lease.map(|lease| lease.until)),
            of_state(lease.and_then(|lease| lease.attempt), used.and_then(|used| used.attempt)),
            of_state(lease.and_then(|lease| lease.binding), used.and_then(|used| used.binding)),
            micros(used.map(|used| used.at)),
            used.map(|used| bytes(used.session.as_u128())),
            used.map(|used| used.replays),
            micros(grace.map(|grace| grace.until)),
            grace.map(|grace| grace.max_replays),
            grace.map(|grace| grace.clients.as_str()),
        ])?;
        Ok(())
    }

    pub(crate) fn session(&self, key: &InquiryKey, id: SessionId) -> Result<Option<SessionRecord>, Fault> {
        let name = params![key.tenant.as_str(), key.inquiry.as_str(), bytes(id.as_u128())];
        self.one(&self.sql.session, name, rows::session)
    }

    /// Sessions with at most that id, the newest first.
    pub(crate) fn sessions(
        &self,
        key: &InquiryKey,
        from: u128,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, Fault> {
        let page = params![key.tenant.as_str(), key.inquiry.as_str(), bytes(from), limit];
        self.all(&self.sql.sessions, page, rows::session)
    }

    /// The session that a link's first use started, and the session that made it.
    pub(crate) fn sessions_of(&self, link: &LinkRecord) -> Result<SessionsOfLink, Fault> {
        let key = InquiryKey { tenant: link.tenant, inquiry: link.inquiry };
        let started = match &link.state {
            LinkState::Used(used) => self.session(&key, used.session)?,
            LinkState::Unused | LinkState::Claimed(_) => None,
        };
        let parent = match link.parent {
            Some(parent) => self.session(&key, parent)?,
            None => None,
        };
        Ok(SessionsOfLink { started, parent })
    }

    pub(crate) fn insert_session(&self, session: &SessionRecord) -> Result<(), Fault> {
        self.prepare(&self.sql.insert_session)?.execute(params![
            session.tenant.as_str(),
            session.inquiry.as_str(),
            bytes(session.id.as_u128()),
            session.link.map(|link| bytes(link.as_u128())),
            signed(session.epoch.get()),
            session.started_at.unix_micros(),
            session.expires_at.unix_micros(),
            micros(session.revoked_at),
            tokens(session),
        ])?;
        Ok(())
    }

    /// Writes what has become of a session.
    pub(crate) fn save_session(&self, session: &SessionRecord) -> Result<(), Fault> {
        self.prepare(&self.sql.save_session)?.execute(params![
            session.tenant.as_str(),
            session.inquiry.as_str(),
            bytes(session.id.as_u128()),
            micros(session.revoked_at),
            tokens(session),
        ])?;
        Ok(())
    }

    /// Puts what happened into the outbox, if there is one (V1).
    pub(crate) fn insert_events(&self, key: &InquiryKey, recorded: &Recorded) -> Result<(), Fault> {
        if !self.has_outbox {
            return Ok(());
        }
        for event in recorded.events(key.tenant, key.inquiry) {
            let Some(columns) = event.kind.columns() else {
                continue;
            };
            self.prepare(&self.sql.insert_event)?.execute(params![
                bytes(event.id.as_u128()),
                key.tenant.as_str(),
                key.inquiry.as_str(),
                event.sequence.map(signed),
                event.at.unix_micros(),
                columns.name,
                columns.word,
                columns.link.map(|link| bytes(link.as_u128())),
                columns.session.map(|session| bytes(session.as_u128())),
                micros(columns.instant),
                columns.number,
            ])?;
        }
        Ok(())
    }
}

/// The sessions that a link is judged by.
#[derive(Debug)]
pub(crate) struct SessionsOfLink {
    pub(crate) started: Option<SessionRecord>,
    pub(crate) parent: Option<SessionRecord>,
}

impl SessionsOfLink {
    pub(crate) fn subject<'a>(&'a self, link: &'a LinkRecord, inquiry: &'a InquiryRecord) -> Subject<'a> {
        Subject { link, inquiry, session: self.started.as_ref(), parent: self.parent.as_ref() }
    }
}

/// The 16 bytes of an id: they sort as ids do.
pub(crate) const fn bytes(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

/// An instant as the engine keeps it.
pub(crate) fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::unix_micros)
}

/// A counter as the engine keeps it: bit by bit.
pub(crate) const fn signed(counter: u64) -> i64 {
    i64::from_ne_bytes(counter.to_ne_bytes())
}

/// The tokens of a session, one after the other, the newest first.
fn tokens(session: &SessionRecord) -> Vec<u8> {
    session.tokens.iter().flat_map(|digest| *digest.as_bytes()).collect()
}
