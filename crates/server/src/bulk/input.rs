//! What comes in: the columns, and the rows, in bounded memory.

use std::{
    error::Error,
    io::{self, Read},
};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::BulkError;

pub(super) const INQUIRY: &str = "inquiry-id";
pub(super) const TEMPLATE: &str = "template-id";
pub(super) const REFERENCE: &str = "reference-id";
/// What is added. Columns of these names that come in are answers of an earlier time, and go.
const ADDED: [&str; 4] = ["one-time-link", "one-time-link-short", "expires-at", "error"];
/// How large a row may be, in bytes.
const ROW: usize = 1_000_000;

/// The rows of a file.
pub(crate) struct Rows<R> {
    reader: Reader<Bounded<R>>,
    pub(super) columns: Columns,
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`BulkError`], if the file cannot be worked on.
    pub(crate) fn new(input: R) -> Result<Self, BulkError> {
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .from_reader(Bounded { inner: input, left: ROW });
        let mut header = ByteRecord::new();
        if !read(&mut reader, &mut header)? {
            return Err(BulkError::Empty);
        }
        Ok(Self { reader, columns: Columns::new(header)? })
    }

    /// The next rows, at most so many.
    pub(super) fn next(&mut self, most: usize) -> Result<Vec<ByteRecord>, BulkError> {
        let mut rows = Vec::new();
        let mut row = ByteRecord::new();
        while rows.len() < most && read(&mut self.reader, &mut row)? {
            rows.push(row.clone());
        }
        Ok(rows)
    }
}

fn read<R: Read>(reader: &mut Reader<Bounded<R>>, row: &mut ByteRecord) -> Result<bool, BulkError> {
    reader.get_mut().left = ROW;
    let line = reader.position().line();
    reader.read_byte_record(row).map_err(|error| match error.kind() {
        csv::ErrorKind::Io(error)
            if error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<TooLong>) =>
        {
            BulkError::Long(line)
        }
        _ => error.into(),
    })
}

/// Gives so many bytes and no more, until it is allowed more.
struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(TooLong));
        }
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the row is too long")]
struct TooLong;

/// Which column is which.
pub(super) struct Columns {
    header: ByteRecord,
    pub(super) inquiry: Option<usize>,
    pub(super) template: Option<usize>,
    pub(super) reference: Option<usize>,
}

impl Columns {
    fn new(header: ByteRecord) -> Result<Self, BulkError> {
        // Where UTF-8 has its byte order mark, which the reader takes away.
        if header.as_slice().starts_with(b"\xff\xfe") || header.as_slice().starts_with(b"\xfe\xff") {
            return Err(BulkError::Utf16);
        }
        let find = |name: &'static str| {
            let mut places =
                header.iter().enumerate().filter(|(_, cell)| cell.trim_ascii() == name.as_bytes());
            match (places.next(), places.next()) {
                (_, Some(_)) => Err(BulkError::Twice(name)),
                (found, None) => Ok(found.map(|(place, _)| place)),
            }
        };
        let (inquiry, template, reference) = (find(INQUIRY)?, find(TEMPLATE)?, find(REFERENCE)?);
        if inquiry.is_none() && template.is_none() {
            return Err(BulkError::Columns);
        }
        Ok(Self { header, inquiry, template, reference })
    }

    /// How many cells a row has.
    pub(super) fn count(&self) -> usize {
        self.header.len()
    }

    /// What a row must have.
    pub(super) fn needed(&self) -> &'static str {
        match (self.inquiry, self.template) {
            (Some(_), None) => "inquiry-id",
            (None, _) => "template-id",
            (Some(_), Some(_)) => "inquiry-id and no template-id",
        }
    }

    /// The header of the answer.
    pub(super) fn header(&self) -> ByteRecord {
        let mut header: ByteRecord = self.carried(&self.header).map(|(_, cell)| cell).collect();
        if self.inquiry.is_none() {
            header.push_field(INQUIRY.as_bytes());
        }
        header.extend(ADDED);
        header
    }

    /// The cells that stay, each with its place; as many as the header has, however many there are.
    pub(super) fn carried<'r>(&'r self, row: &'r ByteRecord) -> impl Iterator<Item = (usize, &'r [u8])> {
        let stays = |name: &[u8]| !ADDED.iter().any(|added| name.trim_ascii() == added.as_bytes());
        self.header
            .iter()
            .enumerate()
            .filter(move |(_, name)| stays(name))
            .map(|(place, _)| (place, row.get(place).unwrap_or_default()))
    }
}
