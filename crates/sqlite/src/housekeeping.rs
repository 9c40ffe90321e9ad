//! Sweep and purge (I6, S3): a few records in each transaction, so that nobody waits long behind them.
//!
//! A record that cannot be read fails alone: it is left out, the others go on, and the fault is told in the end.

use inquiry_otl::{
    Digest, Event, Expiry, InquiryId, Retry, SessionId, StoreError, TenantId, Timestamp,
    event::EventKind,
    record::{LinkRecord, LinkState, SessionRecord},
    store::{Housekeeping, InquiryKey, Purge, Purged, Sweep, Swept},
};
use rusqlite::params;

use crate::{
    error::{Fault, Stage, Unreadable},
    inquiries::Kept,
    records::{Records, bytes},
    rows,
    store::SqliteStore,
};

/// How many records one transaction takes: so long does a redemption wait.
const BATCH: u32 = 32;

/// How many records a purge may look at for each that it may remove: what is held costs a look.
const LOOKS: u32 = 8;

/// How long a purge leaves a record alone that it could not read.
const DAY: i64 = 86_400_000_000;

impl Housekeeping for SqliteStore {
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let mut unreadable = None;
        let mut behind = None;
        loop {
            let done = u32::try_from(swept.events.len()).unwrap_or(u32::MAX);
            let left = command.limit.saturating_sub(done);
            if left == 0 {
                swept.more = true;
                break;
            }
            let rest = Sweep { limit: left.min(BATCH), event: command.event.nth(done), ..command };
            let batch = self.write(Retry::Safe, move |records| records.sweep_some(&rest, behind)).await?;
            swept.events.extend(batch.events);
            unreadable = unreadable.or(batch.unreadable);
            behind = batch.last;
            if behind.is_none() {
                break;
            }
        }
        match unreadable {
            // Those that were announced must not be lost over one that cannot be; the next sweep tells of it.
            Some(unreadable) if swept.events.is_empty() => Err(Fault::from(unreadable).at(Stage::Undone)),
            _ => Ok(swept),
        }
    }

    async fn purge(&self, command: Purge) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        let mut unreadable = None;
        let mut left = command.limit;
        let mut looks = command.limit.saturating_mul(LOOKS);
        for kind in [Old::Links, Old::Sessions, Old::Inquiries] {
            let Some(horizon) = kind.horizon(&command) else {
                continue;
            };
            let mut more = true;
            while more {
                let size = left.min(looks).min(BATCH);
                if size == 0 {
                    purged.more = true;
                    break;
                }
                let batch =
                    self.write(Retry::Safe, move |records| records.purge_some(kind, &command, horizon, size));
                let Batch { looked, removed, unreadable: new } = batch.await?;
                left = left.saturating_sub(removed);
                looks = looks.saturating_sub(looked);
                unreadable = unreadable.or(new);
                let count = match kind {
                    Old::Links => &mut purged.links,
                    Old::Sessions => &mut purged.sessions,
                    Old::Inquiries => &mut purged.inquiries,
                };
                *count = count.saturating_add(removed.into());
                more = looked == size;
            }
        }
        unreadable.map_or(Ok(purged), |unreadable| Err(Fault::from(unreadable).at(Stage::Undone)))
    }
}

/// What a purge removes, in this order.
#[derive(Clone, Copy, Debug)]
enum Old {
    Links,
    Sessions,
    Inquiries,
}

impl Old {
    /// What is kept from this instant or an earlier one is past keeping; nothing is, if 1970 is too late.
    fn horizon(self, command: &Purge) -> Option<Timestamp> {
        let retention = match self {
            Self::Links | Self::Sessions => command.retention,
            Self::Inquiries => command.inquiry_retention?,
        };
        let horizon = command.now.minus(retention);
        (horizon.plus(retention) == command.now).then_some(horizon)
    }
}

/// What one transaction of a purge came to.
#[derive(Default)]
struct Batch {
    looked: u32,
    removed: u32,
    unreadable: Option<Unreadable>,
}

/// What one transaction of a sweep came to.
struct SweptSome {
    events: Vec<Event>,
    /// The last one that was looked at, if there may be more behind it.
    last: Option<(Timestamp, InquiryKey)>,
    unreadable: Option<Unreadable>,
}

