//! Records as they are kept: from lines of fields, and to them.

use inquiry_otl::{
    Creator, Derivation, Digest, Event, EventKind, ExpirationPolicy, Grace, Inquiry, InquiryId, Interval,
    KeyId, LinkId, Nonce, Purpose, SessionId, StoreError, TenantId, Timestamp,
    event::EventColumns,
    issuance::IssueLink,
    record::{
        EndedEpoch, EndedGeneration, Endings, Epoch, Generation, GenerationEnd, Generations, GraceLeft,
        InquiryRecord, Lease, LinkRecord, LinkState, SessionRecord, TokenDigests, Use,
    },
    store::InquiryKey,
};

use redis::Value;

use crate::{
    fault::corrupt,
    fields::{Fields, digits, instant, text, unhex},
    keys::hex_bytes,
};

/// The record of an inquiry from its status on, which is what its transitions change: in eight parts, as a script sets them.
pub(crate) fn inquiry_parts(inquiry: &Inquiry) -> Result<[String; 8], StoreError> {
    let at = |at: Option<Timestamp>| at.map(digits).unwrap_or_default();
    let [windows, limit, grace] = policy_parts(&inquiry.policy)?;
    let facts = [
        at(inquiry.completed_at),
        at(inquiry.failed_at),
        at(inquiry.marked_for_review_at),
        at(inquiry.decisioned_at),
        at(inquiry.started_at),
        at(inquiry.resumed_at),
        digits(inquiry.created_at),
        inquiry.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
        inquiry.template.to_string(),
    ];
    Ok([
        inquiry.status.as_str().to_owned(),
        digits(inquiry.expires_at),
        at(inquiry.redacted_at),
        at(inquiry.expired_at),
        windows,
        limit,
        grace,
        facts.join("\t"),
    ])
}

/// A policy as scripts read it: its windows, its session limit, its grace.
fn policy_parts(policy: &ExpirationPolicy) -> Result<[String; 3], StoreError> {
    // A window that follows another one is none of its own.
    let own = |with: fn(ExpirationPolicy, Interval) -> ExpirationPolicy, window: Interval| {
        if with(*policy, window) == *policy { window.seconds().to_string() } else { String::new() }
    };
    let windows = [
        policy.after_create().seconds().to_string(),
        own(ExpirationPolicy::with_after_start, policy.after_start()),
        policy.after_resume().seconds().to_string(),
        own(ExpirationPolicy::with_resume_link, policy.link_window(Purpose::Resume)),
        policy.link_window(Purpose::DeviceHandoff).seconds().to_string(),
    ];
    let grace = policy.grace().map_or_else(
        || "\t\t".to_owned(),
        |grace| {
            format!("{}\t{}\t{}", grace.window().seconds(), grace.max_replays(), grace.clients().as_str())
        },
    );
    let parts = [windows.join("\t"), policy.session_limit().to_string(), grace];
    // A rule that these fields have no place for must not get lost.
    let kept = parts.join("\t");
    if read_policy(&mut Fields::of(&kept))? == *policy { Ok(parts) } else { Err(corrupt("policy")) }
}

fn read_policy(fields: &mut Fields<'_>) -> Result<ExpirationPolicy, StoreError> {
    let window = |seconds: i64| Interval::from_seconds(seconds).map_err(|_| corrupt("policy"));
    let mut policy = ExpirationPolicy::default().with_after_create(window(fields.read("policy")?)?);
    if let Some(seconds) = fields.find("policy")? {
        policy = policy.with_after_start(window(seconds)?);
    }
    policy = policy.with_after_resume(window(fields.read("policy")?)?);
    if let Some(seconds) = fields.find("policy")? {
        policy = policy.with_resume_link(window(seconds)?);
    }
    policy = policy
        .with_device_handoff_link(window(fields.read("policy")?)?)
        .with_session_limit(fields.read("policy")?);
    let (grace, replays, clients) = (fields.find("grace")?, fields.find("grace")?, fields.find("grace")?);
    match (grace, replays, clients) {
        (None, None, None) => Ok(policy),
        (Some(seconds), Some(replays), Some(clients)) => {
            Ok(policy.with_grace(Grace::new(window(seconds)?, replays).with_clients(clients)))
        }
        _ => Err(corrupt("grace")),
    }
}

