//! Redeem, claim, commit, release: one statement each, which decides what to write; the answer is made of what it saw.

use std::time::SystemTime;

use inquiry_otl::{
    Digest, EventId, Expiry, InquirySession, LinkId, Released, Timestamp,
    event::Recorded,
    record::{Endings, InquiryRecord, LinkRecord, SessionRecord, TokenDigests},
    redemption::{
        self, Commit, Decision, InquiryChange, LinkChange, Mode, Redeem, Release, SessionChange, Subject,
        Verdict,
    },
    store::Attempted,
};
use uuid::Uuid;

use crate::{
    connection::Connection,
    fault::Fault,
    row::{Columns, system_time},
};

/// Redeems a link, or claims it (D1 to D7).
pub(crate) async fn redeem(on: Connection<'_>, command: &Redeem) -> Result<Option<Attempted>, Fault> {
    let (mode, claim, until) = match command.mode {
        Mode::Once => ("once", None, None),
        Mode::Claim { token, until } => ("claim", Some(token), Some(until)),
    };
    let Some(seen) = attempt(
        on,
        &Asking {
            mode,
            tenant: command.tenant.as_str(),
            digest: Some(command.digest),
            inquiry: None,
            link: None,
            now: command.now,
            claim,
            until,
            attempt: command.attempt,
            repeats_after: Some(command.repeats_after),
            binding: command.binding,
            session: command.session.as_u128(),
            token: command.token,
            event: command.event.as_u128(),
        },
    )
    .await?
    else {
        return Ok(None);
    };
    let decision = redemption::redeem(&seen.subject(), command);
    seen.answered(&decision, command.now, command.event).map(Some)
}

/// Commits a claim (D5).
pub(crate) async fn commit(on: Connection<'_>, command: &Commit) -> Result<Option<Attempted>, Fault> {
    let Some(seen) = attempt(
        on,
        &Asking {
            mode: "commit",
            tenant: command.tenant.as_str(),
            digest: None,
            inquiry: Some(command.inquiry.as_str()),
            link: Some(command.link),
            now: command.now,
            claim: Some(command.claim),
            until: None,
            attempt: None,
            repeats_after: None,
            binding: None,
            session: command.session.as_u128(),
            token: command.token,
            event: command.event.as_u128(),
        },
    )
    .await?
    else {
        return Ok(None);
    };
    let decision = redemption::commit(&seen.subject(), command);
    seen.answered(&decision, command.now, command.event).map(Some)
}

/// Releases a claim (D5).
pub(crate) async fn release(on: Connection<'_>, command: &Release) -> Result<Option<Released>, Fault> {
    let row = on
        .row(
            &on.sql.release,
            &[
                &command.tenant.as_str(),
                &command.inquiry.as_str(),
                &Uuid::from_u128(command.link.as_u128()),
                &&command.claim.as_bytes()[..],
                &system_time(command.now),
            ],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::of(&row);
    let Some(link) = columns.link()? else {
        return Ok(None);
    };
    let wrote: &str = columns.take()?;
    let released = redemption::release(&link, command);
    if (wrote == "release") == (released == Released::Released) {
        Ok(Some(released))
    } else {
        Err(Fault::Disagrees)
    }
}

/// The parameters of the function `redeem`.
struct Asking<'a> {
    mode: &'static str,
    tenant: &'a str,
    digest: Option<Digest>,
    inquiry: Option<&'a str>,
    link: Option<LinkId>,
    now: Timestamp,
    claim: Option<Digest>,
    until: Option<Timestamp>,
    attempt: Option<Digest>,
    repeats_after: Option<Timestamp>,
    binding: Option<Digest>,
    session: u128,
    token: Digest,
    event: u128,
}

