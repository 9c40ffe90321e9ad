//! A store behind a service, as a candidate.

use std::{collections::VecDeque, fmt, num::NonZeroU32, time::Duration};

use super::{
    candidate::{BenchError, Candidate, Timed},
    clock::Moved,
    fill::Fill,
    purge::{self, Purging},
    share,
    stopwatch::Stopwatch,
    work::{Load, Work},
};
use crate::{
    blocking::BlockOn,
    clock::Clock,
    event::Revocation,
    id::{InquiryId, TemplateId},
    keyring::{Key, KeyId, Keyring},
    memory::MemoryStore,
    policy::ExpirationPolicy,
    service::{Attempt, Claiming, LinkRequest, NewInquiry, OnOutstanding, Peek, Redemption, Service},
    store::{Housekeeping, LinkStore},
    time::Interval,
    url::LinkUrl,
};

/// A store, put behind a [`Service`] with all rules on and filled with links; a [`Candidate`].
///
/// Batches work on live links that were created long before, oldest first; what they create takes their place. So the
/// number of links that are live stays nearly the same.
pub struct Subject<S, B> {
    name: String,
    service: Service<S>,
    block_on: B,
    clock: Moved,
    stock: VecDeque<Live>,
    unknown: Service<MemoryStore>,
    purge: Option<Purging<S, B>>,
    recycled: usize,
}

/// A live link, and its inquiry.
struct Live {
    inquiry: InquiryId,
    url: LinkUrl,
}

impl<S: LinkStore, B: BlockOn + Sync> Subject<S, B> {
    /// Fills the store and puts it behind a service. Links outlive the run, and each creation leaves earlier ones alone.
    ///
    /// # Errors
    /// [`BenchError`] if the store cannot be filled.
    pub fn new(name: &str, store: S, block_on: B, fill: &Fill) -> Result<Self, BenchError> {
        let clock = Moved::default();
        let service = service(store, fill.keyed, &clock)?;
        let unknown = service_of_others(fill.keyed, &clock)?;
        let stock = VecDeque::with_capacity(fill.stock.saturating_add(1));
        let name = name.to_owned();
        let mut subject =
            Self { name, service, block_on, clock, stock, unknown, purge: None, recycled: fill.recycled };
        subject.fill(fill)?;
        Ok(subject)
    }

    /// The service, for measurements of one's own.
    pub const fn service(&self) -> &Service<S> {
        &self.service
    }

    fn fill(&mut self, fill: &Fill) -> Result<(), BenchError> {
        const CHUNK: usize = 10_000;
        let every = fill.live.checked_div(fill.stock).unwrap_or_default().max(1);
        let mut left = fill.live;
        let mut since = 0_usize;
        while 0 < left {
            let links = left.min(CHUNK);
            left = left.saturating_sub(links);
            let inquiries = self.inquiries(links.div_ceil(fill.each), fill.tasks)?;
            // Links of one inquiry are not neighbours: people do not ask twice in a row.
            let requests = (0..fill.each).flat_map(|_| &inquiries).take(links).copied();
            let requests: Vec<_> = requests.map(LinkRequest::resume).collect();
            for link in self.block_on.block_on(self.service.issue_many(requests)) {
                let link = link?;
                since = since.saturating_add(1);
                if every <= since && self.stock.len() < fill.stock {
                    since = 0;
                    self.stock.push_back(Live { inquiry: link.inquiry, url: link.url });
                }
            }
        }
        Ok(())
    }

    fn inquiries(&self, count: usize, tasks: usize) -> Result<Vec<InquiryId>, BenchError> {
        let template =
            TemplateId::new("itmpl_bench").map_err(|error| BenchError::Other(error.to_string()))?;
        let inputs = vec![(); count];
        let (_, created) = share::run(&self.block_on, Load::new(count).tasks(tasks), &inputs, async |()| {
            Ok(self.service.create(NewInquiry::from_template(template)).await?.id)
        })?;
        Ok(created)
    }

    /// The oldest links that are live.
    fn take(&mut self, count: usize) -> Result<Vec<Live>, BenchError> {
        if self.stock.len() < count {
            return Err(BenchError::Other(format!("a batch of {count} needs a stock of as many links")));
        }
        Ok(self.stock.drain(..count).collect())
    }

    /// New links for the inquiries of those, in time.
    fn issue(&self, load: Load, links: &[Live]) -> Result<(Duration, Vec<LinkUrl>), BenchError> {
        share::run(&self.block_on, load, links, async |live| {
            Ok(self.service.issue(LinkRequest::resume(live.inquiry)).await?.url)
        })
    }

    fn redeem(&self, load: Load, links: &[Live]) -> Result<Duration, BenchError> {
        let attempt = Attempt::new();
        let (took, _) = share::run(&self.block_on, load, links, async |live| {
            match self.service.redeem(live.url.expose(), &attempt).await? {
                Redemption::Granted(_) => Ok(()),
                other => Err(BenchError::answer(Work::Redeem, &other)),
            }
        })?;
        Ok(took)
    }

