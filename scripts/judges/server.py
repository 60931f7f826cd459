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
# A proof is fresh for five minutes, and a code counts once, for half a minute.
FRESH_SECONDS = 60
PASSWORD = "three unrelated garden words"


def reserved_port():
    """A socket that keeps a port from everybody else. It listens to nobody, so that whoever is told the port can listen beside it."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


def totp(secret, at):
    """The code of RFC 6238 for a base 32 secret at a time in seconds: 6 digits, SHA-1, steps of 30 seconds."""
    key = base64.b32decode(secret.replace(" ", "").upper() + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Stay(urllib.request.HTTPRedirectHandler):
    """An answer that says to go elsewhere is an answer."""

    def redirect_request(self, *_):
        return None


BROWSER = urllib.request.build_opener(Stay)


def read_cookies(answer):
    """The cookies that an answer sets."""
    return {name: morsel.value for line in answer.headers.get_all("Set-Cookie") or []
            for name, morsel in http.cookies.SimpleCookie(line).items()}


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
        with BROWSER.open(request, timeout=30) as answer:
            self.cookies |= read_cookies(answer)
            return answer.read()

    def send(self, *request):
        """As `ask`, and reads JSON."""
        text = self.ask(*request)
        return json.loads(text) if text else None

    def get(self, path):
        return self.send("GET", path)

    def post(self, path, body):
        return self.send("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def put(self, path, body):
        return self.send("PUT", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def protect(self):
        """Gives whoever is signed in an authenticator app, which also proves it."""
        self.secret = self.post("/api/auth/factors/totp", {})["secret"]
        self.post("/api/auth/factors/totp/confirm", {"code": totp(self.secret, time.time())})
        self.proved_at = time.time()

    def add_passkey(self):
        """A passkey of an authenticator that attests nothing; `openssl` makes its key."""
        begun = self.post("/api/auth/factors/passkeys/options", {})
        point = subprocess.run("openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -outform DER", shell=True,
                               check=True, capture_output=True).stdout[-64:]
        of = os.urandom(16)
        # {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}, behind what says whose it is and how it was unlocked.
        cose = bytes.fromhex("a501020326200121 5820") + point[:32] + bytes.fromhex("225820") + point[32:]
        data = (hashlib.sha256(b"localhost").digest() + b"\x45" + bytes(4) + bytes(16) + struct.pack(">H", len(of)) + of + cose)
        attested = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58" + bytes([len(data)]) + data
        client = {"type": "webauthn.create", "challenge": begun["public_key"]["challenge"], "origin": self.origin, "crossOrigin": False}
        return self.post("/api/auth/factors/passkeys", {"ceremony_id": begun["ceremony_id"], "name": "Laptop", "credential": {
            "id": unpadded(of), "rawId": unpadded(of), "type": "public-key", "clientExtensionResults": {},
            "response": {"clientDataJSON": unpadded(json.dumps(client).encode()), "attestationObject": unpadded(attested)}}})

    def prove(self):
        """Proves the app again where the last time was minutes ago: what matters most takes a fresh proof."""
        if time.time() - self.proved_at > FRESH_SECONDS:
            self.proved_at = time.time()
            self.post("/api/auth/second-factor/totp", {"code": totp(self.secret, time.time())})


class Server:
    def __enter__(self):
        binary = os.environ["PROOFLINE_BIN"]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="proofline-judges-"))
        # The private PostgreSQL runs as another user, who has to reach its own folder.
        self.folder.chmod(0o755)
        self._reserved = reserved_port(), reserved_port()
        port, metrics = (kept.getsockname()[1] for kept in self._reserved)
        self.port, self.origin = port, f"http://localhost:{port}"
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.process = subprocess.Popen(
            [binary, "serve", "--dev", "--data", str(self.folder / "data"), "--rate-scale", "100"],
            env=plain | {"PROOFLINE_LISTEN": f"127.0.0.1:{port}", "PROOFLINE_METRICS_LISTEN": f"127.0.0.1:{metrics}"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self._token, self._said, self._ready, self._beside = None, [], threading.Event(), []
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

    def beside(self, process):
        """Something that ends when the server does."""
        self._beside.append(process)

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
        for process in self._beside:
            process.kill()
            process.wait()
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for kept in self._reserved:
            kept.close()
        shutil.rmtree(self.folder, ignore_errors=True)
