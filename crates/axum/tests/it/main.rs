//! The pages of a link over the router, as browsers, scanners and strangers ask for them.

mod answers;
mod forms;
mod handing_over;
mod looking;
#[cfg(feature = "metrics")]
mod metrics;
mod own_pages;
mod refusing;
mod secrets;
mod store_faults;
mod support;
