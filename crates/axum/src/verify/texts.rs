//! What the pages say, in which language.

use axum::http::{HeaderMap, header};

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it is written by whoever translates")]
pub struct Words {
    /// Its heading, which is also the title of the tab.
    pub title: String,
    /// Its paragraphs.
    pub body: Vec<String>,
    /// What its button says; a page without a form shows none.
    pub button: String,
}

impl Words {
    /// Words, one paragraph a line.
    #[must_use]
    pub fn new(title: &str, body: &str, button: &str) -> Self {
        Self {
            title: title.to_owned(),
            body: body.lines().map(str::to_owned).collect(),
            button: button.to_owned(),
        }
    }
}

/// All that the pages say in one language.
///
/// Exhaustive, so that a translation that lacks something does not compile.
///
/// ```
/// use inquiry_otl_axum::verify::{Texts, Words};
///
/// let texts = Texts {
///     refused: Words::new("This link does not work", "Call us: +49 30 1234", ""),
///     ..Texts::english()
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it is written by whoever translates")]
pub struct Texts {
    /// The language, as in `en` or `de`.
    pub language: String,
    /// Whether it is written from right to left.
    pub right_to_left: bool,
    /// A link that brings its person back.
    pub confirm: Words,
    /// A link by which a session goes on, on this device.
    pub handoff: Words,
    /// The button was pressed, and has to be once more: the page was too old, or the browser kept no cookie.
    pub again: Words,
    /// The link does not open anything: the same for every reason (D2).
    pub refused: Words,
    /// There is no link in the address.
    pub missing: Words,
    /// Somebody is opening the link at this moment.
    pub busy: Words,
    /// Something of ours does not work.
    pub unavailable: Words,
    /// The request is none that our pages make.
    pub malformed: Words,
}

impl Texts {
    /// English.
    #[must_use]
    pub fn english() -> Self {
        Self {
            language: "en".to_owned(),
            right_to_left: false,
            confirm: Words::new(
                "Continue your verification",
                "You go on where you left off.\n\
                 This link works once. If you did not ask for it, close this page: nothing has happened yet.",
                "Continue",
            ),
            handoff: Words::new(
                "Continue on this device",
                "Your verification goes on here, where you left off.\n\
                 This link works once. If you did not ask for it, close this page: nothing has happened yet.",
                "Continue here",
            ),
            again: Words::new(
                "Please press the button once more",
                "This page was open for a while, or your browser did not keep its cookie. Nothing has happened yet.\n\
                 If you see this page again and again, allow cookies for this site.",
                "Continue",
            ),
            refused: Words::new(
                "This link does not work",
                "Please go back to the message that you came from and ask for a new link.\n\
                 Each link works once and for a limited time, and a newer one replaces it. If you have several \
                 messages, open the newest one, and make sure that the whole link was opened.",
                "",
            ),
            missing: Words::new(
                "Please open your link",
                "This page needs the link from your message. Go back to the message and open the link again.",
                "",
            ),
            busy: Words::new(
                "One moment, please",
                "Your link is being opened at this moment, perhaps in another tab. Wait a little, then try again.",
                "Try again",
            ),
            unavailable: Words::new(
                "This does not work right now",
                "The fault is ours, not yours. Please wait a minute, then try again from this page.",
                "Try again",
            ),
            malformed: Words::new(
                "This request cannot be answered",
                "Please go back to your message and open the link again.",
                "",
            ),
        }
    }

