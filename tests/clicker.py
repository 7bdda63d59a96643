"""People without a browser: sign in, read their page, send its forms. For tests in which many act at once or servers die."""

import http.client
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from http.cookiejar import CookieJar

FORM = re.compile(r'<form[^>]* action="(/bin/\d/(start|done)/)"[^>]*>(.*?)</form>', re.DOTALL)
FIELD = re.compile(r'name="(file|reference|confirmed)" value="([^"]*)"')


class Unanswered(Exception):
    """Nobody can know whether it was done: no answer came, or one that says the server failed."""


@dataclass(frozen=True)
class Form:
    """What a bin page offers to do next."""

    path: str
    verb: str
    fields: list[tuple[str, str]]

    @property
    def file(self) -> int:
        return int(dict(self.fields)["file"])


class Person:
    """Somebody signed in."""

    def __init__(self, address: str, username: str, *, password: str = "secret") -> None:
        self.address = address
        self.jar = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.get("/sign-in/")
        self.post("/sign-in/", [("username", username), ("password", password)])
        assert self.cookie("sessionid"), f"{username} cannot sign in"

    def cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self.jar if cookie.name == name), "")

    def get(self, path: str) -> tuple[int, str]:
        return self._ask(path, None)

    def post(self, path: str, fields: list[tuple[str, str]]) -> tuple[int, str]:
        """As a page with scripts sends it: the answer is the fresh part of the page."""
        return self._ask(path, urllib.parse.urlencode(fields).encode())

    def _ask(self, path: str, data: bytes | None) -> tuple[int, str]:
        headers = {"HX-Request": "true", "X-CSRFToken": self.cookie("csrftoken")} if data is not None else {}
        request = urllib.request.Request(self.address + path, data=data, headers=headers)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            if refused.code >= 500:
                raise Unanswered(f"{refused.code} {path}") from refused
            return refused.code, refused.read().decode()
        except (OSError, http.client.HTTPException) as lost:
            raise Unanswered(f"{lost!r} {path}") from lost

    def next_form(self) -> Form | None:
        return form_in(self.get("/bin/slots/")[1])


def form_in(html: str) -> Form | None:
    found = FORM.search(html)
    return Form(found[1], found[2], FIELD.findall(found[3])) if found else None


@dataclass
class Day:
    """What several people tried and what was answered, from whatever thread."""

    tried: set[int] = field(default_factory=set)
    done: Counter[int] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def work(self, person: Person) -> None:
        """Start and done, over and over, until the day is over."""
        while not self.over.is_set():
            try:
                form = person.next_form()
                if form is None:
                    time.sleep(0.05)
                else:
                    self.send(person, form)
            except Unanswered as unanswered:
                with self.lock:
                    self.unanswered.append(str(unanswered))
                time.sleep(0.1)

    def send(self, person: Person, form: Form) -> None:
        with self.lock:
            self.tried.add(form.file)
        status, _ = person.post(form.path, form.fields)
        assert status in (200, 409), (status, form)
        if form.verb == "done":
            with self.lock:
                (self.done if status == 200 else self.refused)[form.file] += 1
