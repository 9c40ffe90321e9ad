//! `kill -9` under load: what was acknowledged is there once, mails and webhooks arrive at least once under one id, and no
//! file has a code. The page cache outlives a kill: this says nothing of a loss of power.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use inquiry_otl::{Key, KeyId, Keyring, Service, UrlFormat, store::Outbox as _};
use inquiry_otl_sqlite::SqliteStore;
use inquiry_otl_testkit::free_port;
use reqwest::{StatusCode, header};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    receivers::{Application, MailServer},
    searching::{Search, spellings},
    staff::Staff,
    support::{Place, client, hidden, later},
};

/// How often the server is killed.
const KILLS: usize = 10;
/// How much is acknowledged between one kill and the next.
const WORK: usize = 25;
/// How many ask at a time.
const CALLERS: usize = 4;

/// What callers were told: each of these must be there at the end.
#[derive(Default)]
struct Told {
    inquiries: Vec<String>,
    resumed: Vec<String>,
    /// Every link, with its inquiry.
    links: Vec<(String, String)>,
    /// The links of those that went by mail, by address.
    mailed: BTreeMap<String, String>,
    redeemed: Vec<String>,
    /// What must be in no file.
    secrets: Vec<String>,
}

/// Somebody who uses the server, whether it is there or not.
struct Caller {
    number: usize,
    url: String,
    token: String,
    client: reqwest::Client,
    staff: Arc<Staff>,
    told: Arc<Mutex<Told>>,
    done: Arc<AtomicUsize>,
}

