"""What schemathesis is told beside the contract."""

import json
import os
import re
import urllib.request
from itertools import cycle

import schemathesis

INQUIRIES = "/inquiries/{inquiry-id}"
SESSIONS = "/inquiry-sessions/{inquiry-session-id}"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Says which answers hold the ids that other operations take: the contract has no links."""
    paths = raw_schema["paths"]
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
    address = os.environ["API_ADDRESS"]
    attributes = {"inquiry-template-id": "itmpl_kyc"}
    inquiry = post(f"{address}/inquiries", {"data": {"attributes": attributes}})["data"]["id"]
    if name == "inquiry-session-id":
        body = {"data": {"attributes": {"inquiry-id": inquiry}}}
        return post(f"{address}/inquiry-sessions", body)["data"]["id"]
    if path.endswith(("approve", "decline")):
        post(f"{address.replace('/api/v1', '/person')}/{inquiry}", None)
    return inquiry


def post(address, body):
    headers = {"Authorization": f"Bearer {os.environ['API_TOKEN']}", "Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read() or "null")


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
