//! What all parts of the server share.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use inquiry_otl::{ExpirationPolicy, Service, TemplateId, store::AnyStore};
use inquiry_otl_axum::TimedStore;

use crate::{
    mail::Mailer,
    passing::Passing,
    records::{
        Records, RecordsError,
        templates::{self, Template},
    },
    secrets::Secrets,
    webhooks::Webhooks,
};

/// The service of inquiries and links.
pub(crate) type Links = Service<TimedStore<AnyStore>>;

/// What all parts of the server share.
pub(crate) struct App {
    pub(crate) links: Arc<Links>,
    pub(crate) records: Records,
    pub(crate) secrets: Secrets,
    pub(crate) templates: Templates,
    pub(crate) mail: Mailer,
    pub(crate) webhooks: Webhooks,
    pub(crate) passing: Arc<Passing>,
    /// How people reach this server; without a slash at its end.
    pub(crate) url: String,
}

impl App {
    /// Whether people reach it by https: cookies then are for https only.
    pub(crate) fn is_https(&self) -> bool {
        self.url.starts_with("https://")
    }
}

/// The templates, as the records have them.
#[derive(Default)]
pub(crate) struct Templates(RwLock<BTreeMap<TemplateId, Template>>);

impl Templates {
    /// Reads all of them.
    pub(crate) async fn read(records: &Records) -> Result<Self, RecordsError> {
        let all = records.read(templates::all).await?;
        Ok(Self(RwLock::new(all.into_iter().map(|template| (template.id, template)).collect())))
    }

    /// Adds a template, or takes the place of the one that has its id; inquiries that there are keep the policy that they have.
    pub(crate) async fn put(&self, records: &Records, template: Template) -> Result<(), RecordsError> {
        let written = template.clone();
        records.write(move |to| templates::put(to, &written)).await?;
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(template.id, template);
        Ok(())
    }

    /// All of them, by id.
    pub(crate) fn all(&self) -> Vec<Template> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A template.
    pub(crate) fn get(&self, id: TemplateId) -> Option<Template> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// How long things live that are made from a template.
    pub(crate) fn policy(&self, id: TemplateId) -> Option<ExpirationPolicy> {
        self.get(id).map(|template| template.policy)
    }
}
