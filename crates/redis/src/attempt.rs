//! What a script found and wrote for an attempt, and the answer to it.

use inquiry_otl::{
    EventId, LinkId, StoreError, Timestamp,
    event::Recorded,
    record::{Endings, InquiryRecord, LinkRecord, LinkState, SessionRecord},
    redemption::{Decision, InquiryChange, LinkChange, SessionChange, Subject, Verdict},
    session::InquirySession,
    store::{Attempted, InquiryKey},
};
use redis::Value;

use crate::{
    fault::corrupt,
    fields::{fields, items, text, word},
    record,
    store::otherwise,
};

/// The records of an attempt as they were before it, and the word for what the script wrote.
pub(crate) struct Judged {
    written: String,
    inquiry: InquiryRecord,
    pub(crate) link: LinkRecord,
    session: Option<SessionRecord>,
    parent: Option<SessionRecord>,
}

impl Judged {
    /// Reads an answer; nothing if there is no such link.
    pub(crate) fn of(answer: &Value) -> Result<Option<Self>, StoreError> {
        if *answer == Value::Nil {
            return Ok(None);
        }
        let list = items(answer)?;
        let key = record::read_name(word(list, 7)?).ok_or_else(|| corrupt("inquiry"))?;
        let id: LinkId = word(list, 8)?.parse().map_err(|_| corrupt("link"))?;
        let link = record::link(&key, id, fields(list, 2).ok_or_else(|| corrupt("link"))?)?;
        let ended = |place| list.get(place).and_then(text);
        let endings = record::endings_of(&link, ended(5), ended(6))?;
        let session = match (&link.state, fields(list, 3)) {
            (LinkState::Used(used), Some(found)) => Some(record::session(&key, used.session, found)?),
            _ => None,
        };
        let parent = match (link.parent, fields(list, 4)) {
            (Some(id), Some(found)) => Some(record::session(&key, id, found)?),
            _ => None,
        };
        let inquiry = inquiry_in(&key, list, endings)?;
        Ok(Some(Self { written: word(list, 0)?.to_owned(), inquiry, link, session, parent }))
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            link: &self.link,
            inquiry: &self.inquiry,
            session: self.session.as_ref(),
            parent: self.parent.as_ref(),
        }
    }

    /// The answer, if the script wrote what the rule asks for.
    pub(crate) fn answer(
        self,
        decision: &Decision,
        now: Timestamp,
        event: EventId,
    ) -> Result<Attempted, StoreError> {
        if self.written != expected(decision) {
            return Err(otherwise());
        }
        let first = self.inquiry.last_sequence.wrapping_add(1);
        let mut inquiry = self.inquiry;
        decision.change_inquiry(&mut inquiry);
        let session = match (&decision.verdict, &decision.session, &self.session) {
            (Verdict::FirstUse, SessionChange::Start(session), _)
            | (Verdict::Repeat | Verdict::Replay { .. }, _, Some(session)) => {
                Some(InquirySession::seen(session, &inquiry, now))
            }
            _ => None,
        };
        Ok(Attempted {
            verdict: decision.verdict,
            link: self.link.id,
            derivation: self.link.derivation,
            inquiry: inquiry.inquiry,
            session,
            events: Recorded::new(event, first, now, [decision.event, None]),
        })
    }
}

/// The word of the write that a decision asks for.
fn expected(decision: &Decision) -> &'static str {
    match (&decision.link, &decision.session, &decision.inquiry) {
        (LinkChange::Use(_), ..) => "use",
        (LinkChange::Claim(_), ..) => "claim",
        (LinkChange::Replay { .. }, ..) => "replay",
        (LinkChange::None, SessionChange::Token(_), _) => "repeat",
        (LinkChange::None, _, InquiryChange::Expire { .. }) => "expire",
        _ => "none",
    }
}

/// The inquiry of an answer, which is behind the word for what was written.
pub(crate) fn inquiry_in(
    key: &InquiryKey,
    list: &[Value],
    endings: Endings,
) -> Result<InquiryRecord, StoreError> {
    record::inquiry(key, fields(list, 1).ok_or_else(|| corrupt("inquiry"))?, endings)
}
