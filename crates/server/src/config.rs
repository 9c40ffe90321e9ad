//! How the server is configured: by flags, by the environment, by a file, in this order of precedence.

use std::{error::Error, net::SocketAddr, num::NonZeroU16, path::PathBuf};

use clap::Args;
use config::{Config, ConfigError, File, FileFormat};
use inquiry_otl::Interval;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

/// Flags and environment: what is not given is taken from the file, or is the default.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Options {
    /// A configuration file in TOML; its names are those of the flags.
    #[arg(long, global = true, env = "OTL_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// The folder of the server's own files; the working folder, unless told otherwise.
    #[arg(long, global = true, env = "OTL_DATA", value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<PathBuf>,
    /// Where links are kept: `sqlite:FILE`, `postgres://…`, `redis://…` or `memory:`; a file in the data folder, unless told
    /// otherwise.
    #[arg(long, global = true, env = "OTL_STORE", value_name = "URL", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    /// The file with the keys of links: not where the database is, if that is on another machine.
    #[arg(long, global = true, env = "OTL_KEY_FILE", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<PathBuf>,
    /// Address and port to listen on: 127.0.0.1:8080, unless told otherwise.
    #[arg(long, global = true, env = "OTL_LISTEN", value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    /// How people reach this server: `https://verify.example.com`; `http://localhost:<port>`, unless told otherwise. Without
    /// https only this machine can.
    #[arg(long, global = true, env = "OTL_URL", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Where a person goes on once a link has let them in: a path below `--url`, which the proxy in front gives to an application;
    /// a page of this server, unless told otherwise.
    #[arg(long, global = true, env = "OTL_CONTINUE_TO", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    continue_to: Option<String>,
    /// The mail server: `smtps://user:password@host`, or `smtp://user:password@host:587?tls=required`. Without one mails are
    /// not sent, but shown in the dashboard.
    #[arg(long, global = true, env = "OTL_SMTP", value_name = "URL", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    smtp: Option<String>,
    /// Whom mails are from: `Support <support@example.com>`.
    #[arg(long, global = true, env = "OTL_MAIL_FROM", value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_from: Option<String>,
    /// How many requests are served at a time; more are told 503 with `Retry-After`.
    #[arg(long, global = true, env = "OTL_REQUESTS", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<NonZeroU16>,
    /// How many days the timeline of an inquiry goes back: 365, unless told otherwise.
    #[arg(long, global = true, env = "OTL_KEEP_EVENTS", value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_events: Option<NonZeroU16>,
    /// How the log on standard error looks: `text` or `json`.
    #[arg(long, global = true, env = "OTL_LOG", value_name = "FORM")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogForm>,
}

/// How the log looks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LogForm {
    /// A line for people.
    #[default]
    Text,
    /// A line of JSON.
    Json,
}

/// All that is configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The folder of the server's own files.
    #[serde(default = "here")]
    pub data: PathBuf,
    /// Where links are kept, as a URL.
    store: Option<SecretUrl>,
    key_file: Option<PathBuf>,
    /// Where to listen.
    #[serde(default = "loopback")]
    pub listen: SocketAddr,
    url: Option<String>,
    continue_to: Option<String>,
    /// The mail server.
    pub smtp: Option<SecretUrl>,
    /// Whom mails are from.
    pub mail_from: Option<String>,
    /// How many requests are served at a time.
    #[serde(default = "many")]
    pub requests: NonZeroU16,
    #[serde(default = "year")]
    keep_events: NonZeroU16,
    /// How the log looks.
    #[serde(default)]
    pub log: LogForm,
}

fn here() -> PathBuf {
    PathBuf::from(".")
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

const fn many() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(255)
}

const fn year() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(364)
}

impl Settings {
    /// Reads flags, environment and file.
    ///
    /// # Errors
    /// [`ReadError`], which names the setting, or the line of the file.
    pub fn read(options: &Options) -> Result<Self, ReadError> {
        let mut builder = Config::builder();
        if let Some(path) = &options.config {
            builder = builder.add_source(File::from(path.as_path()).format(FileFormat::Toml));
        }
        Ok(builder.add_source(Config::try_from(options)?).build()?.try_deserialize()?)
    }

    /// Where links are kept.
    #[must_use]
    pub fn store(&self) -> SecretUrl {
        let file = || SecretUrl(format!("sqlite:{}", self.data.join("inquiry-otl.db").display()));
        self.store.clone().unwrap_or_else(file)
    }

