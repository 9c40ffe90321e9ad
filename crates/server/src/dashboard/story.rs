//! What happened to an inquiry, and how it stands, in sentences.

use inquiry_otl::{EventKind, Expiry, Inquiry, Purpose, Revocation, Status};

use super::words::{counted, instant};

/// How an inquiry stands, as of now.
pub(crate) fn standing(inquiry: &Inquiry) -> String {
    if let Some(at) = inquiry.redacted_at {
        return format!("Redacted on {}: nobody can go on with it, ever.", instant(at));
    }
    let until = instant(inquiry.expires_at);
    match inquiry.status {
        Status::Created => format!("The person has not begun yet. It is open until {until}."),
        Status::Pending => format!("The person is at it. It is open until {until}."),
        Status::Completed => "The person is done.".to_owned(),
        Status::Failed => "The person is done, without success.".to_owned(),
        Status::Expired => {
            let at = instant(inquiry.expired_at.unwrap_or(inquiry.expires_at));
            format!("It expired on {at}. All links and sessions from before are dead, and stay so.")
        }
        Status::Approved => "It was approved.".to_owned(),
        Status::NeedsReview => "It waits for a reviewer.".to_owned(),
        Status::Declined => "It was declined.".to_owned(),
        _ => String::new(),
    }
}

/// What happened, in a sentence (V1).
pub(crate) fn sentence(event: &EventKind) -> String {
    match event {
        EventKind::InquiryCreated => "The inquiry was created.".to_owned(),
        EventKind::InquiryStarted => "The person began: first submission.".to_owned(),
        EventKind::InquiryCompleted => "The person is done. All links and sessions ended.".to_owned(),
        EventKind::InquiryFailed => {
            "The person is done, without success. All links and sessions ended.".to_owned()
        }
        EventKind::InquiryExpired { cause, expired_at } => {
            let why = match cause {
                Expiry::Deadline => format!("its deadline passed on {}", instant(*expired_at)),
                Expiry::Requested => "somebody ended it".to_owned(),
                Expiry::SessionLimit => "one session too many was to be started".to_owned(),
            };
            format!("The inquiry expired: {why}. All links and sessions ended.")
        }
        EventKind::InquiryResumed { expires_at } => {
            format!("The inquiry was resumed. It is open until {}.", instant(*expires_at))
        }
        EventKind::InquiryApproved => "The inquiry was approved.".to_owned(),
        EventKind::InquiryMarkedForReview => "The inquiry was marked for review.".to_owned(),
        EventKind::InquiryDeclined => "The inquiry was declined.".to_owned(),
        EventKind::InquiryRedacted => "The inquiry was redacted.".to_owned(),
        EventKind::LinkCreated { link, purpose, expires_at } => {
            let what = match purpose {
                Purpose::Resume => "A link",
                Purpose::DeviceHandoff => "A link to another device",
            };
            format!("{what} was created, {link}, good until {}.", instant(*expires_at))
        }
        EventKind::LinkReused { link } => format!("The link {link} was given out once more."),
        EventKind::LinkSuperseded { by, .. } => {
            format!("The link {by} took the place of earlier ones: none of them opens anything now.")
        }
        EventKind::LinkRevoked { revoked } => match revoked {
            Revocation::Link(link) => format!("The link {link} was revoked."),
            Revocation::Session(session) => format!("The session {session} was revoked."),
            Revocation::AllLinks => "All links were revoked.".to_owned(),
            Revocation::Everything => "Everything was revoked: all links and sessions ended.".to_owned(),
        },
        EventKind::LinkPeeked { .. } => "A link was looked at, and not used.".to_owned(),
        EventKind::LinkRedeemed { link, session } => {
            format!("The person opened the link {link}: session {session} began.")
        }
        EventKind::LinkReplayed { link, session, number } => {
            let times = counted(u64::from(*number), "time");
            format!("The link {link} opened session {session} once more, {times} since its first use.")
        }
        EventKind::LinkRefused { refusal, .. } => format!("A link was refused: {refusal}."),
        other => other.name().to_owned(),
    }
}
