//! Lists of a tenant's inquiries: from all partitions, merged (I6, S6).

use futures_util::{StreamExt, TryStreamExt, stream};
use inquiry_otl::{
    Cursor, Inquiry, InquiryPage, StoreError,
    record::Endings,
    store::{Deadline, Directory, InquiryFilter, InquiryKey, ListInquiries, Merging},
};
use redis::Value;

use crate::{
    connection::Call,
    fault::{Effect, corrupt},
    fields::{Fields, digits, instant, items, word},
    keys::PARTITIONS,
    record, script,
    store::RedisStore,
};

/// How many inquiries of a partition a script looks at.
const LOOKS: u32 = 64;
/// How often a partition is asked, if the page has a filter.
const ROUNDS: u32 = 2;
/// How many partitions a script of a single server goes through: nobody else is served meanwhile.
const AT_ONCE: usize = 16;
/// How many answers are waited for at a time.
const AT_A_TIME: usize = 32;

/// A partition, and the edge from which on it is asked, as the engine has it.
type Part = (u16, String);

impl Directory for RedisStore {
    /// A page is put together from all partitions, one after the other: what changes meanwhile is shown as it was before, or
    /// after. A page with a filter may be short: nothing but the order has an index.
    async fn inquiries(&self, list: ListInquiries) -> Result<InquiryPage, StoreError> {
        let (older, newer) = list.between();
        let edge =
            |place: Option<Cursor>, none: &str| place.map_or_else(|| none.to_owned(), |place| edge(&place));
        let (older, newer) = (edge(older, "-"), edge(newer, "+"));
        let (begin, end) = if list.from.is_backwards() { (older, newer) } else { (newer, older) };
        let has_filter = list.filter != InquiryFilter::default();
        let mut page = Merging::new(&list);
        let mut left: Vec<(u16, Cursor)> = Vec::new();
        let mut parts: Vec<Part> = (0..PARTITIONS).map(|partition| (partition, begin.clone())).collect();
        for round in 1_u32.. {
            left.clear();
            let size = if self.connection.is_cluster() { 1 } else { AT_ONCE };
            let asked = parts.chunks(size).map(|parts| {
                let partitions: Vec<_> = parts.iter().map(|(partition, _)| *partition).collect();
                (partitions, self.list_call(&list, parts, &end))
            });
            let asked: Vec<_> = asked.collect();
            let answers = stream::iter(asked).map(|(partitions, call)| async move {
                Ok::<_, StoreError>((partitions, self.connection.read(call).await?))
            });
            let answers: Vec<_> = answers.buffered(AT_A_TIME).try_collect().await?;
            for (partitions, answer) in &answers {
                for (partition, answer) in partitions.iter().zip(items(answer)?) {
                    let answer = items(answer)?;
                    for pair in items(answer.first().ok_or_else(|| corrupt("list"))?)?.chunks_exact(2) {
                        let inquiry = listed(&list, pair)?;
                        page.add(Cursor::of(&inquiry), inquiry);
                    }
                    if let Some(place) = left_at(word(answer, 1)?)? {
                        left.push((*partition, place));
                    }
                }
            }
            left.retain(|(_, place)| page.wants(place));
            if left.is_empty() || has_filter && round == ROUNDS {
                break;
            }
            parts = left.iter().map(|(partition, place)| (*partition, self::edge(place))).collect();
        }
        for (_, place) in left {
            page.leave(place);
        }
        let (found, left_at) = page.found();
        Ok(list.page(found, left_at))
    }
}

impl RedisStore {
    fn list_call(&self, list: &ListInquiries, parts: &[Part], end: &str) -> Call {
        let tenant = list.tenant.as_str();
        let first = parts.first().map_or(0, |(partition, _)| *partition);
        let key = self.keys.base(first) + "listed:" + tenant;
        let statuses = list.filter.written().map(|(status, deadline)| {
            let deadline = match deadline {
                Deadline::Any => "any",
                Deadline::Ahead => "ahead",
                Deadline::Behind => "behind",
            };
            format!("{status}={deadline}")
        });
        let templates: Vec<_> = list.filter.templates.iter().map(ToString::to_string).collect();
        // A page's share of a partition, and some more, since none has exactly its share.
        let share = u32::try_from(list.wanted() / 64).unwrap_or(u32::MAX).saturating_add(4);
        let mut call = Call::new(&script::LISTING, Effect::None, &[key])
            .arg(self.keys.prefix())
            .arg(tenant)
            .arg(if list.from.is_backwards() { "ZRANGEBYLEX" } else { "ZREVRANGEBYLEX" })
            .arg(share)
            .arg(share.max(LOOKS))
            .arg(digits(list.now))
            .arg(statuses.collect::<Vec<_>>().join(" "))
            .arg(templates.join("\t"))
            .arg(list.filter.reference.as_ref().map(ToString::to_string).unwrap_or_default())
            .arg(end);
        for (partition, begin) in parts {
            call = call.arg(format!("{partition:02x}")).arg(begin);
        }
        call
    }
}

/// A place as the engine compares it; it is not in the range that it bounds.
fn edge(place: &Cursor) -> String {
    format!("({}/{}", digits(place.created_at), place.inquiry)
}

fn place(member: &str) -> Option<Cursor> {
    let (created_at, inquiry) = member.split_once('/')?;
    Some(Cursor { created_at: instant(created_at)?, inquiry: inquiry.parse().ok()? })
}

fn left_at(member: &str) -> Result<Option<Cursor>, StoreError> {
    if member.is_empty() {
        return Ok(None);
    }
    place(member).map(Some).ok_or_else(|| corrupt("list"))
}

/// An inquiry of a list: its place, and itself.
fn listed(list: &ListInquiries, pair: &[Value]) -> Result<Inquiry, StoreError> {
    let place = place(word(pair, 0)?).ok_or_else(|| corrupt("list"))?;
    let key = InquiryKey { tenant: list.tenant, inquiry: place.inquiry };
    let record = record::inquiry(&key, Fields::of(word(pair, 1)?), Endings::default())?;
    if Cursor::of(&record.inquiry) == place { Ok(record.inquiry) } else { Err(corrupt("list")) }
}
