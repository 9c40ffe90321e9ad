//! On the command line: files or pipes, and how far it is on standard error.

use std::{
    error::Error,
    fs::File,
    io::{self, IsTerminal as _, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use inquiry_otl::{Creator, Interval, SystemClock};

use super::{Outstanding, Progress, Rows, Wanted, make_links};
use crate::{
    app::App,
    config::{SettingError, Settings},
    files,
    pump::Bell,
    store,
};

/// Makes a link for each row of a CSV.
#[derive(Args, Clone, Debug)]
pub(crate) struct CreateLinks {
    /// The inquiries: a column `inquiry-id`, or `template-id` with or without `reference-id` to create new ones. `-` is standard
    /// input.
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Where the links go: a new file, which only its owner may read, or `-` for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// How long the links live, as in `90m`, `24h` or `7days`; as the inquiry's template says, unless told otherwise.
    #[arg(long, value_name = "TIME", value_parser = interval)]
    expires_in: Option<Interval>,
    /// What becomes of a link that is outstanding.
    #[arg(long, value_enum, value_name = "CHOICE", default_value_t)]
    on_outstanding: Outstanding,
}

fn interval(text: &str) -> Result<Interval, Box<dyn Error + Send + Sync>> {
    let duration = humantime::parse_duration(text)?;
    Ok(Interval::from_seconds(i64::try_from(duration.as_secs())?)?)
}

/// What the program exits with where every row was answered, and some have an error: neither success nor a failure, nor what the
/// command line's own errors exit with.
const SOME_FAILED: u8 = 3;

/// Makes the links.
pub(crate) async fn create(
    settings: Settings,
    command: CreateLinks,
) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let app = open(&settings).await?;
    eprintln!("links begin with {}", app.url);
    let is_stdio = |path: &Path| path == Path::new("-");
    let input: Box<dyn Read + Send> = if is_stdio(&command.csv) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&command.csv).map_err(named(&command.csv))?)
    };
    // A file that is no good leaves none behind.
    let rows = Rows::new(input)?;
    let output: Box<dyn Write + Send> = if is_stdio(&command.output) {
        Box::new(io::stdout())
    } else {
        Box::new(new_file(&command.output).map_err(named(&command.output))?)
    };
    let wanted = Wanted {
        expires_in: command.expires_in,
        on_outstanding: command.on_outstanding,
        created_by: Creator::new("command line").ok(),
    };
    let (done, progress) = tokio::task::spawn_blocking(move || {
        let progress = Progress::default();
        let done = make_links((&app.links, &app.templates), &wanted, rows, output, &progress, tell);
        (done, progress)
    })
    .await?;
    let (rows, failed) = progress.told();
    if io::stderr().is_terminal() {
        eprintln!();
    }
    eprintln!("{rows} rows: {} links, {failed} errors", rows.saturating_sub(failed));
    done?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { SOME_FAILED.into() })
}

/// What makes an error say which file it is about.
fn named(path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Opens what the server has, beside it if it runs.
async fn open(settings: &Settings) -> Result<App, Box<dyn Error + Send + Sync>> {
    if settings.store().expose() == "memory:" {
        let source = "the links of a store in memory are in the server's own: use its dashboard";
        return Err(SettingError::new("store")(source).into());
    }
    let file = settings.key_file();
    if !file.exists() {
        let source = format!("there is no {}: is this the server's folder?", file.display());
        return Err(SettingError::new("key-file")(source).into());
    }
    let url = settings.url(settings.listen.port())?;
    let store = store::open(&settings.store()).await.map_err(SettingError::new("store"))?;
    App::open(settings, url, store, Bell::default(), SystemClock).await
}

/// Only its owner may read it, and it takes no other's place.
fn new_file(path: &Path) -> Result<File, io::Error> {
    files::private().create_new(true).open(path)
}

/// On a terminal in one line, which is written anew; otherwise a line every now and then.
fn tell(progress: &Progress) {
    let (rows, failed) = progress.told();
    if io::stderr().is_terminal() {
        eprint!("\r{rows} rows, {failed} errors");
    } else if rows.is_multiple_of(10_000) {
        eprintln!("{rows} rows, {failed} errors");
    }
}
