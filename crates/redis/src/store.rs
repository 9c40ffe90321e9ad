//! The store, and what an application asks of it.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU16},
};

use inquiry_otl::{
    Digest, EventId, EventKind, LinkId, LinkView, Revocation, SessionId, StoreError, TenantId,
    event::Recorded,
    issuance::IssueLink,
    record::Endings,
    redemption::{self, Commit, Mode, Redeem, Release, Released},
    revocation::{self, Found, Revoke},
    session::{self, InquirySession, StartSession},
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, Inspect,
        IssueOutcome, LinkName, LinkStore, ListOf, ListedLink, Listing, RevokeOutcome, SessionKey,
        SessionStarted, SessionView,
    },
};
use redis::Value;

use crate::{
    attempt, bulk,
    connection::{Call, Connection},
    fault::{Effect, corrupt},
    fields::{digits, fields, items, text, word},
    keys::{Keys, Place, hex, optional_hex, read_lookup},
    open::Builder,
    reading, record,
    script::{self, Script},
};

/// Keeps inquiries, links and sessions in Redis, Valkey, or a cluster of them.
///
/// A cheap handle: clones share one connection, which comes back by itself. Every command is one script, which the
/// engine runs alone; see the [crate](crate) for what that keeps, and what a failure loses.
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) connection: Connection,
    pub(crate) keys: Keys,
    pub(crate) outbox: bool,
    /// Where the next sweep and the next purge begin, so that no partition has to wait for the others.
    pub(crate) next: Arc<[AtomicU16; 2]>,
}

impl RedisStore {
    /// Begins to open a store whose keys begin with that prefix: 1 to 48 letters, digits and `-`, `_`, `.`, `:`.
    pub fn builder(prefix: &str) -> Builder {
        Builder::new(prefix)
    }

    pub(crate) fn new(connection: Connection, keys: Keys, outbox: bool) -> Self {
        Self { connection, keys, outbox, next: Arc::default() }
    }

    /// The keys of a script on one inquiry. A cluster is told all that it may write, so that one that is moving some of them
    /// turns the script away before it begins.
    pub(crate) fn keys_at(&self, place: &Place) -> Vec<String> {
        let mut keys = vec![place.key("inquiry")];
        if self.connection.is_cluster() {
            keys.extend(KINDS.map(|kind| place.key(kind)));
            keys.extend(INDEXES.map(|index| place.base.clone() + index));
        }
        keys
    }

    /// A script on one inquiry, with the arguments that all of them begin with.
    pub(crate) fn call(&self, script: &'static Script, effect: Effect, place: &Place) -> Call {
        Call::new(script, effect, &self.keys_at(place)).arg(&place.base).arg(&place.name)
    }

    /// The id of an event, if there is an outbox to write it to.
    pub(crate) fn event(&self, event: EventId, number: u32) -> String {
        if self.outbox { event.nth(number).to_string() } else { String::new() }
    }

    /// The keys and the place by which a script finds a link by digest; nothing if a cluster's look-up says that there is
    /// none. On a single server the place is empty: the script reads the look-up itself, in the same round trip.
    async fn look_up(
        &self,
        tenant: TenantId,
        digest: &Digest,
    ) -> Result<Option<(Vec<String>, String)>, StoreError> {
        let lookup = self.keys.lookup(digest);
        if !self.connection.is_cluster() {
            return Ok(Some((vec![lookup], String::new())));
        }
        let mut get = redis::cmd("GET");
        get.arg(&lookup);
        let value = self.connection.command(&lookup, &get, Effect::None).await?;
        let Some(said) = text(&value) else {
            return Ok(None);
        };
        let (key, place) = read_lookup(&self.keys, said).ok_or_else(|| corrupt("look-up"))?;
        Ok((key.tenant == tenant).then(|| (self.keys_at(&place), said.to_owned())))
    }

    async fn read(
        &self,
        keys: &[String],
        place: &str,
        tenant: TenantId,
        digest: Option<&Digest>,
        session: Option<SessionId>,
    ) -> Result<Option<reading::Read>, StoreError> {
        let call = Call::new(&script::READ, Effect::None, keys)
            .arg(self.keys.prefix())
            .arg(place)
            .arg(tenant.as_str())
            .arg(&["", ""])
            .arg(optional_hex(digest))
            .arg(session.map(|id| id.to_string()).unwrap_or_default());
        match self.connection.read(call).await? {
            Value::Nil => Ok(None),
            value => reading::Read::of(&value, session).map(Some),
        }
    }

