"""A promise is made anew only on purpose, by who may, with a reason, and the books still balance."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import boards, flow, refusals, rights, timetables, undo
from dispatch.models import Agreement, Event, File, Queue
from dispatch.repromise import NotOpen, Outcome, repromise, repromise_all
from dispatch.timetables import Timetable
from tests import office
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_balance")]

SHORT = Timetable("Europe/Paris", week=[[["08:00", "16:00"]]] * 5 + [[], []])
TWO_HOURS = timedelta(hours=2)


@pytest.fixture
def lea(team):
    return office.person("Lea", "leader", leads=team)


def changed(file):
    """The file as it is by now, and its last event."""
    return File.objects.get(pk=file.pk), Event.objects.filter(file=file).order_by("id").last()


def test_a_promise_made_anew_follows_the_calendar_in_force_and_says_what_it_was(claim, lea):
    [file] = office.log(claim)
    timetables.change(office.calendar(), SHORT, now=NOW)
    later = NOW + timedelta(hours=1)
    assert repromise([file], reason=" shorter days ", by=lea, now=later) == Outcome(1, 1)
    now, event = changed(file)
    assert (now.due_at, now.calendar_version.number) == (file.due_at - TWO_HOURS, 2)
    assert (event.kind, event.cause, event.by, event.at) == ("repromised", "shorter days", lea, later)
    assert (event.due_was_at, event.due_at) == (file.due_at, now.due_at)
    assert (now.received_at, now.state) == (file.received_at, "waiting")


def test_it_follows_the_agreement_that_holds_now(claim, lea):
    [file] = office.log(claim)
    Agreement.objects.create(file_type=claim, kind="working_days", days=1)
    repromise([file], reason="agreed with all customers", by=lea, now=NOW)
    assert changed(file)[0].due_at == NOW.replace(day=4, hour=17)


def test_wherever_an_open_file_is_it_stays_there(claim, lea, team):
    """In a slot, in hand and waiting: the books say that nothing but the promise moved."""
    files = office.log(claim, 5)
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=NOW)
    held = office.in_bin(ada)
    timetables.change(office.calendar(), SHORT, now=NOW)
    assert repromise_all(File.objects.all(), reason="shorter days", by=lea, now=NOW) == Outcome(5, 5)
    assert office.in_bin(ada) == held
    assert {file.due_at - changed(file)[0].due_at for file in files} == {TWO_HOURS}
    flow.mark_done(ada, 1, by=ada, now=NOW)
    flow.away(ada, by=ada, now=NOW)


def test_what_is_done_keeps_its_promise(claim, lea, team):
    [file] = office.log(claim)
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    timetables.change(office.calendar(), SHORT, now=NOW)
    with pytest.raises(NotOpen):
        repromise([file], reason="shorter days", by=lea, now=NOW)
    assert repromise_all(File.objects.all(), reason="shorter days", by=lea, now=NOW) == Outcome(0, 0)
    assert changed(file)[0].due_at == file.due_at


def test_it_needs_a_reason(claim, lea):
    with pytest.raises(refusals.ReasonMissing):
        repromise(office.log(claim), reason="  ", by=lea, now=NOW)


def test_twice_the_same_is_once(claim, lea):
    files = office.log(claim, 2)
    timetables.change(office.calendar(), SHORT, now=NOW)
    repromise(files, reason="shorter days", by=lea, now=NOW)
    assert repromise(files, reason="shorter days", by=lea, now=NOW) == Outcome(0, 0)
    assert office.story(files[0]) == ["logged", "repromised"]


def test_the_same_promise_by_another_version_is_told_as_such(claim, lea):
    """A Sunday more changes nothing for this file, but by which version it was promised is in the books."""
    [file] = office.log(claim)
    timetables.change(office.calendar(), Timetable("Europe/Paris", exceptions={"2026-12-31": []}), now=NOW)
    assert repromise([file], reason="New Year's Eve", by=lea, now=NOW) == Outcome(1, 0)
    now, event = changed(file)
    assert (now.due_at, now.calendar_version.number, event.due_was_at) == (file.due_at, 2, event.due_at)


def test_r18_it_can_be_undone_for_a_minute(claim, lea, team):
    """In the queue and in a slot: the promise and the version are as they were, and the story tells both acts."""
    held, waiting = office.log(claim, 4)[0], office.log(claim)[0]
    office.worker("Ada", team)
    timetables.change(office.calendar(), SHORT, now=NOW)
    repromise([held, waiting], reason="mistaken", by=lea, now=NOW)
    for file in (held, waiting):
        _, event = changed(file)
        undo.undo(event, by=lea, now=NOW + timedelta(seconds=50))
        now, undone = changed(file)
        assert (now.due_at, now.calendar_version, undone.undoes) == (file.due_at, file.calendar_version, event)
        with pytest.raises(undo.CannotBeUndone):
            undo.undo(event, by=lea, now=NOW)


def test_several_teams_at_once_each_by_its_own_calendar(claim, lea):
    other = office.team("Priority")
    Queue.objects.filter(team=other).update(calendar=timetables.make("Other", SHORT, now=NOW))
    files = [*office.log(claim), *office.log(office.file_type("Hull", other))]
    versions = dict(Queue.objects.values_list("team", "version"))
    Queue.objects.update(default_days=1)
    assert repromise(files, reason="one day for all", by=lea, now=NOW) == Outcome(2, 2)
    assert {changed(file)[0].due_at.hour for file in files} == {17, 15}
    assert dict(Queue.objects.values_list("team", "version")) == {key: value + 1 for key, value in versions.items()}


def test_many_cost_as_many_statements_as_one(claim, lea):
    counts = []
    for files in (office.log(claim), office.log(claim, 60, received_at=NOW - timedelta(days=20))):
        Queue.objects.update(default_days=5 + len(files) % 7)
        with CaptureQueriesContext(connection) as statements:
            repromise(files, reason="fewer days", by=lea, now=NOW)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 7


def test_a_promise_at_midnight_is_on_the_board_of_the_day_that_ends(claim, lea, team):
    """Round the clock, due today at 24:00: to go today, not tomorrow."""
    always = Timetable("Europe/Paris", week=[[["00:00", "24:00"]]] * 7)
    timetables.change(office.calendar(), always, now=NOW)
    Agreement.objects.create(
        file_type=claim, kind="same_day", cut_offs=[NOW.time().replace(hour=20)] * 7, otherwise_by=NOW.time()
    )
    office.log(claim, 2)
    board = boards.team_board(team, now=NOW)
    assert {group.key: group.count for group in board.groups} == {"overdue": 0, "today": 2, "tomorrow": 0, "later": 0}
    assert board.to_go_today == 2


@pytest.mark.parametrize(
    ("role", "leads", "may"),
    [
        ("leader", True, True),
        ("leader", False, False),
        ("administrator", False, True),
        ("manager", False, False),
        ("assistant", False, False),
        ("worker", True, False),
    ],
)
def test_leaders_of_the_team_and_administrators_may(team, role, leads, may):
    person = office.person("Sam", role, leads=team if leads else None)
    assert rights.may_repromise(person, team) == may
