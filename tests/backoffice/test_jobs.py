"""What rides on Redis or Valkey: the worker, the clock, and how little a dead one costs."""

import time
from pathlib import Path

import django_rq
import pytest
from django.test import Client
from redis import Redis, RedisError
from rq.queue import Queue
from rq.worker import Worker as AnyWorker

from backoffice import health, scheduler, settings, worker
from backoffice.scheduler import Scheduler
from backoffice.worker import Worker


def nothing() -> None:
    """A job."""


def fail() -> None:
    """A job that fails."""
    raise ValueError


@pytest.fixture
def hand(valkey: Redis) -> Worker:
    queue = django_rq.get_queue("default")
    return Worker([queue], connection=queue.connection, worker_ttl=worker.TTL_SECONDS)


def test_a_schedule_that_nobody_works_off_does_not_pile_up(valkey: Redis) -> None:
    clock = Scheduler()
    job = clock.register(nothing, "default", interval=10)
    for _ in range(5):
        clock.enqueue_jobs()
        assert not job.should_run()
        job.next_enqueue_time = job.latest_enqueue_time  # ten seconds later
    assert django_rq.get_queue("default").count == 1


def test_a_schedule_goes_on_after_an_rq_worker_was_killed_as_it_took_its_job_up(valkey: Redis) -> None:
    """Taken out of the queue, and not started yet: its status is "queued" for good."""
    clock = Scheduler()
    job = clock.register(nothing, "default", interval=10)
    clock.enqueue_jobs()
    queue = django_rq.get_queue("default")
    assert Queue.lpop([queue.key], timeout=None, connection=valkey)
    job.next_enqueue_time = job.latest_enqueue_time
    clock.enqueue_jobs()
    assert queue.count == 1


@pytest.mark.django_db
def test_a_schedule_goes_on_after_its_job_ran(valkey: Redis, hand: Worker) -> None:
    clock = Scheduler()
    job = clock.register(fail, "default", interval=10, failure_ttl=60)
    for _ in range(2):
        clock.enqueue_jobs()
        assert hand.work(burst=True)
        job.next_enqueue_time = job.latest_enqueue_time


def test_a_worker_signs_in_again_at_a_redis_that_came_back_empty(valkey: Redis, hand: Worker) -> None:
    hand.register_birth()
    valkey.flushdb()
    hand.heartbeat()
    assert [known.name for known in AnyWorker.all(connection=valkey)] == [hand.name]
    assert valkey.ttl(worker.ALIVE_KEYS[worker.QUICK]) <= worker.ALIVE_SECONDS


@pytest.mark.django_db
def test_failed_jobs_are_not_kept_for_a_year(valkey: Redis, hand: Worker) -> None:
    job = django_rq.get_queue("default", commit_mode="auto").enqueue(fail)
    hand.work(burst=True)
    assert 0 < valkey.ttl(job.key) <= worker.FAILURE_SECONDS


def test_a_dead_redis_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kwargs = settings.RQ_QUEUES["default"]["REDIS_CLIENT_KWARGS"]
    client = Redis(**{**kwargs, "unix_socket_path": str(tmp_path / "gone.sock")})
    started = time.monotonic()
    with pytest.raises(RedisError):
        client.ping()
    assert time.monotonic() - started < 0.2


@pytest.mark.django_db
def test_readiness_names_who_is_missing(valkey: Redis, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", -1)
    valkey.set(scheduler.ALIVE_KEY, "clock", ex=9)
    valkey.set(worker.ALIVE_KEYS[worker.LONG], "hand", ex=9)
    valkey.set(worker.ALIVE_KEYS[worker.WEBHOOKS], "hand", ex=9)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "database": "ok",
        "redis": "ok",
        "worker": "down",
        "long_worker": "ok",
        "webhook_worker": "ok",
        "schedule": "ok",
    }
    valkey.set(worker.ALIVE_KEYS[worker.QUICK], "hand", ex=9)
    assert client.get("/readyz").status_code == 200


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret_key"
    assert settings.kept_secret(path) == settings.kept_secret(path)
    assert len(path.read_text()) > 50
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*path.parent.iterdir()] == [path]