    /// How long timelines go back.
    ///
    /// # Errors
    /// [`SettingError`], if that is longer than an interval may be.
    pub fn keep_events(&self) -> Result<Interval, SettingError> {
        Interval::from_days(self.keep_events.get().into()).map_err(SettingError::new("keep-events"))
    }

    /// The file with the keys.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data.join("inquiry-otl.key"))
    }

    /// The file of the server's own records.
    #[must_use]
    pub fn records_file(&self) -> PathBuf {
        self.data.join("inquiry-otl-server.db")
    }

    /// The file by which a second server on this folder is kept away.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.data.join("inquiry-otl-server.lock")
    }

    /// How people reach this server, for a server that listens on that port; without a slash at its end.
    ///
    /// # Errors
    /// [`SettingError`] if it has a path: the server's pages are at fixed ones.
    pub fn url(&self, port: u16) -> Result<String, SettingError> {
        let url = self.url.clone().unwrap_or_else(|| format!("http://localhost:{port}"));
        match Url::parse(&url).map(|url| (url.origin().ascii_serialization(), url)) {
            Ok((origin, url)) if url.as_str().strip_suffix('/') == Some(&origin) => Ok(origin),
            _ => Err(SettingError::new("url")("it is a scheme and a host, as in https://verify.example.com")),
        }
    }

    /// Where a person goes on, for a server that people reach by that URL.
    ///
    /// # Errors
    /// [`SettingError`] if it is elsewhere: the cookie that lets them in there reaches no other host.
    pub fn continue_to(&self, url: &str) -> Result<Option<&str>, SettingError> {
        let is_ours = |target: &str| {
            target.starts_with('/')
                || Url::parse(target).is_ok_and(|target| target.origin().ascii_serialization() == url)
        };
        match self.continue_to.as_deref() {
            Some(target) if !is_ours(target) => {
                let source = "it is a path below `url`: the cookie of the session reaches no other host. An application elsewhere \
                              takes the package inquiry-otl-axum";
                Err(SettingError::new("continue-to")(source))
            }
            target => Ok(target),
        }
    }
}

/// What is wrong with the configuration, and where: never what stands there, which may be a password in the wrong place.
#[derive(Debug, Error)]
#[error("{what}{}", file.as_deref().map_or_else(String::new, |file| format!(", in {file}")))]
#[non_exhaustive]
pub struct ReadError {
    what: String,
    file: Option<String>,
}

impl From<ConfigError> for ReadError {
    fn from(error: ConfigError) -> Self {
        let (what, file) = match error {
            // The first line says which line of the file it is; the others show it.
            ConfigError::FileParse { uri, cause } => {
                (cause.to_string().lines().next().unwrap_or_default().to_owned(), uri)
            }
            ConfigError::Type { origin, expected, key, .. } => {
                (format!("the setting `{}` is not {expected}", key.unwrap_or_default()), origin)
            }
            ConfigError::At { origin, key: Some(key), .. } => {
                (format!("the setting `{key}` is no good"), origin)
            }
            // It has the name of a setting in it, and no value.
            error => (error.to_string(), None),
        };
        Self { what, file }
    }
}

/// A setting that is no good.
#[derive(Debug, Error)]
#[error("the setting `{name}` is no good")]
#[non_exhaustive]
pub struct SettingError {
    /// The name of the setting.
    pub name: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl SettingError {
    /// What makes an error of the setting of whatever it led to.
    pub(crate) fn new<E: Into<Box<dyn Error + Send + Sync>>>(name: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self { name, source: source.into() }
    }
}

/// Where something else is: it may hold a password, and is not shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The URL, with its password.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.0.split_once(':').map_or("", |(scheme, _)| scheme);
        write!(f, "SecretUrl({scheme}:…)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Settings;

    /// A person goes on where the cookie of the session goes, too: on this very host.
    #[test]
    fn one_goes_on_at_this_host() {
        let settings =
            |target: &str| -> Settings { serde_json::from_value(json!({"continue-to": target})).unwrap() };
        for here in
            ["/welcome", "https://verify.example.com/welcome", "HTTPS://VERIFY.EXAMPLE.COM:443/welcome"]
        {
            let settings = settings(here);
            assert_eq!(settings.continue_to("https://verify.example.com").unwrap(), Some(here));
        }
        for elsewhere in [
            "https://app.example.com/",
            "https://verify.example.com:8443/",
            "http://verify.example.com/",
            "https://verify.example.com@app.example.com/",
            "javascript:alert(1)",
            "welcome",
        ] {
            let refused = settings(elsewhere).continue_to("https://verify.example.com").map(drop);
            assert_eq!(refused.unwrap_err().name, "continue-to", "{elsewhere}");
        }
    }
}
