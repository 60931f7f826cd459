"""A server that is injectable on purpose, so that a judge can show that it finds one. Loopback only."""

import http.server
import json
import sqlite3
import urllib.parse

from loopback import Loopback


class Injectable(Loopback):
    """Answers with what a table holds of a name that stands in the query, in the path or in a JSON body."""

    def __init__(self):
        super().__init__(Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self):
        where = urllib.parse.urlsplit(self.path)
        name = urllib.parse.parse_qs(where.query).get("name", [""])[0]
        if where.path == "/safe":
            self.answer(*look("SELECT name FROM thing WHERE name = ?", (name,)))
        elif where.path == "/busy":
            Handler.asked += 1
            self.answer(429 if Handler.asked > 5 else 200, [])
        elif where.path == "/query":
            self.answer(*look(f"SELECT name FROM thing WHERE name = '{name}'"))
        else:
            name = urllib.parse.unquote(where.path.split("/")[-1])
            self.answer(*look(f"SELECT name FROM thing WHERE name = '{name}'"))

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            name = json.loads(sent)["name"]
        except ValueError:
            return self.answer(400, [])
        self.answer(*look(f"SELECT name FROM thing WHERE name = '{name}'"))

    def answer(self, status, found):
        body = json.dumps({"items": found}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def look(statement, values=()):
    """Status and rows; what is no statement is answered like nothing found."""
    database = sqlite3.connect(":memory:")
    database.executescript("CREATE TABLE thing (name text); INSERT INTO thing VALUES ('a'), ('b'), ('c');")
    try:
        return 200, [row[0] for row in database.execute(statement, values)]
    except sqlite3.Error:
        return 404, []
    finally:
        database.close()
