//! One-time links that take a person back into an identity inquiry: once, until they expire.
//!
//! A person verifies their identity in an *inquiry* and loses access: it expired, the tab was closed, the link
//! was lost. Support staff or an API call *resumes* the inquiry and sends a link like
//! `https://withpersona.com/verify?code=…`. This library makes such links and redeems them. It promises:
//!
//! - **One first use.** Of any number of simultaneous attempts on a link exactly one is the first use.
//! - **No code at rest.** A store holds digests, and nothing from which alone a code can be computed.
//! - **Dead is dead.** When an inquiry expires or is closed, all its links and sessions die in that same step,
//!   and no resume revives them.
//! - **Every answer has a reason**, typed, for you and your support staff; the person gets one message for all.
//!
//! ```
//! use inquiry_otl::{Attempt, LinkRequest, MemoryStore, NewInquiry, Redemption, Service, TemplateId};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = Service::new(MemoryStore::new());
//! let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
//! let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
//!
//! let pasted = link.url.expose(); // as the person presents it
//! let Redemption::Granted(grant) = service.redeem(pasted, &Attempt::new()).await? else { panic!() };
//! assert_eq!(grant.inquiry.id, inquiry.id);
//!
//! let Redemption::Refused(refused) = service.redeem(pasted, &Attempt::new()).await? else { panic!() };
//! assert_eq!(refused.reason.name(), "used");
//! # Ok(())
//! # }
//! ```
//!
//! # The life of a link
//!
//! ```text
//!              issue                          redeem
//!  (no link) ─────────▶ outstanding ──────────────────────────▶ used
//!                         │      ▲                            ▲ │  ▲ │
//!                   claim │      │ release,                   │ │  └─┘ replayed, in a grace: same session
//!                         ▼      │ or the lease ran out       │ │
//!                       claimed ─┘                            │ └─▶ repeated, by the same attempt: same session
//!                         │                                   │
//!                         └───────────────────────────────────┘
//!                                        commit
//! ```
//!
//! What kills it, and what goes along:
//!
//! | What happens | An unused link | A used link | Its session |
//! | --- | --- | --- | --- |
//! | its own expiry | dies | is replayed and repeated as before | lives |
//! | a newer link supersedes it | dies | is no longer replayed, still repeated | lives |
//! | it is revoked, by itself or with all links | dies | dies | lives |
//! | its session is revoked | – | dies | dies |
//! | the session that made it is revoked (hand-off) | dies | dies | lives |
//! | everything is revoked | dies | dies | dies |
//! | the inquiry expires, completes, fails or is redacted | dies | dies | dies |
//! | the inquiry is resumed after it expired | stays dead | stays dead | stays dead |
//! | the inquiry is started, or resumed while open | lives | as before | lives |
//!
//! # Types by task
//!
//! | I want to … | Use |
//! | --- | --- |
//! | create an inquiry, read it | [`NewInquiry`], [`Service::create`], [`Service::inquiry`] |
//! | bring an expired inquiry back | [`Service::resume`] |
//! | record what became of it | [`Service::start`], [`complete`](Service::complete), [`fail`](Service::fail), [`approve`](Service::approve) … |
//! | make a link | [`LinkRequest`], [`Service::issue`], [`IssuedLink`]; many at once: [`Service::issue_many`], with progress: [`Service::issue_many_with_progress`] |
//! | send it later, without keeping it | [`Service::derive`], which needs a [`Keyring`] |
//! | say what becomes of earlier links | [`OnOutstanding`] |
//! | show a page for a link without using it up | [`Service::peek`], [`Peek`] |
//! | let the person in | [`Service::redeem`], [`Redemption`], [`Grant`] |
//! | do work that may fail first | [`Service::claim`], [`commit`](Service::commit), [`release`](Service::release), [`Claim`] |
//! | ask again after a lost reply | [`Attempt`], [`AttemptKey`] |
//! | forgive a double click, tell clients apart | [`Grace`], [`Binding`], [`Clients`] |
//! | check the person's cookie on each request | [`Service::authenticate`], [`SessionToken`] |
//! | go on with another device | [`LinkRequest::device_handoff`], [`Service::start_session`] |
//! | learn why a link does not work | [`Service::diagnose`], [`Diagnosis`], [`Refusal`] |
//! | list inquiries, by status, template, reference, creation | [`InquiryQuery`], [`Service::inquiries`] |
//! | list links and sessions | [`Service::links`], [`Service::sessions`] |
//! | end a link, or everything after a theft | [`Service::revoke`], [`Revocation`] |
//! | say how long things live | [`ExpirationPolicy`], [`Interval`] |
//! | put codes under a key, and rotate it | [`Keyring`], [`Key`] |
//! | use my own host and path, other codes | [`UrlFormat`], [`CodeFormat`] |
//! | serve many customers | [`TenantId`], one [`Service`] for each |
//! | hear what happens | [`EventSink`]; without losing any: [`store::Outbox`] |
//! | announce expiries, remove old records | [`Operator`], [`Retention`] |
//! | test with a clock of my own | [`ManualClock`], [`MemoryStore`] |
//! | choose the store when the program starts | [`store::AnyStore`]; [`store::AnyLinkStore`] for one that is a `LinkStore` and no more |
//! | redeem within my own database transaction | [`Service::planner`], [`Planner`] |
//! | write a store | [`LinkStore`], with the conformance suite |
//! | do without an async runtime | `blocking::BlockingService` |
//!
//! # Cookbook
//!
//! [Web handlers](docs::cookbook::web_handlers) ·
//! [two phases](docs::cookbook::two_phases) ·
//! [retries and lost replies](docs::cookbook::retries) ·
//! [tests with a clock of their own](docs::cookbook::testing) ·
//! [rotating a key](docs::cookbook::rotate_a_key) ·
//! [moving from links with session tokens](docs::cookbook::migrate) ·
//! [a store of your own](docs::cookbook::own_store).
//! Beside these: [what constant time protects](docs::constant_time) and [how time works](docs::time).
//!
//! # Errors and refusals
//!
//! A refusal is an answer: [`Redemption::Refused`] with its reason. An `Err` of a redemption is a fault of the store
//! and says nothing about the link; [`StoreError::retry`] says whether to ask again. Other calls have an error enum
//! each ([`IssueError`], [`ChangeError`] …), all of which become [`enum@Error`] with `?`.
//!
//! # Units
//!
//! Instants are [`Timestamp`]s: UTC, whole microseconds, the years 1970 to 9999. Windows are [`Interval`]s: whole
//! seconds, from 1. At a deadline itself what it ends has ended. Rules in parentheses, as in (D1), are those that
//! `scripts/rules` lists with their tests.
//!
//! # What this crate does not do
//!
//! - It sends no mail and serves no pages: you send the link, and your web server calls the service. With axum, the package
//!   `inquiry-otl-axum` is that web server.
//! - It keeps nothing on disk: [`MemoryStore`] forgets when the process ends. Stores for SQLite, PostgreSQL and Redis are
//!   packages of their own (`inquiry-otl-sqlite`, `-postgres`, `-redis`); they implement [`LinkStore`].
//! - It limits no rates: a code has at least 128 random bits.
//! - It verifies nobody's identity: that is what the inquiry is for.
//! - It does not protect a link from somebody who reads the person's mail. It lets you see it, and end it.
//!
//! # Features
//!
//! - `serde` (default): serialisation of what an application stores or sends; never of a secret.
//! - `blocking`: the service for code without an async runtime.
//! - `conformance`: the executable contract of [`LinkStore`], for whoever writes a store.
//! - `bench`: a harness that measures a store beside others.

