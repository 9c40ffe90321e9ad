//! The page of the API: each operation with its parameters, what it takes, and how to call it.

use std::fmt::{self, Display, Formatter};

use askama::{
    Template,
    filters::{Html, HtmlSafe, escape},
};
use serde_json::Value;

use super::example;
use crate::dashboard::assets;

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'a> {
    style: String,
    icon: String,
    groups: Vec<(&'a str, Vec<Operation<'a>>)>,
}

/// An operation of the contract.
struct Operation<'a> {
    id: &'a str,
    method: String,
    path: &'a str,
    summary: &'a str,
    description: Vec<Prose<'a>>,
    parameters: Vec<Parameter<'a>>,
    /// Members of the body, each with the path to it.
    body: Vec<Parameter<'a>>,
    answers: Vec<(&'a str, Prose<'a>)>,
    example: String,
    /// What is answered to that, where it is shown.
    answer: String,
}

/// Something that a request has.
struct Parameter<'a> {
    name: String,
    place: &'a str,
    description: Prose<'a>,
}

/// A text in which what stands between backticks is code.
struct Prose<'a>(&'a str);

impl HtmlSafe for Prose<'_> {}

impl Display for Prose<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut is_code = false;
        for part in self.0.split('`') {
            let part = escape(part, Html).map_err(|_| fmt::Error)?;
            if is_code {
                write!(f, "<code>{part}</code>")?;
            } else {
                write!(f, "{part}")?;
            }
            is_code = !is_code;
        }
        Ok(())
    }
}

pub(super) fn html(document: &Value, url: &str) -> Result<String, askama::Error> {
    let mut groups: Vec<(&str, Vec<Operation<'_>>)> = Vec::new();
    let paths = at(document, &["paths"]).as_object().into_iter().flatten();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            if operation.get("operationId").is_none() {
                continue;
            }
            let tag = operation.pointer("/tags/0").and_then(Value::as_str).unwrap_or("Others");
            let read = Operation::read(document, url, path, method, operation);
            match groups.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, group)) => group.push(read),
                None => groups.push((tag, vec![read])),
            }
        }
    }
    DocsPage { style: assets::STYLE.path(), icon: assets::ICON.path(), groups }.render()
}

impl<'a> Operation<'a> {
    fn read(document: &'a Value, url: &str, path: &'a str, method: &str, operation: &'a Value) -> Self {
        let method = method.to_uppercase();
        let of_path = at(document, &["paths", path, "parameters"]).as_array().into_iter().flatten();
        let parameters = of_path
            .chain(at(operation, &["parameters"]).as_array().into_iter().flatten())
            .flat_map(|parameter| parameters(referred(document, parameter)))
            .collect();
        let id = text(at(operation, &["operationId"]));
        let mut body = Vec::new();
        let schema = at(
            referred(document, at(operation, &["requestBody"])),
            &["content", "application/json", "schema"],
        );
        members(document, schema, "", &mut body);
        let answers = at(operation, &["responses"]).as_object().into_iter().flatten();
        let answers =
            answers.map(|(status, answer)| (status.as_str(), prose(referred(document, answer)))).collect();
        Self {
            id,
            example: example::request(url, &method, path),
            answer: example::answer(url, id),
            method,
            path,
            summary: text(at(operation, &["summary"])),
            description: text(at(operation, &["description"]))
                .split("\n\n")
                .filter(|text| !text.is_empty())
                .map(Prose)
                .collect(),
            parameters,
            body,
            answers,
        }
    }
}

/// A member of a member of a value; null, if it is not there.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    static NOTHING: Value = Value::Null;
    path.iter().try_fold(value, |value, name| value.get(name)).unwrap_or(&NOTHING)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What is said of something.
fn prose(of: &Value) -> Prose<'_> {
    Prose(text(at(of, &["description"])))
}

/// What a `$ref` leads to.
fn referred<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let path = at(value, &["$ref"]).as_str().and_then(|path| path.strip_prefix('#'));
    path.and_then(|path| document.pointer(path)).unwrap_or(value)
}

/// A parameter; of one that is an object each member, as it is written in an address: `page[size]`.
fn parameters(parameter: &Value) -> Vec<Parameter<'_>> {
    let name = text(at(parameter, &["name"]));
    let row =
        |name: String, of| Parameter { name, place: text(at(parameter, &["in"])), description: prose(of) };
    match at(parameter, &["schema", "properties"]).as_object() {
        None => vec![row(name.to_owned(), parameter)],
        Some(members) => members.iter().map(|(member, of)| row(format!("{name}[{member}]"), of)).collect(),
    }
}

/// Members of `data.attributes` and `meta`, which is how deep requests go.
fn members<'a>(document: &'a Value, schema: &'a Value, within: &str, found: &mut Vec<Parameter<'a>>) {
    let schema = referred(document, schema);
    for (name, member) in at(schema, &["properties"]).as_object().into_iter().flatten() {
        let member = referred(document, member);
        let path = if within.is_empty() { name.clone() } else { format!("{within}.{name}") };
        if matches!(path.as_str(), "data" | "data.attributes" | "meta") {
            members(document, member, &path, found);
        } else {
            found.push(Parameter { name: path, place: kind(member), description: prose(member) });
        }
    }
}

/// What a member is, in a word.
fn kind(schema: &Value) -> &str {
    match at(schema, &["type"]) {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}
