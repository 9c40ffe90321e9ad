//! Chromium, driven by the `WebDriver` protocol.

use std::{net::TcpStream, process::Command, sync::OnceLock};

use crate::server::{Server, on_a_free_port};

/// A driver of one's own, which starts a browser with a new profile for each session.
#[derive(Debug)]
pub struct Chromedriver {
    port: u16,
    _server: Server,
}

impl Chromedriver {
    /// A driver without a browser yet.
    pub fn start() -> Self {
        on_a_free_port(|port| {
            let mut server = Server::new("chromium", "TERM");
            let mut command = Command::new("chromedriver");
            // Profiles, caches and crash reports go where they are removed.
            command.arg(format!("--port={port}")).env("TMPDIR", server.work()).env("HOME", server.work());
            let ready = |_| TcpStream::connect(("127.0.0.1", port)).is_ok();
            server
                .start(&mut command, ready)
                .map_err(|said| said.replace("not available", "already in use"))?;
            Ok(Self { port, _server: server })
        })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a new session asks for. `phone` is a small screen, in `dark` or light colours; pages run scripts or not.
    pub fn capabilities(look: Look, scripts: Scripts) -> String {
        let metrics = match look {
            Look::Desktop => "",
            Look::Phone | Look::DarkPhone => {
                r#""mobileEmulation":{"deviceMetrics":{"width":390,"height":844,"pixelRatio":2,"touch":true}},"#
            }
        };
        let dark = if look == Look::DarkPhone {
            r#","--force-dark-mode","--blink-settings=preferredColorScheme=0""#
        } else {
            ""
        };
        let allowed = if scripts == Scripts::Run { 1 } else { 2 };
        format!(
            r#"{{"browserName":"chrome","goog:chromeOptions":{{{metrics}
            "prefs":{{"profile.managed_default_content_settings.javascript":{allowed}}},
            "args":["--headless","--no-sandbox","--disable-gpu","--disable-dev-shm-usage","--disable-quic","--no-first-run",
            "--disable-background-networking","--disable-component-update","--disable-sync"{dark}]}}}}"#
        )
    }
}

/// What a page is looked at on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A window.
    Desktop,
    /// A small screen.
    Phone,
    /// A small screen of somebody who likes it dark.
    DarkPhone,
}

/// Whether pages run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    /// They do.
    Run,
    /// They do not.
    Off,
}

/// The driver of this test process.
pub fn shared_chromedriver() -> &'static Chromedriver {
    static DRIVER: OnceLock<Chromedriver> = OnceLock::new();
    DRIVER.get_or_init(Chromedriver::start)
}
