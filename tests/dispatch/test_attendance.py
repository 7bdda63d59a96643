"""Who is expected where on a day: loans and absences, parts of days, holidays, clocks that change, zones of teams."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import absences, attendance, flow, loans, timetables
from dispatch.models import Queue
from dispatch.timetables import Timetable
from skills.models import Competence
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db

TUESDAY, WEDNESDAY = date(2026, 3, 3), date(2026, 3, 4)
HOUR = timedelta(hours=1)


def at(day: date, hour: int) -> datetime:
    """An hour of the clock in Paris, in winter."""
    return datetime(day.year, day.month, day.day, hour - 1, tzinfo=UTC)


def queue_of(team):
    return Queue.objects.select_related("calendar__current").get(team=team)


def shares(team, *days, now=NOW):
    """By day and user name, how much of the working time somebody is expected."""
    names = {worker.pk: worker.username for worker in office.Worker.objects.all()}
    found = attendance.expected({queue_of(team): days}, now=now)
    return {(each.day, names[each.worker_id]): round(each.share, 3) for each in found}


@pytest.fixture
def ada(team):
    return office.worker("Ada", team)


def away(worker, starts_at, ends_at):
    return absences.plan(worker, starts_at=starts_at, ends_at=ends_at, by=worker, now=NOW)


def lend(worker, to_team, starts_at, ends_at):
    return loans.lend(
        worker,
        to_team=to_team,
        starts_at=starts_at,
        ends_at=ends_at,
        reason="flood",
        is_agreed=True,
        by=worker,
        now=NOW,
    )


def test_absent_all_day_or_for_a_part(team, ada):
    ben = office.worker("Ben", team)
    away(ada, at(WEDNESDAY, 8), at(WEDNESDAY, 18))
    away(ben, at(WEDNESDAY, 13), at(WEDNESDAY, 18))
    assert shares(team, TUESDAY, WEDNESDAY) == {(TUESDAY, "ada"): 1, (TUESDAY, "ben"): 1, (WEDNESDAY, "ben"): 0.5}


def test_lent_for_a_part_is_in_both_teams_and_never_twice(team, ada):
    claims = office.team("Claims")
    lend(ada, claims, at(WEDNESDAY, 8), at(WEDNESDAY, 12))
    away(ada, at(WEDNESDAY, 10), at(WEDNESDAY, 14))
    assert shares(team, WEDNESDAY) == {(WEDNESDAY, "ada"): 0.4}
    assert shares(claims, WEDNESDAY) == {(WEDNESDAY, "ada"): 0.2}


def test_what_is_only_asked_for_or_called_off_is_no_loan(team, ada):
    claims = office.team("Claims")
    starts_at, ends_at = at(WEDNESDAY, 8), at(WEDNESDAY, 18)
    asked = {"to_team": claims, "starts_at": starts_at, "ends_at": ends_at, "reason": "flood", "by": ada, "now": NOW}
    loans.lend(ada, **asked, is_agreed=False)
    loans.end(lend(ada, claims, starts_at, ends_at), by=ada, now=NOW)
    assert shares(claims, WEDNESDAY) == {}
    assert shares(team, WEDNESDAY) == {(WEDNESDAY, "ada"): 1}


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (None, {WEDNESDAY: 1}),
        (at(TUESDAY, 13), {TUESDAY: 0.5, WEDNESDAY: 1}),
        (at(WEDNESDAY, 18), {}),
    ],
    ids=["without a word", "until one", "until tomorrow evening"],
)
def test_who_is_away_now_is_away_until_they_said_or_all_day(team, ada, until, expected):
    flow.away(ada, until=until, by=ada, now=NOW)
    assert {day: share for (day, _name), share in shares(team, TUESDAY, WEDNESDAY).items()} == expected


def test_who_comes_back_before_an_absence_is_over_has_ended_it(team, ada):
    away(ada, at(TUESDAY, 9), at(WEDNESDAY, 18))
    absences.begin_due(now=NOW)
    assert shares(team, TUESDAY, WEDNESDAY) == {}
    ada.refresh_from_db()
    flow.back(ada, by=ada, now=NOW + HOUR)
    assert shares(team, TUESDAY, WEDNESDAY, now=NOW + HOUR) == {(TUESDAY, "ada"): 0.8, (WEDNESDAY, "ada"): 1}


def test_only_who_works_counts(team, ada):
    office.person("Lea", "leader", team=team, leads=team)
    office.Worker.objects.filter(pk=office.worker("Gone", team).pk).update(is_active=False)
    assert shares(team, WEDNESDAY) == {(WEDNESDAY, "ada"): 1}


@pytest.fixture
def nights(db):
    """Works round the clock in New York's spring, with the holidays there."""
    team = office.team("Nights")
    week = [[["00:00", "24:00"]]] * 7
    calendar = timetables.make("Nights", Timetable("America/New_York", week=week, country="US"), now=NOW)
    Queue.objects.filter(team=team).update(calendar=calendar)
    office.worker("Nia", team)
    return team


def test_days_are_those_of_the_team_and_as_long_as_they_really_are(nights):
    """On 8 March 2026 the clock in New York jumps from two to three: the day has 23 hours."""
    day, nia = date(2026, 3, 8), office.Worker.objects.get(username="nia")
    away(nia, datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 8, 16, tzinfo=UTC))  # midnight to noon there
    assert shares(nights, day) == {(day, "nia"): round(12 / 23, 3)}
    assert shares(nights, date(2026, 3, 7)) == {(date(2026, 3, 7), "nia"): 1}


def test_nobody_is_expected_on_a_day_off(team, nights, ada):
    assert shares(nights, date(2026, 5, 25)) == {}, "Memorial Day"
    assert shares(team, date(2026, 3, 7)) == {}, "a Saturday"
    assert attendance.next_day([queue_of(team)], now=at(date(2026, 3, 6), 10)) == {team.pk: {ada.pk}}, "Monday"


def test_who_can_do_alone_what_is_needed(team):
    office.file_type("Hull", team, needs="marine")
    office.file_type("Crash", team, needs="motor")
    office.file_type("Letter", team)
    ada, ben = office.worker("Ada", team, marine="U"), office.worker("Ben", team, marine="L", motor="O")
    away(ada, at(WEDNESDAY, 8), at(WEDNESDAY, 18))
    ends = Competence.objects.filter(worker=ben, skill__name="motor")
    ends.update(certified_until=at(WEDNESDAY, 8))
    found = attendance.able({queue_of(team): [TUESDAY, WEDNESDAY]}, now=NOW)
    assert {(each.day.day, each.skill): each.people for each in found} == {
        (3, "marine"): 1, (3, "motor"): 1, (4, "marine"): 0, (4, "motor"): 0,
    }  # fmt: skip
    assert sorted(attendance.able_today([queue_of(team)], now=NOW).values()) == [1, 1]


def test_one_statement_for_all_teams(team, nights, ada):
    queues = list(Queue.objects.select_related("calendar__current"))
    attendance.today(queues, now=NOW)
    with CaptureQueriesContext(connection) as asked:
        here = attendance.today(queues, now=NOW)
    assert len(asked) == 1
    assert set(here) == {team.pk, nights.pk}
