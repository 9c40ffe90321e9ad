//! What is read and not judged: each of these is of one moment (D3, D9).

use inquiry_otl::{
    LinkId, LinkView, SessionId,
    record::SessionRecord,
    store::{InquiryKey, Inspect, ListOf, ListedLink, Listing, SessionKey, SessionView},
};

use crate::{error::Fault, records::Records};

impl Records<'_> {
    pub(crate) fn inspect(&self, command: &Inspect) -> Result<Option<LinkView>, Fault> {
        let Some((link, mut kept)) = self.link(&command.tenant, &command.link)? else {
            return Ok(None);
        };
        self.read_endings(&mut kept)?;
        let sessions = self.sessions_of(&link)?;
        Ok(Some(LinkView { link, inquiry: kept.record, session: sessions.started, parent: sessions.parent }))
    }

    pub(crate) fn session_view(&self, key: &SessionKey) -> Result<Option<SessionView>, Fault> {
        let of = InquiryKey { tenant: key.tenant, inquiry: key.inquiry };
        let Some(session) = self.session(&of, key.session)? else {
            return Ok(None);
        };
        Ok(self.whole_inquiry(&of)?.map(|inquiry| SessionView { session, inquiry }))
    }

    pub(crate) fn list_links(&self, list: &ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, Fault> {
        let Some(inquiry) = self.whole_inquiry(&list.inquiry)? else {
            return Ok(None);
        };
        let (links, more) =
            page(list, LinkId::as_u128, |from, limit| self.links(&list.inquiry, from, limit))?;
        let mut items = Vec::with_capacity(links.len());
        for link in links {
            let sessions = self.sessions_of(&link)?;
            items.push(ListedLink { link, session: sessions.started, parent: sessions.parent });
        }
        Ok(Some(Listing { inquiry, items, more }))
    }

    pub(crate) fn list_sessions(
        &self,
        list: &ListOf<SessionId>,
    ) -> Result<Option<Listing<SessionRecord>>, Fault> {
        let Some(inquiry) = self.whole_inquiry(&list.inquiry)? else {
            return Ok(None);
        };
        let (items, more) =
            page(list, SessionId::as_u128, |from, limit| self.sessions(&list.inquiry, from, limit))?;
        Ok(Some(Listing { inquiry, items, more }))
    }
}

/// A page and whether there are more, by asking for one more.
fn page<Id: Copy, T>(
    list: &ListOf<Id>,
    bits: impl Fn(Id) -> u128,
    read: impl Fn(u128, u32) -> Result<Vec<T>, Fault>,
) -> Result<(Vec<T>, bool), Fault> {
    let limit = list.limit.max(1);
    // Below `before` is at most the one before it.
    let Some(from) = list.before.map_or(Some(u128::MAX), |before| bits(before).checked_sub(1)) else {
        return Ok((Vec::new(), false));
    };
    let mut items = read(from, limit.saturating_add(1))?;
    let more = (limit as usize) < items.len();
    items.truncate(limit as usize);
    Ok((items, more))
}
