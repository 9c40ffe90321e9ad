//! Creating links: one, or many in few round trips (L1, S1).

use std::collections::BTreeMap;

use futures_util::future::join_all;
use inquiry_otl::{
    StoreError,
    event::Recorded,
    issuance::{self, Issuance, IssueLink, Lifetime, Outstanding},
    record::Endings,
    store::{InquiryKey, IssueOutcome},
};
use redis::Value;

use crate::{
    attempt::inquiry_in,
    connection::Call,
    fault::{Effect, corrupt},
    fields::{digits, fields, items, text, word},
    keys::{Place, hex},
    record, script,
    store::{RedisStore, otherwise},
};

/// How many links are on their way at a time.
const CHUNK: usize = 1_000;
/// How long a cluster keeps a look-up whose link was never written, in seconds: two days. No answer depends on it (S5).
const DANGLING: u32 = 2 * 86_400;

/// Creates many links, some at a time.
pub(crate) async fn issue_many(
    store: &RedisStore,
    commands: &[IssueLink],
) -> Vec<Result<IssueOutcome, StoreError>> {
    let mut outcomes = Vec::with_capacity(commands.len());
    for chunk in commands.chunks(CHUNK) {
        outcomes.extend(issue_chunk(store, chunk).await);
    }
    outcomes
}

/// Creates links, all of them at once. A single server does so in one step.
///
/// A cluster needs three: there the look-up is in another slot than the link. So it is written first, for a time; then the
/// link; then the look-up for good, and only then the answer is given. Whoever goes away in between leaves a look-up that
/// finds nothing and goes by itself, or a link of which nobody has the code.
pub(crate) async fn issue_chunk(
    store: &RedisStore,
    commands: &[IssueLink],
) -> Vec<Result<IssueOutcome, StoreError>> {
    let places = &commands.iter().map(|command| store.keys.place(&key_of(command))).collect::<Vec<_>>();
    if !store.connection.is_cluster() {
        let calls = commands.iter().zip(places).map(|(command, place)| call(store, command, place));
        let answers = store.connection.write_all(calls.collect()).await;
        let answered = commands.iter().zip(answers);
        return answered.map(|(command, answer)| outcome(command, &answer?)).collect();
    }
    let entered =
        join_all(commands.iter().zip(places).map(|(command, place)| enter(store, command, place))).await;
    let mut outcomes: Vec<_> = commands.iter().map(|_| Ok(IssueOutcome::Taken)).collect();
    // Of one slot in one go, in their order.
    let mut slots: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (index, (entered, place)) in entered.iter().zip(places).enumerate() {
        if matches!(entered, Ok(Entered::New | Entered::Ours)) {
            slots.entry(place.partition).or_default().push(index);
        }
    }
    let written = join_all(slots.into_values().map(|indexes| async move {
        let calls =
            indexes.iter().filter_map(|index| Some(call(store, commands.get(*index)?, places.get(*index)?)));
        let answers = store.connection.write_all(calls.collect()).await;
        indexes.into_iter().zip(answers).collect::<Vec<_>>()
    }))
    .await;
    for (index, answer) in written.into_iter().flatten() {
        if let (Some(slot), Some(command)) = (outcomes.get_mut(index), commands.get(index)) {
            *slot = answer.and_then(|answer| outcome(command, &answer));
        }
    }
    let settled = commands.iter().zip(places).zip(entered.into_iter().zip(outcomes));
    join_all(
        settled.map(|((command, place), (entered, outcome))| settle(store, command, place, entered, outcome)),
    )
    .await
}

fn key_of(command: &IssueLink) -> InquiryKey {
    InquiryKey { tenant: command.tenant, inquiry: command.inquiry }
}

/// What became of a look-up before its link was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entered {
    /// It is there for a time.
    New,
    /// It was there, and is the same.
    Ours,
    /// Another link has that digest.
    Taken,
}

/// First step: the look-up, for a time.
async fn enter(store: &RedisStore, command: &IssueLink, place: &Place) -> Result<Entered, StoreError> {
    let lookup = store.keys.lookup(&command.digest);
    let value = place.of_link(command.link);
    let mut set = redis::cmd("SET");
    set.arg(&lookup).arg(&value).arg("NX").arg("GET").arg("EX").arg(DANGLING);
    // It names no link yet, so writing it again does no harm.
    let before = store.connection.command(&lookup, &set, Effect::None).await?;
    Ok(match text(&before) {
        None => Entered::New,
        Some(theirs) if theirs == value => Entered::Ours,
        Some(_) => Entered::Taken,
    })
}

