//! The settings of a template: what each of them does, and how a form says them.

use std::collections::BTreeMap;

use inquiry_otl::{Clients, ExpirationPolicy, Grace, Interval, Purpose};
use serde::Deserialize;

use super::{
    fields::{Errors, count, duration},
    words::in_unit,
};
use crate::records::templates::Template;

/// The form: each interval is an amount and, under its name with `-unit`, a unit.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Form(BTreeMap<String, String>);

/// A setting as a page shows it.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// What it does.
    pub(super) effect: &'static str,
    pub(super) amount: String,
    pub(super) unit: String,
    pub(super) error: Option<String>,
}

/// The intervals: name, label, effect.
const WINDOWS: [(&str, &str, &str); 5] = [
    (
        "after-create",
        "After create",
        "A new inquiry is open for so long. Then it expires, and its links and sessions die with it.",
    ),
    (
        "after-start",
        "After start",
        "Once the person has begun, it is open for so long from then on, instead. Left empty: as long as after create.",
    ),
    (
        "after-resume",
        "From Inquiry resume",
        "An inquiry that is resumed is open for so long from then on. One that is still open never loses time by it.",
    ),
    (
        "resume-link",
        "One-time links",
        "A link is good for so long, unless whoever creates it says otherwise, and never longer than its inquiry is \
         open. Left empty: as long as From Inquiry resume.",
    ),
    (
        "handoff-link",
        "Links to another device",
        "The same for a link by which a person goes on, on another device.",
    ),
];

const GRACE: [(&str, &str, &str); 2] = [
    (
        "grace",
        "Grace after the first use",
        "For so long after its first use the same link opens the same session again, as for somebody who pressed it \
         twice. Left empty: a link works once.",
    ),
    ("grace-replays", "How often", "Within the grace, so many times at most."),
];

impl Field {
    pub(super) fn windows(form: &Form, errors: &Errors) -> Vec<Self> {
        WINDOWS.iter().map(|window| Self::new(*window, form, errors)).collect()
    }

    pub(super) fn limit(form: &Form, errors: &Errors) -> Self {
        let limit = (
            "session-limit",
            "Session limit",
            "So many sessions may begin, since the inquiry was created, or came back from expired. One more expires it: \
             its links may be going round.",
        );
        Self::new(limit, form, errors)
    }

    pub(super) fn grace(form: &Form, errors: &Errors) -> Vec<Self> {
        GRACE.iter().map(|field| Self::new(*field, form, errors)).collect()
    }

    fn new(
        (name, label, effect): (&'static str, &'static str, &'static str),
        form: &Form,
        errors: &Errors,
    ) -> Self {
        Self {
            name,
            label,
            effect,
            amount: form.text(name).to_owned(),
            unit: form.unit(name).to_owned(),
            error: errors.get(name).cloned(),
        }
    }

    /// Whether it is a number, and has no unit.
    pub(super) fn is_count(&self) -> bool {
        matches!(self.name, "session-limit" | "grace-replays")
    }
}

impl Default for Form {
    /// What a template is at first.
    fn default() -> Self {
        Self::from_policy("", &ExpirationPolicy::default())
    }
}

impl Form {
    pub(super) fn of(template: &Template) -> Self {
        Self::from_policy(&template.name, &template.policy)
    }

    fn from_policy(name: &str, policy: &ExpirationPolicy) -> Self {
        let mut form = Self(BTreeMap::from([
            ("name".to_owned(), name.to_owned()),
            ("session-limit".to_owned(), policy.session_limit().to_string()),
            ("grace-replays".to_owned(), Grace::persona().max_replays().to_string()),
        ]));
        form.set("after-create", policy.after_create());
        if policy.after_start() != policy.after_create() {
            form.set("after-start", policy.after_start());
        }
        form.set("after-resume", policy.after_resume());
        if policy.link_window(Purpose::Resume) != policy.after_resume() {
            form.set("resume-link", policy.link_window(Purpose::Resume));
        }
        form.set("handoff-link", policy.link_window(Purpose::DeviceHandoff));
        if let Some(grace) = policy.grace() {
            form.set("grace", grace.window());
            form.0.insert("grace-replays".to_owned(), grace.max_replays().to_string());
            form.0.insert("grace-clients".to_owned(), grace.clients().as_str().to_owned());
        }
        form
    }

    fn set(&mut self, name: &str, interval: Interval) {
        let (amount, unit) = in_unit(interval);
        self.0.insert(name.to_owned(), amount.to_string());
        self.0.insert(format!("{name}-unit"), unit.to_owned());
    }

    /// A field; empty, if it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    fn unit(&self, name: &str) -> &str {
        let first = if name == "grace" { "minutes" } else { "hours" };
        self.0.get(&format!("{name}-unit")).map_or(first, String::as_str)
    }

    fn interval(&self, name: &'static str, errors: &mut Errors) -> Option<Interval> {
        duration(self.text(name), self.unit(name)).map_err(|error| errors.insert(name, error)).ok()
    }

    fn optional(&self, name: &'static str, errors: &mut Errors) -> Option<Interval> {
        if self.text(name).is_empty() { None } else { self.interval(name, errors) }
    }
}

/// The name and the policy that a form says, or all that is wrong with it.
pub(super) fn read(form: &Form) -> Result<(String, ExpirationPolicy), Errors> {
    let mut errors = Errors::new();
    let name = form.text("name");
    if name.is_empty() || 100 < name.chars().count() {
        errors.insert("name", "Give a name of 1 to 100 letters.".to_owned());
    }
    let mut policy = ExpirationPolicy::default();
    if let Some(window) = form.interval("after-create", &mut errors) {
        policy = policy.with_after_create(window);
    }
    if let Some(window) = form.optional("after-start", &mut errors) {
        policy = policy.with_after_start(window);
    }
    if let Some(window) = form.interval("after-resume", &mut errors) {
        policy = policy.with_after_resume(window);
    }
    if let Some(window) = form.optional("resume-link", &mut errors) {
        policy = policy.with_resume_link(window);
    }
    if let Some(window) = form.interval("handoff-link", &mut errors) {
        policy = policy.with_device_handoff_link(window);
    }
    match count(form.text("session-limit")) {
        Ok(limit) => policy = policy.with_session_limit(limit),
        Err(error) => drop(errors.insert("session-limit", error)),
    }
    if let Some(window) = form.optional("grace", &mut errors) {
        match count(form.text("grace-replays")) {
            Ok(replays) => {
                let clients = form.text("grace-clients").parse().unwrap_or(Clients::Any);
                policy = policy.with_grace(Grace::new(window, replays).with_clients(clients));
            }
            Err(error) => drop(errors.insert("grace-replays", error)),
        }
    }
    if errors.is_empty() { Ok((name.to_owned(), policy)) } else { Err(errors) }
}
