#!/usr/bin/python3
"""A health check for tests: answers POST and writes down, a JSON line each, what it was told.

usage: health_check.py DIR [--status N] [--certificate FILE] [--silent]
"""
import argparse
import http.server
import json
import pathlib
import ssl

parser = argparse.ArgumentParser()
parser.add_argument("directory", type=pathlib.Path)
parser.add_argument("--status", type=int, default=200)
parser.add_argument("--certificate", help="speak TLS with it; its key is in the same file")
parser.add_argument("--silent", action="store_true", help="take connections and never answer")
options = parser.parse_args()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        line = {"path": self.path, "body": body, "agent": self.headers["User-Agent"]}
        with open(options.directory / "told", "a") as told:
            told.write(json.dumps(line) + "\n")
        self.send_response(options.status)
        if 300 <= options.status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=True)
if options.certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
(options.directory / "port.new").write_text(f"{server.server_port}\n")
(options.directory / "port.new").rename(options.directory / "port")
if options.silent:
    while True:
        connection, _ = server.socket.accept()
        kept = globals().setdefault("kept", [])
        kept.append(connection)
while True:
    try:
        server.handle_request()
    except OSError:  # a client that does not trust our certificate hangs up
        pass
