//! Files that go away, and commands that are made by hand.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use inquiry_otl::{
    Digest, EventId, ExpirationPolicy, Inquiry, InquiryId, LinkId, LinkStore, Purpose, SessionId, TemplateId,
    TenantId, Timestamp,
    issuance::{IssueLink, Lifetime, Outstanding},
    record::Epoch,
    redemption::{Mode, Redeem, Verdict},
    store::{CreateInquiry, CreateOutcome, IssueOutcome},
};
use inquiry_otl_sqlite::{SqliteStore, rusqlite::Connection};

/// A directory that is removed with this.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("otl-sqlite-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("links.db")
    }

    pub(crate) fn store(&self) -> SqliteStore {
        SqliteStore::open(self.file()).unwrap()
    }

    /// A connection of somebody else's, who waits for nobody.
    pub(crate) fn connection(&self) -> Connection {
        connection(&self.file())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn connection(file: &Path) -> Connection {
    let connection = Connection::open(file).unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    connection
}

pub(crate) fn sec(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
}

pub(crate) fn inquiry(n: u32) -> InquiryId {
    InquiryId::new(&format!("inq_{n}")).unwrap()
}

/// The digest of the code of the link of that number.
pub(crate) fn digest(n: u32) -> Digest {
    let mut bytes = [0xD1; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    Digest::from_bytes(bytes)
}

pub(crate) fn event(n: u32) -> EventId {
    EventId::from_u128(u128::from(n) << 32)
}

/// An inquiry that is open for a day from 1970 on.
pub(crate) fn create(n: u32) -> CreateInquiry {
    create_with(n, ExpirationPolicy::default())
}

pub(crate) fn create_with(n: u32, policy: ExpirationPolicy) -> CreateInquiry {
    CreateInquiry {
        tenant: TenantId::default(),
        inquiry: Inquiry::new(inquiry(n), TemplateId::new("itmpl_1").unwrap(), policy, sec(0)),
        first_epoch: Epoch::new(u64::from(n)),
        event: event(n),
    }
}

/// A link of that inquiry that lives for 1000 seconds, beside others.
pub(crate) fn issue(of: u32, n: u32) -> IssueLink {
    IssueLink {
        tenant: TenantId::default(),
        inquiry: inquiry(of),
        now: sec(1),
        link: LinkId::from_u128(n.into()),
        digest: digest(n),
        derivation: None,
        purpose: Purpose::Resume,
        parent: None,
        creator: None,
        lifetime: Lifetime::Until(sec(1_000)),
        outstanding: Outstanding::Keep,
        event: event(n),
    }
}

pub(crate) fn redeem(n: u32) -> Redeem {
    Redeem {
        tenant: TenantId::default(),
        digest: digest(n),
        now: sec(2),
        mode: Mode::Once,
        attempt: None,
        repeats_after: sec(1),
        binding: None,
        session: SessionId::from_u128(n.into()),
        token: Digest::from_bytes([0xE2; 32]),
        event: event(n),
    }
}

pub(crate) async fn created(store: &SqliteStore, n: u32) {
    let outcome = store.create_inquiry(create(n)).await.unwrap();
    assert!(matches!(outcome, CreateOutcome::Created(_)), "{outcome:?}");
}

pub(crate) async fn issued(store: &SqliteStore, of: u32, n: u32) {
    let outcome = store.issue(issue(of, n)).await.unwrap();
    assert!(matches!(outcome, IssueOutcome::Issued { .. }), "{outcome:?}");
}

pub(crate) async fn verdict(store: &SqliteStore, n: u32) -> Verdict {
    store.redeem(redeem(n)).await.unwrap().expect("a link that was issued").verdict
}