impl Caller {
    /// Goes on until it is ended. Whatever is not answered is not done again: nothing is promised of it.
    async fn run(self) {
        for turn in 0.. {
            if self.story(turn).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }

    fn note(&self, what: impl FnOnce(&mut Told)) {
        what(&mut self.told.lock().unwrap());
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    async fn api(&self, path: &str, body: Option<Value>) -> reqwest::Result<Value> {
        let url = format!("{}/api/v1{path}", self.url);
        let mut request = self.client.post(url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await?.error_for_status()?.json().await
    }

    /// An inquiry is created and resumed, and a link of it used; another one's goes by mail.
    async fn story(&self, turn: usize) -> reqwest::Result<()> {
        let inquiry = self.inquiry().await?;
        let resumed = self.api(&format!("/inquiries/{inquiry}/resume"), None).await?;
        let (_, token) = text(&resumed["meta"]["session-token"]).rsplit_once('.').unwrap();
        self.note(|told| {
            told.resumed.push(inquiry.clone());
            told.secrets.push(token.to_owned());
        });
        let made = self.api(&format!("/inquiries/{inquiry}/generate-one-time-link"), None).await?;
        let link = text(&made["meta"]["one-time-link"]).to_owned();
        self.note(|told| told.links.push((inquiry.clone(), link.clone())));
        if let Some(token) = self.redeem(&link).await? {
            self.note(|told| {
                told.redeemed.push(link);
                told.secrets.push(token);
            });
        }

        let inquiry = self.inquiry().await?;
        let address = format!("person-{}-{turn}@example.org", self.number);
        let link = self.staff.mail_link(&inquiry, &address).await?;
        self.note(|told| {
            told.links.push((inquiry, link.clone()));
            told.mailed.insert(address, link);
        });
        Ok(())
    }

    async fn inquiry(&self) -> reqwest::Result<String> {
        let body = json!({"data": {"attributes": {"inquiry-template-id": "itmpl_identity"}}});
        let made = self.api("/inquiries", Some(body)).await?;
        let inquiry = text(&made["data"]["id"]).to_owned();
        self.note(|told| told.inquiries.push(inquiry.clone()));
        Ok(inquiry)
    }

    /// Opens a link and presses its button; gives the session's token, if that let one in.
    async fn redeem(&self, link: &str) -> reqwest::Result<Option<String>> {
        let page = self.client.get(link).send().await?.error_for_status()?;
        let cookie =
            page.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let form = hidden(&page.text().await?);
        let press =
            self.client.post(format!("{}/verify", self.url)).header(header::COOKIE, cookie).form(&form);
        let answer = press.send().await?.error_for_status()?;
        if answer.status() != StatusCode::SEE_OTHER {
            return Ok(None);
        }
        let session = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        let (_, token) = session.split(';').next().unwrap().rsplit_once('.').unwrap();
        Ok(Some(token.to_owned()))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// D1, L3, V1: ten times killed under load, the server has lost and doubled nothing that it acknowledged, and wrote no code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_ten_times_under_load() {
    let place = Place::new();
    let (mails, application) = (MailServer::start(), Application::start().await);
    // Links name the port, so it stays.
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let start =
        || place.serve(&["--listen", &listen, "--smtp", &mails.url, "--mail-from", "support@example.com"]);
    let mut server = start();
    let (url, token) = (server.url.clone(), server.token.clone().unwrap());
    let staff = Arc::new(server.staff().await);
    let (_, secret) = staff.add_endpoint(&format!("{}/hook", application.url)).await;

    let (told, done) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicUsize>::default());
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let (url, token, client) = (url.clone(), token.clone(), client());
        let (staff, told, done) = (Arc::clone(&staff), Arc::clone(&told), Arc::clone(&done));
        callers.spawn(Caller { number, url, token, client, staff, told, done }.run());
    }
    for kill in 1..=KILLS {
        later("callers are answered", async || kill * WORK <= done.load(Ordering::Relaxed)).await;
        server.kill();
        server = start();
    }
    callers.shutdown().await;
    // Whatever they had asked for is done, or never will be.
    server.stop();
    let server = start();
    let mut told = std::mem::take(&mut *told.lock().unwrap());

    let store = SqliteStore::builder().with_outbox().open(place.file("inquiry-otl.db")).unwrap();
    let records = Connection::open(place.file("inquiry-otl-server.db")).unwrap();
    let open = "SELECT (SELECT count(*) FROM mails WHERE ended_at IS NULL)
                + (SELECT count(*) FROM deliveries WHERE next_at IS NOT NULL)";
    later("everything is sent", async || {
        store.pending(None, 1).await.unwrap().is_empty()
            && records.query_row(open, [], |row| row.get::<_, i64>(0)).unwrap() == 0
    })
    .await;
    server.kill();

    told.secrets.push(token);
    let codes: Vec<_> = told.links.iter().map(|(_, link)| code(link).to_owned()).collect();
    told.secrets.extend(codes.iter().cloned());
    let search = Search::of(&told.secrets);
    assert_eq!(search.found(&place), Vec::<String>::new());

    kept_once(&place, store, &url, &told).await;
    let events = told_once(&records, &told);
    sent(&mails, &told);
    let hooks = application.at("/hook");
    let mut bodies = BTreeMap::new();
    for hook in &hooks {
        assert!(hook.is_signed(&secret));
        assert_eq!(bodies.entry(&hook.id).or_insert(&hook.body), &&hook.body, "a repeat is the same");
    }
    assert_eq!(
        bodies.keys().map(|id| id.as_str()).collect::<BTreeSet<_>>(),
        events.iter().map(String::as_str).collect()
    );
    println!(
        "acknowledged: {} inquiries, {} links, {} mails, {} redemptions; {} events; arrived: {} mails, {} webhooks",
        told.inquiries.len(),
        told.links.len(),
        told.mailed.len(),
        told.redeemed.len(),
        events.len(),
        mails.mails().len(),
        hooks.len(),
    );

    records.pragma_update(None, "secure_delete", true).unwrap();
    // The same search finds what is planted, in each of its spellings.
    records
        .execute("INSERT INTO mails (id, inquiry, asked, created_at) VALUES ('mail_', '', '', 0)", [])
        .unwrap();
    for spelling in spellings(&codes[0]) {
        records.execute("UPDATE mails SET asked = ?1 WHERE id = 'mail_'", [&spelling]).unwrap();
        assert!(!search.found(&place).is_empty(), "not found: {spelling}");
        records.execute("UPDATE mails SET asked = '' WHERE id = 'mail_'", []).unwrap();
        records.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        assert!(search.found(&place).is_empty());
    }
}

/// Every link is in the store once, and used if somebody was let in by it.
async fn kept_once(place: &Place, store: SqliteStore, url: &str, told: &Told) {
    let key = fs::read_to_string(place.file("inquiry-otl.key")).unwrap();
    let key = Key::from_hex(KeyId::new(1).unwrap(), key.trim().strip_prefix("1 ").unwrap()).unwrap();
    let service = Service::builder(store)
        .keyring(Keyring::new(key))
        .url_format(UrlFormat::new(&format!("{url}/verify")).unwrap())
        .build()
        .unwrap();
    let mut ids = BTreeSet::new();
    for (inquiry, link) in &told.links {
        let known = service.diagnose(link).await.unwrap().link.unwrap();
        assert_eq!(known.inquiry.as_str(), inquiry);
        assert!(ids.insert(known.id), "two links under one name");
        let listed = service.links(known.inquiry, None, 1000).await.unwrap();
        assert_eq!(listed.iter().filter(|listed| listed.id == known.id).count(), 1);
        let uses = u32::from(told.redeemed.contains(link));
        assert!(uses <= known.uses && known.uses <= 1, "{known:?}");
    }
}

/// Every change is in the timeline once, and each timeline has no gap; gives the ids of the events.
fn told_once(records: &Connection, told: &Told) -> Vec<String> {
    let mut statement =
        records.prepare("SELECT inquiry, sequence, id, name FROM events ORDER BY inquiry, sequence").unwrap();
    let events = statement.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, String>(3)?,
        ))
    });
    let (mut ids, mut timelines) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for (inquiry, sequence, id, name) in events.unwrap().map(Result::unwrap) {
        let timeline = timelines.entry(inquiry).or_default();
        timeline.push(name);
        assert_eq!(usize::try_from(sequence), Ok(timeline.len()), "{timeline:?}");
        ids.push(id);
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an event is there twice");
    let times = |inquiry: &str, name: &str| timelines[inquiry].iter().filter(|told| *told == name).count();
    for inquiry in &told.inquiries {
        assert_eq!(times(inquiry, "inquiry.created"), 1);
    }
    for inquiry in &told.resumed {
        assert_eq!(times(inquiry, "inquiry.resumed"), 1);
    }
    for (inquiry, link) in &told.links {
        assert_eq!(times(inquiry, "one-time-link.created"), 1);
        let redeemed = usize::from(told.redeemed.contains(link));
        assert!(redeemed <= times(inquiry, "one-time-link.redeemed"));
    }
    ids
}

/// Every mail that was acknowledged arrived, with its link, and repeats have the same name.
fn sent(mails: &MailServer, told: &Told) {
    for (address, link) in &told.mailed {
        let arrived = mails.to(address);
        assert!(!arrived.is_empty(), "a mail did not arrive");
        for mail in &arrived {
            assert!(mail.text.contains(link));
            assert_eq!((&mail.message_id, &mail.date), (&arrived[0].message_id, &arrived[0].date));
        }
    }
    let ids: BTreeSet<_> = mails.mails().into_iter().map(|mail| (mail.message_id, mail.to)).collect();
    let names: BTreeSet<_> = ids.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), names.len(), "two mails have one name");
}

fn code(link: &str) -> &str {
    link.split_once("code=").unwrap().1
}
