//! A service with links, claims and sessions, and its store beside it.

use std::{
    error::Error,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use inquiry_otl::{
    Attempt, Claim, Claiming, CodeFormat, ExpirationPolicy, Grace, Grant, InquiryId, IssuedLink, Key, KeyId,
    Keyring, LinkRequest, MemoryStore, NewInquiry, OnOutstanding, Redemption, Service, TemplateId,
};

/// What a path comes to: nothing, or why it did not get through.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// A service, and the store behind it.
#[derive(Debug)]
pub struct Stage {
    /// What an application calls.
    pub service: Service<&'static MemoryStore>,
    /// What it stands on.
    pub store: &'static MemoryStore,
    /// An open inquiry.
    pub inquiry: InquiryId,
}

impl Stage {
    /// A service without a key.
    ///
    /// # Errors
    /// None that is expected.
    pub fn unkeyed() -> Outcome<Self> {
        Self::new(CodeFormat::default(), None)
    }

    /// A service with a key.
    ///
    /// # Errors
    /// None that is expected.
    pub fn keyed() -> Outcome<Self> {
        Self::new(CodeFormat::default(), Some(Key::random(KeyId::new(7)?)))
    }

    /// A service for codes of a format, with or without a key.
    ///
    /// # Errors
    /// None that is expected.
    pub fn new(codes: CodeFormat, key: Option<Key>) -> Outcome<Self> {
        // It lives as long as the program, which has one purpose.
        let store: &'static MemoryStore = Box::leak(Box::default());
        let policy = ExpirationPolicy::default().with_grace(Grace::persona());
        let builder =
            Service::builder(store).code_format(codes).policy(policy).on_outstanding(OnOutstanding::Keep);
        let service = match key {
            Some(key) => builder.keyring(Keyring::new(key)).build()?,
            None => builder.build()?,
        };
        let template = TemplateId::new("itmpl_timing")?;
        let inquiry = Self::wait(service.create(NewInquiry::from_template(template)))?.id;
        Ok(Self { service, store, inquiry })
    }

    /// The output of a future of this store, which waits for nothing.
    pub fn wait<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return output;
            }
        }
    }

    /// A new link.
    ///
    /// # Errors
    /// None that is expected.
    pub fn link(&self) -> Outcome<IssuedLink> {
        Ok(Self::wait(self.service.issue(LinkRequest::resume(self.inquiry)))?)
    }

    /// What a first use of a link grants.
    ///
    /// # Errors
    /// If it grants nothing.
    pub fn granted(&self, link: &IssuedLink, attempt: &Attempt) -> Outcome<Grant> {
        match Self::wait(self.service.redeem(link.url.expose(), attempt))? {
            Redemption::Granted(grant) => Ok(grant),
            answer => Err(format!("a live link was answered with {answer:?}").into()),
        }
    }

    /// A claim on a new link.
    ///
    /// # Errors
    /// If it cannot be claimed.
    pub fn claimed(&self) -> Outcome<Claim> {
        let link = self.link()?;
        match Self::wait(self.service.claim(link.url.expose(), &Attempt::new()))? {
            Claiming::Claimed(claim) => Ok(claim),
            answer => Err(format!("a live link was answered with {answer:?}").into()),
        }
    }
}

/// The secret symbols of a code at the end of a text: all but the first, which is the key's number.
#[must_use]
pub fn symbols(text: &str, format: &CodeFormat) -> (usize, usize) {
    (text.len().saturating_sub(format.symbols().saturating_sub(1)), text.len())
}
