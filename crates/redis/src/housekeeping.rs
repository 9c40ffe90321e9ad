//! What an operator asks: sweep and purge, over all partitions (I6, S3).

use std::sync::atomic::Ordering;

use futures_util::{StreamExt, TryStreamExt, stream};
use inquiry_otl::{
    Event, EventKind, Expiry, Interval, StoreError, Timestamp,
    store::{Housekeeping, Purge, Purged, Sweep, Swept},
};
use redis::Value;

use crate::{
    connection::Call,
    fault::{Effect, corrupt},
    fields::{digits, instant, items, number, text, word},
    keys::PARTITIONS,
    record,
    script::{self, Script},
    store::RedisStore,
};

/// How many records one script may change: nobody else is served meanwhile.
const BATCH: u32 = 100;
/// Records that are looked at for each that may be removed: what is held is put off, and costs a look.
const LOOKS: u32 = 8;
/// How many nodes' answers a cluster is waited for at a time.
const AT_A_TIME: usize = 32;

/// A run of partitions that one script looks at.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u16,
    count: u16,
}

impl RedisStore {
    /// The partitions, beginning where the last round ended. One script of a single server looks at all of them, at the cost
    /// of an empty index each. A cluster's are asked first whether there is anything to do, all at the same time.
    async fn spans(&self, round: usize, peek: impl Fn(Span) -> Call) -> Result<Vec<Span>, StoreError> {
        let first = self.next.get(round).map_or(0, |next| next.load(Ordering::Relaxed));
        if !self.connection.is_cluster() {
            return Ok(vec![Span { first, count: PARTITIONS }]);
        }
        let spans = (0..PARTITIONS).map(|step| {
            let span = Span {
                first: first.wrapping_add(step).checked_rem(PARTITIONS).unwrap_or_default(),
                count: 1,
            };
            let call = peek(span);
            async move { Ok::<_, StoreError>((span, has_work(&self.connection.read(call).await?)?)) }
        });
        let asked: Vec<_> = stream::iter(spans).buffered(AT_A_TIME).try_collect().await?;
        Ok(asked.into_iter().filter_map(|(span, work)| work.then_some(span)).collect())
    }

    /// Keeps in mind where the next round begins.
    fn begin_next(&self, round: usize, partition: u64) {
        if let (Some(next), Ok(partition)) = (self.next.get(round), u16::try_from(partition)) {
            next.store(partition, Ordering::Relaxed);
        }
    }

    fn span_call(&self, script: &'static Script, effect: Effect, span: Span) -> Call {
        let base = self.keys.base(span.first);
        let indexes = ["sweep", "ended", "old-links", "old-sessions", "outbox", "gone"];
        let mut keys: Vec<_> = indexes.iter().map(|index| base.clone() + index).collect();
        if !self.connection.is_cluster() {
            keys.truncate(1);
        }
        Call::new(script, effect, &keys).arg(self.keys.prefix()).arg(span.first).arg(span.count)
    }

    fn sweep_call(&self, span: Span, command: &Sweep, limit: u32, done: u32) -> Call {
        let mut call =
            self.span_call(&script::SWEEP, Effect::Write, span).arg(limit).arg(digits(command.now));
        if self.outbox {
            for number in 0..limit {
                call = call.arg(self.event(command.event, done.saturating_add(number)));
            }
        }
        call
    }

    fn purge_call(&self, span: Span, command: &Purge, limit: u32, looks: u32) -> Call {
        let window = command.now.since(command.repeats_after);
        let window = window.as_secs().saturating_add(u64::from(0 < window.subsec_nanos()));
        // To purge again does no harm.
        self.span_call(&script::PURGE, Effect::None, span)
            .arg(limit)
            .arg(looks)
            .arg(digits(command.now))
            .arg(horizon(command.now, command.retention))
            .arg(command.retention.seconds())
            .arg(command.inquiry_retention.map(|kept| horizon(command.now, kept)).unwrap_or_default())
            .arg(digits(command.repeats_after))
            .arg(window)
            .arg(if self.connection.is_cluster() { "cluster" } else { "" })
    }

    /// Removes the look-ups of links that a purge removed; what it does not get to, the next one finds.
    async fn forget(&self, span: Span, gone: &Value) -> Result<(), StoreError> {
        let mut forgotten = redis::cmd("SREM");
        let key = self.keys.base(span.first) + "gone";
        forgotten.arg(&key);
        let mut calls = Vec::new();
        for member in items(gone)?.iter().filter_map(text) {
            let (digest, place) = member.split_once('/').ok_or_else(|| corrupt("gone"))?;
            let lookup = self.keys.lookup_of(digest);
            calls.push(Call::new(&script::FORGET, Effect::None, &[lookup]).arg(place));
            forgotten.arg(member);
        }
        if calls.is_empty() {
            return Ok(());
        }
        let calls = calls.into_iter().map(|call| self.connection.read(call));
        stream::iter(calls).buffer_unordered(AT_A_TIME).try_for_each(|_| async { Ok(()) }).await?;
        self.connection.command(&key, &forgotten, Effect::None).await.map(drop)
    }
}