    fn refuse(&self, work: Work, load: Load, presented: &[String]) -> Result<Duration, BenchError> {
        let attempt = Attempt::new();
        let (took, _) = share::run(&self.block_on, load, presented, async |presented| {
            match self.service.redeem(presented, &attempt).await? {
                Redemption::Refused(_) => Ok(()),
                other => Err(BenchError::answer(work, &other)),
            }
        })?;
        Ok(took)
    }

    /// Puts back what is live: the links in `links` if they still are, otherwise their successors.
    fn put_back(&mut self, links: Vec<Live>, successors: Vec<LinkUrl>) {
        self.stock.extend(links.into_iter().zip(successors).map(|(old, url)| Live { url, ..old }));
    }

    fn turnover(&mut self, load: Load) -> Result<Duration, BenchError> {
        let links = self.take(load.calls)?;
        let (issued, successors) = self.issue(load, &links)?;
        let redeemed = self.redeem(load, &links)?;
        self.put_back(links, successors);
        Ok(issued.saturating_add(redeemed))
    }

    fn one_phase(&mut self, work: Work, load: Load) -> Result<Duration, BenchError> {
        let links = self.take(load.calls)?;
        let (issued, successors) = self.issue(load, &links)?;
        let took = match work {
            Work::Redeem => self.redeem(load, &links)?,
            Work::ClaimAndCommit => self.claim_and_commit(load, &links)?,
            Work::Used => {
                let presented: Vec<_> = links.iter().map(|live| live.url.expose().to_owned()).collect();
                self.redeem(Load::new(load.calls), &links)?;
                self.refuse(work, load, &presented)?
            }
            Work::IssueMany => self.issue_many(&links)?,
            _ => issued,
        };
        self.put_back(links, successors);
        Ok(took)
    }

    fn claim_and_commit(&self, load: Load, links: &[Live]) -> Result<Duration, BenchError> {
        let attempt = Attempt::new();
        let (took, _) = share::run(&self.block_on, load, links, async |live| {
            let claim = match self.service.claim(live.url.expose(), &attempt).await? {
                Claiming::Claimed(claim) => claim,
                other => return Err(BenchError::answer(Work::ClaimAndCommit, &other)),
            };
            match self.service.commit(&claim).await? {
                Redemption::Granted(_) => Ok(()),
                other => Err(BenchError::answer(Work::ClaimAndCommit, &other)),
            }
        })?;
        Ok(took)
    }

    fn issue_many(&self, links: &[Live]) -> Result<Duration, BenchError> {
        let requests: Vec<_> = links.iter().map(|live| LinkRequest::resume(live.inquiry)).collect();
        let begun = Stopwatch::start();
        let issued = self.block_on.block_on(self.service.issue_many(requests));
        let took = begun.until(Stopwatch::start());
        issued.into_iter().try_for_each(|link| link.map(drop))?;
        Ok(took)
    }

    fn peek(&mut self, load: Load) -> Result<Duration, BenchError> {
        let links = self.take(load.calls)?;
        let attempt = Attempt::new();
        let (took, _) = share::run(&self.block_on, load, &links, async |live| {
            match self.service.peek(live.url.expose(), &attempt).await? {
                Peek::WouldGrant(_) => Ok(()),
                other => Err(BenchError::answer(Work::Peek, &other)),
            }
        })?;
        self.stock.extend(links);
        Ok(took)
    }

    /// Texts that are refused without a look at a link that is live.
    fn refused(&mut self, work: Work, load: Load) -> Result<Duration, BenchError> {
        let inquiries = self.inquiries(1, 1)?;
        let presented: Vec<String> = match work {
            Work::Mangled => {
                let links = self.stock.iter().cycle().take(load.calls);
                links.map(|live| mangled(live.url.expose())).collect()
            }
            Work::Expired => {
                self.clock.days_ago(1);
                let inquiries = self.inquiries(1, 1)?;
                let requests = inquiries.iter().cycle().take(load.calls);
                let requests: Vec<_> =
                    requests.map(|id| LinkRequest::resume(*id).expires_in(Interval::SECOND)).collect();
                let links = self.block_on.block_on(self.service.issue_many(requests));
                self.clock.days_ago(0);
                let urls = links.into_iter().map(|link| Ok(link?.url.expose().to_owned()));
                urls.collect::<Result<_, BenchError>>()?
            }
            _ => {
                let requests = inquiries.iter().cycle().take(load.calls);
                let requests: Vec<_> = requests.map(|id| LinkRequest::resume(*id)).collect();
                let known = crate::blocking::ParkThread.block_on(async {
                    for inquiry in &inquiries {
                        let template = TemplateId::new("itmpl_bench");
                        let template = template.map_err(|error| BenchError::Other(error.to_string()))?;
                        let new = NewInquiry::from_template(template).with_id(*inquiry);
                        self.unknown.create(new).await?;
                    }
                    Ok::<_, BenchError>(self.unknown.issue_many(requests).await)
                })?;
                let urls = known.into_iter().map(|link| Ok(link?.url.expose().to_owned()));
                urls.collect::<Result<_, BenchError>>()?
            }
        };
        self.refuse(work, load, &presented)
    }