mod clock;
mod code;
mod derivation;
mod digest;
mod hex;
mod id;
mod keyring;
mod memory;
mod policy;
mod secret;
mod service;
mod symbols;
mod tenant;
mod text;
mod time;
mod url;

#[cfg(any(doc, doctest))]
pub mod docs;
pub mod error;
pub mod event;
pub mod inquiry;
pub mod issuance;
pub mod link;
pub mod record;
pub mod redemption;
pub mod revocation;
pub mod session;
pub mod store;

#[cfg(feature = "bench")]
pub mod bench;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "conformance")]
pub mod conformance;

pub use clock::{Clock, ManualClock, SystemClock};
pub use code::{Code, CodeError, CodeFormat, CodeFormatError, Region};
pub use derivation::{Derivation, Nonce};
pub use digest::Digest;
pub use error::{
    ChangeError, CreateError, DeriveError, Error, IssueError, ReadError, RevokeError, SessionError,
};
pub use event::{Event, EventKind, Revocation};
pub use id::{EventId, IdError, InquiryId, LinkId, SessionId, TemplateId};
pub use inquiry::{Action, Expiry, Inquiry, Phase, Status, TransitionError, UnknownStatus};
pub use keyring::{Key, KeyError, KeyId, KeySet, Keyring};
pub use link::{LinkView, OneTimeLink, Purpose};
pub use memory::{Counts, MemoryStore};
pub use policy::{Clients, ExpirationPolicy, Grace};
pub use redemption::{Refusal, Released};
pub use secret::{
    AttemptKey, AttemptKeyError, Binding, BindingError, ClaimToken, SecretText, SessionToken, TokenError,
};
pub use service::{
    Attempt, BuildError, Claim, Claiming, CommitPlan, Diagnosis, EventSink, Finished, Grant, GrantKind,
    InquiryQuery, IssuePlan, IssuedLink, LeaseTime, LeaseTooLong, LinkRequest, NewInquiry, OnOutstanding,
    Operator, OperatorBuilder, Peek, Peeked, Planner, RedeemPlan, Redemption, Refused, Retention, Round,
    Service, ServiceBuilder,
};
pub use session::{InquirySession, NotOpen, SessionRefusal};
pub use store::{Cursor, InquiryPage, LinkStore, Retry, StoreError, StoreErrorKind};
pub use tenant::TenantId;
pub use text::{Creator, ReferenceId, TextError, UnknownWord};
pub use time::{Interval, TimeError, Timestamp};
pub use url::{LinkUrl, UrlError, UrlFormat, UrlFormatError, UrlStyle};
