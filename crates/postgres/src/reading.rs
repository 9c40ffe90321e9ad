//! Reads: one statement each, so that what they show is of one moment.

use inquiry_otl::{
    LinkId, LinkView, SessionId,
    record::{InquiryRecord, SessionRecord},
    store::{InquiryKey, Inspect, LinkName, ListOf, ListedLink, Listing, SessionKey, SessionView},
};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{connection::Connection, fault::Fault, row::Columns};

pub(crate) async fn inquiry(on: Connection<'_>, key: &InquiryKey) -> Result<Option<InquiryRecord>, Fault> {
    let row = on.row(&on.sql.inquiry, &[&key.tenant.as_str(), &key.inquiry.as_str()]).await?;
    row.map_or(Ok(None), |row| whole_inquiry(&mut Columns::of(&row)))
}

pub(crate) async fn inspect(on: Connection<'_>, command: &Inspect) -> Result<Option<LinkView>, Fault> {
    let tenant = command.tenant.as_str();
    let row = match command.link {
        LinkName::Digest(digest) => {
            on.row(&on.sql.inspect_by_digest, &[&tenant, &&digest.as_bytes()[..]]).await?
        }
        LinkName::Id(inquiry, link) => {
            let link = Uuid::from_u128(link.as_u128());
            on.row(&on.sql.inspect_by_id, &[&tenant, &inquiry.as_str(), &link]).await?
        }
    };
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::of(&row);
    let (link, inquiry) = (columns.link()?, columns.inquiry()?);
    let (session, parent) = (columns.session()?, columns.session()?);
    let (Some(link), Some(mut inquiry)) = (link, inquiry) else {
        return Ok(None);
    };
    columns.all_endings(&mut inquiry.endings)?;
    Ok(Some(LinkView { link, inquiry, session, parent }))
}

pub(crate) async fn session(on: Connection<'_>, key: &SessionKey) -> Result<Option<SessionView>, Fault> {
    let session = Uuid::from_u128(key.session.as_u128());
    let row = on.row(&on.sql.session, &[&key.tenant.as_str(), &key.inquiry.as_str(), &session]).await?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::of(&row);
    let session = columns.session()?;
    let inquiry = whole_inquiry(&mut columns)?;
    Ok(session.zip(inquiry).map(|(session, inquiry)| SessionView { session, inquiry }))
}

pub(crate) async fn links(
    on: Connection<'_>,
    list: &ListOf<LinkId>,
) -> Result<Option<Listing<ListedLink>>, Fault> {
    let page = Page::new(list, list.before.map(LinkId::as_u128));
    let rows = on.rows(&on.sql.links, &page.params()).await?;
    page.listing(&rows, |columns| {
        let (link, session, parent) = (columns.link()?, columns.session()?, columns.session()?);
        Ok(link.map(|link| ListedLink { link, session, parent }))
    })
}

pub(crate) async fn sessions(
    on: Connection<'_>,
    list: &ListOf<SessionId>,
) -> Result<Option<Listing<SessionRecord>>, Fault> {
    let page = Page::new(list, list.before.map(SessionId::as_u128));
    let rows = on.rows(&on.sql.sessions, &page.params()).await?;
    #[allow(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is of one lifetime, the closure of any"
    )]
    page.listing(&rows, |columns| columns.session())
}

/// A page of ids, from the highest down.
struct Page<'k> {
    tenant: &'k str,
    inquiry: &'k str,
    highest: Uuid,
    wanted: usize,
    /// One more than wanted, to see whether there are more.
    limit: i64,
}

impl<'k> Page<'k> {
    fn new<Id>(list: &'k ListOf<Id>, before: Option<u128>) -> Self {
        let wanted = list.limit.max(1);
        // Below the lowest id there is none.
        let highest = before.map_or(Some(u128::MAX), |before| before.checked_sub(1));
        Self {
            tenant: list.inquiry.tenant.as_str(),
            inquiry: list.inquiry.inquiry.as_str(),
            highest: Uuid::from_u128(highest.unwrap_or_default()),
            wanted: wanted as usize,
            limit: if highest.is_some() { i64::from(wanted).saturating_add(1) } else { 0 },
        }
    }

    fn params(&self) -> [&(dyn tokio_postgres::types::ToSql + Sync); 4] {
        [&self.tenant, &self.inquiry, &self.highest, &self.limit]
    }

    fn listing<T>(
        &self,
        rows: &[Row],
        item: impl Fn(&mut Columns<'_>) -> Result<Option<T>, Fault>,
    ) -> Result<Option<Listing<T>>, Fault> {
        let mut inquiry = None;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows.iter().take(self.wanted) {
            let mut columns = Columns::of(row);
            inquiry = whole_inquiry(&mut columns)?;
            // An inquiry without any comes as one row with nothing behind it.
            items.extend(item(&mut columns)?);
        }
        let more = self.wanted < rows.len();
        Ok(inquiry.map(|inquiry| Listing { inquiry, items, more }))
    }
}

fn whole_inquiry(columns: &mut Columns<'_>) -> Result<Option<InquiryRecord>, Fault> {
    let mut inquiry = columns.inquiry()?;
    if let Some(inquiry) = &mut inquiry {
        columns.all_endings(&mut inquiry.endings)?;
    }
    Ok(inquiry)
}
