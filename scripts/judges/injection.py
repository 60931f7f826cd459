"""sqlmap: can a parameter of any route change the statement that the server runs?

Every query parameter by itself, every parameter of a path, and every field of every JSON body. A parameter is clean only when
sqlmap says so of it by name, no request of the run was turned away before the handler, and the same request without a payload
was answered by the handler before and after.
"""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import urllib.error

import exceptions
from bodies import bodies
from foreign import operations
from injectable import Injectable
from server import Session
from signer import Signer

# At this level and risk: some forty requests to a parameter. UNION queries and stacked ones only where something else hints at them.
SQLMAP = ("--batch", "--level", "1", "--risk", "1", "--flush-session", "--disable-coloring", "--ignore-code", "*",
          "--ignore-redirects", "--drop-set-cookie", "--timeout", "20", "--retries", "0", "--skip-waf")
# What a handler answers: done, or refused for what was sent. Anything else means that no statement was reached.
REACHED = (200, 201, 202, 204, 303, 400, 404, 409, 412, 422)
# The most that one run of sqlmap takes.
SECONDS = 300
# Two at a time: the server and sqlmap take turns waiting for each other. After so many, second factors are proved again: that
# ends the cookies from before.
AT_ONCE, BATCH = 2, 16


class Target:
    """One run of sqlmap: a request, how it is answered without a payload, and how many parameters it has."""

    def __init__(self, name, method, path, body=None, headers=dict, expected=(200,), parameters=1, signed=False):
        self.name, self.method, self.path, self.body, self.headers, self.signed = name, method, path, body, headers, signed
        self.expected, self.parameters = expected, parameters

    def status(self, origin):
        """What the request is answered with when nothing is injected."""
        data = None if self.body is None else json.dumps(self.body).encode()
        session = Session(origin)
        try:
            session.ask(self.method, self.path.replace("*", ""), data, self.sent())
        except urllib.error.HTTPError as refusal:
            return refusal.code
        return 200

    def sent(self):
        return self.headers() | ({} if self.method == "GET" else {"Content-Type": "application/json"})

    def marked(self):
        """The body for sqlmap, which leaves out what is called a token unless it is marked."""
        mark = "token" in self.body
        return json.dumps({name: f"{value}*" if mark else value for name, value in self.body.items()})


def run(target, origin, folder, number, dbms="PostgreSQL"):
    """`clean`, `injectable`, or why there is no verdict."""
    before = target.status(origin)
    if before not in target.expected:
        return f"answered {before} without a payload"
    traffic = folder / f"{number}.traffic"
    command = [pathlib.Path(sys.executable).parent / "sqlmap", "-u", origin + target.path, "--method", target.method,
               "--dbms", dbms, "-t", traffic, "--output-dir", folder / f"{number}", *SQLMAP]
    if target.body is not None:
        command += ["--data", target.marked()]
    if target.sent():
        command += ["--headers", "\n".join(f"{name}: {value}" for name, value in target.sent().items())]
    try:
        said = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=SECONDS).stdout
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="replace") + "\nnot done in time"
    (folder / f"{number}.log").write_text(f"{target.name}\n{said}")
    if "identified the following injection point" in said or "' is vulnerable" in said:
        return "injectable"
    clean = len(set(re.findall(r"parameter '(.+)' does not seem to be injectable", said)))
    answers = [int(status) for status in re.findall(r"^HTTP response \[#\d+\] \((\d+)", traffic.read_text(errors="replace"), re.M)]
    away = sorted({status for status in answers if status not in REACHED and status not in target.expected})
    after = target.status(origin)
    traffic.unlink()
    if clean < target.parameters:
        return f"sqlmap pronounced {clean} of {target.parameters} parameters clean"
    if away:
        return f"{sum(status in away for status in answers)} of {len(answers)} requests answered {away}"
    if after not in target.expected and after not in REACHED:
        return f"answered {after} afterwards"
    return "clean"


