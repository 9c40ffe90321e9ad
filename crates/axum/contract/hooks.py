"""What schemathesis is told beside the contract."""

import json
import re

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


@schemathesis.hook
def after_call(context, case, response):
    """Turns an answer back into kebab, which the contract's schemas are written in, so that they hold for every case."""
    inflection = (case.headers or {}).get("Key-Inflection")
    if inflection in ("camel", "snake") and response.status_code < 300:
        response.content = json.dumps(kebab(json.loads(response.content))).encode()


def kebab(value):
    if isinstance(value, dict):
        return {kebab_key(key): kebab(member) for key, member in value.items()}
    if isinstance(value, list):
        return [kebab(item) for item in value]
    return value


def kebab_key(key):
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "-", key).replace("_", "-").lower()
