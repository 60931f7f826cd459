"""Does the time of a refused sign-in tell whether there is such an account? Over a socket, as a stranger would measure it."""

import http.client
import json
import random
import statistics
import time

from server import PASSWORD
from world import World

SAMPLES = 300
# Further apart than this many standard errors of the difference, and than this part of the whole, is a tale told.
MOST_ERRORS = 4
MOST_PART = 0.05


def judge(server):
    """The line of the summary, and whether it passed."""
    world = World(server)
    world.person("partner_admin")
    known = "partner_admin.0@northgate.example"
    # Addresses that differ in nothing else; a new one for each sample, so that none is locked but the known one, which is
    # locked after the first few: unknown, locked and wrong have to take alike.
    times = {"known": [], "unknown": []}
    for number in range(SAMPLES):
        pair = [("known", known), ("unknown", f"partner_admin.{number}@southgate.example")]
        random.shuffle(pair)
        for kind, address in pair:
            times[kind].append(sign_in(server, address))
    first, second = times["known"], times["unknown"]
    means = statistics.mean(trimmed(first)), statistics.mean(trimmed(second))
    error = (statistics.variance(trimmed(first)) / len(trimmed(first)) + statistics.variance(trimmed(second)) / len(trimmed(second))) ** 0.5
    apart = abs(means[0] - means[1])
    line = (f"{SAMPLES} of each: known {means[0] * 1000:.1f} ms, unknown {means[1] * 1000:.1f} ms, "
            f"apart {apart * 1000:.2f} ms ({apart / error if error else 0:.1f} standard errors)")
    return line, apart <= max(MOST_ERRORS * error, 0) or apart <= MOST_PART * min(means)


def trimmed(times):
    """Without the slowest tenth: other programs' doing."""
    return sorted(times)[:len(times) * 9 // 10]


def sign_in(server, address):
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = json.dumps({"email": address, "password": PASSWORD + " not"})
    began = time.perf_counter()
    client.request("POST", "/api/auth/login", body, {"Content-Type": "application/json", "Host": f"localhost:{server.port}"})
    status = client.getresponse()
    status.read()
    took = time.perf_counter() - began
    client.close()
    if status.status != 401:
        raise RuntimeError(f"a wrong password was answered with {status.status}")
    return took
