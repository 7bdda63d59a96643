"""Files an hour of one person present: agrees with an independent recount of comings, goings, loans and done files."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import flow, loans
from dispatch.models import Event, Loan, Queue
from dispatch.rates import rates
from dispatch.refill import refill
from skills.models import Worker
from tests import office

pytestmark = pytest.mark.django_db

# Two weeks of Paris winter: UTC+1, so that work is from 07:00 to 17:00 UTC.
MONDAY = datetime(2026, 2, 16, 7, 0, tzinfo=UTC)


def at(day, hour, minute=0):
    """So many days after that Monday, in UTC."""
    return MONDAY + timedelta(days=day, hours=hour - 7, minutes=minute)


@pytest.fixture
def team():
    return office.team()


def worker(name, team, *, present=True):
    """Somebody who has been there since before all of this."""
    made = office.person(name, "worker", team=team)
    Worker.objects.filter(pk=made.pk).update(date_joined=MONDAY - timedelta(days=90))
    flow.open_bins(team.pk, now=MONDAY)
    if present:
        Worker.objects.filter(pk=made.pk).update(is_present=True)
    return Worker.objects.get(pk=made.pk)


def finish(kind, person, now):
    """They do one file at this instant."""
    flow.log(reference=f"R-{Event.objects.count()}", file_type=kind, by=None, now=now - timedelta(minutes=5))
    refill(person.works_in_id, now=now - timedelta(minutes=4))
    finish_next(person, now)


def finish_next(person, now):
    position = office.next_position(person)
    flow.start(person, position, by=person, now=now - timedelta(minutes=3))
    flow.mark_done(person, position, by=person, now=now)


def rate(team, now):
    return rates([Queue.objects.select_related("calendar__current").get(team=team)], now=now)[team.pk]


def test_ten_days_of_one_person(team):
    claim, ada = office.file_type("Claim", team), worker("Ada", team)
    for day in (0, 0, 1):
        finish(claim, ada, at(day, 9))
    found = rate(team, at(14, 9))
    assert (found.files, found.hours, found.day) == (3, 100, 10)
    assert found.an_hour == pytest.approx(0.03)


def test_nothing_is_known_before_the_first_file_is_done(team):
    worker("Ada", team)
    assert rate(team, at(14, 9)).an_hour is None


def test_only_days_since_the_first_record_count(team):
    """On the first day of data nobody knows; on the second, yesterday alone."""
    claim, ada = office.file_type("Claim", team), worker("Ada", team)
    finish(claim, ada, at(1, 9))
    assert rate(team, at(1, 15)).an_hour is None
    found = rate(team, at(2, 9))
    assert (found.files, found.hours) == (1, 10)


def test_time_away_lunch_nights_and_weekends_are_no_hours(team):
    claim, ada, ben = office.file_type("Claim", team), worker("Ada", team), worker("Ben", team, present=False)
    finish(claim, ada, at(0, 9))
    flow.away(ada, by=ada, now=at(1, 12))  # five hours of Tuesday
    flow.back(ada, by=ada, now=at(2, 16))  # one of Wednesday, ten of Thursday and of Friday
    flow.back(ben, by=ben, now=at(4, 22))  # nothing of Friday
    flow.away(ben, by=ben, now=at(7, 9))  # two of Monday
    found = rate(team, at(8, 9))
    assert found.hours == 10 + 5 + 1 + 10 + 10 + (10 + 2)


def test_who_is_lent_counts_where_they_work(team):
    other = office.team("Claims")
    claim, theirs = office.file_type("Claim", team), office.file_type("Theirs", other)
    ada, ben = worker("Ada", team), worker("Ben", other)
    finish(claim, ada, at(0, 9))
    finish(theirs, ben, at(0, 10))
    loan = loans.lend(ada, to_team=other, ends_at=at(2, 17), reason="flood", is_agreed=True, by=ben, now=at(1, 9))
    loans.end(loan, by=ben, now=at(2, 13))
    assert rate(team, at(3, 9)).hours == 30 - 8 - 6
    assert rate(other, at(3, 9)).hours == 30 + 8 + 6


def test_it_agrees_with_a_recount_of_the_feed(team):
    """The same, counted quarter by quarter out of the events and in no way like the statement does."""
    other = office.team("Claims")
    people = [worker(name, home) for name, home in (("Ada", team), ("Ben", team), ("Cid", other))]
    kinds = {team.pk: office.file_type("Claim", team), other.pk: office.file_type("Theirs", other)}
    for kind in kinds.values():
        office.log(kind, 60, now=MONDAY)
    for day in range(11):
        if day in (5, 6):
            continue
        for number, person in enumerate(people):
            person.refresh_from_db()
            if (day + number) % 4 == 0:
                flow.away(person, by=person, now=at(day, 10 + number, 15))
                flow.back(person, by=person, now=at(day, 14, 30))
            if (day + number) % 5 == 1 and person.team_id == person.works_in_id:
                host = other if person.team_id == team.pk else team
                loans.lend(
                    person,
                    to_team=host,
                    ends_at=at(day, 16),
                    reason="flood",
                    is_agreed=True,
                    by=person,
                    now=at(day, 15),
                )
                loans.run_due(now=at(day, 16))
            person.refresh_from_db()
            refill(person.works_in_id, now=at(day, 16, 20))
            finish_next(person, at(day, 16, 30))
    now = at(11, 12)
    days = [at(day, 0) for day in range(11) if day not in (5, 6)]
    for each in (team, other):
        found = rate(each, now)
        assert found.hours == pytest.approx(_recounted_hours(each, people, days))
        done = Event.objects.filter(team=each, kind="done", at__gte=days[0], at__lt=at(11, 0))
        assert found.files == done.count()


def _recounted_hours(team, people, days):
    quarters = [day.replace(hour=7) + timedelta(minutes=15 * number) for day in days for number in range(40)]
    return (
        sum(
            _is_here(person, quarter) and _works_in(person, quarter) == team.pk
            for person in people
            for quarter in quarters
        )
        / 4
    )


def _is_here(person, when):
    before = Event.objects.filter(worker=person, kind__in=["away", "back"], at__lte=when).order_by("-at").first()
    return before is None or before.kind == "back"


def _works_in(person, when):
    on = Loan.objects.filter(worker=person, started_at__lte=when, ended_at__gt=when).first()
    return on.to_team_id if on else person.team_id


def test_two_statements_for_any_number_of_teams(team):
    teams = [team, *(office.team(f"Team {number}") for number in range(5))]
    queues = list(Queue.objects.select_related("calendar__current").filter(team__in=teams))
    with CaptureQueriesContext(connection) as spent:
        found = rates(queues, now=at(14, 9))
    assert len(spent) == 2
    assert set(found) == {each.pk for each in teams}
