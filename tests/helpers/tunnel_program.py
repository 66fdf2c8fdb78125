"""A stand-in for cloudflared, ngrok and tailscale: their command lines, and the faults of a test.

A script of its own with the standard library alone; its first two arguments are the program's name
and a JSON object of options:

    say: lines to print at once, with $VARIABLES; then_exit: a status to end with after them
    hostname: its public name; {pid} stands for the process id
    body, head_status: what /quicktunnel or /api/tunnels answers instead
    not_ready_if: a file; not connected while it exists
    deaf: ignores SIGTERM; waits: does nothing after its lines
    record: a file that gets one JSON line per start
    busy_once: a file; without it, it is made and the program finds its port taken
    status, state: for tailscale, what "status" prints and where its daemon's state lies
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Program:
    def __init__(self, name: str, options: dict[str, Any], arguments: list[str]) -> None:
        self.name = name
        self.options = options
        self.arguments = arguments
        hostname = options.get("hostname", "calm-river-{pid}.trycloudflare.com")
        self.hostname = hostname.replace("{pid}", str(os.getpid()))

    def run(self) -> int:
        if self.options.get("deaf"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.name == "tailscale" and "status" in self.arguments:
            return self.print_status()
        self.record()
        for line in self.options.get("say", ()):
            sys.stderr.write(os.path.expandvars(line) + "\n")
        if "then_exit" in self.options:
            return int(self.options["then_exit"])
        busy = self.options.get("busy_once")
        if busy and not Path(busy).exists():
            Path(busy).touch()
            sys.stderr.write("error: listen tcp: bind: address already in use\n")
            return 1
        if self.options.get("waits"):
            threading.Event().wait()
        if self.name == "tailscale":
            state = {"pid": os.getpid(), "origin": self.arguments[-1]}
            Path(self.options["state"]).write_text(json.dumps(state))
            threading.Event().wait()
        self.serve()
        return 0

    def record(self) -> None:
        if "record" in self.options:
            line = {
                "pid": os.getpid(),
                "arguments": self.arguments,
                "environment": dict(os.environ),
                "config": self.config(),
            }
            with Path(self.options["record"]).open("a") as file:
                file.write(json.dumps(line) + "\n")

    def config(self) -> str:
        if "--config" not in self.arguments:
            return ""
        return Path(self.arguments[self.arguments.index("--config") + 1]).read_text()

    def port(self) -> int:
        if self.name == "ngrok":
            found = re.search(r"web_addr: 127\.0\.0\.1:(\d+)", self.config())
            return int(found.group(1)) if found else 0
        return int(self.arguments[self.arguments.index("--metrics") + 1].rpartition(":")[2])

    def serve(self) -> None:
        program = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = program.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    return

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                return

        ThreadingHTTPServer(("127.0.0.1", self.port()), Handler).serve_forever()

    def is_ready(self) -> bool:
        gate = self.options.get("not_ready_if")
        return not (gate and Path(gate).exists())

    def answer(self, path: str) -> tuple[int, bytes]:
        if path == "/ready":
            return (200 if self.is_ready() else 503), b'{"status":200,"readyConnections":1}'
        if path == "/quicktunnel" and "run" in self.arguments:
            return 200, b'{"hostname":""}'
        if path in {"/quicktunnel", "/api/tunnels"} and "body" in self.options:
            body: str = self.options["body"]
            return 200, body.encode() * int(self.options.get("times", 1))
        if path == "/quicktunnel":
            return 200, json.dumps({"hostname": self.hostname}).encode()
        if path == "/api/tunnels":
            rows = [{"public_url": f"https://{self.hostname}", "proto": "https"}]
            return 200, json.dumps({"tunnels": rows if self.is_ready() else []}).encode()
        return 404, b"{}"

    def print_status(self) -> int:
        if "status" not in self.options:
            sys.stderr.write("failed to connect to local tailscaled\n")
            return 1
        if self.arguments[0] == "status":
            sys.stdout.write(json.dumps(self.options["status"]))
            return 0
        sys.stdout.write(json.dumps(self.funnel()))
        return 0

    def funnel(self) -> dict[str, Any]:
        served: dict[str, Any] = dict(self.options.get("served", {}))
        path = Path(self.options["state"])
        state = json.loads(path.read_text()) if path.exists() else {}
        if state and is_alive(state["pid"]):
            place = self.options["status"]["Self"]["DNSName"].rstrip(".") + ":443"
            served["Foreground"] = {
                "session": {
                    "TCP": {"443": {"HTTPS": True}},
                    "Web": {place: {"Handlers": {"/": {"Proxy": state["origin"]}}}},
                    "AllowFunnel": {place: True},
                }
            }
        return served


if __name__ == "__main__":
    sys.exit(Program(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]).run())