def judge(server, world, folder):
    """The line of the summary, and whether it passed."""
    folder = pathlib.Path(folder) / "sqlmap"
    folder.mkdir(parents=True, exist_ok=True)
    proves_itself(folder)
    jobs = list(enumerate(targets(world)))
    verdicts = {}
    with Signer(server, world.tenants[0]["appliance"]) as signer, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        def judged(job):
            return run(job[1], signer if job[1].signed else server.origin, folder, job[0])

        for start in range(0, len(jobs), BATCH):
            batch = jobs[start:start + BATCH]
            for person in world.people.values():
                person.prove()
            for (_, target), verdict in zip(batch, pool.map(judged, batch)):
                verdicts[target.name] = verdict
    clean = sum(target.parameters for _, target in jobs if verdicts[target.name] == "clean")
    bad = [f"{name}: {verdict}" for name, verdict in verdicts.items() if verdict != "clean"]
    line = (f"{clean} parameters in {len(jobs) - len(bad)} requests not injectable, {len(bad)} requests otherwise, "
            f"{len(exceptions.INJECTION)} operations left out")
    return f"{line}{': ' + '; '.join(bad) if bad else ''}", not bad


def prepared(world):
    """Whether a request can be made of every operation. The line of the summary, and whether it passed."""
    made = list(targets(world))
    return f"{sum(target.parameters for target in made)} parameters in {len(made)} requests", True


def proves_itself(folder):
    """The judge finds what is there: in a query, in a path and in a body, and calls a request that is turned away no verdict."""
    with Injectable() as origin:
        for number, (target, expected) in enumerate([
                (Target("query", "GET", "/query?name=a"), "injectable"),
                (Target("path", "GET", "/path/a*"), "injectable"),
                (Target("body", "POST", "/body", {"name": "a", "other": 1}, parameters=2), "injectable"),
                (Target("safe", "GET", "/safe?name=a"), "clean"),
                (Target("busy", "GET", "/busy?name=a"), "requests answered [429]")]):
            verdict = run(target, origin, folder, f"self-{number}", "SQLite")
            if not verdict.endswith(expected):
                raise RuntimeError(f"the judge of injection is wrong about {target.name}: {verdict}")


def names(value):
    """The names of the fields that hold a value, as sqlmap tells them apart."""
    found = set()
    for name, inner in value.items():
        # In an empty list there is nothing.
        found |= names(inner) if isinstance(inner, dict) else {name} if inner != [] else set()
    return found


def targets(world):
    """Every target of the description but the exceptions."""
    known, ids = bodies(world), world.ids()
    for who in {who for who, _, _ in known.values() if who} - {"appliance"}:
        world.person(who)
    description = json.loads(pathlib.Path("spec/openapi.json").read_text())
    for method, path, described in operations(description):
        operation = described["operationId"]
        if operation in exceptions.INJECTION:
            continue
        who, body, expected = known.get(operation, ("staff_admin", None, (200,)))
        if body is None and described.get("requestBody", {}).get("required") and "properties" in schema(description, described):
            raise RuntimeError(f"no body is known for {operation}")

        signed = who == "appliance"

        def headers(who=who, signed=signed):
            return world.person(who).headers() if who and not signed else {}

        method = method.upper()
        if "{" in path:
            # Of a write, ids of nothing: they are looked up as often as one likes.
            there = ids if method == "GET" else nothing(described)
            marked = re.sub(r"\{(\w+)\}", lambda found: there[found[1]] + "*", path)
            yield Target(f"{method} {path}", method, marked, body, headers, (200,) if method == "GET" else (404,), path.count("{"))
        real = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1]) or nothing(described)[found[1]], path)
        for parameter in described.get("parameters", []):
            if parameter["in"] == "query":
                name = parameter["name"]
                # A cursor that no list made is refused by its form, whoever wrote it.
                yield Target(f"{method} {path}?{name}", method, f"{real}?{name}={sample(parameter, ids)}", None, headers,
                             (422,) if name == "cursor" else (200, 303))
        if body:
            yield Target(f"{method} {path} body", method, real, body, headers, expected, len(names(body)), signed)


def schema(description, described):
    content = described["requestBody"]["content"].get("application/json", {}).get("schema", {})
    return description["components"]["schemas"].get(content.get("$ref", "").split("/")[-1], {})


def nothing(described):
    """Ids of the right kind that nothing has."""
    return {parameter["name"]: parameter["schema"]["pattern"].split("_")[0].lstrip("^") + exceptions.NOTHING
            for parameter in described["parameters"] if parameter["in"] == "path"}


def sample(parameter, ids):
    """A value of the form that the parameter has."""
    form = parameter["schema"]
    choice = re.match(r"\^\(([a-z_]+)\|", form.get("pattern", ""))
    if choice:
        return choice[1]
    if form.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    return ids.get(parameter["name"]) or {"integer": "1", "boolean": "true"}.get(form.get("type"), "a")
