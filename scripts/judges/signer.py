"""Between a judge that cannot sign and the server: everything that comes by is signed as an appliance, and nothing else is changed."""

import http.client
import http.server
import urllib.parse

from loopback import Loopback

# Made anew by the signer, or about its own connection.
OWN = {"host", "connection", "content-length", "transfer-encoding", "content-digest", "signature", "signature-input"}


class Signer(Loopback):
    """Signs as this appliance what goes to this server."""

    def __init__(self, server, appliance):
        super().__init__(type("Bound", (Handler,), {"port": server.port, "appliance": appliance}))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        sent = self.rfile.read(int(self.headers["Content-Length"] or 0))
        where = urllib.parse.urlsplit(self.path)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
        headers |= self.appliance.signed(self.command, where.path, where.query, sent)
        onward = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            onward.request(self.command, self.path, sent or None, headers | {"Host": f"localhost:{self.port}"})
            answer = onward.getresponse()
            body = answer.read()
        finally:
            onward.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name):
        """Every method is passed on, those that no server knows, too."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass
