//! What a person pasted, looked at without the library's eyes.

use std::fmt::Write as _;

/// A code of each of the [`formats`](crate::code::formats), as the library wrote it.
pub const CODES: [&str; 6] = [
    "0YE0XY6HMMRY7AEDS6GT0B8AFNRZB",
    "0715GYWPVV3C9NVF0MXVFZ852V8ZYB9G2WT",
    "08H2X02S09RPNW1B8WNQCDHMN5JACPA005R5R54RPZGEK3H8PT3HGM9",
    "us1-07E6JDQSA0PSQ20QKY86HVRVK58PC",
    "loi-0VR7QQE94V38QSE9BM7GZD37M96FKV3F8SV",
    "abcdefgh-0CKDCFQ1BGR9CZ38SA80F4FRQMAF9SXHHKDVHVK4M3WSP2K45JPE0W9",
];

/// C6: the code stands in the text, whatever surrounds and separates its symbols: none was invented.
pub(crate) fn is_in(code: &str, text: &str) -> bool {
    let code = folded(code);
    let once = unescaped(text);
    let twice = unescaped(&once);
    [text, &once, &twice].iter().any(|text| folded(text).contains(&code))
}

/// Letters and digits alone, in upper case, look-alikes made one.
fn folded(text: &str) -> String {
    let plain = text.chars().filter(char::is_ascii_alphanumeric);
    plain
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect()
}

/// Percent-encoding undone where there is any, once.
fn unescaped(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high << 4 | low).unwrap_or_default());
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The text with each of its bytes percent-encoded.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        let _ = write!(escaped, "%{byte:02X}");
        escaped
    })
}
