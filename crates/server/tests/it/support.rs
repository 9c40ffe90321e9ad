//! The server, with a folder of its own, at a free port; it ends with the test.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a program may take to do what it is told.
const PATIENCE: Duration = Duration::from_secs(180);

/// A folder for a server, and how to start it there.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, told to keep its files here.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inquiry-otl-server"));
        command
            .env("OTL_DATA", self.folder.path())
            .env("OTL_LISTEN", "127.0.0.1:0")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    /// A server that listens.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Running {
        self.serve_by(|command| command.args(arguments))
    }

    /// A server that listens, after whatever else is to be said about how it is started.
    pub(crate) fn serve_by(&self, how: impl FnOnce(&mut Command) -> &mut Command) -> Running {
        let (out, err) = (self.file("stdout"), self.file("stderr"));
        let mut command = self.program();
        how(&mut command)
            .stdout(File::create(&out).unwrap())
            .stderr(File::options().create(true).append(true).open(&err).unwrap());
        let mut running = Running {
            child: command.spawn().unwrap(),
            out,
            err,
            url: String::new(),
            address: String::new(),
            token: None,
            client: client(),
        };
        until("the server listens", || {
            if let Some(status) = running.child.try_wait().unwrap() {
                panic!("the server ended, {status}; it said:\n{}", running.log());
            }
            running.look()
        });
        running
    }

    /// Starts a server that must not start, and gives what it says about that.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let err = self.file("refused");
        let mut command = self.program();
        command.args(arguments).stdout(Stdio::null()).stderr(File::create(&err).unwrap());
        let mut child = command.spawn().unwrap();
        let mut status = None;
        let began = Instant::now();
        while status.is_none() && began.elapsed() < PATIENCE {
            sleep(Duration::from_millis(10));
            status = child.try_wait().unwrap();
        }
        drop(child.kill());
        drop(child.wait());
        assert!(status.is_some_and(|status| !status.success()), "it started, or failed at nothing");
        let said = fs::read_to_string(&err).unwrap();
        fs::remove_file(&err).unwrap();
        said
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    out: PathBuf,
    err: PathBuf,
    /// How people reach it.
    pub(crate) url: String,
    address: String,
    /// The token that it told, if this was its first start.
    pub(crate) token: Option<String>,
    client: reqwest::Client,
}

impl Running {
    /// Reads what the server prints once it listens.
    fn look(&mut self) -> bool {
        let text = self.said();
        let Some(url) =
            text.lines().find_map(|line| line.strip_prefix("Dashboard: ")?.strip_suffix("/dashboard"))
        else {
            return false;
        };
        url.clone_into(&mut self.url);
        let address = text.lines().find_map(|line| line.strip_prefix("Listening on "));
        address.unwrap_or_default().clone_into(&mut self.address);
        self.token = text
            .lines()
            .find_map(|line| line.split_once("not shown again: "))
            .map(|(_, token)| token.to_owned());
        text.ends_with('\n')
    }

    /// What it wrote to standard output.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    /// What it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    /// The same over plain http, as a proxy reaches it.
    pub(crate) fn local(&self) -> String {
        format!("http://{}", self.address())
    }

    /// `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Ends it as an operator does, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// Ends it as a fault does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A request, without a token, cookies or redirects.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.local()))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// A request to the API, with the token of the first start.
    pub(crate) fn api(&self, method: Method, path: &str) -> RequestBuilder {
        let token = self.token.as_deref().expect("only the first start tells a token");
        self.request(method, &format!("/api/v1{path}")).bearer_auth(token)
    }

    /// A new inquiry's id.
    pub(crate) async fn inquiry(&self) -> String {
        let body = json!({"data": {"attributes": {"inquiry-template-id": "itmpl_identity"}}});
        let answer = self.api(Method::POST, "/inquiries").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json::<Value>().await.unwrap()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// An inquiry's link.
    pub(crate) async fn link(&self, inquiry: &str) -> String {
        let path = format!("/inquiries/{inquiry}/generate-one-time-link");
        let answer = self.api(Method::POST, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json::<Value>().await.unwrap()["meta"]["one-time-link"].as_str().unwrap().to_owned()
    }

    /// What a browser without scripts does: opens the link, and presses the button.
    pub(crate) async fn redeem(&self, link: &str) -> Response {
        self.press(&self.open(link).await).await
    }

    /// Opens a link.
    pub(crate) async fn open(&self, link: &str) -> Button {
        let page = self.client.get(link).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        let cookie = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let html = page.text().await.unwrap();
        Button { cookie, fields: hidden(&html) }
    }

    /// Presses the button.
    pub(crate) async fn press(&self, button: &Button) -> Response {
        let request = self.request(Method::POST, "/verify").header("cookie", &button.cookie);
        request.form(&button.fields).send().await.unwrap()
    }
}

/// The button on the page of a link.
pub(crate) struct Button {
    cookie: String,
    fields: Vec<(String, String)>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client that follows no redirects.
pub(crate) fn client() -> reqwest::Client {
    // It is asked for also where no connection is encrypted; another test may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// The hidden fields of a page's form.
pub(crate) fn hidden(html: &str) -> Vec<(String, String)> {
    html.split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|field| {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            (name.to_owned(), rest.split_once('"').unwrap().0.to_owned())
        })
        .collect()
}

/// Waits until that is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} until {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Waits until that is so, and lets others go on meanwhile.
pub(crate) async fn later(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The names of the files in a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// How much memory a process has, in kB: now (`VmRSS`), or at most so far (`VmHWM`).
pub(crate) fn memory(pid: u32, which: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
    line.trim_matches([':', '\t', ' ', 'k', 'B']).parse().unwrap()
}
