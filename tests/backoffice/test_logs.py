"""The log can be followed from the number that somebody was told, and tells nothing about anybody but their number."""

import json
import logging
import re
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import django_rq
import pytest
import time_machine
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from redis import Redis

from backoffice import urls, worker
from backoffice.logs import JsonLines, request_id
from backoffice.worker import Worker
from dispatch.models import Customer, File
from skills.models import Worker as Person
from tests import office, visits
from tests.api.client import Caller
from tests.visits import LATER

pytestmark = pytest.mark.django_db
handler500 = urls.handler500


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """What is logged as JSON, whatever settings say of the format."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    root, access = logging.getLogger(), logging.getLogger("backoffice.access")
    before = root.level, access.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    access.setLevel(logging.INFO)
    yield written
    root.removeHandler(handler)
    root.setLevel(before[0])
    access.setLevel(before[1])


def read(written: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def of_requests(written: StringIO) -> list[dict[str, Any]]:
    return [line for line in read(written) if line["logger"] == "backoffice.access"]


def test_each_request_has_one_line_that_says_who_and_what(lines: StringIO):
    made = visits.new_office()
    leader = made.people[visits.LEADER]
    caller = Caller(leader)
    made.client(visits.LEADER).get("/files/AMIR-1/?act=expedite")
    caller.get("/files/AMIR-1")
    Client().get("/office/")
    told = [
        (line["method"], line["view"], line["status"], line.get("user_id"), line["level"])
        for line in of_requests(lines)
    ]
    assert told == [
        ("GET", "file", 200, leader.pk, "INFO"),
        ("GET", "api:get_file", 200, leader.pk, "INFO"),
        ("GET", "office", 302, None, "INFO"),
    ]
    assert all(line["duration_ms"] > 0 and re.fullmatch(r"\S+\+00:00", line["time"]) for line in of_requests(lines))


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("req_2026-11", True),
        ("short", False),
        ("x" * 65, False),
        ("a b c d e f", False),
        ("ü" * 9, False),
        ('","level":"', False),
    ],
)
def test_a_well_formed_number_is_kept(lines: StringIO, given: str, is_kept: bool):
    answer = Client().get("/healthz", headers={"X-Request-ID": given})
    number = answer.headers["X-Request-ID"]
    assert (number == given) == is_kept
    assert [line["request_id"] for line in of_requests(lines)] == [number]
    assert Client().get("/healthz").headers["X-Request-ID"] != number
    assert request_id.get() == "", "what comes after is not of this request"


# --- Faults ---------------------------------------------------------------------------------------------------------------


@login_not_required
def quoting(_request: HttpRequest, name: str) -> HttpResponse:
    """Fails with what somebody typed, as it comes from PostgreSQL and is passed on."""
    try:
        Customer.objects.create(name="Harbour Pool", slug="harbour-pool")
        Customer.objects.create(name="Harbour Pool", slug="harbour-pool")
    except IntegrityError as error:
        raise LookupError("Harbour Pool is there") from error
    return HttpResponse()


urlpatterns = [path("quoting/<str:name>/", quoting, name="quoting")]


@pytest.mark.urls(__name__)
@pytest.mark.django_db(transaction=True)
def test_a_fault_is_told_by_kind_and_place_and_shown_by_its_number(lines: StringIO):
    page = Client(raise_request_exception=False).get("/quoting/Ada/")
    (fault,) = [line for line in read(lines) if "exception" in line]
    assert page.status_code == 500
    assert f"<code>{fault['request_id']}</code>" in page.content.decode()
    told = fault["exception"]
    assert told["type"] == "builtins.LookupError"
    assert "quoting" in told["stack"][-1]
    assert [cause.get("sqlstate") for cause in told["causes"]] == [None, "23505"]
    assert told["causes"][-1]["table"] == "dispatch_customer"
    assert not re.search("Harbour|Ada", lines.getvalue())


def test_a_fault_in_a_call_is_told_with_its_number(lines: StringIO, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise KeyError("Harbour Pool")

    monkeypatch.setattr("dispatch.api.teams.office", fail)
    status, problem = Caller(office.person("Mia", "manager")).get("/teams")
    (fault,) = [line for line in read(lines) if "exception" in line]
    assert (status, problem["request_id"]) == (500, fault["request_id"])
    assert "Harbour" not in lines.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_number_goes_along_with_the_jobs_of_a_request(lines: StringIO, valkey: Redis, monkeypatch):
    """And one of the schedule, which is of no request, has a number of its own."""

    def fail(_team: int, **_: object) -> None:
        raise ValueError("Harbour Pool")

    team = office.team()
    claim = office.file_type("Claim", team)
    caller = Caller(office.person("Amir", "assistant"))
    headers = caller._headers() | {"X-Request-ID": "from-the-hub-1"}
    sent = {"reference": "HUB-1", "file_type": claim.slug}
    assert caller.client.post("/api/v1/files", sent, "application/json", headers=headers).status_code == 201
    queue = django_rq.get_queue("default")
    queue.enqueue("dispatch.wake_ups.refill_woken", team.pk)
    monkeypatch.setattr("dispatch.wake_ups.refill", fail)
    Worker([queue], connection=queue.connection, worker_ttl=worker.TTL_SECONDS).work(burst=True)
    first, second = [line for line in read(lines) if line["message"] == "A job failed"]
    assert (first["request_id"], first["job"]) == ("from-the-hub-1", "dispatch.wake_ups.refill_woken")
    assert re.fullmatch("[0-9a-f]{32}", second["request_id"])
    assert first["exception"]["type"] == "builtins.ValueError"
    assert "Harbour" not in lines.getvalue()


# --- Nobody is in it ------------------------------------------------------------------------------------------------------


def test_nothing_of_anybody_is_logged_wherever_somebody_goes(lines: StringIO, settings, tmp_path):
    """Every page, with what is typed there, and what goes wrong with it."""
    settings.ATTACHMENTS_DIR = str(tmp_path / "attachments")
    with time_machine.travel(LATER, tick=False):
        made = visits.new_office()
        addresses = [each for each in visits.addresses() if each not in visits.LIVE and "(?P<" not in each]
        for role, of_admin in ((visits.LEADER, False), (visits.STRANGER, False), (visits.ADMINISTRATOR, True)):
            client = made.client(role)
            client.raise_request_exception = False
            for address in addresses:
                if address.startswith("/admin/skills/worker") if of_admin else not address.startswith(visits.ADMIN):
                    where = made.path(address, role, {"id": made.people[visits.WORKER].pk})
                    client.get(where, made.asked.get(address, {"q": "Broken quay"}))
                    client.get(f"{where}Broken quay/Ada")
        caller = Caller(made.people[visits.LEADER])
        for called in ("/files/AMIR-1", "/files/Harbour", "/files?team=Ada", "/teams/Lea/board"):
            caller.get(called)
        caller.post("/files", reference="AMIR-1", file_type="Claim", customer="Harbour Pool", title="Broken quay")
        Client().post("/sign-in/", {"username": "ada", "password": "hunter2"})
        Client(SERVER_NAME="ada.example").get("/office/")
    assert len(of_requests(lines)) > 200
    names = {word for name in Person.objects.values_list("name", flat=True) for word in name.split()}
    names |= set(File.objects.values_list("reference", flat=True)) | {"Harbour", "quay", "hunter2"}
    found = re.findall(rf"(?i)\b(?:{'|'.join(map(re.escape, sorted(names)))})\b", lines.getvalue())
    assert not found, set(found)


def test_of_the_messages_of_libraries_only_the_fixed_part_is_told(lines: StringIO):
    logging.getLogger("django.request").error("Internal Server Error: %s", "/files/ADA-1/")
    logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST header: 'ada.example'")
    logging.getLogger("uvicorn.error").warning("Ended with %s by %d", "Ada", 15)
    logging.getLogger("rq.worker").warning("So many: %d", Decimal(7))
    logging.getLogger("dispatch.live").warning("Told as it is: %s", 7)
    assert [line["message"] for line in read(lines)] == [
        "Internal Server Error: …",
        "security.DisallowedHost",
        "Ended with … by 15",
        "So many: %d",
        "Told as it is: 7",
    ]
