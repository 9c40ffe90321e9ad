//! Links for many: a CSV of inquiries is sent, and a CSV of links is the answer.
//!
//! What is sent waits in a file without a name until its rows are done, since a browser sends all of it before it reads anything.
//! No code is in it. The answer is written as it is made, and is kept nowhere.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Seek as _, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use askama::Template;
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Extension, Multipart, Query, State, multipart::Field},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use clap::ValueEnum as _;
use futures_util::stream;
use inquiry_otl::Creator;
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncWriteExt as _,
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

use super::{Failure, Frame, Here, Notice, SignedIn, fields::duration, page};
use crate::{
    app::App,
    bulk::{BulkError, Outstanding, Progress, Rows, Wanted, make_links},
};

/// How large a file may be.
const FILE: usize = 64 * 1024 * 1024;
/// How large any other field may be.
const FIELD: usize = 1024;
/// How many files are worked on at a time.
const AT_A_TIME: usize = 2;
/// How many are told of.
const TOLD: usize = 32;
/// How long a browser may read nothing of its answer.
const STALLED: Duration = Duration::from_secs(60);
/// How many pieces of the answer wait for the browser.
const PIECES: usize = 8;

/// The page, and how far a file is.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/dashboard/bulk", get(show).post(create).layer(DefaultBodyLimit::max(FILE)))
        .route("/dashboard/bulk/progress", get(progress))
        .layer(Extension(Arc::new(Jobs::default())))
}

/// Files that are worked on, or were lately.
struct Jobs {
    room: Arc<Semaphore>,
    told: Mutex<VecDeque<(String, Arc<Job>)>>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_A_TIME)), told: Mutex::default() }
    }
}

impl Jobs {
    fn add(&self, name: String, job: &Arc<Job>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(other, _)| *other != name);
        told.push_back((name, Arc::clone(job)));
        if TOLD < told.len() {
            told.pop_front();
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Job>> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().find(|(other, _)| other == name).map(|(_, job)| Arc::clone(job))
    }
}

/// How far a file is.
#[derive(Default)]
struct Job {
    progress: Progress,
    lines: AtomicU64,
    is_over: AtomicBool,
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    frame: Frame,
}

async fn show(by: SignedIn) -> Result<Response, Failure> {
    shown(by, StatusCode::OK, None)
}

fn shown(by: SignedIn, status: StatusCode, problem: Option<String>) -> Result<Response, Failure> {
    let frame = Frame::new(by, Here::Bulk, "Links for many").with_notice(problem.map(Notice::problem));
    page(status, &BulkPage { frame })
}

/// The fields of the form, but for the file.
#[derive(Default)]
struct Sent {
    form_token: String,
    /// A name that the script drew, by which it asks how far the file is.
    job: String,
    amount: String,
    unit: String,
    outstanding: String,
}

async fn create(
    State(app): State<Arc<App>>,
    Extension(jobs): Extension<Arc<Jobs>>,
    by: SignedIn,
    headers: HeaderMap,
    mut parts: Multipart,
) -> Result<Response, Failure> {
    let mut sent = Sent::default();
    let mut file = None;
    while let Some(field) = parts.next_field().await.map_err(|_| Failure::Malformed)? {
        match field.name().unwrap_or_default() {
            "form-token" => sent.form_token = text(field).await?,
            "job" => sent.job = text(field).await?,
            "amount" => sent.amount = text(field).await?,
            "unit" => sent.unit = text(field).await?,
            "outstanding" => sent.outstanding = text(field).await?,
            "file" => {
                // The other fields stand before it: no stranger's file is taken.
                by.admits(&headers, &sent.form_token)?;
                file = Some(spooled(field).await?);
            }
            _ => return Err(Failure::Malformed),
        }
    }
    by.admits(&headers, &sent.form_token)?;
    let (file, lines) = file.ok_or(Failure::Malformed)?;
    let on_outstanding = Outstanding::from_str(&sent.outstanding, false).map_err(|_| Failure::Malformed)?;
    let expires_in = match sent.amount.trim() {
        "" => None,
        amount => match duration(amount, &sent.unit) {
            Ok(interval) => Some(interval),
            Err(error) => return shown(by, StatusCode::UNPROCESSABLE_ENTITY, Some(error)),
        },
    };
    let wanted = Wanted { expires_in, on_outstanding, created_by: Creator::new(by.name()).ok() };
    let Ok(room) = Arc::clone(&jobs.room).try_acquire_owned() else {
        let problem = "Other files are being worked on. No link was created: try again in a moment.";
        let page = shown(by, StatusCode::SERVICE_UNAVAILABLE, Some(problem.to_owned()))?;
        return Ok(([(header::RETRY_AFTER, "10")], page).into_response());
    };
    let job = Arc::new(Job { lines: lines.into(), ..Job::default() });
    jobs.add(sent.job, &job);
    match answer(app, wanted, file, job, room).await? {
        Ok(response) => Ok(response),
        Err(problem) => {
            shown(by, StatusCode::UNPROCESSABLE_ENTITY, Some(format!("No link was created: {problem}.")))
        }
    }
}

