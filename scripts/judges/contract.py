"""schemathesis: does every answer match the API description, and does no request make the server fail?

The same requests every time: a fixed seed, a fixed number of examples for each operation, and no part for what the server
answered before. Only credentials and ids of the seeded world differ from run to run.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

import exceptions

# Fewer operations than this in the report mean that it judged something else than the whole description.
LEAST_OPERATIONS, LEAST_SIGNED = 100, 5
# The most that one identity takes: a bound, not a budget.
SECONDS = 1800

# What a request whose form is right may be answered: done, or refused for who asks, what there is, or how often.
EXPECTED = {"2xx", "3xx", "401", "403", "404", "409", "429", "5xx"}
# What one whose form is wrong may be answered, which is what schemathesis expects by itself.
EXPECTED_OF_WRONG = {"400", "401", "403", "404", "405", "406", "409", "415", "422", "428", "429", "5xx"}


def judge(server, who, headers, folder, examples, phases, signer=None):
    """Runs every operation as `who`, or through a `signer` those that are signed. The line of the summary, and whether it passed."""
    left_out = {} if signer else dict(exceptions.OPERATIONS)
    if headers:
        left_out |= exceptions.WITH_A_SESSION
    report = pathlib.Path(folder) / f"schemathesis-{who}.xml"
    report.unlink(missing_ok=True)
    description, settings = prepared(folder, who, signed=bool(signer))
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", settings,
               "run", description, "--url", signer or server.origin, "--checks", "all", "--phases", phases,
               "--max-examples", str(examples), "--seed", "1", "--continue-on-failure", "--request-timeout", "20", "--no-color",
               # A NUL stands in no request, wherever it is.
               "--generation-allow-x00", "false",
               "--report", "junit", "--report-junit-path", report, "--generation-database", "none",
               # What is slow is another judge's, and no reason to make other requests.
               "--suppress-health-check", "all",
               # Credentials are the judge's: invented ones beside them are two credentials, and always refused.
               "--generation-with-security-parameters", "false"]
    if signer:
        command += ["--exclude-checks", ",".join(exceptions.SIGNED_CHECKS)]
    for operation in left_out:
        command += ["--exclude-operation-id", operation]
    for name, value in headers.items():
        command += ["--header", f"{name}:{value}"]
    log = pathlib.Path(folder) / f"schemathesis-{who}.log"
    with open(log, "w") as output:
        try:
            # The order of a set decides which example comes first.
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=SECONDS,
                                    env=os.environ | {"PYTHONHASHSEED": "0"}).returncode
        except subprocess.TimeoutExpired:
            return "did not end in time", False
    return verdict(report, log.read_text(), status, server.alive(), LEAST_SIGNED if signer else LEAST_OPERATIONS)


def prepared(folder, who, signed):
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
    if signed:
        # What needs no signature is judged without.
        for path, item in list(description["paths"].items()):
            description["paths"][path] = {method: operation for method, operation in item.items()
                                          if {"appliance_signature": []} in operation.get("security", [])}
        description["paths"] = {path: item for path, item in description["paths"].items() if item}
        operations = [operation for item in description["paths"].values() for operation in item.values()]
    settings = ["[phases.coverage.extra-data-sources]", "responses = false", "[phases.fuzzing.extra-data-sources]",
                "responses = false", "[phases.fuzzing.error-feedback]", "enabled = false"]
    for operation in operations:
        also = {str(exceptions.CONTENT[operation["operationId"]][0])} if operation["operationId"] in exceptions.CONTENT else set()
        if holds_numbers(description, operation):
            also.add("400")
        if also:
            settings += ["[[operations]]", f"include-operation-id = {json.dumps(operation['operationId'])}",
                         f"checks.positive_data_acceptance.expected-statuses = {json.dumps(sorted(EXPECTED | also))}",
                         f"checks.negative_data_rejection.expected-statuses = {json.dumps(sorted(EXPECTED_OF_WRONG | also))}"]
    description_file, settings_file = pathlib.Path(folder) / f"openapi-{who}.json", pathlib.Path(folder) / f"schemathesis-{who}.toml"
    description_file.write_text(json.dumps(description))
    settings_file.write_text("\n".join(settings) + "\n")
    return description_file, settings_file


def holds_numbers(description, operation):
    """Whether a body may hold a number. `4.0` is a whole one by its form, and no number that the server reads: 400."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    open_list, seen = [content], set()
    while open_list:
        schema = open_list.pop()
        name = schema.get("$ref", "").split("/")[-1]
        if name and name not in seen:
            seen.add(name)
            open_list.append(description["components"]["schemas"][name])
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if "integer" in kinds or "number" in kinds or ("object" in kinds and "properties" not in schema):
            return True
        open_list += schema.get("properties", {}).values()
        open_list += schema.get("oneOf", [])
        open_list += [schema["items"]] if isinstance(schema.get("items"), dict) else []
    return False


def verdict(report, said, status, alive, least):
    if not report.exists():
        return f"DID NOT RUN (status {status})", False
    cases = list(xml.parse(report).getroot().iter("testcase"))
    skipped = [case for case in cases if case.find("skipped") is not None]
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    judged = len(cases) - len(skipped)
    calls = re.search(r"^ +(\d+) generated", said, re.M)
    line = f"{calls[1] if calls else 'no'} calls of {judged} operations, {len(bad)} failed"
    if not alive:
        return f"{line}; the server ended", False
    if judged < least:
        return f"{line}; too few to count as a run", False
    return line, status == 0 and not bad
