//! Links, sent by mail. The outbox keeps a link's id; the link itself is derived at the moment of sending (L3, L5).

mod letter;
mod smtp;

use std::{error::Error, sync::Arc, time::Duration};

use inquiry_otl::{
    Creator, DeriveError, InquiryId, Interval, IssueError, IssuedLink, LinkRequest, OnOutstanding, SessionId,
};
use lettre::Address;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::{sync::Notify, task::JoinSet};

pub(crate) use self::{letter::Letter, smtp::Smtp};
use crate::{
    app::App,
    records::{
        RecordsError,
        mails::{self, Ending, Mail, Recipient},
    },
    schedule,
    secrets::random_hex,
    tasks::Stopping,
};

/// How many mails are on their way at a time.
const AT_A_TIME: u32 = 4;
/// How long to wait where nothing is due.
const PAUSE: Duration = Duration::from_secs(1);
/// Seconds until a mail whose link was not issued is taken up again: by then whoever asked for it was told, or is gone.
const ABANDONED: i64 = 30;
/// Seconds after which a mail is looked at again where there is no mail server: its link may be dead by then.
const UNSENT: i64 = 600;
/// Why a mail waits that was written where there is no mail server: it is there to be read, and never sent.
const NO_SERVER: &str = "there is no mail server";

/// What is asked of a link that is to be issued.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Asked {
    /// The session that it hands off to another device; none for a link that brings the person back.
    pub(crate) handoff_of: Option<SessionId>,
    /// How long it lives, if the policy is not to say it.
    pub(crate) expires_in: Option<Interval>,
    /// What becomes of older ones.
    pub(crate) older: Older,
    /// Who asks.
    pub(crate) creator: Option<Creator>,
}

/// What becomes of older links that are still good.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Older {
    Supersede,
    Keep,
    ReturnSame,
}

impl Asked {
    /// The request for such a link of an inquiry.
    pub(crate) fn request(&self, inquiry: InquiryId) -> LinkRequest {
        let mut request = match self.handoff_of {
            None => LinkRequest::resume(inquiry),
            Some(session) => LinkRequest::device_handoff(inquiry, session),
        };
        request = request.on_outstanding(match self.older {
            Older::Supersede => OnOutstanding::Supersede,
            Older::Keep => OnOutstanding::Keep,
            Older::ReturnSame => OnOutstanding::ReturnSame { at_least: None },
        });
        if let Some(interval) = self.expires_in {
            request = request.expires_in(interval);
        }
        match &self.creator {
            None => request,
            Some(creator) => request.created_by(creator.clone()),
        }
    }
}

/// What sends mails, if there is a mail server.
pub(crate) struct Mailer {
    smtp: Option<Smtp>,
    bell: Notify,
}

impl Mailer {
    pub(crate) fn new(smtp: Option<Smtp>) -> Self {
        Self { smtp, bell: Notify::new() }
    }

    /// Whether mails are sent at all.
    pub(crate) fn sends(&self) -> bool {
        self.smtp.is_some()
    }
}

/// Issues a link, and has it sent to somebody.
///
/// The mail is on disk before the link is, so a server that is killed meanwhile issues it after its next start.
pub(crate) async fn enqueue(
    app: &App,
    inquiry: InquiryId,
    asked: Asked,
    to: Address,
) -> Result<IssuedLink, EnqueueError> {
    let now = app.links.planner().now();
    // By id they are in the order in which they were asked for.
    let id = format!("mail_{:013x}{}", now.unix_micros(), random_hex::<8>().as_str());
    let mail = Mail {
        id: id.clone(),
        inquiry,
        link: None,
        address: Some(Recipient(to)),
        asked,
        created_at: now,
        attempts: 0,
        next_at: Some(schedule::later(now, ABANDONED)),
        ended_at: None,
        ending: None,
        reason: (!app.mail.sends()).then(|| NO_SERVER.to_owned()),
    };
    let request = mail.asked.request(inquiry);
    app.records.write(move |to| mails::add(to, &mail)).await?;
    match app.links.issue(request).await {
        Ok(link) => keep(app, &id, link).await,
        Err(error) => {
            // Whoever asked is told: it is not sent behind their back.
            let reason = error.to_string();
            end(app, &id, Ending::Dropped, Some(reason)).await?;
            Err(error.into())
        }
    }
}

/// Gives a mail its link. One that was given another one meanwhile keeps that.
async fn keep(app: &App, mail: &str, link: IssuedLink) -> Result<IssuedLink, EnqueueError> {
    let (mail, id, now) = (mail.to_owned(), link.id, app.links.planner().now());
    let kept = app.records.write(move |to| mails::ready(to, &mail, id, now)).await?;
    app.mail.bell.notify_one();
    match kept {
        Some(kept) if kept != id => Ok(app.links.derive(link.inquiry, kept).await?),
        _ => Ok(link),
    }
}

async fn end(app: &App, id: &str, ending: Ending, reason: Option<String>) -> Result<(), RecordsError> {
    let (id, now) = (id.to_owned(), app.links.planner().now());
    app.records.write(move |to| mails::end(to, &id, ending, reason.as_deref(), now)).await
}

