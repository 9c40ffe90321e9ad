//! One-time links.
mod id;
mod tenant;
mod text;
mod time;
pub use id::{EventId, IdError, InquiryId, LinkId, SessionId, TemplateId};
pub use tenant::TenantId;
pub use text::{Creator, ReferenceId, TextError};
pub use time::{Interval, TimeError, Timestamp};
