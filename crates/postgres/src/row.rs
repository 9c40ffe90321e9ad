//! Rows become records.

use std::time::{Duration, SystemTime};

use inquiry_otl::{
    Derivation, Digest, ExpirationPolicy, Inquiry, InquiryId, KeyId, LinkId, Nonce, Purpose, SessionId,
    Status, TenantId, Timestamp,
    inquiry::EpochEnd,
    record::{
        EndedEpoch, EndedGeneration, Endings, Epoch, Generation, GenerationEnd, Generations, GraceLeft,
        InquiryRecord, Lease, LinkRecord, LinkState, SessionRecord, TokenDigests, Use,
    },
};
use tokio_postgres::{
    Row,
    types::{FromSql, Json},
};
use uuid::Uuid;

use crate::fault::Fault;

/// The columns of an inquiry, in the order in which [`Columns::inquiry`] takes them.
pub(crate) const INQUIRY: &[&str] = &[
    "tenant",
    "id",
    "template",
    "reference",
    "status",
    "policy",
    "expires_at",
    "created_at",
    "started_at",
    "resumed_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "marked_for_review_at",
    "decisioned_at",
    "redacted_at",
    "version",
    "epoch",
    "resume_generation",
    "resume_has_links",
    "device_handoff_generation",
    "device_handoff_has_links",
    "sessions_started",
    "last_sequence",
];

/// The columns of a link, in the order in which [`Columns::link`] takes them.
pub(crate) const LINK: &[&str] = &[
    "tenant",
    "inquiry",
    "id",
    "purpose",
    "parent",
    "creator",
    "digest",
    "key",
    "nonce",
    "epoch",
    "generation",
    "created_at",
    "expires_at",
    "revoked_at",
    "claim",
    "lease_until",
    "used_at",
    "session",
    "replays",
    "grace_until",
    "grace_max_replays",
    "grace_clients",
    "attempt",
    "binding",
];

/// The columns of a session, in the order in which [`Columns::session`] takes them.
pub(crate) const SESSION: &[&str] =
    &["tenant", "inquiry", "id", "link", "epoch", "started_at", "expires_at", "revoked_at", "tokens"];

/// The columns of an ending, in the order in which [`Columns::ending`] takes them.
pub(crate) const ENDING: &[&str] = &["kind", "number", "why", "by", "at"];

