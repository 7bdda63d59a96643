"""People without a browser: sign in, read their page, send its forms. For tests in which many act at once or servers die."""

import http.client
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar

FORM = re.compile(r'<form[^>]* action="(/bin/(?:help/\d+/|shelf/\d+/|\d/)?([a-z-]+)/)"[^>]*>(.*?)</form>', re.DOTALL)
FIELD = re.compile(r'name="(file|reference|confirmed)" value="([^"]*)"')
PATIENCE = 20  # seconds

Fields = list[tuple[str, str]]


class Unanswered(Exception):
    """Nobody can know whether it was done: no answer came, or the honest one that somebody is away for a moment (503)."""


class Fault(Exception):
    """An answer that nobody should ever get."""


@dataclass(frozen=True)
class Form:
    """What a bin page offers to do; to it somebody may add what they write."""

    path: str
    verb: str
    fields: Fields

    @property
    def file(self) -> int:
        """0 for what is about no file."""
        return int(dict(self.fields).get("file", 0))

    def filled(self, **typed: str) -> "Form":
        return Form(self.path, self.verb, [*self.fields, *typed.items()])


class Person:
    """Somebody signed in."""

    def __init__(self, address: str, username: str, *, password: str = "secret") -> None:
        self.address, self.username = address, username
        self.jar = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.get("/sign-in/")
        self.post("/sign-in/", [("username", username), ("password", password)])
        assert self.cookie("sessionid"), f"{username} cannot sign in"

    def cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self.jar if cookie.name == name), "")

    def get(self, path: str) -> tuple[int, str]:
        return self._ask(path, None)

    def post(self, path: str, fields: Fields) -> tuple[int, str]:
        """As a page with scripts sends it: the answer is the fresh part of the page."""
        return self._ask(path, urllib.parse.urlencode(fields).encode())

    def _ask(self, path: str, data: bytes | None) -> tuple[int, str]:
        headers = {"HX-Request": "true", "X-CSRFToken": self.cookie("csrftoken")} if data is not None else {}
        request = urllib.request.Request(self.address + path, data=data, headers=headers)
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            if refused.code == 503:
                raise Unanswered(f"503 {path}") from refused
            if refused.code >= 500:
                raise Fault(f"{refused.code} {path}") from refused
            return refused.code, refused.read().decode()
        except (OSError, http.client.HTTPException) as lost:
            if "timed out" in str(lost):
                raise Fault(f"no answer within {PATIENCE} s {path}") from lost
            raise Unanswered(f"{lost!r} {path}") from lost

    def forms(self) -> list[Form]:
        return forms_in(self.get("/bin/slots/")[1])

    def next_form(self) -> Form | None:
        return next_of(self.forms())


def forms_in(html: str) -> list[Form]:
    return [Form(path, verb, FIELD.findall(inside)) for path, verb, inside in FORM.findall(html)]


def next_of(forms: list[Form]) -> Form | None:
    """Start or done, whichever is next."""
    return next((form for form in forms if form.verb in ("start", "done")), None)


def form_in(html: str) -> Form | None:
    return next_of(forms_in(html))


Act = tuple[str, str, int]  # verb, who, the file's id


@dataclass
class Day:
    """What several people tried and what was answered, from whatever thread."""

    choose: Callable[[list[Form]], Form | None] = next_of
    pause: float = 0  # seconds between what one person does
    tried: Counter[Act] = field(default_factory=Counter)
    answered: Counter[Act] = field(default_factory=Counter)
    refused: Counter[Act] = field(default_factory=Counter)
    logged: set[str] = field(default_factory=set)
    unanswered: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    latest: float = 0.0  # when what was last answered had been sent, in monotonic time
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def done(self) -> Counter[int]:
        """Times that a file was said to be done."""
        return files_of("done", self.answered)

    def work(self, person: Person) -> None:
        """What `choose` takes of what the page offers, over and over, until the day is over."""
        while not self.over.is_set():
            with self._noted():
                if form := self.choose(person.forms()):
                    self.send(person, form)
                    time.sleep(self.pause)
                else:
                    time.sleep(0.05)

    def send(self, person: Person, form: Form) -> None:
        act, began = (form.verb, person.username, form.file), time.monotonic()
        with self.lock:
            self.tried[act] += 1
        status, _ = person.post(form.path, form.fields)
        if status not in (200, 409):
            raise Fault(f"{status} {form}")
        with self.lock:
            (self.answered if status == 200 else self.refused)[act] += 1
            if status == 200:
                self.latest = max(self.latest, began)

    def bring(self, person: Person, file_type: str, *, pause: Callable[[], float]) -> None:
        """Log one file after the other, each again until it is answered, until intake has closed and all are."""
        number, reference = 0, ""
        while (reference or not self.closed.is_set()) and not self.faults:
            reference = reference or f"{person.username}-{(number := number + 1)}"
            with self._noted():
                status, html = person.post("/intake/", [("reference", reference), ("file_type", file_type)])
                if status != 200 or reference not in html:
                    raise Fault(f"{status} on logging {reference}")
                self.logged.add(reference)
                reference = ""
                time.sleep(pause())

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """What went wrong is noted, and after a moment people go on."""
        try:
            yield
        except Unanswered as unanswered:
            self.unanswered.append(str(unanswered))
            time.sleep(0.1)
        except Fault as fault:
            self.faults.append(str(fault))
            time.sleep(0.1)


def files_of(verb: str, acts: Counter[Act]) -> Counter[int]:
    found: Counter[int] = Counter()
    for (each, _who, file), times in acts.items():
        if each == verb:
            found[file] += times
    return found
