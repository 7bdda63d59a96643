"""The engine in process: done and refill through the very verb that the pages use, boards, and a cold start."""

import time
from collections.abc import Callable

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench import measured, office
from bench.measured import Round
from dispatch import boards, flow, moves
from dispatch.refill import refill
from skills.models import Worker

WARM_UP = 12  # a new connection plans its statements anew for the first ones


def done_and_refill(of: office.Office, *, acts: int) -> Round:
    """Everybody in turn finishes the oldest file of their bin; starting it is not counted. As many wait afterwards as before."""
    for number in range(WARM_UP):
        finish_one(of.workers[number % len(of.workers)])
    seconds = [finish_one(of.workers[number % len(of.workers)]) for number in range(acts)]
    office.add_files(of, acts + WARM_UP, now=timezone.now())
    return measured.of(seconds)


def finish_one(worker: Worker) -> float:
    """Seconds of finishing; starting is not counted."""
    held = start_one(worker)
    began = time.perf_counter()
    finish(held, worker)
    return time.perf_counter() - began


def start_one(worker: Worker) -> moves.Held:
    held = moves.held_by(worker.pk)[0]
    flow.start(worker, held.position, by=worker, now=timezone.now())
    return held


def finish(held: moves.Held, worker: Worker) -> None:
    """As the page does it, with the checklist confirmed."""
    flow.mark_done(worker, held.position, file=held.file_id, confirmed=held.checklist, by=worker, now=timezone.now())


def statements(act: Callable[[], object]) -> int:
    """How many it takes, beginning and end of the transaction aside."""
    with CaptureQueriesContext(connection) as captured:
        act()
    return sum(query["sql"] not in ("BEGIN", "COMMIT") for query in captured)


def steady(of: office.Office, *, acts: int) -> tuple[Round, Round]:
    """The first and the last tenth of so many in a row, with nothing tidied up but what PostgreSQL tidies itself."""
    seconds = [finish_one(of.workers[number % len(of.workers)]) for number in range(acts)]
    return measured.of(seconds[: acts // 10]), measured.of(seconds[-acts // 10 :])


def board(of: office.Office, *, times: int) -> Round:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        boards.team_board(of.team, now=timezone.now())
        seconds.append(time.perf_counter() - began)
    return measured.of(seconds)


def cold_fill(of: office.Office) -> float:
    """Seconds to fill every slot of everybody; they are all empty again afterwards."""
    began = time.perf_counter()
    filled = refill(of.team.pk, cause="bench")
    seconds = time.perf_counter() - began
    assert filled == 3 * len(of.workers), f"{filled} slots of {3 * len(of.workers)} were filled"
    with transaction.atomic():
        moves.take(of.team.pk)
        held = [each for worker in of.workers for each in moves.held_by(worker.pk)]
        moves.give_back(held, kind="returned", by_id=None, cause="bench", now=timezone.now())
    return seconds