/// The mail as it would be sent now: for whoever may see it where there is no mail server.
pub(crate) async fn preview(app: &App, mail: &Mail) -> Option<Letter> {
    if app.mail.sends() || mail.ending.is_some() {
        return None;
    }
    Some(Letter::of(app.links.derive(mail.inquiry, mail.link?).await.ok()?))
}

/// Where there is a mail server now and was none: what was written meanwhile was there to be read and handed over, and is not
/// sent behind the back of whoever did so.
pub(crate) async fn begin(app: &App) -> Result<(), RecordsError> {
    if !app.mail.sends() {
        return Ok(());
    }
    let now = app.links.planner().now();
    app.records
        .write(move |to| {
            mails::end_waiting(to, NO_SERVER, "there was no mail server: it was shown here instead", now)
        })
        .await
}

/// Sends what is due, until the server stops.
pub(crate) async fn run(app: Arc<App>, mut stopping: Stopping) {
    while !stopping.has_begun() {
        match batch(&app).await {
            Ok(count) if count != 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(error = &error as &dyn Error, "mails wait"),
        }
        stopping.or(PAUSE, app.mail.bell.notified()).await;
    }
}

/// Sends some of what is due, at a time, and says how many.
async fn batch(app: &Arc<App>) -> Result<usize, RecordsError> {
    let now = app.links.planner().now();
    // Most rounds find nothing, and a read costs the disk less.
    if !app.records.read(move |of| mails::is_due(of, now)).await? {
        return Ok(0);
    }
    let taken = app.records.write(move |to| mails::take(to, now, AT_A_TIME)).await?;
    let count = taken.len();
    let mut sending = JoinSet::new();
    for mail in taken {
        sending.spawn(deliver(Arc::clone(app), mail));
    }
    for noted in sending.join_all().await {
        noted?;
    }
    Ok(count)
}

/// Makes an attempt, and notes what came of it.
async fn deliver(app: Arc<App>, mail: Mail) -> Result<(), RecordsError> {
    let outcome = attempt(&app, &mail).await;
    let (ending, reason) = match outcome {
        Outcome::Sent => (Ending::Sent, None),
        Outcome::Dropped(reason) => (Ending::Dropped, Some(reason)),
        Outcome::Failed(reason) => (Ending::Failed, Some(reason)),
        Outcome::Later(reason) if schedule::is_last(mail.attempts) => (Ending::Failed, Some(reason)),
        Outcome::Later(reason) => {
            tracing::info!(mail = mail.id, "mail: {reason}");
            return later(&app, mail.id, mail.attempts, None, reason).await;
        }
        Outcome::Unsent => {
            return later(&app, mail.id, 0, Some(UNSENT), NO_SERVER.to_owned()).await;
        }
    };
    if let Some(reason) = &reason {
        tracing::info!(mail = mail.id, "mail {}: {reason}", ending.name());
    }
    end(&app, &mail.id, ending, reason).await
}

/// Tries a mail again, after so many seconds, or as its attempts say.
async fn later(
    app: &App,
    id: String,
    attempts: u32,
    seconds: Option<i64>,
    reason: String,
) -> Result<(), RecordsError> {
    let now = app.links.planner().now();
    let next = seconds.map_or_else(|| schedule::next(attempts, now), |seconds| schedule::later(now, seconds));
    app.records.write(move |to| mails::later(to, &id, attempts, next, &reason)).await
}

/// What an attempt came to.
enum Outcome {
    Sent,
    Dropped(String),
    Failed(String),
    /// Once more later.
    Later(String),
    /// There is no mail server.
    Unsent,
}

async fn attempt(app: &App, mail: &Mail) -> Outcome {
    let link = match mail.link {
        Some(link) => app.links.derive(mail.inquiry, link).await.map_err(EnqueueError::from),
        None => match app.links.issue(mail.asked.request(mail.inquiry)).await {
            Ok(link) => keep(app, &mail.id, link).await,
            Err(error) => Err(error.into()),
        },
    };
    let link = match link {
        Ok(link) => link,
        Err(error) if error.may_pass() => return Outcome::Later("the link cannot be read".to_owned()),
        Err(error) => return Outcome::Dropped(error.to_string()),
    };
    match (&app.mail.smtp, &mail.address) {
        (_, None) => Outcome::Dropped("there is no address".to_owned()),
        (None, _) => Outcome::Unsent,
        (Some(smtp), Some(to)) => {
            let letter = Letter::of(link);
            match smtp.send(&letter, &to.0, &mail.id, mail.created_at, &app.url).await {
                Ok(()) => Outcome::Sent,
                Err(error) if error.is_final() => Outcome::Failed(error.to_string()),
                Err(error) => Outcome::Later(error.to_string()),
            }
        }
    }
}

/// Why a link was not issued, or is not sent.
#[derive(Debug, Error)]
pub(crate) enum EnqueueError {
    /// It could not be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// It is no good any more.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl EnqueueError {
    /// Whether it may be otherwise later.
    fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Records(_) | Self::Issue(IssueError::Store(_)) | Self::Derive(DeriveError::Store(_))
        )
    }
}

#[cfg(test)]
mod tests;
