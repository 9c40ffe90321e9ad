//! The pages of a link and the API over their routers, as browsers, scanners, strangers and clients ask for them.

mod answers;
mod api;
mod forms;
mod handing_over;
mod looking;
#[cfg(feature = "metrics")]
mod metrics;
mod refusing;
mod secrets;
mod store_faults;
mod support;
