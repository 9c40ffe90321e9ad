//! Lists of a tenant's inquiries: one statement a page, so that it is of one moment (I6, S6).

use inquiry_otl::{
    Cursor, InquiryPage, Timestamp,
    store::{Deadline, InquiryFilter, ListInquiries},
};

use crate::{
    connection::Connection,
    fault::Fault,
    row::{Columns, system_time},
};

/// How many places of an index a page looks at, at the most, unless it wants more.
const LOOKS: usize = 10_000;

pub(crate) async fn inquiries(on: Connection<'_>, list: &ListInquiries) -> Result<InquiryPage, Fault> {
    let sql = &on.sql;
    let [by_reference, by_status, by_template] = if list.from.is_backwards() {
        [&sql.by_reference_backwards, &sql.by_status_backwards, &sql.by_template_backwards]
    } else {
        [&sql.by_reference, &sql.by_status, &sql.by_template]
    };
    let (older, newer) = list.between();
    let tenant = list.tenant.as_str();
    // No id comes before the one, or behind the other.
    let (older_at, older_id) = edge(older.as_ref(), Timestamp::MIN, "");
    let (newer_at, newer_id) = edge(newer.as_ref(), Timestamp::MAX, "~");
    let (older_at, newer_at) = (system_time(older_at), system_time(newer_at));
    // One more than wanted, to see whether there are more.
    let limit = list.wanted().saturating_add(1);
    let (looks, now) = (number(limit.max(LOOKS)), system_time(list.now));
    let limit = number(limit);

    let InquiryFilter { reference, templates, .. } = &list.filter;
    let mut streams: Vec<(&str, Option<bool>, Option<&str>)> = Vec::new();
    for (status, deadline) in list.filter.written() {
        let ahead = match deadline {
            Deadline::Any => None,
            Deadline::Ahead => Some(true),
            Deadline::Behind => Some(false),
        };
        if templates.is_empty() {
            streams.push((status.as_str(), ahead, None));
        }
        streams.extend(templates.iter().map(|template| (status.as_str(), ahead, Some(template.as_str()))));
    }
    let statuses: Vec<_> = streams.iter().map(|(status, ..)| *status).collect();
    let ahead: Vec<_> = streams.iter().map(|(_, ahead, _)| *ahead).collect();
    let of_templates: Vec<_> = streams.iter().filter_map(|(.., template)| *template).collect();

    let rows = if let Some(reference) = reference {
        // These are few: each is looked at.
        let has_more = !templates.is_empty() || !list.filter.statuses.is_empty();
        let limit = if has_more { looks } else { limit };
        let reference = reference.as_str();
        on.rows(by_reference, &[&tenant, &older_at, &older_id, &newer_at, &newer_id, &limit, &reference])
            .await?
    } else if templates.is_empty() {
        on.rows(
            by_status,
            &[&tenant, &older_at, &older_id, &newer_at, &newer_id, &limit, &looks, &now, &statuses, &ahead],
        )
        .await?
    } else {
        on.rows(
            by_template,
            &[
                &tenant,
                &older_at,
                &older_id,
                &newer_at,
                &newer_id,
                &limit,
                &looks,
                &now,
                &statuses,
                &ahead,
                &of_templates,
            ],
        )
        .await?
    };

    let (mut found, mut left_at) = (Vec::with_capacity(rows.len()), None);
    for row in &rows {
        let mut columns = Columns::of(row);
        let Some(record) = columns.inquiry()? else { continue };
        let place = Cursor::of(&record.inquiry);
        if list.keeps(&record.inquiry) {
            found.push(record.inquiry);
        }
        if columns.take::<i64>()? == looks {
            left_at = Some(place);
            break;
        }
    }
    Ok(list.page(found, left_at))
}

fn edge<'p>(place: Option<&'p Cursor>, at: Timestamp, id: &'p str) -> (Timestamp, &'p str) {
    place.map_or((at, id), |place| (place.created_at, place.inquiry.as_str()))
}

fn number(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
