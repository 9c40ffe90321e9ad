//! Links: issue, list, revoke (L1 to L7).

use super::{
    Service,
    attempt::Attempt,
    plan::new_event,
    request::{IssuedLink, LinkRequest, OnOutstanding},
    taken, unanswered,
};
use crate::{
    error::{DeriveError, IssueError, ReadError, RevokeError},
    event::Revocation,
    id::{InquiryId, LinkId, SessionId},
    link::OneTimeLink,
    redemption::{self, Refusal, Subject, Verdict},
    revocation::Revoke,
    session::InquirySession,
    store::{Inspect, IssueOutcome, LinkName, LinkStore, ListOf, RevokeOutcome},
};

/// How often a code is drawn anew when its place is taken.
const TRIES: u32 = 4;

/// How many links a store is asked for at a time: enough for its fast path, few enough to tell of progress.
const CHUNK: usize = 10_000;

impl<S: LinkStore> Service<S> {
    /// Creates a link, or gives out the one that is outstanding (L5).
    ///
    /// The code is in the answer and nowhere else: a store holds its digest (L3).
    ///
    /// # Errors
    /// [`IssueError::NotOpen`] if the inquiry is not open; it says to resume first where that helps (L1).
    /// [`IssueError::SessionNotLive`] for a hand-off from a dead session. [`IssueError::NeedsKey`],
    /// [`IssueError::NotFound`], [`IssueError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let link = service.issue(LinkRequest::resume(inquiry.id).expires_in(Interval::from_hours(2)?)).await?;
    /// assert!(link.url.expose().starts_with("https://withpersona.com/verify?code="));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn issue(&self, mut request: LinkRequest) -> Result<IssuedLink, IssueError> {
        for _ in 0..TRIES {
            let now = self.planner.now();
            let outstanding = self.planner.outstanding(&request, now)?;
            let (command, code) = self.planner.command(&request, now, outstanding);
            // The outcome is large: it stays where the store put it.
            match self.store.issue(command).await {
                Err(error) => return Err(error.into()),
                Ok(IssueOutcome::Taken) => {}
                Ok(ref outcome) => match self.planner.told_issued(request.inquiry, code, outcome) {
                    // L5: a link whose code cannot be told again does not fit.
                    Err(IssueError::Altered) => request = request.on_outstanding(OnOutstanding::Supersede),
                    answer => return answer,
                },
            }
        }
        Err(IssueError::Store(taken()))
    }

    /// Creates many links; the answers are as many as the requests, in their order, each by itself (S1).
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let nobody = InquiryId::new("inq_nobody")?;
    /// let links = service.issue_many([inquiry.id, nobody].map(LinkRequest::resume)).await;
    /// assert!(matches!(&links[..], [Ok(_), Err(IssueError::NotFound)]));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn issue_many(
        &self,
        requests: impl IntoIterator<Item = LinkRequest>,
    ) -> Vec<Result<IssuedLink, IssueError>> {
        self.issue_many_with_progress(requests, |_, _| {}).await
    }

    /// Creates many links as [`issue_many`](Self::issue_many) does, and tells now and then how many are answered, of
    /// how many in all.
    ///
    /// The requests go to the store ten thousand at a time. If the caller drops the future, what was told is done; of what
    /// follows, nobody can say.
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let requests = (0..12_000).map(|_| LinkRequest::resume(inquiry.id));
    /// let mut told = Vec::new();
    /// let links = service.issue_many_with_progress(requests, |done, of| told.push((done, of))).await;
    /// assert_eq!(links.len(), 12_000);
    /// assert_eq!(told, [(10_000, 12_000), (12_000, 12_000)]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn issue_many_with_progress(
        &self,
        requests: impl IntoIterator<Item = LinkRequest>,
        mut progress: impl FnMut(usize, usize),
    ) -> Vec<Result<IssuedLink, IssueError>> {
        let requests: Vec<_> = requests.into_iter().collect();
        let total = requests.len();
        let mut links = Vec::with_capacity(total);
        for chunk in requests.chunks(CHUNK) {
            self.issue_chunk(chunk, &mut links).await;
            progress(links.len(), total);
        }
        links
    }

    async fn issue_chunk(&self, requests: &[LinkRequest], links: &mut Vec<Result<IssuedLink, IssueError>>) {
        let mut commands = Vec::with_capacity(requests.len());
        let mut plans = Vec::with_capacity(requests.len());
        for request in requests {
            let now = self.planner.now();
            plans.push(self.planner.outstanding(request, now).map(|outstanding| {
                let (command, code) = self.planner.command(request, now, outstanding);
                commands.push(command);
                code
            }));
        }
        let mut outcomes = self.store.issue_many(commands).await.into_iter();
        for (request, plan) in requests.iter().zip(plans) {
            let answer = match plan {
                Ok(code) => match outcomes.next().unwrap_or_else(|| Err(unanswered())) {
                    Ok(IssueOutcome::Taken) => self.issue(request.clone()).await,
                    Ok(outcome) => match self.planner.told_issued(request.inquiry, code, &outcome) {
                        Err(IssueError::Altered) => self.issue(request.clone()).await,
                        answer => answer,
                    },
                    Err(error) => Err(IssueError::Store(error)),
                },
                Err(error) => Err(error),
            };
            links.push(answer);
        }
    }

    /// Gives out an outstanding link again, by its id: its code is derived from its key and its row (L5).
    ///
    /// Whoever is to send links later keeps ids, and no record of theirs holds a code (L3): an outbox of mails, the
    /// answer to a repeated request. It is a read, and yields no event.
    ///
    /// # Errors
    /// [`DeriveError::NotOutstanding`] if a redemption would not be the first use: an old link is not told again.
    /// [`DeriveError::NotDerived`] for a link that was made without a key, or whose key left the ring.
    /// [`DeriveError::NotFound`], [`DeriveError::Altered`], [`DeriveError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = Key::new(KeyId::new(1)?, b"a key that guards nothing at all")?;
    /// let service = Service::builder(MemoryStore::new()).keyring(Keyring::new(key)).build()?;
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// let to_send = (link.inquiry, link.id);
    ///
    /// let again = service.derive(to_send.0, to_send.1).await?;
    /// assert_eq!(again.url.expose(), link.url.expose());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn derive(&self, inquiry: InquiryId, link: LinkId) -> Result<IssuedLink, DeriveError> {
        let now = self.planner.now();
        let named = Inspect { tenant: self.planner.tenant, link: LinkName::Id(inquiry, link) };
        let view = self.store.inspect(named).await?.ok_or(DeriveError::NotFound)?;
        match redemption::peek(&view.subject(), &self.planner.asked(&Attempt::new(), now)) {
            Verdict::Refused(refusal) => Err(DeriveError::NotOutstanding(refusal)),
            Verdict::Replay { first_at, .. } => Err(DeriveError::NotOutstanding(Refusal::Used { first_at })),
            // A claim may be released; until it is committed, the link is unused (D5). Without a key nothing is repeated.
            Verdict::FirstUse | Verdict::Busy { .. } | Verdict::Claimed | Verdict::Repeat => {
                self.planner.derived(&view.link)
            }
        }
    }

    /// The links of an inquiry, newest first, at most `limit`, which is at least 1; those behind `before`, if it is given (L7).
    ///
    /// # Errors
    /// [`ReadError::NotFound`] if there is no such inquiry, [`ReadError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// let links = service.links(inquiry.id, None, 10).await?;
    /// assert_eq!((links[0].id, links[0].uses), (link.id, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn links(
        &self,
        inquiry: InquiryId,
        before: Option<LinkId>,
        limit: u32,
    ) -> Result<Vec<OneTimeLink>, ReadError> {
        let list = ListOf { inquiry: self.key(inquiry), before, limit };
        let listing = self.store.links(list).await?.ok_or(ReadError::NotFound)?;
        let now = self.planner.now();
        let seen = listing.items.iter().map(|item| {
            let (session, parent) = (item.session.as_ref(), item.parent.as_ref());
            OneTimeLink::seen(&Subject { link: &item.link, inquiry: &listing.inquiry, session, parent }, now)
        });
        Ok(seen.collect())
    }

    /// The sessions of an inquiry, newest first, at most `limit`, which is at least 1; those behind `before`, if it is given (D7).
    ///
    /// # Errors
    /// [`ReadError::NotFound`] if there is no such inquiry, [`ReadError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let grant = service.start_session(inquiry.id).await?;
    /// assert_eq!(service.sessions(inquiry.id, None, 10).await?, [grant.session]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sessions(
        &self,
        inquiry: InquiryId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<InquirySession>, ReadError> {
        let list = ListOf { inquiry: self.key(inquiry), before, limit };
        let listing = self.store.sessions(list).await?.ok_or(ReadError::NotFound)?;
        let now = self.planner.now();
        Ok(listing.items.iter().map(|record| InquirySession::seen(record, &listing.inquiry, now)).collect())
    }

    /// Revokes a link, a session, all links, or everything of an inquiry (L6). Doing it again does no harm.
    ///
    /// # Errors
    /// [`RevokeError::NotFound`], [`RevokeError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let stolen = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// assert!(service.revoke(inquiry.id, Revocation::Everything).await?);
    /// let refused = service.redeem(stolen.url.expose(), &Attempt::new()).await?;
    /// assert!(matches!(refused, Redemption::Refused(refused) if refused.reason.name() == "revoked"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The answer is whether this call changed anything.
    pub async fn revoke(&self, inquiry: InquiryId, target: Revocation) -> Result<bool, RevokeError> {
        let now = self.planner.now();
        let command = Revoke { tenant: self.planner.tenant, inquiry, target, now, event: new_event(now) };
        let (events, answer) = match self.store.revoke(command).await? {
            RevokeOutcome::Revoked(events) => (events, Ok(true)),
            RevokeOutcome::Already(events) => (events, Ok(false)),
            RevokeOutcome::NotFound(events) => (events, Err(RevokeError::NotFound)),
        };
        self.planner.tell(&events, inquiry);
        answer
    }
}
