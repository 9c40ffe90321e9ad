//! Which calls meet.

use inquiry_otl::Action;
use inquiry_otl_histories::Call;

use crate::calls::{
    DEADLINE, HOUR, LINK, act, claim, commit, create, keep, purge, redeem, redeem_with, release, return_same,
    revoke_all, revoke_everything, revoke_link, start_session, supersede, sweep,
};

/// Calls of a few threads at the same time.
#[derive(Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// What it is about, and the rules that say how it must end.
    pub name: &'static str,
    pub(crate) first: fn() -> Vec<Call>,
    pub(crate) threads: fn() -> Vec<Vec<Call>>,
}

/// An inquiry with a link.
fn a_link() -> Vec<Call> {
    vec![create(9), keep(1, 0)]
}

impl Scenario {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self {
            name: "three attempts on a link (D1)",
            first: a_link,
            threads: || vec![vec![redeem(11, 1, 1)], vec![redeem(12, 1, 1)], vec![redeem(13, 1, 1)]],
        },
        Self {
            name: "an attempt is repeated while it is under way (D6)",
            first: a_link,
            threads: || {
                let again = |number| redeem_with(1, number, 1, 1);
                vec![vec![again(11), again(12)], vec![again(13)], vec![redeem_with(2, 14, 1, 1)]]
            },
        },
        Self {
            name: "two claims and their commits (D5)",
            first: a_link,
            threads: || {
                let both = |number| vec![claim(number, 1, 1, 31), commit(number + 10, number, 1, 2)];
                vec![both(11), both(12)]
            },
        },
        Self {
            name: "a commit, when the lease has run out for another (D5)",
            first: || vec![create(9), keep(1, 0), claim(10, 1, 1, 31)],
            threads: || {
                vec![vec![commit(11, 10, 1, 30)], vec![redeem(12, 1, 31)], vec![claim(13, 1, 31, 61)]]
            },
        },
        Self {
            name: "a release, a commit and an attempt (D5)",
            first: || vec![create(9), keep(1, 0), claim(10, 1, 1, 31)],
            threads: || vec![vec![release(10, 1, 2)], vec![commit(11, 10, 1, 2)], vec![redeem(12, 1, 2)]],
        },
        Self {
            name: "replays up to their number, and superseding (D4, L5)",
            first: || vec![create(9), keep(1, 0), redeem(10, 1, 1)],
            threads: || {
                vec![vec![redeem(11, 1, 2), redeem(12, 1, 2)], vec![redeem(13, 1, 2)], vec![supersede(2, 2)]]
            },
        },
        Self {
            name: "a link is superseded while it is redeemed (L5)",
            first: a_link,
            threads: || vec![vec![supersede(2, 1)], vec![redeem(11, 1, 1)], vec![redeem(12, 2, 1)]],
        },
        Self {
            name: "two creations return the same, and it is redeemed (L5)",
            first: || vec![create(9)],
            threads: || {
                vec![vec![return_same(1, 1), redeem(11, 1, 1)], vec![return_same(2, 1), redeem(12, 2, 1)]]
            },
        },
        Self {
            name: "a link is revoked while it is claimed and committed (L6)",
            first: a_link,
            threads: || {
                vec![
                    vec![claim(11, 1, 1, 31), commit(12, 11, 1, 2)],
                    vec![revoke_link(13, 1, 1)],
                    vec![redeem(14, 1, 1)],
                ]
            },
        },
        Self {
            name: "all links are revoked while one is made and redeemed (L6)",
            first: a_link,
            threads: || {
                vec![vec![revoke_all(11, 1)], vec![keep(2, 1), redeem(12, 2, 1)], vec![redeem(13, 1, 1)]]
            },
        },
        Self {
            name: "everything is revoked, and an attempt is repeated (L6, D6)",
            first: || vec![create(9), keep(1, 0), redeem_with(1, 10, 1, 1)],
            threads: || {
                vec![
                    vec![revoke_everything(11, 2)],
                    vec![redeem_with(1, 12, 1, 2)],
                    vec![start_session(13, 2)],
                ]
            },
        },
        Self {
            name: "an inquiry is completed while a claim is committed (L4)",
            first: || vec![create(9), keep(1, 0), act(9, Action::Start, 0), claim(10, 1, 1, 31)],
            threads: || {
                vec![vec![act(11, Action::Complete, 2)], vec![commit(12, 10, 1, 2)], vec![redeem(13, 1, 2)]]
            },
        },
        Self {
            name: "a deadline is met by a sweep, an attempt and a resume (I6, R3)",
            first: || vec![create(9), keep(1, DEADLINE - 10)],
            threads: || {
                vec![
                    vec![sweep(11, DEADLINE)],
                    vec![redeem(12, 1, DEADLINE), redeem(13, 1, DEADLINE + 1)],
                    vec![act(14, Action::Resume, DEADLINE)],
                ]
            },
        },
        Self {
            name: "two links, and room for one session (E6)",
            first: || vec![create(1), keep(1, 0), keep(2, 0)],
            threads: || vec![vec![redeem(11, 1, 1)], vec![redeem(12, 2, 1)], vec![start_session(13, 1)]],
        },
        Self {
            name: "a purge, and a new link in the place of the old one (S3)",
            first: a_link,
            threads: || {
                let now = LINK + 2 * HOUR;
                vec![vec![purge(now)], vec![redeem(11, 1, now)], vec![keep(2, now), redeem(12, 2, now)]]
            },
        },
        Self {
            name: "a purge, and the place that another purge freed (S3)",
            first: || vec![create(9), keep(1, 0), keep(2, 0)],
            threads: || {
                let now = LINK + 2 * HOUR;
                vec![vec![purge(now)], vec![purge(now), keep(3, now)], vec![redeem(11, 3, now)]]
            },
        },
        Self {
            name: "a purge while a claim is held, and its commit (T6)",
            first: || vec![create(9), keep(1, 0), claim(10, 1, 1, 9 * HOUR)],
            threads: || {
                let now = LINK + 2 * HOUR;
                vec![vec![purge(now)], vec![commit(11, 10, 1, now)], vec![redeem(12, 1, now)]]
            },
        },
        Self {
            name: "events of three threads, and what is delivered (V1)",
            first: a_link,
            threads: || {
                vec![
                    vec![redeem(11, 1, 1), redeem(12, 1, 1)],
                    vec![keep(2, 1)],
                    vec![Call::Pending, Call::Pending],
                ]
            },
        },
    ];
}
