//! The outbox of mails: which link goes to whom, and how that went. No code and no text of a mail is here (L3).

use inquiry_otl::{InquiryId, LinkId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{from_json, from_micros, from_text, to_json};
use crate::{mail::Asked, schedule};

pub(super) const TABLES: &str = "
    CREATE TABLE mails (
        id TEXT PRIMARY KEY,
        inquiry TEXT NOT NULL,
        -- None until it is issued.
        link TEXT,
        -- None once it is over.
        address TEXT,
        -- JSON of what was asked of the link.
        asked TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        -- When it is tried; none once it is over.
        next_at INTEGER,
        ended_at INTEGER,
        -- How it ended: sent, dropped, failed.
        ending TEXT,
        -- Why it was not sent, or not yet.
        reason TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX mails_due ON mails (next_at) WHERE next_at IS NOT NULL;
    CREATE INDEX mails_of_inquiry ON mails (inquiry, id);
    CREATE INDEX mails_ended ON mails (ended_at) WHERE ended_at IS NOT NULL;";

/// A mail that is to bring a link to somebody.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) id: String,
    pub(crate) inquiry: InquiryId,
    pub(crate) link: Option<LinkId>,
    pub(crate) address: Option<Recipient>,
    pub(crate) asked: Asked,
    pub(crate) created_at: Timestamp,
    pub(crate) attempts: u32,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) ending: Option<Ending>,
    pub(crate) reason: Option<String>,
}

/// To whom: shown on the page of the mail alone, and in no log.
#[derive(Clone)]
pub(crate) struct Recipient(pub(crate) lettre::Address);

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recipient(…)")
    }
}

/// How a mail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The mail server took it.
    Sent,
    /// There is no good link to send any more.
    Dropped,
    /// The mail server did not take it.
    Failed,
}

impl Ending {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Sent, Self::Dropped, Self::Failed].into_iter().find(|ending| ending.name() == name)
    }
}

/// Adds a mail whose link is not issued yet; it is tried at `next_at`, should nobody come back to it.
pub(crate) fn add(to: &Transaction<'_>, mail: &Mail) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO mails (id, inquiry, address, asked, created_at, next_at, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        mail.id,
        mail.inquiry.as_str(),
        mail.address.as_ref().map(|to| to.0.to_string()),
        to_json(&mail.asked)?,
        mail.created_at.unix_micros(),
        mail.next_at.map(Timestamp::unix_micros),
        mail.reason
    ])
    .map(drop)
}

/// Gives a mail its link, unless it has one; tells which one it has. None if it is over.
pub(crate) fn ready(
    to: &Transaction<'_>,
    id: &str,
    link: LinkId,
    now: Timestamp,
) -> rusqlite::Result<Option<LinkId>> {
    let kept: Option<String> = to
        .prepare_cached(
            "UPDATE mails SET next_at = iif(link IS NULL, ?3, next_at), link = coalesce(link, ?2)
             WHERE id = ?1 AND ended_at IS NULL RETURNING link",
        )?
        .query_row(params![id, link.to_string(), now.unix_micros()], |row| row.get(0))
        .optional()?;
    kept.map(|kept| from_text(&kept)).transpose()
}

/// Whether anything is due.
pub(crate) fn is_due(of: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    of.prepare_cached("SELECT EXISTS (SELECT 1 FROM mails WHERE next_at <= ?1)")?
        .query_row([now.unix_micros()], |row| row.get(0))
}

/// Takes what is due, oldest first, and notes an attempt at each before it is made: one that ends with the server, or cannot
/// be noted, is made again after a pause.
pub(crate) fn take(to: &Transaction<'_>, now: Timestamp, limit: u32) -> rusqlite::Result<Vec<Mail>> {
    let due: Vec<Mail> = to
        .prepare_cached(&format!("{MAIL} WHERE next_at <= ?1 ORDER BY next_at LIMIT ?2"))?
        .query_map(params![now.unix_micros(), limit], mail)?
        .collect::<Result<_, _>>()?;
    let mut attempt = to.prepare_cached("UPDATE mails SET attempts = ?2, next_at = ?3 WHERE id = ?1")?;
    due.into_iter()
        .map(|mut mail| {
            mail.attempts = mail.attempts.saturating_add(1);
            let next = schedule::next(mail.attempts, now);
            attempt.execute(params![mail.id, mail.attempts, next.unix_micros()])?;
            Ok(mail)
        })
        .collect()
}

