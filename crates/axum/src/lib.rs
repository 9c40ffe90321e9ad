#![doc = include_str!("../README.md")]

pub mod api;
mod headers;
#[cfg(feature = "metrics")]
mod metrics;
mod patience;
mod session;
mod trace;
pub mod verify;

pub use headers::{ContentPolicy, security_headers};
#[cfg(feature = "metrics")]
pub use metrics::{MetricsSink, TimedStore};
pub use session::{CookieNameError, CurrentSession, SessionCookie, Sessions};
pub use trace::redacted_span;