async fn attempt(on: Connection<'_>, asking: &Asking<'_>) -> Result<Option<Seen>, Fault> {
    let bytes = |digest: &Option<Digest>| digest.map(|digest| digest.as_bytes().to_vec());
    let at = |at: Option<Timestamp>| -> Option<SystemTime> { at.map(system_time) };
    let row = on
        .row(
            &on.sql.redeem,
            &[
                &asking.mode,
                &asking.tenant,
                &bytes(&asking.digest),
                &asking.inquiry,
                &asking.link.map(|link| Uuid::from_u128(link.as_u128())),
                &system_time(asking.now),
                &bytes(&asking.claim),
                &at(asking.until),
                &bytes(&asking.attempt),
                &at(asking.repeats_after),
                &bytes(&asking.binding),
                &Uuid::from_u128(asking.session),
                &&asking.token.as_bytes()[..],
                &Uuid::from_u128(asking.event),
                &on.outbox,
            ],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::of(&row);
    let (link, inquiry) = (columns.link()?, columns.inquiry()?);
    let (session, parent) = (columns.session()?, columns.session()?);
    let mut endings = Endings::default();
    columns.ending(&mut endings)?;
    columns.ending(&mut endings)?;
    let (Some(link), Some(mut inquiry)) = (link, inquiry) else {
        return Ok(None);
    };
    inquiry.endings = endings;
    let wrote = columns.take::<Option<&str>>()?.ok_or(Fault::Disagrees)?.to_owned();
    Ok(Some(Seen { link, inquiry, session, parent, wrote }))
}

/// The records as they were before the statement, and the word for what it wrote.
struct Seen {
    link: LinkRecord,
    inquiry: InquiryRecord,
    session: Option<SessionRecord>,
    parent: Option<SessionRecord>,
    wrote: String,
}

impl Seen {
    fn subject(&self) -> Subject<'_> {
        Subject {
            link: &self.link,
            inquiry: &self.inquiry,
            session: self.session.as_ref(),
            parent: self.parent.as_ref(),
        }
    }

    /// The answer, if the write is the one that the decision asks for: otherwise there is none.
    fn answered(self, decision: &Decision, now: Timestamp, event: EventId) -> Result<Attempted, Fault> {
        if self.wrote != word(decision) {
            return Err(Fault::Disagrees);
        }
        let Self { link, mut inquiry, session, .. } = self;
        decision.change_inquiry(&mut inquiry);
        let events = recorded(event, &inquiry, now, [decision.event, None]);
        let session = match (&decision.session, session) {
            (SessionChange::Start(started), _) => Some(started.clone()),
            (SessionChange::Token(token), Some(mut session)) => {
                session.tokens.push(*token);
                Some(session)
            }
            (SessionChange::Token(_) | SessionChange::None, _) => None,
        };
        Ok(attempted(decision, &link, &inquiry, session, now, events))
    }
}

/// The answer to an attempt, of the records after it.
pub(crate) fn attempted(
    decision: &Decision,
    link: &LinkRecord,
    inquiry: &InquiryRecord,
    session: Option<SessionRecord>,
    now: Timestamp,
    events: Recorded,
) -> Attempted {
    Attempted {
        verdict: decision.verdict,
        link: link.id,
        derivation: link.derivation,
        session: session.map(|session| InquirySession::seen(&session, inquiry, now)),
        events,
        inquiry: inquiry.inquiry.clone(),
    }
}

/// The word of the function `redeem` for what a decision writes.
fn word(decision: &Decision) -> &'static str {
    match (decision.verdict, decision.link, decision.inquiry) {
        (Verdict::FirstUse, LinkChange::Use(_), InquiryChange::CountSession) => "first-use",
        (Verdict::Claimed, LinkChange::Claim(_), InquiryChange::None) => "claim",
        (Verdict::Replay { .. }, LinkChange::Replay { .. }, InquiryChange::None) => "replay",
        (Verdict::Repeat, LinkChange::None, InquiryChange::None) => "repeat",
        (_, LinkChange::None, InquiryChange::Expire { cause: Expiry::Deadline, .. }) => "deadline",
        (_, LinkChange::None, InquiryChange::Expire { cause: Expiry::SessionLimit, .. }) => "session-limit",
        (Verdict::Busy { .. } | Verdict::Refused(_), LinkChange::None, InquiryChange::None) => "nothing",
        // No word says that.
        _ => "?",
    }
}

/// The events of a command, which are counted in the inquiry already.
pub(crate) fn recorded(
    first: EventId,
    inquiry: &InquiryRecord,
    now: Timestamp,
    kinds: [Option<inquiry_otl::EventKind>; 2],
) -> Recorded {
    let count = Recorded::new(first, 0, now, kinds).count();
    Recorded::new(first, inquiry.last_sequence.wrapping_sub(count).wrapping_add(1), now, kinds)
}

/// The digests of tokens for a column: one behind the other.
pub(crate) fn tokens(tokens: &TokenDigests) -> Vec<u8> {
    tokens.iter().flat_map(|digest| *digest.as_bytes()).collect()
}
