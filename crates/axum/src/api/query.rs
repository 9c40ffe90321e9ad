//! The query: `page[…]`, `filter[…]`, `fields` and `include`, with names in every case.

use serde_json::Value;

use super::{failure::Failure, inflection::kebab};

/// The parameters of a query, in their order.
pub(super) struct Query(Vec<Parameter>);

struct Parameter {
    /// Its key as it was given.
    given: String,
    name: String,
    /// What stands in brackets behind the name.
    path: Vec<String>,
    value: String,
}

impl Query {
    pub(super) fn read(query: &str) -> Self {
        let parameters = form_urlencoded::parse(query.as_bytes()).map(|(key, value)| {
            let (name, path) = match key.split_once('[') {
                None => (kebab(&key), Vec::new()),
                Some((name, rest)) => {
                    (kebab(name), rest.trim_end_matches(']').split("][").map(kebab).collect())
                }
            };
            Parameter { given: key.into_owned(), name, path, value: value.into_owned() }
        });
        Self(parameters.collect())
    }

    /// The members of a parameter that is an object, which has no others than those.
    pub(super) fn group(&self, name: &'static str, known: &[&str]) -> Result<Group<'_>, Failure> {
        let mut members = Vec::new();
        for Parameter { path, value, .. } in self.0.iter().filter(|parameter| parameter.name == name) {
            match path.as_slice() {
                [] => return Err(Failure::bad_request(format!("{name} must be an object"))),
                [member, index @ ..] if known.contains(&member.as_str()) && is_index(index) => {
                    members.push((member.as_str(), value.as_str()));
                }
                // It may be anything: it is not repeated.
                _ => return Err(Failure::bad_request(format!("{name} has a member that is not known"))),
            }
        }
        Ok(Group { name, members })
    }

    /// Whether a parameter is given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|parameter| parameter.name == name)
    }

    /// All parameters as they were given, but those.
    pub(super) fn but(&self, left_out: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        let kept = self.0.iter().filter(move |parameter| !left_out.contains(&parameter.given.as_str()));
        kept.map(|parameter| (parameter.given.as_str(), parameter.value.as_str()))
    }

    /// Whether the answer is to include that relationship.
    pub(super) fn includes(&self, relationship: &str) -> bool {
        self.list("include").any(|path| kebab(path) == relationship)
    }

    /// The items of a parameter that is a list with commas.
    fn list(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let given =
            self.0.iter().filter(move |parameter| parameter.name == name && parameter.path.is_empty());
        given.flat_map(|parameter| parameter.value.split(',').map(str::trim))
    }
}

/// Whether what follows a name makes it a list, if anything does: `[]` or `[0]`.
fn is_index(path: &[String]) -> bool {
    match path {
        [] => true,
        [index] => index.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

/// The members of a parameter that is an object.
pub(super) struct Group<'q> {
    name: &'static str,
    members: Vec<(&'q str, &'q str)>,
}

impl<'q> Group<'q> {
    /// The values of a member that is a list, with commas or repeated; nothing if it is not given.
    pub(super) fn list(&self, member: &str) -> Option<Vec<&'q str>> {
        let given = self.members.iter().filter(|(known, _)| *known == member);
        let mut given = given.map(|(_, value)| value.split(',').map(str::trim)).peekable();
        given.peek()?;
        Some(given.flatten().collect())
    }

    /// The value of a member that is given once.
    pub(super) fn one(&self, member: &str) -> Result<Option<&'q str>, Failure> {
        let mut given = self.members.iter().filter(|(known, _)| *known == member).map(|(_, value)| *value);
        let first = given.next();
        match given.next() {
            None => Ok(first),
            Some(_) => Err(Failure::bad_request(format!("{}.{member} is given twice", self.name))),
        }
    }

    /// Whether any member but that one is given.
    pub(super) fn has_others_than(&self, member: &str) -> bool {
        self.members.iter().any(|(known, _)| *known != member)
    }
}

/// Which attributes an answer shows (`fields=…`, or `fields[<type>]=…`).
pub(super) struct Sparse<'q> {
    /// Of what the answer is about.
    primary: Option<Vec<String>>,
    /// Of resources of a type.
    by_type: Vec<(&'q str, Vec<String>)>,
}

impl<'q> Sparse<'q> {
    pub(super) fn of(query: &'q Query) -> Result<Self, Failure> {
        let mut sparse = Self { primary: None, by_type: Vec::new() };
        for Parameter { path, value, .. } in query.0.iter().filter(|parameter| parameter.name == "fields") {
            let names = value.split(',').map(|name| kebab(name.trim())).collect();
            match path.as_slice() {
                [] => sparse.primary = Some(names),
                [kind] => sparse.by_type.push((kind, names)),
                _ => return Err(Failure::bad_request("fields must be a list of attributes")),
            }
        }
        Ok(sparse)
    }

    /// Takes every attribute away that is not asked for.
    pub(super) fn leave(&self, document: &mut Value) {
        for item in resources(document, "data") {
            self.leave_in(item, true);
        }
        for item in resources(document, "included") {
            self.leave_in(item, false);
        }
    }

    fn leave_in(&self, resource: &mut Value, is_primary: bool) {
        let kind = resource.get("type").and_then(Value::as_str).unwrap_or_default();
        let of_type = self.by_type.iter().find(|(known, _)| *known == kind).map(|(_, names)| names);
        let Some(names) = of_type.or(self.primary.as_ref().filter(|_| is_primary)) else { return };
        if let Some(Value::Object(attributes)) = resource.get_mut("attributes") {
            attributes.retain(|name, _| names.iter().any(|known| known == name));
        }
    }
}

/// The resources of a member that is one, or a list of them.
fn resources<'d>(document: &'d mut Value, member: &str) -> &'d mut [Value] {
    match document.get_mut(member) {
        Some(Value::Array(items)) => items,
        Some(item) => std::slice::from_mut(item),
        None => &mut [],
    }
}
