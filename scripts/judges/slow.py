"""Clients that trickle: does the server answer others meanwhile, and does it get rid of the slow ones?"""

import http.client
import socket
import time

CONNECTIONS = 200
MOST_P99 = 0.250
HEAD = b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n"


def judge(server, seconds):
    """Half of the clients never finish their head, half never their body. The line of the summary, and whether it passed."""
    slow = []
    for number in range(CONNECTIONS):
        client = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        client.sendall(HEAD if number % 2 else HEAD + b"\r\n")
        client.setblocking(False)
        slow.append(client)
    times, failed, closed, until = [], 0, 0, time.monotonic() + seconds
    while slow and time.monotonic() < until:
        still = [client for client in slow if trickles(client)]
        closed += len(slow) - len(still)
        slow = still
        for _ in range(5):
            began = time.monotonic()
            try:
                other = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
                other.request("GET", "/health")
                failed += other.getresponse().status != 200
                other.close()
            except OSError:
                failed += 1
            times.append(time.monotonic() - began)
        time.sleep(0.5)
    for client in slow:
        client.close()
    p99 = sorted(times)[int(len(times) * 0.99)] if times else float("inf")
    line = f"{CONNECTIONS} slow clients, {closed} closed; {len(times)} others, {failed} failed, p99 {p99 * 1000:.0f} ms"
    return line, closed == CONNECTIONS and not failed and p99 < MOST_P99 and len(times) >= 20


def trickles(client):
    """Sends one byte more; whether the server still listens."""
    try:
        client.send(b"x")
        while True:
            if not client.recv(4096):
                break
    except BlockingIOError:
        return True
    except OSError:
        pass
    client.close()
    return False
