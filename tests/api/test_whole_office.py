"""The demo office on its real servers, two web processes among them, as other systems find it: for an hour, and as a crowd."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from threading import local
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

from dispatch import ledger
from dispatch.models import Customer, Event, File
from skills.models import Worker
from tests.api.client import secret_of
from tests.servers import Run, running

pytestmark = pytest.mark.timeout(300)  # a busy machine is no fault

HOUR = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"for name in (.*?);")
CALLS, TWICE, AT_ONCE = 1000, 100, 50


@pytest.fixture(scope="module")
def office(django_db_blocker: DjangoDbBlocker) -> Iterator[Run]:
    environment = {"WEB_CONCURRENCY": "2", "LOG_FORMAT": "json", "API_CALLS_A_MINUTE": "1000000"}
    with running(THREESLOT_DEMO="1", **environment) as run:
        run.said("ready")
        with django_db_blocker.unblock(), run.at_hand():
            yield run


def counted(run: Run, series: str) -> float:
    """As whichever web process tells it, of the labels that begin so."""
    with urllib.request.urlopen(f"{run.address}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"threeslot_{series}"))


def test_an_hour_as_it_stands_in_the_document(office: Run):
    document = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()
    (program,), (names,) = HOUR.findall(document), NAMED.findall(document)
    held = [secret_of(Worker.objects.get(username=name)) for name in names.split()]
    environment = {"PATH": os.environ["PATH"], "BASE": office.address, "TOKENS": " ".join(held)}
    played = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "the books balance" in played.stdout
    lately = Event.objects.order_by("-pk")[: int(re.search(r"(\d+) events", played.stdout)[1])]
    kinds = {"logged", "started", "done", "stuck", "shelved", "passed_back", "lent", "returned", "away", "undone"}
    assert kinds - {event.kind for event in lately} == set()
    assert not ledger.balance().differences


def test_a_thousand_at_once_each_file_once(office: Run):
    """Single calls, some the same ones again, and bulks that hold the same files."""
    secret, chance = secret_of(Worker.objects.get(username="assistant")), Random(6)
    numbers = [*range(CALLS - TWICE), *chance.sample(range(CALLS - TWICE), TWICE)]
    chance.shuffle(numbers)
    file_type = File.objects.values_list("file_type__slug", flat=True)[0]
    files = [
        {"reference": f"CROWD-{number}", "file_type": file_type, "customer": f"Crowd {number % 7}"}
        for number in numbers
    ]
    sent: list[tuple[str, Any]] = [("/files", file) for file in files]
    sent += [("/files/bulk", files[start : start + 30]) for start in (0, 15, 400)]
    before, series = Event.objects.count(), 'http_requests_total{method="POST",status="20'
    answered = counted(office, series)
    threads = local()

    def call(path: str, body: Any) -> tuple[int, dict[str, Any]]:
        if not hasattr(threads, "connection"):
            threads.connection = HTTPConnection(urlsplit(office.address).netloc, timeout=120)
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        threads.connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
        answer = threads.connection.getresponse()
        return answer.status, json.loads(answer.read())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda each: call(*each), sent))
    assert {status for status, _told in answers} <= {200, 201}, [told for status, told in answers if status > 201][:3]
    singles, bulks = answers[: len(files)], answers[len(files) :]
    made = Counter(told["reference"] for status, told in singles if status == 201)
    assert set(made.values()) == {1}
    assert len(made) + sum(told["created"] for _status, told in bulks) == CALLS - TWICE
    logged = Event.objects.filter(kind="logged", file__reference__startswith="CROWD-")
    assert File.objects.filter(reference__startswith="CROWD-").count() == logged.count() == CALLS - TWICE
    assert Event.objects.count() >= before + CALLS - TWICE
    assert {told["errors"] == [] for _status, told in bulks} == {True}
    assert not ledger.balance().differences
    assert {counted(office, series) for _ in range(6)} == {answered + len(sent)}, "each process tells of both"


def test_what_a_process_counted_stays_when_it_is_killed(office: Run):
    series = 'http_requests_total{method="GET",status="200",view="api:list_teams"'
    secret = secret_of(Worker.objects.get(username="manager"))
    asked = urllib.request.Request(f"{office.address}/api/v1/teams", headers={"Authorization": f"Bearer {secret}"})
    for _ in range(8):
        urllib.request.urlopen(asked, timeout=30).read()
    before = counted(office, series)
    office.kill("web")
    office.until(lambda: len(office.all_pids()["web"]) == 2 and office.states()[0] == 200)
    assert counted(office, series) == before


def test_its_log_is_one_object_a_line_and_tells_of_nobody(office: Run):
    """All that was said so far, but for what the family says to whoever started it."""
    assert len(office.lines) > 100
    lines = [line for line in office.lines if line.startswith("{")]
    assert all(json.loads(line)["message"] for line in lines)
    plain = [line for line in office.lines if not line.startswith("{")]
    assert all(re.search(r"demo office|Threeslot is ready|^web\.\d ended", line) for line in plain), plain
    words = set(Worker.objects.values_list("name", flat=True)) | set(Worker.objects.values_list("username", flat=True))
    words |= set(Customer.objects.values_list("name", flat=True)) | {"CROWD-", "HOUR-"}
    words |= set(File.objects.exclude(title="").values_list("title", flat=True).distinct())
    words -= {"worker", "manager", "admin", "assistant", "leader"}  # the sign-ins, which are words of ours as well
    text = "\n".join(lines)
    assert [word for word in words if re.search(rf"(?<!\w){re.escape(word)}", text)] == []
