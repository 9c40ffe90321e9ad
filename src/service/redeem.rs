//! Redeeming: peek, redeem, claim, commit, release, diagnose (D1 to D9).

use super::{
    Service,
    answer::peeked,
    attempt::{Attempt, Claim, Claiming, Diagnosis, Peek, Redemption},
    lease::LeaseTime,
    plan::{Unreadable, refused},
};
use crate::{
    link::OneTimeLink,
    redemption::{Refusal, Released, Verdict},
    session::InquirySession,
    store::{LinkStore, StoreError},
};

impl<S: LinkStore> Service<S> {
    /// Tells whether a redemption would succeed; a pure read (D3).
    ///
    /// Mail scanners and chat previews fetch every link: let GET and HEAD peek, and let a POST that a person
    /// causes redeem.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// for _fetch in 0..4 {
    ///     assert!(matches!(service.peek(link.url.expose(), &Attempt::new()).await?, Peek::WouldGrant(_)));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn peek(&self, presented: &str, attempt: &Attempt) -> Result<Peek, StoreError> {
        let now = self.planner.now();
        let reading = match self.planner.read(presented, now) {
            Ok(reading) => reading,
            Err(unreadable) => {
                let refused = Peek::Refused(refused(unreadable.for_redemption()));
                return Ok(peeked(refused, None, now).told(&self.planner));
            }
        };
        let view = self.store.inspect(self.planner.inspect(&reading)).await?;
        let asked = self.planner.asked(attempt, now);
        Ok(self.planner.peek(&reading, &asked, view.as_ref()).told(&self.planner))
    }

    /// Redeems what a person presented, a URL or a bare code: of any number of attempts one is the first use (D1).
    ///
    /// Dropped in flight it may have happened: the same attempt, with its key, gets the answer again (D6).
    ///
    /// # Errors
    /// [`StoreError`], which says whether to ask again. A refusal is no error.
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// # let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// match service.redeem(link.url.expose(), &Attempt::new()).await? {
    ///     Redemption::Granted(grant) => println!("go on with {} in {}", grant.inquiry.id, grant.session.id),
    ///     Redemption::Busy { until } => println!("try again at {until}"),
    ///     Redemption::Refused(refused) => println!("no: {}", refused.reason),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn redeem(&self, presented: &str, attempt: &Attempt) -> Result<Redemption, StoreError> {
        let (reading, now) = match self.planner.presented(presented) {
            Ok(read) => read,
            Err(refused) => return Ok(self.planner.told_refused(refused)),
        };
        let (command, kept) = self.planner.attempt(reading, attempt, None, now);
        // The outcome is large: it stays where the store put it.
        match self.store.redeem(command).await {
            Ok(ref outcome) => Ok(self.planner.told(kept, now, outcome.as_ref())),
            Err(error) => Err(error),
        }
    }

    /// Holds the link while the application does work that may fail, for the service's lease (D5).
    ///
    /// # Errors
    /// [`StoreError`]. A refusal is no error.
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// # let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// # fn prepare_the_page() -> bool { true }
    /// if let Claiming::Claimed(claim) = service.claim(link.url.expose(), &Attempt::new()).await? {
    ///     if prepare_the_page() {
    ///         assert!(matches!(service.commit(&claim).await?, Redemption::Granted(_)));
    ///     } else {
    ///         service.release(&claim).await?; // the link is as it was
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn claim(&self, presented: &str, attempt: &Attempt) -> Result<Claiming, StoreError> {
        self.claim_for(presented, attempt, self.planner.lease).await
    }

    /// Holds the link as [`claim`](Self::claim) does, with a lease of its own.
    ///
    /// # Errors
    /// [`StoreError`]. A refusal is no error.
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// # let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// let lease = LeaseTime::new(Interval::from_minutes(2)?)?;
    /// let claiming = service.claim_for(link.url.expose(), &Attempt::new(), lease).await?;
    /// assert!(matches!(claiming, Claiming::Claimed(_)));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn claim_for(
        &self,
        presented: &str,
        attempt: &Attempt,
        lease: LeaseTime,
    ) -> Result<Claiming, StoreError> {
        let (reading, now) = match self.planner.presented(presented) {
            Ok(read) => read,
            Err(refused) => return Ok(self.planner.told_refused(refused)),
        };
        let (command, kept) = self.planner.attempt(reading, attempt, Some(lease), now);
        // The outcome is large: it stays where the store put it.
        match self.store.redeem(command).await {
            Ok(ref outcome) => Ok(self.planner.told(kept, now, outcome.as_ref())),
            Err(error) => Err(error),
        }
    }

    /// Makes a claim the first use (D5). It can be called again after a fault: the answer is the same.
    ///
    /// # Errors
    /// [`StoreError`]. A refusal is no error.
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// # let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// # let Claiming::Claimed(claim) = service.claim(link.url.expose(), &Attempt::new()).await? else { panic!() };
    /// let Redemption::Granted(first) = service.commit(&claim).await? else { panic!() };
    /// let Redemption::Granted(again) = service.commit(&claim).await? else { panic!() };
    /// assert_eq!(first.session.id, again.session.id);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn commit(&self, claim: &Claim) -> Result<Redemption, StoreError> {
        let plan = self.planner.commit(claim);
        let outcome = self.store.commit(plan.command()).await?;
        Ok(self.planner.finish_commit(plan, outcome).told(&self.planner))
    }

    /// Gives a claimed link back, as it was (D5). A lease that runs out does so by itself.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// # let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// # let Claiming::Claimed(claim) = service.claim(link.url.expose(), &Attempt::new()).await? else { panic!() };
    /// assert_eq!(service.release(&claim).await?, Released::Released);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn release(&self, claim: &Claim) -> Result<Released, StoreError> {
        let released = self.store.release(self.planner.release(claim)).await?;
        Ok(released.unwrap_or(Released::NotHeld))
    }

    /// Everything that is known of what somebody pasted; nothing is consumed, and no event told (D9).
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// # let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    /// service.complete(service.start(inquiry.id).await?.id).await?;
    /// let diagnosis = service.diagnose(link.url.expose()).await?;
    /// assert_eq!(diagnosis.refusal.map(|refusal| refusal.name()), Some("inquiry-closed"));
    /// assert_eq!(diagnosis.link.map(|link| link.id), Some(link.id));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn diagnose(&self, presented: &str) -> Result<Diagnosis, StoreError> {
        let now = self.planner.now();
        let unknown = Diagnosis {
            unreadable: None,
            refusal: Some(Refusal::Unknown),
            link: None,
            inquiry: None,
            session: None,
        };
        let reading = match self.planner.read(presented, now) {
            Ok(reading) => reading,
            Err(Unreadable::KeyRetired) => {
                return Ok(Diagnosis { refusal: Some(Refusal::KeyRetired), ..unknown });
            }
            Err(Unreadable::Mangled(error)) => {
                let unreadable = Some(error.to_string());
                return Ok(Diagnosis { unreadable, refusal: Some(Refusal::Mangled), ..unknown });
            }
        };
        let Some(view) = self.store.inspect(self.planner.inspect(&reading)).await? else {
            return Ok(unknown);
        };
        let asked = self.planner.asked(&Attempt::new(), now);
        let refusal = match self.planner.verdict(&reading, &asked, &view) {
            Verdict::Refused(refusal) => Some(refusal),
            _ => None,
        };
        Ok(Diagnosis {
            unreadable: None,
            refusal,
            link: Some(OneTimeLink::seen(&view.subject(), now)),
            inquiry: Some(view.inquiry.inquiry.as_of(now)),
            session: view.session.as_ref().map(|session| InquirySession::seen(session, &view.inquiry, now)),
        })
    }
}
