//! Whether a secret is in a file of the server, however it is spelt.

use std::fs;

use aho_corasick::AhoCorasick;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{Place, files};

/// How a code, or a token, may be written down; letters of either case are looked for anyway.
pub(crate) fn spellings(secret: &str) -> Vec<String> {
    let plain = secret.replace('-', "");
    let grouped: Vec<_> =
        plain.as_bytes().chunks(4).map(|group| String::from_utf8(group.to_vec()).unwrap()).collect();
    let bits: Vec<_> = plain
        .bytes()
        .filter_map(|symbol| {
            b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".iter().position(|known| *known == symbol.to_ascii_uppercase())
        })
        .collect();
    // With and without the symbol that names the key; the check symbols are left out.
    let mut all = vec![plain.clone(), plain.to_lowercase(), grouped.join("-"), STANDARD.encode(&plain)];
    for first in 0..=1 {
        let bytes = bytes(&bits[first..bits.len() - 2]);
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        all.extend([hex.concat(), STANDARD.encode(&bytes[..18])]);
    }
    all
}

/// Symbols of five bits, as bytes.
fn bytes(symbols: &[usize]) -> Vec<u8> {
    let bits: Vec<bool> =
        symbols.iter().flat_map(|symbol| (0..5).rev().map(move |bit| symbol >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

/// Looks for secrets in files, in any of their spellings.
pub(crate) struct Search(AhoCorasick);

impl Search {
    pub(crate) fn of(secrets: &[String]) -> Self {
        let patterns = secrets.iter().flat_map(|secret| spellings(secret));
        Self(AhoCorasick::builder().ascii_case_insensitive(true).build(patterns).unwrap())
    }

    /// The files of the server in which one is. What it prints at its first start is for the reader's eyes.
    pub(crate) fn found(&self, place: &Place) -> Vec<String> {
        let names = files(place.folder.path());
        for written in ["inquiry-otl.db", "inquiry-otl-server.db", "inquiry-otl.key", "stderr"] {
            assert!(names.iter().any(|name| name == written), "{names:?}");
        }
        let has = |name: &String| self.0.is_match(&fs::read(place.file(name)).unwrap());
        names.into_iter().filter(|name| name != "stdout").filter(has).collect()
    }
}
