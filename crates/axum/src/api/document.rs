//! Answers: the contract's documents, of what is kept here.

use inquiry_otl::{Inquiry, InquiryId, Status, TemplateId, Timestamp, session::InquirySession};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::name::SessionName;

/// An answer: what it is about, and what goes along.
#[derive(Serialize)]
pub(super) struct Document {
    data: Data,
    #[serde(skip_serializing_if = "Option::is_none")]
    included: Option<Vec<Resource>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Pages>,
}

impl Document {
    pub(super) fn of(resource: Resource) -> Self {
        Self { data: Data::One(Box::new(resource)), included: None, meta: None, links: None }
    }

    pub(super) fn list(resources: Vec<Resource>) -> Self {
        Self { data: Data::Many(resources), included: None, meta: None, links: None }
    }

    pub(super) fn including(self, resources: Vec<Resource>) -> Self {
        Self { included: Some(resources), ..self }
    }

    pub(super) fn with_meta(self, meta: Meta) -> Self {
        Self { meta: Some(meta), ..self }
    }

    pub(super) fn with_pages(self, prev: Option<String>, next: Option<String>) -> Self {
        Self { links: Some(Pages { prev, next }), ..self }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    One(Box<Resource>),
    Many(Vec<Resource>),
}

/// The secret that an answer tells. It is told once: nobody keeps it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Meta {
    #[serde(rename_all = "kebab-case")]
    Link { one_time_link: String, one_time_link_short: String },
    #[serde(rename_all = "kebab-case")]
    Token { session_token: String },
}

#[derive(Serialize)]
struct Pages {
    prev: Option<String>,
    next: Option<String>,
}

/// Something with a type and an id.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Resource {
    Inquiry { id: InquiryId, attributes: Box<InquiryAttributes>, relationships: Box<InquiryRelationships> },
    InquirySession { id: SessionName, attributes: SessionAttributes, relationships: SessionRelationships },
    InquiryTemplate { id: TemplateId },
}

impl Resource {
    /// An inquiry, with the names of its sessions where they were read.
    pub(super) fn inquiry(inquiry: &Inquiry, sessions: Option<&[InquirySession]>) -> Self {
        Self::Inquiry {
            id: inquiry.id,
            attributes: Box::new(InquiryAttributes::of(inquiry)),
            relationships: Box::new(InquiryRelationships::of(inquiry, sessions)),
        }
    }

    /// A session as of `now`.
    pub(super) fn session(session: &InquirySession, now: Timestamp) -> Self {
        let name = SessionName { inquiry: session.inquiry, session: session.id };
        Self::InquirySession {
            id: name,
            attributes: SessionAttributes::of(session, now),
            relationships: SessionRelationships {
                inquiry: One::of(Name::Inquiry { id: session.inquiry }),
                device: One::none(),
                network: One::none(),
            },
        }
    }
}

/// The attributes of an inquiry. Those that are not kept here are null, or empty where the contract has no null.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct InquiryAttributes {
    status: Status,
    reference_id: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    marked_for_review_at: Option<Timestamp>,
    decisioned_at: Option<Timestamp>,
    expired_at: Option<Timestamp>,
    redacted_at: Option<Timestamp>,
    tags: [(); 0],
    fields: Nulls,
    behaviors: Nulls,
    #[serde(flatten)]
    not_kept: Nulls,
}

impl InquiryAttributes {
    /// What the contract has and nobody keeps here.
    const NOT_KEPT: &[&str] = &[
        "note",
        "reviewer-comment",
        "previous-step-name",
        "next-step-name",
        "name-first",
        "name-middle",
        "name-last",
        "birthdate",
        "address-street-1",
        "address-street-2",
        "address-city",
        "address-subdivision",
        "address-subdivision-abbr",
        "address-postal-code",
        "address-postal-code-abbr",
        "social-security-number",
        "identification-number",
        "email-address",
        "phone-number",
    ];

