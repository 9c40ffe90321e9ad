//! A person's browser, Chromium, as tests use it.

use std::{fs, path::Path, process::Command, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::sleep,
};

use crate::chromium::{Chromedriver, Look, Scripts, shared_chromedriver};

/// The checker of accessibility, a package of npm's.
const AXE: &str = "axe-core@4.14.1";

/// One browser test at a time: a browser wants the machine.
pub async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A browser with a profile of its own.
#[derive(Debug)]
pub struct Browser(pub Client);

impl Browser {
    /// A new one.
    pub async fn open(look: Look, scripts: Scripts) -> Self {
        let capabilities = serde_json::from_str(&Chromedriver::capabilities(look, scripts)).unwrap();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        Self(builder.connect(&shared_chromedriver().url()).await.unwrap())
    }

    /// Opens an address.
    pub async fn goto(&self, url: &str) {
        self.0.goto(url).await.unwrap();
    }

    /// What the address bar shows.
    pub async fn address(&self) -> String {
        self.0.current_url().await.unwrap().to_string()
    }

    /// The text of the first element like that.
    pub async fn text(&self, selector: &str) -> String {
        self.0.find(Locator::Css(selector)).await.unwrap().text().await.unwrap()
    }

    /// Presses the first button.
    pub async fn press(&self) {
        self.click("button").await;
    }

    /// Clicks the first element like that.
    pub async fn click(&self, selector: &str) {
        self.0.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// Types into the first field like that.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.0.find(Locator::Css(selector)).await.unwrap().send_keys(text).await.unwrap();
    }

    /// Waits until the page says that, since a press returns before the next page is there.
    pub async fn until(&self, selector: &str, text: &str) {
        let mut seen = String::new();
        for _ in 0..600 {
            if let Ok(found) = self.0.find(Locator::Css(selector)).await {
                seen = found.text().await.unwrap_or_default();
                if seen.contains(text) {
                    return;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the page at {} says {seen:?} and not {text:?}", self.address().await);
    }

    /// Runs a script in the page, also where those of the page are off.
    pub async fn run(&self, script: &str) -> Value {
        self.0.execute(script, Vec::new()).await.unwrap()
    }

    /// Leaves a picture of what is seen.
    pub async fn picture(&self, directory: &Path, name: &str) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join(format!("{name}.png")), self.0.screenshot().await.unwrap()).unwrap();
    }

    /// Leaves a picture of each screenful of the page: the first under that name, the others with their number behind it.
    pub async fn pictures(&self, directory: &Path, name: &str) {
        let screens = "return Math.ceil(document.documentElement.scrollHeight / innerHeight)";
        let screens = self.run(screens).await.as_u64().unwrap();
        for screen in 1..=screens {
            self.run(&format!("scrollTo(0, {} * innerHeight)", screen - 1)).await;
            let name = if screen == 1 { name.to_owned() } else { format!("{name}-{screen}") };
            self.picture(directory, &name).await;
        }
    }

    /// What axe finds wrong with the page that is shown.
    pub async fn violations(&self, axe: &str) -> Vec<String> {
        self.run(axe).await;
        let look = "const done = arguments[0]; \
                    axe.run().then((found) => done(found.violations.map((v) => v.id + ': ' + v.help + ' ' + \
                    v.nodes.map((node) => node.target).join(' '))));";
        serde_json::from_value(self.0.execute_async(look, Vec::new()).await.unwrap()).unwrap()
    }

    /// Ends it.
    pub async fn close(self) {
        self.0.close().await.unwrap();
    }
}

/// The checker's script; it is installed in that directory, where the tests keep their files, if it is not there.
pub fn axe(directory: &Path) -> String {
    let home = directory.join("npm");
    let file = home.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        let arguments = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"];
        let installed = Command::new("npm").args(arguments).arg(&home).arg(AXE).status();
        assert!(installed.is_ok_and(|status| status.success()), "npm cannot install {AXE}");
    }
    fs::read_to_string(file).unwrap()
}
