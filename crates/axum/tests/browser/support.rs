//! A browser, and an application that it can reach.

use std::{fs, path::Path, sync::Arc, time::Duration};

use axum::Router;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use inquiry_otl::{
    IssuedLink, LinkRequest, MemoryStore, NewInquiry, Service, TemplateId, UrlFormat, UrlStyle,
};
use inquiry_otl_axum::verify::{FormKey, Verify, VerifyBuilder};
use inquiry_otl_testkit::chromium::{Chromedriver, shared_chromedriver};
pub(crate) use inquiry_otl_testkit::chromium::{Look, Scripts};
use tokio::{
    net::TcpListener,
    sync::{Mutex, MutexGuard},
    time::sleep,
};

/// One browser test at a time: a browser wants the machine.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// An application on a port of this machine.
pub(crate) struct Site {
    pub(crate) service: Arc<Service<MemoryStore>>,
    listener: TcpListener,
    port: u16,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let base = format!("http://localhost:{port}");
        let short = UrlFormat::new(&format!("{base}/c")).unwrap().with_style(UrlStyle::Path);
        let urls = UrlFormat::new(&format!("{base}/verify")).unwrap().also_accepting(short);
        let service = Arc::new(Service::builder(MemoryStore::new()).url_format(urls).build().unwrap());
        Self { service, listener, port }
    }

    /// As browsers know it. `localhost` is another site than `127.0.0.1`.
    pub(crate) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(crate) fn verify(&self) -> VerifyBuilder<MemoryStore> {
        Verify::builder(Arc::clone(&self.service), FormKey::new([7; 32]))
    }

    pub(crate) async fn link(&self) -> IssuedLink {
        let inquiry = NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap());
        let inquiry = self.service.create(inquiry).await.unwrap();
        self.service.issue(LinkRequest::resume(inquiry.id)).await.unwrap()
    }

    /// Serves it until the test is over.
    pub(crate) fn serve(self, app: Router) -> Served {
        tokio::spawn(async move { axum::serve(self.listener, app).await });
        Served(self.service)
    }
}

/// The service behind an application that is served.
pub(crate) struct Served(pub(crate) Arc<Service<MemoryStore>>);

impl Served {
    /// How many sessions the link's inquiry has.
    pub(crate) async fn sessions(&self, link: &IssuedLink) -> usize {
        self.0.sessions(link.inquiry, None, 10).await.unwrap().len()
    }

    /// Waits until the link was used.
    pub(crate) async fn until_used(&self, link: &IssuedLink) {
        for _ in 0..600 {
            if self.sessions(link).await != 0 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the link was not used");
    }
}

/// A browser with a profile of its own.
pub(crate) struct Browser(pub(crate) Client);

impl Browser {
    pub(crate) async fn open(look: Look, scripts: Scripts) -> Self {
        let capabilities = serde_json::from_str(&Chromedriver::capabilities(look, scripts)).unwrap();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        Self(builder.connect(&shared_chromedriver().url()).await.unwrap())
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.0.goto(url).await.unwrap();
    }

    pub(crate) async fn address(&self) -> String {
        self.0.current_url().await.unwrap().to_string()
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        self.0.find(Locator::Css(selector)).await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn press(&self) {
        self.0.find(Locator::Css("button")).await.unwrap().click().await.unwrap();
    }

    /// Waits until the page says that, since a press returns before the next page is there.
    pub(crate) async fn until(&self, selector: &str, text: &str) {
        let mut seen = String::new();
        for _ in 0..600 {
            if let Ok(found) = self.0.find(Locator::Css(selector)).await {
                seen = found.text().await.unwrap_or_default();
                if seen.contains(text) {
                    return;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the page at {} says {seen:?} and not {text:?}", self.address().await);
    }

    pub(crate) async fn run(&self, script: &str) -> serde_json::Value {
        self.0.execute(script, Vec::new()).await.unwrap()
    }

    /// Leaves a picture of the page.
    pub(crate) async fn picture(&self, name: &str) {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("{name}.png")), self.0.screenshot().await.unwrap()).unwrap();
    }

    pub(crate) async fn close(self) {
        self.0.close().await.unwrap();
    }
}
