//! URLs, written and read under any base (C4, C5, C6).

use inquiry_otl::{Code, CodeFormat, UrlError, UrlFormat, UrlStyle};

use crate::{
    code, marked,
    pasted::{CODES, escaped, is_in},
    repeats_nothing,
};

/// The first line is a base of URLs, the rest what somebody pasted.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (base, pasted) = text.split_once('\n').unwrap_or(("", text));
    let mut urls = vec![UrlFormat::default()];
    repeats_nothing(UrlFormat::new(&marked(base)));
    // A host of our own that is called so would be no foreign one below.
    if let Some(format) = UrlFormat::new(base).ok().filter(|_| !base.to_lowercase().contains("evil")) {
        is_canonical(&format);
        let by_path = format.clone().with_style(UrlStyle::Path);
        urls.push(format.clone().also_accepting(by_path.clone()));
        urls.push(UrlFormat::default().also_accepting(by_path.clone()));
        urls.push(by_path);
        urls.push(format);
    }
    let formats = code::formats();
    let turn = pasted.len() % formats.len();
    for (number, urls) in urls.iter().enumerate() {
        // What is written under the default is the same each time.
        if 0 < number {
            let codes = &formats[turn];
            is_read_again(urls, codes, &codes.parse(CODES[turn]).expect("a code that the library wrote"));
        }
        for codes in &formats {
            is_read(urls, codes, pasted);
        }
    }
}

/// C5: what is accepted as a base is kept in one form, which is a base itself.
fn is_canonical(format: &UrlFormat) {
    let wire = serde_json::to_string(format).expect("a format is written");
    let read: UrlFormat = serde_json::from_str(&wire).expect("a format that was written is read");
    assert_eq!(&read, format, "C5: {wire}");
    assert_eq!(serde_json::to_string(&read).ok().as_ref(), Some(&wire), "C5");
}

/// C6: a URL that was written is read, however it was sent; on another host it is not.
fn is_read_again(urls: &UrlFormat, codes: &CodeFormat, code: &Code) {
    let written = code.expose();
    for url in [urls.url(code), urls.short_url(code)] {
        let shown = format!("{url:?}");
        let url = url.expose();
        let before = url.strip_suffix(written.as_str()).expect("C5: a URL ends in its code");
        assert_eq!(shown, format!("LinkUrl({before}[redacted])"), "C4");
        let after_scheme = url.split_once("://").expect("a URL has a scheme").1;
        // Without their scheme, these are not known.
        let needs_scheme = url.starts_with("http:") || after_scheme.starts_with('[');
        for sent in [
            url.to_owned(),
            url.to_uppercase(),
            if needs_scheme { url } else { after_scheme }.to_owned(),
            format!("<{url}>"),
            format!("Click here: {url}."),
            format!("[{url}]({url})"),
            format!("{url}#top"),
            format!("{url} and more"),
            escaped(url),
        ] {
            assert_eq!(read(urls, codes, &sent).as_deref(), Ok(written.as_str()), "C6: {sent}");
        }
        if url.contains('?') {
            let repeated = format!("{url}&code=1");
            assert_eq!(read(urls, codes, &repeated), Err(UrlError::RepeatedCode), "C6: {repeated}");
        }
        for foreign in [format!("https://evil.{after_scheme}"), format!("https://evil@{after_scheme}")] {
            assert_eq!(read(urls, codes, &foreign), Err(UrlError::OtherHost), "C6: {foreign}");
        }
    }
    assert_eq!(read(urls, codes, written.as_str()).as_deref(), Ok(written.as_str()), "C6: the bare code");
}

fn is_read(urls: &UrlFormat, codes: &CodeFormat, pasted: &str) {
    repeats_nothing(urls.parse(codes, &marked(pasted)));
    match read(urls, codes, pasted) {
        Ok(code) => {
            assert!(pasted.len() <= UrlFormat::MAX_INPUT, "C6: a text of absurd length was read");
            assert!(is_in(&code, pasted), "C6: a code was read that is not in the text: {code}");
            is_read_again(urls, codes, &codes.parse(&code).expect("what was read is a code"));
        }
        Err(error) => {
            assert_eq!(error == UrlError::TooLong, UrlFormat::MAX_INPUT < pasted.len(), "C6: {error}");
        }
    }
}

fn read(urls: &UrlFormat, codes: &CodeFormat, text: &str) -> Result<String, UrlError> {
    urls.parse(codes, text).map(|code| code.expose().as_str().to_owned())
}
