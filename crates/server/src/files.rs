//! Files and folders that are for their owner alone, whatever the umask says.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    path::Path,
};

/// How a file is opened that nobody else may read, if this makes it.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a database's file before SQLite does, which gives its logs the same mode; one that is there stays as it is.
pub(crate) fn make_database(path: &Path) -> io::Result<()> {
    match private().create_new(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder; one that is there stays as it is.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut folder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.recursive(true).create(path)
}
