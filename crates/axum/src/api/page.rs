//! Pages of a list: `page[after]`, `page[before]`, `page[size]`, and links to the neighbours.

use form_urlencoded::Serializer;

use super::{call::Call, failure::Failure, query::Query};

/// How many items a page has if nobody says, and at most.
const USUAL: u32 = 10;
const MOST: u32 = 100;

/// Which part of a list is asked for.
#[derive(Clone, Copy)]
pub(super) struct Page<'q> {
    pub(super) size: u32,
    pub(super) from: From<'q>,
}

/// Where in a list a page lies.
#[derive(Clone, Copy)]
pub(super) enum From<'q> {
    Start,
    After(&'q str),
    Before(&'q str),
}

impl<'q> Page<'q> {
    pub(super) fn of(query: &'q Query) -> Result<Self, Failure> {
        let page = query.group("page", &["after", "before", "size"])?;
        let from = match (page.one("after")?, page.one("before")?) {
            (None, None) => From::Start,
            (Some(id), None) => From::After(id),
            (None, Some(id)) => From::Before(id),
            (Some(_), Some(_)) => {
                return Err(Failure::bad_request("page.after and page.before exclude one another"));
            }
        };
        let size = match page.one("size")? {
            None => USUAL,
            Some(text) => match text.parse::<f64>() {
                // A whole number may be written as 2.0, too.
                Ok(number) if 1.0 <= number && number.fract() == 0.0 => {
                    (1..MOST).find(|size| number <= f64::from(*size)).unwrap_or(MOST)
                }
                _ => return Err(Failure::bad_request("page.size must be a whole number from 1")),
            },
        };
        Ok(Self { size, from })
    }
}

/// A page, and the ids by which its neighbours are asked for.
pub(super) struct Paged<T> {
    pub(super) items: Vec<T>,
    /// What is before this item, if anything is.
    pub(super) before: Option<String>,
    /// What is behind this item, if anything is.
    pub(super) after: Option<String>,
}

impl<T> Paged<T> {
    /// Where there is nothing.
    pub(super) const fn empty() -> Self {
        Self { items: Vec::new(), before: None, after: None }
    }

    /// The links to the page before and to the one behind: the same query, from elsewhere.
    pub(super) fn links(&self, call: &Call) -> (Option<String>, Option<String>) {
        let link = |name: &str, id: &String| {
            let mut query = Serializer::new(String::new());
            for (key, value) in call.query.but(&["page[after]", "page[before]"]) {
                query.append_pair(key, value);
            }
            format!("{}?{}", call.path, query.append_pair(name, id).finish())
        };
        let before = self.before.as_ref().map(|id| link("page[before]", id));
        (before, self.after.as_ref().map(|id| link("page[after]", id)))
    }
}
