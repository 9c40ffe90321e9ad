//! Puts the server together, and runs it until it is told to stop.

use std::{
    error::Error,
    fmt::Write as _,
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
};
use zeroize::Zeroizing;

use crate::{
    app::App,
    config::{LogForm, SettingError, Settings},
    dashboard, files, housekeeping, mail, operations,
    pump::{self, Bell},
    records::{self, templates::Template},
    routes, store,
    tasks::Tasks,
    tokens, webhooks,
};

/// How long requests, mails and webhooks under way may take to end once the server is told to stop.
const LAST: Duration = Duration::from_secs(20);
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

    mail::begin(&app).await?;
    let mut tasks = Tasks::new();
    tasks.run(pump::run(Arc::clone(&app), store.clone(), bell));
    tasks.run(housekeeping::keep_store(store));
    tasks.run(operations::add_up(metrics.clone()));
    tasks.run(housekeeping::keep_records(Arc::clone(&app)));
    let counts = Arc::clone(&app);
    tasks.run(async move { counts.passing.run(&counts.records).await });
    tasks.send(|stopping| webhooks::run(Arc::clone(&app), stopping));
    tasks.send(|stopping| mail::run(Arc::clone(&app), stopping));

    let router = routes::router(&settings, &app)?
        // Those who watch the server are never turned away.
        .merge(operations::router(Arc::clone(&app), metrics))
        .layer(security_headers(&ContentPolicy::strict()))
        .merge(dashboard::assets::router());

    let handle = axum_server::Handle::<SocketAddr>::new();
    let server = axum_server::Server::from_listener(listener).acceptor(Impatient);
    let mut server = server.http1_only().first_request_timeout(HEAD);
    server.http_builder().http1().header_read_timeout(HEAD).max_buf_size(HEAD_SIZE);
    let told = told_to_stop()?;
    welcome(&app, address).await?;
    let serving = server.handle(handle.clone()).serve(router.into_make_service());
    // From then on requests and mails under way may end, and no others are taken.
    let stopped = async {
        let failed = tokio::select! {
            () = told => None,
            failed = tasks.failed() => Some(failed),
        };
        tracing::info!("stopping");
        handle.graceful_shutdown(Some(LAST));
        tasks.stop(LAST).await;
        Ok(failed)
    };
    let ((), failed) = tokio::try_join!(serving, stopped)?;
    if handle.connection_count() != 0 {
        tracing::warn!("some requests did not end in time");
    }
    app.passing.save(&app.records).await?;
    failed.map_or(Ok(()), |failed| Err(failed.into()))
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
    let mut lines = Zeroizing::new(format!("Listening on {address}\nDashboard: {}/dashboard\n", app.url));
    if let Some(token) = told {
        writeln!(lines, "Sign in with this token, which is not shown again: {}", token.as_str())?;
    }
    // By one write, for whoever reads it meanwhile.
    let mut out = io::stdout().lock();
    out.write_all(lines.as_bytes())?;
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

/// What ends once the server is told to stop. It listens from now on.
#[cfg(unix)]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    use signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// What ends once the server is told to stop.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(signal::ctrl_c().await) })
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
