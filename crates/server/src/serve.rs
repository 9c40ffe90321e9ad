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

use inquiry_otl::{ExpirationPolicy, SystemClock, TemplateId};
use inquiry_otl_axum::{ContentPolicy, security_headers};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{net::TcpListener, signal, task::JoinSet};

use crate::{
    app::App,
    config::{LogForm, SettingError, Settings},
    dashboard, housekeeping, mail, operations,
    pump::{self, Bell},
    records::{self, templates::Template},
    routes, store, tokens, webhooks,
};

/// How long requests may take to end once the server is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(20);
/// How long a client may take for the head of a request, from its connection or its last request on.
const HEAD: Duration = Duration::from_secs(20);
/// How large the head of a request may be.
const HEAD_SIZE: usize = 32 * 1024;

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
    let app = Arc::new(App::open(&settings, url, store.clone(), bell.clone(), SystemClock).await?);

    mail::begin(&app).await?;
    // Whatever is done here may be cut off at any time, and is done again by whoever comes next.
    let mut tasks = JoinSet::new();
    tasks.spawn(pump::run(Arc::clone(&app), store.clone(), bell));
    tasks.spawn(housekeeping::keep_store(store));
    tasks.spawn(operations::add_up(metrics.clone()));
    tasks.spawn(webhooks::run(Arc::clone(&app)));
    tasks.spawn(mail::run(Arc::clone(&app)));
    tasks.spawn(housekeeping::keep_records(Arc::clone(&app)));
    let counts = Arc::clone(&app);
    tasks.spawn(async move { counts.passing.run(&counts.records).await });

    let router = routes::router(&settings, &app)?
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

/// At the first start: a token, told once, and a template to begin with.
async fn welcome(app: &App, address: SocketAddr) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut told = None;
    if !app.records.read(records::tokens::exist).await? {
        told = Some(tokens::create(&app.records, "admin", app.links.planner().now()).await?);
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