async fn text(mut field: Field<'_>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|_| Failure::Malformed)? {
        bytes.extend_from_slice(&piece);
        if FIELD < bytes.len() {
            return Err(Failure::Malformed);
        }
    }
    String::from_utf8(bytes).map_err(|_| Failure::Malformed)
}

/// Puts a file where its rows are read from, and counts its lines.
async fn spooled(mut field: Field<'_>) -> Result<(File, u64), Failure> {
    let fails = |error: io::Error| Failure::Unavailable(error.into());
    let mut file = tokio::fs::File::from_std(tempfile::tempfile().map_err(fails)?);
    let mut lines = 0_u64;
    while let Some(piece) = field.chunk().await.map_err(|_| Failure::Malformed)? {
        let ends = piece.split(|byte| *byte == b'\n').count().saturating_sub(1);
        lines = lines.saturating_add(u64::try_from(ends).unwrap_or(0));
        file.write_all(&piece).await.map_err(fails)?;
    }
    file.flush().await.map_err(fails)?;
    let mut file = file.into_std().await;
    file.rewind().map_err(fails)?;
    Ok((file, lines))
}

/// Begins the answer; or says why there is none.
async fn answer(
    app: Arc<App>,
    wanted: Wanted,
    file: File,
    job: Arc<Job>,
    room: OwnedSemaphorePermit,
) -> Result<Result<Response, BulkError>, Failure> {
    let began = tokio::task::spawn_blocking(move || Rows::new(file)).await;
    let rows = match began.map_err(|error| Failure::Unavailable(error.into()))? {
        Ok(rows) => rows,
        Err(problem) => {
            job.is_over.store(true, Ordering::Relaxed);
            return Ok(Err(problem));
        }
    };
    let (to_browser, mut pieces) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let _room = room;
        let output = Pieces(to_browser.clone());
        let done = make_links((&app.links, &app.templates), &wanted, rows, output, &job.progress, |_| {});
        job.is_over.store(true, Ordering::Relaxed);
        if let Err(error) = done {
            tracing::warn!(error = &error as &dyn std::error::Error, "a CSV of links ended early");
            // Whoever still reads learns that this is not all.
            drop(to_browser.blocking_send(Err(io::Error::other("the answer ends early"))));
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"links.csv\""),
    ];
    let body = Body::from_stream(stream::poll_fn(move |context| pieces.poll_recv(context)));
    Ok(Ok((headers, body).into_response()))
}

/// Gives what is written to a browser; waits while it has enough, but not for ever.
struct Pieces(mpsc::Sender<Result<Bytes, io::Error>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = timeout(STALLED, self.0.send(Ok(Bytes::copy_from_slice(bytes))));
        match Handle::current().block_on(sent) {
            Ok(Ok(())) => Ok(bytes.len()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Deserialize)]
struct Named {
    job: String,
}

/// What the script shows.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told {
    rows: u64,
    failed: u64,
    lines: u64,
    is_over: bool,
}

async fn progress(
    Extension(jobs): Extension<Arc<Jobs>>,
    _by: SignedIn,
    Query(named): Query<Named>,
) -> Json<Option<Told>> {
    Json(jobs.find(&named.job).map(|job| {
        let is_over = job.is_over.load(Ordering::Relaxed);
        let (rows, failed) = job.progress.told();
        Told { rows, failed, lines: job.lines.load(Ordering::Relaxed), is_over }
    }))
}
