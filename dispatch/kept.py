"""What is known of each team, kept as long as it holds: in this process, and in Redis for all others.

Truth stays in PostgreSQL. What is kept says of which state of the team it is and until when it may be shown, so a value of another
state is never taken; a Redis that is away or empty costs asking anew.
"""

import logging
import pickle
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

import django_rq
from django.db import connection
from redis import Redis, RedisError

PAUSE = 10  # seconds in which a Redis that did not answer is not asked again

logger = logging.getLogger(__name__)


class Kept(NamedTuple):
    state: object
    until: datetime
    what: Any


class Memory:
    """By team, each value lasting `lasts` at most, in which time what changes without an act may be missed.

    Processes share it, but not those of a build in which the classes that values are `made_of` have other fields.
    """

    def __init__(self, *, lasts: timedelta, made_of: Iterable[type]) -> None:
        self._lasts = lasts
        self._build = crc32(repr([(each.__name__, each.__annotations__) for each in made_of]).encode())
        self._here: dict[tuple[str, int], Kept] = {}
        self._silent_until = 0.0

    def known(
        self,
        states: Mapping[int, object],
        ask: Callable[[list[int]], Iterable[Any]],
        *,
        now: datetime,
        ahead: timedelta = timedelta(),
    ) -> dict[int, Any]:
        """What is kept of these teams where the state is the same, and what `ask` says of the others, all of them at once. What
        ends within the time `ahead` is asked anew as well.

        A value lasts for half its time at least, and for every team another one, so that not all of them end together."""
        database = _database()

        def is_good(team: int, kept: Kept | None) -> bool:
            return kept is not None and kept.state == states[team] and now + ahead < kept.until <= now + self._lasts

        found = {team: self._here.get((database, team)) for team in states}
        if unknown := [team for team, kept in found.items() if not is_good(team, kept)]:
            found |= self._shared(unknown)
        if stale := [team for team in unknown if not is_good(team, found[team])]:
            asked = {
                team: Kept(states[team], now + self._lasts * (1 + number / len(stale)) / 2, what)
                for number, (team, what) in enumerate(zip(stale, ask(stale), strict=True), 1)
            }
            found |= asked
            self._share(asked)
        self._here |= {(database, team): kept for team, kept in found.items() if kept}
        return {team: kept.what for team, kept in found.items() if kept}

    def get(self, team: int) -> Any:
        """What this process knows of it, good or not."""
        kept = self._here.get((_database(), team))
        return kept and kept.what

    def forget(self) -> None:
        """Everything, here and for all."""
        if self._here:
            self._with_redis(lambda redis: redis.delete(self._key))
        self.forget_here()

    def forget_here(self) -> None:
        """As a process that has just begun."""
        self._here.clear()

    @property
    def _key(self) -> str:
        return f"threeslot:kept:{_database()}:{self._build}"

    def _shared(self, teams: Collection[int]) -> dict[int, Kept]:
        values = self._with_redis(lambda redis: redis.hmget(self._key, [str(team) for team in teams]))
        found = {team: _read(value) for team, value in zip(teams, values or (), strict=False) if value}
        return {team: kept for team, kept in found.items() if kept}

    def _share(self, asked: Mapping[int, Kept]) -> None:
        values = {str(team): pickle.dumps(kept) for team, kept in asked.items()}

        def write(redis: Redis) -> None:
            with redis.pipeline(transaction=False) as pipe:
                pipe.hset(self._key, mapping=values)  # type: ignore[arg-type]
                pipe.expire(self._key, self._lasts)
                pipe.execute()

        self._with_redis(write)

    def _with_redis(self, act: Callable[[Redis], Any]) -> Any:
        """None where Redis does not answer."""
        if time.monotonic() < self._silent_until:
            return None
        try:
            return act(_redis())
        except RedisError as error:
            self._silent_until = time.monotonic() + PAUSE
            logger.warning("What is known of teams is not shared for %s s: %s", PAUSE, error)
            return None


def _read(value: bytes) -> Kept | None:
    """None for what cannot be read: it is asked for anew, and written over."""
    try:
        return pickle.loads(value)  # noqa: S301 ours
    except Exception:
        logger.warning("What was known of a team cannot be read", exc_info=True)
        return None


@cache
def _redis() -> Redis:
    return django_rq.get_connection("default")


def _database() -> str:
    return str(connection.settings_dict["NAME"])
