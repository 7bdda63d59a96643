"""Having a team refilled soon: a job per wake-up, at most one waiting. Redis may be dead (R8)."""

import logging
from functools import partial

import django_rq
from django.db import transaction
from redis import RedisError

from dispatch.refill import refill

logger = logging.getLogger(__name__)

MARK_SECONDS = 10  # a wake-up that got lost on its way blocks the next one no longer than the sweep's pause


def wake(*team_ids: int) -> None:
    """Refill these teams as soon as this transaction is in. A dead Redis costs nothing but the sweep's pause."""
    for team_id in dict.fromkeys(team_ids):
        transaction.on_commit(partial(_enqueue_refill, team_id), robust=True)


def _enqueue_refill(team_id: int) -> None:
    """The job clears the mark before it looks, so whoever finds the mark set is seen by the job that waits."""
    queue = django_rq.get_queue("default")
    try:
        if queue.connection.set(_mark(team_id), 1, nx=True, ex=MARK_SECONDS):
            queue.enqueue(refill_woken, team_id)
    except RedisError as error:
        logger.warning("Wake-up of team %s not sent, the sweep will do it: %s", team_id, error)


def _mark(team_id: int) -> str:
    return f"threeslot:refill:{team_id}"


def refill_woken(team_id: int) -> int:
    """The RQ job behind `wake`."""
    django_rq.get_connection("default").delete(_mark(team_id))
    return refill(team_id, cause="wake-up")
