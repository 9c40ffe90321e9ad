//! Creating a link, or finding the one to give out again: one statement.

use inquiry_otl::{
    issuance::{self, Issuance, IssueLink, Lifetime, Outstanding},
    store::IssueOutcome,
};
use uuid::Uuid;

use crate::{
    attempt::recorded,
    connection::Connection,
    fault::Fault,
    row::{Columns, system_time},
};

/// Creates a link, or gives out one that is outstanding (L1, L2, L5).
pub(crate) async fn issue(on: Connection<'_>, command: &IssueLink) -> Result<IssueOutcome, Fault> {
    let (outstanding, keys, live_until) = match command.outstanding {
        Outstanding::Supersede => ("supersede", None, None),
        Outstanding::Keep => ("keep", None, None),
        Outstanding::ReturnSame { keys, live_until } => {
            ("return-same", Some(i64::from(keys.bits())), Some(system_time(live_until)))
        }
    };
    let until = match command.lifetime {
        Lifetime::ByPolicy => None,
        Lifetime::Until(at) => Some(system_time(at)),
    };
    let row = on
        .row(
            &on.sql.issue,
            &[
                &command.tenant.as_str(),
                &command.inquiry.as_str(),
                &system_time(command.now),
                &Uuid::from_u128(command.link.as_u128()),
                &&command.digest.as_bytes()[..],
                &command.derivation.map(|derivation| i16::from(derivation.key.get())),
                &command.derivation.map(|derivation| derivation.nonce.as_bytes().to_vec()),
                &command.purpose.as_str(),
                &command.parent.map(|session| Uuid::from_u128(session.as_u128())),
                &command.creator.as_ref().map(inquiry_otl::Creator::as_str),
                &until,
                &outstanding,
                &keys,
                &live_until,
                &Uuid::from_u128(command.event.as_u128()),
                &Uuid::from_u128(command.event.nth(1).as_u128()),
                &on.outbox,
            ],
        )
        .await?;
    let Some(row) = row else {
        return Ok(IssueOutcome::NotFound);
    };
    let mut columns = Columns::of(&row);
    let (inquiry, parent, kept) = (columns.inquiry()?, columns.session()?, columns.link()?);
    let wrote: Option<&str> = columns.take()?;
    let Some(mut inquiry) = inquiry else {
        return Ok(IssueOutcome::NotFound);
    };
    if wrote == Some("taken") {
        return Ok(IssueOutcome::Taken);
    }
    // The one that was found is the newest that fits: the rules need not see the others.
    let found = if wrote == Some("reuse") { kept.as_ref() } else { None };
    let issuance = issuance::issue(&inquiry, parent.as_ref(), found, command);
    let agrees = match &issuance {
        Issuance::Create { link, supersedes } => {
            wrote == Some(if *supersedes { "supersede" } else { "create" }) && kept.as_ref() == Some(link)
        }
        Issuance::Reuse(id) => wrote == Some("reuse") && kept.as_ref().map(|link| link.id) == Some(*id),
        Issuance::NotOpen { lapsed_at: Some(_), .. } => wrote == Some("deadline"),
        Issuance::NotOpen { lapsed_at: None, .. } | Issuance::SessionNotLive => wrote == Some("nothing"),
    };
    if !agrees {
        return Err(Fault::Disagrees);
    }
    let kinds = issuance.change_inquiry(&mut inquiry, command.now);
    let events = recorded(command.event, &inquiry, command.now, kinds);
    Ok(match (issuance, kept) {
        (Issuance::Create { link, .. }, _) => IssueOutcome::Issued { link, events },
        (Issuance::Reuse(_), Some(link)) => IssueOutcome::Reused { link, events },
        (Issuance::NotOpen { reason, .. }, _) => IssueOutcome::NotOpen { reason, events },
        (Issuance::SessionNotLive, _) => IssueOutcome::SessionNotLive,
        (Issuance::Reuse(_), None) => return Err(Fault::Disagrees),
    })
}
