//! A person with a real browser, Chromium, in front of the pages.
//!
//! Everything that it needs it starts itself: the driver, browsers with new profiles, the application, and a stranger's
//! site. Screenshots of a phone are left in `target/tmp/screens`.

mod accessible;
mod person;
mod stranger;
mod support;
