//! What the reading scripts answer: records of one moment.

use inquiry_otl::{
    LinkId, LinkView, SessionId, StoreError,
    record::{InquiryRecord, LinkRecord, LinkState, SessionRecord},
    store::{InquiryKey, ListedLink, Listing},
};
use redis::Value;

use crate::{
    fault::corrupt,
    fields::{Fields, fields, items, number, word},
    record,
};

/// An inquiry with all its endings, and what else was asked for.
pub(crate) struct Read {
    pub(crate) inquiry: InquiryRecord,
    link: Option<LinkRecord>,
    pub(crate) session: Option<SessionRecord>,
    parent: Option<SessionRecord>,
}

impl Read {
    /// `asked`: the session that was asked for, if one was.
    pub(crate) fn of(answer: &Value, asked: Option<SessionId>) -> Result<Self, StoreError> {
        let list = items(answer)?;
        let key = record::read_name(word(list, 0)?).ok_or_else(|| corrupt("inquiry"))?;
        let link = match fields(list, 5) {
            Some(found) => {
                let id = word(list, 1)?.parse().map_err(|_| corrupt("link"))?;
                Some(record::link(&key, id, found)?)
            }
            None => None,
        };
        let session = match (&link, asked, fields(list, 6)) {
            (Some(link), _, found) => session_of(&key, link, found)?,
            (None, Some(id), Some(found)) => Some(record::session(&key, id, found)?),
            (None, ..) => None,
        };
        let parent = match &link {
            Some(link) => parent_of(&key, link, fields(list, 7))?,
            None => None,
        };
        Ok(Self { inquiry: inquiry_at(&key, list, 2)?, link, session, parent })
    }

    pub(crate) fn into_view(self) -> Option<LinkView> {
        Some(LinkView { link: self.link?, inquiry: self.inquiry, session: self.session, parent: self.parent })
    }
}

/// The inquiry at a place of a list, and behind it how its epochs and generations ended.
fn inquiry_at(key: &InquiryKey, list: &[Value], place: usize) -> Result<InquiryRecord, StoreError> {
    let [epochs, generations] =
        [1, 2].map(|more| list.get(place.saturating_add(more)).ok_or_else(|| corrupt("endings")));
    let endings = record::endings(items(epochs?)?, items(generations?)?)?;
    record::inquiry(key, fields(list, place).ok_or_else(|| corrupt("inquiry"))?, endings)
}

/// The session that a link's first use started.
fn session_of(
    key: &InquiryKey,
    link: &LinkRecord,
    found: Option<Fields<'_>>,
) -> Result<Option<SessionRecord>, StoreError> {
    match (&link.state, found) {
        (LinkState::Used(used), Some(found)) => record::session(key, used.session, found).map(Some),
        _ => Ok(None),
    }
}

/// The session that made a link.
fn parent_of(
    key: &InquiryKey,
    link: &LinkRecord,
    found: Option<Fields<'_>>,
) -> Result<Option<SessionRecord>, StoreError> {
    match (link.parent, found) {
        (Some(id), Some(found)) => record::session(key, id, found).map(Some),
        _ => Ok(None),
    }
}

/// A page of what an inquiry has.
pub(crate) fn listing<T>(
    key: &InquiryKey,
    answer: &Value,
    item: impl Fn(&InquiryKey, &[Value]) -> Result<T, StoreError>,
) -> Result<Listing<T>, StoreError> {
    let list = items(answer)?;
    let mut page = Vec::new();
    for listed in items(list.get(3).ok_or_else(|| corrupt("list"))?)? {
        page.push(item(key, items(listed)?)?);
    }
    Ok(Listing { inquiry: inquiry_at(key, list, 0)?, items: page, more: number(list, 4)? == 1 })
}

/// A link of a page: its id, itself, the session that it started, the session that made it.
pub(crate) fn listed_link(key: &InquiryKey, list: &[Value]) -> Result<ListedLink, StoreError> {
    let id: LinkId = word(list, 0)?.parse().map_err(|_| corrupt("link"))?;
    let link = record::link(key, id, fields(list, 1).ok_or_else(|| corrupt("link"))?)?;
    let session = session_of(key, &link, fields(list, 2))?;
    let parent = parent_of(key, &link, fields(list, 3))?;
    Ok(ListedLink { link, session, parent })
}

/// A session of a page: its id, and itself.
pub(crate) fn listed_session(key: &InquiryKey, list: &[Value]) -> Result<SessionRecord, StoreError> {
    let id: SessionId = word(list, 0)?.parse().map_err(|_| corrupt("session"))?;
    record::session(key, id, fields(list, 1).ok_or_else(|| corrupt("session"))?)
}
