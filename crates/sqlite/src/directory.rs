//! Lists of a tenant's inquiries: from indexes in their order, merged (I6, S6).

use inquiry_otl::{
    Cursor, InquiryPage, StoreError, Timestamp,
    store::{Directory, InquiryFilter, InquiryKey, ListInquiries, Merging},
};
use rusqlite::types::Value;

use crate::{
    error::Fault,
    records::{Records, micros},
    rows::Columns,
    store::SqliteStore,
};

/// How many places of an index a page looks at, at the most, unless it wants more.
const LOOKS: usize = 10_000;

impl Directory for SqliteStore {
    async fn inquiries(&self, list: ListInquiries) -> Result<InquiryPage, StoreError> {
        self.read(move |records| records.list_inquiries(&list)).await
    }
}

impl Records<'_> {
    pub(crate) fn list_inquiries(&self, list: &ListInquiries) -> Result<InquiryPage, Fault> {
        let (mut page, sql) = (Merging::new(list), &self.sql);
        let [by_reference, by_status, by_template] = if list.from.is_backwards() {
            [&sql.by_reference_backwards, &sql.by_status_backwards, &sql.by_template_backwards]
        } else {
            [&sql.by_reference, &sql.by_status, &sql.by_template]
        };
        let InquiryFilter { reference, templates, .. } = &list.filter;
        if let Some(reference) = reference {
            self.walk(&mut page, list, by_reference, &[reference.as_str()], |place, _| {
                let inquiry = self.inquiry(&of(list, place))?;
                Ok(inquiry.is_some_and(|kept| list.keeps(&kept.record.inquiry)))
            })?;
        } else {
            for (status, deadline) in list.filter.written() {
                let fits = |_: &Cursor, expires_at| Ok(deadline.fits(expires_at, list.now));
                if templates.is_empty() {
                    self.walk(&mut page, list, by_status, &[status.as_str()], fits)?;
                }
                for template in templates {
                    self.walk(&mut page, list, by_template, &[status.as_str(), template.as_str()], fits)?;
                }
            }
        }
        let (found, left_at) = page.found();
        let mut inquiries = Vec::with_capacity(found.len());
        for place in &found {
            inquiries.extend(self.inquiry(&of(list, place))?.map(|kept| kept.record.inquiry));
        }
        Ok(list.page(inquiries, left_at))
    }

    /// Goes through an index, as far as what is in it can be on the page.
    fn walk(
        &self,
        page: &mut Merging<'_, Cursor>,
        list: &ListInquiries,
        sql: &str,
        under: &[&str],
        fits: impl Fn(&Cursor, Timestamp) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let (older, newer) = list.between();
        let mut params = vec![Value::Text(list.tenant.to_string())];
        params.extend(edge(older, i64::MIN));
        params.extend(edge(newer, i64::MAX));
        params.extend(under.iter().map(|column| Value::Text((*column).to_owned())));
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let mut looks = 0_usize;
        while let Some(row) = rows.next()? {
            let mut columns = Columns::new(row);
            let place = Cursor { created_at: columns.read()?, inquiry: columns.read()? };
            if !page.wants(&place) {
                break;
            }
            if fits(&place, columns.read()?)? {
                page.add(place, place);
            }
            looks = looks.saturating_add(1);
            if looks == LOOKS.max(list.wanted()) {
                page.leave(place);
                break;
            }
        }
        Ok(())
    }
}

const fn of(list: &ListInquiries, place: &Cursor) -> InquiryKey {
    InquiryKey { tenant: list.tenant, inquiry: place.inquiry }
}

/// What an edge of the page is compared with; where there is none, an instant beyond all others.
fn edge(place: Option<Cursor>, none: i64) -> [Value; 2] {
    let at = place.and_then(|place| micros(Some(place.created_at))).unwrap_or(none);
    let id = place.map(|place| place.inquiry.to_string()).unwrap_or_default();
    [Value::Integer(at), Value::Text(id)]
}
