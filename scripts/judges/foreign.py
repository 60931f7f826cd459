"""Whose is it? Every id that somebody of one partner saw is used by people and programs of another."""

import json
import pathlib
import re
import urllib.error

import exceptions
from exceptions import NOTHING
from server import Session

ID = re.compile(r"\b[a-z]+_[0-7][0-9a-hjkmnp-tv-z]{25}\b")
METHODS = ("get", "post", "put", "patch", "delete")
# What a request has to say for its ids to be looked at; the rest is not asked for.
SAMPLES = {"name": "Taken over", "reason": "because a judge asks for it", "mode": "audit", "role": "practice_viewer",
           "email": "taken@over.example", "timezone": "UTC", "username": "admin", "secret": "taken over", "label": "taken",
           "plan_digest": "0" * 64, "requirement": "any", "restricted": True, "ticket": "T-1", "hours": 1, "kind": "openid", "issuer": "https://login.provider.example", "client_id": "judge"}
# A clean run tries more than this; fewer means that there was nothing to try.
LEAST_TRIES = 150


def judge(world):
    """The line of the summary, and whether it passed."""
    description = json.loads(pathlib.Path("spec/openapi.json").read_text())
    owner = world.link("partner_admin")
    strangers = {"partner_admin": world.person("partner_admin", 1), "practice_owner": world.person("practice_owner", 1)}
    strangers["token"] = bearer(strangers["partner_admin"])
    owner.add_passkey()
    bearer(owner)
    before = seen(description, owner)
    tried, attacked, wrong = 0, set(), []
    for who, stranger in strangers.items():
        foreign = before - seen(description, stranger)
        for method, path, operation in operations(description):
            if operation["operationId"] in exceptions.FOREIGN:
                continue
            for call in calls(description, path, operation, foreign):
                tried += 1
                attacked.add(operation["operationId"])
                status, text = answer(stranger, method, *call)
                leaked = {found for found in ID.findall(text) if found in foreign and found not in "".join(map(str, call))}
                refused = status in (403, 404)
                empty = method == "get" and status == 200 and "?" in call[0]
                if not (refused or empty) or leaked:
                    wrong.append(f"{who} {method.upper()} {call[0]} answered {status}{' with ids' if leaked else ''}")
    if seen(description, owner) != before:
        wrong.append("the owner sees other things than before")
    kinds = sorted({found.split("_")[0] for found in before})
    line = (f"{tried} calls of {len(attacked)} operations with ids of {len(kinds)} kinds ({' '.join(kinds)}), "
            f"{len(wrong)} not refused")
    return f"{line}{': ' + '; '.join(wrong[:10]) if wrong else ''}", not wrong and tried >= LEAST_TRIES


def bearer(maker):
    """A program that may whatever its maker can give it."""
    actions = maker.get("/api/tokens/actions")["items"]
    token = maker.post("/api/tokens", {"name": "Judge", "actions": actions, "expires_in_days": 1})["token"]
    program = Session(maker.origin)
    program.headers = lambda: {"Authorization": f"Bearer {token}"}
    return program


def operations(description):
    for path, item in description["paths"].items():
        for method in METHODS:
            if method in item and path != "/api/events":
                yield method, path, item[method]


def answer(session, method, path, body):
    data = None if body is None else json.dumps(body).encode()
    try:
        said = session.ask(method.upper(), path, data, {"Content-Type": "application/json"} if data else {})
        return 200, said.decode(errors="replace")
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode(errors="replace")


def seen(description, session):
    """Every id in every list that this one may read, and in the lists below what it found so."""
    found = set()
    for _ in range(2):
        for method, path, operation in operations(description):
            if method != "get" or path.endswith(("/export", "/callback")):
                continue
            for where, _ in calls(description, path, operation, found, query=False) if "{" in path else [(path, None)]:
                status, text = answer(session, "get", where, None)
                if status == 200 and text.startswith(("{", "[")):
                    found |= set(ID.findall(text))
    return found


def calls(description, path, operation, ids, query=True):
    """Address and body of each call of the operation that names one of the ids."""
    def kind(schema):
        return (re.match(r"\^([a-z]+)_", schema.get("pattern", "")) or [None, None])[1]

    def of(schema):
        return sorted(found for found in ids if kind(schema) and found.startswith(kind(schema) + "_"))

    def sample(name):
        prefix = kind(properties.get(name, {}))
        return prefix + NOTHING if prefix else SAMPLES.get(name, "x")

    parameters = operation.get("parameters", [])
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = description["components"]["schemas"].get(content.get("$ref", "").split("/")[-1], {})
    properties = schema.get("properties", {})
    required = {name: sample(name) for name in schema.get("required", [])}
    body = required if content else None
    if "{" in path:
        known = [parameter for parameter in parameters if parameter["in"] == "path" and "pattern" in parameter["schema"]]
        where = path.replace("{index}", "0")
        for parameter in known:
            for one in of(parameter["schema"])[:3]:
                said = where.replace("{" + parameter["name"] + "}", one)
                for other in known:
                    said = said.replace("{" + other["name"] + "}", kind(other["schema"]) + NOTHING)
                yield said, body
        return
    if not query:
        return
    for parameter in parameters:
        if parameter["in"] == "query":
            for one in of(parameter["schema"])[:3]:
                yield f"{path}?{parameter['name']}={one}", None
    for name, property in properties.items():
        # A role of the place that is named.
        fitting = {"role": "partner_billing"} if name == "partner_id" and "role" in required else {}
        for one in of(property)[:3]:
            yield path, required | fitting | {name: one}
