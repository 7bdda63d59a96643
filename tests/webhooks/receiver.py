"""Somebody else's program that takes webhooks: checks signatures as the reference implementation does, and remembers."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook as Verifier


@dataclass(frozen=True)
class Got:
    """A message that came, and what was answered."""

    id: str
    body: dict[str, Any]
    headers: dict[str, str]
    raw: bytes
    status: int

    @property
    def event(self) -> int:
        return self.body["data"]["id"]


class Receiver:
    """Listens from `start` to `stop`, always on the same port. `decide` says what is answered to which message; with a secret, a
    message that it did not sign is 401."""

    def __init__(self, decide: Callable[[dict[str, Any]], int] = lambda body: 204) -> None:
        self.decide, self.secret = decide, ""
        self.got: list[Got] = []
        self.arrived = 0  # with those that are held
        self.hold = threading.Event()
        self.hold.set()
        self._port, self._server = 0, None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook?from=threeslot"

    @property
    def accepted(self) -> list[Got]:
        return [each for each in self.got if 200 <= each.status < 300]

    def start(self) -> "Receiver":
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ours = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 20

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                if ours._server is None:  # stopped, with this connection still open
                    self.close_connection = True
                    return
                status, headers = ours._take(raw, dict(self.headers)), {}
                if isinstance(status, tuple):
                    status, headers = status
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _take(self, raw: bytes, headers: dict[str, str]) -> Any:
        body = json.loads(raw)
        self.arrived += 1
        self.hold.wait(20)
        answer = self.decide(body)
        if self.secret:
            Verifier(self.secret).verify(raw, headers)
        low = {name.lower(): value for name, value in headers.items()}
        status = answer[0] if isinstance(answer, tuple) else answer
        self.got.append(Got(low["webhook-id"], body, low, raw, status))
        return answer


def until(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """What the condition gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (thing := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return thing
