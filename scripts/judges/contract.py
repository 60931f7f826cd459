"""schemathesis: does every answer match the API description, and does no request make the server fail?"""

import pathlib
import subprocess
import sys
import xml.etree.ElementTree as xml

import exceptions

# Fewer operations than this in the report mean that it judged something else than the whole description.
LEAST_OPERATIONS = 80


def judge(server, who, headers, folder, seconds, examples):
    """Runs every operation as `who`. The line of the summary, and whether it passed."""
    left_out = dict(exceptions.OPERATIONS)
    if headers:
        left_out |= exceptions.WITH_A_SESSION
    report = pathlib.Path(folder) / f"schemathesis-{who}.xml"
    report.unlink(missing_ok=True)
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "run", "spec/openapi.json", "--url", server.origin,
               "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(examples),
               "--max-time", str(seconds), "--continue-on-failure", "--request-timeout", "20", "--no-color",
               "--report", "junit", "--report-junit-path", report, "--generation-database", "none",
               # Credentials are the judge's: invented ones beside them are two credentials, and always refused.
               "--generation-with-security-parameters", "false"]
    if exceptions.CHECKS:
        command += ["--exclude-checks", ",".join(exceptions.CHECKS)]
    for operation in left_out:
        command += ["--exclude-operation-id", operation]
    for name, value in headers.items():
        command += ["--header", f"{name}:{value}"]
    with open(pathlib.Path(folder) / f"schemathesis-{who}.log", "w") as log:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    timeout=seconds * 2 + 120).returncode
        except subprocess.TimeoutExpired:
            return "did not end in time", False
    return verdict(report, status, server.alive())


def verdict(report, status, alive):
    if not report.exists():
        return f"DID NOT RUN (status {status})", False
    cases = list(xml.parse(report).getroot().iter("testcase"))
    skipped = [case for case in cases if case.find("skipped") is not None]
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    judged = len(cases) - len(skipped)
    line = f"{judged} operations, {len(skipped)} skipped, {len(bad)} failed"
    if not alive:
        return f"{line}; the server ended", False
    if judged < LEAST_OPERATIONS:
        return f"{line}; too few to count as a run", False
    return line, status == 0 and not bad
