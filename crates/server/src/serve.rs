//! Puts the server together, and runs it until it is told to stop.

use std::{error::Error, fs, io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    http::{StatusCode, header},
    response::IntoResponse,
};
use inquiry_otl::{
    Digest, Event, EventSink as _, ExpirationPolicy, Operator, Retry, Service, StoreError, StoreErrorKind,
    TemplateId, UrlFormat, UrlStyle, store::AnyStore,
};
use inquiry_otl_axum::{
    MetricsSink, SessionCookie, TimedStore,
    api::{Access, Api, Tokens, Verifier},
    redacted_span,
    verify::{FormKey, GoOn, Verify},
};

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{net::TcpListener, signal};
use tower::{ServiceBuilder, limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer};
use tower_http::trace::TraceLayer;

use crate::{
    app::{App, Links, Templates},
    config::{LogForm, Settings},
    dashboard, operations,
    pump::{self, Bell},
    records::{Records, templates::Template, tokens},
    secrets::{Secrets, random_hex},
    store,
};

/// How long requests may take to end once the server is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(20);

/// Runs the server until it is told to stop.
pub(crate) async fn serve(settings: Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
    log(settings.log);
    let metrics = PrometheusBuilder::new().install_recorder()?;
    fs::create_dir_all(&settings.data)?;
    let listener = TcpListener::bind(settings.listen).await?;
    let url = settings.url(listener.local_addr()?.port());
    let store = store::open(&settings.store()).await?;
    let bell = Bell::default();
    let app = Arc::new(app(&settings, url, store.clone(), bell.clone()).await?);

    tokio::spawn(pump::run(Arc::clone(&app), store.clone(), bell));
    tokio::spawn(keep_house(store));

    let router = router(&settings, &app)?
        .layer(
            ServiceBuilder::new()
                .layer(TraceLayer::new_for_http().make_span_with(redacted_span))
                .layer(HandleErrorLayer::new(too_many))
                .layer(LoadShedLayer::new())
                .layer(ConcurrencyLimitLayer::new(usize::from(settings.requests))),
        )
        // Those who watch the server are never turned away.
        .merge(operations::router(Arc::clone(&app), metrics));
    welcome(&app).await?;
    let served = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(told_to_stop());
    let is_over = async {
        told_to_stop().await;
        tokio::time::sleep(LAST_REQUESTS).await;
    };
    tokio::select! {
        served = served => served?,
        () = is_over => tracing::warn!("some requests did not end in time"),
    }
    Ok(())
}

/// Opens everything that the server keeps.
async fn app(
    settings: &Settings,
    url: String,
    store: AnyStore,
    bell: Bell,
) -> Result<App, Box<dyn Error + Send + Sync>> {
    let mut secrets = Secrets::open(&settings.key_file())?;
    let records = Records::open(&settings.records_file())?;
    let short = UrlFormat::new(&format!("{url}/c"))?.with_style(UrlStyle::Path);
    let urls = UrlFormat::new(&format!("{url}/verify"))?.also_accepting(short);
    let counted = MetricsSink::new();
    let mut service =
        Service::builder(TimedStore::new(store)).url_format(urls).event_sink(move |event: &Event| {
            counted.tell(event);
            bell.tell(event);
        });
    if let Some(keyring) = secrets.take_keyring() {
        service = service.keyring(keyring);
    }
    let links: Arc<Links> = Arc::new(service.build()?);
    let templates = Templates::read(&records).await?;
    Ok(App { links, records, secrets, templates, url })
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
    let go_on = GoOn::to(target.unwrap_or(dashboard::person::PATH))?.with_cookie(cookie.clone());
    let verify = verify.enter(go_on)?;

    let templates = Arc::clone(app);
    let api = Api::new(Arc::clone(&app.links), Bearers(app.records.clone()))
        .templates(move |id: TemplateId| templates.templates.policy(id));
    let mut router = verify.router().merge(api.into_router()).merge(dashboard::router(Arc::clone(app)));
    if target.is_none() {
        router = router.merge(dashboard::person::router(Arc::clone(app), verify.sessions(cookie)));
    }
    Ok(router)
}

/// The tokens in the records.
struct Bearers(Records);

impl Verifier for Bearers {
    async fn verify(&self, token: &str) -> Result<Access, StoreError> {
        let digest: Digest = Tokens::digest(token);
        let found = self.0.read(move |of| tokens::find(of, &digest)).await;
        match found {
            Ok(Some(_)) => Ok(Access::Granted),
            Ok(None) => Ok(Access::Invalid),
            Err(error) => Err(StoreError::new(StoreErrorKind::Unavailable, Retry::Safe).with_source(error)),
        }
    }
}

/// At the first start: a token, told once, and a template to begin with.
async fn welcome(app: &App) -> Result<(), Box<dyn Error + Send + Sync>> {
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

/// There is no room for another request.
async fn too_many(_: BoxError) -> impl IntoResponse {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "too many requests at a time\n")
}

async fn told_to_stop() {
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
}

fn log(form: LogForm) {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match form {
        LogForm::Text => log.init(),
        LogForm::Json => log.json().init(),
    }
}
