//! Somebody of support staff, signed in to the dashboard without a browser.

use reqwest::{Response, StatusCode, redirect};

use crate::support::Running;

pub(crate) struct Desk {
    client: reqwest::Client,
    url: String,
    form_token: String,
}

impl Desk {
    /// Signs in with the token of the first start.
    pub(crate) async fn sign_in(server: &Running) -> Self {
        let redirects = redirect::Policy::none();
        let client = reqwest::Client::builder().cookie_store(true).redirect(redirects).build().unwrap();
        let mut desk = Self { client, url: server.url.clone(), form_token: String::new() };
        desk.form_token = field(&desk.get("/dashboard/sign-in").await, "form-token");
        let token = server.token.as_deref().unwrap();
        let answer = desk.post("/dashboard/sign-in", &[("token", token)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        desk.form_token = field(&desk.get("/dashboard/mails").await, "form-token");
        desk
    }

    /// A page.
    pub(crate) async fn get(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        answer.text().await.unwrap()
    }

    /// Sends a form.
    pub(crate) async fn try_post(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Result<Response> {
        let mut form = vec![("form-token", self.form_token.as_str())];
        form.extend(fields);
        self.client.post(format!("{}{path}", self.url)).form(&form).send().await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.try_post(path, fields).await.unwrap()
    }

    /// Creates a link that goes to somebody by mail, and gives what the page shows.
    pub(crate) async fn mail_link(&self, inquiry: &str, to: &str) -> reqwest::Result<String> {
        let fields =
            [("session", ""), ("amount", ""), ("unit", "hours"), ("outstanding", "supersede"), ("mail", to)];
        let answer = self.try_post(&format!("/dashboard/inquiries/{inquiry}/links"), &fields).await?;
        let answer = answer.error_for_status()?;
        assert_eq!(answer.status(), StatusCode::OK);
        Ok(shown(&answer.text().await?, "link"))
    }

    /// Adds an endpoint for all events, and gives the path of its page, and its secret.
    pub(crate) async fn add_endpoint(&self, url: &str) -> (String, String) {
        let answer = self.post("/dashboard/webhooks", &[("url", url)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let path = answer.headers()["location"].to_str().unwrap().split('?').next().unwrap().to_owned();
        let secret = shown(&self.get(&path).await, "secret");
        (path, secret)
    }
}

/// What a field of a form holds.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// What is shown to be copied.
fn shown(page: &str, id: &str) -> String {
    let (_, rest) = page.split_once(&format!("<input id=\"{id}\" readonly value=\"")).unwrap();
    rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}
