//! A browser that keeps cookies and sends forms, and an application to visit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
    routing::get,
};
use inquiry_otl::{
    Event, InquiryId, IssuedLink, LinkRequest, ManualClock, MemoryStore, NewInquiry, Service, ServiceBuilder,
    TemplateId, UrlFormat, UrlStyle,
};
use inquiry_otl_axum::{
    CurrentSession, SessionCookie,
    verify::{FormKey, GoOn, Verify, VerifyBuilder},
};
use std::sync::Mutex;
use tower::ServiceExt as _;

pub(crate) const KEY: [u8; 32] = [7; 32];

/// A service, its clock, and what its sink was told.
pub(crate) struct World {
    pub(crate) service: Arc<Service<MemoryStore>>,
    pub(crate) clock: ManualClock,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(
        change: impl FnOnce(ServiceBuilder<MemoryStore>) -> ServiceBuilder<MemoryStore>,
    ) -> Self {
        let clock = ManualClock::default();
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        let short = UrlFormat::new("https://verify.acme.com/c").unwrap().with_style(UrlStyle::Path);
        let urls = UrlFormat::new("https://verify.acme.com/verify").unwrap().also_accepting(short);
        let builder = Service::builder(MemoryStore::new())
            .clock(clock.clone())
            .url_format(urls)
            .event_sink(move |event: &Event| told.lock().unwrap().push(event.clone()));
        Self { service: Arc::new(change(builder).build().unwrap()), clock, events }
    }

    pub(crate) async fn inquiry(&self) -> InquiryId {
        self.service
            .create(NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap()))
            .await
            .unwrap()
            .id
    }

    pub(crate) async fn link(&self) -> IssuedLink {
        self.service.issue(LinkRequest::resume(self.inquiry().await)).await.unwrap()
    }

    pub(crate) fn verify(&self) -> VerifyBuilder<MemoryStore> {
        Verify::builder(Arc::clone(&self.service), FormKey::new(KEY))
    }

    /// An application with an inquiry page behind the links.
    pub(crate) fn app(&self) -> Router {
        app(&self.verify().enter(GoOn::to("/inquiry").unwrap()).unwrap())
    }

    /// How many events of that name there were.
    pub(crate) fn told(&self, name: &str) -> usize {
        self.events.lock().unwrap().iter().filter(|event| event.kind.name() == name).count()
    }
}

pub(crate) fn app(verify: &Verify<MemoryStore>) -> Router {
    async fn inquiry(CurrentSession(session): CurrentSession) -> String {
        format!("{} {}", session.inquiry, session.id)
    }
    Router::new()
        .route("/inquiry", get(inquiry))
        .with_state(verify.sessions(SessionCookie::default()))
        .merge(verify.router())
}

/// What a request got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The hidden fields of the form.
    pub(crate) fn fields(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        for field in self.body.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            let (value, _) = rest.split_once("\">").unwrap();
            fields.insert(name.to_owned(), value.to_owned());
        }
        fields
    }

    /// Everything in it, to look for what must not be there.
    pub(crate) fn text(&self) -> String {
        format!("{} {:?} {}", self.status, self.headers, self.body)
    }
}

/// A browser: it keeps cookies, and says where a request comes from.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) app: Router,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The names of those that are `SameSite=Lax`.
    lax: BTreeSet<String>,
    pub(crate) site: Option<&'static str>,
    pub(crate) language: &'static str,
}

impl Browser {
    pub(crate) fn new(app: &Router) -> Self {
        let (cookies, lax) = (BTreeMap::new(), BTreeSet::new());
        Self { app: app.clone(), cookies, lax, site: Some("same-origin"), language: "en" }
    }

    /// Opens a link out of a mail on another site: of the cookies those go along that are `SameSite=Lax`.
    pub(crate) async fn open(&mut self, url: &str) -> Answer {
        let url = url.strip_prefix("https://verify.acme.com").unwrap_or(url);
        let mut request =
            Request::get(url).header("accept-language", self.language).header("sec-fetch-site", "cross-site");
        if !self.lax.is_empty() {
            request = request.header("cookie", self.cookie(|name| self.lax.contains(name)));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Goes to an address of the same site.
    pub(crate) async fn go(&mut self, url: &str) -> Answer {
        let request = Request::get(url).header("cookie", self.cookie(|_| true));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Presses the button: sends the form.
    pub(crate) async fn press(&mut self, fields: &BTreeMap<String, String>) -> Answer {
        let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.post("application/x-www-form-urlencoded", form.join("&")).await
    }

    pub(crate) async fn post(&mut self, kind: &str, body: String) -> Answer {
        let mut request = Request::post("/verify")
            .header(header::CONTENT_TYPE, kind)
            .header("accept-language", self.language);
        if !self.cookies.is_empty() {
            request = request.header("cookie", self.cookie(|_| true));
        }
        if let Some(site) = self.site {
            request = request.header("sec-fetch-site", site);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn ask(&mut self, method: Method, url: &str) -> Answer {
        let request = Request::builder().method(method).uri(url);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("SameSite=Lax") {
                self.lax.insert(name.to_owned());
            }
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    fn cookie(&self, goes: impl Fn(&String) -> bool) -> String {
        let going = self.cookies.iter().filter(|(name, _)| goes(name));
        going.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}
