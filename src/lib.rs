//! One-time links that take a person back into an identity inquiry: once, until they expire.

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

#[cfg(feature = "blocking")]
pub mod blocking;

pub use clock::{Clock, ManualClock, SystemClock};
pub use code::{Code, CodeError, CodeFormat, CodeFormatError, Region};
pub use derivation::{Derivation, Nonce};
pub use digest::Digest;
pub use error::{ChangeError, CreateError, Error, IssueError, ReadError, RevokeError, SessionError};
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
    IssuePlan, IssuedLink, LeaseTime, LeaseTooLong, LinkRequest, NewInquiry, OnOutstanding, Operator,
    OperatorBuilder, Peek, Peeked, Planner, RedeemPlan, Redemption, Refused, Retention, Round, Service,
    ServiceBuilder,
};
pub use session::{InquirySession, NotOpen, SessionRefusal};
pub use store::{LinkStore, Retry, StoreError, StoreErrorKind};
pub use tenant::TenantId;
pub use text::{Creator, ReferenceId, TextError};
pub use time::{Interval, TimeError, Timestamp};
pub use url::{LinkUrl, UrlError, UrlFormat, UrlFormatError, UrlStyle};
