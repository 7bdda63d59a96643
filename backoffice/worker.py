"""The RQ workers: each runs jobs in its own process, one after the other, without a fork for each.

Refills are in one queue, whatever takes long (imports, the nightly check of the books) in another, and webhooks in a third, each
with a worker of its own: nobody waits for a file because somebody brings a hundred thousand, or answers slowly.
"""

import logging
import signal
import time
from contextlib import suppress
from typing import Any

import django_rq
from django.db import close_old_connections
from redis import Redis, RedisError
from redis.client import Pipeline
from rq.exceptions import StopRequested
from rq.job import Job
from rq.queue import Queue
from rq.worker import SimpleWorker

QUICK, LONG, WEBHOOKS = "default", "long", "webhooks"  # queues
ALIVE_KEYS = {
    QUICK: "threeslot:alive:worker",
    LONG: "threeslot:alive:long_worker",
    WEBHOOKS: "threeslot:alive:webhook_worker",
}
TTL_SECONDS = 20  # rq waits for a job 15 s less than this between two heartbeats
ALIVE_SECONDS = 15
FAILURE_SECONDS = 60 * 60 * 24

logger = logging.getLogger(__name__)


class Worker(SimpleWorker):
    """Outlives a Redis or a PostgreSQL that is away for a while, and one that comes back empty."""

    max_connection_wait_time = 2.0

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        client: Redis = self.connection
        if not client.exists(self.key):  # Redis came back empty
            self.register_birth()
        super().heartbeat(timeout, pipeline)
        client.set(self.alive_key, self.name, ex=ALIVE_SECONDS)

    def perform_job(self, job: Job, queue: Queue, *rest: Any) -> bool:
        if job.timeout:  # no heartbeat while it runs
            self.connection.set(self.alive_key, self.name, ex=int(job.timeout) + ALIVE_SECONDS)
        if job.failure_ttl is None:  # rq would keep it for a year
            job.failure_ttl = FAILURE_SECONDS
        close_old_connections()
        try:
            return super().perform_job(job, queue, *rest)
        finally:
            close_old_connections()

    def teardown(self) -> None:
        try:
            super().teardown()
        except RedisError as error:
            logger.warning("signing off from Redis failed: %s", error)

    @property
    def alive_key(self) -> str:
        return ALIVE_KEYS[self.queues[0].name]

    @property
    def is_asked_to_stop(self) -> bool:
        return self._shutdown_requested_date is not None


def work_off(name: str) -> None:
    """Work off the queue of this name until a signal asks to stop. rq gives up when Redis goes as a job begins or ends: then
    begin anew."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    while not _work_until_stopped(name):
        for number, handler in handlers.items():  # rq's would tell a worker that has ended
            signal.signal(number, handler)
        time.sleep(1)


def _work_until_stopped(name: str) -> bool:
    """False when it was not a signal that ended it."""
    await_redis()
    queue = django_rq.get_queue(name)
    try:
        worker = Worker([queue], connection=queue.connection, worker_ttl=TTL_SECONDS)
        with suppress(StopRequested):
            worker.work(logging_level="WARNING")
    except RedisError as error:
        logger.warning("signing on at Redis failed: %s", error)
        return False
    return worker.is_asked_to_stop


def await_redis() -> None:
    """Return when Redis answers."""
    while True:
        try:
            django_rq.get_connection("default").ping()
        except RedisError:
            time.sleep(0.5)
        else:
            return
