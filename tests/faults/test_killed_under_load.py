"""Whatever is killed while people work: what was answered is there, once, and work goes on by itself (R9, R20)."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from django.db import connection
from django.utils import timezone

from dispatch import ledger
from dispatch.models import Event, File, Slot
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


def started(act: Callable[..., None], each: Iterable[tuple[object, ...]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=act, args=arguments) for arguments in each]
    for thread in threads:
        thread.start()
    return threads


def side_by_side(act: Callable[..., None], each: Iterable[tuple[object, ...]]) -> None:
    for thread in started(act, each):
        thread.join()


@contextmanager
def working(people: list[Person]) -> Iterator[Day]:
    day = Day()
    threads = started(day.work, [(person,) for person in people])
    try:
        yield day
    finally:
        day.over.set()
        for thread in threads:
            thread.join()


def signed_in(run: Run, team: Team) -> list[Person]:
    return [Person(run.address, name) for name in team.workers.values_list("username", flat=True)]


def books_are_right(team: Team, day: Day) -> None:
    assert ledger.balance().differences == ()
    done = set(File.objects.filter(team=team, state="done").values_list("pk", flat=True))
    assert set(day.done) <= done <= day.tried
    assert max(day.done.values()) == 1
    assert Event.objects.filter(team=team, kind="done").count() == len(done)


@pytest.mark.parametrize("victim", ["web", "worker", "valkey-server", "postgres"])
def test_what_was_answered_is_there_once_and_work_goes_on(victim: str, at_hand: Run) -> None:
    team = new_team(people=4, files=160)
    with working(signed_in(at_hand, team)) as day:
        at_hand.until(lambda: len(day.done) > 20)
        at_hand.kill(victim)
        time.sleep(0.5)
        before = len(day.done)
        at_hand.until(lambda: len(day.done) > before + 20)
    connection.close()
    books_are_right(team, day)
    if victim in ("worker", "valkey-server"):  # nobody at work notices
        assert day.unanswered == []
    at_hand.until(lambda: not Slot.objects.filter(bin__worker__team=team, file=None).exists(), 20)


def test_two_clicks_at_once_on_one_button_finish_one_file(at_hand: Run) -> None:
    """Two web processes; the second click never reaches the file that came after."""
    team, day = new_team(people=3, files=60), Day()

    def click_twice(person: Person) -> None:
        for _ in range(2 * 10):
            form = person.next_form()
            assert form
            side_by_side(day.send, [(person, form)] * 2)

    side_by_side(click_twice, [(person,) for person in signed_in(at_hand, team)])
    assert len(day.done) == 3 * 10
    assert set(day.done.values()) == set(day.refused.values()) == {1}
    assert day.done == day.refused  # every file had a winner and a loser
    books_are_right(team, day)
