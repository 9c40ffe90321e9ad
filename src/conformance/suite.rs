//! The list of all checks, and the macros that make a test of each.

use super::{
    Check, Fixture, changing, claiming, comparing, creating, delivering, interrupting, issuing, lapsing,
    listing, purging, reading, redeeming, repeating, replaying, revoking, sweeping,
};
use crate::store::{Directory, Housekeeping, LinkStore, Outbox};

/// Declares a list of checks and the macro that makes tests of them. `$` is passed in, to stand in that macro.
macro_rules! suite {
    (
        ($d:tt)
        $(#[$list_doc:meta])*
        fn $list:ident: $($bound:path),+;
        $(#[$tests_doc:meta])*
        macro $tests:ident;
        $($group:ident { $($check:ident)* })*
    ) => {
        $(#[$list_doc])*
        #[must_use]
        pub fn $list<F: Fixture>() -> Vec<Check<F>>
        where
            F::Store: $($bound +)+,
        {
            vec![$($(Check { name: stringify!($check), body: |fixture| Box::pin($group::$check(fixture)) },)*)*]
        }

        $(#[$tests_doc])*
        #[macro_export]
        macro_rules! $tests {
            ($d fixture:expr) => {
                // One place for the fixture: a closure in it is then one type, and each check is compiled once.
                fn $tests(check: &str) {
                    $crate::conformance::run(&$crate::conformance::$list(), check, $d fixture);
                }

                $($(
                    #[test]
                    fn $check() {
                        $tests(stringify!($check));
                    }
                )*)*
            };
        }
    };
}

suite! {
    ($)
    /// Every check of a [`LinkStore`].
    fn checks: LinkStore;
    /// Makes a `#[test]` of every check of a [`LinkStore`](crate::store::LinkStore), with the fixture given.
    ///
    /// See the [module](crate::conformance) for an example.
    macro link_store_conformance;

    creating {
        creating_is_not_updating
        one_of_many_creations_wins
        tenants_are_apart
        tenants_share_ids
    }
    changing {
        a_stale_change_is_a_conflict
        one_of_many_changes_wins
        the_end_kills_links_and_sessions
        a_change_numbers_its_events
        a_redemption_leaves_the_version
        resuming_what_is_open_keeps_links
        resuming_revives_nothing
        a_resume_from_expired_resets_the_count
    }
    lapsing {
        a_redemption_meets_the_deadline
        a_commit_meets_the_deadline
        a_creation_meets_the_deadline
        a_session_meets_the_deadline
        a_revocation_meets_the_deadline
        an_expiry_is_written_once
        a_read_meets_no_deadline
    }
    issuing {
        a_link_lives_as_it_should
        a_new_link_is_kept_whole
        only_open_inquiries_get_links
        superseding_kills_the_purpose
        superseding_kills_a_thousand
        keeping_keeps
        the_same_link_is_returned
        what_does_not_fit_is_superseded
        a_hand_off_link_follows_its_session
        simultaneous_creations_return_one_link
        simultaneous_creations_leave_one_live
        a_taken_name_creates_nothing
        many_creations_answer_one_by_one
    }
    redeeming {
        exactly_one_first_use
        an_unknown_code_finds_nothing
        nearly_the_code_finds_nothing
        a_first_use_starts_a_session
        a_link_expires_to_the_microsecond
        what_ended_is_named_first
        what_was_used_is_named_next
        a_redemption_too_many_expires_the_inquiry
        the_session_limit_holds_in_a_race
        a_spent_link_stays_spent
        a_refusal_spends_nothing
        a_grace_does_not_shorten_an_unused_link
    }
    replaying {
        a_replay_opens_the_same_session
        replays_end_at_the_cap
        a_replay_adds_a_token
        a_replay_compares_clients
        a_grace_outlives_the_link
        a_grace_ends_with_what_it_opens
        a_grace_survives_a_restart
    }
    repeating {
        the_same_attempt_gets_the_same_session
        a_repeat_outlives_the_link
        another_attempt_is_judged_anew
        a_key_alone_opens_nothing
        repeats_end_with_what_they_open
        superseding_does_not_end_repeats
    }
    claiming {
        a_claim_holds_until_its_lease_ends
        a_commit_is_the_first_use
        a_commit_needs_its_lease
        a_commit_can_be_repeated
        a_release_frees_the_link
        a_dropped_claim_frees_itself
        a_commit_needs_a_live_link
        a_claim_outlives_the_link
        a_commit_too_many_expires_the_inquiry
        one_of_many_commits_is_the_first_use
    }
    revoking {
        one_link_is_revoked
        one_session_is_revoked
        all_links_are_revoked
        everything_is_revoked
        what_is_unknown_is_not_revoked
        what_ended_is_not_revoked
    }
    reading {
        a_session_is_started
        a_session_too_many_expires_the_inquiry
        a_session_keeps_its_deadline
        only_open_inquiries_start_sessions
        links_are_listed_newest_first
        sessions_are_listed_newest_first
        inspecting_changes_nothing
    }
    interrupting {
        a_dropped_redemption_is_whole
        a_dropped_commit_is_whole
        a_dropped_call_is_whole
        a_store_has_no_clock_of_its_own
    }
    comparing {
        random_commands_agree_with_the_rules
        a_random_race_loses_nothing
    }
}

suite! {
    ($)
    /// Every check of a store's [`Directory`].
    fn directory_checks: Directory, Housekeeping;
    /// Makes a `#[test]` of every check of a [`Directory`](crate::store::Directory), with the fixture given.
    macro directory_conformance;

    listing {
        inquiries_are_listed_newest_first
        pages_show_each_inquiry_once
        a_filter_keeps_what_fits
        a_list_judges_the_deadline
        a_list_follows_every_change
        a_redacted_inquiry_is_listed
        a_list_is_of_one_tenant
        a_cursor_outlives_its_inquiry
    }
}

suite! {
    ($)
    /// Every check of a store's [`Housekeeping`].
    fn housekeeping_checks: Housekeeping;
    /// Makes a `#[test]` of every check of a [`Housekeeping`](crate::store::Housekeeping), with the fixture given.
    macro housekeeping_conformance;

    sweeping {
        a_sweep_announces_an_expiry_once
        a_sweep_leaves_the_rest
        a_sweep_stops_at_its_limit
    }
    purging {
        a_link_is_kept_for_its_retention
        a_session_is_kept_for_its_retention
        a_live_session_keeps_its_link
        a_lease_keeps_its_link
        a_grace_keeps_its_link
        a_repeat_window_keeps_its_link
        a_purge_keeps_reasons
        an_inquiry_is_kept_for_its_own_retention
        a_remade_inquiry_revives_nothing
        a_purge_stops_at_its_limit
        a_purge_takes_nothing_in_the_middle
    }
}

suite! {
    ($)
    /// Every check of a store's [`Outbox`].
    fn outbox_checks: Outbox, Housekeeping;
    /// Makes a `#[test]` of every check of an [`Outbox`](crate::store::Outbox), with the fixture given.
    macro outbox_conformance;

    delivering {
        every_event_is_delivered_in_order
        a_race_is_delivered_in_order
        delivery_goes_on_until_acknowledged
        the_outbox_has_pages
        an_inquiry_waits_for_its_events
    }
}

/// What the tests of the macros do: they fail with what the store did wrong.
#[doc(hidden)]
pub fn run<F: Fixture>(checks: &[Check<F>], name: &str, fixture: F) {
    let check = checks.iter().find(|check| check.name == name).expect("the macro names checks of the list");
    if let Err(wrong) = check.run(fixture) {
        panic!("{name}: {wrong}");
    }
}
