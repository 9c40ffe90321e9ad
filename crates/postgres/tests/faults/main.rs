//! What PostgreSQL keeps, and what it loses, when it is killed, fails over, is interrupted or restarts (D1, S4), and
//! how it proves who it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
#![allow(clippy::doc_markdown, reason = "PostgreSQL is a name")]

mod contrast;
mod failover;
mod histories;
mod pair;
mod restart;
mod tls;
mod traffic;
mod trap;
mod world;

use std::process::ExitCode;

use libtest_mimic::Trial;

fn main() -> ExitCode {
    let trials: [(&str, fn()); 15] = [
        ("failover::acknowledged_is_kept_by_a_synchronous_standby", failover::acknowledged_is_kept),
        ("failover::the_old_primary_grants_nothing", failover::the_old_primary_grants_nothing),
        ("trap::a_cancelled_wait_is_no_grant", trap::a_cancelled_wait_is_no_grant),
        ("trap::every_write_says_that_it_is_unconfirmed", trap::every_write_says_that_it_is_unconfirmed),
        ("trap::an_ended_wait_is_no_grant", trap::an_ended_wait_is_no_grant),
        ("trap::a_cancelled_commit_of_ones_own_warns", trap::a_cancelled_commit_of_ones_own_warns),
        ("contrast::a_local_commit_is_lost_by_a_failover", contrast::a_local_commit_is_lost),
        ("contrast::a_commit_that_does_not_wait_for_the_disk", contrast::an_asynchronous_commit),
        ("histories::a_failover_is_linearizable", histories::a_failover_is_linearizable),
        ("histories::what_is_unconfirmed_may_be_undone", histories::what_is_unconfirmed_may_be_undone),
        ("histories::a_local_commit_is_found", histories::a_local_commit_is_found),
        ("histories::an_asynchronous_commit_is_found", histories::an_asynchronous_commit_is_found),
        ("restart::callers_are_told_whether_to_ask_again", restart::callers_are_told),
        ("tls::a_certificate_is_verified", tls::a_certificate_is_verified),
        ("tls::an_order_to_stop_goes_over_tls", tls::an_order_to_stop),
    ];
    let trials = trials.map(|(name, run)| {
        Trial::test(name, move || {
            run();
            Ok(())
        })
    });
    inquiry_otl_testkit::faults::main(world::OnPostgres, trials.into())
}
