"""A team's week: its days, who is away and lent, what nobody could do, and what its leader plans and removes there."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.utils.html import strip_tags

from dispatch import absences, loans, roster, timetables
from dispatch.calendars import Calendar, from_text
from dispatch.models import Absence, Event, Queue
from dispatch.refill import refill
from dispatch.timetables import Timetable
from skills.models import Role
from tests import office
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

THURSDAY = date(2026, 3, 5)
FORM = {"week": "2026-W10", "for": "ada", "on": "2026-03-05", "from_day": "2026-03-05", "until_day": "2026-03-06"}


@pytest.fixture
def ada(team):
    return office.worker("Ada", team)


@pytest.fixture
def lea(team):
    return office.person("Lea", Role.LEADER, leads=team)


def as_seen_by(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(answer) -> str:
    return re.sub(r"\s+", " ", strip_tags(answer.content.decode()))


def the_week(team, reader, monday=date(2026, 3, 2), *, leads=True):
    queue = Queue.objects.select_related("calendar__current").get(team=team)
    return roster.week_of(queue, monday, reader=reader, may_plan=lambda _worker: leads, now=NOW)


def plan(worker, first, last=None, *, by=None, note=""):
    hours = worker.team.queue.calendar.hours()
    starts_at, ends_at = absences.between(
        hours, from_day=first, from_time=None, until_day=last or first, until_time=None
    )
    return absences.plan(worker, starts_at=starts_at, ends_at=ends_at, note=note, by=by or worker, now=NOW)


# --- Weeks and days


@pytest.mark.parametrize(
    ("name", "monday"),
    [("2026-W01", date(2025, 12, 29)), ("2026-W53", date(2026, 12, 28)), ("2027-W01", date(2027, 1, 4))],
)
def test_weeks_go_across_years(team, lea, name, monday):
    assert roster.monday_named(name) == monday
    page = as_seen_by(lea).get(f"/absences/{team.slug}/", {"week": name})
    before, after = roster.name_of(monday - timedelta(7)), roster.name_of(monday + timedelta(7))
    assert [f'?week={each}"' in page.content.decode() for each in (before, after)] == [True, True]


@pytest.mark.parametrize("name", ["2025-W53", "2026-W00", "2026-10", "0001-W01", "9999-W52", "2026-W٣٣", "x"])
def test_what_is_no_week_is_said(team, lea, name):
    answer = as_seen_by(lea).get(f"/absences/{team.slug}/", {"week": name})
    assert answer.status_code == 404
    assert "write a week like 2026-W49" in text(answer)


def test_days_off_say_why(team, ada, lea):
    exceptions = {"2026-05-15": [], "2026-05-16": [["09:00", "12:00"]]}
    calendar = timetables.make("French", Timetable("Europe/Paris", country="FR", exceptions=exceptions), now=NOW)
    Queue.objects.filter(team=team).update(calendar=calendar)
    days = the_week(team, lea, date(2026, 5, 11)).days
    assert [(day.day.day, day.off) for day in days] == [
        (11, ""), (12, ""), (13, ""), (14, "public holiday"), (15, "day off"), (16, ""),
    ]  # fmt: skip
    assert [day.here for day in days] == [1, 1, 1, 0, 0, 1]


# --- People


def test_away_over_weeks_for_parts_and_lent(team, ada, lea):
    claims = office.team("Claims")
    ben, cy = office.worker("Ben", team), office.worker("Cy", claims)
    plan(ada, THURSDAY, date(2026, 3, 17))
    at_noon = datetime(2026, 3, 4, 11, tzinfo=UTC)
    told = {"reason": "flood", "is_agreed": True, "by": lea, "now": NOW}
    loans.lend(ben, to_team=claims, starts_at=at_noon, ends_at=at_noon + timedelta(hours=2), **told)
    loans.lend(cy, to_team=team, starts_at=at_noon, ends_at=at_noon + timedelta(days=1), **told)
    week = the_week(team, lea)
    cells = {line.username: line.cells for line in week.lines}
    assert [cell.is_here for cell in cells["ada"]] == [True, True, True, False, False]
    [lent] = cells["ben"][2].pieces
    assert (lent.kind, lent.team, f"{lent.starts_at:%H:%M}", f"{lent.ends_at:%H:%M}") == (
        "lent",
        "Claims",
        "12:00",
        "14:00",
    )
    assert [cell.is_here for cell in cells["cy"]] == [False, False, True, True, False]
    assert [(day.here, day.in_part) for day in week.days] == [(2, 0), (2, 0), (3, 2), (2, 1), (1, 0)]
    assert [cell.is_here for cell in the_week(team, lea, date(2026, 3, 16)).lines[0].cells] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_days_without_a_skill_or_half_of_the_people_are_marked(team, ada, lea):
    office.file_type("Hull", team, needs="marine")
    bo = office.worker("Bo", team, marine="U")
    office.worker("Cy", team, marine="L")
    assert {day.missing for day in the_week(team, lea).days} == {()}
    plan(bo, THURSDAY)
    plan(ada, THURSDAY)
    days = the_week(team, lea).days
    assert [day.missing for day in days] == [(), (), (), ("marine",), ()]
    assert [day.is_thin for day in days] == [False, False, False, True, False]
    page = text(as_seen_by(lea).get(f"/absences/{team.slug}/"))
    assert "fewer than half" in page
    assert "marine" in page


def test_the_number_of_statements_does_not_grow(team, ada, lea, django_assert_num_queries):
    client = as_seen_by(lea)
    client.get(f"/absences/{team.slug}/")
    for number in range(2):
        with django_assert_num_queries(10):
            client.get(f"/absences/{team.slug}/")
        for each in range(3):
            plan(office.worker(f"W{number}{each}", team), THURSDAY)


# --- Notes


def test_a_note_is_for_the_person_and_who_leads_them(team, ada, lea):
    plan(ada, THURSDAY, note="at the dentist")
    others = [office.worker("Ben", team), office.person("Mia", Role.MANAGER), office.person("Otto", Role.LEADER)]
    for person, is_told in [(ada, True), (lea, True), *((other, False) for other in others)]:
        page = text(as_seen_by(person).get(f"/absences/{team.slug}/"))
        assert "away" in page
        assert ("at the dentist" in page) is is_told, person


def test_a_note_goes_no_further_when_the_absence_begins(team, ada, lea):
    file = office.log(office.file_type("Claim", team), 1)[0]
    refill(team.pk, now=NOW)
    plan(ada, date(2026, 3, 3), note="at the dentist", by=lea)
    absences.begin_due(now=NOW)
    assert file.events.filter(kind=Event.Kind.RETURNED).exists()
    assert not Event.objects.filter(cause="at the dentist").exclude(kind=Event.Kind.PLANNED).exists()


# --- Acts


def test_planned_from_a_cell_removed_and_undone(team, ada, lea):
    client = as_seen_by(lea)
    page = client.get(f"/absences/{team.slug}/", {"week": "2026-W10", "for": "ada", "on": "2026-03-05"})
    assert 'id="plan"' in page.content.decode()
    answer = client.post(f"/absences/{team.slug}/of/ada/", FORM, follow=True)
    assert answer.redirect_chain == [(f"/absences/{team.slug}/?week=2026-W10&on=2026-03-05&at=ada", 303)]
    assert "The absence of Ada is planned." in text(answer)
    planned = Absence.objects.get()
    assert (planned.starts_at, planned.ends_at) == (
        datetime(2026, 3, 5, 7, tzinfo=UTC), datetime(2026, 3, 6, 17, tzinfo=UTC)
    )  # fmt: skip
    assert Event.objects.get(kind=Event.Kind.PLANNED).by == lea
    client.post(f"/absences/{team.slug}/of/ada/{planned.pk}/cancel/", FORM)
    assert not Absence.objects.exists()
    removed = Event.objects.get(kind=Event.Kind.CANCELLED)
    client.post(f"/absences/{team.slug}/undo/", {"event": removed.pk})
    assert Absence.objects.get() == planned


@pytest.mark.parametrize(
    ("typed", "status", "says"),
    [
        ({"until_day": "2026-03-04"}, 422, "It has to end on the day it begins on or a later one"),
        ({"from_day": "2026-03-07", "until_day": "2026-03-08"}, 422, "Choose working days."),
        ({"until_day": "2026-03-05", "from_time": "14:00", "until_time": "13:00"}, 422, "it ends before it begins"),
        ({"from_day": "2026-03-02", "until_day": "2026-03-02"}, 422, "This time is over."),
        ({"from_day": "soon"}, 422, "Say from which day."),
        ({"from_day": "9999-01-01", "until_day": "9999-01-08"}, 422, "Write a year from 2000 to 2199."),
        ({"from_day": "0001-01-01", "until_day": "0001-01-08"}, 422, "Write a year from 2000 to 2199."),
        ({"until_time": "25:00"}, 422, "Write a time like 13:00."),
        ({"from_day": "2026-03-06"}, 409, "An absence at that time is planned already."),
    ],
)
def test_what_cannot_be_planned_is_said_and_what_was_typed_is_kept(team, ada, lea, typed, status, says):
    plan(ada, date(2026, 3, 6))
    answer = as_seen_by(lea).post(f"/absences/{team.slug}/of/ada/", FORM | {"note": "a note"} | typed)
    assert (answer.status_code, says in text(answer)) == (status, True)
    assert 'value="a note"' in answer.content.decode()
    assert f'value="{(FORM | typed)["from_day"]}"' in answer.content.decode()
    assert Absence.objects.count() == 1


def test_who_leads_the_host_plans_for_whom_they_are_lent_and_before_that_does_not(team, ada):
    claims = office.team("Claims")
    otto = office.person("Otto", Role.LEADER, leads=claims)
    url = f"/absences/{claims.slug}/of/ada/"
    assert as_seen_by(otto).post(url, FORM).status_code == 404
    told = {"reason": "flood", "is_agreed": True, "by": otto, "now": NOW}
    loans.lend(ada, to_team=claims, ends_at=NOW + timedelta(days=5), **told)
    assert as_seen_by(otto).post(url, FORM).status_code == 303
    assert Absence.objects.get().worker == ada


# --- Days and times


PARIS = from_text(zone="Europe/Paris", week=((("22:00", "24:00"),), *[(("00:00", "06:00"), ("09:00", "18:00"))] * 6))


def test_whole_days_and_times_where_the_clock_changes():
    """The last Sunday of March 2026 is the 29th: there is no half past two."""

    def between(calendar: Calendar, **when):
        nothing = {"from_time": None, "until_time": None}
        return absences.between(calendar, **(nothing | when))

    sunday, half_past_two = date(2026, 3, 29), datetime(2026, 3, 29, 2, 30).time()  # noqa: DTZ001 wall time
    assert between(PARIS, from_day=sunday, until_day=sunday) == (
        datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 16, tzinfo=UTC)
    )  # fmt: skip
    assert between(PARIS, from_day=sunday, from_time=half_past_two, until_day=sunday)[0] == datetime(
        2026, 3, 29, 1, tzinfo=UTC
    )
    assert between(PARIS, from_day=date(2026, 3, 30), until_day=date(2026, 3, 30)) == (
        datetime(2026, 3, 30, 20, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC)
    )  # fmt: skip
