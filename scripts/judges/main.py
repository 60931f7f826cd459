"""Judges that are not Proofline's own, against its real binary on loopback. One line each at the end.

A judge that did not run has not passed. Usage: main.py FOLDER [short], where FOLDER takes the whole output. The short form is
part of every run of the tests: the same requests each time, and no judge that needs longer.
"""

import concurrent.futures
import os
import pathlib
import sys
import time

import contract
import foreign
import injection
import slow
import timing
from server import Server
from signer import Signer
from world import PARTNER, PRACTICE, STAFF, World

IDENTITIES = ("anonymous", "token", "appliance", *STAFF, *PARTNER, *PRACTICE)
# Whose every boundary value is tried in the short form, too: nobody, who may most, and who may least.
THOROUGH = ("anonymous", "staff_admin", "practice_viewer")
EVERYTHING = "examples,coverage,fuzzing"
# Examples for each operation.
SHORT_EXAMPLES, LONG_EXAMPLES = 2, 40
# schemathesis on one processor, the server on the other.
AT_ONCE = 2


def main(folder, short):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    examples = int(os.environ.get("JUDGE_EXAMPLES", SHORT_EXAMPLES if short else LONG_EXAMPLES))
    lines = []

    def judged(name, judge):
        began, ok = time.monotonic(), False
        try:
            line, ok = judge()
        except Exception as error:  # whatever it was, the other judges still speak
            line = f"DID NOT RUN: {error!r}"
        lines.append((ok, f"{name:<28} {'ok' if ok else 'FAILED':<6} {time.monotonic() - began:4.0f}s  {line}"))
        print(lines[-1][1], flush=True)

    def alone(judge):
        """A database of its own: what one writes or breaks is not the next one's."""
        with Server() as server:
            return judge(server)

    def contract_of(server, world, who):
        if who == "appliance":
            with Signer(server, world.tenants[0]["appliance"]) as signer:
                return contract.judge(server, who, {}, folder, examples, EVERYTHING, signer)
        headers = {} if who == "anonymous" else world.token() if who == "token" else world.proved(who).headers()
        phases = EVERYTHING if who in THOROUGH or not short else "fuzzing"
        return contract.judge(server, who, headers, folder, examples, phases)

    def together():
        """Every identity against one server: what one changes, the others find, as in life."""
        with Server() as server:
            world = World(server)
            # All of them at once: inviting takes a proof of the last minutes.
            for role in (*STAFF, *PARTNER, *PRACTICE):
                world.person(role)
            judged("requests for sqlmap", lambda: injection.prepared(world))
            judged("ids of another partner", lambda: foreign.judge(world))
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                # The long ones first.
                for who in sorted(IDENTITIES, key=lambda who: who not in THOROUGH):
                    pool.submit(judged, f"contract {who}", lambda who=who: contract_of(server, world, who))

    if short:
        together()
    else:
        judged("ids of another partner", lambda: alone(lambda server: foreign.judge(World(server))))
        for who in IDENTITIES:
            judged(f"contract {who}", lambda: alone(lambda server: contract_of(server, World(server), who)))
        judged("time of a sign-in", lambda: alone(timing.judge))
        judged("injection", lambda: alone(lambda server: injection.judge(server, World(server), folder)))
        judged("slow clients", lambda: alone(lambda server: slow.judge(server, 120)))
    print("\n── outside judges", *(line for _, line in lines), sep="\n")
    passed = sum(ok for ok, _ in lines)
    print(f"judges: {passed} of {len(lines)} passed")
    return 0 if passed == len(lines) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] == ["short"]))
