"""Does the time of a refused sign-in tell why? Unknown, disabled, locked and wrong, over a socket, as a stranger measures it.

The server's own audit trail says afterwards that each class was what it was meant to be. The verdict needs no figure of ours:
two classes may differ by no more than random halves of one class do.
"""

import http.client
import itertools
import json
import os
import random
import statistics
import time

from server import PASSWORD
from world import World

SAMPLES = 300
# Wrong ones after which an account is locked, for a quarter of an hour; and so many that it is not.
LOCKING, BEFORE_LOCKED = 10, 4
# Seconds that a lock lasts, with some to spare: what comes later is no measurement of a locked account.
LOCK_SECONDS = 850
# Random halvings, and the part of them that is taken for chance.
HALVINGS, CHANCE = 2000, 0.999
# Where halves of one class are further apart than this part of the whole, nothing can be told.
MOST_PART = 0.05


def judge(server):
    """The line of the summary, and whether it passed."""
    world = World(server)
    samples = int(os.environ.get("JUDGE_SAMPLES", SAMPLES))
    people = {why: world.person(role) for why, role in
              {"wrong": "practice_owner", "locked": "practice_manager", "disabled": "practice_viewer"}.items()}
    address = {why: person.get("/api/auth/session")["user"]["email"] for why, person in people.items()}
    disabled = people["disabled"].get("/api/auth/session")["user"]["id"]
    suspend(world, disabled)
    for _ in range(LOCKING):
        sign_in(server, address["locked"], "no", 401)
    locked_at = time.monotonic()
    # The trail is asked for what came later than these, to the second.
    time.sleep(1)
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    times = {why: [] for why in ("unknown", "disabled", "locked", "wrong")}
    for number in range(samples):
        if number and number % BEFORE_LOCKED == 0:
            # Too many attempts would lock this account, too; signing in clears the count.
            world.administrator.post(f"/api/users/{disabled}/restore", {})
            sign_in(server, address["disabled"], PASSWORD, 200)
            suspend(world, disabled)
        # In another order each time: what happens on the machine happens to all of them.
        for why in random.sample(sorted(times), len(times)):
            where = address.get(why) or f"practice_owner.{number}@southgate.example"
            times[why].append(sign_in(server, where, "no", 401))
            if why == "wrong":
                sign_in(server, where, PASSWORD, 200)
    if time.monotonic() - locked_at > LOCK_SECONDS:
        return f"{samples} of each took longer than a lock lasts: this machine is too busy", False
    seen = audited(world, began)
    middle = {why: statistics.median(taken) for why, taken in times.items()}
    noise = max(spread(taken) for taken in times.values())
    apart, pair = max((abs(middle[a] - middle[b]), f"{a} and {b}") for a, b in itertools.combinations(times, 2))
    line = (f"{samples} of each: " + ", ".join(f"{why} {taken * 1000:.2f} ms" for why, taken in middle.items())
            + f"; {pair} are {apart * 1000:.2f} ms apart, halves of one class up to {noise * 1000:.2f} ms")
    wrongly = {why: seen.get(why, 0) for why in times if seen.get(why, 0) != samples}
    if wrongly:
        return f"{line}; the server counts otherwise: {wrongly}", False
    return line, apart <= noise <= MOST_PART * min(middle.values())


def suspend(world, person):
    world.proved("staff_admin").post(f"/api/users/{person}/suspend", {"reason": "because a judge asks for it"})


def spread(taken):
    """How far the medians of two random halves are apart, chance allowing."""
    apart = []
    for _ in range(HALVINGS):
        mixed = random.sample(taken, len(taken))
        half = len(mixed) // 2
        apart.append(abs(statistics.median(mixed[:half]) - statistics.median(mixed[half:])))
    return sorted(apart)[int(HALVINGS * CHANCE) - 1]


def audited(world, since):
    """How many sign-ins were refused for which reason, as the audit trail says."""
    seen, cursor = {}, ""
    while True:
        page = world.administrator.get(f"/api/audit?action=auth.login&outcome=denied&from={since}&limit=100{cursor}")
        for row in page["items"]:
            why = row["detail"]["why"]
            seen[why] = seen.get(why, 0) + 1
        if not page.get("next_cursor"):
            return seen
        cursor = f"&cursor={page['next_cursor']}"


def sign_in(server, address, password, expected):
    """Seconds until the answer is there."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = json.dumps({"email": address, "password": password})
    client.connect()
    began = time.perf_counter()
    client.request("POST", "/api/auth/login", body, {"Content-Type": "application/json", "Host": f"localhost:{server.port}"})
    answer = client.getresponse()
    answer.read()
    took = time.perf_counter() - began
    client.close()
    if answer.status != expected:
        raise RuntimeError(f"signing in was answered with {answer.status}")
    return took
