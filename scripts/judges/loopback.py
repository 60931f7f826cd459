"""A server of a judge's own, on loopback, for as long as a `with` block."""

import http.server
import threading


class Loopback:
    """What handles its requests is given; its address is what `with` gives."""

    def __init__(self, handler):
        self.handler = handler

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
