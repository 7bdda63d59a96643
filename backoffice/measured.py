"""What there is to measure when somebody asks: the office and its database, the queues of jobs and who works them off.

Plain values, at most a second old, in a bounded number of statements and two round trips to Redis. Whatever is away is None, after
seconds at most.
"""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import django_rq
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone
from redis import RedisError
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.utils import utcparse
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from backoffice import health, jobs, scheduler, worker
from dispatch import figures
from dispatch.figures import Books, Figures

KEPT_SECONDS = 1
PATIENCE = "2s"  # with each statement

CONNECTIONS = """
SELECT coalesce(state, 'other'), count(*), current_setting('max_connections')::int
FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1
"""
MARKS = {
    "worker": worker.ALIVE_KEYS[worker.QUICK],
    "long_worker": worker.ALIVE_KEYS[worker.LONG],
    "webhook_worker": worker.ALIVE_KEYS[worker.WEBHOOKS],
    "schedule": scheduler.ALIVE_KEY,
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Office:
    teams: list[Figures]
    books: Books | None
    connections: dict[str, int]  # by what they do
    most_connections: int


@dataclass(frozen=True)
class Queue:
    """Of jobs."""

    waiting: int
    oldest_seconds: float
    running: int
    failed: int
    workers: int


@dataclass(frozen=True)
class Work:
    queues: dict[str, Queue]
    done: dict[str, jobs.Done]
    alive: frozenset[str]  # of MARKS


@dataclass(frozen=True)
class Measured:
    office: Office | None
    work: Work | None


_lock = threading.Lock()
_last: tuple[float, Measured] | None = None


def measured() -> Measured:
    """However many ask at once, one asks further."""
    global _last
    with _lock:
        if _last is None or time.monotonic() - _last[0] > KEPT_SECONDS:
            found = Measured(_office(), _work())
            _last = (time.monotonic(), found)
        return _last[1]


def _office() -> Office | None:
    if health.database_state() != "ok":  # a server that hangs does not even refuse a statement
        return None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
            cursor.execute(CONNECTIONS)
            by_state = cursor.fetchall()
            teams, books = figures.by_team(now=timezone.now()), figures.books()
    except DatabaseError as error:
        logger.warning("Nothing can be measured in PostgreSQL: %s", type(error).__name__)
        return None
    return Office(teams, books, {state: number for state, number, _most in by_state}, by_state[0][2])


def _work() -> Work | None:
    try:
        client = django_rq.get_connection("default")
        queues = [django_rq.get_queue(name) for name in worker.ALIVE_KEYS]
        pipeline = client.pipeline(transaction=False)
        pipeline.mget(*MARKS.values())
        pipeline.hgetall(jobs.KEY)
        for queue in queues:
            pipeline.llen(queue.key)
            pipeline.lindex(queue.key, 0)
            pipeline.zcard(StartedJobRegistry(queue=queue).key)
            pipeline.zcard(FailedJobRegistry(queue=queue).key)
            pipeline.scard(WORKERS_BY_QUEUE_KEY % queue.name)
        marks, done, *counts = pipeline.execute()
        by_queue = [counts[start : start + 5] for start in range(0, len(counts), 5)]
        waits = _waits(client, [first for _waiting, first, *_rest in by_queue])
    except RedisError as error:
        logger.warning("Nothing can be measured in Redis: %s", type(error).__name__)
        return None
    return Work(
        queues={
            queue.name: Queue(waiting, wait, running, failed, workers)
            for queue, (waiting, _first, running, failed, workers), wait in zip(queues, by_queue, waits, strict=True)
        },
        done=jobs.read(done),
        alive=frozenset(part for part, mark in zip(MARKS, marks, strict=True) if mark),
    )


def _waits(client: Any, first_ids: list[bytes | None]) -> list[float]:
    """For how many seconds the first job of each queue has waited; 0 for an empty one."""
    pipeline = client.pipeline(transaction=False)
    for job_id in first_ids:
        pipeline.hget(f"rq:job:{job_id.decode() if job_id else ''}", "enqueued_at")
    now = timezone.now()
    return [max(0.0, (now - utcparse(at.decode())).total_seconds()) if at else 0.0 for at in pipeline.execute()]
