"""The hammer: eight processes over every write path at once, an RQ worker beside them, and what the database says afterwards.

Two teams. One has a long queue, so that acts come as fast as the machine does them. The other's is as good as empty, and each
file that comes in has to find its slot by a wake-up, through Valkey and the RQ worker, in all that traffic. How long those
slots were empty is read from the events.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from statistics import quantiles

from django.db import connection
from django.utils import timezone

from backoffice import health
from backoffice.embedded.processes import wait
from bench import office, places
from bench.measured import Line, line
from dispatch import flow, ledger, sweep
from dispatch.models import File, FileType, State
from dispatch.refill import hungry_teams
from tests.gaps import WOKEN, gaps
from tests.hammer import WRITES, strike

PROCESSES, MISCHIEF = 8, 0.3
LOOKS_EVERY = 0.02  # seconds
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
PATIENCE = 30


def lines(*, done: int) -> list[Line]:
    """So many files done, and everything else that people do meanwhile. In a bare database, which is in use already."""
    now = timezone.now()
    long, short = office.make("hammer", people=40, now=now), office.make("arrivals", people=15, now=now)
    office.add_files(long, 2 * done, now=now)  # many are withdrawn
    office.settle()
    sweep.sweep()
    before = deadlocks()
    acts, seconds, violations = struck(short, done=done)
    violations += map(str, ledger.balance().differences)
    for each in violations:
        print(each, file=sys.stderr)
    name = f"{PROCESSES} processes over every write path"
    return [
        line(name, "acts", [acts], at_least=done * 1.25),
        line(name, "acts/s", [acts / seconds]),
        line(f"{name}: violations", "", [len(violations)], at_most=0),
        line(f"{name}: deadlocks", "", [deadlocks() - before], at_most=0),
        *empty_slots(short, since=now),
    ]


def struck(short: office.Office, *, done: int) -> tuple[int, float, list[str]]:
    """Acts that were no refusal, in how many seconds, and what broke."""
    with (
        places.member("worker", places.HAMMER),
        places.member("long_worker", places.HAMMER),
        places.member("webhook_worker", places.HAMMER),
        places.member("scheduler", places.HAMMER),
        ThreadPoolExecutor(1) as beside,
    ):
        until(lambda: set(health.redis_states().values()) == {"ok"}, "RQ worker and schedule do not start")
        began = time.monotonic()
        environment = places.environment(places.HAMMER)
        at_work = beside.submit(strike, processes=PROCESSES, done=done, mischief=MISCHIEF, environment=environment)
        arrivals(short, while_running=at_work)
        acts, failed = at_work.result()
        seconds = time.monotonic() - began
        until(lambda: not hungry_teams(now=timezone.now()), "slots stay empty while work for them waits")
    return sum(acts[name] for name in WRITES), seconds, failed


def arrivals(of: office.Office, *, while_running: Future[object]) -> None:
    """A file comes in as soon as none waits, so that there are always slots that only an arrival can fill."""
    types, number = list(FileType.objects.filter(pk__in=of.types)), 0
    while not while_running.done():
        if not File.objects.filter(team=of.team, state=State.WAITING).exists():
            file_type = types[number % len(types)]
            flow.log(reference=f"ARRIVAL-{number}", file_type=file_type, by=None, now=timezone.now())
            number += 1
        time.sleep(LOOKS_EVERY)


def until(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait for it. Raises TimeoutError saying what is wrong."""
    if not wait(condition, PATIENCE):
        raise TimeoutError(f"After {PATIENCE} s {otherwise}.")


def empty_slots(of: office.Office, *, since: datetime) -> list[Line]:
    """Of fills by a wake-up or sweep alone: those that are part of an act take no time."""
    woken = [seconds for cause, seconds in gaps(of.team.pk, since=since, until=timezone.now()) if cause in WOKEN]
    parts = quantiles(woken, n=100)
    name = "Empty slot while work for it waits"
    return [
        line(f"{name}, ended by a wake-up", "times", [len(woken)]),
        line(f"{name}, p50", "s", [parts[49]]),
        line(f"{name}, p99", "s", [parts[98]], at_most=2),
    ]


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(DEADLOCKS)
        return int(cursor.fetchone()[0])
