//! Support staff, in a browser that keeps cookies, sends forms and runs no scripts.

use reqwest::{Client, Response, StatusCode, multipart, redirect::Policy};

use crate::support::Running;

/// Somebody who is signed in.
pub(crate) struct Staff {
    pub(crate) client: Client,
    url: String,
    /// What each form has.
    pub(crate) form_token: String,
}

impl Running {
    /// Signs in with the token of the first start.
    pub(crate) async fn staff(&self) -> Staff {
        self.sign_in(self.token.as_deref().unwrap()).await
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, token: &str) -> Staff {
        let client = Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap();
        let staff = Staff { client, url: self.url.clone(), form_token: String::new() };
        let page = staff.page("/dashboard/sign-in").await;
        let form = [("form-token", field(&page, "form-token")), ("next", ""), ("token", token)];
        let answer = staff.client.post(format!("{}/dashboard/sign-in", self.url)).form(&form);
        assert_eq!(answer.send().await.unwrap().status(), StatusCode::SEE_OTHER);
        let page = staff.page("/dashboard/mails").await;
        Staff { form_token: field(&page, "form-token").to_owned(), ..staff }
    }
}

impl Running {
    /// Where somebody is led who signs in on the way to there.
    pub(crate) async fn signs_in_to(&self, next: &str) -> String {
        let client = Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap();
        let path = format!("{}/dashboard/sign-in", self.url);
        let page = client.get(&path).send().await.unwrap().text().await.unwrap();
        let form = [
            ("form-token", field(&page, "form-token")),
            ("next", next),
            ("token", self.token.as_deref().unwrap()),
        ];
        let answer = client.post(&path).form(&form).send().await.unwrap();
        answer.headers()["location"].to_str().unwrap().to_owned()
    }
}

impl Staff {
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// A page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// Sends a form, if the server is there.
    pub(crate) async fn try_post(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Result<Response> {
        let mut form = vec![("form-token", self.form_token.as_str())];
        form.extend(fields);
        self.client.post(format!("{}{path}", self.url)).form(&form).send().await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.try_post(path, fields).await.unwrap()
    }

    /// Creates a link that goes to somebody by mail, and gives the link that the page shows.
    pub(crate) async fn mail_link(&self, inquiry: &str, to: &str) -> reqwest::Result<String> {
        let fields = [("session", ""), ("amount", ""), ("outstanding", "supersede"), ("mail", to)];
        let answer = self.try_post(&format!("/dashboard/inquiries/{inquiry}/links"), &fields).await?;
        Ok(shown(&answer.error_for_status()?.text().await?, "link"))
    }

    /// Adds an endpoint for all events, and gives the path of its page, and its secret.
    pub(crate) async fn add_endpoint(&self, url: &str) -> (String, String) {
        let answer = self.post("/dashboard/webhooks", &[("url", url)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let path = answer.headers()["location"].to_str().unwrap().split('?').next().unwrap().to_owned();
        let secret = shown(&self.page(&path).await, "secret");
        (path, secret)
    }

    /// Sends a file by the page for many links, with its fields as they are unless others are given.
    pub(crate) async fn bulk(&self, file: Vec<u8>, changed: &[(&str, &str)]) -> Response {
        let page = self.page("/dashboard/bulk").await;
        let mut form = multipart::Form::new();
        for (name, value) in [
            ("form-token", field(&page, "form-token")),
            ("job", field(&page, "job")),
            ("amount", ""),
            ("unit", "hours"),
            ("outstanding", "same"),
        ] {
            let value = changed.iter().find(|(other, _)| *other == name).map_or(value, |(_, value)| value);
            form = form.text(name, value.to_owned());
        }
        let form = form.part("file", multipart::Part::bytes(file).file_name("inquiries.csv"));
        self.client.post(format!("{}/dashboard/bulk", self.url)).multipart(form).send().await.unwrap()
    }
}

/// The value of a hidden field.
pub(crate) fn field<'p>(page: &'p str, name: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect("the page has that field");
    rest.split_once('"').unwrap().0
}

/// What a page shows to be copied.
pub(crate) fn shown(page: &str, id: &str) -> String {
    let (_, rest) = page.split_once(&format!("<input id=\"{id}\" readonly value=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Where an answer leads.
pub(crate) fn location(answer: &Response) -> &str {
    answer.headers()["location"].to_str().unwrap()
}

/// The path of the page of a new inquiry.
pub(crate) async fn create(staff: &Staff) -> String {
    let answer = staff.post("/dashboard/inquiries", &[("template", "itmpl_identity")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    location(&answer).to_owned()
}
