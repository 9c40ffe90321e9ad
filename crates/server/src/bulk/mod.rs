//! A CSV of inquiries in, a CSV of links out: a row at a time in memory, a few hundred at a time to the store.
//!
//! The links stand in the answer and nowhere else (L3). Cells that are carried through stay byte for byte as they are, also
//! those that begin with `=`: the file is for a program that sends mails, and whoever opens it in a spreadsheet had them before.

pub(crate) mod command;
mod input;

pub(crate) use input::Rows;

use std::{
    io::{Read, Write},
    sync::atomic::{AtomicU64, Ordering},
};

use clap::ValueEnum;
use csv::{ByteRecord, Writer};
use futures_util::{StreamExt as _, stream};
use inquiry_otl::{
    Creator, ExpirationPolicy, InquiryId, Interval, IssueError, IssuedLink, LinkRequest, NewInquiry,
    OnOutstanding, ReferenceId, TemplateId,
};
use thiserror::Error;
use tokio::runtime::Handle;

use self::input::Columns;
use crate::app::{Links, Templates};

/// How many rows are in memory at a time.
const CHUNK: usize = 500;
/// How many inquiries are created at a time.
const CREATED_AT_A_TIME: usize = 64;

/// What is to be done with each row.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// How long the links live; as the inquiry's policy says, unless told otherwise (L2).
    pub(crate) expires_in: Option<Interval>,
    /// What becomes of links that are outstanding (L5).
    pub(crate) on_outstanding: Outstanding,
    /// Who makes them (L7).
    pub(crate) created_by: Option<Creator>,
}

/// What becomes of a link that is outstanding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outstanding {
    /// It is given out again.
    #[default]
    Same,
    /// It dies.
    Supersede,
    /// It stays, and there is one more.
    Keep,
}

impl From<Outstanding> for OnOutstanding {
    fn from(choice: Outstanding) -> Self {
        match choice {
            Outstanding::Same => Self::ReturnSame { at_least: None },
            Outstanding::Supersede => Self::Supersede,
            Outstanding::Keep => Self::Keep,
        }
    }
}

/// How far it is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    rows: AtomicU64,
    failed: AtomicU64,
}

