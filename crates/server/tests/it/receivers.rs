//! Who gets what the server sends: a mail server, and an application that takes webhooks.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use inquiry_otl_testkit::tls::Certificates;
use serde::Deserialize;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

/// A mail, as it was taken.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Mail {
    pub(crate) to: Vec<String>,
    pub(crate) from: String,
    pub(crate) subject: String,
    pub(crate) date: String,
    pub(crate) message_id: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// A mail server: aiosmtpd. It ends with the test.
pub(crate) struct MailServer {
    child: Child,
    /// What `--smtp` says of it.
    pub(crate) url: String,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        Self::start_with("smtp://", &[])
    }

    /// One that takes nothing from anybody.
    pub(crate) fn start_barred() -> Self {
        Self::start_with("smtp://", &[Path::new("barred")])
    }

    /// Tells it to take what somebody slow gets.
    pub(crate) fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// One that takes mails over TLS only: from the first byte on, for those who know its password, or after `STARTTLS`.
    pub(crate) fn start_with_tls(certificates: &Certificates, is_implicit: bool) -> Self {
        let (scheme, form) =
            if is_implicit { ("smtps://otl:pass%40word@", "tls") } else { ("smtp://", "starttls") };
        let mut server =
            Self::start_with(scheme, &[Path::new(form), &certificates.certificate, &certificates.key]);
        if !is_implicit {
            server.url.push_str("?tls=required");
        }
        server
    }

    fn start_with(scheme: &str, arguments: &[&Path]) -> Self {
        let mut child = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/smtp.py"))
            .args(arguments)
            .env("PYTHONPATH", packages())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&mails);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                taken.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, url: format!("{scheme}127.0.0.1:{port}"), mails }
    }

    /// All that came so far.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// What was taken for an address.
    pub(crate) fn to(&self, address: &str) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.to == [address]).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The mail server's packages, fetched by pip once.
fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/requirements.txt");
        let installed = folder.join("requirements.txt");
        if fs::read(&installed).ok() != fs::read(&wanted).ok() {
            let status = Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
                .args(["--root-user-action", "ignore", "--upgrade", "--target"])
                .arg(&folder)
                .arg("--requirement")
                .arg(&wanted)
                .status()
                .unwrap();
            assert!(status.success(), "pip, which scripts/servers installs, fetches the mail server");
            fs::copy(&wanted, &installed).unwrap();
        }
        folder
    })
}

/// A webhook, as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Hook {
    /// Whether another implementation of the convention takes it, with that secret.
    pub(crate) fn is_signed(&self, secret: &str) -> bool {
        Webhook::new(secret).unwrap().verify(self.body.as_bytes(), &self.headers).is_ok()
    }
}

/// An application that takes webhooks at any path.
#[derive(Clone)]
pub(crate) struct Application {
    /// Where it is; without a slash at its end.
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    hooks: Vec<Hook>,
    answers: BTreeMap<String, StatusCode>,
}

/// The path at which nobody is ever answered.
pub(crate) const SILENCE: &str = "/silence";

impl Application {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&seen));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, seen }
    }

    /// From now on it answers so there.
    pub(crate) fn answer(&self, path: &str, status: StatusCode) {
        self.seen.lock().unwrap().answers.insert(path.to_owned(), status);
    }

    /// What came in there.
    pub(crate) fn at(&self, path: &str) -> Vec<Hook> {
        self.seen.lock().unwrap().hooks.iter().filter(|hook| hook.path == path).cloned().collect()
    }
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let path = uri.path().to_owned();
    let answer = {
        let mut seen = seen.lock().unwrap();
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        seen.hooks.push(Hook { path: path.clone(), id, headers, body });
        seen.answers.get(&path).copied().unwrap_or(StatusCode::NO_CONTENT)
    };
    if path == SILENCE {
        std::future::pending::<()>().await;
    }
    (answer, [(header::LOCATION, "/elsewhere")]).into_response()
}
