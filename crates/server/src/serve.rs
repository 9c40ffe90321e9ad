//! Puts the server together, and runs it until it is told to stop.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    extract::DefaultBodyLimit,
    http::{StatusCode, header},
    response::IntoResponse,
};
use inquiry_otl::{
    Clock, Digest, Event, EventSink as _, ExpirationPolicy, Interval, Operator, Service, StoreError,
    SystemClock, TemplateId, UrlFormat, UrlStyle, store::AnyStore,
};
use inquiry_otl_axum::{
    ContentPolicy, MetricsSink, SessionCookie, TimedStore,
    api::{Access, Api, Tokens, Verifier},
    redacted_span, security_headers,
    verify::{FormKey, GoOn, Verify},
};

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{net::TcpListener, signal, task::JoinSet};
use tower::{
    ServiceBuilder, limit::GlobalConcurrencyLimitLayer, load_shed::LoadShedLayer, timeout::TimeoutLayer,
};
use tower_http::{timeout::RequestBodyTimeoutLayer, trace::TraceLayer};

use crate::{
    app::{App, Links, Templates},
    config::{LogForm, SettingError, Settings},
    dashboard, documents,
    mail::{self, Mailer, Smtp},
    operations,
    passing::Passing,
    pump::{self, Bell},
    records::{self, Records, RecordsError, templates::Template, tokens},
    secrets::{Secrets, random_hex},
    store,
    webhooks::{self, Webhooks},
};

/// How long requests may take to end once the server is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(20);
/// How long a client may take for the head of a request, from its connection or its last request on.
const HEAD: Duration = Duration::from_secs(20);
/// How long a client may pause within the body of a request.
const PAUSE: Duration = Duration::from_secs(10);
/// How long an answer may take: then the client is better off asking again.
const ANSWER: Duration = Duration::from_secs(30);
/// How large the head of a request may be.
const HEAD_SIZE: usize = 32 * 1024;
/// How large the body of a request may be, unless its page allows more.
const BODY_SIZE: usize = 64 * 1024;

/// How long what is over is kept.
const KEPT: Interval = match Interval::from_days(30) {
    Ok(kept) => kept,
    Err(_) => unreachable!(),
};
/// How often it is looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(600);
/// How many records of each kind go at a time.
const PURGE: u32 = 500;

/// Runs the server until it is told to stop.
pub(crate) async fn serve(settings: Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
    log(settings.log);
    let metrics = PrometheusBuilder::new().install_recorder()?;
    fs::create_dir_all(&settings.data).map_err(SettingError::new("data"))?;
    let _lock = lock(&settings.lock_file())?;
    let listener = TcpListener::bind(settings.listen).await.map_err(SettingError::new("listen"))?;
    let address = listener.local_addr()?;
    let url = settings.url(address.port())?;
    let store = store::open(&settings.store()).await.map_err(SettingError::new("store"))?;
    let bell = Bell::default();
    let app = Arc::new(app(&settings, url, store.clone(), bell.clone(), SystemClock).await?);

    // Whatever is done here may be cut off at any time, and is done again by whoever comes next.
    let mut tasks = JoinSet::new();
    tasks.spawn(pump::run(Arc::clone(&app), store.clone(), bell));
    tasks.spawn(keep_house(store));
    tasks.spawn(operations::add_up(metrics.clone()));
    tasks.spawn(webhooks::run(Arc::clone(&app)));
    tasks.spawn(mail::run(Arc::clone(&app)));
    tasks.spawn(keep_records(Arc::clone(&app)));
    let counts = Arc::clone(&app);
    tasks.spawn(async move { counts.passing.run(&counts.records).await });

    let router = limited(router(&settings, &app)?, &settings)
        // Those who watch the server are never turned away.
        .merge(operations::router(Arc::clone(&app), metrics))
        .layer(security_headers(&ContentPolicy::strict()))
        .merge(dashboard::assets::router());

    let handle = axum_server::Handle::new();
    let mut server = axum_server::Server::from_listener(listener).http1_only().first_request_timeout(HEAD);
    server.http_builder().http1().header_read_timeout(HEAD).max_buf_size(HEAD_SIZE);
    welcome(&app, address).await?;
    tasks.spawn(stop(handle.clone()));
    server.handle(handle.clone()).serve(router.into_make_service_with_connect_info::<SocketAddr>()).await?;
    if handle.connection_count() != 0 {
        tracing::warn!("some requests did not end in time");
    }
    tasks.shutdown().await;
    Ok(app.passing.save(&app.records).await?)
}

