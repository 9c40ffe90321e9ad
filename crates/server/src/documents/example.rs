//! Examples of the page: a command for each operation, and what some of them answer.

/// A command that can be pasted, once the token and an id are filled in.
pub(super) fn request(url: &str, method: &str, path: &str) -> String {
    let path = path.replace("{inquiry-id}", "$INQUIRY").replace("{inquiry-session-id}", "$SESSION");
    let body = match (method, path.as_str()) {
        ("POST", "/inquiries") => {
            r#"{"data":{"attributes":{"inquiry-template-id":"itmpl_identity","reference-id":"user 7"}}}"#
        }
        ("POST", "/inquiry-sessions") => r#"{"data":{"attributes":{"inquiry-id":"'$INQUIRY'"}}}"#,
        ("POST", "/inquiry-sessions/expire-all") => r#"{"meta":{"inquiry-ids":["'$INQUIRY'"]}}"#,
        ("POST", path) if path.ends_with("/generate-one-time-link") => {
            r#"{"meta":{"expires-in-seconds":86400}}"#
        }
        _ => "",
    };
    let method = if method == "GET" { String::new() } else { format!(" -X {method}") };
    let body = match body {
        "" => String::new(),
        body => format!(" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{body}'"),
    };
    format!("curl{method} \"{url}/api/v1{path}\" -H \"Authorization: Bearer $TOKEN\"{body}")
}

/// What an operation answers, in short; nothing, where its schema says enough.
pub(super) fn answer(url: &str, id: &str) -> String {
    let link = format!(
        r#"{{
    "one-time-link": "{url}/verify?code=…",
    "one-time-link-short": "{url}/c/…"
  }}"#
    );
    let (attributes, meta) = match id {
        "create-an-inquiry" => (r#""status": "created", "reference-id": "user 7", "created-at": "…""#, None),
        "resume-an-inquiry" => (r#""status": "pending""#, Some(r#"{ "session-token": "…" }"#)),
        "generate-a-one-time-link" => (r#""status": "pending""#, Some(link.as_str())),
        _ => return String::new(),
    };
    let meta = meta.map(|meta| format!(",\n  \"meta\": {meta}")).unwrap_or_default();
    format!(
        r#"{{
  "data": {{
    "type": "inquiry",
    "id": "inq_…",
    "attributes": {{ {attributes} }}
  }}{meta}
}}"#
    )
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use inquiry_otl::Action;
    use inquiry_otl_axum::api::{Api, Tokens};
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::answer;
    use crate::stage::Stage;

    /// Whether the second says all that the first does; what the first leaves open, may be anything of its type.
    fn says(real: &Value, example: &Value) -> bool {
        match (real, example) {
            (Value::Object(real), Value::Object(example)) => {
                example.iter().all(|(name, value)| real.get(name).is_some_and(|real| says(real, value)))
            }
            (Value::String(real), Value::String(example)) => {
                example.split_once('…').map_or(real == example, |(start, _)| real.starts_with(start))
            }
            _ => false,
        }
    }

    /// What the page shows of an answer is in the answer.
    #[tokio::test]
    async fn answers_are_as_the_page_shows_them() {
        let stage = Stage::new().await;
        let links = &stage.app.links;
        let api = Api::new(links.clone(), Tokens::new(["YH3Oj2m5VJ8qC4mB7yq1cw"]).unwrap()).into_router();
        let inquiry = stage.inquiry().await.id;
        links.change(inquiry, Action::Start).await.unwrap();
        let new =
            r#"{"data":{"attributes":{"inquiry-template-id":"itmpl_identity","reference-id":"user 7"}}}"#;
        for (id, path, body) in [
            ("create-an-inquiry", "/inquiries".to_owned(), new),
            ("resume-an-inquiry", format!("/inquiries/{inquiry}/resume"), ""),
            ("generate-a-one-time-link", format!("/inquiries/{inquiry}/generate-one-time-link"), ""),
        ] {
            let request = Request::post(format!("/api/v1{path}"))
                .header("authorization", "Bearer YH3Oj2m5VJ8qC4mB7yq1cw")
                .body(Body::from(body))
                .unwrap();
            let real = api.clone().oneshot(request).await.unwrap().into_body();
            let real = axum::body::to_bytes(real, usize::MAX).await.unwrap();
            let real: Value = serde_json::from_slice(&real).unwrap();
            let example: Value = serde_json::from_str(&answer(&stage.app.url, id)).unwrap();
            assert!(says(&real, &example), "{example} is not {real}");
        }
    }
}
