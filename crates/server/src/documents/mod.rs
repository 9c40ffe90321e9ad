//! The contract of the API: as JSON for programs, as a page for people.

mod example;
mod page;

use std::{collections::BTreeMap, error::Error, sync::Arc};

use axum::{
    Router,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};
use inquiry_otl_axum::api::CONTRACT;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{app::App, dashboard};

/// `/openapi.json`, `/docs`.
pub(crate) fn router(app: &App) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let document = document(&app.url)?;
    let html: Arc<str> = page::html(&document, &app.url)?.into();
    let json: Arc<str> = serde_json::to_string(&document)?.into();
    Ok(Router::new()
        .route("/openapi.json", get(async move || answer("application/json", &json)))
        .route("/docs", get(async move || Html(html.to_string())))
        .layer(dashboard::headers()))
}

fn answer(kind: &'static str, text: &str) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, kind)], text.to_owned())
}

/// The contract, with this server in place of the one that it was written for.
fn document(url: &str) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let mut document: Value = serde_saphyr::from_str(CONTRACT)?;
    plain(&mut document);
    own(&mut document)?;
    if let Some(members) = document.as_object_mut() {
        members.insert("servers".to_owned(), json!([{ "url": format!("{url}/api/v1") }]));
    }
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.remove("contact");
        info.insert("title".to_owned(), "Inquiries and one-time links".into());
    }
    Ok(document)
}

/// Takes out what leads elsewhere: pages about it, and links in descriptions.
fn plain(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("externalDocs");
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => *text = without_links(text),
                    member => plain(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

/// What is said of this server, in place of what the contract says of another.
const OWN: &str = include_str!("own.yaml");

/// Members of one place in the contract.
#[derive(Deserialize)]
struct Place {
    within: String,
    says: BTreeMap<String, String>,
}

/// Has the contract say what this server does.
fn own(document: &mut Value) -> Result<(), Box<dyn Error + Send + Sync>> {
    let places: Vec<Place> = serde_saphyr::from_str(OWN)?;
    for Place { within, says } in places {
        for (name, text) in says {
            let member = document.pointer_mut(&within).and_then(|place| place.get_mut(&name));
            let member = member.and_then(Value::as_object_mut);
            let member = member.ok_or_else(|| format!("the contract has no {name} within {within}"))?;
            member.insert("description".to_owned(), text.into());
        }
    }
    for responses in operations(document).filter_map(|operation| operation.get_mut("responses")) {
        if let Some(responses) = responses.as_object_mut() {
            let text = "Service unavailable: nothing was changed if there is a Retry-After; look before you ask again \
                        if there is none";
            responses.insert("503".to_owned(), json!({ "description": text }));
        }
    }
    Ok(())
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter();
    let methods = paths.flat_map(Map::values_mut).filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    methods.filter_map(Value::as_object_mut).filter(|operation| operation.contains_key("operationId"))
}

/// `[text](address)` and `<<glossary:text>>` as their text.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        if let (Some((before, label)), Some((_, after))) = (before.rsplit_once('['), after.split_once(')')) {
            plain.extend([before, label]);
            rest = after;
        } else {
            plain.extend([before, "]("]);
            rest = after;
        }
    }
    plain.push_str(rest);
    plain.replace("<<glossary:", "").replace(">>", "")
}

#[cfg(test)]
mod tests {
    use super::{document, page, without_links};

    #[test]
    fn links_in_a_text_are_their_text() {
        assert_eq!(
            without_links("See [Pages](https://a.example/b) of an <<glossary:Inquiry>>."),
            "See Pages of an Inquiry."
        );
        assert_eq!(without_links("a[0](x"), "a[0](x");
    }

    /// What this server does not do is not said of it; that it may be unavailable is.
    #[test]
    fn the_document_says_what_this_server_does() {
        let document = document("https://verify.example.com").unwrap();
        let text = document.to_string();
        for untrue in
            ["Creates a new inquiry session", "tries to reuse", "Permanently deletes", "redirect to this URL"]
        {
            assert!(!text.contains(untrue), "{untrue}");
        }
        let link = &document["paths"]["/inquiries/{inquiry-id}/generate-one-time-link"]["post"];
        assert!(link["description"].as_str().unwrap().contains("starts no session"));
        assert!(link["responses"]["503"]["description"].is_string());
    }

    /// The page teaches lists and answers.
    #[test]
    fn the_page_has_every_parameter_and_some_answers() {
        let url = "https://verify.example.com";
        let page = page::html(&document(url).unwrap(), url).unwrap();
        for shown in [
            "<code>page[after]</code>",
            "<code>page[size]</code>",
            "<code>filter[status]</code>",
            "<code>data.attributes.theme-id</code></th><td>string</td><td>Not kept</td>",
            "one-time-link&#34;: &#34;https://verify.example.com/verify?code=…",
            "<dt>503</dt>",
            "Where it differs",
            "Its <code>reference-id</code> stays",
        ] {
            assert!(page.contains(shown), "{shown} in {page}");
        }
    }

    #[test]
    fn the_document_leads_to_this_server_alone() {
        let text = document("https://verify.example.com").unwrap().to_string();
        assert!(text.contains(r#""servers":[{"url":"https://verify.example.com/api/v1"}]"#));
        assert!(!text.contains("docs.withpersona.com") && !text.contains("api.withpersona.com"), "{text}");
    }
}
