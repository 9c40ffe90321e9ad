#![doc = include_str!("../README.md")]

pub mod api;
mod headers;
mod session;
mod trace;
pub mod verify;

pub use headers::{ContentPolicy, security_headers};
pub use session::{CookieNameError, CurrentSession, SessionCookie, Sessions};
pub use trace::redacted_span;
