//! The contract of the API: as JSON for programs, as a page for people.

mod page;

use std::{error::Error, sync::Arc};

use axum::{
    Router,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};
use inquiry_otl_axum::api::CONTRACT;
use serde_json::{Value, json};

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
    own(&mut document);
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
fn own(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("externalDocs");
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => *text = plain(text),
                    member => own(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(own),
        _ => {}
    }
}

/// `[text](address)` and `<<glossary:text>>` as their text.
fn plain(text: &str) -> String {
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
    use super::{document, plain};

    #[test]
    fn links_in_a_text_are_their_text() {
        assert_eq!(
            plain("See [Pages](https://a.example/b) of an <<glossary:Inquiry>>."),
            "See Pages of an Inquiry."
        );
        assert_eq!(plain("a[0](x"), "a[0](x");
    }

    #[test]
    fn the_document_leads_to_this_server_alone() {
        let text = document("https://verify.example.com").unwrap().to_string();
        assert!(text.contains(r#""servers":[{"url":"https://verify.example.com/api/v1"}]"#));
        assert!(!text.contains("docs.withpersona.com") && !text.contains("api.withpersona.com"), "{text}");
    }
}