    fn of(inquiry: &Inquiry) -> Self {
        let instants = [
            inquiry.started_at,
            inquiry.resumed_at,
            inquiry.completed_at,
            inquiry.failed_at,
            inquiry.expired_at,
            inquiry.marked_for_review_at,
            inquiry.decisioned_at,
            inquiry.redacted_at,
        ];
        Self {
            status: inquiry.status,
            reference_id: inquiry.reference.as_ref().map(ToString::to_string),
            created_at: inquiry.created_at,
            // Every change sets one of them.
            updated_at: instants.into_iter().flatten().fold(inquiry.created_at, Timestamp::max),
            started_at: inquiry.started_at,
            completed_at: inquiry.completed_at,
            failed_at: inquiry.failed_at,
            marked_for_review_at: inquiry.marked_for_review_at,
            decisioned_at: inquiry.decisioned_at,
            expired_at: inquiry.expired_at,
            redacted_at: inquiry.redacted_at,
            tags: [],
            fields: Nulls(&[]),
            behaviors: Nulls(&[]),
            not_kept: Nulls(Self::NOT_KEPT),
        }
    }
}

/// The relationships of an inquiry: its template and its sessions; the others lead to what is not kept here.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct InquiryRelationships {
    inquiry_template: One,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Many>,
    account: One,
    template: One,
    inquiry_template_version: One,
    transaction: One,
    reviewer: One,
    reports: Many,
    verifications: Many,
    documents: Many,
    selfies: Many,
}

impl InquiryRelationships {
    fn of(inquiry: &Inquiry, sessions: Option<&[InquirySession]>) -> Self {
        let names = |sessions: &[InquirySession]| {
            let names = sessions.iter().map(|session| Name::InquirySession {
                id: SessionName { inquiry: session.inquiry, session: session.id },
            });
            Many { data: names.collect() }
        };
        Self {
            inquiry_template: One::of(Name::InquiryTemplate { id: inquiry.template }),
            sessions: sessions.map(names),
            account: One::none(),
            template: One::none(),
            inquiry_template_version: One::none(),
            transaction: One::none(),
            reviewer: One::none(),
            reports: Many::none(),
            verifications: Many::none(),
            documents: Many::none(),
            selfies: Many::none(),
        }
    }
}

/// The attributes of a session. What its client was like, nobody keeps here.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SessionAttributes {
    status: SessionStatus,
    created_at: Timestamp,
    started_at: Timestamp,
    expired_at: Option<Timestamp>,
    #[serde(flatten)]
    not_kept: Nulls,
}

impl SessionAttributes {
    /// What the contract has and nobody keeps here.
    const NOT_KEPT: &[&str] = &[
        "ip-address",
        "user-agent",
        "os-name",
        "os-full-version",
        "device-type",
        "device-name",
        "browser-name",
        "browser-full-version",
        "mobile-sdk-name",
        "mobile-sdk-full-version",
        "device-handoff-method",
        "is-proxy",
        "is-tor",
        "is-datacenter",
        "is-vpn",
        "threat-level",
        "country-code",
        "country-name",
        "region-code",
        "region-name",
        "latitude",
        "longitude",
        "gps-latitude",
        "gps-longitude",
        "gps-precision",
    ];

    fn of(session: &InquirySession, now: Timestamp) -> Self {
        // A session that died with its inquiry before its time does not say when.
        let ran_out = (session.expires_at <= now).then_some(session.expires_at);
        Self {
            status: if session.live { SessionStatus::Active } else { SessionStatus::Expired },
            created_at: session.started_at,
            started_at: session.started_at,
            expired_at: session.revoked_at.or(ran_out).filter(|_| !session.live),
            not_kept: Nulls(Self::NOT_KEPT),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum SessionStatus {
    Active,
    Expired,
}

#[derive(Serialize)]
pub(super) struct SessionRelationships {
    inquiry: One,
    device: One,
    network: One,
}

/// A relationship to one resource, or to none.
#[derive(Serialize)]
struct One {
    data: Option<Name>,
}

impl One {
    const fn of(name: Name) -> Self {
        Self { data: Some(name) }
    }

    const fn none() -> Self {
        Self { data: None }
    }
}

/// A relationship to many resources.
#[derive(Serialize)]
struct Many {
    data: Vec<Name>,
}

impl Many {
    const fn none() -> Self {
        Self { data: Vec::new() }
    }
}

/// A type and an id.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Name {
    Inquiry { id: InquiryId },
    InquirySession { id: SessionName },
    InquiryTemplate { id: TemplateId },
}

/// Members that are all null.
struct Nulls(&'static [&'static str]);

impl Serialize for Nulls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(self.0.len()))?;
        for name in self.0 {
            members.serialize_entry(name, &())?;
        }
        members.end()
    }
}
