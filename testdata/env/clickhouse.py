"""ClickHouse's engine behind the part of its HTTP interface that tests use.

    python clickhouse.py PORT DIRECTORY

There is no package of a ClickHouse server of today; its engine comes as a Python
module (chdb). This puts POST /?query=...&SETTING=... in front of it: the body
follows the query, what is answered is the result, and an error of the engine is a
status of 404 or 500 with the header X-ClickHouse-Exception-Code, as the server
has it. It asks for the user "test" with the password "testsecret". It prints the
port that it listens on, and ends when its standard input does.
"""

import http.server
import os
import re
import sys
import threading
import urllib.parse

from chdb.session import Session

OTHERS = {"query", "database", "user", "password", "wait_end_of_query"}
session = Session(sys.argv[2])
one_at_a_time = threading.Lock()


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, code=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        if self.headers.get("X-ClickHouse-User") != "test" or self.headers.get("X-ClickHouse-Key") != "testsecret":
            return self.answer(403, b"", "516")
        values = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        query = values.get("query", "")
        parameters = {k[len("param_"):]: v for k, v in values.items() if k.startswith("param_")}
        settings = ", ".join("%s = '%s'" % (k, v) for k, v in values.items() if k not in OTHERS and not k.startswith("param_"))
        # The module takes parameters apart from the text; the engine substitutes them.
        insert = re.match(r"(INSERT INTO .*?) (FORMAT \w+)$", query.strip(), re.S)
        if insert and settings:
            query = "%s SETTINGS %s %s" % (insert.group(1), settings, insert.group(2))
        try:
            with one_at_a_time:
                out = session.query(query + "\n" + body, "TSV", params=parameters) if parameters else session.query(query + "\n" + body, "TSV")
            self.answer(200, out.bytes() if out is not None else b"")
        except Exception as error:
            code = re.search(r"Code: (\d+)", str(error))
            self.answer(500, b"", code.group(1) if code else "1")


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Front)
server.daemon_threads = True
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
