"""Judges that are not Proofline's own, against its real binary on loopback. One line each at the end.

A judge that did not run has not passed. Usage: main.py FOLDER [short], where FOLDER takes the whole output. The short form
is for every run of the tests: one identity of each level, for a bounded time and from the same seed, and no judge that needs longer.
"""

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
from world import PARTNER, PRACTICE, STAFF, World

IDENTITIES = ("anonymous", "token", *STAFF, *PARTNER, *PRACTICE)
# One of each level of the tenancy, and who is none.
SHORT_IDENTITIES = ("anonymous", "token", "staff_admin", "partner_admin", "practice_viewer")


def main(folder, short):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    seconds = int(os.environ.get("JUDGE_SECONDS", "20" if short else "600"))
    lines, passed = [], True

    def judged(name, judge):
        nonlocal passed
        began, ok = time.monotonic(), False
        try:
            line, ok = judge()
        except Exception as error:  # whatever it was, the other judges still speak
            line = f"DID NOT RUN: {error!r}"
        passed &= ok
        lines.append(f"{name:<28} {'ok' if ok else 'FAILED':<6} {time.monotonic() - began:4.0f}s  {line}")
        print(lines[-1], flush=True)

    def alone(judge):
        """A database of its own: what one writes or breaks is not the next one's."""
        with Server() as server:
            return judge(server)

    def contract_of(server, world, who):
        headers = {} if who == "anonymous" else world.token() if who == "token" else world.person(who).headers()
        return contract.judge(server, who, headers, folder, seconds, short)

    def together():
        """One identity after the other against one server: what one changes, the next one finds, as in life."""
        with Server() as server:
            world = World(server)
            # All of them at once: inviting takes a proof of the last minutes.
            for role in SHORT_IDENTITIES[2:]:
                world.person(role)
            judged("ids of another partner", lambda: foreign.judge(world))
            for who in SHORT_IDENTITIES:
                judged(f"contract {who}", lambda: contract_of(server, world, who))

    if short:
        judged("identities", lambda: (f"{len(SHORT_IDENTITIES)} of them", together() is None))
    else:
        judged("ids of another partner", lambda: alone(lambda s: foreign.judge(World(s))))
        for who in IDENTITIES:
            judged(f"contract {who}", lambda: alone(lambda s: contract_of(s, World(s), who)))
        judged("time of a sign-in", lambda: alone(timing.judge))
        judged("injection", lambda: alone(lambda s: injection.judge(s, s.administrator().headers(), folder, seconds)))
        judged("slow clients", lambda: alone(lambda s: slow.judge(s, 120)))
    print("\n── outside judges", *lines, sep="\n")
    print(f"judges: {sum(' ok ' in line for line in lines)} of {len(lines)} passed")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] == ["short"]))
