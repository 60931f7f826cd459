"""The server that is judged: the real binary with a database of its own, on loopback, and its first administrator.

Nothing is shared with other runs; leaving the `with` block stops the server by its own process id.
"""

import base64
import hashlib
import hmac
import http.cookies
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request

START_SECONDS = 90
PASSWORD = "three unrelated garden words"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def totp(secret, at):
    """The code of RFC 6238 for a base 32 secret at a time in seconds: 6 digits, SHA-1, steps of 30 seconds."""
    key = base64.b32decode(secret.replace(" ", "").upper() + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Session:
    """A browser's half of a session: its cookies, and the header that repeats one of them."""

    def __init__(self, origin):
        self.origin = origin
        self.cookies = {}

    def headers(self):
        """What a request of this session carries; nothing before signing in."""
        if not self.cookies:
            return {}
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookie, "X-CSRF-Token": self.cookies.get("__Host-csrf", "")}

    def ask(self, method, path, data=None, headers=None):
        """Sends bytes and reads bytes. Raises `HTTPError` for a refusal."""
        request = urllib.request.Request(self.origin + path, data, self.headers() | (headers or {}), method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            for line in answer.headers.get_all("Set-Cookie") or []:
                for name, morsel in http.cookies.SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
            return answer.read()

    def send(self, *request):
        """As `ask`, and reads JSON."""
        text = self.ask(*request)
        return json.loads(text) if text else None

    def get(self, path):
        return self.send("GET", path)

    def post(self, path, body):
        return self.send("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def protect(self):
        """Gives whoever is signed in an authenticator app, which also proves it."""
        secret = self.post("/api/auth/factors/totp", {})["secret"]
        self.post("/api/auth/factors/totp/confirm", {"code": totp(secret, time.time())})


class Server:
    def __enter__(self):
        binary = os.environ["PROOFLINE_BIN"]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="proofline-judges-"))
        # The private PostgreSQL runs as another user, who has to reach its own folder.
        self.folder.chmod(0o755)
        port = free_port()
        self.port, self.origin = port, f"http://localhost:{port}"
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.process = subprocess.Popen(
            [binary, "serve", "--dev", "--data", str(self.folder / "data"), "--rate-scale", "100"],
            env=plain | {"PROOFLINE_LISTEN": f"127.0.0.1:{port}", "PROOFLINE_METRICS_LISTEN": f"127.0.0.1:{free_port()}"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self._token, self._said, self._ready = None, [], threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        self._ready.wait(START_SECONDS)
        if not self._token:
            self.__exit__()
            raise RuntimeError("the server did not start:\n" + "".join(self._said[-20:]))
        return self

    def _listen(self):
        # Reads to the end: a full pipe would stop the server.
        for line in self.process.stdout:
            del self._said[:-200]
            self._said.append(line)
            found = re.search(r"/bootstrap#(\S+)", line)
            if found and not self._token:
                self._token = found[1]
                self._ready.set()
        self._ready.set()

    def alive(self):
        return self.process.poll() is None

    def administrator(self):
        """Makes the first account with its authenticator app. Once for each server."""
        session = Session(self.origin)
        session.post("/api/auth/bootstrap", {
            "token": self._token, "name": "Judge", "email": "judge@example.org", "password": PASSWORD})
        session.protect()
        return session

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