/// Takes the columns of a row from left to right.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(crate) const fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    /// The next column, as it is.
    pub(crate) fn take<T: FromSql<'r>>(&mut self) -> Result<T, Fault> {
        let index = self.next;
        self.next = index.saturating_add(1);
        self.row.try_get(index).map_err(|_| self.unreadable())
    }

    /// The next column, which is none if the whole record is.
    fn begins<T: FromSql<'r>>(&mut self, columns: &[&str]) -> Result<Option<T>, Fault> {
        let first: Option<T> = self.take()?;
        if first.is_none() {
            self.next = self.next.saturating_add(columns.len().saturating_sub(1));
        }
        Ok(first)
    }

    pub(crate) fn inquiry(&mut self) -> Result<Option<InquiryRecord>, Fault> {
        let Some(tenant) = self.begins::<&str>(INQUIRY)? else {
            return Ok(None);
        };
        let tenant = self.read(tenant.parse())?;
        let id = self.parsed()?;
        let template = self.parsed()?;
        let reference = self.parsed_if_any()?;
        let status: Status = self.parsed()?;
        let Json(policy) = self.take::<Json<ExpirationPolicy>>()?;
        let expires_at = self.instant()?;
        let mut inquiry = Inquiry::new(id, template, policy, self.instant()?);
        inquiry.reference = reference;
        inquiry.status = status;
        inquiry.expires_at = expires_at;
        inquiry.started_at = self.instant_if_any()?;
        inquiry.resumed_at = self.instant_if_any()?;
        inquiry.completed_at = self.instant_if_any()?;
        inquiry.failed_at = self.instant_if_any()?;
        inquiry.expired_at = self.instant_if_any()?;
        inquiry.marked_for_review_at = self.instant_if_any()?;
        inquiry.decisioned_at = self.instant_if_any()?;
        inquiry.redacted_at = self.instant_if_any()?;
        Ok(Some(InquiryRecord {
            tenant,
            inquiry,
            version: self.bits()?,
            epoch: self.epoch()?,
            generations: Generations {
                resume: Generation { number: self.number()?, has_links: self.take()? },
                device_handoff: Generation { number: self.number()?, has_links: self.take()? },
            },
            sessions_started: self.number()?,
            last_sequence: self.bits()?,
            endings: Endings::default(),
        }))
    }

    pub(crate) fn link(&mut self) -> Result<Option<LinkRecord>, Fault> {
        let Some(tenant) = self.begins::<&str>(LINK)? else {
            return Ok(None);
        };
        let tenant = self.read(tenant.parse())?;
        let inquiry = self.parsed()?;
        let id = self.link_id()?;
        let purpose: Purpose = self.parsed()?;
        let parent = self.session_id_if_any()?;
        let creator = self.parsed_if_any()?;
        let digest = self.digest()?;
        let (key, nonce) = (self.take::<Option<i16>>()?, self.bytes_if_any()?);
        let derivation = match (key, nonce) {
            (None, None) => None,
            (Some(key), Some(nonce)) => {
                let key = u8::try_from(key).ok().and_then(|key| KeyId::new(key).ok());
                Some(Derivation {
                    key: key.ok_or_else(|| self.unreadable())?,
                    nonce: Nonce::from_bytes(nonce),
                })
            }
            _ => return Err(self.unreadable()),
        };
        Ok(Some(LinkRecord {
            tenant,
            id,
            inquiry,
            purpose,
            parent,
            creator,
            digest,
            derivation,
            epoch: self.epoch()?,
            generation: self.number()?,
            created_at: self.instant()?,
            expires_at: self.instant()?,
            revoked_at: self.instant_if_any()?,
            state: self.state()?,
        }))
    }

    /// The columns from `claim` on.
    fn state(&mut self) -> Result<LinkState, Fault> {
        let claim = self.digest_if_any()?;
        let lease_until = self.instant_if_any()?;
        let used_at = self.instant_if_any()?;
        let session = self.session_id_if_any()?;
        let replays = self.number()?;
        let grace_until = self.instant_if_any()?;
        let max_replays = self.take::<Option<i64>>()?;
        let clients = self.take::<Option<&str>>()?;
        let attempt = self.digest_if_any()?;
        let binding = self.digest_if_any()?;
        let grace = match (grace_until, max_replays, clients) {
            (None, None, None) => None,
            (Some(until), Some(max_replays), Some(clients)) => Some(GraceLeft {
                until,
                max_replays: self.read(u32::try_from(max_replays))?,
                clients: self.read(clients.parse())?,
            }),
            _ => return Err(self.unreadable()),
        };
        match (used_at, session, lease_until, claim) {
            (Some(at), Some(session), None, claim) => {
                Ok(LinkState::Used(Use { at, session, replays, grace, attempt, binding, claim }))
            }
            (None, None, Some(until), Some(token)) => {
                Ok(LinkState::Claimed(Lease { token, until, attempt, binding }))
            }
            (None, None, None, None) => Ok(LinkState::Unused),
            _ => Err(self.unreadable()),
        }
    }

    pub(crate) fn session(&mut self) -> Result<Option<SessionRecord>, Fault> {
        let Some(tenant) = self.begins::<&str>(SESSION)? else {
            return Ok(None);
        };
        let tenant = self.read(tenant.parse())?;
        let inquiry = self.parsed()?;
        Ok(Some(SessionRecord {
            tenant,
            inquiry,
            id: self.session_id()?,
            link: self.link_id_if_any()?,
            epoch: self.epoch()?,
            started_at: self.instant()?,
            expires_at: self.instant()?,
            revoked_at: self.instant_if_any()?,
            tokens: self.tokens()?,
        }))
    }

    /// Adds the next ending, if there is one.
    pub(crate) fn ending(&mut self, endings: &mut Endings) -> Result<(), Fault> {
        let Some(kind) = self.begins::<&str>(ENDING)? else {
            return Ok(());
        };
        let (number, why, by, at) = (self.take()?, self.take()?, self.take()?, self.take()?);
        self.end(endings, kind, number, why, by, at)
    }

    /// Adds all endings, which come as an array for each column.
    pub(crate) fn all_endings(&mut self, endings: &mut Endings) -> Result<(), Fault> {
        let kinds = self.take::<Option<Vec<&str>>>()?.unwrap_or_default();
        let numbers = self.take::<Option<Vec<i64>>>()?.unwrap_or_default();
        let whys = self.take::<Option<Vec<&str>>>()?.unwrap_or_default();
        let bys = self.take::<Option<Vec<Option<Uuid>>>>()?.unwrap_or_default();
        let ats = self.take::<Option<Vec<SystemTime>>>()?.unwrap_or_default();
        for ((((kind, number), why), by), at) in kinds.into_iter().zip(numbers).zip(whys).zip(bys).zip(ats) {
            self.end(endings, kind, number, why, by, at)?;
        }
        Ok(())
    }

    fn end(
        &self,
        endings: &mut Endings,
        kind: &str,
        number: i64,
        why: &str,
        by: Option<Uuid>,
        at: SystemTime,
    ) -> Result<(), Fault> {
        let at = timestamp(at).ok_or_else(|| self.unreadable())?;
        if kind == "epoch" {
            let why: EpochEnd = self.read(why.parse())?;
            let epoch = Epoch::new(self.read(u64::try_from(number))?);
            endings.epochs.push(EndedEpoch { epoch, why, at });
            return Ok(());
        }
        let why = match (why, by) {
            ("superseded", Some(by)) => GenerationEnd::Superseded(LinkId::from_u128(by.as_u128())),
            ("revoked", None) => GenerationEnd::Revoked,
            _ => return Err(self.unreadable()),
        };
        let (purpose, generation) = (self.read(kind.parse())?, self.read(u32::try_from(number))?);
        endings.generations.push(EndedGeneration { purpose, generation, why, at });
        Ok(())
    }

    /// The next column, parsed by the constructor of its type.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, Fault> {
        let text = self.take::<&str>()?;
        self.read(text.parse())
    }

    fn parsed_if_any<T: std::str::FromStr>(&mut self) -> Result<Option<T>, Fault> {
        let text = self.take::<Option<&str>>()?;
        text.map(|text| self.read(text.parse())).transpose()
    }

    pub(crate) fn instant(&mut self) -> Result<Timestamp, Fault> {
        self.instant_if_any()?.ok_or_else(|| self.unreadable())
    }

    pub(crate) fn instant_if_any(&mut self) -> Result<Option<Timestamp>, Fault> {
        let at = self.take::<Option<SystemTime>>()?;
        at.map(|at| timestamp(at).ok_or_else(|| self.unreadable())).transpose()
    }

    /// A number of 64 bits, kept bit by bit.
    pub(crate) fn bits(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_ne_bytes(self.take::<i64>()?.to_ne_bytes()))
    }

    fn epoch(&mut self) -> Result<Epoch, Fault> {
        let number = self.take::<i64>()?;
        self.read(u64::try_from(number)).map(Epoch::new)
    }

    /// A number of 32 bits, kept in a wider column.
    fn number(&mut self) -> Result<u32, Fault> {
        let number = self.take::<i64>()?;
        self.read(u32::try_from(number))
    }

    pub(crate) fn uuid(&mut self) -> Result<u128, Fault> {
        self.take::<Uuid>().map(|id| id.as_u128())
    }

    fn link_id(&mut self) -> Result<LinkId, Fault> {
        self.uuid().map(LinkId::from_u128)
    }

    pub(crate) fn link_id_if_any(&mut self) -> Result<Option<LinkId>, Fault> {
        Ok(self.take::<Option<Uuid>>()?.map(|id| LinkId::from_u128(id.as_u128())))
    }

    fn session_id(&mut self) -> Result<SessionId, Fault> {
        self.uuid().map(SessionId::from_u128)
    }

    pub(crate) fn session_id_if_any(&mut self) -> Result<Option<SessionId>, Fault> {
        Ok(self.take::<Option<Uuid>>()?.map(|id| SessionId::from_u128(id.as_u128())))
    }

    fn digest(&mut self) -> Result<Digest, Fault> {
        self.digest_if_any()?.ok_or_else(|| self.unreadable())
    }

    fn digest_if_any(&mut self) -> Result<Option<Digest>, Fault> {
        Ok(self.bytes_if_any()?.map(Digest::from_bytes))
    }

    fn bytes_if_any<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Fault> {
        let bytes = self.take::<Option<&[u8]>>()?;
        bytes.map(|bytes| self.read(bytes.try_into())).transpose()
    }

    fn tokens(&mut self) -> Result<TokenDigests, Fault> {
        let bytes = self.take::<&[u8]>()?;
        let digests = bytes.chunks_exact(32);
        if bytes.is_empty() || !digests.remainder().is_empty() {
            return Err(self.unreadable());
        }
        let digests = digests.flat_map(<[u8; 32]>::try_from).map(Digest::from_bytes);
        Ok(TokenDigests::from_newest(digests))
    }

    fn read<T, E>(&self, value: Result<T, E>) -> Result<T, Fault> {
        value.map_err(|_| self.unreadable())
    }

    /// The column that was taken last, or could not be.
    fn unreadable(&self) -> Fault {
        let columns = self.row.columns();
        let column = columns.get(self.next.saturating_sub(1)).or_else(|| columns.first());
        Fault::Unreadable(column.map(|column| column.name().to_owned()).unwrap_or_default())
    }
}

/// The instant of a column; none if it lies outside the years 1970 to 9999.
pub(crate) fn timestamp(at: SystemTime) -> Option<Timestamp> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Timestamp::from_unix_micros(i64::try_from(since.as_micros()).ok()?).ok()
}

/// An instant for a column.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    // Not before 1970: a timestamp never is.
    let since = Duration::from_micros(at.unix_micros().unsigned_abs());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A number of 64 bits for a column, bit by bit.
pub(crate) const fn bits(number: u64) -> i64 {
    i64::from_ne_bytes(number.to_ne_bytes())
}

/// Whose inquiry it is, and which: as a key for maps that keep the order in which inquiries are held.
pub(crate) type Key = (TenantId, InquiryId);

/// Keys as one array for each column.
pub(crate) fn columns<'k>(keys: impl IntoIterator<Item = &'k Key>) -> (Vec<&'k str>, Vec<&'k str>) {
    keys.into_iter().map(|(tenant, inquiry)| (tenant.as_str(), inquiry.as_str())).unzip()
}
