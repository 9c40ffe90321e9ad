//! Stores that list records or pass events on wrongly (L7, V1).

use super::{Broken, HEALTHY, Verbs};

pub(super) const FAULTS: &[Broken] = &[
    Broken {
        fault: "links are listed oldest first",
        check: "links_are_listed_newest_first",
        verbs: Verbs {
            links: |process, list| {
                let mut listing = (HEALTHY.links)(process, list)?;
                if let Some(listing) = &mut listing {
                    listing.items.reverse();
                }
                Ok(listing)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "sessions are listed oldest first",
        check: "sessions_are_listed_newest_first",
        verbs: Verbs {
            sessions: |process, list| {
                let mut listing = (HEALTHY.sessions)(process, list)?;
                if let Some(listing) = &mut listing {
                    listing.items.reverse();
                }
                Ok(listing)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a page of links does not say that there are more",
        check: "links_are_listed_newest_first",
        verbs: Verbs {
            links: |process, list| {
                let mut listing = (HEALTHY.links)(process, list)?;
                if let Some(listing) = &mut listing {
                    listing.more = false;
                }
                Ok(listing)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "an event that was told of is missing in the outbox",
        check: "every_event_is_delivered_in_order",
        verbs: Verbs {
            redeem: |process, command| {
                let answer = (HEALTHY.redeem)(process, command)?;
                if answer.as_ref().is_some_and(|answer| !answer.events.is_empty()) {
                    process.tables().outbox.pop_last();
                }
                Ok(answer)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the outbox delivers the newest events first, if more than 70 wait",
        check: "a_race_is_delivered_in_order",
        verbs: Verbs {
            pending: |process, after, limit| {
                let mut deliveries = (HEALTHY.pending)(process, after, limit)?;
                if 70 < deliveries.len() {
                    deliveries.reverse();
                }
                Ok(deliveries)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the outbox delivers an event once, acknowledged or not, if fewer than 50 wait",
        check: "delivery_goes_on_until_acknowledged",
        verbs: Verbs {
            pending: |process, after, limit| {
                let deliveries = (HEALTHY.pending)(process, after, limit)?;
                let receipts = deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
                if deliveries.len() < 50 && 50 < limit {
                    (HEALTHY.acknowledge)(process, receipts)?;
                }
                Ok(deliveries)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "acknowledging an event drops the one behind it, too",
        check: "delivery_goes_on_until_acknowledged",
        verbs: Verbs {
            acknowledge: |process, receipts| {
                let behind = (HEALTHY.pending)(process, receipts.last().cloned(), 1)?;
                let dropped = (HEALTHY.acknowledge)(process, receipts)?;
                (HEALTHY.acknowledge)(process, behind.into_iter().map(|event| event.receipt).collect())?;
                Ok(dropped)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the outbox ignores where its reader is",
        check: "the_outbox_has_pages",
        verbs: Verbs { pending: |process, _, limit| (HEALTHY.pending)(process, None, limit), ..HEALTHY },
    },
];
