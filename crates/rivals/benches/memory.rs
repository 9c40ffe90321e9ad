//! Issue and redeem in memory, or what comes nearest to it, by crates as they are released, beside ours with all rules on (P1).
//!
//! `cargo bench --manifest-path crates/rivals/Cargo.toml`, which builds several hundred packages first. Each figure is a
//! ratio to ours in the same round: above 1, ours is ahead. A line names rules that the rival lacks; the README has them all.

use std::{collections::VecDeque, hint::black_box, sync::Arc, time::Instant};

use arcly_http_identity::ott::{MemoryOttStore, OneTimeTokenService, OttPurpose};
use authrs::passwordless::{MagicLinkConfig, MagicLinkManager};
use inquiry_otl::{
    MemoryStore,
    bench::{BenchError, Candidate, Contest, Fill, Load, Subject, Timed, Work},
    blocking::{BlockOn as _, ParkThread},
};
use inquiry_otl_measure::{Bound, Goal};
use session_guard::{ClientContext, Guard, Outcome};
use tower_sessions_core::{
    SessionStore as _,
    session::{Id, Record},
};

/// Rivals, and rules of which each has none.
const LACKS: [(&str, &str); 4] = [
    ("arcly-http-identity", "L1, L4, L5, L6, D3, D5, D6, D7, S3, S6"),
    ("authrs", "D1, L1, L3, L4, D5, D6, D7, S3, S6"),
    ("session-guard", "L1, L4, L5, D5, D6, D7, S3, S6"),
    ("tower-sessions", "D1, L1, L3, L4, L5, L6, D5, D6, D7, S3, S6"),
];

fn main() -> Result<(), BenchError> {
    for live in [10_000, 100_000] {
        let mut arcly = Rival::new("arcly-http-identity", Arcly::default(), live);
        let mut guard = Rival::new("session-guard", SessionGuard::default(), live);
        let mut tower = Rival::new("tower-sessions", Tower::default(), live);
        beside(live, &mut [&mut arcly, &mut guard, &mut tower])?;
    }
    // By itself, since it looks at everything that is live for each that it makes, and others would find their caches
    // empty. Filling it with a hundred thousand would take an hour.
    beside(10_000, &mut [&mut Rival::new("authrs", Authrs::default(), 10_000)])
}

fn beside(live: u32, rivals: &mut [&mut dyn Candidate]) -> Result<(), BenchError> {
    const CALLS: usize = 100;
    const ROUNDS: usize = 61;
    let fill = Fill::new(live as usize).recycled(CALLS * (ROUNDS + 2));
    let mut ours = Subject::new("inquiry-otl", MemoryStore::new(), ParkThread, &fill)?.with_purge()?;
    let mut contest = Contest::new(&mut ours).rounds(ROUNDS);
    for rival in rivals {
        contest = contest.against(*rival);
    }
    for line in contest.run(&[Work::Turnover], &[Load::new(CALLS)])?.lines {
        for (name, rules) in LACKS {
            let Some(figure) = line.of(name) else { continue };
            let goal = Goal {
                name: "P1".to_owned(),
                what: format!("in memory, {live} live, ours / {name}: issue and redeem"),
                bound: Bound::AtLeast(1.0),
                median: figure.ratio.median,
                low: figure.ratio.low,
                high: figure.ratio.high,
                note: format!("it lacks {rules}"),
            };
            println!("{goal}");
        }
    }
    Ok(())
}

/// What a rival does.
trait Does {
    type Secret;

    async fn issue(&self, person: u32) -> Self::Secret;

    /// Whether it was good.
    async fn redeem(&self, secret: &Self::Secret) -> bool;
}

/// A rival, and the secrets that are live.
struct Rival<D: Does> {
    name: &'static str,
    does: D,
    live: VecDeque<(u32, D::Secret)>,
}

