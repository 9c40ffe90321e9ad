"""What a support desk does, with a client that openapi-python-client made of the contract: story.py <server> <token>"""

import sys
import uuid

import person
from persona.api.inquiries import (
    approve_an_inquiry as approve,
    create_an_inquiry as create,
    decline_an_inquiry as decline,
    expire_an_inquiry as expire,
    generate_a_one_time_link as link,
    list_all_inquiries as list_inquiries,
    redact_an_inquiry as redact,
    resume_an_inquiry as resume,
    retrieve_an_inquiry as retrieve,
)
from persona.api.inquiry_sessions import (
    create_an_inquiry_session as create_session,
    expire_inquiry_sessions as expire_sessions,
    generate_a_one_time_link_for_an_inquiry_session as link_session,
    list_all_inquiry_sessions as list_sessions,
    retrieve_an_inquiry_session as retrieve_session,
)
from persona.client import AuthenticatedClient
from persona.models import (
    ApproveAnInquiryBody,
    CreateAnInquiryBody,
    CreateAnInquirySessionBody,
    DeclineAnInquiryBody,
    ExpireInquirySessionsBody,
    GenerateAOneTimeLinkBody,
)

server, token = sys.argv[1:]
address = f"{server}/api/v1"
client = AuthenticatedClient(base_url=address, token=token, raise_on_unexpected_status=True)

request = {
    "data": {"attributes": {"inquiry-template-id": "itmpl_identity", "reference-id": "user 7"}},
    "meta": {"expiration-after-resume-interval-seconds": 3600},
}
key = str(uuid.uuid4())
body = CreateAnInquiryBody.from_dict(request)
created = create.sync_detailed(client=client, body=body, idempotency_key=key)
assert created.status_code == 201, created
inquiry = created.parsed.data.id
assert created.parsed.data.attributes.status == "created"
assert create.sync(client=client, body=body, idempotency_key=key).data.id == inquiry

assert expire.sync(inquiry, client=client).data.attributes.status == "expired"
early = link.sync_detailed(inquiry, client=client)
assert early.status_code == 409 and early.parsed.errors[0].details.endswith("resume it first"), early
resumed = resume.sync(inquiry, client=client)
assert resumed.data.attributes.status == "pending" and resumed.meta.session_token

window = GenerateAOneTimeLinkBody.from_dict({"meta": {"expires-in-seconds": 600}})
first = link.sync(inquiry, client=client, body=window).meta
again = link.sync(inquiry, client=client).meta
assert first.one_time_link.startswith(f"{server}/verify?code="), "another form"
assert first.one_time_link_short.startswith(f"{server}/c/"), "another form"
assert (again.one_time_link, again.one_time_link_short) == (first.one_time_link, first.one_time_link_short)

body = CreateAnInquirySessionBody.from_dict({"data": {"attributes": {"inquiry-id": inquiry}}})
session = create_session.sync(client=client, body=body).data.id
assert retrieve_session.sync(session, client=client).data.attributes.status == "active"
assert link_session.sync(session, client=client).meta.one_time_link != first.one_time_link
# The generator leaves the brackets of `filter[…]` and `page[…]` out, so these ask for the first page of all.
assert session in [listed.id for listed in list_sessions.sync(client=client).data]
assert inquiry in [listed.id for listed in list_inquiries.sync(client=client).data]
body = ExpireInquirySessionsBody.from_dict({"meta": {"inquiry-ids": [inquiry]}})
assert len(expire_sessions.sync(client=client, body=body).data) == 2

assert person.complete(first.one_time_link) == f"{server}/inquiry/done"
body = ApproveAnInquiryBody.from_dict({"meta": {"comment": "fine"}})
assert approve.sync(inquiry, client=client, body=body).data.attributes.status == "approved"
assert decline.sync(inquiry, client=client, body=DeclineAnInquiryBody()).data.attributes.status == "declined"
assert len(retrieve.sync(inquiry, client=client).data.relationships.sessions.data) == 3
assert redact.sync(inquiry, client=client).data.attributes.redacted_at

stranger = AuthenticatedClient(base_url=address, token="guessed")
assert retrieve.sync_detailed(inquiry, client=stranger).status_code == 401
print("Python: a client of openapi-python-client did it all")
