"""sqlmap: can a parameter of a list, or of signing in, change the statement that the server runs?"""

import json
import pathlib
import subprocess
import sys

CLEAN = "all tested parameters do not appear to be injectable"
FOUND = ("sqlmap identified the following injection point", "sqlmap resumed the following injection point")
SAMPLES = {"integer": "1", "boolean": "true"}


def targets():
    """Each query parameter of each list by itself, from the description, and signing in: pairs of address and body.

    By itself, so that no other parameter has the request refused before this one is read.
    """
    description = json.loads(pathlib.Path("spec/openapi.json").read_text())
    for path, item in description["paths"].items():
        if "get" not in item or "{" in path or path in ("/api/events", "/api/auth/oidc/callback"):
            continue
        for parameter in item["get"].get("parameters", []):
            if parameter["in"] == "query":
                schema = parameter.get("schema", {})
                value = schema.get("enum", [SAMPLES.get(schema.get("type"), "a")])[0]
                yield f"{path}?{parameter['name']}={value}", None
    yield "/api/auth/login", json.dumps({"email": "somebody@example.org", "password": "not the right one"})


def judge(server, headers, folder, seconds):
    """Tries each target for at most `seconds`. The line of the summary, and whether it passed."""
    clean, found, unknown = [], [], []
    for number, (path, body) in enumerate(targets()):
        command = [pathlib.Path(sys.executable).parent / "sqlmap", "-u", server.origin + path, "--batch",
                   "--level", "1", "--risk", "1", "--dbms", "PostgreSQL", "--flush-session", "--disable-coloring",
                   "--timeout", "10", "--retries", "0", "--ignore-code", "*", "--output-dir", pathlib.Path(folder) / "sqlmap"]
        # Signing in is for strangers: with a session it would end that.
        sent = {"Content-Type": "application/json"} if body else headers
        if body:
            command += ["--data", body]
        if sent:
            command += ["--headers", "\n".join(f"{name}: {value}" for name, value in sent.items())]
        try:
            said = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors="replace", timeout=seconds).stdout
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode(errors="replace")
        (pathlib.Path(folder) / f"sqlmap-{number}.log").write_text(f"{path}\n{said}")
        verdict(said, path, clean, found, unknown)
    line = f"{len(clean)} targets not injectable, {len(found)} injectable, {len(unknown)} without a verdict"
    named = " ".join(found + unknown)
    return f"{line}{': ' + named if named else ''}", bool(clean) and not found and not unknown


def verdict(said, path, clean, found, unknown):
    """Only sqlmap's own words count: what broke off or never began is no pass."""
    if any(words in said for words in FOUND):
        found.append(path)
    elif CLEAN in said:
        clean.append(path)
    else:
        unknown.append(path)