/// Keeps a second server away from the records, until this process ends in whatever way.
fn lock(path: &Path) -> Result<File, SettingError> {
    let wrong = |source: io::Error| SettingError::new("data")(source);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(wrong)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(SettingError::new("data")("another server runs on this folder"))
        }
        Err(fs::TryLockError::Error(error)) => Err(wrong(error)),
    }
}

/// The same, for so many requests at a time, which are neither large nor slow.
fn limited(router: Router, settings: &Settings) -> Router {
    router.fallback(nowhere).layer(
        ServiceBuilder::new()
            .layer(TraceLayer::new_for_http().make_span_with(redacted_span))
            .layer(HandleErrorLayer::new(come_back))
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::new(usize::from(settings.requests.get())))
            .layer(RequestBodyTimeoutLayer::new(PAUSE))
            .layer(DefaultBodyLimit::max(BODY_SIZE)),
    )
}

/// Opens everything that the server keeps.
pub(crate) async fn app(
    settings: &Settings,
    url: String,
    store: AnyStore,
    bell: Bell,
    clock: impl Clock + 'static,
) -> Result<App, Box<dyn Error + Send + Sync>> {
    let mut secrets = Secrets::open(&settings.key_file()).map_err(SettingError::new("key-file"))?;
    let records = Records::open(&settings.records_file()).map_err(SettingError::new("data"))?;
    let of_url = |path| UrlFormat::new(&format!("{url}{path}")).map_err(SettingError::new("url"));
    let urls = of_url("/verify")?.also_accepting(of_url("/c")?.with_style(UrlStyle::Path));
    let counted = MetricsSink::new();
    let passing = Arc::new(Passing::default());
    let passed = Arc::clone(&passing);
    let mut service = Service::builder(TimedStore::new(store)).clock(clock).url_format(urls).event_sink(
        move |event: &Event| {
            counted.tell(event);
            passed.tell(event);
            bell.tell(event);
        },
    );
    if let Some(keyring) = secrets.take_keyring() {
        service = service.keyring(keyring);
    }
    let links: Arc<Links> = Arc::new(service.build()?);
    let templates = Templates::read(&records).await?;
    let smtp = match &settings.smtp {
        None => None,
        Some(smtp) => {
            let from = settings.mail_from.as_deref().and_then(|from| from.parse().ok());
            let from = from.ok_or("it is whom mails are from, as in Support <support@example.com>");
            let from = from.map_err(SettingError::new("mail-from"))?;
            Some(Smtp::new(smtp.expose(), from).map_err(SettingError::new("smtp"))?)
        }
    };
    let (mail, webhooks) = (Mailer::new(smtp), Webhooks::new()?);
    Ok(App { links, records, secrets, templates, mail, webhooks, passing, url })
}

/// All that is served, but for those who run the server.
fn router(settings: &Settings, app: &Arc<App>) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let mut verify = Verify::builder(Arc::clone(&app.links), FormKey::new(*app.secrets.derive("form")));
    let mut cookie = SessionCookie::default();
    if !app.is_https() {
        verify = verify.over_http_on_loopback();
        cookie = cookie.over_http_on_loopback();
    }
    let target = settings.continue_to.as_deref();
    let go_on = GoOn::to(target.unwrap_or(dashboard::person::PATH))
        .map_err(SettingError::new("continue-to"))?
        .with_cookie(cookie.clone());
    let verify = verify.enter(go_on)?;

    let templates = Arc::clone(app);
    let api = Api::new(Arc::clone(&app.links), Bearers(app.records.clone()))
        .templates(move |id: TemplateId| templates.templates.policy(id))
        .idempotency(app.records.clone());
    let mut router = verify.router().merge(api.into_router()).merge(dashboard::router(Arc::clone(app)));
    if target.is_none() {
        router = router.merge(dashboard::person::router(Arc::clone(app), verify.sessions(cookie)));
    }
    let in_time =
        ServiceBuilder::new().layer(HandleErrorLayer::new(come_back)).layer(TimeoutLayer::new(ANSWER));
    router = router.merge(documents::router(app)?);
    Ok(router.layer(in_time).merge(dashboard::files(Arc::clone(app))))
}

