//! Sessions: start one without a link, and ask whether one is live (D7).

use super::{
    Service,
    attempt::{Grant, GrantKind},
    plan::new_event,
};
use crate::{
    error::{ReadError, SessionError},
    id::{InquiryId, SessionId},
    secret::{SessionToken, random_array},
    session::{InquirySession, StartSession},
    store::{LinkStore, SessionKey},
};

impl<S: LinkStore> Service<S> {
    /// Starts a session without a link, as an application does that knows the person otherwise (D7).
    ///
    /// # Errors
    /// [`SessionError::Refused`] if the inquiry is not open, or may start no more (E6): then it expires.
    /// [`SessionError::NotFound`], [`SessionError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let grant = service.start_session(inquiry.id).await?;
    /// let handoff = service.issue(LinkRequest::device_handoff(inquiry.id, grant.session.id)).await?;
    /// assert_eq!(handoff.purpose, Purpose::DeviceHandoff);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start_session(&self, inquiry: InquiryId) -> Result<Grant, SessionError> {
        let now = self.planner.now();
        let token = SessionToken::random();
        let command = StartSession {
            tenant: self.planner.tenant,
            inquiry,
            now,
            session: SessionId::from_parts(now, random_array()),
            token: token.digest(&self.planner.tenant),
            event: new_event(now),
        };
        let started = self.store.start_session(command).await?.ok_or(SessionError::NotFound)?;
        self.planner.tell(&started.events, inquiry);
        let session = started.session?;
        Ok(Grant { kind: GrantKind::Started, link: None, inquiry: started.inquiry, session, token })
    }

    /// The session, and whether it is live (D7).
    ///
    /// # Errors
    /// [`ReadError::NotFound`], [`ReadError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// # let grant = service.start_session(inquiry.id).await?;
    /// assert!(service.session(inquiry.id, grant.session.id).await?.live);
    /// service.expire(inquiry.id).await?;
    /// assert!(!service.session(inquiry.id, grant.session.id).await?.live);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn session(&self, inquiry: InquiryId, session: SessionId) -> Result<InquirySession, ReadError> {
        let key = SessionKey { tenant: self.planner.tenant, inquiry, session };
        let view = self.store.session(key).await?.ok_or(ReadError::NotFound)?;
        Ok(InquirySession::seen(&view.session, &view.inquiry, self.planner.now()))
    }

    /// The session, if it is live and the token is one of its newest four; nothing otherwise (D7).
    ///
    /// # Errors
    /// [`ReadError::Store`] only: a session that is not known is no error here.
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let grant = service.start_session(inquiry.id).await?;
    /// let cookie = grant.token.expose(); // what the browser brings back
    /// let token = SessionToken::parse(cookie.as_str())?;
    /// assert!(service.authenticate(inquiry.id, grant.session.id, &token).await?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn authenticate(
        &self,
        inquiry: InquiryId,
        session: SessionId,
        token: &SessionToken,
    ) -> Result<Option<InquirySession>, ReadError> {
        let key = SessionKey { tenant: self.planner.tenant, inquiry, session };
        let Some(view) = self.store.session(key).await? else {
            return Ok(None);
        };
        let known = view.session.tokens.contains(&token.digest(&self.planner.tenant));
        let session = InquirySession::seen(&view.session, &view.inquiry, self.planner.now());
        // Public: whether it is one of its tokens.
        Ok((known && session.live).then_some(session))
    }
}