    fn revoke_all(&mut self, load: Load) -> Result<Duration, BenchError> {
        let inquiries = self.inquiries(load.calls, load.tasks)?;
        let requests: Vec<_> = inquiries.iter().copied().map(LinkRequest::resume).collect();
        let links = self.block_on.block_on(self.service.issue_many(requests));
        links.into_iter().try_for_each(|link| link.map(drop))?;
        let (took, _) = share::run(&self.block_on, load, &inquiries, async |inquiry| {
            if self.service.revoke(*inquiry, Revocation::AllLinks).await? {
                Ok(())
            } else {
                Err(BenchError::answer(Work::RevokeAll, &"nothing to revoke"))
            }
        })?;
        Ok(took)
    }

    /// Links that were created and redeemed a hundred days ago, and what it takes to remove them.
    fn purge(&mut self, count: usize, purge: Purging<S, B>) -> Result<Duration, BenchError> {
        self.clock.days_ago(100);
        let inquiries = self.inquiries(count, 1)?;
        let mut links = Vec::with_capacity(count);
        let requests: Vec<_> = inquiries.into_iter().map(LinkRequest::resume).collect();
        for link in self.block_on.block_on(self.service.issue_many(requests)) {
            let link = link?;
            links.push(Live { inquiry: link.inquiry, url: link.url });
        }
        self.redeem(Load::new(count), &links)?;
        self.clock.days_ago(0);
        let now = self.clock.now();
        let begun = Stopwatch::start();
        let removed = purge(self.service.store(), &self.block_on, now)?;
        let took = begun.until(Stopwatch::start());
        purge::expected(removed, count)?;
        Ok(took)
    }
}

impl<S: LinkStore + Housekeeping, B: BlockOn + Sync> Subject<S, B> {
    /// The same with [`Work::Purge`], for a store with housekeeping. What [`Fill::recycled`] asks for is done here.
    ///
    /// # Errors
    /// [`BenchError`].
    pub fn with_purge(mut self) -> Result<Self, BenchError> {
        self.purge = Some(purge::purge::<S, B>);
        if 0 < self.recycled {
            self.purge(self.recycled, purge::purge::<S, B>)?;
        }
        Ok(self)
    }
}

impl<S: LinkStore, B: BlockOn + Sync> Candidate for Subject<S, B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&mut self, work: Work, load: Load) -> Result<Timed, BenchError> {
        let took = match work {
            Work::Turnover => self.turnover(load)?,
            Work::Issue | Work::Redeem | Work::Used | Work::ClaimAndCommit | Work::IssueMany => {
                self.one_phase(work, load)?
            }
            Work::Peek => self.peek(load)?,
            Work::Mangled | Work::Unknown | Work::Expired => self.refused(work, load)?,
            Work::RevokeAll => self.revoke_all(load)?,
            Work::Purge => match self.purge {
                Some(purge) => self.purge(load.calls, purge)?,
                None => return Ok(Timed::Cannot),
            },
        };
        Ok(Timed::Took(took))
    }
}

impl<S, B> fmt::Debug for Subject<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All rules on, windows that outlast the run, and each creation leaves earlier links alone.
fn service<S: LinkStore>(store: S, keyed: bool, clock: &Moved) -> Result<Service<S>, BenchError> {
    let policy = ExpirationPolicy::default()
        .with_after_create(Interval::DAY.times(3))
        .with_after_resume(Interval::DAY.times(2))
        .with_session_limit(NonZeroU32::MAX);
    let builder =
        Service::builder(store).clock(clock.clone()).policy(policy).on_outstanding(OnOutstanding::Keep);
    let other = |error: &dyn fmt::Display| BenchError::Other(error.to_string());
    let builder = if keyed {
        // One key for all services of a run: which bytes it has does not matter.
        let key =
            Key::new(KeyId::new(1).map_err(|error| other(&error))?, b"a key that guards nothing at all");
        builder.keyring(Keyring::new(key.map_err(|error| other(&error))?))
    } else {
        builder
    };
    builder.build().map_err(|error| other(&error))
}

/// Makes codes of good form that the subject's store has never heard of.
fn service_of_others(keyed: bool, clock: &Moved) -> Result<Service<MemoryStore>, BenchError> {
    service(MemoryStore::new(), keyed, clock)
}

/// The same with another symbol in the middle of its code.
fn mangled(url: &str) -> String {
    let at = url.len().saturating_sub(9);
    let other = if url.get(at..).is_some_and(|rest| rest.starts_with('7')) { "8" } else { "7" };
    let (front, back) = url.split_at_checked(at).unwrap_or_default();
    format!("{front}{other}{}", back.get(1..).unwrap_or_default())
}