impl Housekeeping for RedisStore {
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let mut unreadable = 0;
        for span in self.spans(0, |span| self.sweep_call(span, &command, 0, 0)).await? {
            loop {
                let done = u32::try_from(swept.events.len()).unwrap_or(u32::MAX);
                let left = command.limit.saturating_sub(done);
                let answer =
                    self.connection.write(self.sweep_call(span, &command, left.min(BATCH), done)).await?;
                let answer = items(&answer)?;
                for row in items(answer.first().ok_or_else(|| corrupt("swept"))?)? {
                    swept.events.push(event(items(row)?, &command, swept.events.len())?);
                }
                let more = number(answer, 1)? == 1;
                if more && swept.events.len() >= command.limit as usize {
                    swept.more = true;
                    self.begin_next(0, number(answer, 2)?);
                    return Ok(swept);
                }
                if !more {
                    unreadable |= number(answer, 3)?;
                    break;
                }
            }
        }
        // Those that were announced must not be lost over one that cannot be; the next sweep tells of it.
        if unreadable != 0 && swept.events.is_empty() {
            return Err(corrupt("an inquiry"));
        }
        Ok(swept)
    }

    async fn purge(&self, command: Purge) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        let mut unreadable = 0;
        let (mut left, mut looks) = (command.limit, command.limit.saturating_mul(LOOKS));
        for span in self.spans(1, |span| self.purge_call(span, &command, 0, 0)).await? {
            loop {
                let batch = left.min(BATCH);
                let may_look = looks.min(BATCH.saturating_mul(LOOKS));
                let answer = self.connection.write(self.purge_call(span, &command, batch, may_look)).await?;
                let answer = items(&answer)?;
                let (links, sessions, inquiries) =
                    (number(answer, 0)?, number(answer, 1)?, number(answer, 2)?);
                purged.links = purged.links.saturating_add(links);
                purged.sessions = purged.sessions.saturating_add(sessions);
                purged.inquiries = purged.inquiries.saturating_add(inquiries);
                let removed = links.saturating_add(sessions).saturating_add(inquiries);
                left = left.saturating_sub(u32::try_from(removed).unwrap_or(u32::MAX));
                let unused = u32::try_from(number(answer, 3)?).unwrap_or_default();
                looks = looks.saturating_sub(may_look.saturating_sub(unused));
                unreadable |= number(answer, 7)?;
                self.forget(span, answer.get(6).ok_or_else(|| corrupt("gone"))?).await?;
                let more = number(answer, 4)? == 1;
                if more && (left == 0 || looks == 0) {
                    purged.more = true;
                    self.begin_next(1, number(answer, 5)?);
                    return told(purged, unreadable);
                }
                if !more {
                    break;
                }
            }
        }
        told(purged, unreadable)
    }
}

/// Whether a script that might change nothing found something to change; or look-ups to remove.
fn has_work(answer: &Value) -> Result<bool, StoreError> {
    let answer = items(answer)?;
    Ok(match answer.len() {
        4 => number(answer, 1)? == 1,
        _ => {
            number(answer, 4)? == 1
                || answer.get(6).is_some_and(|gone| items(gone).is_ok_and(|gone| !gone.is_empty()))
        }
    })
}

/// What is as old as that has been kept long enough; empty if nothing can be.
fn horizon(now: Timestamp, retention: Interval) -> String {
    let micros = now.unix_micros().saturating_sub(retention.micros());
    Timestamp::from_unix_micros(micros).map(digits).unwrap_or_default()
}

/// The event of an inquiry that was swept: its name, its deadline, the event's number.
fn event(row: &[Value], command: &Sweep, number: usize) -> Result<Event, StoreError> {
    let key = record::read_name(word(row, 0)?).ok_or_else(|| corrupt("inquiry"))?;
    let deadline = instant(word(row, 1)?).ok_or_else(|| corrupt("deadline"))?;
    let sequence = word(row, 2)?.parse().map_err(|_| corrupt("sequence"))?;
    let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: deadline };
    let id = command.event.nth(u32::try_from(number).unwrap_or(u32::MAX));
    Ok(Event::new(id, key.tenant, Some(key.inquiry), Some(sequence), command.now, kind))
}

/// What a purge came to: a fault, if it met what it could not read. The others are gone all the same.
fn told(purged: Purged, unreadable: u64) -> Result<Purged, StoreError> {
    if unreadable == 0 { Ok(purged) } else { Err(corrupt("a record")) }
}
