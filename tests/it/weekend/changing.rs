//! Stores that create and change inquiries, or start sessions, wrongly (I6, E6, L4, D7).

use inquiry_otl::{
    Interval, Retry, Status, StoreError, StoreErrorKind,
    inquiry::EpochEnd,
    record::{LinkState, SessionRecord},
    redemption::InquiryChange,
    session,
    store::{ChangeInquiry, ChangeOutcome, CreateOutcome, InquiryKey, SessionView},
};

use super::{Broken, HEALTHY, Process, Verbs, a_moment_before, own_clock, own_store::File};

pub(super) const FAULTS: &[Broken] = &[
    Broken {
        fault: "T8: the second of two simultaneous creations of an inquiry ends in a raw error",
        check: "one_of_many_creations_wins",
        verbs: Verbs {
            create_inquiry: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry.id };
                let was_there = process.tables().files.contains_key(&key);
                process.pause();
                match (HEALTHY.create_inquiry)(process, command)? {
                    CreateOutcome::Exists if !was_there => {
                        Err(StoreError::new(StoreErrorKind::Conflict, Retry::Safe))
                    }
                    outcome => Ok(outcome),
                }
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "an id is taken if another tenant has it",
        check: "tenants_share_ids",
        verbs: Verbs {
            create_inquiry: |process, command| {
                let id = command.inquiry.id;
                if process.tables().files.keys().any(|key| key.inquiry == id) {
                    return Ok(CreateOutcome::Exists);
                }
                (HEALTHY.create_inquiry)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T7: a read shows an expiry by the store's own clock, of what lives less than five seconds",
        check: "a_read_meets_no_deadline",
        verbs: Verbs {
            inquiry: |process, key| {
                let record = (HEALTHY.inquiry)(process, key)?;
                Ok(record.map(|mut record| {
                    if record.inquiry.policy.after_create() < Interval::from_seconds(5).unwrap() {
                        record.inquiry = record.inquiry.as_of(own_clock());
                    }
                    record
                }))
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a session can be started at the deadline",
        check: "a_session_meets_the_deadline",
        verbs: Verbs {
            start_session: |process, mut command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                if process.deadline(&key) == Some(command.now) {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.start_session)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a completed inquiry still starts sessions",
        check: "only_open_inquiries_start_sessions",
        verbs: Verbs {
            start_session: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                let status = |from, to| {
                    if let Some(file) = process.tables().files.get_mut(&key) {
                        if file.inquiry.inquiry.status == from && file.inquiry.inquiry.completed_at.is_some()
                        {
                            file.inquiry.inquiry.status = to;
                        }
                    }
                };
                status(Status::Completed, Status::Pending);
                let answer = (HEALTHY.start_session)(process, command);
                status(Status::Pending, Status::Completed);
                answer
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a session that is not there is taken for the newest",
        check: "a_session_is_started",
        verbs: Verbs {
            session: |process, key| {
                let view = (HEALTHY.session)(process, key)?;
                let inquiry = InquiryKey { tenant: key.tenant, inquiry: key.inquiry };
                let tables = process.tables();
                Ok(view.or_else(|| {
                    let file = tables.files.get(&inquiry)?;
                    let session = file.sessions.values().next_back()?.clone();
                    Some(SessionView { session, inquiry: file.inquiry.clone() })
                }))
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "creating overwrites",
        check: "creating_is_not_updating",
        verbs: Verbs {
            create_inquiry: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry.id };
                let policy = command.inquiry.policy;
                let outcome = (HEALTHY.create_inquiry)(process, command)?;
                if let (CreateOutcome::Exists, Some(file)) = (&outcome, process.tables().files.get_mut(&key))
                {
                    if !file.links.is_empty() {
                        file.inquiry.inquiry.policy = policy;
                    }
                }
                Ok(outcome)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a change overwrites one that is older by the clock",
        check: "a_stale_change_is_a_conflict",
        verbs: Verbs {
            change_inquiry: |process, mut command| {
                let version = with_file(process, &command, |file| {
                    let started = file.inquiry.inquiry.started_at;
                    let older = started.is_some_and(|at| at < command.now);
                    older.then_some(file.inquiry.version)
                });
                command.if_version = version.flatten().unwrap_or(command.if_version);
                (HEALTHY.change_inquiry)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T1: a change compares the version, then writes without a guard",
        check: "one_of_many_changes_wins",
        verbs: Verbs {
            change_inquiry: |process, mut command| {
                let seen = with_file(process, &command, |file| file.inquiry.version);
                process.pause();
                if seen == Some(command.if_version) {
                    let version = with_file(process, &command, |file| file.inquiry.version);
                    command.if_version = version.unwrap_or(command.if_version);
                }
                (HEALTHY.change_inquiry)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the end of an inquiry leaves its epoch as it was",
        check: "the_end_kills_links_and_sessions",
        verbs: Verbs {
            change_inquiry: |process, mut command| {
                if let (Some((EpochEnd::Completed, _)), None) =
                    (command.step.ends_epoch, command.step.inquiry.policy.grace())
                {
                    command.step.ends_epoch = None;
                }
                (HEALTHY.change_inquiry)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "why an epoch ended is forgotten at a resume",
        check: "resuming_revives_nothing",
        verbs: Verbs {
            change_inquiry: |process, command| {
                let left = command.step.inquiry.expires_at.since(command.now).as_secs();
                let resumed = command.step.inquiry.resumed_at == Some(command.now) && left < 86_400;
                let file = command.clone();
                let outcome = (HEALTHY.change_inquiry)(process, command)?;
                if resumed {
                    with_file(process, &file, |file| file.inquiry.endings.epochs.clear());
                }
                Ok(outcome)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "it remembers how the last two epochs ended, and no others",
        check: "random_commands_agree_with_the_rules",
        verbs: Verbs {
            change_inquiry: |process, command| {
                let file = command.clone();
                let outcome = (HEALTHY.change_inquiry)(process, command)?;
                with_file(process, &file, |file| {
                    let epochs = &mut file.inquiry.endings.epochs;
                    epochs.drain(..epochs.len().saturating_sub(2));
                });
                Ok(outcome)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "resuming what is open ends the epoch",
        check: "resuming_what_is_open_keeps_links",
        verbs: Verbs {
            change_inquiry: |process, mut command| {
                let resumed = command.step.inquiry.resumed_at == Some(command.now);
                let unused = with_file(process, &command, |file| {
                    file.links.values().any(|link| link.state == LinkState::Unused)
                });
                if resumed && !command.step.resets_sessions && unused == Some(true) {
                    command.step.ends_epoch = Some((EpochEnd::Revoked, command.now));
                }
                (HEALTHY.change_inquiry)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a resume does not let sessions start anew",
        check: "a_resume_from_expired_resets_the_count",
        verbs: Verbs {
            change_inquiry: |process, mut command| {
                command.step.resets_sessions = false;
                (HEALTHY.change_inquiry)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a resume moves the end of sessions that a link started",
        check: "a_session_keeps_its_deadline",
        verbs: Verbs {
            change_inquiry: |process, command| {
                let resumed = command.step.inquiry.resumed_at == Some(command.now);
                let (file, until) = (command.clone(), command.step.inquiry.expires_at);
                let outcome = (HEALTHY.change_inquiry)(process, command)?;
                if resumed {
                    with_file(process, &file, |file| {
                        let epoch = file.inquiry.epoch;
                        let by_link =
                            |session: &&mut SessionRecord| session.epoch == epoch && session.link.is_some();
                        let sessions = file.sessions.values_mut().filter(by_link);
                        sessions.for_each(|session| session.expires_at = until);
                    });
                }
                Ok(outcome)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a change puts back the count of sessions that it was computed from",
        check: "a_redemption_leaves_the_version",
        verbs: Verbs {
            change_inquiry: |process, command| {
                let started = command.step.inquiry.started_at == Some(command.now);
                let file = command.clone();
                let outcome = (HEALTHY.change_inquiry)(process, command)?;
                if started && matches!(outcome, ChangeOutcome::Changed(_)) {
                    with_file(process, &file, |file| file.inquiry.sessions_started = 0);
                }
                Ok(outcome)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a redemption moves the version of its inquiry",
        check: "a_redemption_leaves_the_version",
        verbs: Verbs {
            redeem: |process, command| {
                let answer = (HEALTHY.redeem)(process, command)?;
                let granted = answer.as_ref().is_some_and(|answer| answer.session.is_some());
                if granted && command.attempt.is_none() {
                    process.tamper(&command.digest, |file, _| file.inquiry.version += 1);
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the second event of a change has the number of the first",
        check: "a_change_numbers_its_events",
        verbs: Verbs {
            change_inquiry: |process, command| {
                let two = command.step.events[1].is_some();
                let file = command.clone();
                let outcome = (HEALTHY.change_inquiry)(process, command)?;
                if two {
                    with_file(process, &file, |file| file.inquiry.last_sequence -= 1);
                }
                Ok(outcome)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "two sessions of the same instant count as one",
        check: "a_session_too_many_expires_the_inquiry",
        verbs: Verbs {
            start_session: |process, command| {
                let answer = (HEALTHY.start_session)(process, command)?;
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                if let Some(file) = process.tables().files.get_mut(&key) {
                    let same = |session: &&SessionRecord| {
                        session.started_at == command.now && session.link.is_none()
                    };
                    if 1 < file.sessions.values().filter(same).count()
                        && file.inquiry.inquiry.policy.session_limit() < u32::MAX
                        && file.links.is_empty()
                    {
                        file.inquiry.sessions_started -= 1;
                    }
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T1: starting a session compares the count, then writes without a guard",
        check: "a_random_race_loses_nothing",
        verbs: Verbs {
            start_session: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                let Some(seen) = process.tables().files.get(&key).map(|file| file.inquiry.clone()) else {
                    return Ok(None);
                };
                let start = session::start(&seen, &command);
                process.pause();
                if start.inquiry == InquiryChange::CountSession {
                    if let Some(file) = process.tables().files.get_mut(&key) {
                        file.inquiry.sessions_started = seen.sessions_started;
                    }
                }
                (HEALTHY.start_session)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "an inquiry that expired is announced once more by whoever meets it next",
        check: "an_expiry_is_written_once",
        verbs: Verbs {
            redeem: |process, command| {
                let again = process.tamper(&command.digest, |file, _| {
                    let inquiry = &mut file.inquiry.inquiry;
                    let again =
                        inquiry.status == Status::Expired && inquiry.expired_at == Some(inquiry.expires_at);
                    if again {
                        inquiry.status = Status::Pending;
                    }
                    again
                });
                let epoch = process.tamper(&command.digest, |file, _| file.inquiry.epoch);
                let answer = (HEALTHY.redeem)(process, command);
                if again == Some(true) {
                    process.tamper(&command.digest, |file, _| {
                        file.inquiry.epoch = epoch.unwrap();
                        file.inquiry.endings.epochs.pop();
                    });
                }
                answer
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "opening starts the inquiry",
        check: "a_first_use_starts_a_session",
        verbs: Verbs {
            redeem: |process, command| {
                let mut answer = (HEALTHY.redeem)(process, command)?;
                if let Some(answer) =
                    answer.as_mut().filter(|answer| answer.session.is_some() && command.attempt.is_some())
                {
                    answer.inquiry.status = Status::Pending;
                    process.tamper(&command.digest, |file, _| {
                        file.inquiry.inquiry.status = Status::Pending;
                    });
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
];

fn with_file<T>(
    process: &Process,
    command: &ChangeInquiry,
    change: impl FnOnce(&mut File) -> T,
) -> Option<T> {
    let key = InquiryKey { tenant: command.tenant, inquiry: command.step.inquiry.id };
    process.tables().files.get_mut(&key).map(change)
}
