"""Jobs as they are followed: the number of the request that a job is for goes along with it, and what became of jobs is counted in
Redis, wherever they are worked off. Redis may be lost, and then counting begins anew."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis import RedisError
from rq.exceptions import DeserializationError
from rq.job import Job as AnyJob

from backoffice.logs import request_id

KEY = "threeslot:jobs"  # a hash; its fields are "<job> <what>"
UNKNOWN = "unknown"
WITHIN = ("0.05", "0.1", "0.25", "0.5", "1", "2", "5", "10", "30", "+Inf")  # seconds

logger = logging.getLogger(__name__)


class Job(AnyJob):
    """Remembers for which request it is."""

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> AnyJob:
        job = super().create(*args, **kwargs)
        if number := request_id.get():
            job.meta["request_id"] = number
        return job


@contextmanager
def for_request(job: AnyJob) -> Iterator[None]:
    """Inside, the log tells the number of the request that the job is for, or one of its own."""
    mark = request_id.set(str(job.meta.get("request_id") or uuid.uuid4().hex))
    try:
        yield
    finally:
        request_id.reset(mark)


def name_of(job: AnyJob) -> str:
    """The function, by module and name; of a job that cannot be read any more nobody knows it."""
    try:
        return job.func_name or UNKNOWN
    except DeserializationError:
        return UNKNOWN


@dataclass
class Done:
    """What became of the jobs of one function. Each is in `within` once, under the least limit that it kept."""

    ok: int = 0
    failed: int = 0
    seconds: float = 0.0  # of work
    last_ok_at: float = 0.0
    waited: float = 0.0  # seconds from being asked for to the end, added up
    within: dict[str, int] = field(default_factory=dict)  # seconds from being asked for to the end


def note(job: AnyJob, *, began_at: datetime, at: datetime, is_ok: bool) -> None:
    """Counting is worth no trouble: without Redis nothing is counted."""
    name, took = name_of(job), (at - began_at).total_seconds()
    waited = (at - (job.enqueued_at or began_at)).total_seconds()
    try:
        pipeline = job.connection.pipeline(transaction=False)
        pipeline.hincrby(KEY, f"{name} {'ok' if is_ok else 'failed'}", 1)
        pipeline.hincrbyfloat(KEY, f"{name} seconds", took)
        pipeline.hincrbyfloat(KEY, f"{name} waited", waited)
        pipeline.hincrby(KEY, f"{name} {next(each for each in WITHIN if waited <= float(each))}", 1)
        if is_ok:
            pipeline.hset(KEY, f"{name} last", at.timestamp())
        pipeline.execute()
    except RedisError as error:
        logger.warning("A job was not counted: %s", error)


def read(counted: dict[bytes, bytes]) -> dict[str, Done]:
    """By the function, from what the hash holds."""
    found: dict[str, Done] = {}
    for what, value in counted.items():
        name, _, kind = what.decode().partition(" ")
        done = found.setdefault(name, Done())
        match kind:
            case "ok":
                done.ok = int(value)
            case "failed":
                done.failed = int(value)
            case "seconds":
                done.seconds = float(value)
            case "waited":
                done.waited = float(value)
            case "last":
                done.last_ok_at = float(value)
            case _ if kind in WITHIN:
                done.within[kind] = int(value)
    return found
