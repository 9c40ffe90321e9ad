//! Stores that create links wrongly (L1 to L6).

use inquiry_otl::{
    Expiry, KeySet, LinkId, Purpose, Retry, Revocation, Status, StoreError, StoreErrorKind, Timestamp,
    inquiry::EpochEnd,
    issuance::{self, Issuance, IssueLink, Lifetime, Outstanding},
    record::{GenerationEnd, LinkState},
    revocation::Revoke,
    store::{InquiryKey, IssueOutcome, RevokeOutcome},
};

use super::{Answer, Broken, HEALTHY, Process, Verbs, a_moment_before, own_store::File};

pub(super) const FAULTS: &[Broken] = &[
    Broken {
        fault: "T8: the second of two simultaneous creations of a link ends in a raw error",
        check: "simultaneous_creations_return_one_link",
        verbs: Verbs {
            issue: |process, command| {
                let Outstanding::ReturnSame { .. } = command.outstanding else {
                    return (HEALTHY.issue)(process, command);
                };
                let before = with_file(process, &command, |file| file.links.len());
                process.pause();
                let after = with_file(process, &command, |file| file.links.len());
                if before == after {
                    (HEALTHY.issue)(process, command)
                } else {
                    Err(StoreError::new(StoreErrorKind::Conflict, Retry::Safe))
                }
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "T1: it looks which links to supersede, then writes without a guard",
        check: "simultaneous_creations_leave_one_live",
        verbs: Verbs {
            issue: |process, command| {
                let seen = with_file(process, &command, |file| file.inquiry.generations);
                process.pause();
                let answer = (HEALTHY.issue)(process, command.clone())?;
                if let (IssueOutcome::Issued { link, .. }, Some(seen)) = (&answer, seen) {
                    with_file(process, &command, |file| {
                        let was = seen.of(command.purpose).number;
                        let is = file.inquiry.generations.of(command.purpose).number;
                        if was.wrapping_add(1) < is {
                            // It thinks that it had superseded only what it saw.
                            file.links.values_mut().for_each(|link| link.generation = is);
                        }
                        link.id
                    });
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a link outlives the deadline of its inquiry",
        check: "a_link_lives_as_it_should",
        verbs: Verbs {
            issue: |process, command| {
                let asked = match command.lifetime {
                    Lifetime::Until(until) => Some(until),
                    Lifetime::ByPolicy => None,
                };
                let purpose = command.purpose;
                amended(process, &command, |file, id| {
                    let deadline = file.inquiry.inquiry.expires_at;
                    if let (Some(link), Some(asked)) = (file.links.get_mut(&id), asked) {
                        if purpose == Purpose::Resume && deadline < asked {
                            link.expires_at = asked;
                        }
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a superseded link stays good, if there is one for another device beside it",
        check: "superseding_kills_the_purpose",
        verbs: Verbs {
            issue: |process, command| {
                let supersede = command.outstanding == Outstanding::Supersede;
                amended(process, &command, |file, _| {
                    let other = file.links.values().any(|link| link.purpose == Purpose::DeviceHandoff);
                    if supersede && other {
                        revive(file);
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "superseding looks at a page of 500 links",
        check: "superseding_kills_a_thousand",
        verbs: Verbs {
            issue: |process, command| {
                amended(process, &command, |file, _| {
                    if 500 < file.links.len() {
                        revive(file);
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a link that did not fit stays beside the new one",
        check: "what_does_not_fit_is_superseded",
        verbs: Verbs {
            issue: |process, command| {
                let with_keys = matches!(command.outstanding, Outstanding::ReturnSame { .. });
                amended(process, &command, |file, _| {
                    if with_keys {
                        revive(file);
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "superseding kills the links of the other purpose too",
        check: "superseding_kills_the_purpose",
        verbs: Verbs {
            issue: |process, command| {
                let (purpose, now) = (command.purpose, command.now);
                let supersede = command.outstanding == Outstanding::Supersede;
                amended(process, &command, |file, id| {
                    let other = match purpose {
                        Purpose::Resume => Purpose::DeviceHandoff,
                        Purpose::DeviceHandoff => Purpose::Resume,
                    };
                    if supersede {
                        file.inquiry.end_generation(other, GenerationEnd::Superseded(id), now);
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "keeping the other links kills those of an earlier instant",
        check: "keeping_keeps",
        verbs: Verbs {
            issue: |process, mut command| {
                let kills = with_file(process, &command, |file| {
                    let newest = file.links.values().next_back();
                    file.inquiry.inquiry.status == Status::Created
                        && file.inquiry.inquiry.policy.session_limit() < u32::MAX
                        && newest.is_some_and(|link| link.created_at < command.now)
                });
                if command.outstanding == Outstanding::Keep && kills == Some(true) {
                    command.outstanding = Outstanding::Supersede;
                }
                (HEALTHY.issue)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a failed inquiry still gets links",
        check: "only_open_inquiries_get_links",
        verbs: Verbs {
            issue: |process, command| {
                let failed = with_file(process, &command, |file| {
                    let failed = file.inquiry.inquiry.status == Status::Failed;
                    if failed {
                        file.inquiry.inquiry.status = Status::Pending;
                    }
                    failed
                });
                let answer = (HEALTHY.issue)(process, command.clone());
                if failed == Some(true) {
                    with_file(process, &command, |file| file.inquiry.inquiry.status = Status::Failed);
                }
                answer
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a link can be created at the deadline",
        check: "a_creation_meets_the_deadline",
        verbs: Verbs {
            issue: |process, mut command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                if process.deadline(&key) == Some(command.now) {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.issue)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a revocation at the deadline does not meet it",
        check: "a_revocation_meets_the_deadline",
        verbs: Verbs {
            revoke: |process, mut command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                if process.deadline(&key) == Some(command.now) {
                    command.now = a_moment_before(command.now);
                }
                (HEALTHY.revoke)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a new link forgets who created it",
        check: "a_new_link_is_kept_whole",
        verbs: Verbs {
            issue: |process, mut command| {
                command.creator = None;
                (HEALTHY.issue)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a hand-off link forgets the session that made it",
        check: "a_hand_off_link_follows_its_session",
        verbs: Verbs {
            issue: |process, command| {
                amended(process, &command, |file, id| {
                    let link = file.links.get_mut(&id).unwrap();
                    if link.derivation.is_some() && file.inquiry.inquiry.resumed_at.is_some() {
                        link.parent = None;
                    }
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "revoking a session revokes the others",
        check: "one_session_is_revoked",
        verbs: Verbs {
            revoke: |process, command| {
                let answer = (HEALTHY.revoke)(process, command)?;
                if let (Revocation::Session(_), RevokeOutcome::Revoked(_)) = (command.target, &answer) {
                    with_inquiry(process, &command, |file| {
                        file.sessions.values_mut().for_each(|session| session.revoked_at = Some(command.now));
                    });
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a link that is not there was revoked already",
        check: "what_is_unknown_is_not_revoked",
        verbs: Verbs {
            revoke: |process, command| {
                let known = with_inquiry(process, &command, |_| ()).is_some();
                let answer = (HEALTHY.revoke)(process, command)?;
                Ok(match answer {
                    RevokeOutcome::NotFound(events) if known => RevokeOutcome::Already(events),
                    answer => answer,
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a link is given out again whatever key it was made under",
        check: "the_same_link_is_returned",
        verbs: Verbs {
            issue: |process, mut command| {
                match &mut command.outstanding {
                    Outstanding::ReturnSame { keys, live_until } if command.now < *live_until => {
                        *keys = KeySet::from_bits(u32::MAX);
                    }
                    _ => {}
                }
                (HEALTHY.issue)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a link is given out again however little of its life is left",
        check: "the_same_link_is_returned",
        verbs: Verbs {
            issue: |process, mut command| {
                if let Outstanding::ReturnSame { live_until, .. } = &mut command.outstanding {
                    *live_until = Timestamp::MIN;
                }
                (HEALTHY.issue)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a claimed link is given out again",
        check: "the_same_link_is_returned",
        verbs: Verbs {
            issue: |process, command| {
                let claimed = with_file(process, &command, |file| {
                    let links = file.links.clone();
                    for link in file.links.values_mut() {
                        if let LinkState::Claimed(_) = link.state {
                            link.state = LinkState::Unused;
                        }
                    }
                    links
                });
                let answer = (HEALTHY.issue)(process, command.clone());
                with_file(process, &command, |file| {
                    for (id, link) in claimed.into_iter().flatten() {
                        if let Some(kept) = file.links.get_mut(&id) {
                            kept.state = link.state;
                        }
                    }
                });
                answer
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the oldest link is given out again, not the newest",
        check: "the_same_link_is_returned",
        verbs: Verbs {
            issue: |process, command| {
                let oldest = with_file(process, &command, |file| {
                    let parent = command.parent.and_then(|id| file.sessions.get(&id));
                    match issuance::issue(&file.inquiry, parent, file.links.values(), &command) {
                        Issuance::Reuse(id) => Some(id),
                        _ => None,
                    }
                });
                let answer = (HEALTHY.issue)(process, command.clone())?;
                Ok(match (answer, oldest.flatten()) {
                    (IssueOutcome::Reused { events, .. }, Some(id)) => {
                        let link = with_file(process, &command, |file| file.links[&id].clone()).unwrap();
                        IssueOutcome::Reused { link, events }
                    }
                    (answer, _) => answer,
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a link takes the place of another with its id",
        check: "a_taken_name_creates_nothing",
        verbs: Verbs {
            issue: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                let mut tables = process.tables();
                let taken = tables.files.get_mut(&key).and_then(|file| file.links.remove(&command.link));
                if let Some(link) = taken {
                    tables.codes.remove(&link.digest.prefix());
                }
                drop(tables);
                (HEALTHY.issue)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a link takes the place of another with its digest",
        check: "a_taken_name_creates_nothing",
        verbs: Verbs {
            issue: |process, command| {
                process.tables().codes.remove(&command.digest.prefix());
                (HEALTHY.issue)(process, command)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "one creation that fails takes those after it along",
        check: "many_creations_answer_one_by_one",
        verbs: Verbs {
            issue_many: |process, commands| {
                let mut failed = false;
                let each = |command: IssueLink| {
                    if failed {
                        return Err(StoreError::new(StoreErrorKind::Internal, Retry::Safe));
                    }
                    let answer = (HEALTHY.issue)(process, command);
                    failed = !matches!(answer, Ok(IssueOutcome::Issued { .. } | IssueOutcome::Reused { .. }));
                    answer
                };
                commands.into_iter().map(each).collect()
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the answers of many creations come in another order",
        check: "many_creations_answer_one_by_one",
        verbs: Verbs {
            issue_many: |process, commands| {
                let mut answers = (HEALTHY.issue_many)(process, commands);
                answers.reverse();
                answers
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "revoking one link revokes all of them, if there was a session",
        check: "one_link_is_revoked",
        verbs: Verbs {
            revoke: |process, command| {
                let answer = (HEALTHY.revoke)(process, command)?;
                if let (Revocation::Link(_), RevokeOutcome::Revoked(_)) = (command.target, &answer) {
                    let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                    if let Some(file) = process.tables().files.get_mut(&key) {
                        let links = file.links.values_mut().filter(|_| !file.sessions.is_empty());
                        links.for_each(|link| {
                            link.revoked_at.get_or_insert(command.now);
                        });
                    }
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "revoking all links spares those for another device",
        check: "all_links_are_revoked",
        verbs: Verbs {
            revoke: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                let answer = (HEALTHY.revoke)(process, command)?;
                if let (Revocation::AllLinks, Some(file)) =
                    (command.target, process.tables().files.get_mut(&key))
                {
                    let current = file.inquiry.generations.device_handoff.number;
                    let links = file.links.values_mut();
                    links
                        .filter(|link| link.purpose == Purpose::DeviceHandoff)
                        .for_each(|link| link.generation = current);
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "revoking everything spares the sessions",
        check: "everything_is_revoked",
        verbs: Verbs {
            revoke: |process, command| {
                let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
                let answer = (HEALTHY.revoke)(process, command)?;
                if let (Revocation::Everything, Some(file)) =
                    (command.target, process.tables().files.get_mut(&key))
                {
                    let epoch = file.inquiry.epoch;
                    file.sessions.values_mut().for_each(|session| session.epoch = epoch);
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "revoking everything of an inquiry that expired says that it did something",
        check: "what_ended_is_not_revoked",
        verbs: Verbs {
            revoke: |process, command| {
                let requested = with_inquiry(process, &command, |file| {
                    let ended = file.inquiry.endings.epochs.last().map(|ended| ended.why);
                    ended == Some(EpochEnd::Expired(Expiry::Requested))
                });
                let answer = (HEALTHY.revoke)(process, command)?;
                Ok(match answer {
                    RevokeOutcome::Already(events) if requested == Some(true) => {
                        RevokeOutcome::Revoked(events)
                    }
                    answer => answer,
                })
            },
            ..HEALTHY
        },
    },
];

fn with_file<T>(process: &Process, command: &IssueLink, change: impl FnOnce(&mut File) -> T) -> Option<T> {
    let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
    process.tables().files.get_mut(&key).map(change)
}

fn with_inquiry<T>(process: &Process, command: &Revoke, change: impl FnOnce(&mut File) -> T) -> Option<T> {
    let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
    process.tables().files.get_mut(&key).map(change)
}

/// Makes links good again that were superseded.
fn revive(file: &mut File) {
    for link in file.links.values_mut() {
        link.generation = file.inquiry.generations.of(link.purpose).number;
    }
}

/// Creates a link, and changes what was written if one was created.
fn amended(
    process: &Process,
    command: &IssueLink,
    change: impl FnOnce(&mut File, LinkId),
) -> Answer<IssueOutcome> {
    let answer = (HEALTHY.issue)(process, command.clone())?;
    Ok(match answer {
        IssueOutcome::Issued { link, events } => {
            let link = with_file(process, command, |file| {
                change(file, link.id);
                file.links[&link.id].clone()
            });
            IssueOutcome::Issued { link: link.unwrap(), events }
        }
        answer => answer,
    })
}
