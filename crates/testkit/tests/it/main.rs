//! The kit itself: engines that come up and go down as told, and end with the test.

mod engines;
mod orphans;
mod proxy;
