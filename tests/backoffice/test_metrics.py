"""What /metrics tells is what boards tell, of teams only; whoever may not read it is refused, and whatever is away is said."""

import json
import re
from pathlib import Path

import django_rq
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from backoffice import health, measured, worker
from backoffice.worker import Worker
from dispatch import boards, wake_ups
from dispatch.models import Queue
from tests import office, visits
from tests.backoffice.test_jobs import fail

pytestmark = pytest.mark.django_db

DOCS = Path(settings.BASE_DIR) / "docs"
PEOPLE = {"files_done_today", "help_calls_open", "bins_clogged", "people_present", "slots_empty"}

Series = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "KEPT_SECONDS", -1)


def scrape(**headers: str) -> Series:
    """Values by the name of the series and the values of its labels, which come in order of their names."""
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200
    found: Series = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            name = sample.name.removeprefix("threeslot_")
            found.setdefault(name, {})[tuple(sample.labels[label] for label in sorted(sample.labels))] = sample.value
    return found


# --- Who may read ---------------------------------------------------------------------------------------------------------

HERE, TOKEN = "127.0.0.1", "a-long-random-text"


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        (HERE, {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.168.1.9", {}, 403),
        ("", {}, 403),
        (HERE, {"X-Forwarded-For": "192.168.1.9"}, 403),
        (HERE, {"Forwarded": "for=127.0.0.1"}, 403),
        ("192.168.1.9", {"X-Forwarded-For": HERE}, 403),
        ("192.168.1.9", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("192.168.1.9", {"Authorization": f"Bearer {TOKEN}x"}, 403),
        ("192.168.1.9", {"Authorization": "Bearer é"}, 403),
    ],
)
def test_it_is_read_here_or_with_the_token(address, headers, status, settings):
    settings.METRICS_TOKEN = TOKEN
    answer = Client(REMOTE_ADDR=address).get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("METRICS_TOKEN" in answer.content.decode()) == (status == 403)


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer"])
def test_without_a_token_there_is_none_to_guess(given, settings):
    settings.METRICS_TOKEN = ""
    assert Client(REMOTE_ADDR="192.168.1.9").get("/metrics", headers={"Authorization": given}).status_code == 403


# --- What it tells --------------------------------------------------------------------------------------------------------


def test_it_tells_what_the_boards_tell(valkey: Redis):
    made = visits.new_office()
    for name in ("Fay", "Gus"):
        office.worker(name, made.team)
    office.log(office.file_type("Late", made.team), 3, now=timezone.now(), received_at=office.NOW)
    told, board = scrape(), boards.team_board(made.team, now=timezone.now())
    here = (made.team.slug,)
    overdue = {group.key: group.count for group in board.groups}["overdue"]
    held = [slot for bin in board.bins for slot in bin.slots if slot.due_at and slot.due_at < board.now]
    assert told["files_waiting"][here] == board.waiting > 0
    assert told["promises_overdue"][here] == overdue + len(held)
    assert told["oldest_file_days"][here] == board.oldest_days
    assert told["bins_clogged"][here] == len(board.clogged) > 0
    assert told["help_calls_open"][here] == len(board.help_calls) > 0
    assert told["people_present"][here] == sum(bin.is_present for bin in board.bins)
    assert told["slot_empty_seconds_total"][here] == board.empty_for.total_seconds()
    assert told["late_refills_total"][here] == board.late_refills
    assert told["books_balanced"][()] == 1
    assert told["up"]["database",] == told["up"]["redis",] == 1
    assert told["up"]["worker",] == told["up"]["schedule",] == 0, "nobody works here"


def test_of_fewer_than_five_only_their_queue_is_told(valkey: Redis):
    """A recording would else say when somebody came, went, was stuck and finished something."""
    small, large = office.team("Small"), office.team("Large")
    for number in range(5):
        office.worker(f"L{number}", large)
        if number < 4:
            office.worker(f"S{number}", small)
    told = scrape()
    assert {name for name in told if ("small",) in told[name]} & (PEOPLE | {"days_of_work"}) == set()
    assert {name for name in told if ("large",) in told[name]} >= PEOPLE
    assert told["files_waiting"] == {("small",): 0, ("large",): 0}
    assert not {name for name, series in told.items() for labels in series if {"s1", "l1", "S1", "L1"} & set(labels)}


def test_it_asks_as_often_however_much_there_is(valkey: Redis, django_assert_max_num_queries):
    for name in ("One", "Two", "Three", "Four", "Five", "Six"):
        team = office.team(name)
        office.worker(f"W{name}", team)
        office.log(office.file_type(f"T{name}", team), 4)
    with django_assert_max_num_queries(
        19
    ):  # the office board 11, four here, three for the transaction and its patience, one spare
        scrape()


def test_asked_again_at_once_it_asks_nobody(valkey: Redis, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(measured, "KEPT_SECONDS", 60)
    scrape()
    with django_assert_num_queries(0):
        scrape()
    monkeypatch.setattr(measured, "_last", None)


def test_without_redis_the_rest_is_told(monkeypatch, tmp_path):
    office.team("Claims")
    monkeypatch.setattr(
        measured.django_rq, "get_connection", lambda _name: Redis(unix_socket_path=str(tmp_path / "gone.sock"))
    )
    told = scrape()
    workers = ("worker", "long_worker", "webhook_worker")
    assert told["up"] == {("database",): 1, **dict.fromkeys(((part,) for part in ("redis", *workers, "schedule")), 0)}
    assert told["files_waiting"] == {("claims",): 0}
    assert "rq_jobs_waiting" not in told, "unknown is not zero"


def test_without_the_database_the_rest_is_told(valkey: Redis, monkeypatch):
    monkeypatch.setattr(health, "database_state", lambda: "down")
    told = scrape()
    assert (told["up"]["database",], told["up"]["redis",]) == (0, 1)
    assert "files_waiting" not in told
    assert told["rq_jobs_waiting"] == dict.fromkeys([("default",), ("long",), ("webhooks",)], 0)


def test_a_statement_that_takes_too_long_is_given_up(valkey: Redis, monkeypatch):
    monkeypatch.setattr(measured, "PATIENCE", "50ms")
    monkeypatch.setattr(measured, "CONNECTIONS", "SELECT pg_sleep(20)::text, 1, 1")
    assert scrape()["up"]["database",] == 0
    assert Queue.objects.count() == 0, "the connection goes on"


def test_requests_are_counted_by_their_view(valkey: Redis):
    made = visits.new_office()
    before = scrape().get("http_requests_total", {})
    client = made.client(visits.LEADER)
    client.get("/files/AMIR-1/")
    client.get("/files/no/such-file/")
    client.get("/nowhere/Ada/")
    for page in ("skills/worker/", "dispatch/filetype/"):
        made.client(visits.ADMINISTRATOR).get(f"/admin/{page}")
    client.generic("PROPFIND", "/office/")
    after = scrape()
    more = {key: value - before.get(key, 0) for key, value in after["http_requests_total"].items()}
    assert {key: value for key, value in more.items() if value} == {
        ("GET", "200", "file"): 1,
        ("GET", "404", "file"): 1,
        ("GET", "404", "none"): 1,
        ("other", "405", "office"): 1,
        ("GET", "200", "admin"): 2,
        ("GET", "200", "metrics"): 1,
    }
    assert after["http_request_seconds_count"]["file",] >= 2


@pytest.mark.django_db(transaction=True)
def test_jobs_are_counted_wherever_they_are_worked_off(valkey: Redis):
    team = office.team("Claims")
    office.worker("Ada", team)
    office.log(office.file_type("Claim", team))
    wake_ups.wake(team.pk)
    queue = django_rq.get_queue("default", commit_mode="auto")
    queue.enqueue(fail)
    told = scrape()
    assert told["rq_jobs_waiting"]["default",] == 2
    assert 0 < told["rq_oldest_wait_seconds"]["default",] < 60
    Worker([queue], connection=queue.connection, worker_ttl=worker.TTL_SECONDS).work(burst=True)
    told, woken = scrape(), "dispatch.wake_ups.refill_woken"
    assert told["jobs_total"][woken, "ok"] == told["jobs_total"]["tests.backoffice.test_jobs.fail", "failed"] == 1
    assert told["job_latency_seconds_bucket"][woken, "+Inf"] == told["job_latency_seconds_count"][woken,] == 1
    assert 0 < told["job_work_seconds_total"][woken,] < told["job_latency_seconds_sum"][woken,] < 60
    assert abs(told["job_last_success_timestamp_seconds"][woken,] - timezone.now().timestamp()) < 60
    assert told["rq_jobs_failed"] == {("default",): 1, ("long",): 0, ("webhooks",): 0}


# --- What is told of it ---------------------------------------------------------------------------------------------------


def exported() -> set[str]:
    Client().get("/healthz")  # so that something was counted
    page = Client().get("/metrics").content.decode()
    return {name for name, _kind in re.findall(r"^# TYPE (\S+) (\S+)", page, re.MULTILINE)} - {"threeslot_live_streams"}


def test_the_guide_and_the_dashboard_speak_of_what_is_there(valkey: Redis):
    there = exported() | {"threeslot_live_streams"}
    guide = set(re.findall(r"`(threeslot_\w+)", (DOCS / "operating.md").read_text()))
    assert guide == there
    dashboard = json.loads((DOCS / "grafana.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    asked = {name for target in targets for name in re.findall(r"threeslot_\w+", target["expr"])}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} <= there


def test_the_dashboard_is_whole():
    """Panels do not overlap, each has its number, and all ask the source that is chosen on top."""
    dashboard = json.loads((DOCS / "grafana.json").read_text())
    (source,) = [each for each in dashboard["templating"]["list"] if each["type"] == "datasource"]
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _y in cells) < 24
    for panel in panels:
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": f"${{{source['name']}}}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