    /// German.
    #[must_use]
    pub fn german() -> Self {
        Self {
            language: "de".to_owned(),
            right_to_left: false,
            confirm: Words::new(
                "Verifizierung fortsetzen",
                "Sie machen dort weiter, wo Sie aufgehört haben.\n\
                 Dieser Link funktioniert einmal. Haben Sie ihn nicht angefordert, schließen Sie diese Seite: \
                 Noch ist nichts geschehen.",
                "Fortsetzen",
            ),
            handoff: Words::new(
                "Auf diesem Gerät weitermachen",
                "Ihre Verifizierung geht hier weiter, wo Sie aufgehört haben.\n\
                 Dieser Link funktioniert einmal. Haben Sie ihn nicht angefordert, schließen Sie diese Seite: \
                 Noch ist nichts geschehen.",
                "Hier weitermachen",
            ),
            again: Words::new(
                "Bitte drücken Sie noch einmal",
                "Die Seite war länger offen, oder Ihr Browser hat ihr Cookie nicht behalten. \
                 Noch ist nichts geschehen.\n\
                 Sehen Sie diese Seite immer wieder, erlauben Sie bitte Cookies für diese Website.",
                "Fortsetzen",
            ),
            refused: Words::new(
                "Dieser Link funktioniert nicht",
                "Bitte gehen Sie zurück zu der Nachricht, aus der Sie kommen, und fordern Sie einen neuen Link an.\n\
                 Jeder Link funktioniert einmal und nur für begrenzte Zeit, und ein neuerer ersetzt ihn. Haben Sie \
                 mehrere Nachrichten, öffnen Sie die neueste, und achten Sie darauf, dass der ganze Link geöffnet \
                 wurde.",
                "",
            ),
            missing: Words::new(
                "Bitte öffnen Sie Ihren Link",
                "Diese Seite braucht den Link aus Ihrer Nachricht. Gehen Sie zurück zu der Nachricht und öffnen Sie \
                 ihn noch einmal.",
                "",
            ),
            busy: Words::new(
                "Einen Moment, bitte",
                "Ihr Link wird gerade geöffnet, vielleicht in einem anderen Tab. Warten Sie kurz und versuchen Sie \
                 es dann noch einmal.",
                "Noch einmal versuchen",
            ),
            unavailable: Words::new(
                "Das geht im Moment nicht",
                "Der Fehler liegt bei uns, nicht bei Ihnen. Bitte warten Sie eine Minute und versuchen Sie es dann von \
                 dieser Seite aus noch einmal.",
                "Noch einmal versuchen",
            ),
            malformed: Words::new(
                "Diese Anfrage lässt sich nicht beantworten",
                "Bitte gehen Sie zurück zu Ihrer Nachricht und öffnen Sie den Link noch einmal.",
                "",
            ),
        }
    }
}

/// The languages that there are; the first one is for those who ask for none of them.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) default: Texts,
    pub(super) others: Vec<Texts>,
}

impl Catalogue {
    /// The texts that a browser likes best.
    pub(super) fn choose(&self, headers: &HeaderMap) -> &Texts {
        let wanted =
            headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (&self.default, 0);
        for entry in wanted.split(',').take(32) {
            let mut parts = entry.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let weight = parts.next().map_or(1000, thousandths);
            if let (Some(texts), true) = (self.of(tag), best.1 < weight) {
                best = (texts, weight);
            }
        }
        best.0
    }

    /// The texts of a language: `de` for `de-AT` as well, unless there is one for that.
    fn of(&self, tag: &str) -> Option<&Texts> {
        let named = |tag: &str| {
            std::iter::once(&self.default)
                .chain(&self.others)
                .find(|texts| texts.language.eq_ignore_ascii_case(tag))
        };
        named(tag).or_else(|| named(tag.split('-').next().unwrap_or_default()))
    }
}

/// A weight as in `q=0.8`, in thousandths; one that cannot be read counts nothing.
fn thousandths(weight: &str) -> u32 {
    let Some(value) = weight.strip_prefix("q=") else { return 0 };
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    match (whole, format!("{part:0<3}").parse()) {
        ("0", Ok(part @ 0..=999)) => part,
        ("1", Ok(0)) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_that_there_is_is_chosen() {
        let catalogue = Catalogue { default: Texts::english(), others: vec![Texts::german()] };
        for (wanted, language) in [
            ("", "en"),
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("fr, en;q=0.2, de;q=0.3", "de"),
            ("en;q=0.5, de;q=0.50", "en"),
            ("fr", "en"),
            ("de;q=0", "en"),
            ("de;q=7, ,;;;q", "en"),
            ("DE", "de"),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, wanted.parse().unwrap())]);
            assert_eq!(catalogue.choose(&headers).language, language, "{wanted}");
        }
    }
}