/// The tokens in the records.
struct Bearers(Records);

impl Verifier for Bearers {
    async fn verify(&self, token: &str) -> Result<Access, StoreError> {
        let digest: Digest = Tokens::digest(token);
        let found = self.0.read(move |of| tokens::find(of, &digest)).await?;
        Ok(if found.is_some() { Access::Granted } else { Access::Invalid })
    }
}

/// At the first start: a token, told once, and a template to begin with.
async fn welcome(app: &App, address: SocketAddr) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut told = None;
    if !app.records.read(tokens::exist).await? {
        let token = random_hex::<20>();
        let (digest, now) = (Tokens::digest(&token), app.links.planner().now());
        app.records.write(move |to| tokens::add(to, &digest, "admin", now)).await?;
        told = Some(token);
    }
    if app.templates.all().is_empty() {
        let template = Template {
            id: TemplateId::new("itmpl_identity")?,
            name: "Identity check".to_owned(),
            policy: ExpirationPolicy::default(),
        };
        app.templates.put(&app.records, template).await?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "Listening on {address}")?;
    writeln!(out, "Dashboard: {}/dashboard", app.url)?;
    if let Some(token) = told {
        writeln!(out, "Sign in with this token, which is not shown again: {}", token.as_str())?;
    }
    Ok(out.flush()?)
}

/// Announces expiries and removes old records, for ever.
async fn keep_house(store: AnyStore) {
    let operator = Operator::new(store);
    operator
        .run(tokio::time::sleep, |round| {
            for error in &round.failures {
                tracing::warn!(error = error as &dyn Error, "housekeeping waits");
            }
            true
        })
        .await;
}

/// Removes the server's own records of deliveries and mails that are over, for ever.
async fn keep_records(app: Arc<App>) {
    loop {
        match purge_records(&app).await {
            Ok(removed) if removed != 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(error = &error as &dyn Error, "housekeeping waits"),
        }
        tokio::time::sleep(HOUSEKEEPING).await;
    }
}

/// A bounded step, so that others may write meanwhile; tells how many went.
pub(crate) async fn purge_records(app: &App) -> Result<usize, RecordsError> {
    let before = app.links.planner().now().minus(KEPT);
    let removed = app
        .records
        .write(move |to| {
            let deliveries = records::webhooks::purge(to, before, PURGE)?;
            Ok(records::mails::purge(to, before, PURGE)?.saturating_add(deliveries))
        })
        .await?;
    app.records.forget().await?;
    Ok(removed)
}

/// There is no such page.
async fn nowhere() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "there is nothing at this address\n")
}

/// There is no room for another request, or no answer in time.
async fn come_back(_: BoxError) -> impl IntoResponse {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::RETRY_AFTER, "1")],
        "the server is busy: ask again in a moment\n",
    )
}

/// Waits until the server is told to stop; then requests under way may end, and no others are taken.
async fn stop(handle: axum_server::Handle<SocketAddr>) {
    #[cfg(unix)]
    let terminated = async {
        if let Ok(mut signal) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
            signal.recv().await;
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = signal::ctrl_c() => {}
        () = terminated => {}
    }
    tracing::info!("stopping");
    handle.graceful_shutdown(Some(LAST_REQUESTS));
}

fn log(form: LogForm) {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Colours are for a terminal.
    let log = log.with_ansi(io::stderr().is_terminal());
    match form {
        LogForm::Text => log.init(),
        LogForm::Json => log.json().init(),
    }
}