/// An inquiry's record from its fields.
pub(crate) fn inquiry(
    key: &InquiryKey,
    mut fields: Fields<'_>,
    endings: Endings,
) -> Result<InquiryRecord, StoreError> {
    let epoch = epoch(&mut fields)?;
    let version = fields.read("version")?;
    let generations = Generations {
        resume: generation(&mut fields, "resume")?,
        device_handoff: generation(&mut fields, "device-handoff")?,
    };
    let sessions_started = fields.read("sessions")?;
    let last_sequence = fields.read("sequence")?;
    // How many events wait in the outbox, which is the outbox's own affair.
    fields.read::<u64>("waiting")?;
    let status = fields.read("status")?;
    let deadline = fields.instant("expires")?;
    let redacted_at = fields.find_instant("redacted")?;
    let expired_at = fields.find_instant("expired")?;
    let policy = read_policy(&mut fields)?;
    let completed_at = fields.find_instant("completed")?;
    let failed_at = fields.find_instant("failed")?;
    let marked_for_review_at = fields.find_instant("marked")?;
    let decisioned_at = fields.find_instant("decisioned")?;
    let started_at = fields.find_instant("started")?;
    let resumed_at = fields.find_instant("resumed")?;
    let created_at = fields.instant("created")?;
    let reference = fields.find("reference")?;
    let mut inquiry = Inquiry::new(key.inquiry, fields.read("template")?, policy, created_at);
    fields.end()?;
    inquiry.reference = reference;
    inquiry.status = status;
    inquiry.expires_at = deadline;
    inquiry.started_at = started_at;
    inquiry.resumed_at = resumed_at;
    inquiry.completed_at = completed_at;
    inquiry.failed_at = failed_at;
    inquiry.expired_at = expired_at;
    inquiry.marked_for_review_at = marked_for_review_at;
    inquiry.decisioned_at = decisioned_at;
    inquiry.redacted_at = redacted_at;
    Ok(InquiryRecord {
        tenant: key.tenant,
        inquiry,
        version,
        epoch,
        generations,
        sessions_started,
        last_sequence,
        endings,
    })
}

fn epoch(fields: &mut Fields<'_>) -> Result<Epoch, StoreError> {
    read_epoch(fields.need("epoch")?).ok_or_else(|| corrupt("epoch"))
}

fn read_epoch(text: &str) -> Option<Epoch> {
    let number: u64 = text.parse().ok()?;
    let epoch = Epoch::new(number);
    (epoch.get() == number).then_some(epoch)
}

/// A number, and a `+` if a link was made in it.
fn generation(fields: &mut Fields<'_>, purpose: &'static str) -> Result<Generation, StoreError> {
    let text = fields.need(purpose)?;
    let number = text.strip_suffix('+').unwrap_or(text).parse().map_err(|_| corrupt(purpose))?;
    Ok(Generation { number, has_links: text.ends_with('+') })
}

/// How one epoch and one generation ended, as far as a link asks.
pub(crate) fn endings_of(
    link: &LinkRecord,
    epoch_end: Option<&str>,
    generation_end: Option<&str>,
) -> Result<Endings, StoreError> {
    let mut endings = Endings::default();
    if let Some(end) = epoch_end {
        let (_, ended) = ended_epoch(link.epoch, end).ok_or_else(|| corrupt("epochs"))?;
        endings.epochs.push(ended);
    }
    if let Some(end) = generation_end {
        let (_, ended) =
            ended_generation(link.purpose, link.generation, end).ok_or_else(|| corrupt("generations"))?;
        endings.generations.push(ended);
    }
    Ok(endings)
}

