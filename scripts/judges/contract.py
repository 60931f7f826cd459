"""schemathesis: does every answer match the API description, and does no request make the server fail?"""

import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as xml

import exceptions

# Fewer operations than this in the report mean that it judged something else than the whole description; in the short form,
# that its time was not enough to mean anything.
LEAST_OPERATIONS, LEAST_OPERATIONS_SHORT = 80, 40

# What a request whose form is right may be answered: done, or refused for who asks, what there is, or how often.
EXPECTED = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]
# What one whose form is wrong may be answered, which is what schemathesis expects by itself.
EXPECTED_OF_WRONG = ["400", "401", "403", "404", "405", "406", "409", "415", "422", "428", "429", "5xx"]


def judge(server, who, headers, folder, seconds, short):
    """Runs every operation as `who`. The line of the summary, and whether it passed."""
    left_out = dict(exceptions.OPERATIONS)
    if headers:
        left_out |= exceptions.WITH_A_SESSION
    report = pathlib.Path(folder) / f"schemathesis-{who}.xml"
    report.unlink(missing_ok=True)
    description, settings = prepared(folder)
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", settings,
               "run", description, "--url", server.origin, "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "1" if short else "20",
               "--max-time", str(seconds), "--continue-on-failure", "--request-timeout", "20", "--no-color",
               # A NUL stands in no request, wherever it is.
               "--generation-allow-x00", "false",
               "--report", "junit", "--report-junit-path", report, "--generation-database", "none",
               # Credentials are the judge's: invented ones beside them are two credentials, and always refused.
               "--generation-with-security-parameters", "false"]
    if exceptions.CHECKS:
        command += ["--exclude-checks", ",".join(exceptions.CHECKS)]
    for operation in left_out:
        command += ["--exclude-operation-id", operation]
    if short:
        command += ["--seed", "1"]
    for name, value in headers.items():
        command += ["--header", f"{name}:{value}"]
    with open(pathlib.Path(folder) / f"schemathesis-{who}.log", "w") as log:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    timeout=seconds * 2 + 120).returncode
        except subprocess.TimeoutExpired:
            return "did not end in time", False
    return verdict(report, status, server.alive(), LEAST_OPERATIONS_SHORT if short else LEAST_OPERATIONS)


def prepared(folder):
    """The description without the parameters that are left out, and the settings with what is expected of whom."""
    description = json.loads(pathlib.Path("spec/openapi.json").read_text())
    operations = [operation for item in description["paths"].values() for operation in item.values()]
    for operation in operations:
        operation["parameters"] = [parameter for parameter in operation.get("parameters", [])
                                   if parameter["name"] not in exceptions.PARAMETERS]
    unknown = (exceptions.OPERATIONS | exceptions.WITH_A_SESSION | exceptions.CONTENT).keys() - {
        operation["operationId"] for operation in operations}
    if unknown:
        raise RuntimeError(f"exceptions for operations that there are not: {', '.join(sorted(unknown))}")
    settings = []
    for operation, (status, _) in exceptions.CONTENT.items():
        settings += ["[[operations]]", f"include-operation-id = {json.dumps(operation)}",
                     f"checks.positive_data_acceptance.expected-statuses = {json.dumps([*EXPECTED, str(status)])}",
                     f"checks.negative_data_rejection.expected-statuses = {json.dumps(sorted({*EXPECTED_OF_WRONG, str(status)}))}"]
    description_file, settings_file = pathlib.Path(folder) / "openapi.json", pathlib.Path(folder) / "schemathesis.toml"
    description_file.write_text(json.dumps(description))
    settings_file.write_text("\n".join(settings) + "\n")
    return description_file, settings_file


def verdict(report, status, alive, least):
    if not report.exists():
        return f"DID NOT RUN (status {status})", False
    cases = list(xml.parse(report).getroot().iter("testcase"))
    skipped = [case for case in cases if case.find("skipped") is not None]
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    judged = len(cases) - len(skipped)
    line = f"{judged} operations, {len(skipped)} skipped, {len(bad)} failed"
    if not alive:
        return f"{line}; the server ended", False
    if judged < least:
        return f"{line}; too few to count as a run", False
    return line, status == 0 and not bad
