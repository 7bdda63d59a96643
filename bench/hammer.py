"""The hammer: eight processes over every write path at once, an RQ worker beside them, and what the database says afterwards.

Two teams. One has a long queue, so that acts come as fast as the machine does them. The other's is empty, and a file comes in
every few hundredths of a second: each has to find its slot by a wake-up, through Valkey and the RQ worker, in all that traffic.
How long those slots were empty is read from the events.
"""

import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from itertools import count
from statistics import quantiles

from django.db import connection
from django.utils import timezone

from bench import office, places
from bench.measured import Line, line
from dispatch import flow, ledger, sweep
from dispatch.models import FileType
from dispatch.refill import hungry_teams
from tests.gaps import WOKEN, gaps
from tests.hammer import WRITES, strike

PROCESSES, MISCHIEF = 8, 0.3
ARRIVES_EVERY = 0.04  # seconds
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
PATIENCE = 30


def lines(*, done: int) -> list[Line]:
    """So many files done, and everything else that people do meanwhile. In a bare database, which is in use already."""
    now = timezone.now()
    long, short = (office.make(name, people=15, now=now) for name in ("hammer", "arrivals"))
    office.add_files(long, done, now=now)
    office.settle()
    sweep.sweep()
    before, began = deadlocks(), time.monotonic()
    with (
        places.member("worker", places.HAMMER),
        places.member("scheduler", places.HAMMER),
        ThreadPoolExecutor(1) as beside,
    ):
        at_work = beside.submit(
            strike, processes=PROCESSES, done=done, mischief=MISCHIEF, environment=places.environment(places.HAMMER)
        )
        arrivals(short, while_running=at_work)
        acts, failed = at_work.result()
        seconds = time.monotonic() - began
        until_all_is_filled()
    print(*failed, sep="\n", end="", file=sys.stderr)
    number = sum(acts[name] for name in WRITES)
    differences = ledger.balance().differences
    print(*differences, sep="\n", end="", file=sys.stderr)
    name = f"{PROCESSES} processes over every write path"
    return [
        line(name, "acts", [number], at_least=done * 1.25),
        line(name, "acts/s", [number / seconds]),
        line(f"{name}: violations", "", [len(failed) + len(differences)], at_most=0),
        line(f"{name}: deadlocks", "", [deadlocks() - before], at_most=0),
        *empty_slots(short, since=now),
    ]


def arrivals(of: office.Office, *, while_running: Future[object]) -> None:
    types = list(FileType.objects.filter(pk__in=of.types))
    for number in count():
        if while_running.done():
            return
        flow.log(reference=f"ARRIVAL-{number}", file_type=types[number % len(types)], by=None, now=timezone.now())
        time.sleep(ARRIVES_EVERY)


def until_all_is_filled() -> None:
    """No empty slot with work for it is left, whose time would not be counted."""
    deadline = time.monotonic() + PATIENCE
    while hungry := hungry_teams(now=timezone.now()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Slots of teams {hungry} stay empty while work for them waits.")
        time.sleep(0.05)


def empty_slots(of: office.Office, *, since: datetime) -> list[Line]:
    """Of fills by a wake-up or sweep alone: those that are part of an act take no time."""
    woken = [seconds for cause, seconds in gaps(of.team.pk, since=since, until=timezone.now()) if cause in WOKEN]
    parts = quantiles(woken, n=100)
    name = f"Empty slot while work for it waits, {len(woken):,} wake-ups"
    return [line(f"{name}, p50", "s", [parts[49]]), line(f"{name}, p99", "s", [parts[98]], at_most=2)]


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(DEADLOCKS)
        return int(cursor.fetchone()[0])