/// All endings that are kept, oldest first: each has the number of the last event before it.
pub(crate) fn endings(epochs: &[Value], generations: &[Value]) -> Result<Endings, StoreError> {
    let mut ended_epochs = Vec::new();
    for (epoch, end) in pairs(epochs) {
        let read = || ended_epoch(read_epoch(epoch)?, end);
        ended_epochs.push(read().ok_or_else(|| corrupt("epochs"))?);
    }
    let mut ended_generations = Vec::new();
    for (name, end) in pairs(generations) {
        let read = || {
            let (purpose, number) = name.split_once('/')?;
            ended_generation(purpose.parse().ok()?, number.parse().ok()?, end)
        };
        ended_generations.push(read().ok_or_else(|| corrupt("generations"))?);
    }
    ended_epochs.sort_by_key(|(sequence, _)| *sequence);
    ended_generations.sort_by_key(|(sequence, ended)| (*sequence, ended.purpose as u8));
    Ok(Endings {
        epochs: ended_epochs.into_iter().map(|(_, ended)| ended).collect(),
        generations: ended_generations.into_iter().map(|(_, ended)| ended).collect(),
    })
}

/// What a hash of the engine holds: names and values in turn.
fn pairs(hash: &[Value]) -> impl Iterator<Item = (&str, &str)> {
    hash.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some((text(name)?, text(value)?)),
        _ => None,
    })
}

fn ended_epoch(epoch: Epoch, end: &str) -> Option<(u64, EndedEpoch)> {
    let mut parts = end.split(' ');
    let sequence = parts.next()?.parse().ok()?;
    let why = parts.next()?.parse().ok()?;
    Some((sequence, EndedEpoch { epoch, why, at: instant(parts.next()?)? }))
}

fn ended_generation(purpose: Purpose, generation: u32, end: &str) -> Option<(u64, EndedGeneration)> {
    let mut parts = end.split(' ');
    let sequence = parts.next()?.parse().ok()?;
    let why = match (parts.next()?, parts.next()?) {
        ("superseded", by) => GenerationEnd::Superseded(by.parse().ok()?),
        ("revoked", _) => GenerationEnd::Revoked,
        _ => return None,
    };
    Some((sequence, EndedGeneration { purpose, generation, why, at: instant(parts.next()?)? }))
}

/// A link's record from its fields.
pub(crate) fn link(key: &InquiryKey, id: LinkId, mut fields: Fields<'_>) -> Result<LinkRecord, StoreError> {
    let fields = &mut fields;
    let revoked_at = fields.find_instant("revoked")?;
    let digest = fields.digest("digest")?;
    let purpose = fields.read("purpose")?;
    let epoch = epoch(fields)?;
    let generation = fields.read("generation")?;
    let expires_at = fields.instant("expires")?;
    let parent = fields.find("parent")?;
    let created_at = fields.instant("created")?;
    let creator = fields.find("creator")?;
    let derivation = derivation(fields)?;
    let state = match fields.need("state")? {
        "unused" => LinkState::Unused,
        "claimed" => LinkState::Claimed(Lease {
            token: fields.digest("token")?,
            until: fields.instant("lease")?,
            attempt: fields.find_digest("attempt")?,
            binding: fields.find_digest("binding")?,
        }),
        "used" => {
            let (at, session, replays) =
                (fields.instant("used")?, fields.read("session")?, fields.read("replays")?);
            let grace = grace(fields)?;
            let claim = fields.find_digest("claim")?;
            let (attempt, binding) = (fields.find_digest("attempt")?, fields.find_digest("binding")?);
            LinkState::Used(Use { at, session, replays, grace, attempt, binding, claim })
        }
        _ => return Err(corrupt("state")),
    };
    fields.end()?;
    Ok(LinkRecord {
        tenant: key.tenant,
        id,
        inquiry: key.inquiry,
        purpose,
        parent,
        creator,
        digest,
        derivation,
        epoch,
        generation,
        created_at,
        expires_at,
        revoked_at,
        state,
    })
}

