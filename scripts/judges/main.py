"""Judges that are not Proofline's own, against its real binary on loopback. One line each at the end.

A judge that did not run has not passed. Usage: main.py FOLDER, where FOLDER takes the whole output.
"""

import os
import pathlib
import sys
import time

import contract
import injection
import slow
from server import Server

SECONDS = int(os.environ.get("JUDGE_SECONDS", "600"))


def main(folder):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    lines, passed = [], True

    # A database of its own for each: what one writes or breaks is not the next one's.
    def run(name, judge):
        nonlocal passed
        began, ok = time.monotonic(), False
        try:
            with Server() as server:
                line, ok = judge(server)
        except Exception as error:  # whatever it was, the other judges still speak
            line = f"DID NOT RUN: {error!r}"
        passed &= ok
        lines.append(f"{name:<24} {'ok' if ok else 'FAILED':<6} {time.monotonic() - began:4.0f}s  {line}")
        print(lines[-1], flush=True)

    run("contract anonymous", lambda s: contract.judge(s, "anonymous", {}, folder, SECONDS, 20))
    run("contract administrator", lambda s: contract.judge(s, "administrator", s.administrator().headers(), folder, SECONDS, 20))
    run("injection", lambda s: injection.judge(s, s.administrator().headers(), folder, SECONDS))
    run("slow clients", lambda s: slow.judge(s, 120))
    print("\n── outside judges", *lines, sep="\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
