"""How often something may come in: counted in Redis by the minute. Redis is a cache, so without it there is no limit."""

import logging
import time

import django_rq
from redis import RedisError

MINUTE = 60  # seconds
REST = 5  # seconds without asking a Redis that did not answer

logger = logging.getLogger(__name__)

_rests_until = 0.0


def seconds_to_wait(who: str, *, at_most: int) -> int:
    """Counts one more of `who` in this minute: 0, or how long until the next one when that is more than `at_most`."""
    global _rests_until
    now = time.time()
    if time.monotonic() < _rests_until:
        return 0
    minute = int(now // MINUTE)
    key = f"threeslot:limit:{who}:{minute}"
    try:
        pipeline = django_rq.get_connection("default").pipeline(transaction=False)
        pipeline.incr(key)
        pipeline.expire(key, 2 * MINUTE)
        number = pipeline.execute()[0]
    except RedisError as error:
        _rests_until = time.monotonic() + REST
        logger.warning("Calls are not counted for %s s: %s", REST, error)
        return 0
    return 0 if number <= at_most else max(1, round((minute + 1) * MINUTE - now))
