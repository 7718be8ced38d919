#!/usr/bin/env python3
"""A small API: /items counts the rows of a table, /healthz asks the database.

api.py PORT; the database is that of psql's environment.
"""
import http.server
import os
import subprocess
import sys


def query(sql):
    return subprocess.run(
        ["psql", "-X", "-q", "-t", "-A", "-c", sql],
        check=True, capture_output=True, text=True, timeout=5).stdout.strip()


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        questions = {"/items": "SELECT count(*) FROM items",
                     "/healthz": "SELECT 'well'"}
        if self.path not in questions:
            return self.answer(404, "no such page")
        try:
            self.answer(200, query(questions[self.path]))
        except subprocess.SubprocessError as error:
            self.answer(503, f"the database: {error}")

    def answer(self, status, text):
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", os.environ["W2T_TASK"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(format % args, flush=True)


class Server(http.server.ThreadingHTTPServer):
    # A replica that is started again takes its port at once.
    allow_reuse_address = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
