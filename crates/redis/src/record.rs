//! Records as they are kept: from the fields of a hash, and to them.

use inquiry_otl::{
    Derivation, Digest, Event, EventKind, Inquiry, InquiryId, KeyId, LinkId, Nonce, Purpose, SessionId,
    StoreError, TenantId, Timestamp,
    event::EventColumns,
    record::{
        EndedEpoch, EndedGeneration, Endings, Epoch, Generation, GenerationEnd, Generations, GraceLeft,
        InquiryRecord, Lease, LinkRecord, LinkState, SessionRecord, TokenDigests, Use,
    },
    store::InquiryKey,
};

use crate::{
    fault::corrupt,
    fields::{Fields, digits, instant, unhex},
};

/// The fields of an inquiry that its transitions change; an empty value is none.
pub(crate) fn inquiry_fields(inquiry: &Inquiry) -> Result<Vec<(&'static str, String)>, StoreError> {
    let at = |at: Option<Timestamp>| at.map(digits).unwrap_or_default();
    let policy = serde_json::to_string(&inquiry.policy).map_err(|_| corrupt("policy"))?;
    Ok(vec![
        ("template", inquiry.template.to_string()),
        ("reference", inquiry.reference.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("status", inquiry.status.as_str().to_owned()),
        ("policy", policy),
        ("expires", digits(inquiry.expires_at)),
        ("created", digits(inquiry.created_at)),
        ("started", at(inquiry.started_at)),
        ("resumed", at(inquiry.resumed_at)),
        ("completed", at(inquiry.completed_at)),
        ("failed", at(inquiry.failed_at)),
        ("expired", at(inquiry.expired_at)),
        ("marked", at(inquiry.marked_for_review_at)),
        ("decisioned", at(inquiry.decisioned_at)),
        ("redacted", at(inquiry.redacted_at)),
    ])
}

/// An inquiry's record from its fields.
pub(crate) fn inquiry(
    key: &InquiryKey,
    fields: Fields<'_>,
    endings: Endings,
) -> Result<InquiryRecord, StoreError> {
    let policy = serde_json::from_str(fields.need("policy")?).map_err(|_| corrupt("policy"))?;
    let mut inquiry = Inquiry::new(key.inquiry, fields.read("template")?, policy, fields.instant("created")?);
    inquiry.reference = fields.find("reference")?;
    inquiry.status = fields.read("status")?;
    inquiry.expires_at = fields.instant("expires")?;
    inquiry.started_at = fields.find_instant("started")?;
    inquiry.resumed_at = fields.find_instant("resumed")?;
    inquiry.completed_at = fields.find_instant("completed")?;
    inquiry.failed_at = fields.find_instant("failed")?;
    inquiry.expired_at = fields.find_instant("expired")?;
    inquiry.marked_for_review_at = fields.find_instant("marked")?;
    inquiry.decisioned_at = fields.find_instant("decisioned")?;
    inquiry.redacted_at = fields.find_instant("redacted")?;
    Ok(InquiryRecord {
        tenant: key.tenant,
        inquiry,
        version: fields.read("version")?,
        epoch: epoch(fields)?,
        generations: Generations {
            resume: generation(fields, "resume")?,
            device_handoff: generation(fields, "device-handoff")?,
        },
        sessions_started: fields.read("sessions")?,
        last_sequence: fields.read("sequence")?,
        endings,
    })
}

fn epoch(fields: Fields<'_>) -> Result<Epoch, StoreError> {
    read_epoch(fields.need("epoch")?).ok_or_else(|| corrupt("epoch"))
}

fn read_epoch(text: &str) -> Option<Epoch> {
    let number: u64 = text.parse().ok()?;
    let epoch = Epoch::new(number);
    (epoch.get() == number).then_some(epoch)
}

/// A number, and a `+` if a link was made in it.
fn generation(fields: Fields<'_>, purpose: &'static str) -> Result<Generation, StoreError> {
    let text = fields.need(purpose)?;
    let number = text.strip_suffix('+').unwrap_or(text).parse().map_err(|_| corrupt(purpose))?;
    Ok(Generation { number, has_links: text.ends_with('+') })
}

/// How one epoch and one generation ended, as far as a link asks.
pub(crate) fn endings_of(
    link: Fields<'_>,
    epoch_end: Option<&str>,
    generation_end: Option<&str>,
) -> Result<Endings, StoreError> {
    let mut endings = Endings::default();
    if let Some(end) = epoch_end {
        let (_, ended) = ended_epoch(link.need("epoch")?, end).ok_or_else(|| corrupt("epochs"))?;
        endings.epochs.push(ended);
    }
    if let Some(end) = generation_end {
        let number = link.read("generation")?;
        let (_, ended) =
            ended_generation(link.read("purpose")?, number, end).ok_or_else(|| corrupt("generations"))?;
        endings.generations.push(ended);
    }
    Ok(endings)
}

/// All endings that are kept, oldest first: each has the number of the last event before it.
pub(crate) fn endings(
    epochs: Option<Fields<'_>>,
    generations: Option<Fields<'_>>,
) -> Result<Endings, StoreError> {
    let mut ended_epochs = Vec::new();
    for (epoch, end) in epochs.into_iter().flat_map(Fields::pairs) {
        ended_epochs.push(ended_epoch(epoch, end).ok_or_else(|| corrupt("epochs"))?);
    }
    let mut ended_generations = Vec::new();
    for (name, end) in generations.into_iter().flat_map(Fields::pairs) {
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

fn ended_epoch(epoch: &str, end: &str) -> Option<(u64, EndedEpoch)> {
    let mut parts = end.split(' ');
    let sequence = parts.next()?.parse().ok()?;
    let why = parts.next()?.parse().ok()?;
    Some((sequence, EndedEpoch { epoch: read_epoch(epoch)?, why, at: instant(parts.next()?)? }))
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
pub(crate) fn link(key: &InquiryKey, id: LinkId, fields: Fields<'_>) -> Result<LinkRecord, StoreError> {
    let attempt = || fields.find_digest("attempt");
    let binding = || fields.find_digest("binding");
    let state = match fields.need("state")? {
        "unused" => LinkState::Unused,
        "claimed" => LinkState::Claimed(Lease {
            token: fields.digest("token")?,
            until: fields.instant("lease")?,
            attempt: attempt()?,
            binding: binding()?,
        }),
        "used" => LinkState::Used(Use {
            at: fields.instant("used")?,
            session: fields.read("session")?,
            replays: fields.read("replays")?,
            grace: grace(fields)?,
            attempt: attempt()?,
            binding: binding()?,
            claim: fields.find_digest("claim")?,
        }),
        _ => return Err(corrupt("state")),
    };
    Ok(LinkRecord {
        tenant: key.tenant,
        id,
        inquiry: key.inquiry,
        purpose: fields.read("purpose")?,
        parent: fields.find("parent")?,
        creator: fields.find("creator")?,
        digest: fields.digest("digest")?,
        derivation: derivation(fields)?,
        epoch: epoch(fields)?,
        generation: fields.read("generation")?,
        created_at: fields.instant("created")?,
        expires_at: fields.instant("expires")?,
        revoked_at: fields.find_instant("revoked")?,
        state,
    })
}

fn grace(fields: Fields<'_>) -> Result<Option<GraceLeft>, StoreError> {
    let Some(until) = fields.find_instant("grace")? else {
        return Ok(None);
    };
    let clients = fields.need("clients")?.parse().map_err(|_| corrupt("clients"))?;
    Ok(Some(GraceLeft { until, max_replays: fields.read("max-replays")?, clients }))
}

fn derivation(fields: Fields<'_>) -> Result<Option<Derivation>, StoreError> {
    let Some(key) = fields.find("key")? else {
        return Ok(None);
    };
    let nonce = unhex(fields.need("nonce")?).ok_or_else(|| corrupt("nonce"))?;
    Ok(Some(Derivation {
        key: KeyId::new(key).map_err(|_| corrupt("key"))?,
        nonce: Nonce::from_bytes(nonce),
    }))
}

/// A session's record from its fields.
pub(crate) fn session(
    key: &InquiryKey,
    id: SessionId,
    fields: Fields<'_>,
) -> Result<SessionRecord, StoreError> {
    let mut tokens = Vec::<Digest>::with_capacity(TokenDigests::KEPT);
    for name in ["token1", "token2", "token3", "token4"] {
        tokens.extend(fields.find_digest(name)?);
    }
    Ok(SessionRecord {
        tenant: key.tenant,
        id,
        inquiry: key.inquiry,
        link: fields.find("link")?,
        epoch: epoch(fields)?,
        started_at: fields.instant("started")?,
        expires_at: fields.instant("expires")?,
        revoked_at: fields.find_instant("revoked")?,
        tokens: TokenDigests::from_newest(tokens),
    })
}

/// An event as a script writes it: its name, and five columns of which those that it has not are empty.
pub(crate) fn event_columns(kind: &EventKind) -> Option<[String; 6]> {
    let EventColumns { name, word, link, session, instant, number } = kind.columns()?;
    Some([
        name.to_owned(),
        word.unwrap_or_default().to_owned(),
        link.map(|id| id.to_string()).unwrap_or_default(),
        session.map(|id| id.to_string()).unwrap_or_default(),
        instant.map(digits).unwrap_or_default(),
        number.map(|number| number.to_string()).unwrap_or_default(),
    ])
}

/// An event from its entry in a stream.
pub(crate) fn event(fields: Fields<'_>) -> Result<Event, StoreError> {
    let key = read_name(fields.need("inquiry")?).ok_or_else(|| corrupt("inquiry"))?;
    let columns = EventColumns {
        name: fields.need("name")?,
        word: fields.get("word"),
        link: fields.find("link")?,
        session: fields.find("session")?,
        instant: fields.find_instant("instant")?,
        number: fields.find("number")?,
    };
    let kind = EventKind::try_from(columns).map_err(|_| corrupt("name"))?;
    let sequence = Some(fields.read("sequence")?);
    Ok(Event::new(fields.read("id")?, key.tenant, Some(key.inquiry), sequence, fields.instant("at")?, kind))
}

/// The inquiry of `tenant/inquiry`.
pub(crate) fn read_name(name: &str) -> Option<InquiryKey> {
    let (tenant, inquiry) = name.split_once('/')?;
    Some(InquiryKey { tenant: TenantId::new(tenant).ok()?, inquiry: InquiryId::new(inquiry).ok()? })
}