impl Records<'_> {
    /// Expires inquiries past their deadline, oldest first, behind the one that was looked at last.
    fn sweep_some(
        &self,
        command: &Sweep,
        behind: Option<(Timestamp, InquiryKey)>,
    ) -> Result<SweptSome, Fault> {
        let (after, tenant, id) = match &behind {
            Some((deadline, key)) => (deadline.unix_micros(), key.tenant.as_str(), key.inquiry.as_str()),
            None => (-1, "", ""),
        };
        let page = params![command.now.unix_micros(), after, tenant, id, command.limit];
        let due = self.all(&self.sql.lapsed, page, |columns| {
            let (tenant, inquiry) = (columns.read::<TenantId>()?, columns.read::<InquiryId>()?);
            Ok((columns.read::<Timestamp>()?, InquiryKey { tenant, inquiry }))
        })?;
        let is_last = due.len() < command.limit as usize;
        let mut swept = SweptSome {
            events: Vec::with_capacity(due.len()),
            last: due.last().copied().filter(|_| !is_last),
            unreadable: None,
        };
        for (deadline, key) in due {
            match self.whole(|| self.sweep_one(command, &key, deadline, swept.events.len()))? {
                Ok(event) => swept.events.extend(event),
                Err(Fault::Unreadable(unreadable)) => swept.unreadable = Some(unreadable),
                Err(fault) => return Err(fault),
            }
        }
        Ok(swept)
    }

    fn sweep_one(
        &self,
        command: &Sweep,
        key: &InquiryKey,
        deadline: Timestamp,
        n: usize,
    ) -> Result<Option<Event>, Fault> {
        let Some(mut kept) = self.inquiry(key)? else {
            return Ok(None);
        };
        self.read_any_ended_generation(&mut kept)?;
        kept.record.expire(Expiry::Deadline, deadline);
        kept.record.last_sequence = kept.record.last_sequence.wrapping_add(1);
        let first = command.event.nth(u32::try_from(n).unwrap_or(u32::MAX));
        let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: deadline };
        let recorded = self.save_inquiry(&mut kept, None, first, command.now, [Some(kind), None])?;
        Ok(recorded.events(key.tenant, key.inquiry).next())
    }

    /// Removes what is past keeping, oldest first; what is held is put off, so that it does not stand in the way.
    fn purge_some(&self, kind: Old, command: &Purge, horizon: Timestamp, size: u32) -> Result<Batch, Fault> {
        let page = params![horizon.unix_micros(), size];
        let later = horizon.unix_micros().saturating_add(DAY);
        let mut batch = Batch::default();
        match kind {
            Old::Links => {
                for digest in self.all(&self.sql.old_links, page, rows::only::<Digest>)? {
                    let put_off = || self.put_off_link(&digest, later);
                    self.purge_one(&mut batch, || self.purge_link(&digest, command), put_off)?;
                }
            }
            Old::Sessions => {
                let old = self.all(&self.sql.old_sessions, page, |columns| {
                    let (tenant, inquiry) = (columns.read()?, columns.read()?);
                    Ok((InquiryKey { tenant, inquiry }, columns.read()?))
                })?;
                for (key, id) in old {
                    let put_off = || self.put_off_session(&key, id, later);
                    self.purge_one(&mut batch, || self.purge_session(&key, id, horizon), put_off)?;
                }
            }
            Old::Inquiries => {
                let old = self.all(&self.sql.old_inquiries, page, |columns| {
                    Ok(InquiryKey { tenant: columns.read()?, inquiry: columns.read()? })
                })?;
                for key in old {
                    let put_off = || self.on_inquiry(&self.sql.put_off_inquiry, &key);
                    self.purge_one(&mut batch, || self.purge_inquiry(&key), put_off)?;
                }
            }
        }
        Ok(batch)
    }

    /// Looks at one record, by itself.
    fn purge_one(
        &self,
        batch: &mut Batch,
        purge: impl FnOnce() -> Result<bool, Fault>,
        put_off: impl FnOnce() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        batch.looked = batch.looked.saturating_add(1);
        match self.whole(purge)? {
            Ok(removed) => batch.removed = batch.removed.saturating_add(removed.into()),
            Err(Fault::Unreadable(unreadable)) => {
                put_off()?;
                batch.unreadable = Some(unreadable);
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Removes a link whose retention has run, unless something holds it; then it is due when that is over.
    fn purge_link(&self, digest: &Digest, command: &Purge) -> Result<bool, Fault> {
        let found = self.one(&self.sql.link, params![digest.as_bytes()], |columns| {
            Ok((rows::link(columns)?, rows::inquiry(columns)?))
        })?;
        let Some((link, mut kept)) = found else {
            // Without an inquiry it leads nowhere.
            self.delete_link(digest)?;
            return Ok(true);
        };
        let session = self.sessions_of(&link)?.started;
        if let Some(until) = held_until(&link, session.as_ref(), &kept, command) {
            // The horizon will then be as far behind as it is now.
            self.put_off_link(digest, until.minus(command.retention).unix_micros())?;
            return Ok(false);
        }
        self.delete_link(digest)?;
        self.uncount_link(&mut kept, &link)?;
        self.file_inquiry(&InquiryKey { tenant: link.tenant, inquiry: link.inquiry })?;
        Ok(true)
    }

    /// Removes a session whose retention has run, unless a kept link was made by it; then it is due with that link.
    fn purge_session(&self, key: &InquiryKey, id: SessionId, horizon: Timestamp) -> Result<bool, Fault> {
        let session = params![key.tenant.as_str(), key.inquiry.as_str(), bytes(id.as_u128())];
        if let Some(until) = self.one(&self.sql.children_kept_until, session, rows::only::<i64>)? {
            self.put_off_session(key, id, until.max(horizon.unix_micros().saturating_add(1)))?;
            return Ok(false);
        }
        self.prepare(&self.sql.delete_session)?.execute(session)?;
        self.file_inquiry(key)?;
        Ok(true)
    }

    /// Removes an inquiry whose retention has run, unless something of it is left; then that files it again.
    fn purge_inquiry(&self, key: &InquiryKey) -> Result<bool, Fault> {
        for left in [&self.sql.any_link, &self.sql.any_session, &self.sql.any_event] {
            if self.any(left, key)? {
                self.on_inquiry(&self.sql.put_off_inquiry, key)?;
                return Ok(false);
            }
        }
        self.on_inquiry(&self.sql.forget_endings, key)?;
        self.on_inquiry(&self.sql.delete_inquiry, key)?;
        Ok(true)
    }

    /// Removes a link; from now on the session that it started may be removed, too.
    fn delete_link(&self, digest: &Digest) -> Result<(), Fault> {
        self.prepare(&self.sql.file_session)?.execute(params![digest.as_bytes()])?;
        self.prepare(&self.sql.delete_link)?.execute(params![digest.as_bytes()])?;
        Ok(())
    }

    fn put_off_link(&self, digest: &Digest, until: i64) -> Result<(), Fault> {
        self.prepare(&self.sql.put_off_link)?.execute(params![digest.as_bytes(), until])?;
        Ok(())
    }

    fn put_off_session(&self, key: &InquiryKey, id: SessionId, until: i64) -> Result<(), Fault> {
        let name = params![key.tenant.as_str(), key.inquiry.as_str(), bytes(id.as_u128()), until];
        self.prepare(&self.sql.put_off_session)?.execute(name)?;
        Ok(())
    }

    /// Has a purge look at an inquiry again that it put off: something of it is gone.
    pub(crate) fn file_inquiry(&self, key: &InquiryKey) -> Result<(), Fault> {
        self.on_inquiry(&self.sql.file_inquiry, key)
    }
}

/// Until when a lease, a grace, a repeat or a live session holds a link whose retention has run (S3).
fn held_until(
    link: &LinkRecord,
    session: Option<&SessionRecord>,
    kept: &Kept,
    command: &Purge,
) -> Option<Timestamp> {
    let now = command.now;
    let later = |until: Timestamp| (now < until).then_some(until);
    let held = match &link.state {
        LinkState::Unused => None,
        LinkState::Claimed(lease) => later(lease.until),
        LinkState::Used(used) => {
            let grace = used.grace.and_then(|grace| later(grace.until));
            // D6: the window runs as long after the first use as `repeats_after` lies behind now.
            let window = now.unix_micros().saturating_sub(command.repeats_after.unix_micros());
            let end = used.at.unix_micros().saturating_add(window);
            let repeat = later(Timestamp::from_unix_micros(end).unwrap_or(Timestamp::MAX));
            grace.max(repeat)
        }
    };
    let session = session.filter(|session| session.is_live(&kept.record, now));
    held.max(session.map(|session| session.expires_at))
}
