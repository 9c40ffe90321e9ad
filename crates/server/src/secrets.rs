//! The key file: what links, forms and signatures are made with. It is not in any database.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use inquiry_otl::{Key, KeyError, KeyId, Keyring};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::files;

/// All secrets of the server: the keys of links, and what is derived from the oldest of them.
///
/// The file has a line for each key, `<number> <64 hexadecimal digits>`; under the first of them new links are made. Secrets
/// of forms, cookies and webhooks are derived from the last line, so that a new key on top changes none of them.
pub(crate) struct Secrets {
    keyring: Option<Keyring>,
    root: Zeroizing<Vec<u8>>,
}

impl Secrets {
    /// Reads the file; where nothing hangs on an older one yet, it is made with a new key, readable for nobody else.
    pub(crate) fn open(path: &Path, is_first: bool) -> Result<Self, KeyFileError> {
        let fails = |source| KeyFileError::Io { path: path.to_owned(), source };
        match File::open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_first => {
                make(path).map_err(fails)?;
                tracing::info!(file = %path.display(), "made a key file: keep a copy where the databases are not");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyFileError::Missing { path: path.to_owned() });
            }
            Err(error) => return Err(fails(error)),
        }
        check_mode(path)?;
        let text = Zeroizing::new(fs::read_to_string(path).map_err(fails)?);
        Self::read(&text).map_err(|(line, source)| KeyFileError::Line { path: path.to_owned(), line, source })
    }

    fn read(text: &str) -> Result<Self, (usize, KeyError)> {
        let mut keyring: Option<Keyring> = None;
        let mut root = Zeroizing::new(Vec::new());
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let (id, digits) = line.trim().split_once(' ').unwrap_or(("0", ""));
            let id =
                id.parse().map_err(|_| KeyError::Id).and_then(KeyId::new).map_err(|error| (number, error))?;
            let key = Key::from_hex(id, digits.trim()).map_err(|error| (number, error))?;
            keyring = Some(match keyring {
                None => Keyring::new(key),
                Some(ring) => ring.with_retiring(key).map_err(|error| (number, error))?,
            });
            digits.trim().as_bytes().clone_into(&mut root);
        }
        if keyring.is_none() {
            return Err((1, KeyError::NotHex));
        }
        Ok(Self { keyring, root })
    }

    /// The keys of links: once, since nobody else may have them.
    pub(crate) fn take_keyring(&mut self) -> Option<Keyring> {
        self.keyring.take()
    }

    /// A secret for that purpose, always the same.
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(mac(&self.root, purpose.as_bytes()))
    }
}

/// Makes the file in one step: a server that is killed meanwhile leaves no half of it.
fn make(path: &Path) -> io::Result<()> {
    let line = Zeroizing::new(format!("1 {}\n", random_hex::<32>().as_str()));
    let draft = path.with_extension("new");
    let mut file = files::private().create(true).truncate(true).open(&draft)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    // Of two servers that start for the first time one makes the key, and both read it.
    let made = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Nobody but its owner may read the file.
#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).map_err(|source| KeyFileError::Io { path: path.to_owned(), source })?;
    if metadata.permissions().mode().trailing_zeros() >= 6 {
        Ok(())
    } else {
        Err(KeyFileError::Open { path: path.to_owned() })
    }
}

#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<(), KeyFileError> {
    Ok(())
}

/// Why the key file is no good; it never repeats what is in it.
#[derive(Debug, Error)]
pub(crate) enum KeyFileError {
    /// It cannot be read, or made.
    #[error("the key file {} cannot be used", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not there, and links or webhooks hang on it.
    #[error(
        "there is no key file {}, and its folder or store is in use: put the file back, since a new one would end every link",
        path.display()
    )]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// Others may read it.
    #[error("the key file {} can be read by others: chmod 600 it", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
    },
    /// A line is not a number and a key.
    #[error("line {line} of the key file {} is not `<number> <64 hexadecimal digits>`", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        source: KeyError,
    },
}

/// So many random bytes, as hexadecimal digits.
pub(crate) fn random_hex<const BYTES: usize>() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; BYTES]);
    rand::fill(&mut bytes[..]);
    hex(&*bytes)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().saturating_mul(2)));
    for byte in bytes {
        for digit in [*byte >> 4, *byte & 0xf] {
            text.push(char::from(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0')));
        }
    }
    text
}

/// HMAC-SHA256.
pub(crate) fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // A key of any length will do.
    Hmac::<Sha256>::new_from_slice(key)
        .map_or([0; 32], |mac| mac.chain_update(message).finalize().into_bytes().into())
}
