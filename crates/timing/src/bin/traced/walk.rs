//! Codes of one shape, read one after another: what is done must not differ.

use inquiry_otl::CodeFormat;
use inquiry_otl_evidence::valgrind::{begin_count, end_count};
use inquiry_otl_timing::{Outcome, twins};

use crate::marks::some_code;
use crate::pasted::{IN_TEXT, Pasted, QUOTED, SEPARATED, SHORT_URLS, URLS, pasted_urls, percent};

/// How many codes are read of each shape.
pub(super) const CODES: usize = 24;

/// Reads codes of the same shape: what is done must not differ.
pub(super) fn walk(twin: bool) -> Outcome<()> {
    let (format, urls) = (CodeFormat::default(), pasted_urls()?);
    let bare: &[Pasted] = &[str::to_owned, str::to_lowercase];
    // One that its check refuses, and one that is refused for a letter.
    let refused: &[Pasted] = &[
        |code| code.chars().take(34).chain([if code.ends_with('7') { '8' } else { '7' }]).collect(),
        |code| code.chars().take(34).chain(['U']).collect(),
    ];
    let codes = (0..CODES).map(|_| some_code(&format)).collect::<Outcome<Vec<_>>>()?;
    for pasted in
        [bare, refused, &[percent], URLS, SHORT_URLS, SEPARATED, IN_TEXT, QUOTED].into_iter().flatten()
    {
        let texts: Vec<_> = codes.iter().map(|code| pasted(code)).collect();
        // All in the same place, since where a text lies shows too.
        let mut text = String::with_capacity(CodeFormat::MAX_INPUT);
        for next in &texts {
            text.clear();
            text.push_str(next);
            let first = texts.first().filter(|_| twin);
            walked(&mut || match first {
                Some(first) => twins::same_up_to_first(first.as_bytes(), text.as_bytes()),
                None => urls.parse(&format, &text).is_ok(),
            });
        }
    }
    println!("{CODES}");
    Ok(())
}

/// What is counted: everything in here, and nothing else.
#[inline(never)]
fn walked(work: &mut dyn FnMut() -> bool) {
    begin_count();
    std::hint::black_box(work());
    end_count();
}
