//! The executable contract of a store, and the guide for whoever writes one.
//!
//! A store is four traits, the first of which it must have: [`LinkStore`] for applications, with [`Directory`] if it has
//! lists of all inquiries, and for an operator [`Housekeeping`] (a store that keeps everything for ever may leave it out)
//! and [`Outbox`] (durable events).
//! Their documentation says what each method does; this page says how to get it right, and this module proves it.
//!
//! # Running the suite
//! With the feature `conformance` in the `[dev-dependencies]` of an adapter, this is all of its test file. Each
//! macro makes a `#[test]` of every check, on a runtime of its own, with a fixture and a fresh store:
//!
//! ```
//! use inquiry_otl::{MemoryStore, conformance::Fixture};
//!
//! /// Dropped after its check, also when that failed: so it can be what cleans up.
//! struct Stores;
//!
//! impl Fixture for Stores {
//!     type Store = MemoryStore;
//!
//!     async fn fresh(&self) -> MemoryStore {
//!         MemoryStore::new()
//!     }
//! }
//!
//! inquiry_otl::link_store_conformance!(Stores);
//! inquiry_otl::housekeeping_conformance!(Stores);
//! # let checks = inquiry_otl::conformance::checks::<Stores>();
//! # let tenants = checks.iter().find(|check| check.name == "tenants_are_apart").unwrap();
//! # tenants.run(Stores).unwrap();
//! ```
//!
//! [`Fresh`] is the fixture of a store that a plain function makes. A store that outlives its process implements
//! [`Fixture::reopen`]; one that always has an outbox, [`Fixture::deliver`]. [`checks`], [`directory_checks`],
//! [`housekeeping_checks`] and [`outbox_checks`] list the checks for a harness of one's own.
//!
//! # What a store keeps
//! Three records of plain data, [`InquiryRecord`], [`LinkRecord`] and [`SessionRecord`], each within its tenant:
//!
//! | look-up | by |
//! | --- | --- |
//! | inquiry | tenant, id |
//! | link, for [`redeem`](crate::store::LinkStore::redeem) and [`inspect`](crate::store::LinkStore::inspect) | tenant, digest of the code |
//! | link, for all else | tenant, inquiry, id |
//! | links and sessions of an inquiry | descending id: that is *newest first*, whatever the order of writing |
//! | inquiries of a tenant, for [`inquiries`](crate::store::Directory::inquiries) | descending instant of creation and id, within whatever the filters name |
//! | inquiries to be swept | deadline, of those that are created or pending |
//! | links and sessions to be purged | expiry |
//!
//! Digests are unique in the store, link ids within their inquiry; [`IssueOutcome::Taken`] says that one is not.
//! A link names the session that its first use started, and the session that made it; both are read with it.
//!
//! # What a method does
//! Each command on one inquiry is the same five steps, in one transaction, script or critical section:
//!
//! 1. Take hold of the inquiry's row (`SELECT … FOR UPDATE`, a lock, a script's own isolation); then of the link and
//!    the sessions. **Always in this order**: inquiry, link, session. A redemption knows a digest and not the inquiry,
//!    so it looks the link up first without holding it, takes the inquiry, and then reads the link again.
//! 2. Give the records to the pure function, or mirror it in the engine's language.
//! 3. Write everything that it says: inquiry, link, session.
//! 4. Number the events: they follow `last_sequence`, which the pure functions have counted on already. With an
//!    outbox, write them here.
//! 5. Commit, and answer. If the engine cannot say whether the commit lasted, that is
//!    [`Unconfirmed`](crate::StoreErrorKind::Unconfirmed), and never a grant.
//!
//! | method | the function that decides | what it writes |
//! | --- | --- | --- |
//! | [`create_inquiry`](crate::store::LinkStore::create_inquiry) | [`InquiryRecord::new`] | the inquiry, unless the id is taken |
//! | [`change_inquiry`](crate::store::LinkStore::change_inquiry) | [`InquiryRecord::take`], if the version is the one named | the inquiry |
//! | [`issue`](crate::store::LinkStore::issue), [`issue_many`](crate::store::LinkStore::issue_many) | [`issuance::issue`], then [`Issuance::change_inquiry`] | inquiry, link |
//! | [`redeem`](crate::store::LinkStore::redeem) | [`redemption::redeem`], then [`Decision::change_inquiry`] and [`Decision::change_link`] | inquiry, link, session |
//! | [`commit`](crate::store::LinkStore::commit) | [`redemption::commit`], then the same | inquiry, link, session |
//! | [`release`](crate::store::LinkStore::release) | [`redemption::release`] | the link: unused again, if it says released |
//! | [`revoke`](crate::store::LinkStore::revoke) | [`revocation::revoke`] | inquiry, and the link or the session named |
//! | [`start_session`](crate::store::LinkStore::start_session) | [`session::start`], then [`SessionStart::change_inquiry`] | inquiry, session |
//! | [`sweep`](crate::store::Housekeeping::sweep) | [`InquiryRecord::expire`], at the deadline | inquiry; `last_sequence` counts one more |
//! | [`inspect`](crate::store::LinkStore::inspect), [`session`](crate::store::LinkStore::session), [`links`](crate::store::LinkStore::links), [`sessions`](crate::store::LinkStore::sessions) | none | nothing; what they show is of one moment |
//!
//! Some of it is easy to miss:
//! - A refusal may have something to write: the expiry that it met (I6), or that one session too many caused (E6).
//! - The status that is kept is the one that was last written. A read does not show an expiry that nobody has written.
//! - A redemption leaves the version alone, so it must not be written by a store that writes whole rows from an
//!   older copy.
//! - A repeat and a replay write, too: they add a token to the session ([`SessionChange::Token`]).
//! - The parent of a link and the inquiry of a command are looked up within the command's tenant.
//! - An id or a digest that is taken is found before anything else is written: also the counters stay as they are.
//! - What superseding, revoking everything and expiring cost does not grow with the number of links: they change
//!   counters in the inquiry, and [`Endings`] remember why, for as long as a kept link may ask.
//! - A caller may drop the future of any call. A store that awaits between two writes needs a transaction that rolls
//!   back when it is dropped, or a task of its own that goes on.
//!
//! # Keeping and purging
//! A link goes when [`Purge::retention`] has run since its expiry, and no lease, grace, repeat window or live session
//! is left; a session, when the retention has run since its end and no kept link names it; an inquiry, by a retention
//! of its own, when it has ended and neither link nor session nor unacknowledged event is left. A store may be late, by
//! up to two days, and is never early. Whoever removes a link holds its inquiry meanwhile, and looks again at what it
//! is about to remove. Then [`Endings::keep_for`] forgets the reasons that nobody can ask for any more.
//!
//! What is held must not stand in the way of what may go, or every batch is full of the same records. So a purge that
//! finds a link held moves it behind, in an index of its own that begins at the expiry: the purge alone writes that,
//! and a redemption never does. A store that keeps the way from a digest to its link apart from the link, as a cluster
//! must, writes it before the link and removes it after; a look-up that finds no link there finds nothing.
//!
//! [`Model`] is a store that is nothing but these functions: what any other one is compared with.
//!
//! # Listing
//! A list is read from an index in its own order, from the cursor on: never by counting past what earlier pages had. What
//! is written as created or pending is expired behind its deadline, so a filter by status is one of status and deadline:
//! [`InquiryFilter::written`] says which go together, [`ListInquiries::between`] where a page begins and ends, and
//! [`ListInquiries::page`] makes it. An index by status follows every write of one, also those that a redemption makes when
//! it meets a deadline. Where an index does not lead straight to what a filter keeps, stop after so many looks and give
//! the last place that was looked at as [`InquiryPage::more`]. A page without a filter is never short but the last.
//!
//! # Eight traps
//! Others fell into each of them; for each there is a check.
//!
//! 1. Select, then update without a guard: two winners. (`exactly_one_first_use`,
//!    `one_of_many_commits_is_the_first_use`)
//! 2. A single `UPDATE … FROM` that joins the table with itself to return the old value: still two winners on
//!    Postgres. The answer must come from the row that was updated. (`exactly_one_first_use`)
//! 3. A grace that is applied to links that nobody has used. (`a_grace_does_not_shorten_an_unused_link`)
//! 4. A grace, or a lease, that only the process knows of. (`a_grace_survives_a_restart`)
//! 5. A roll-back that makes a spent link good again, and a refusal that spends one. (`a_spent_link_stays_spent`,
//!    `a_refusal_spends_nothing`)
//! 6. A purge that takes a link in the middle of its redemption. (`a_purge_takes_nothing_in_the_middle`)
//! 7. A clock of the engine's own, or a column in a local time. (`a_store_has_no_clock_of_its_own`)
//! 8. Two creations at once, one of which ends in a raw constraint error. (`simultaneous_creations_return_one_link`,
//!    `one_of_many_creations_wins`)
//!
//! # What each group proves
//! - [`creating`]: creating is not updating, and tenants are apart.
//! - [`changing`]: a change is compared and set; the end of an inquiry ends its links and sessions; nothing comes back.
//! - [`lapsing`]: every command meets the deadline by its own instant, and writes the expiry once.
//! - [`issuing`]: how long links live, and what becomes of those that are outstanding.
//! - [`redeeming`]: one first use, one order of reasons, the session limit.
//! - [`replaying`], [`repeating`], [`claiming`]: the grace, the same attempt again, the two phases.
//! - [`revoking`], [`reading`]: what a revocation ends; sessions, lists and inspections.
//! - [`interrupting`]: callers who go away, and foreign clocks.
//! - [`comparing`]: random commands against the rules alone, which names the seed and the command that differed, and
//!   a random race.
//! - [`listing`]: the directory; it asks for housekeeping, too, since what is purged leaves the list.
//! - [`sweeping`], [`purging`]: housekeeping.
//! - [`delivering`]: the outbox; it asks for housekeeping, too, since an inquiry waits for its events.
//!
//! [`IssueOutcome::Taken`]: crate::store::IssueOutcome::Taken
//! [`InquiryRecord`]: crate::record::InquiryRecord
//! [`InquiryRecord::new`]: crate::record::InquiryRecord::new
//! [`InquiryRecord::take`]: crate::record::InquiryRecord::take
//! [`InquiryRecord::expire`]: crate::record::InquiryRecord::expire
//! [`LinkRecord`]: crate::record::LinkRecord
//! [`SessionRecord`]: crate::record::SessionRecord
//! [`Endings`]: crate::record::Endings
//! [`Endings::keep_for`]: crate::record::Endings::keep_for
//! [`issuance::issue`]: crate::issuance::issue
//! [`Issuance::change_inquiry`]: crate::issuance::Issuance::change_inquiry
//! [`redemption::redeem`]: crate::redemption::redeem
//! [`redemption::commit`]: crate::redemption::commit
//! [`redemption::release`]: crate::redemption::release
//! [`Decision::change_inquiry`]: crate::redemption::Decision::change_inquiry
//! [`Decision::change_link`]: crate::redemption::Decision::change_link
//! [`SessionChange::Token`]: crate::redemption::SessionChange::Token
//! [`revocation::revoke`]: crate::revocation::revoke
//! [`session::start`]: crate::session::start
//! [`SessionStart::change_inquiry`]: crate::session::SessionStart::change_inquiry
//! [`LinkStore`]: crate::store::LinkStore
//! [`Housekeeping`]: crate::store::Housekeeping
//! [`Outbox`]: crate::store::Outbox
//! [`Directory`]: crate::store::Directory
//! [`InquiryFilter::written`]: crate::store::InquiryFilter::written
//! [`InquiryPage::more`]: crate::store::InquiryPage::more
//! [`ListInquiries::between`]: crate::store::ListInquiries::between
//! [`ListInquiries::page`]: crate::store::ListInquiries::page
//! [`Purge::retention`]: crate::store::Purge::retention

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a check panics when a store is wrong"
)]
#![allow(clippy::missing_panics_doc, reason = "so does every check")]
#![allow(clippy::large_types_passed_by_value, reason = "a command is passed as a store takes it")]

mod check;
mod fixture;
mod model;
mod race;
mod stage;
mod suite;

pub mod changing;
pub mod claiming;
pub mod comparing;
pub mod creating;
pub mod delivering;
pub mod interrupting;
pub mod issuing;
pub mod lapsing;
pub mod listing;
pub mod purging;
pub mod reading;
pub mod redeeming;
pub mod repeating;
pub mod replaying;
pub mod revoking;
pub mod sweeping;

pub use check::Check;
pub use fixture::{Fixture, Fresh};
pub use model::Model;
#[doc(hidden)]
pub use suite::run;
pub use suite::{checks, directory_checks, housekeeping_checks, outbox_checks};
