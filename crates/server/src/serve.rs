//! Puts the server together, and runs it until it is told to stop.

use std::{
    error::Error,
    fs::{self, File},
    future::{Ready, ready},
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum_server::accept::Accept;
use inquiry_otl::{ExpirationPolicy, SystemClock, TemplateId};
use inquiry_otl_axum::{ContentPolicy, security_headers};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{
    net::{TcpListener, TcpStream},
    signal,
    task::JoinSet,
};

use crate::{
    app::App,
    config::{LogForm, SettingError, Settings},
    dashboard, files, housekeeping, mail, operations,
    pump::{self, Bell},
    records::{self, templates::Template},
    routes, store, tokens, webhooks,
};

/// How long requests may take to end once the server is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(20);
/// How long a client may take for the head of a request, from its connection or its last request on.
const HEAD: Duration = Duration::from_secs(20);
/// How long a client may take nothing of an answer.
#[cfg(target_os = "linux")]
const UNREAD: Duration = Duration::from_secs(30);
/// How large the head of a request may be.
const HEAD_SIZE: usize = 32 * 1024;

/// Runs the server until it is told to stop.
pub(crate) async fn serve(settings: Settings) -> Result<(), Box<dyn Error + Send + Sync>> {
    log(settings.log);
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let folder = |error: io::Error| format!("{}: {error}", settings.data.display());
    files::make_folder(&settings.data).map_err(folder).map_err(SettingError::new("data"))?;
    let _lock = lock(&settings.lock_file())?;
    let listener = listen(settings.listen).await?;
    let address = listener.local_addr()?;
    let url = settings.url(address.port())?;
    if !address.ip().is_loopback() && !url.starts_with("https://") {
        let source = "without https only this machine may reach the server: listen on 127.0.0.1, or behind a proxy with TLS \
                      whose address is `url`";
        return Err(SettingError::new("listen")(source).into());
    }
    let store = store::open(&settings.store()).await.map_err(SettingError::new("store"))?;
    let bell = Bell::default();
    let app = Arc::new(App::open(&settings, url, store.clone(), bell.clone(), SystemClock).await?);
    let check_value = app.secrets.derive("check value");
    if app.records.write(move |to| records::root::renew(to, &check_value)).await? {
        tracing::warn!(
            "the last line of the key file is another one: the secrets of webhooks have changed, so give each receiver its new one"
        );
    }

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
    let server = axum_server::Server::from_listener(listener).acceptor(Impatient);
    let mut server = server.http1_only().first_request_timeout(HEAD);
    server.http_builder().http1().header_read_timeout(HEAD).max_buf_size(HEAD_SIZE);
    welcome(&app, address).await?;
    tasks.spawn(stop(handle.clone()));
    server.handle(handle.clone()).serve(router.into_make_service()).await?;
    if handle.connection_count() != 0 {
        tracing::warn!("some requests did not end in time");
    }
    tasks.shutdown().await;
    Ok(app.passing.save(&app.records).await?)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, SettingError> {
    let taken = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let any = SocketAddr::new(address.ip(), 0);
            format!("{address} is taken: say another port, or --listen {any} for any that is free")
        }
        _ => format!("{address}: {error}"),
    };
    TcpListener::bind(address).await.map_err(taken).map_err(SettingError::new("listen"))
}

/// Keeps a second server away from the records, until this process ends in whatever way.
fn lock(path: &Path) -> Result<File, SettingError> {
    let wrong = |error: io::Error| SettingError::new("data")(format!("{}: {error}", path.display()));
    let file = files::private().create(true).truncate(false).open(path).map_err(wrong)?;
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
        app.templates.add(&app.records, template).await?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "Listening on {address}")?;
    writeln!(out, "Dashboard: {}/dashboard", app.url)?;
    if let Some(token) = told {
        writeln!(out, "Sign in with this token, which is not shown again: {}", token.as_str())?;
    }
    Ok(out.flush()?)
}

/// Ends connections whose client takes nothing of its answer: they would hold their places for ever.
#[derive(Clone, Copy)]
struct Impatient;

impl<S> Accept<TcpStream, S> for Impatient {
    type Stream = TcpStream;
    type Service = S;
    type Future = Ready<io::Result<(TcpStream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // Elsewhere the system has no such time.
        #[cfg(target_os = "linux")]
        let set = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
        #[cfg(not(target_os = "linux"))]
        let set = Ok(());
        ready(set.map(|()| (stream, service)))
    }
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
