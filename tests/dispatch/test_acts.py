"""An act is whole or not at all, and what PostgreSQL ended for the sake of another is done again: nobody reads of a deadlock."""

import ast
import threading
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections

import dispatch
from dispatch import flow, ledger, moves, refusals
from dispatch.acts import TRIES, act
from dispatch.models import Event, Queue
from tests import office
from tests.office import NOW


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_is_done_again_and_both_acts_are_there_once() -> None:
    """Two acts that each take two queues, the other way round, and wait for each other in the middle."""
    one, two = office.team("One"), office.team("Two")
    middle, tries, errors = threading.Barrier(2, timeout=30), [], []

    @act
    def both(first: int, second: int, name: str) -> None:
        is_first_try = name not in tries
        tries.append(name)
        moves.take(first)
        if is_first_try:
            middle.wait()
        moves.take(second)
        Event.objects.create(team_id=first, kind=Event.Kind.AWAY, cause=name, at=NOW)

    def run(*arguments: object) -> None:
        try:
            both(*arguments)
        except Exception as error:  # whatever it is, the test says it
            errors.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=(one.pk, two.pk, "one")),
        threading.Thread(target=run, args=(two.pk, one.pk, "two")),
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert errors == []
    assert len(tries) == 3  # PostgreSQL ended one of them, once
    assert sorted(Event.objects.values_list("cause", flat=True)) == ["one", "two"]
    assert set(Queue.objects.values_list("version", flat=True)) == {2}


class Deadlock:
    """PostgreSQL raises a real one, so often."""

    def __init__(self, times: int) -> None:
        self.times, self.tried = times, 0

    def __call__(self) -> None:
        self.tried += 1
        if self.tried <= self.times:
            with connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'try' USING ERRCODE = '40P01'; END $$")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.acts.PAUSE", 0)


@pytest.mark.django_db(transaction=True)
def test_what_an_ended_act_had_written_is_gone_before_it_is_done_again(quick: None) -> None:
    team, deadlock = office.team(), Deadlock(TRIES - 1)

    @act
    def write() -> None:
        Event.objects.create(team=team, kind=Event.Kind.AWAY, at=NOW)
        deadlock()

    write()
    assert deadlock.tried == TRIES
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_is_not_tried_for_ever_nor_for_any_other_fault(quick: None) -> None:
    deadlock = Deadlock(99)
    with pytest.raises(OperationalError, match="try"):
        act(deadlock)()
    assert deadlock.tried == TRIES
    tries = []

    @act
    def refused() -> None:
        tries.append(1)
        raise refusals.SlotEmpty

    with pytest.raises(refusals.SlotEmpty):
        refused()
    assert tries == [1]


@pytest.mark.django_db(transaction=True)
def test_within_another_act_it_is_a_part_of_that(quick: None) -> None:
    """Half an act done again inside of a broken whole would be lost with it; the whole is done again."""
    deadlock, whole = Deadlock(1), []

    @act
    def outer() -> None:
        whole.append(1)
        act(deadlock)()

    outer()
    assert (len(whole), deadlock.tried) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_a_worker_who_finishes_a_file_never_sees_it(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    team = office.team()
    office.log(office.file_type("Claim", team), 4)
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=NOW)
    deadlock, finish = Deadlock(2), moves.finish

    def unlucky(*args: object, **kwargs: object) -> None:
        finish(*args, **kwargs)
        deadlock()

    monkeypatch.setattr(moves, "finish", unlucky)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    assert deadlock.tried == 3
    assert Event.objects.filter(kind="done").count() == 1
    assert all(office.in_bin(ada))
    assert ledger.balance().differences == ()


def test_whatever_takes_a_queue_is_an_act_or_a_part_of_one() -> None:
    """So a new verb cannot forget it."""
    parts = {"people._write"}  # called by an act alone
    found = [
        f"{path.stem}.{function.name}"
        for path in Path(dispatch.__file__).parent.glob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef) and takes_a_queue(function) and not is_act(function)
    ]
    assert sorted(set(found) - parts) == []


def takes_a_queue(function: ast.FunctionDef) -> bool:
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return any(isinstance(call, ast.Attribute) and ast.unparse(call) == "moves.take" for call in calls)


def is_act(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(each) == "act" for each in function.decorator_list)
