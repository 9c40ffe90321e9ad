//! Many links, and what the store says of them afterwards.

use std::{
    collections::HashMap,
    fs, io,
    num::NonZeroU32,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use inquiry_otl::{
    ExpirationPolicy, InquiryId, InquirySession, LinkId, LinkRequest, LinkStore, NewInquiry, OnOutstanding,
    OneTimeLink, ReadError, Retry, Service, SessionId, TemplateId,
};
use tokio::time::sleep;

use super::PATIENCE;

/// So many links per inquiry: some contention for each of them, and many of them.
const PER_INQUIRY: usize = 100;

/// A link, and what redeems it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) id: LinkId,
    pub(super) inquiry: InquiryId,
    pub(super) code: String,
}

/// A service for links that do not end one another, of inquiries that start as many sessions as there are links.
pub(super) fn service<S: LinkStore>(store: S) -> Arc<Service<S>> {
    let policy = ExpirationPolicy::default().with_session_limit(NonZeroU32::MAX);
    let builder = Service::builder(store).policy(policy).on_outstanding(OnOutstanding::Keep);
    Arc::new(builder.build().expect("parts that go together"))
}

/// Creates inquiries, and so many links in bulk.
pub(super) async fn issue<S: LinkStore>(service: &Service<S>, count: usize) -> Vec<Issued> {
    let template = TemplateId::new("itmpl_faults").unwrap();
    let mut requests = Vec::with_capacity(count);
    while requests.len() < count {
        let inquiry = service.create(NewInquiry::from_template(template)).await.expect("an inquiry");
        let some = PER_INQUIRY.min(count - requests.len());
        requests.extend((0..some).map(|_| LinkRequest::resume(inquiry.id)));
    }
    let links = service.issue_many(requests).await.into_iter().map(|link| {
        let link = link.expect("a link");
        Issued { id: link.id, inquiry: link.inquiry, code: link.code.expose().as_str().to_owned() }
    });
    links.collect()
}

/// Writes links to a file, for another process.
pub(super) fn write(path: &Path, links: &[Issued]) -> io::Result<()> {
    let rows = links.iter().map(|link| format!("{} {} {}\n", link.id, link.inquiry, link.code));
    fs::write(path, rows.collect::<String>())
}

/// Reads what [`write`] wrote.
pub(super) fn read(path: &Path) -> io::Result<Vec<Issued>> {
    let text = fs::read_to_string(path)?;
    let links = text.lines().map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        Issued {
            id: words[0].parse().unwrap(),
            inquiry: InquiryId::new(words[1]).unwrap(),
            code: words[2].to_owned(),
        }
    });
    Ok(links.collect())
}

/// What the store holds of links: how often each was used, its session, and all sessions that say to be its own.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) links: HashMap<LinkId, Kept>,
    pub(super) sessions: HashMap<LinkId, Vec<SessionId>>,
}

/// What the store holds of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) uses: u32,
    pub(super) session: Option<SessionId>,
}

impl Books {
    /// Reads all links and sessions of the inquiries of these links.
    pub(super) async fn of<S: LinkStore>(service: &Service<S>, issued: &[Issued]) -> Self {
        let mut books = Self::default();
        let mut inquiries: Vec<_> = issued.iter().map(|link| link.inquiry).collect();
        inquiries.dedup();
        for inquiry in inquiries {
            let mut before = None;
            loop {
                let page: Vec<OneTimeLink> =
                    patiently(async || service.links(inquiry, before, 500).await).await;
                let Some(last) = page.last() else { break };
                before = Some(last.id);
                books.links.extend(
                    page.iter().map(|link| (link.id, Kept { uses: link.uses, session: link.session })),
                );
            }
            let mut before = None;
            loop {
                let page: Vec<InquirySession> =
                    patiently(async || service.sessions(inquiry, before, 500).await).await;
                let Some(last) = page.last() else { break };
                before = Some(last.id);
                for session in &page {
                    let link = session.link.expect("a session that a link started");
                    books.sessions.entry(link).or_default().push(session.id);
                }
            }
        }
        books
    }

    /// What is wrong with a link that must have been used once, in that session.
    pub(super) fn used_once(&self, link: LinkId, session: SessionId) -> Result<(), String> {
        let kept = self.links.get(&link).ok_or_else(|| format!("{link} is lost"))?;
        if *kept != (Kept { uses: 1, session: Some(session) }) {
            return Err(format!("{link} opened {session}, and the store holds {kept:?}"));
        }
        match self.sessions.get(&link).map(Vec::as_slice) {
            Some([only]) if *only == session => Ok(()),
            other => Err(format!("{link} opened {session}, and the store holds the sessions {other:?}")),
        }
    }
}

/// Reads, and reads again where a connection was lost in a fault that is over.
async fn patiently<T>(read: impl AsyncFn() -> Result<T, ReadError>) -> T {
    let began = Instant::now();
    loop {
        match read().await {
            Err(ReadError::Store(error)) if error.retry() == Retry::Safe && began.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(20)).await;
            }
            answer => return answer.expect("what is kept of an inquiry"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Links that are in no store.
    pub(in crate::faults) fn links(count: u8) -> Vec<Issued> {
        let inquiry = InquiryId::new("inq_1").unwrap();
        (0..count).map(|n| Issued { id: LinkId::from_u128(n.into()), inquiry, code: String::new() }).collect()
    }

    /// A session for each of them.
    pub(in crate::faults) fn ids(links: &[Issued]) -> Vec<(LinkId, SessionId)> {
        links.iter().map(|link| (link.id, SessionId::from_u128(link.id.as_u128()))).collect()
    }

    /// Books that say the same.
    pub(in crate::faults) fn books(used: &[(LinkId, SessionId)]) -> Books {
        Books {
            links: used
                .iter()
                .map(|(link, session)| (*link, Kept { uses: 1, session: Some(*session) }))
                .collect(),
            sessions: used.iter().map(|(link, session)| (*link, vec![*session])).collect(),
        }
    }
}
