//! What a person reads.

use askama::Template;
use inquiry_otl::{IssuedLink, LinkUrl};

/// A mail with a link in it; it is kept nowhere.
pub(crate) struct Letter {
    url: LinkUrl,
    expires_at: String,
}

impl Letter {
    pub(crate) fn of(link: IssuedLink) -> Self {
        let expires_at = link.expires_at.to_datetime().format("%-d %B %Y at %H:%M UTC").to_string();
        Self { url: link.url, expires_at }
    }

    /// The subject, without anything about the person.
    #[allow(clippy::unused_self, reason = "it is the letter's")]
    pub(crate) const fn subject(&self) -> &'static str {
        "Your link to continue"
    }

    /// As plain text.
    pub(crate) fn text(&self) -> askama::Result<String> {
        Text { url: self.url.expose(), expires_at: &self.expires_at }.render()
    }

    /// As a page, which loads nothing from anywhere.
    pub(crate) fn html(&self) -> askama::Result<String> {
        Html { url: self.url.expose(), expires_at: &self.expires_at }.render()
    }
}

#[derive(Template)]
#[template(path = "mail/link.txt")]
struct Text<'a> {
    url: &'a str,
    expires_at: &'a str,
}

#[derive(Template)]
#[template(path = "mail/link.html")]
struct Html<'a> {
    url: &'a str,
    expires_at: &'a str,
}