impl Progress {
    /// How many rows are done, and how many of these have an error.
    pub(crate) fn told(&self) -> (u64, u64) {
        (self.rows.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// Makes links of rows until there are no more. It blocks: a thread of its own is the place for it.
///
/// `tell` is called now and then, after what it tells is written.
///
/// # Errors
/// [`BulkError`]: the file as a whole is no good, or the answer cannot be written. What is wrong with a row stands in the row.
pub(crate) fn make_links(
    (links, templates): (&Links, &Templates),
    wanted: &Wanted,
    mut rows: Rows<impl Read>,
    output: impl Write,
    progress: &Progress,
    tell: impl Fn(&Progress),
) -> Result<(), BulkError> {
    let runtime = Handle::current();
    let mut output = Writer::from_writer(output);
    output.write_byte_record(&rows.columns.header())?;
    loop {
        let chunk = rows.next(CHUNK)?;
        if chunk.is_empty() {
            break;
        }
        let answers = runtime.block_on(answers(links, templates, wanted, &rows.columns, &chunk));
        for (row, answer) in chunk.iter().zip(&answers) {
            progress.rows.fetch_add(1, Ordering::Relaxed);
            if answer.link.is_err() {
                progress.failed.fetch_add(1, Ordering::Relaxed);
            }
            write(&mut output, links, &rows.columns, row, answer)?;
        }
        output.flush().map_err(csv::Error::from)?;
        tell(progress);
    }
    Ok(output.flush().map_err(csv::Error::from)?)
}

/// What came of a row.
struct Answer {
    /// Its inquiry, if there is one.
    inquiry: Option<InquiryId>,
    link: Result<IssuedLink, String>,
}

/// What a row asks for.
enum Asked {
    Link(InquiryId),
    Inquiry(NewInquiry),
}

async fn answers(
    links: &Links,
    templates: &Templates,
    wanted: &Wanted,
    columns: &Columns,
    rows: &[ByteRecord],
) -> Vec<Answer> {
    let inquiries: Vec<Result<InquiryId, String>> = stream::iter(rows)
        .map(async |row| match asked(columns, templates, row)? {
            Asked::Link(inquiry) => Ok(inquiry),
            Asked::Inquiry(inquiry) => {
                links.create(inquiry).await.map(|made| made.id).map_err(|error| error.to_string())
            }
        })
        .buffered(CREATED_AT_A_TIME)
        .collect()
        .await;
    let requests = inquiries.iter().flatten().map(|inquiry| {
        let request = LinkRequest::resume(*inquiry).on_outstanding(wanted.on_outstanding.into());
        let request = wanted.expires_in.into_iter().fold(request, LinkRequest::expires_in);
        wanted.created_by.clone().into_iter().fold(request, LinkRequest::created_by)
    });
    let mut issued = links.issue_many(requests).await.into_iter();
    inquiries
        .into_iter()
        .map(|inquiry| match inquiry {
            Err(error) => Answer { inquiry: None, link: Err(error) },
            Ok(inquiry) => {
                let link = issued.next().unwrap_or(Err(IssueError::NotFound));
                Answer { inquiry: Some(inquiry), link: link.map_err(|error| error.to_string()) }
            }
        })
        .collect()
}

/// Reads a row: an inquiry's id, or what a new one is made of. The error repeats nothing of it.
fn asked(columns: &Columns, templates: &Templates, row: &ByteRecord) -> Result<Asked, String> {
    if row.len() != columns.count() {
        return Err(format!("the row has {} cells, and the header {}", row.len(), columns.count()));
    }
    let cell = |place: Option<usize>, name: &str| {
        let bytes = place.and_then(|place| row.get(place)).unwrap_or_default();
        let text = str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))?;
        Ok::<_, String>(Some(text.trim()).filter(|text| !text.is_empty()))
    };
    if let Some(id) = cell(columns.inquiry, input::INQUIRY)? {
        let id = InquiryId::new(id).map_err(|error| format!("{}: {error}", input::INQUIRY))?;
        return Ok(Asked::Link(id));
    }
    let Some(template) = cell(columns.template, input::TEMPLATE)? else {
        return Err(format!("the row has no {}", columns.needed()));
    };
    let id = TemplateId::new(template).map_err(|error| format!("{}: {error}", input::TEMPLATE))?;
    let policy: ExpirationPolicy =
        templates.policy(id).ok_or_else(|| format!("{}: there is no such template", input::TEMPLATE))?;
    let mut inquiry = NewInquiry::from_template(id).with_policy(policy);
    if let Some(reference) = cell(columns.reference, input::REFERENCE)? {
        let reference =
            ReferenceId::new(reference).map_err(|error| format!("{}: {error}", input::REFERENCE))?;
        inquiry = inquiry.with_reference(reference);
    }
    Ok(Asked::Inquiry(inquiry))
}

/// Writes a row: its own cells, and what came of it.
fn write(
    output: &mut Writer<impl Write>,
    links: &Links,
    columns: &Columns,
    row: &ByteRecord,
    answer: &Answer,
) -> Result<(), csv::Error> {
    for (place, cell) in columns.carried(row) {
        match answer.inquiry {
            Some(inquiry) if Some(place) == columns.inquiry => output.write_field(inquiry.as_str())?,
            _ => output.write_field(cell)?,
        }
    }
    if columns.inquiry.is_none() {
        output.write_field(answer.inquiry.as_ref().map_or("", InquiryId::as_str))?;
    }
    match &answer.link {
        Ok(link) => {
            output.write_field(link.url.expose())?;
            output.write_field(links.planner().urls().short_url(&link.code).expose())?;
            output.write_field(link.expires_at.to_string())?;
            output.write_field("")?;
        }
        Err(error) => {
            output.write_record(["", "", "", error])?;
            return Ok(());
        }
    }
    output.write_record(None::<&[u8]>)
}

/// Why there is no answer, or none from here on.
#[derive(Debug, Error)]
pub(crate) enum BulkError {
    /// There is no header.
    #[error("the file is empty: its first line names the columns")]
    Empty,
    /// It is no text of the kind.
    #[error("the file is UTF-16: save it as CSV in UTF-8")]
    Utf16,
    /// A column is there twice.
    #[error("the column `{0}` is there more than once")]
    Twice(&'static str),
    /// None of the columns says what to do.
    #[error("there is no column `inquiry-id`, and no column `template-id`; columns are separated by commas")]
    Columns,
    /// A row does not end.
    #[error("line {0} begins a row of more than a million bytes: is a quotation mark missing?")]
    Long(u64),
    /// It cannot be read, or the answer cannot be written.
    #[error("the file cannot be read, or the answer cannot be written")]
    Csv(#[from] csv::Error),
}