/// Second step, or the only one: the link.
fn call(store: &RedisStore, command: &IssueLink, place: &Place) -> Call {
    let (outstanding, keys, live_until) = match command.outstanding {
        Outstanding::Supersede => ("supersede", String::new(), String::new()),
        Outstanding::Keep => ("keep", String::new(), String::new()),
        Outstanding::ReturnSame { keys, live_until } => {
            let bit = |number: u32| if keys.bits() >> number & 1 == 1 { '1' } else { '0' };
            ("return", (0..32).map(bit).collect(), digits(live_until))
        }
    };
    let (lookup, lookup_value) = if store.connection.is_cluster() {
        (String::new(), String::new())
    } else {
        (store.keys.lookup(&command.digest), place.of_link(command.link))
    };
    store
        .call(&script::ISSUE, Effect::Write, place)
        .arg(digits(command.now))
        .arg(store.event(command.event, 0))
        .arg(store.event(command.event, 1))
        .arg(command.link.to_string())
        .arg(hex(&command.digest))
        .arg(command.purpose.as_str())
        .arg(command.parent.map(|id| id.to_string()).unwrap_or_default())
        .arg(record::origin(command))
        .arg(match command.lifetime {
            Lifetime::ByPolicy => String::new(),
            Lifetime::Until(at) => digits(at),
        })
        .arg(outstanding)
        .arg(keys)
        .arg(live_until)
        .arg(lookup)
        .arg(lookup_value)
}

/// What the script's answer means, by the rule itself.
fn outcome(command: &IssueLink, answer: &Value) -> Result<IssueOutcome, StoreError> {
    let key = key_of(command);
    let list = items(answer)?;
    let written = word(list, 0)?;
    match written {
        "missing" => return Ok(IssueOutcome::NotFound),
        "taken" => return Ok(IssueOutcome::Taken),
        _ => {}
    }
    let mut inquiry = inquiry_in(&key, list, Endings::default())?;
    let parent = match (command.parent, fields(list, 2)) {
        (Some(id), Some(found)) => Some(record::session(&key, id, found)?),
        _ => None,
    };
    let fitting = match fields(list, 4) {
        Some(found) => {
            let id = word(list, 3)?.parse().map_err(|_| corrupt("link"))?;
            Some(record::link(&key, id, found)?)
        }
        None => None,
    };
    let issuance = issuance::issue(&inquiry, parent.as_ref(), fitting.as_ref(), command);
    let expected = match &issuance {
        Issuance::Create { supersedes: true, .. } => "supersede",
        Issuance::Create { supersedes: false, .. } => "create",
        Issuance::Reuse(_) => "reuse",
        Issuance::NotOpen { lapsed_at: Some(_), .. } => "expire",
        Issuance::NotOpen { lapsed_at: None, .. } | Issuance::SessionNotLive => "none",
    };
    if written != expected {
        return Err(otherwise());
    }
    let first = inquiry.last_sequence.wrapping_add(1);
    let kinds = issuance.change_inquiry(&mut inquiry, command.now);
    let events = Recorded::new(command.event, first, command.now, kinds);
    match (issuance, fitting) {
        (Issuance::Create { link, .. }, _) if word(list, 3)? == digits(link.expires_at) => {
            Ok(IssueOutcome::Issued { link, events })
        }
        (Issuance::Reuse(_), Some(link)) => Ok(IssueOutcome::Reused { link, events }),
        (Issuance::NotOpen { reason, .. }, _) => Ok(IssueOutcome::NotOpen { reason, events }),
        (Issuance::SessionNotLive, _) => Ok(IssueOutcome::SessionNotLive),
        (Issuance::Create { .. } | Issuance::Reuse(_), _) => Err(otherwise()),
    }
}

/// Third step: the look-up for good, or away with it.
///
/// The second one has written by now: a fault from here on never says that nothing was. A look-up that stays though its link
/// is not there finds nothing, and goes by itself.
async fn settle(
    store: &RedisStore,
    command: &IssueLink,
    place: &Place,
    entered: Result<Entered, StoreError>,
    outcome: Result<IssueOutcome, StoreError>,
) -> Result<IssueOutcome, StoreError> {
    let entered = entered?;
    match &outcome {
        Ok(IssueOutcome::Issued { link, .. }) => keep(store, place, link).await?,
        Ok(IssueOutcome::Reused { link, .. }) => {
            // Whoever created it may have gone away before this.
            keep(store, place, link).await?;
            forget_new(store, command, place, entered).await;
        }
        // The link is there already, and this is its look-up.
        Ok(IssueOutcome::Taken) | Err(_) => {}
        Ok(IssueOutcome::NotFound | IssueOutcome::NotOpen { .. } | IssueOutcome::SessionNotLive) => {
            forget_new(store, command, place, entered).await;
        }
    }
    outcome
}

async fn keep(
    store: &RedisStore,
    place: &Place,
    link: &inquiry_otl::record::LinkRecord,
) -> Result<(), StoreError> {
    let lookup = store.keys.lookup(&link.digest);
    let call = Call::new(&script::KEEP, Effect::Write, &[lookup]).arg(place.of_link(link.id));
    match store.connection.write(call).await {
        Ok(Value::Int(1)) => Ok(()),
        Ok(_) => Err(corrupt("look-up")),
        Err(error) => Err(StoreError::new(error.kind(), Effect::Write.unknown()).with_source(error)),
    }
}

/// A look-up that this call wrote, and whose link it did not write.
async fn forget_new(store: &RedisStore, command: &IssueLink, place: &Place, entered: Entered) {
    if entered == Entered::New {
        let lookup = store.keys.lookup(&command.digest);
        let call = Call::new(&script::FORGET, Effect::Write, &[lookup]).arg(place.of_link(command.link));
        drop(store.connection.read(call).await);
    }
}
