//! Stores that redeem, claim, commit or release wrongly (D1 to D7).

use inquiry_otl::{
    EventId, Expiry, InquiryId, InquirySession, Interval, LinkId, Refusal, Released, SessionId, Status,
    TenantId, Timestamp,
    inquiry::EpochEnd,
    record::{InquiryRecord, LinkRecord, LinkState, SessionRecord, Use},
    redemption::{
        self, Commit, Decision, InquiryChange, LinkChange, Mode, Redeem, Release, SessionChange, Subject,
        Verdict,
    },
    store::{Attempted, InquiryKey, Inspect, LinkName},
};

use super::{Answer, Broken, HEALTHY, Process, Verbs, a_moment_before, own_clock};

pub(super) const FAULTS: &[Broken] = &[
    Broken {
        fault: "T1: it selects, then updates without a guard",
        check: "exactly_one_first_use",
        verbs: Verbs {
            redeem: |process, command| {
                if command.mode == Mode::Once && links(process, &command) == Some(1) {
                    return select_then_update(process, &by_code(&command), &command);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T1: a claim selects, then updates without a guard",
        check: "exactly_one_first_use",
        verbs: Verbs {
            redeem: |process, command| {
                match command.mode {
                    Mode::Claim { .. } => select_then_update(process, &by_code(&command), &command),
                    Mode::Once => {
                        // Late, so that a claim may have looked before.
                        process.pause();
                        (HEALTHY.redeem)(process, command)
                    }
                }
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T1: redemptions of different links count sessions without a guard",
        check: "the_session_limit_holds_in_a_race",
        verbs: Verbs {
            redeem: |process, command| {
                if command.mode == Mode::Once && Some(1) < links(process, &command) {
                    return select_then_update(process, &by_code(&command), &command);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T1: a commit selects, then updates without a guard",
        check: "one_of_many_commits_is_the_first_use",
        verbs: Verbs {
            commit: |process, command| select_then_update(process, &by_id(&command), &command),
            ..HEALTHY
        },
    },
    Broken {
        fault: "T2: its write is guarded, its answer comes from what it saw before",
        check: "exactly_one_first_use",
        verbs: Verbs {
            redeem: |process, command| {
                let Some((_, _, seen)) = look(process, &by_code(&command), &command) else { return Ok(None) };
                if links(process, &command) == Some(1) {
                    process.pause();
                }
                let answer = (HEALTHY.redeem)(process, command)?;
                Ok(answer.map(|answer| match (answer.verdict, seen.verdict, &seen.session) {
                    (
                        Verdict::Refused(Refusal::Used { .. }),
                        Verdict::FirstUse,
                        SessionChange::Start(session),
                    ) => {
                        let session = InquirySession::seen(session, &record(process, session), command.now);
                        Attempted { verdict: seen.verdict, session: Some(session), ..answer }
                    }
                    _ => answer,
                }))
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T3: a grace shortens the life of a link that nobody used, where the policy says how long it lives",
        check: "a_grace_does_not_shorten_an_unused_link",
        verbs: Verbs {
            redeem: |process, command| {
                let over = process.tamper(&command.digest, |file, id| {
                    let (link, policy) = (&file.links[&id], file.inquiry.inquiry.policy);
                    let by_policy = link.created_at.plus(policy.link_window(link.purpose)) == link.expires_at;
                    let end = policy.grace().map(|grace| link.created_at.plus(grace.window()));
                    (link.state == LinkState::Unused && by_policy).then_some(end).flatten()
                });
                match over.flatten() {
                    Some(at) if at <= command.now => {
                        refuse(process, &command, Refusal::LinkExpired { at: Some(at) })
                    }
                    _ => (HEALTHY.redeem)(process, command),
                }
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T4: the grace runs in memory, beside the row",
        check: "a_grace_survives_a_restart",
        verbs: Verbs {
            redeem: |process, command| {
                process.tamper(&command.digest, |file, id| {
                    let mut remembered = process.remembered.lock().unwrap();
                    match file.links.get_mut(&id).map(|link| &mut link.state) {
                        Some(LinkState::Used(used)) if !remembered.contains(&id) => used.grace = None,
                        Some(LinkState::Unused | LinkState::Claimed(_)) => drop(remembered.insert(id)),
                        _ => {}
                    }
                });
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T5: an attempt that finds the link busy spends it",
        check: "a_refusal_spends_nothing",
        verbs: Verbs {
            redeem: |process, command| {
                let answer = (HEALTHY.redeem)(process, command)?;
                let busy =
                    answer.as_ref().is_some_and(|answer| matches!(answer.verdict, Verdict::Busy { .. }));
                if busy && command.attempt.is_some() {
                    with_link(process, &by_code(&command), |link| spend(link, command.now, command.session));
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T5: a commit that comes too late spends the link",
        check: "a_commit_needs_its_lease",
        verbs: Verbs {
            commit: |process, command| {
                let answer = (HEALTHY.commit)(process, command)?;
                with_link(process, &by_id(&command), |link| {
                    if matches!(link.state, LinkState::Claimed(lease) if lease.token == command.claim) {
                        spend(link, command.now, command.session);
                    }
                });
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T5: a release makes a spent link good again",
        check: "a_spent_link_stays_spent",
        verbs: Verbs {
            release: |process, command| {
                let released = (HEALTHY.release)(process, command)?;
                if released == Some(Released::Committed) {
                    with_link(process, &by_claim(&command), |link| link.state = LinkState::Unused);
                }
                Ok(released)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T5: a lease that runs out burns the link",
        check: "a_dropped_claim_frees_itself",
        verbs: Verbs {
            redeem: |process, command| match state(process, &command) {
                Some(LinkState::Claimed(lease))
                    if lease.until == command.now && is_good(process, &command) =>
                {
                    refuse(process, &command, Refusal::Used { first_at: lease.until })
                }
                _ => (HEALTHY.redeem)(process, command),
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T7: it refuses what lies in the future of its own clock",
        check: "a_store_has_no_clock_of_its_own",
        verbs: Verbs {
            redeem: |process, command| {
                if own_clock() < command.now {
                    return refuse(process, &command, Refusal::LinkExpired { at: None });
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T7: it dates a session by its own clock",
        check: "a_store_has_no_clock_of_its_own",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |_, decision| {
                    if let SessionChange::Start(session) = &mut decision.session {
                        session.started_at = session.started_at.min(own_clock());
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "it compares the first part of a digest only",
        check: "nearly_the_code_finds_nothing",
        verbs: Verbs {
            redeem: |process, mut command| {
                let whole = process.tamper(&command.digest, |file, id| file.links[&id].digest);
                command.digest = whole.unwrap_or(command.digest);
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "it looks a digest up in all tenants",
        check: "tenants_are_apart",
        verbs: Verbs {
            redeem: |process, mut command| {
                let tenant = process.tamper(&command.digest, |file, _| file.inquiry.tenant);
                command.tenant = tenant.unwrap_or(command.tenant);
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a release of a link that is not there finds it unheld",
        check: "an_unknown_code_finds_nothing",
        verbs: Verbs {
            release: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                let released = (HEALTHY.release)(process, command)?;
                let known = process.tables().files.contains_key(&key);
                Ok(released.or_else(|| known.then_some(Released::NotHeld)))
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "it does not compare the epoch of a link after a resume for less than a day",
        check: "resuming_revives_nothing",
        verbs: Verbs {
            redeem: |process, command| {
                process.tamper(&command.digest, |file, id| {
                    let link = file.links.get_mut(&id).unwrap();
                    let ended = file.inquiry.endings.epoch(link.epoch).map(|ended| ended.why);
                    let short = file.inquiry.inquiry.policy.after_resume() < Interval::from_days(1).unwrap();
                    if short
                        && matches!(ended, Some(EpochEnd::Expired(_)))
                        && file.inquiry.inquiry.is_open(command.now)
                    {
                        link.epoch = file.inquiry.epoch;
                    }
                });
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "at its expiry a link is still good, while none is claimed",
        check: "a_link_expires_to_the_microsecond",
        verbs: Verbs {
            redeem: |process, mut command| {
                let ends = process.tamper(&command.digest, |file, id| {
                    let link = &file.links[&id];
                    let claimed = file.links.values().any(|link| matches!(link.state, LinkState::Claimed(_)));
                    let by_itself = link.expires_at < file.inquiry.inquiry.expires_at;
                    by_itself && !claimed && link.state == LinkState::Unused && link.expires_at == command.now
                });
                if ends == Some(true) && command.mode == Mode::Once {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "at its expiry a link can still be claimed",
        check: "a_claim_outlives_the_link",
        verbs: Verbs {
            redeem: |process, mut command| {
                let ends = process.tamper(&command.digest, |file, id| {
                    let link = &file.links[&id];
                    link.expires_at < file.inquiry.inquiry.expires_at && link.expires_at == command.now
                });
                if ends == Some(true) && command.mode != Mode::Once {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "at its deadline an inquiry is still open",
        check: "a_redemption_meets_the_deadline",
        verbs: Verbs {
            redeem: |process, mut command| {
                let ends = process.tamper(&command.digest, |file, id| {
                    let link = &file.links[&id];
                    let together = link.expires_at == file.inquiry.inquiry.expires_at;
                    together && link.state == LinkState::Unused && link.expires_at == command.now
                });
                if ends == Some(true) {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "at the end of its grace a link still replays",
        check: "a_replay_opens_the_same_session",
        verbs: Verbs {
            redeem: |process, mut command| {
                let state = state(process, &command);
                let until = state.and_then(|state| match state {
                    LinkState::Used(used) => used.grace.map(|grace| grace.until),
                    _ => None,
                });
                if until == Some(command.now) {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "at the end of its lease a link cannot be claimed yet",
        check: "a_claim_holds_until_its_lease_ends",
        verbs: Verbs {
            redeem: |process, mut command| {
                let state = state(process, &command);
                let ends = matches!(state, Some(LinkState::Claimed(lease)) if lease.until == command.now);
                if ends && command.mode != Mode::Once {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "at the end of its lease a claim can still be committed",
        check: "a_commit_needs_its_lease",
        verbs: Verbs {
            commit: |process, mut command| {
                let state = with_link(process, &by_id(&command), |link| link.state);
                if matches!(state, Some(LinkState::Claimed(lease)) if lease.until == command.now) {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.commit)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "at the end of its lease a claim can still be released",
        check: "a_release_frees_the_link",
        verbs: Verbs {
            release: |process, mut command| {
                let state = with_link(process, &by_claim(&command), |link| link.state);
                if matches!(state, Some(LinkState::Claimed(lease)) if lease.until == command.now) {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.release)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "at the end of its window a first use can still be repeated",
        check: "the_same_attempt_gets_the_same_session",
        verbs: Verbs {
            redeem: |process, mut command| {
                let state = state(process, &command);
                if matches!(state, Some(LinkState::Used(used)) if used.at == command.repeats_after) {
                    command.repeats_after = a_moment_before(command.repeats_after);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a claim can be committed at the deadline",
        check: "a_commit_meets_the_deadline",
        verbs: Verbs {
            commit: |process, mut command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                if process.deadline(&key) == Some(command.now) {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.commit)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a first use by a client with a binding is not counted as a session",
        check: "a_first_use_starts_a_session",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |_, decision| {
                    if command.binding.is_some() && decision.inquiry == InquiryChange::CountSession {
                        decision.inquiry = InquiryChange::None;
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "what closed is named before what was redacted",
        check: "what_ended_is_named_first",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |subject, decision| {
                    let inquiry = &subject.inquiry.inquiry;
                    if let (Verdict::Refused(Refusal::InquiryRedacted { .. }), Status::Completed) =
                        (decision.verdict, inquiry.status)
                    {
                        let refusal =
                            Refusal::InquiryClosed { status: inquiry.status, at: inquiry.completed_at };
                        decision.verdict = Verdict::Refused(refusal);
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the session limit is named before a lease",
        check: "what_was_used_is_named_next",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |subject, decision| {
                    let limit = subject.inquiry.inquiry.policy.session_limit();
                    if matches!(decision.verdict, Verdict::Busy { .. })
                        && limit <= subject.inquiry.sessions_started
                    {
                        decision.verdict = Verdict::Refused(Refusal::SessionLimit { limit });
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "one session too many is refused, and the inquiry stays open",
        check: "a_redemption_too_many_expires_the_inquiry",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |_, decision| {
                    if let Verdict::Refused(Refusal::SessionLimit { .. }) = decision.verdict {
                        (decision.inquiry, decision.event) = (InquiryChange::None, None);
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a claim beyond the session limit expires the inquiry",
        check: "a_redemption_too_many_expires_the_inquiry",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |_, decision| {
                    if let Verdict::Refused(Refusal::SessionLimit { .. }) = decision.verdict {
                        decision.inquiry =
                            InquiryChange::Expire { cause: Expiry::SessionLimit, at: command.now };
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "an expiry that a redemption meets at the deadline is not written",
        check: "a_redemption_meets_the_deadline",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |subject, decision| {
                    if subject.inquiry.inquiry.lapsed_at(command.now) == Some(command.now)
                        && subject.link.state == LinkState::Unused
                    {
                        (decision.inquiry, decision.event) = (InquiryChange::None, None);
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a replay is not counted in the first minute",
        check: "replays_end_at_the_cap",
        verbs: Verbs {
            redeem: |process, command| {
                with_link(process, &by_code(&command), |link| match &mut link.state {
                    LinkState::Used(used) if command.now.since(used.at).as_secs() < 60 => {
                        let cap = used.grace.map_or(u32::MAX, |grace| grace.max_replays);
                        used.replays = used.replays.min(cap.saturating_sub(1));
                    }
                    _ => {}
                });
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a replay counts as a session",
        check: "a_replay_opens_the_same_session",
        verbs: Verbs {
            redeem: |process, command| {
                let answer = (HEALTHY.redeem)(process, command)?;
                if answer.as_ref().is_some_and(|answer| matches!(answer.verdict, Verdict::Replay { .. })) {
                    process.tamper(&command.digest, |file, _| file.inquiry.sessions_started += 1);
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a replay's token is not kept",
        check: "a_replay_adds_a_token",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |_, decision| {
                    if let Verdict::Replay { .. } = decision.verdict {
                        decision.session = SessionChange::None;
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a replay by another client looks like one by the same",
        check: "a_replay_compares_clients",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |_, decision| {
                    if let Verdict::Replay { same_client, .. } = &mut decision.verdict {
                        *same_client = same_client.map(|_| true);
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a grace ends when its link would have expired",
        check: "a_grace_outlives_the_link",
        verbs: Verbs {
            redeem: |process, command| {
                redeem_but(process, &command, |subject, decision| {
                    if let (Verdict::Replay { first_at, .. }, true) =
                        (decision.verdict, subject.link.expires_at <= command.now)
                    {
                        *decision = nothing(Verdict::Refused(Refusal::Used { first_at }));
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a superseded link still replays",
        check: "a_grace_ends_with_what_it_opens",
        verbs: Verbs {
            redeem: |process, command| {
                process.tamper(&command.digest, |file, id| {
                    let link = file.links.get_mut(&id).unwrap();
                    if matches!(link.state, LinkState::Used(used) if used.grace.is_some()) {
                        link.generation = file.inquiry.generations.of(link.purpose).number;
                    }
                });
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a repeated attempt counts as a use",
        check: "the_same_attempt_gets_the_same_session",
        verbs: Verbs {
            redeem: |process, command| {
                let answer = (HEALTHY.redeem)(process, command)?;
                if answer.as_ref().is_some_and(|answer| answer.verdict == Verdict::Repeat) {
                    with_link(process, &by_code(&command), |link| {
                        if let LinkState::Used(used) = &mut link.state {
                            used.replays += 1;
                        }
                    });
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a first use cannot be repeated when its link would have expired",
        check: "a_repeat_outlives_the_link",
        verbs: Verbs {
            redeem: |process, mut command| {
                let expires_at = process.tamper(&command.digest, |file, id| file.links[&id].expires_at);
                if expires_at.is_some_and(|at| at <= command.now) {
                    command.attempt = None;
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "an attempt key is good from any client",
        check: "another_attempt_is_judged_anew",
        verbs: Verbs {
            redeem: |process, mut command| {
                match state(process, &command) {
                    Some(LinkState::Used(used))
                        if used.attempt.is_some() && used.attempt == command.attempt =>
                    {
                        command.binding = used.binding;
                    }
                    _ => {}
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "an attempt key opens each used link of the inquiry",
        check: "a_key_alone_opens_nothing",
        verbs: Verbs {
            redeem: |process, command| {
                process.tamper(&command.digest, |file, id| {
                    let mut uses = file.links.values().filter_map(|link| match link.state {
                        LinkState::Used(used) => Some((used.attempt, used.binding)),
                        _ => None,
                    });
                    let known = uses.rfind(|(attempt, _)| attempt.is_some());
                    match file.links.get_mut(&id).map(|link| &mut link.state) {
                        Some(LinkState::Used(used)) if known == Some((command.attempt, command.binding)) => {
                            (used.attempt, used.binding) = (command.attempt, command.binding);
                        }
                        _ => {}
                    }
                });
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a revoked link still repeats",
        check: "repeats_end_with_what_they_open",
        verbs: Verbs {
            redeem: |process, command| {
                with_link(process, &by_code(&command), |link| match link.state {
                    LinkState::Used(used) if used.attempt.is_some() && used.attempt == command.attempt => {
                        link.revoked_at = None;
                    }
                    _ => {}
                });
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a superseded link does not repeat",
        check: "superseding_does_not_end_repeats",
        verbs: Verbs {
            redeem: |process, mut command| {
                let superseded = process.tamper(&command.digest, |file, id| {
                    let link = &file.links[&id];
                    link.generation != file.inquiry.generations.of(link.purpose).number
                });
                if superseded == Some(true) {
                    command.attempt = None;
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a claim forgets the attempt key and the binding that it came with, where there is a grace",
        check: "a_commit_is_the_first_use",
        verbs: Verbs {
            redeem: |process, mut command| {
                let grace = process.tamper(&command.digest, |file, _| file.inquiry.inquiry.policy.grace());
                if command.mode != Mode::Once && grace.flatten().is_some() {
                    (command.attempt, command.binding) = (None, None);
                }
                (HEALTHY.redeem)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a claim that another one just replaced can be committed",
        check: "a_claim_holds_until_its_lease_ends",
        verbs: Verbs {
            commit: |process, mut command| {
                let state = with_link(process, &by_id(&command), |link| link.state);
                match state {
                    Some(LinkState::Claimed(lease)) if 30 <= lease.until.since(command.now).as_secs() => {
                        command.claim = lease.token;
                    }
                    _ => {}
                }
                (HEALTHY.commit)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a commit cannot be repeated when its lease would have run out",
        check: "a_commit_can_be_repeated",
        verbs: Verbs {
            commit: |process, command| {
                let state = with_link(process, &by_id(&command), |link| link.state);
                let answer = (HEALTHY.commit)(process, command)?;
                Ok(answer.map(|answer| match (answer.verdict, state) {
                    (Verdict::Repeat, Some(LinkState::Used(used)))
                        if 20 < command.now.since(used.at).as_secs() =>
                    {
                        let verdict = Verdict::Refused(Refusal::Used { first_at: used.at });
                        Attempted { verdict, session: None, ..answer }
                    }
                    _ => answer,
                }))
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a revoked link can be committed",
        check: "a_commit_needs_a_live_link",
        verbs: Verbs {
            commit: |process, command| {
                with_link(process, &by_id(&command), |link| link.revoked_at = None);
                (HEALTHY.commit)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a commit beyond the session limit leaves the inquiry open",
        check: "a_commit_too_many_expires_the_inquiry",
        verbs: Verbs {
            commit: |process, command| {
                let decide = |subject: &Subject<'_>| {
                    let mut decision = redemption::commit(subject, &command);
                    if let Verdict::Refused(Refusal::SessionLimit { .. }) = decision.verdict {
                        (decision.inquiry, decision.event) = (InquiryChange::None, None);
                    }
                    decision
                };
                Ok(process.tables().attempt(&by_id(&command), command.now, command.event, decide))
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a release needs no token",
        check: "a_release_frees_the_link",
        verbs: Verbs {
            release: |process, mut command| {
                let state = with_link(process, &by_claim(&command), |link| link.state);
                if let Some(LinkState::Claimed(lease)) = state {
                    command.claim = lease.token;
                }
                (HEALTHY.release)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a look at a claimed link frees it",
        check: "inspecting_changes_nothing",
        verbs: Verbs {
            inspect: |process, command| {
                let view = (HEALTHY.inspect)(process, command)?;
                if let LinkName::Digest(_) = command.link {
                    with_link(process, &command, |link| {
                        if let LinkState::Claimed(_) = link.state {
                            link.state = LinkState::Unused;
                        }
                    });
                }
                Ok(view)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a caller who goes away leaves half of a redemption",
        check: "a_dropped_redemption_is_whole",
        verbs: Verbs {
            redeem: |process, command| {
                let answer = (HEALTHY.redeem)(process, command)?;
                if answer.as_ref().is_some_and(|answer| answer.verdict == Verdict::FirstUse) {
                    leave_the_rest(
                        process,
                        command.tenant,
                        answer.as_ref().map(|answer| answer.inquiry.id),
                        command.session,
                    );
                }
                Ok(answer)
            },
            after_a_pause: Some(("redeem", write_the_rest)),
            ..HEALTHY
        },
    },
    Broken {
        fault: "a caller who goes away leaves half of a commit",
        check: "a_dropped_commit_is_whole",
        verbs: Verbs {
            commit: |process, command| {
                let answer = (HEALTHY.commit)(process, command)?;
                if answer.as_ref().is_some_and(|answer| answer.verdict == Verdict::FirstUse) {
                    leave_the_rest(process, command.tenant, Some(command.inquiry), command.session);
                }
                Ok(answer)
            },
            after_a_pause: Some(("commit", write_the_rest)),
            ..HEALTHY
        },
    },
    Broken {
        fault: "a caller who goes away leaves half of the start of a session",
        check: "a_dropped_call_is_whole",
        verbs: Verbs {
            start_session: |process, command| {
                let answer = (HEALTHY.start_session)(process, command)?;
                leave_the_rest(process, command.tenant, Some(command.inquiry), command.session);
                Ok(answer)
            },
            after_a_pause: Some(("start_session", write_the_rest)),
            ..HEALTHY
        },
    },
];

/// A command on a link that is decided by a pure function.
trait Attempt {
    fn decide(&self, subject: &Subject<'_>) -> Decision;
    fn at(&self) -> (Timestamp, EventId);
}

impl Attempt for Redeem {
    fn decide(&self, subject: &Subject<'_>) -> Decision {
        redemption::redeem(subject, self)
    }

    fn at(&self) -> (Timestamp, EventId) {
        (self.now, self.event)
    }
}

impl Attempt for Commit {
    fn decide(&self, subject: &Subject<'_>) -> Decision {
        redemption::commit(subject, self)
    }

    fn at(&self) -> (Timestamp, EventId) {
        (self.now, self.event)
    }
}

fn by_code(command: &Redeem) -> Inspect {
    Inspect { tenant: command.tenant, link: LinkName::Digest(command.digest) }
}

fn by_id(command: &Commit) -> Inspect {
    Inspect { tenant: command.tenant, link: LinkName::Id(command.inquiry, command.link) }
}

fn by_claim(command: &Release) -> Inspect {
    Inspect { tenant: command.tenant, link: LinkName::Id(command.inquiry, command.link) }
}

/// Looks a link up and decides; by the time the answer is read, it may be another link.
fn look(process: &Process, link: &Inspect, command: &impl Attempt) -> Option<(InquiryKey, LinkId, Decision)> {
    let tables = process.tables();
    let (key, id) = tables.find(link)?;
    let file = tables.files.get(&key)?;
    Some((key, id, command.decide(&file.subject(&file.links[&id]))))
}

#[allow(clippy::unnecessary_wraps, reason = "it is what a verb answers")]
fn select_then_update(
    process: &Process,
    link: &Inspect,
    command: &impl Attempt,
) -> Answer<Option<Attempted>> {
    let Some((key, id, decision)) = look(process, link, command) else {
        return Ok(None);
    };
    process.pause();
    let (now, event) = command.at();
    Ok(process.tables().carry_out(&key, id, &decision, now, event))
}

/// Redeems with another decision than the right one.
#[allow(clippy::unnecessary_wraps, reason = "it is what a verb answers")]
fn redeem_but(
    process: &Process,
    command: &Redeem,
    change: impl FnOnce(&Subject<'_>, &mut Decision),
) -> Answer<Option<Attempted>> {
    let decide = |subject: &Subject<'_>| {
        let mut decision = redemption::redeem(subject, command);
        change(subject, &mut decision);
        decision
    };
    Ok(process.tables().attempt(&by_code(command), command.now, command.event, decide))
}

/// Refuses, and writes nothing.
fn refuse(process: &Process, command: &Redeem, refusal: Refusal) -> Answer<Option<Attempted>> {
    redeem_but(process, command, |_, decision| *decision = nothing(Verdict::Refused(refusal)))
}

const fn nothing(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        inquiry: InquiryChange::None,
        link: LinkChange::None,
        session: SessionChange::None,
        event: None,
    }
}

/// Takes back a session that was written, to be written later.
fn leave_the_rest(process: &Process, tenant: TenantId, inquiry: Option<InquiryId>, session: SessionId) {
    let key = inquiry.map(|inquiry| InquiryKey { tenant, inquiry });
    let mut tables = process.tables();
    let file = key.and_then(|key| tables.files.get_mut(&key));
    process.half_done.lock().unwrap().extend(file.and_then(|file| file.sessions.remove(&session)));
}

fn write_the_rest(process: &Process) {
    let mut tables = process.tables();
    for session in process.half_done.lock().unwrap().drain(..) {
        let key = InquiryKey { tenant: session.tenant, inquiry: session.inquiry };
        if let Some(file) = tables.files.get_mut(&key) {
            file.sessions.insert(session.id, session);
        }
    }
}

/// How many links the inquiry has.
fn links(process: &Process, command: &Redeem) -> Option<usize> {
    process.tamper(&command.digest, |file, _| file.links.len())
}

/// Whether a plain redemption would be the first use.
fn is_good(process: &Process, command: &Redeem) -> bool {
    let decision = look(process, &by_code(command), command).map(|(_, _, decision)| decision.verdict);
    decision == Some(Verdict::FirstUse)
}

fn with_link<T>(process: &Process, link: &Inspect, change: impl FnOnce(&mut LinkRecord) -> T) -> Option<T> {
    let mut tables = process.tables();
    let (key, id) = tables.find(link)?;
    tables.files.get_mut(&key)?.links.get_mut(&id).map(change)
}

fn state(process: &Process, command: &Redeem) -> Option<LinkState> {
    with_link(process, &by_code(command), |link| link.state)
}

fn spend(link: &mut LinkRecord, at: Timestamp, session: SessionId) {
    let (grace, attempt, binding, claim) = (None, None, None, None);
    link.state = LinkState::Used(Use { at, session, replays: 0, grace, attempt, binding, claim });
}

/// The inquiry of a session.
fn record(process: &Process, session: &SessionRecord) -> InquiryRecord {
    let key = InquiryKey { tenant: session.tenant, inquiry: session.inquiry };
    process.tables().files[&key].inquiry.clone()
}