    async fn read_inquiry(
        &self,
        key: &InquiryKey,
        session: Option<SessionId>,
    ) -> Result<Option<reading::Read>, StoreError> {
        let place = self.keys.place(key);
        let keys = self.keys_at(&place);
        self.read(&keys, &place.of_inquiry(), key.tenant, None, session).await
    }

    async fn list<Id: fmt::Display>(
        &self,
        kind: &str,
        list: &ListOf<Id>,
    ) -> Result<Option<Value>, StoreError> {
        let place = self.keys.place(&list.inquiry);
        let call = self
            .call(&script::LIST, Effect::None, &place)
            .arg(kind)
            .arg(list.before.as_ref().map(ToString::to_string).unwrap_or_default())
            .arg(list.limit.max(1));
        match self.connection.read(call).await? {
            Value::Nil => Ok(None),
            value => Ok(Some(value)),
        }
    }
}

/// What an inquiry has beside its record.
const KINDS: [&str; 6] = ["links", "link-ids", "sessions", "session-ids", "epochs", "generations"];
/// What housekeeping finds things by, in each partition.
const INDEXES: [&str; 6] = ["sweep", "ended", "old-links", "old-sessions", "outbox", "gone"];

impl LinkStore for RedisStore {
    async fn create_inquiry(&self, command: CreateInquiry) -> Result<CreateOutcome, StoreError> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry.id };
        let place = self.keys.place(&key);
        let at = command.inquiry.created_at;
        let mut keys = self.keys_at(&place);
        if self.connection.is_cluster() {
            keys.push(format!("{}listed:{}", place.base, command.tenant));
        }
        let call = Call::new(&script::CREATE, Effect::Write, &keys)
            .arg(&place.base)
            .arg(&place.name)
            .arg(digits(at))
            .arg(self.event(command.event, 0))
            .arg(command.first_epoch.get())
            .arg(&record::inquiry_parts(&command.inquiry)?);
        let answer = self.connection.write(call).await?;
        match word(items(&answer)?, 0)? {
            "create" => {
                let kinds = [Some(EventKind::InquiryCreated), None];
                Ok(CreateOutcome::Created(Recorded::new(command.event, 1, at, kinds)))
            }
            "exists" => Ok(CreateOutcome::Exists),
            _ => Err(corrupt("what was created")),
        }
    }

    async fn change_inquiry(&self, command: ChangeInquiry) -> Result<ChangeOutcome, StoreError> {
        let step = &command.step;
        let key = InquiryKey { tenant: command.tenant, inquiry: step.inquiry.id };
        let place = self.keys.place(&key);
        let mut events = step.events.iter().flatten().filter_map(record::event_columns);
        let call = self
            .call(&script::CHANGE, Effect::Write, &place)
            .arg(digits(command.now))
            .arg(self.event(command.event, 0))
            .arg(self.event(command.event, 1))
            .arg(command.if_version)
            .arg(step.ends_epoch.map_or("", |(why, _)| why.as_str()))
            .arg(step.ends_epoch.map(|(_, at)| digits(at)).unwrap_or_default())
            .arg(if step.resets_sessions { "reset" } else { "" })
            .arg(events.next().unwrap_or_default())
            .arg(events.next().unwrap_or_default())
            .arg(&record::inquiry_parts(&step.inquiry)?);
        let answer = self.connection.write(call).await?;
        let answer = items(&answer)?;
        match word(answer, 0)? {
            "missing" => Ok(ChangeOutcome::NotFound),
            "conflict" => Ok(ChangeOutcome::Conflict),
            "change" => {
                let before = attempt::inquiry_in(&key, answer, Endings::default())?;
                let first = before.last_sequence.wrapping_add(1);
                Ok(ChangeOutcome::Changed(Recorded::new(command.event, first, command.now, step.events)))
            }
            _ => Err(corrupt("what was changed")),
        }
    }

    async fn inquiry(
        &self,
        key: InquiryKey,
    ) -> Result<Option<inquiry_otl::record::InquiryRecord>, StoreError> {
        Ok(self.read_inquiry(&key, None).await?.map(|read| read.inquiry))
    }

    async fn issue(&self, command: IssueLink) -> Result<IssueOutcome, StoreError> {
        let mut outcomes = bulk::issue_chunk(self, std::slice::from_ref(&command)).await;
        outcomes.pop().unwrap_or_else(|| Err(corrupt("an answer that is missing")))
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        bulk::issue_many(self, &commands).await
    }

    async fn redeem(&self, command: Redeem) -> Result<Option<Attempted>, StoreError> {
        let found = self.look_up(command.tenant, &command.digest).await?;
        let Some((keys, place)) = found else {
            return Ok(None);
        };
        let lease = match command.mode {
            Mode::Once => String::new(),
            Mode::Claim { token, until } => hex(&token) + "\t" + &digits(until),
        };
        let call = Call::new(&script::REDEEM, Effect::Attempt, &keys)
            .arg(self.keys.prefix())
            .arg(place)
            .arg(command.tenant.as_str())
            .arg(self.event(command.event, 0))
            .arg(digits(command.now))
            .arg(hex(&command.digest))
            .arg(command.session.to_string())
            .arg(hex(&command.token))
            .arg(optional_hex(command.attempt.as_ref()) + "\t" + &optional_hex(command.binding.as_ref()))
            .arg(digits(command.repeats_after))
            .arg(lease);
        let answer = self.connection.write(call).await?;
        let Some(judged) = attempt::Judged::of(&answer)? else {
            return Ok(None);
        };
        // C3: the whole digest decides, and takes the same time wherever it differs.
        if judged.link.digest != command.digest || judged.link.tenant != command.tenant {
            return Err(corrupt("digest"));
        }
        let decision = redemption::redeem(&judged.subject(), &command);
        judged.answer(&decision, command.now, command.event).map(Some)
    }

    async fn commit(&self, command: Commit) -> Result<Option<Attempted>, StoreError> {
        let place = self.keys.place(&InquiryKey { tenant: command.tenant, inquiry: command.inquiry });
        let call = self
            .call(&script::COMMIT, Effect::Attempt, &place)
            .arg(digits(command.now))
            .arg(self.event(command.event, 0))
            .arg(command.link.to_string())
            .arg(hex(&command.claim))
            .arg(command.session.to_string())
            .arg(hex(&command.token));
        let answer = self.connection.write(call).await?;
        let Some(judged) = attempt::Judged::of(&answer)? else {
            return Ok(None);
        };
        let decision = redemption::commit(&judged.subject(), &command);
        judged.answer(&decision, command.now, command.event).map(Some)
    }

    async fn release(&self, command: Release) -> Result<Option<Released>, StoreError> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let place = self.keys.place(&key);
        let call = self
            .call(&script::RELEASE, Effect::None, &place)
            .arg(digits(command.now))
            .arg(command.link.to_string())
            .arg(hex(&command.claim));
        let answer = self.connection.write(call).await?;
        if answer == Value::Nil {
            return Ok(None);
        }
        let answer = items(&answer)?;
        let link = record::link(&key, command.link, fields(answer, 1).ok_or_else(|| corrupt("link"))?)?;
        let released = redemption::release(&link, &command);
        let written = word(answer, 0)? == "release";
        if written == (released == Released::Released) { Ok(Some(released)) } else { Err(otherwise()) }
    }

    async fn revoke(&self, command: Revoke) -> Result<RevokeOutcome, StoreError> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let place = self.keys.place(&key);
        let (what, id) = match command.target {
            Revocation::Link(id) => ("link", id.to_string()),
            Revocation::Session(id) => ("session", id.to_string()),
            Revocation::AllLinks => ("all-links", String::new()),
            Revocation::Everything => ("everything", String::new()),
        };
        let call = self
            .call(&script::REVOKE, Effect::Write, &place)
            .arg(digits(command.now))
            .arg(self.event(command.event, 0))
            .arg(self.event(command.event, 1))
            .arg(what)
            .arg(id);
        let answer = self.connection.write(call).await?;
        let answer = items(&answer)?;
        let written = word(answer, 0)?;
        if written == "missing" {
            return Ok(RevokeOutcome::NotFound(Recorded::none(command.event, command.now)));
        }
        let mut inquiry = attempt::inquiry_in(&key, answer, Endings::default())?;
        let (mut link, mut session) = (None, None);
        match (command.target, fields(answer, 2)) {
            (Revocation::Link(id), Some(found)) => link = Some(record::link(&key, id, found)?),
            (Revocation::Session(id), Some(found)) => session = Some(record::session(&key, id, found)?),
            _ => {}
        }
        let first = inquiry.last_sequence.wrapping_add(1);
        let lapsed = inquiry.inquiry.lapsed_at(command.now).is_some();
        let revoked = revocation::revoke(&mut inquiry, link.as_mut(), session.as_mut(), &command);
        let expected = match (lapsed, revoked.found) {
            (false, Found::Revoked) => "revoke",
            (true, Found::Revoked) => "expirerevoke",
            (true, Found::Already | Found::Nothing) => "expire",
            (false, Found::Already | Found::Nothing) => "",
        };
        if written != expected {
            return Err(otherwise());
        }
        let events = Recorded::new(command.event, first, command.now, revoked.events);
        Ok(match revoked.found {
            Found::Revoked => RevokeOutcome::Revoked(events),
            Found::Already => RevokeOutcome::Already(events),
            Found::Nothing => RevokeOutcome::NotFound(events),
        })
    }

    async fn start_session(&self, command: StartSession) -> Result<Option<SessionStarted>, StoreError> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let place = self.keys.place(&key);
        let call = self
            .call(&script::START, Effect::Write, &place)
            .arg(digits(command.now))
            .arg(self.event(command.event, 0))
            .arg(command.session.to_string())
            .arg(hex(&command.token));
        let answer = self.connection.write(call).await?;
        if answer == Value::Nil {
            return Ok(None);
        }
        let answer = items(&answer)?;
        let mut inquiry = attempt::inquiry_in(&key, answer, Endings::default())?;
        let start = session::start(&inquiry, &command);
        let expected = match (&start.session, start.event) {
            (Ok(_), _) => "start",
            (Err(_), Some(_)) => "expire",
            (Err(_), None) => "none",
        };
        if word(answer, 0)? != expected {
            return Err(otherwise());
        }
        let first = inquiry.last_sequence.wrapping_add(1);
        start.change_inquiry(&mut inquiry);
        let events = Recorded::new(command.event, first, command.now, [start.event, None]);
        let session = start.session.map(|record| InquirySession::seen(&record, &inquiry, command.now));
        Ok(Some(SessionStarted { session, inquiry: inquiry.inquiry, events }))
    }

    async fn inspect(&self, command: Inspect) -> Result<Option<LinkView>, StoreError> {
        let read = match &command.link {
            LinkName::Digest(digest) => {
                let Some((keys, place)) = self.look_up(command.tenant, digest).await? else {
                    return Ok(None);
                };
                self.read(&keys, &place, command.tenant, Some(digest), None).await?
            }
            LinkName::Id(inquiry, link) => {
                let place = self.keys.place(&InquiryKey { tenant: command.tenant, inquiry: *inquiry });
                let keys = self.keys_at(&place);
                self.read(&keys, &place.of_link(*link), command.tenant, None, None).await?
            }
        };
        let Some(view) = read.and_then(reading::Read::into_view) else {
            return Ok(None);
        };
        match &command.link {
            // C3: as for a redemption.
            LinkName::Digest(digest) if view.link.digest != *digest => Err(corrupt("digest")),
            _ => Ok(Some(view)),
        }
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionView>, StoreError> {
        let inquiry = InquiryKey { tenant: key.tenant, inquiry: key.inquiry };
        let read = self.read_inquiry(&inquiry, Some(key.session)).await?;
        Ok(read.and_then(|read| Some(SessionView { session: read.session?, inquiry: read.inquiry })))
    }

    async fn links(&self, list: ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, StoreError> {
        match self.list("link", &list).await? {
            Some(answer) => reading::listing(&list.inquiry, &answer, reading::listed_link).map(Some),
            None => Ok(None),
        }
    }

    async fn sessions(
        &self,
        list: ListOf<SessionId>,
    ) -> Result<Option<Listing<inquiry_otl::record::SessionRecord>>, StoreError> {
        match self.list("session", &list).await? {
            Some(answer) => reading::listing(&list.inquiry, &answer, reading::listed_session).map(Some),
            None => Ok(None),
        }
    }
}

/// A script wrote what the rule does not ask for: somebody changed a record, or the script (D1).
pub(crate) fn otherwise() -> StoreError {
    corrupt("what a script decided")
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.keys.prefix())
            .field("cluster", &self.connection.is_cluster())
            .field("outbox", &self.outbox)
            .field("replicas", &self.connection.replicas)
            .finish_non_exhaustive()
    }
}
