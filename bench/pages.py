"""Over HTTP: a real web process, a signed-in session, and the very requests that a browser sends."""

import http.client
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from django.utils import timezone

from bench import engine, measured, office, places
from bench.measured import Round
from skills.models import Worker

PASSWORD = "bench"  # noqa: S105
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
START_SECONDS = 30
EMPTY = "/language/"  # Django's own view that answers with nothing; like every page it comes behind the look at who is there


class Browser:
    """One connection that keeps cookies."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.cookies: dict[str, str] = {}
        self.token = ""

    def get(self, path: str, *, expected: int = 200) -> str:
        return self._ask("GET", path, expected=expected)

    def post(self, path: str, form: dict[str, object], *, expected: int, **headers: str) -> str:
        body = urlencode({"csrfmiddlewaretoken": self.token} | form, doseq=True)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._ask("POST", path, body=body, headers=headers, expected=expected)

    def _ask(
        self, method: str, path: str, *, expected: int, body: str = "", headers: dict[str, str] | None = None
    ) -> str:
        self.connection.request(method, path, body or None, (headers or {}) | self._cookies())
        answer = self.connection.getresponse()
        text = answer.read().decode()
        assert answer.status == expected, f"{method} {path}: {answer.status}\n{text[:2000]}"
        for value in answer.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(value).items()}
        return text

    def _cookies(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def first_byte(self, path: str) -> tuple[int, float]:
        """Status, and seconds until the answer began. Whatever it is; cookies stay as they are."""
        if self.connection.sock is None:
            self.connection.connect()
        began = time.perf_counter()
        self.connection.request("GET", path, headers=self._cookies())
        answer = self.connection.getresponse()
        seconds = time.perf_counter() - began
        answer.read()
        return answer.status, seconds

    def rest(self) -> None:
        """The next request has a connection of its own: a server hangs up on who says nothing for some seconds."""
        self.connection.close()

    def stream(self, path: str, *, until: bytes) -> tuple[float, float]:
        """Seconds until the first byte of a stream, and until the end of the first event with such a line. Then it is left."""
        connection = http.client.HTTPConnection("127.0.0.1", self.connection.port)
        began = time.perf_counter()
        connection.request("GET", path, headers=self._cookies() | {"Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert answer.status == 200, f"{path}: {answer.status}"
        line, first = answer.readline(), time.perf_counter() - began
        while not line.startswith(until):
            line = answer.readline()
        while line != b"\n":
            line = answer.readline()
        seconds = time.perf_counter() - began
        connection.close()
        return first, seconds

    def sign_in(self, worker: Worker) -> None:
        self.token = self.token_on("/sign-in/")
        self.post("/sign-in/", {"username": worker.username, "password": PASSWORD}, expected=302)
        self.token = self.token_on("/bin/")

    def token_on(self, path: str) -> str:
        found = TOKEN.search(self.get(path))
        assert found, f"no form on {path}"
        return found[1]


@contextmanager
def web(database: str, worker: Worker) -> Iterator[Browser]:
    """A web process on that database, and a browser in which this worker is signed in."""
    worker.set_password(PASSWORD)
    worker.save(update_fields=["password"])
    port = free_port()
    with places.member("web", database, HOST="127.0.0.1", PORT=str(port)):
        await_port(port)
        browser = Browser(port)
        browser.sign_in(worker)
        yield browser


def empty_page(browser: Browser, *, times: int) -> Round:
    return measured.of([seconds(lambda: browser.get(EMPTY, expected=302)) for _ in range(times)])


def done(browser: Browser, of: office.Office, worker: Worker, *, times: int, htmx: bool) -> Round:
    """Done as a form: with htmx the answer is the fresh bin, without it a redirect to the page, which is not counted."""
    spans = []
    for _ in range(times):
        held = engine.start_one(worker)
        path, form = (
            f"/bin/{held.position}/done/",
            {"file": held.file_id, "reference": held.reference, "confirmed": held.checklist},
        )
        if htmx:
            headers = {"HX-Request": "true", "HX-Target": "bin"}
            spans.append(seconds(lambda: browser.post(path, form, expected=200, **headers)))  # noqa: B023
        else:
            spans.append(seconds(lambda: browser.post(path, form, expected=303)))  # noqa: B023
            browser.get("/bin/")
    office.add_files(of, times, now=timezone.now())
    return measured.of(spans)


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
