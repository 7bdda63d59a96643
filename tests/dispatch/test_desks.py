"""What is read of teams before a loan is worked out: what is due, who is there and for how long, and what each could do."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import absences, desks, flow, loans, timetables
from dispatch.desks import Window
from dispatch.effect import ANYBODY, Need
from dispatch.models import Queue, Tally
from dispatch.refill import refill
from dispatch.timetables import Timetable
from skills.models import Team, Worker
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db

# 10:00 in Paris; eight hours of work are left, and four weeks hold files of the default promise of three weeks.
EVENING = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
TODAY = Window(NOW, EVENING)
HOUR = timedelta(hours=1)


@pytest.fixture
def team():
    return office.team()


@pytest.fixture
def claims():
    return office.team("Claims")


@pytest.fixture
def lea(team):
    return office.person("Lea", "leader", leads=team)


def read(*teams, window=TODAY, now=NOW, candidates=()):
    queues = Queue.objects.select_related("team", "calendar__current").filter(team__in=teams)
    return desks.read(list(queues), window=window, candidates=candidates, now=now)


def desk(team, **how):
    return read(team, **how).desk(team.pk)


def spans(found):
    return {hand.worker: hand.spans for hand in found.hands}


def due_today(kind, number, *, at=EVENING):
    """So many files of this type that are promised by this instant."""
    kind.agreements.create(kind="same_day", cut_offs=["18:00"] * 7, otherwise_by="12:00")
    return office.log(kind, number)


def pace(team, files, hours_before=24):
    """As if the team had finished so many files yesterday."""
    Tally.objects.create(team=team, kind="done", quarter_at=NOW - hours_before * HOUR, count=files)


def test_what_waits_and_what_lies_in_slots_is_due(team):
    hull = office.file_type("Hull", team, needs="marine")
    due_today(hull, 5)
    due_today(office.file_type("Claim", team), 2)
    office.worker("Ada", team, marine="U")
    found = desk(team)
    [due] = found.dues
    assert (due.at, due.files, dict(due.by_need)) == (8.0, 7, {Need(hull.skill_id, 3): 5})
    assert found.waiting == 4, "three are in slots"
    assert found.needs == (ANYBODY, Need(hull.skill_id, 3))


def test_what_is_promised_later_than_the_loan_lasts_is_not_asked_for(team):
    office.log(office.file_type("Claim", team), 4)
    assert desk(team).dues == ()
    assert sum(due.files for due in desk(team, window=Window(NOW, NOW + timedelta(days=21))).dues) == 4


def test_what_is_overdue_is_due_at_once(team):
    due_today(office.file_type("Claim", team), 3)
    [due] = desk(
        team, now=NOW + timedelta(days=1), window=Window(NOW + timedelta(days=1), EVENING + timedelta(days=1))
    ).dues
    assert (due.at, due.files) == (0.0, 3)


def test_when_everybody_works(team, lea):
    here = office.worker("Here", team)
    gone = office.worker("Gone", team, present=False)
    back = office.worker("Back", team)
    flow.away(back, until=NOW + 3 * HOUR, by=lea, now=NOW)
    dentist = office.worker("Dentist", team)
    absences.plan(dentist, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR, by=lea, now=NOW)
    found = desk(team)
    assert spans(found) == {
        here.pk: ((0.0, 8.0),),
        gone.pk: (),
        back.pk: ((3.0, 8.0),),
        dentist.pk: ((0.0, 1.0), (2.0, 8.0)),
    }
    assert {hand.worker for hand in found.hands if hand.is_there} == {here.pk, dentist.pk}


def test_who_is_lent_works_where_their_loan_says(team, claims, lea):
    ada, ben = office.worker("Ada", team), office.worker("Ben", team)
    loans.lend(ada, to_team=claims, ends_at=NOW + 2 * HOUR, reason="x", is_agreed=True, by=lea, now=NOW)
    loans.lend(
        ben,
        to_team=claims,
        starts_at=NOW + HOUR,
        ends_at=NOW + 3 * HOUR,
        reason="x",
        is_agreed=True,
        by=lea,
        now=NOW,
    )
    found = read(team, claims)
    assert spans(found.desk(team.pk)) == {ada.pk: ((2.0, 8.0),), ben.pk: ((0.0, 1.0), (3.0, 8.0))}
    assert spans(found.desk(claims.pk)) == {ada.pk: ((0.0, 2.0),), ben.pk: ((1.0, 3.0),)}


def test_whoever_is_lent_finishes_first_what_they_hold(team, claims):
    """At the rate of their home: one person did twenty in ten hours, so three files take one and a half."""
    pace(team, 20)
    office.log(office.file_type("Claim", team), 3)
    ada = office.worker("Ada", team, present=False)
    Worker.objects.filter(pk=ada.pk).update(is_present=True, date_joined=NOW - timedelta(days=90))
    refill(team.pk, now=NOW)
    found = read(team, claims)
    assert found.desk(team.pk).rate == pytest.approx(2.0)
    lending = found.lending(ada.pk, claims)
    assert lending.stays.spans == ((0.0, 1.5),)
    assert lending.comes.spans == ((1.5, 8.0),)


def test_a_front_office_gets_them_at_once(team):
    front = Team.objects.create(name="Front desk", slug="front-desk", is_front_office=True)
    pace(team, 20)
    office.log(office.file_type("Claim", team), 3)
    ada = office.worker("Ada", team)
    lending = read(team).lending(ada.pk, front)
    assert lending.stays.spans == ()
    assert read(team).desk(front.pk).hands == ()


def test_a_certificate_that_ended_counts_for_nothing(team):
    hull = office.file_type("Hull", team, needs="marine")
    ada = office.worker("Ada", team, marine="U")
    [hand] = desk(team).hands
    assert hand.can == {Need(hull.skill_id, 3)}
    ada.competences.update(certified_until=NOW)
    [hand] = desk(team).hands
    assert hand.can == frozenset()


def test_working_time_is_that_of_each_team(team, claims):
    early = timetables.make("Early", Timetable("Europe/Paris", week=[[["06:00", "14:00"]]] * 5 + [[], []]), now=NOW)
    Queue.objects.filter(team=claims).update(calendar=early)
    ada = office.worker("Ada", team)
    lending = read(team, claims).lending(ada.pk, claims)
    assert lending.comes.spans == ((0.0, 4.0),), "the host closes at two"
    assert lending.stays.spans == ()


def test_as_many_statements_whatever_there_is(team, claims):
    def cost(*teams):
        with CaptureQueriesContext(connection) as spent:
            read(*teams)
        return len(spent)

    office.worker("Ada", team)
    few = cost(team)
    for number in range(3):
        more = office.team(f"Team {number}")
        office.log(office.file_type("Hull", more, needs="marine"), 4)
        office.worker(f"Ben {number}", more, marine="U")
    assert cost(*Team.objects.all()) == few <= 12
