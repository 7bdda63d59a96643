"""`/metrics` for Prometheus: what is measured as it is asked for, and what the web processes have counted.

Every series is about a team of the office or a part of the machinery. The operator's guide has a table of them, and
`docs/grafana.json` shows them; a test holds all three together.
"""

import ipaddress
import platform
import secrets
import tomllib
from collections.abc import Iterator
from functools import partial

import django
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from backoffice import counters, jobs
from backoffice.measured import MARKS, Measured, Office, Work, measured

PROXY = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
VERSION = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"]


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All of it, in the format that was asked for."""
    if not may_read(request):
        refused = _("Metrics are read on this machine itself, or with the METRICS_TOKEN: Authorization: Bearer TOKEN.")
        return HttpResponse(f"{refused}\n", status=403, content_type="text/plain; charset=utf-8")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(Everything()), content_type=content_type, headers={"Cache-Control": "no-store"})


def may_read(request: HttpRequest) -> bool:
    """Who brings the token; and this machine, unless it asks on behalf of another one, as a proxy does."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.METRICS_TOKEN and secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        return True
    return _is_here(request.META.get("REMOTE_ADDR", "")) and not any(name in request.headers for name in PROXY)


def _is_here(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


class Everything(Collector):
    def collect(self) -> Iterator[Metric]:
        found = measured()
        yield from _build()
        yield from _parts(found)
        yield from _teams(found.office)
        yield from _database(found.office)
        yield from _queues(found.work)
        yield from _jobs(found.work)
        yield from counters.collector().collect()


def _build() -> Iterator[Metric]:
    labels = {"version": VERSION, "python": platform.python_version(), "django": django.get_version()}
    build = GaugeMetricFamily("threeslot_build_info", "What runs; always 1.", labels=list(labels))
    build.add_metric(list(labels.values()), 1)
    yield build


def _parts(found: Measured) -> Iterator[Metric]:
    up = GaugeMetricFamily("threeslot_up", "1 when the part answers in time, else 0.", labels=["part"])
    up.add_metric(["database"], found.office is not None)
    up.add_metric(["redis"], found.work is not None)
    for part in MARKS:
        up.add_metric([part], found.work is not None and part in found.work.alive)
    yield up


def _gauge(name: str, said: str, *, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"threeslot_{name}", said, labels=[label])


def _teams(office: Office | None) -> Iterator[Metric]:
    """Without the database there is nothing to tell, which is not zero."""

    gauge = partial(_gauge, label="team")
    waiting = gauge("files_waiting", "Files in the central queue.")
    received = gauge("files_received_today", "Files that were received since midnight of the team.")
    oldest = gauge("oldest_file_days", "Working days since the oldest open file was received.")
    overdue = gauge("promises_overdue", "Files past their promise, waiting or in a slot.")
    due = gauge("promises_due_today", "Files promised for today, waiting or in a slot.")
    at_risk = gauge("promises_at_risk", "Files promised for today when the team is short of time for them, else 0.")
    empty = CounterMetricFamily(
        "threeslot_slot_empty_seconds",
        "Seconds that slots were empty while work for them waited; begins anew at midnight of the team.",
        labels=["team"],
    )
    late = CounterMetricFamily(
        "threeslot_late_refills",
        "Refills that took more than two seconds while work waited; begins anew at midnight of the team.",
        labels=["team"],
    )
    done = gauge("files_done_today", "Files done since midnight of the team; of five people or more.")
    days = gauge("days_of_work", "Files that wait, by those done a working day lately; of five people or more.")
    calls = gauge("help_calls_open", "Help calls that are open; of five people or more.")
    clogged = gauge("bins_clogged", "Clogged bins; of five people or more.")
    present = gauge("people_present", "People who are here; of five people or more.")
    slots = gauge("slots_empty", "Empty slots of who is here; of five people or more.")
    for each in office.teams if office else ():
        team = [each.team]
        waiting.add_metric(team, each.waiting)
        received.add_metric(team, each.received_today)
        overdue.add_metric(team, each.overdue)
        due.add_metric(team, each.due_today)
        at_risk.add_metric(team, each.at_risk)
        empty.add_metric(team, each.empty_seconds)
        late.add_metric(team, each.late_refills)
        if each.oldest_days is not None:
            oldest.add_metric(team, each.oldest_days)
        if each.people is None:
            continue
        done.add_metric(team, each.people.done_today)
        calls.add_metric(team, each.people.help_calls)
        clogged.add_metric(team, each.people.clogged)
        present.add_metric(team, each.people.present)
        slots.add_metric(team, each.people.empty_slots)
        if each.people.days_of_work is not None:
            days.add_metric(team, each.people.days_of_work)
    yield from (
        waiting,
        received,
        oldest,
        overdue,
        due,
        at_risk,
        empty,
        late,
        done,
        days,
        calls,
        clogged,
        present,
        slots,
    )


def _database(office: Office | None) -> Iterator[Metric]:
    books = office.books if office else None
    balanced = GaugeMetricFamily("threeslot_books_balanced", "1 when the last check of the books found no difference.")
    checked = GaugeMetricFamily("threeslot_books_checked_timestamp_seconds", "When the books were last checked.")
    if books:
        balanced.add_metric([], books.is_ok)
        checked.add_metric([], books.at.timestamp())
    said = "Connections to the database, by what they do."
    by_state = GaugeMetricFamily("threeslot_database_connections", said, labels=["state"])
    most = GaugeMetricFamily("threeslot_database_connections_max", "Connections that the server takes at most.")
    if office:
        most.add_metric([], office.most_connections)
        for state, number in office.connections.items():
            by_state.add_metric([state], number)
    yield from (balanced, checked, by_state, most)


def _queues(work: Work | None) -> Iterator[Metric]:
    gauge = partial(_gauge, label="queue")
    waiting = gauge("rq_jobs_waiting", "Jobs that wait.")
    oldest = gauge("rq_oldest_wait_seconds", "For how long the first of them has waited.")
    running = gauge("rq_jobs_running", "Jobs that are worked on.")
    failed = gauge("rq_jobs_failed", "Jobs that failed lately and are kept to be looked at.")
    workers = gauge("rq_workers", "RQ workers that are signed on.")
    for name, queue in work.queues.items() if work else ():
        waiting.add_metric([name], queue.waiting)
        oldest.add_metric([name], queue.oldest_seconds)
        running.add_metric([name], queue.running)
        failed.add_metric([name], queue.failed)
        workers.add_metric([name], queue.workers)
    yield from (waiting, oldest, running, failed, workers)


def _jobs(work: Work | None) -> Iterator[Metric]:
    """Of refills that were woken, of the schedule and of all else."""
    number = CounterMetricFamily("threeslot_jobs", "Jobs that ended, well or not.", labels=["job", "outcome"])
    seconds = CounterMetricFamily("threeslot_job_work_seconds", "Seconds that they worked.", labels=["job"])
    said = "From being asked for to the end, the wait in the queue included."
    latency = HistogramMetricFamily("threeslot_job_latency_seconds", said, labels=["job"])
    said = "When the job last ended well."
    last = GaugeMetricFamily("threeslot_job_last_success_timestamp_seconds", said, labels=["job"])
    for name, done in work.done.items() if work else ():
        number.add_metric([name, "ok"], done.ok)
        number.add_metric([name, "failed"], done.failed)
        seconds.add_metric([name], done.seconds)
        latency.add_metric([name], _added_up(done), sum_value=done.waited)
        if done.last_ok_at:
            last.add_metric([name], done.last_ok_at)
    yield from (number, seconds, latency, last)


def _added_up(done: jobs.Done) -> list[tuple[str, float]]:
    """As Prometheus wants it: those within so many seconds include those within fewer."""
    total, buckets = 0, []
    for within in jobs.WITHIN:
        total += done.within.get(within, 0)
        buckets.append((within, float(total)))
    return buckets
