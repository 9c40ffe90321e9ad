//! The members of a request's body: typed by the contract, refused by name, never repeated.

use serde_json::Value;

use super::{failure::Failure, inflection};

/// An object of the body, and where it stands.
pub(super) struct Object<'v> {
    path: String,
    members: Vec<(String, &'v Value)>,
}

impl<'v> Object<'v> {
    /// The body itself. One that is not there has no members.
    pub(super) fn of_body(body: Option<&'v Value>) -> Result<Self, Failure> {
        match body {
            None => Ok(Self { path: String::new(), members: Vec::new() }),
            Some(body) => Self::of(body, String::new()),
        }
    }

    fn of(value: &'v Value, path: String) -> Result<Self, Failure> {
        let Value::Object(members) = value else {
            return Err(Failure::bad_request(match path.as_str() {
                "" => "The body must be an object".to_owned(),
                path => format!("{path} must be an object"),
            }));
        };
        let members = inflection::read(members)
            .ok_or_else(|| Failure::bad_request("A member is given twice, in two cases"))?;
        Ok(Self { path, members })
    }

    /// It has no members but those.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        if self.members.iter().all(|(name, _)| known.contains(&name.as_str())) {
            return Ok(());
        }
        // The name of an unknown member may be anything: it is not repeated.
        let within = if self.path.is_empty() { "The body" } else { &self.path };
        Err(Failure::bad_request(format!("{within} has a member that is not known")))
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Object<'v>>, Failure> {
        self.get(name).map(|value| Self::of(value, self.at(name))).transpose()
    }

    /// The object of that name, or null as good as none.
    pub(super) fn object_or_null(&self, name: &str) -> Result<Option<Object<'v>>, Failure> {
        self.not_null(name).map(|value| Self::of(value, self.at(name))).transpose()
    }

    pub(super) fn required<T>(&self, name: &str, found: Option<T>) -> Result<T, Failure> {
        found.ok_or_else(|| Failure::bad_request(format!("{} is missing", self.at(name))))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'v str>, Failure> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| self.must_be(name, "a string"))).transpose()
    }

    pub(super) fn text_or_null(&self, name: &str) -> Result<Option<&'v str>, Failure> {
        self.not_null(name)
            .map(|value| value.as_str().ok_or_else(|| self.must_be(name, "a string or null")))
            .transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| self.must_be(name, "a boolean"))).transpose()
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.get(name).map(|value| whole(value).ok_or_else(|| self.must_be(name, "an integer"))).transpose()
    }

    pub(super) fn integer_or_null(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.not_null(name)
            .map(|value| whole(value).ok_or_else(|| self.must_be(name, "an integer or null")))
            .transpose()
    }

    /// The texts of the array of that name.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'v str>>, Failure> {
        let must_be = || self.must_be(name, "an array of strings");
        let Some(value) = self.get(name) else { return Ok(None) };
        let items = value.as_array().ok_or_else(must_be)?;
        items.iter().map(|item| item.as_str().ok_or_else(must_be)).collect::<Result<_, _>>().map(Some)
    }

    /// The same where it may be null.
    pub(super) fn texts_or_null(&self, name: &str) -> Result<Option<Vec<&'v str>>, Failure> {
        match self.not_null(name) {
            None => Ok(None),
            Some(_) => self.texts(name),
        }
    }

    fn get(&self, name: &str) -> Option<&'v Value> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    fn not_null(&self, name: &str) -> Option<&'v Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn must_be(&self, name: &str, what: &str) -> Failure {
        Failure::bad_request(format!("{} must be {what}", self.at(name)))
    }
}

/// A whole number, also one that is written with a fraction of zero, as JSON Schema has it. What no window can be
/// anyway is the largest or the least there is.
fn whole(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    Some(if number < 0.0 {
        i64::MIN
    } else if 9.0e15 < number {
        i64::MAX
    } else {
        format!("{number:.0}").parse().ok()?
    })
}
