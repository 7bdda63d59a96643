"""Who may call what: `docs/api-rights.md` is the data of these tests, for every call, everybody and every scope."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import loans, tokens
from dispatch.api.description import api
from dispatch.models import Event, File, Loan, Scope, ShelfPlace, Slot, Token
from skills.models import Worker
from tests import office as desk
from tests import visits
from tests.api.client import secret_of
from tests.visits import LATER, LEADER, MANAGER, NOW, STRANGER, TEACHER, WORKER, Office

pytestmark = pytest.mark.django_db

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "api-rights.md"
ROLES = [role for role in visits.ROLES if role != visits.WALL]
UNTIL = (LATER + timedelta(hours=3)).isoformat()


class Row(NamedTuple):
    verb: str
    path: str
    scope: str
    cells: dict[str, str]


def table() -> list[Row]:
    lines = [line.strip("| ").split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert lines[0][2:] == ROLES
    return [Row(*row["call"].strip("`").split(), row["scope"], {role: row[role] for role in ROLES}) for row in rows]


@pytest.fixture(autouse=True)
def _in_the_middle_of_the_day(settings, tmp_path) -> Iterator[None]:
    settings.ATTACHMENTS_DIR = str(tmp_path / "attachments")
    with time_machine.travel(LATER, tick=False):
        yield


@pytest.fixture
def office() -> Office:
    made = visits.new_office()
    third = desk.team("Third")
    wanda = Worker.objects.get(username="wanda")
    loan = loans.lend(
        wanda,
        to_team=third,
        starts_at=NOW + timedelta(days=1),
        ends_at=NOW + timedelta(days=2),
        reason="a flood",
        is_agreed=True,
        by=made.people[LEADER],
        now=NOW,
    )
    made.arguments["loan"] = loan.pk
    return made


def body_of(office: Office, row: Row, role: str) -> Any:
    new = {"reference": "NEW-1", "file_type": "settlements-claim"}
    loan = {"worker": "ada", "to_team": "claims", "ends_at": UNTIL}
    own = office.own["/bin/undo/", "POST"].get(role) or office.own["/bin/undo/", "POST"][WORKER]
    return {
        "/files": new,
        "/files/bulk": [new],
        "/files/{reference}/withdraw": {"reason": "called off"},
        "/files/{reference}/rework": {"reason": "a sum is wrong"},
        "/bin/{position}/stuck": {"reason": "which form"},
        "/bin/{position}/shelve": {"reason": "the broker", "wake_at": (LATER + timedelta(days=1)).isoformat()},
        "/bin/{position}/pass-back": {"reason": "not mine"},
        "/undo": own.sent,
        "/loans": loan,
        "/loans/what-if": loan,
    }.get(row.path, {})


def ask(office: Office, row: Row, secret: str, body: Any) -> int:
    """The status. Nothing that it does stays done."""
    arguments = {**office.arguments, "position": 2}
    path = "/api/v1" + re.sub(r"{(\w+)}", lambda name: str(arguments[name[1]]), row.path)
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    with transaction.atomic():
        try:
            client = Client()
            if row.verb == "GET":
                return client.get(path, headers=headers).status_code
            return client.post(path, json.dumps(body), content_type="application/json", headers=headers).status_code
        finally:
            transaction.set_rollback(True)


def is_yes(status: int) -> bool:
    return status < 300 or status in (409, 422)


def traces() -> tuple[object, ...]:
    people = Worker.objects.order_by("pk").values_list("is_present", "works_in")
    return (*(model.objects.count() for model in (Event, File, Loan, ShelfPlace)), *people)


def test_every_call_has_its_row_with_its_scope():
    described = {
        (verb.upper(), path.removeprefix("/api/v1"), operation["security"][0]["Bearer"][0])
        for path, operations in api.get_openapi_schema()["paths"].items()
        for verb, operation in operations.items()
    }
    assert {(row.verb, row.path, row.scope) for row in table()} == described


@pytest.mark.parametrize("role", ROLES)
def test_each_may_call_what_the_table_says(office: Office, role: str):
    secret = secret_of(office.people[role]) if role != STRANGER else ""
    wrong = []
    for row in table():
        cell, status = row.cells[role], ask(office, row, secret, body_of(office, row, role))
        is_right = is_yes(status) if cell in ("yes", "own") else status == (401 if role == STRANGER else 403)
        if cell == "own" or (row.path == "/loans/{loan}/return" and cell == "no" and role == visits.OTHER_LEADER):
            others = body_of(office, row, TEACHER if role == WORKER else WORKER)
            is_right = (is_right or cell == "no") and ask(office, row, secret, others) == 404
        if not is_right:
            wrong.append(f"{role}, {row.verb} {row.path}: {status}, table says {cell}")
    assert wrong == []


def test_a_token_opens_only_what_it_has_the_scope_for(office: Office):
    """Asked by those who may: every call with every scope alone."""
    before, wrong = traces(), []
    secrets = {(role, scope): secret_of(office.people[role], scope) for role in ROLES[1:] for scope in Scope.values}
    for row in table():
        role = next(role for role in ROLES if row.cells[role] in ("yes", "own"))
        for scope in Scope.values:
            status = ask(office, row, secrets[role, scope], body_of(office, row, role))
            if is_yes(status) != (scope == row.scope) or (scope != row.scope and status != 403):
                wrong.append(f"{row.verb} {row.path} with {scope}: {status}")
    assert wrong == []
    assert traces() == before


def _expired(of: Office) -> str:
    secret = secret_of(of.people[MANAGER])
    Token.objects.filter(worker=of.people[MANAGER]).update(made_at=LATER - timedelta(days=3), expires_at=LATER)
    return secret


def _revoked(of: Office) -> str:
    secret = secret_of(of.people[MANAGER])
    tokens.revoke(Token.objects.latest("pk"), by=of.people[MANAGER], now=LATER)
    return secret


def _of_who_left(of: Office) -> str:
    Worker.objects.filter(pk=of.people[MANAGER].pk).update(is_active=False)
    secret = "ts_" + "0" * 64
    Token.objects.create(
        worker=of.people[MANAGER],
        name="old",
        start=secret[:11],
        sha256=tokens._hash(secret),
        scopes=Scope.values,
        made_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    return secret


STRANGERS = {
    "expired": _expired,
    "revoked": _revoked,
    "of somebody who left": _of_who_left,
    "never made": lambda of: "ts_" + "f" * 64,
    "garbage": lambda of: "Bearer é \x00",
    "its hash": lambda of: secret_of(of.people[MANAGER]) and Token.objects.latest("pk").sha256,
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_token_that_is_not_in_use_is_a_stranger(office: Office, kind: str):
    secret = STRANGERS[kind](office)
    assert {ask(office, row, secret, {}) for row in table()} == {401}


Told = tuple[int, Any, int]


def told(office: Office, role: str, path: str, body: Any) -> Told:
    """Status, answer and the number of statements, which is what it takes. Nothing that it does stays done."""
    client, headers = Client(), {"Authorization": f"Bearer {secret_of(office.people[role])}"}
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        try:
            if body is None:
                answer = client.get(f"/api/v1{path}", headers=headers)
            else:
                sent = json.dumps(body)
                answer = client.post(f"/api/v1{path}", sent, content_type="application/json", headers=headers)
            return answer.status_code, answer.json(), len(asked)
        finally:
            transaction.set_rollback(True)


NEVER = 2**62


def _undo(of: Office) -> Iterator[tuple[str, Any]]:
    yield "/undo", of.own["/bin/undo/", "POST"][WORKER].sent
    yield "/undo", {"event": NEVER}


def _return(of: Office) -> Iterator[tuple[str, Any]]:
    yield f"/loans/{of.arguments['loan']}/return", {}
    yield f"/loans/{NEVER}/return", {}


def _lend(of: Office, path: str = "/loans") -> Iterator[tuple[str, Any]]:
    for name in ("ada", "nobody"):
        yield path, {"worker": name, "to_team": "third", "ends_at": UNTIL}


def _what_if(of: Office) -> Iterator[tuple[str, Any]]:
    yield from _lend(of, "/loans/what-if")


def _act(of: Office) -> Iterator[tuple[str, Any]]:
    theirs = Slot.objects.filter(bin__worker=of.people[WORKER], file__isnull=False).latest("position").file
    for reference in (theirs.reference, "NO-SUCH-FILE"):
        yield "/bin/1/pass-back", {"file": reference, "reason": "not mine"}


@pytest.mark.parametrize(
    ("role", "asked", "status"),
    [
        (TEACHER, _undo, 404),
        (visits.OTHER_LEADER, _return, 404),
        (visits.OTHER_LEADER, _lend, 403),
        (visits.OTHER_LEADER, _what_if, 403),
        (TEACHER, _act, 409),
    ],
    ids=["undo", "return", "lend", "what-if", "act"],
)
def test_what_is_somebody_elses_is_told_like_what_never_was(office: Office, role: str, asked: Any, status: int):
    """By status, by text, and by what it takes to answer."""
    theirs, never = (told(office, role, *each) for each in asked(office))
    assert theirs == never
    assert theirs[0] == status


@pytest.mark.django_db(transaction=True)
def test_no_filter_and_no_cursor_of_others_tells_more(office: Office):
    """Whoever asks for the events of another team, or goes on where another reader was, is told what they would be told anyway."""
    manager = told(office, MANAGER, "/events?limit=3", None)[1]
    everything = {role: told(office, role, "/events?limit=1000", None)[1]["items"] for role in (WORKER, TEACHER)}
    asked = [f"/events?after={manager['next_cursor']}", *(f"/events?kind={kind}" for kind in Event.Kind.values)]
    asked += [f"/events?team={team}" for team in ("settlements", "claims", "third")]
    for role, own in ((WORKER, "ada"), (TEACHER, "tess")):
        known = {event["id"]: event for event in everything[role]}
        for path in asked:
            items = told(office, role, f"{path}{'&' if '?' in path else '?'}limit=1000", None)[1]["items"]
            assert [event for event in items if event != known[event["id"]]] == [], path
            assert {event[who] for event in items for who in ("by", "worker")} <= {None, own}, path
    assert any(event["by"] == "tess" for event in everything[TEACHER])
    for path in ("/files?state=done", "/files?team=claims", "/files?cursor=MA"):
        assert told(office, WORKER, path, None)[1] == told(office, MANAGER, path, None)[1]


def test_a_session_is_a_stranger(office: Office):
    """What a browser sends by itself can do nothing here, so there is nothing to forge."""
    client = office.client(MANAGER)
    assert client.get("/api/v1/teams").status_code == 401
    assert client.post("/api/v1/files", "{}", content_type="application/json").status_code == 401
