//! Stores that sweep or purge wrongly (I6, S3).

use inquiry_otl::{
    EventKind, Expiry, Interval, LinkId,
    record::{LinkRecord, LinkState},
    store::{CreateOutcome, InquiryKey, Purge, Purged},
};

use super::{
    Answer, Broken, HEALTHY, Process, Verbs,
    own_store::{File, is_held},
};

pub(super) const FAULTS: &[Broken] = &[
    Broken {
        fault: "T6: a purge takes a link in the middle of its redemption",
        check: "a_lease_keeps_its_link",
        verbs: Verbs {
            purge: |process, command| {
                let one = process.tables().files.len() == 1;
                take(process, command, |_, link| one && matches!(link.state, LinkState::Claimed(_)))
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T6: a purge of many inquiries takes links in the middle of their redemption",
        check: "a_purge_takes_nothing_in_the_middle",
        verbs: Verbs {
            purge: |process, command| {
                let many = 1 < process.tables().files.len();
                take(process, command, |_, link| many && matches!(link.state, LinkState::Claimed(_)))
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T6: a purge takes a link whose session is live",
        check: "a_live_session_keeps_its_link",
        verbs: Verbs {
            purge: |process, command| {
                take(process, command, |file, link| match link.state {
                    LinkState::Used(used) if used.claim.is_none() => {
                        let session = file.sessions.get(&used.session);
                        session.is_some_and(|session| session.is_live(&file.inquiry, command.now))
                    }
                    _ => false,
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T6: a purge takes a link within its grace",
        check: "a_grace_keeps_its_link",
        verbs: Verbs {
            purge: |process, command| {
                take(process, command, |file, link| match link.state {
                    LinkState::Used(used) => {
                        let grace = used.grace.is_some_and(|grace| command.now < grace.until);
                        let session = file.sessions.get(&used.session);
                        let live = session.is_some_and(|it| it.is_live(&file.inquiry, command.now));
                        grace && !live
                    }
                    _ => false,
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T6: a purge takes a link whose first use may still be repeated",
        check: "a_repeat_window_keeps_its_link",
        verbs: Verbs {
            purge: |process, command| {
                take(process, command, |file, link| match link.state {
                    LinkState::Used(used) => {
                        let session = file.sessions.get(&used.session);
                        let live = session.is_some_and(|it| it.is_live(&file.inquiry, command.now));
                        command.repeats_after < used.at && !live
                    }
                    _ => false,
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the only link of an inquiry has no retention",
        check: "a_link_is_kept_for_its_retention",
        verbs: Verbs {
            purge: |process, command| {
                let mut purged = (HEALTHY.purge)(process, command)?;
                let mut tables = process.tables();
                let alone = tables.files.len() == 1;
                for file in tables.files.values_mut().filter(|file| alone && file.links.len() == 1) {
                    file.links
                        .retain(|_, link| link.state != LinkState::Unused || command.now < link.expires_at);
                    purged.links += u64::from(file.links.is_empty());
                }
                Ok(purged)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "sessions that no link started have no retention",
        check: "a_session_is_kept_for_its_retention",
        verbs: Verbs {
            purge: |process, command| {
                let mut purged = (HEALTHY.purge)(process, command)?;
                for file in process.tables().files.values_mut() {
                    let before = file.sessions.len();
                    file.sessions
                        .retain(|_, session| session.link.is_some() || command.now < session.expires_at);
                    purged.sessions += (before - file.sessions.len()) as u64;
                }
                Ok(purged)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a purge takes inquiries without being asked to",
        check: "an_inquiry_is_kept_for_its_own_retention",
        verbs: Verbs {
            purge: |process, mut command| {
                command.inquiry_retention = command.inquiry_retention.or(Some(command.retention));
                (HEALTHY.purge)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a purge takes an inquiry before somebody acknowledged its events",
        check: "an_inquiry_waits_for_its_events",
        verbs: Verbs {
            purge: |process, command| {
                let outbox = std::mem::take(&mut process.tables().outbox);
                let purged = (HEALTHY.purge)(process, command);
                process.tables().outbox = outbox;
                purged
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a purge has no limit",
        check: "a_purge_stops_at_its_limit",
        verbs: Verbs {
            purge: |process, command| (HEALTHY.purge)(process, Purge { limit: u32::MAX, ..command }),
            ..HEALTHY
        },
    },
    Broken {
        fault: "a purge does not say that there is more",
        check: "a_purge_stops_at_its_limit",
        verbs: Verbs {
            purge: |process, command| Ok(Purged { more: false, ..(HEALTHY.purge)(process, command)? }),
            ..HEALTHY
        },
    },
    Broken {
        fault: "the id of an inquiry that was purged stays taken",
        check: "a_remade_inquiry_revives_nothing",
        verbs: Verbs {
            purge: |process, command| {
                let before: Vec<_> = process.tables().files.keys().copied().collect();
                let purged = (HEALTHY.purge)(process, command);
                let tables = process.tables();
                let gone = before.into_iter().filter(|key| !tables.files.contains_key(key));
                process.gone.lock().unwrap().extend(gone);
                purged
            },
            create_inquiry: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry.id };
                if process.gone.lock().unwrap().contains(&key) {
                    return Ok(CreateOutcome::Exists);
                }
                (HEALTHY.create_inquiry)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a sweep goes by the deadline of the creation",
        check: "a_sweep_leaves_the_rest",
        verbs: Verbs {
            sweep: |process, command| {
                for File { inquiry, .. } in process.tables().files.values_mut() {
                    let inquiry = &mut inquiry.inquiry;
                    inquiry.expires_at = inquiry.created_at.plus(inquiry.policy.after_create());
                }
                (HEALTHY.sweep)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a purge forgets why the links that stay are dead",
        check: "a_purge_keeps_reasons",
        verbs: Verbs {
            purge: |process, command| {
                let purged = (HEALTHY.purge)(process, command)?;
                for file in process.tables().files.values_mut() {
                    file.inquiry.endings.epochs.clear();
                    file.inquiry.endings.generations.clear();
                }
                Ok(purged)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a sweep announces an expiry too early",
        check: "a_sweep_announces_an_expiry_once",
        verbs: Verbs {
            sweep: |process, mut command| {
                command.now = command.now.plus(Interval::from_seconds(1).unwrap());
                (HEALTHY.sweep)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a sweep announces an expiry that was announced",
        check: "a_sweep_announces_an_expiry_once",
        verbs: Verbs {
            sweep: |process, command| {
                let mut swept = (HEALTHY.sweep)(process, command)?;
                if swept.events.is_empty() {
                    let mut tables = process.tables();
                    let again = tables.files.iter().find_map(|(key, file)| {
                        let at = file.inquiry.inquiry.expired_at?;
                        (at == file.inquiry.inquiry.expires_at).then_some((*key, at))
                    });
                    if let Some((key, expired_at)) = again {
                        let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at };
                        if let Some(file) = tables.files.get_mut(&key) {
                            file.inquiry.last_sequence += 1;
                        }
                        let events = tables.written(&key, command.event, command.now, [Some(kind), None]);
                        swept.events.extend(events.events(key.tenant, key.inquiry));
                    }
                }
                Ok(swept)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a sweep of more than 50 tells of an expiry and does not write it",
        check: "a_sweep_announces_an_expiry_once",
        verbs: Verbs {
            sweep: |process, command| {
                let files = process.tables().files.clone();
                let swept = (HEALTHY.sweep)(process, command);
                if 50 < command.limit {
                    process.tables().files = files;
                }
                swept
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a sweep has no limit",
        check: "a_sweep_stops_at_its_limit",
        verbs: Verbs {
            sweep: |process, mut command| {
                command.limit = u32::MAX;
                (HEALTHY.sweep)(process, command)
            },
            ..HEALTHY
        },
    },
];

/// A purge that takes links of a kind, which something still holds.
fn take(process: &Process, command: Purge, held: impl Fn(&File, &LinkRecord) -> bool) -> Answer<Purged> {
    let mut purged = (HEALTHY.purge)(process, command)?;
    let mut tables = process.tables();
    let taken: Vec<(InquiryKey, LinkId)> = tables
        .files
        .iter()
        .flat_map(|(key, file)| file.links.values().map(move |link| (key, file, link)))
        .filter(|(_, file, link)| {
            let past = link.expires_at.plus(command.retention) <= command.now;
            past && is_held(&file.subject(link), &command) && held(file, link)
        })
        .map(|(key, _, link)| (*key, link.id))
        .collect();
    for (key, id) in taken {
        let link = tables.files.get_mut(&key).and_then(|file| file.links.remove(&id));
        if let Some(link) = link {
            tables.codes.remove(&link.digest.prefix());
            purged.links += 1;
        }
    }
    Ok(purged)
}