/// Says when a mail is tried again, after so many attempts, and why it was not sent yet.
pub(crate) fn later(
    to: &Transaction<'_>,
    id: &str,
    attempts: u32,
    next_at: Timestamp,
    reason: &str,
) -> rusqlite::Result<()> {
    to.prepare_cached(
        "UPDATE mails SET attempts = ?2, next_at = ?3, reason = ?4 WHERE id = ?1 AND ended_at IS NULL",
    )?
    .execute(params![id, attempts, next_at.unix_micros(), reason])
    .map(drop)
}

/// Ends a mail, and forgets to whom it went.
pub(crate) fn end(
    to: &Transaction<'_>,
    id: &str,
    ending: Ending,
    reason: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    to.prepare_cached(
        "UPDATE mails SET address = NULL, next_at = NULL, ending = ?2, reason = ?3, ended_at = ?4 WHERE id = ?1",
    )?
    .execute(params![id, ending.name(), reason, now.unix_micros()])
    .map(drop)
}

/// Ends what is still to be sent for an inquiry that was redacted (I4).
pub(crate) fn redact(to: &Transaction<'_>, inquiry: InquiryId, now: Timestamp) -> rusqlite::Result<()> {
    to.prepare_cached(
        "UPDATE mails SET address = NULL, next_at = NULL, ending = 'dropped',
                reason = 'the inquiry was redacted', ended_at = ?2
         WHERE inquiry = ?1 AND ended_at IS NULL",
    )?
    .execute(params![inquiry.as_str(), now.unix_micros()])
    .map(drop)
}

/// Ends what waits for that reason, and is not to be sent.
pub(crate) fn end_waiting(
    to: &Transaction<'_>,
    waits: &str,
    reason: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    to.prepare_cached(
        "UPDATE mails SET address = NULL, next_at = NULL, ending = 'dropped', reason = ?2, ended_at = ?3
         WHERE reason = ?1 AND next_at IS NOT NULL",
    )?
    .execute(params![waits, reason, now.unix_micros()])
    .map(drop)
}

/// A mail.
pub(crate) fn find(of: &Connection, id: &str) -> rusqlite::Result<Option<Mail>> {
    of.prepare_cached(&format!("{MAIL} WHERE id = ?1"))?.query_row([id], mail).optional()
}

/// The newest mails, newest first; those before an id, if one is given.
pub(crate) fn newest(of: &Connection, before: Option<&str>, limit: u32) -> rusqlite::Result<Vec<Mail>> {
    // Ids have digits and small letters behind `mail_`.
    of.prepare_cached(&format!("{MAIL} WHERE id < ?1 ORDER BY id DESC LIMIT ?2"))?
        .query_map(params![before.unwrap_or("mail_~"), limit], mail)?
        .collect()
}

/// Removes some of the mails that ended before an instant, and says how many.
pub(crate) fn purge(to: &Transaction<'_>, before: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    to.prepare_cached("DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE ended_at < ?1 LIMIT ?2)")?
        .execute(params![before.unix_micros(), limit])
}

const MAIL: &str =
    "SELECT id, inquiry, link, address, asked, created_at, attempts, next_at, ended_at, ending,
                    reason FROM mails";

fn mail(row: &Row<'_>) -> rusqlite::Result<Mail> {
    let (inquiry, asked): (String, String) = (row.get(1)?, row.get(4)?);
    let link: Option<String> = row.get(2)?;
    let address: Option<String> = row.get(3)?;
    let ending: Option<String> = row.get(9)?;
    Ok(Mail {
        id: row.get(0)?,
        inquiry: from_text(&inquiry)?,
        link: link.map(|link| from_text(&link)).transpose()?,
        address: address.map(|address| from_text(&address)).transpose()?.map(Recipient),
        asked: from_json(&asked)?,
        created_at: from_micros(row.get(5)?)?,
        attempts: row.get(6)?,
        next_at: row.get::<_, Option<i64>>(7)?.map(from_micros).transpose()?,
        ended_at: row.get::<_, Option<i64>>(8)?.map(from_micros).transpose()?,
        ending: ending.as_deref().and_then(Ending::named),
        reason: row.get(10)?,
    })
}
