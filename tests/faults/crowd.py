"""A team at work by HTTP, each person on a thread of their own."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count

from django.utils import timezone

from skills.models import Team
from tests import office
from tests.clicker import Day, Person
from tests.servers import Run

_numbers = count(1)


def new_team(*, people: int, files: int) -> Team:
    number = next(_numbers)
    team = office.team(f"Team {number}")
    claim = office.file_type("Claim", team, checklist=("Sums agree", "Customer told"))
    for each in range(people):
        office.worker(f"Worker {number} {each}", team)
    office.log(claim, files, now=timezone.now())
    return team


def signed_in(run: Run, team: Team) -> list[Person]:
    return [Person(run.address, name) for name in team.workers.values_list("username", flat=True)]


def started(act: Callable[..., None], each: Iterable[tuple[object, ...]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=act, args=arguments) for arguments in each]
    for thread in threads:
        thread.start()
    return threads


def side_by_side(act: Callable[..., None], each: Iterable[tuple[object, ...]]) -> None:
    for thread in started(act, each):
        thread.join()


@contextmanager
def working(day: Day, people: list[Person]) -> Iterator[None]:
    """Inside, these people work; at the end everybody's day is over, and they have stopped."""
    threads = started(day.work, [(person,) for person in people])
    try:
        yield
    finally:
        day.over.set()
        for thread in threads:
            thread.join()