/// What is known of a link before it is created, as its record has it: when, by whom, and what its code is derived from.
pub(crate) fn origin(command: &IssueLink) -> String {
    let creator = command.creator.as_ref().map_or("", Creator::as_str);
    let (key, nonce) = match command.derivation {
        Some(Derivation { key, nonce }) => (key.get().to_string(), hex_bytes(nonce.as_bytes())),
        None => Default::default(),
    };
    [&digits(command.now), creator, &key, &nonce].join("\t")
}

fn grace(fields: &mut Fields<'_>) -> Result<Option<GraceLeft>, StoreError> {
    match (fields.find_instant("grace")?, fields.find("grace")?, fields.find("grace")?) {
        (None, None, None) => Ok(None),
        (Some(until), Some(max_replays), Some(clients)) => {
            Ok(Some(GraceLeft { until, max_replays, clients }))
        }
        _ => Err(corrupt("grace")),
    }
}

fn derivation(fields: &mut Fields<'_>) -> Result<Option<Derivation>, StoreError> {
    match (fields.find("key")?, fields.get()) {
        (None, None) => Ok(None),
        (Some(key), Some(nonce)) => Ok(Some(Derivation {
            key: KeyId::new(key).map_err(|_| corrupt("key"))?,
            nonce: Nonce::from_bytes(unhex(nonce).ok_or_else(|| corrupt("nonce"))?),
        })),
        _ => Err(corrupt("nonce")),
    }
}

/// A session's record from its fields.
pub(crate) fn session(
    key: &InquiryKey,
    id: SessionId,
    mut fields: Fields<'_>,
) -> Result<SessionRecord, StoreError> {
    let revoked_at = fields.find_instant("revoked")?;
    let epoch = epoch(&mut fields)?;
    let (started_at, expires_at) = (fields.instant("started")?, fields.instant("expires")?);
    let link = fields.find("link")?;
    // How many links name it, which is the purge's own affair.
    fields.read::<u64>("links")?;
    let mut tokens = Vec::<Digest>::with_capacity(TokenDigests::KEPT);
    for _ in 0..TokenDigests::KEPT {
        tokens.extend(fields.find_digest("token")?);
    }
    fields.end()?;
    Ok(SessionRecord {
        tenant: key.tenant,
        id,
        inquiry: key.inquiry,
        link,
        epoch,
        started_at,
        expires_at,
        revoked_at,
        tokens: TokenDigests::from_newest(tokens),
    })
}

/// An event as a script writes it: its name, and five columns of which those that it has not are empty.
pub(crate) fn event_columns(kind: &EventKind) -> Option<String> {
    let EventColumns { name, word, link, session, instant, number } = kind.columns()?;
    let columns = [
        name.to_owned(),
        word.unwrap_or_default().to_owned(),
        link.map(|id| id.to_string()).unwrap_or_default(),
        session.map(|id| id.to_string()).unwrap_or_default(),
        instant.map(digits).unwrap_or_default(),
        number.map(|number| number.to_string()).unwrap_or_default(),
    ];
    Some(columns.join("\t"))
}

/// An event from its entry in a stream.
pub(crate) fn event(mut fields: Fields<'_>) -> Result<Event, StoreError> {
    let id = fields.read("id")?;
    let key = read_name(fields.need("inquiry")?).ok_or_else(|| corrupt("inquiry"))?;
    let sequence = Some(fields.read("sequence")?);
    let at = fields.instant("at")?;
    let columns = EventColumns {
        name: fields.need("name")?,
        word: fields.get(),
        link: fields.find("link")?,
        session: fields.find("session")?,
        instant: fields.find_instant("instant")?,
        number: fields.find("number")?,
    };
    fields.end()?;
    let kind = EventKind::try_from(columns).map_err(|_| corrupt("name"))?;
    Ok(Event::new(id, key.tenant, Some(key.inquiry), sequence, at, kind))
}

/// The inquiry of `tenant/inquiry`.
pub(crate) fn read_name(name: &str) -> Option<InquiryKey> {
    let (tenant, inquiry) = name.split_once('/')?;
    Some(InquiryKey { tenant: TenantId::new(tenant).ok()?, inquiry: InquiryId::new(inquiry).ok()? })
}
