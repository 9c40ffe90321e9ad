//! The server's parts on a folder of their own, under a clock that moves when told.

use std::sync::Arc;

use inquiry_otl::{
    Inquiry, Interval, ManualClock, MemoryStore, NewInquiry, TemplateId, Timestamp, store::AnyStore,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    app::App,
    pump::{self, Bell},
};

pub(crate) struct Stage {
    folder: TempDir,
    settings: Value,
    store: AnyStore,
    pub(crate) clock: ManualClock,
    pub(crate) app: Arc<App>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// One with these settings.
    pub(crate) async fn with(mut settings: Value) -> Self {
        // Another test may have been first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = TempDir::new().unwrap();
        settings["data"] = json!(folder.path());
        let (store, clock) = (AnyStore::new(MemoryStore::new().with_outbox()), ManualClock::default());
        let app = open(&settings, &store, &clock).await;
        Self { folder, settings, store, clock, app }
    }

    /// The same after a restart.
    pub(crate) async fn again(self) -> Self {
        let Self { folder, settings, store, clock, app } = self;
        drop(app);
        let app = open(&settings, &store, &clock).await;
        Self { folder, settings, store, clock, app }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.app.links.planner().now()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(Interval::from_seconds(seconds).unwrap());
    }

    pub(crate) async fn inquiry(&self) -> Inquiry {
        let template = TemplateId::new("itmpl_identity").unwrap();
        self.app.links.create(NewInquiry::from_template(template)).await.unwrap()
    }

    /// Has the pump take what happened.
    pub(crate) async fn pump(&self) -> usize {
        pump::batch(&self.app, &self.store).await.unwrap()
    }

    /// The bytes of all files.
    pub(crate) fn files(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

async fn open(settings: &Value, store: &AnyStore, clock: &ManualClock) -> Arc<App> {
    let settings = serde_json::from_value(settings.clone()).unwrap();
    let url = "https://verify.example.com".to_owned();
    Arc::new(App::open(&settings, url, store.clone(), Bell::default(), clock.clone()).await.unwrap())
}
