//! `GET /inquiries`: the inquiries of the tenant, newest first, by what the contract filters.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use inquiry_otl::{
    Cursor, Inquiry, InquiryId, InquiryQuery, LinkStore, ReadError, ReferenceId, Status, TemplateId,
    Timestamp, store::Directory,
};

use super::{
    Shared,
    call::Call,
    document::{Document, Resource},
    failure::Failure,
    page::{From, Page, Paged},
    query::Group,
};

pub(super) async fn list<S: LinkStore + Directory + 'static>(
    State(shared): State<Arc<Shared<S>>>,
    call: Call,
) -> Result<Response, Failure> {
    let page = Page::of(&call.query)?;
    let filter = call.query.group(
        "filter",
        &[
            "account-id",
            "note",
            "reference-id",
            "inquiry-template-id",
            "template-id",
            "status",
            "created-at-start",
            "created-at-end",
        ],
    )?;
    let paged = match query(&filter, page.size)? {
        Some(query) => shared.page_of_inquiries(query, page.from).await?,
        None => Paged::empty(),
    };
    let (before, after) = paged.links(&call);
    let resources = paged.items.iter().map(|inquiry| Resource::inquiry(inquiry, None)).collect();
    call.answer(StatusCode::OK, &Document::list(resources).with_pages(before, after))
}

/// What a filter asks for; nothing if no inquiry can pass it, since what it names is not kept here or cannot be.
fn query(filter: &Group<'_>, size: u32) -> Result<Option<InquiryQuery>, Failure> {
    let is_noted = filter.one("note")?.is_some();
    if is_noted && filter.has_others_than("note") {
        return Err(Failure::bad_request("filter.note must be the only filter"));
    }
    let mut query = InquiryQuery::newest(size);
    if let Some(from) = instant(filter, "created-at-start")? {
        query =
            query.created_from(Timestamp::try_from(from.max(DateTime::UNIX_EPOCH)).unwrap_or(Timestamp::MAX));
    }
    if let Some(until) = instant(filter, "created-at-end")? {
        match Timestamp::try_from(until) {
            Ok(until) => query = query.created_until(until),
            // Later than any instant there is, which leaves nothing out, or earlier, which leaves nothing in.
            Err(_) if until < DateTime::UNIX_EPOCH => return Ok(None),
            Err(_) => {}
        }
    }
    if is_noted || filter.list("account-id").is_some() || filter.list("template-id").is_some() {
        return Ok(None);
    }
    if let Some(text) = filter.one("reference-id")? {
        let Ok(reference) = ReferenceId::new(text) else { return Ok(None) };
        query = query.with_reference(reference);
    }
    if let Some(names) = filter.list("status") {
        let statuses: Vec<Status> = names.iter().filter_map(|name| name.parse().ok()).collect();
        if statuses.is_empty() {
            return Ok(None);
        }
        query = query.with_status(statuses);
    }
    if let Some(ids) = filter.list("inquiry-template-id") {
        let templates: Vec<TemplateId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        if templates.is_empty() {
            return Ok(None);
        }
        query = query.from_template(templates);
    }
    Ok(Some(query))
}

fn instant(filter: &Group<'_>, member: &str) -> Result<Option<DateTime<Utc>>, Failure> {
    let Some(text) = filter.one(member)? else { return Ok(None) };
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(Some(at.to_utc())),
        Err(_) => Err(Failure::bad_request(format!("filter.{member} must be an instant as in RFC 3339"))),
    }
}

impl<S: LinkStore + Directory + 'static> Shared<S> {
    async fn page_of_inquiries(
        &self,
        query: InquiryQuery,
        from: From<'_>,
    ) -> Result<Paged<Inquiry>, Failure> {
        let query = match from {
            From::Start => query,
            From::After(id) => query.after(self.place(id).await?),
            From::Before(id) => query.before(self.place(id).await?),
        };
        let found = self.service.inquiries(query).await?;
        let more = found.more.map(|cursor| cursor.inquiry.to_string());
        let name = |inquiry: &Inquiry| inquiry.id.to_string();
        let (first, last) = (found.items.first().map(name), found.items.last().map(name));
        let (before, after) = match from {
            From::Start => (None, more),
            From::After(_) => (first, more),
            From::Before(_) => (more, last),
        };
        Ok(Paged { items: found.items, before, after })
    }

    /// The place of an inquiry in the list.
    pub(super) async fn place(&self, id: &str) -> Result<Cursor, Failure> {
        let nowhere = || Failure::bad_request("page names no inquiry");
        let id = InquiryId::new(id).map_err(|_| nowhere())?;
        match self.service.inquiry(id).await {
            Err(ReadError::NotFound) => Err(nowhere()),
            inquiry => Ok(Cursor::of(&inquiry?)),
        }
    }
}