impl<D: Does> Rival<D> {
    fn new(name: &'static str, does: D, live: u32) -> Self {
        let live = ParkThread.block_on(async {
            let mut secrets = VecDeque::new();
            for person in 0..live {
                secrets.push_back((person, does.issue(person).await));
            }
            secrets
        });
        Self { name, does, live }
    }
}

impl<D: Does> Candidate for Rival<D> {
    fn name(&self) -> &str {
        self.name
    }

    fn batch(&mut self, work: Work, load: Load) -> Result<Timed, BenchError> {
        if work != Work::Turnover {
            return Ok(Timed::Cannot);
        }
        let old: Vec<_> = self.live.drain(..load.calls()).collect();
        let mut new = Vec::with_capacity(old.len());
        let (took, good) = ParkThread.block_on(async {
            let start = Instant::now();
            for (person, _) in &old {
                new.push((*person, self.does.issue(*person).await));
            }
            let mut good = true;
            for (_, secret) in &old {
                good &= black_box(self.does.redeem(secret).await);
            }
            (start.elapsed(), good)
        });
        self.live.extend(new);
        if good { Ok(Timed::Took(took)) } else { Err(BenchError::Other(format!("{}: refused", self.name))) }
    }
}

struct Arcly(OneTimeTokenService);

impl Default for Arcly {
    fn default() -> Self {
        Self(OneTimeTokenService::new(Arc::new(MemoryOttStore::new())))
    }
}

impl Does for Arcly {
    type Secret = String;

    async fn issue(&self, person: u32) -> String {
        self.0.issue(&format!("usr_{person:026}"), OttPurpose::MagicLink, 86_400).await.unwrap_or_default()
    }

    async fn redeem(&self, secret: &String) -> bool {
        self.0.consume(secret, OttPurpose::MagicLink).await.is_ok()
    }
}

struct Authrs(MagicLinkManager);

impl Default for Authrs {
    fn default() -> Self {
        Self(MagicLinkManager::new(MagicLinkConfig::default()))
    }
}

impl Does for Authrs {
    type Secret = String;

    async fn issue(&self, person: u32) -> String {
        self.0.generate(format!("usr_{person:026}")).await.map(|data| data.token).unwrap_or_default()
    }

    async fn redeem(&self, secret: &String) -> bool {
        self.0.verify(secret).await.is_ok()
    }
}

/// A session is no link: to log in, to be known by its token and to log out comes nearest.
struct SessionGuard(Guard<session_guard::MemoryStore, u32>, ClientContext);

impl Default for SessionGuard {
    fn default() -> Self {
        let guard = Guard::builder(session_guard::MemoryStore::new(), session_guard::GuardConfig::default());
        Self(guard.subject().build(), ClientContext::new([192, 0, 2, 1].into()))
    }
}

impl Does for SessionGuard {
    type Secret = String;

    async fn issue(&self, person: u32) -> String {
        let session = self.0.login(&person, &self.1, None).await;
        session.map(|session| session.token.expose().to_owned()).unwrap_or_default()
    }

    async fn redeem(&self, token: &String) -> bool {
        let known = matches!(self.0.authenticate(token, &self.1).await, Ok(Outcome::Authenticated(_)));
        known && self.0.logout(token, &self.1).await.unwrap_or(false)
    }
}

/// A session is no link: to create, load and delete one comes nearest.
#[derive(Default)]
struct Tower(tower_sessions_memory_store::MemoryStore);

impl Does for Tower {
    type Secret = Id;

    async fn issue(&self, person: u32) -> Id {
        let mut record = Record {
            id: Id::default(),
            data: [("person".to_owned(), person.into())].into(),
            expiry_date: time::OffsetDateTime::now_utc() + time::Duration::days(1),
        };
        let _ = self.0.create(&mut record).await;
        record.id
    }

    async fn redeem(&self, secret: &Id) -> bool {
        let found = matches!(self.0.load(secret).await, Ok(Some(_)));
        found && self.0.delete(secret).await.is_ok()
    }
}
