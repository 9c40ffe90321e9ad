//! What all parts of the server share.

use std::{
    error::Error,
    num::NonZeroU32,
    sync::{Arc, PoisonError, RwLock},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use inquiry_otl::{
    Clock, Event, EventSink as _, ExpirationPolicy, Interval, Service, TemplateId, TenantId, Timestamp,
    UrlFormat, UrlStyle,
    store::{AnyStore, Directory as _, InquiryFilter, ListInquiries, PageFrom},
};
use inquiry_otl_axum::{MetricsSink, TimedStore};

use crate::{
    config::{SettingError, Settings},
    mail::{Mailer, Smtp},
    passing::Passing,
    pump::Bell,
    records::{
        Records, RecordsError,
        templates::{self, Template},
        tokens,
    },
    secrets::Secrets,
    webhooks::Webhooks,
};

/// The service of inquiries and links.
pub(crate) type Links = Service<TimedStore<AnyStore>>;

/// How many wrong tokens are taken at the sign-in form in a minute.
const WRONG_TOKENS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// What all parts of the server share.
pub(crate) struct App {
    pub(crate) links: Arc<Links>,
    pub(crate) records: Records,
    pub(crate) secrets: Secrets,
    pub(crate) templates: Templates,
    pub(crate) mail: Mailer,
    pub(crate) webhooks: Webhooks,
    pub(crate) passing: Arc<Passing>,
    /// What slows down whoever sends wrong tokens to the sign-in form.
    pub(crate) wrong_tokens: DefaultDirectRateLimiter,
    /// How people reach this server; without a slash at its end.
    pub(crate) url: String,
    /// How long timelines go back.
    pub(crate) keep_events: Interval,
}

impl App {
    /// Opens everything that the server keeps.
    pub(crate) async fn open(
        settings: &Settings,
        url: String,
        store: AnyStore,
        bell: Bell,
        clock: impl Clock + 'static,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let records = Records::open(&settings.records_file()).map_err(SettingError::new("data"))?;
        let is_first = is_first_start(&records, &store, clock.now()).await?;
        let secrets = Secrets::open(&settings.key_file(), is_first);
        let mut secrets = secrets.map_err(SettingError::new("key-file"))?;
        let of_url = |path| UrlFormat::new(&format!("{url}{path}")).map_err(SettingError::new("url"));
        let urls = of_url("/verify")?.also_accepting(of_url("/c")?.with_style(UrlStyle::Path));
        let counted = MetricsSink::new();
        let passing = Arc::new(Passing::default());
        let passed = Arc::clone(&passing);
        let mut service = Service::builder(TimedStore::new(store)).clock(clock).url_format(urls).event_sink(
            move |event: &Event| {
                counted.tell(event);
                passed.tell(event);
                bell.tell(event);
            },
        );
        if let Some(keyring) = secrets.take_keyring() {
            service = service.keyring(keyring);
        }
        let links: Arc<Links> = Arc::new(service.build()?);
        let templates = Templates::read(&records).await?;
        let smtp = match &settings.smtp {
            None => None,
            Some(smtp) => {
                let from = settings.mail_from.as_deref().and_then(|from| from.parse().ok());
                let from =
                    from.ok_or("`smtp` needs it: whom mails are from, as in Support <support@example.com>");
                let from = from.map_err(SettingError::new("mail-from"))?;
                Some(Smtp::new(smtp.expose(), from).map_err(SettingError::new("smtp"))?)
            }
        };
        let (mail, webhooks) = (Mailer::new(smtp), Webhooks::new()?);
        let keep_events = settings.keep_events()?;
        let wrong_tokens = RateLimiter::direct(Quota::per_minute(WRONG_TOKENS));
        Ok(Self {
            links,
            records,
            secrets,
            templates,
            mail,
            webhooks,
            passing,
            wrong_tokens,
            url,
            keep_events,
        })
    }

    /// Whether people reach it by https: cookies then are for https only.
    pub(crate) fn is_https(&self) -> bool {
        self.url.starts_with("https://")
    }
}

/// Whether nothing hangs on a key yet: there is no token, and the store has no inquiry.
async fn is_first_start(
    records: &Records,
    store: &AnyStore,
    now: Timestamp,
) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let (filter, from) = (InquiryFilter::default(), PageFrom::Newest);
    let any = ListInquiries { tenant: TenantId::default(), now, filter, from, limit: 1 };
    Ok(!records.read(tokens::exist).await? && store.inquiries(any).await?.items.is_empty())
}

/// The templates, as the records have them: in the order in which they were added.
#[derive(Default)]
pub(crate) struct Templates(RwLock<Vec<Template>>);

impl Templates {
    /// Reads all of them.
    pub(crate) async fn read(records: &Records) -> Result<Self, RecordsError> {
        Ok(Self(RwLock::new(records.read(templates::all).await?)))
    }

    /// Adds a template, unless there is one of its id.
    pub(crate) async fn add(&self, records: &Records, template: Template) -> Result<bool, RecordsError> {
        let written = template.clone();
        let is_added = records.write(move |to| templates::add(to, &written)).await?;
        if is_added {
            self.0.write().unwrap_or_else(PoisonError::into_inner).push(template);
        }
        Ok(is_added)
    }

    /// Changes the template of that id; inquiries that there are keep the policy that they have.
    pub(crate) async fn change(&self, records: &Records, template: Template) -> Result<(), RecordsError> {
        let written = template.clone();
        records.write(move |to| templates::change(to, &written)).await?;
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.iter_mut().filter(|old| old.id == template.id).for_each(|old| old.clone_from(&template));
        Ok(())
    }

    /// All of them, the first one first.
    pub(crate) fn all(&self) -> Vec<Template> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A template.
    pub(crate) fn get(&self, id: TemplateId) -> Option<Template> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|template| template.id == id).cloned()
    }

    /// How long things live that are made from a template.
    pub(crate) fn policy(&self, id: TemplateId) -> Option<ExpirationPolicy> {
        self.get(id).map(|template| template.policy)
    }
}
