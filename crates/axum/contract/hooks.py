"""What schemathesis is told beside the contract."""

import json
import os
import re
import urllib.request
from itertools import cycle

import person
import schemathesis

INQUIRIES = "/inquiries/{inquiry-id}"
SESSIONS = "/inquiry-sessions/{inquiry-session-id}"
TEMPLATE = "itmpl_identity"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Says which template there is, and which answers hold the ids that other operations take: the contract does not."""
    paths = raw_schema["paths"]
    body = paths["/inquiries"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    attributes = body["properties"]["data"]["properties"]["attributes"]["properties"]
    attributes["inquiry-template-id"]["examples"] = [TEMPLATE]
    made = [
        (paths["/inquiries"]["post"]["responses"]["201"], INQUIRIES, "inquiry-id"),
        (paths["/inquiry-sessions"]["post"]["responses"]["201"], SESSIONS, "inquiry-session-id"),
    ]
    for response, prefix, parameter in made:
        response["links"] = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {parameter: "$response.body#/data/id"},
            }
            for path, operations in paths.items()
            if path.startswith(prefix)
            for operation in operations.values()
        }
    links = paths["/inquiries"]["post"]["responses"]["201"]["links"]
    bodies = {
        "create-an-inquiry-session": {"data": {"attributes": {"inquiry-id": "{$response.body#/data/id}"}}},
        "expire-inquiry-sessions": {"meta": {"inquiry-ids": ["{$response.body#/data/id}"]}},
    }
    for name, body in bodies.items():
        links[name] = {"operationId": name, "requestBody": body}


every_other = cycle([True, False])


@schemathesis.hook
def before_call(context, case, kwargs):
    """Names an inquiry or a session that there is in every other call that names one: a generated id names none."""
    names = case.path_parameters or {}
    for name in {"inquiry-id", "inquiry-session-id"} & set(names):
        if next(every_other):
            case.path_parameters[name] = made(name, case.operation.path)


def made(name, path):
    """The id of a new inquiry, which is completed if it is to be decided, or of a new session."""
    inquiry = post("/inquiries", {"data": {"attributes": {"inquiry-template-id": TEMPLATE}}})["data"]["id"]
    if name == "inquiry-session-id":
        body = {"data": {"attributes": {"inquiry-id": inquiry}}}
        return post("/inquiry-sessions", body)["data"]["id"]
    if path.endswith(("approve", "decline")):
        person.complete(post(f"/inquiries/{inquiry}/generate-one-time-link", None)["meta"]["one-time-link"])
    return inquiry


def post(path, body):
    headers = {"Authorization": f"Bearer {os.environ['API_TOKEN']}", "Content-Type": "application/json"}
    content = json.dumps(body).encode() if body else None
    request = urllib.request.Request(os.environ["API_ADDRESS"] + path, content, headers, method="POST")
    with urllib.request.urlopen(request) as response:
        return json.load(response)


@schemathesis.hook
def after_call(context, case, response):
    """Turns an answer back into kebab, which the contract's schemas are written in, so that they hold for every case."""
    inflection = (case.headers or {}).get("Key-Inflection")
    if inflection in ("camel", "snake") and response.status_code < 300:
        response.content = json.dumps(kebab(json.loads(response.content))).encode()
    if "PLANT" in os.environ and response.status_code < 300:
        plant(os.environ["PLANT"], response)


def plant(fault, response):
    """Makes a good answer a bad one, to see it found."""
    if fault == "unknown-attribute":
        document = json.loads(response.content)
        document["data"]["attributes"]["colour"] = "blue"
        response.content = json.dumps(document).encode()
    elif fault == "teapot":
        response.status_code = 418
    elif fault == "server-error":
        response.status_code = 500
    elif fault == "html":
        response.headers["content-type"] = ["text/html"]
    else:
        raise ValueError(fault)


def kebab(value):
    if isinstance(value, dict):
        return {kebab_key(key): kebab(member) for key, member in value.items()}
    if isinstance(value, list):
        return [kebab(item) for item in value]
    return value


def kebab_key(key):
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "-", key).replace("_", "-").lower()
