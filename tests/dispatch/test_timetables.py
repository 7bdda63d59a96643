"""Calendars change by versions, and nothing that was promised changes with them."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from dispatch import agreements, flow, refusals, timetables
from dispatch.hours import (
    Unreadable,
    read_cut_offs,
    read_day,
    read_exceptions,
    write_cut_offs,
    write_day,
    write_exceptions,
)
from dispatch.models import Agreement, CalendarVersion, Customer, File, Queue, WorkCalendar
from dispatch.timetables import Timetable
from tests import office
from tests.office import NOW

PARIS = Timetable("Europe/Paris")
SHORT = Timetable("Europe/Paris", week=[[["08:00", "12:00"], ["13:00", "16:00"]]] * 5 + [[], []])


@pytest.fixture
def team(db):
    return office.team()


def refused(sql, error=IntegrityError):
    with pytest.raises(error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {sql}")


# Versions


def test_a_file_keeps_the_promise_and_the_version_of_its_intake(team):
    claim, calendar = office.file_type("Claim", team), office.calendar()
    before = office.log(claim)[0]
    assert timetables.change(calendar, SHORT, now=NOW)
    after = office.log(claim)[0]
    before.refresh_from_db()
    assert (before.calendar_version.number, after.calendar_version.number) == (1, 2)
    assert before.due_at - after.due_at == timedelta(hours=2)
    assert list(timetables.promised_by_other_versions([calendar])) == [before]
    assert timetables.number_by_other_versions(calendar, most=9) == 1
    assert before.calendar_version.hours().end_of_work(NOW.date()) == NOW.replace(hour=17)


def test_the_number_of_older_promises_is_counted_up_to_a_bound_in_an_index(team):
    claim, calendar = office.file_type("Claim", team), office.calendar()
    office.log(claim, 3)
    other = timetables.make("Other", SHORT, now=NOW)
    assert timetables.number_by_other_versions(calendar, most=9) == 0
    Queue.objects.filter(team=team).update(calendar=other)
    office.log(claim, 1)
    Queue.objects.filter(team=team).update(calendar=calendar)
    assert timetables.number_by_other_versions(calendar, most=9) == 1  # of a version made later, for another calendar
    assert timetables.change(calendar, SHORT, now=NOW)
    assert timetables.number_by_other_versions(calendar, most=9) == 4
    assert timetables.number_by_other_versions(calendar, most=2) == 2
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {timetables.BY_OTHER_VERSIONS}", {"calendar": calendar.pk, "most": 9})
        assert "\n".join(line for (line,) in cursor.fetchall()).count("open_by_version") == 2


def test_a_version_says_who_made_it_when_and_nothing_new_makes_none(team):
    root, calendar = office.person("Root", "administrator"), office.calendar()
    assert not timetables.change(calendar, PARIS, by=root, now=NOW)
    assert timetables.change(calendar, SHORT, by=root, now=NOW)
    assert not timetables.change(WorkCalendar.objects.get(), SHORT, by=root, now=NOW)
    versions = CalendarVersion.objects.order_by("number").values_list("number", "made_by", "made_at")
    assert list(versions) == [(1, None, NOW), (2, root.pk, NOW)]
    assert WorkCalendar.objects.get().current.number == 2


def test_boards_of_the_teams_are_drawn_again_when_their_calendar_changes(team):
    before = Queue.objects.get().version
    timetables.change(office.calendar(), SHORT, now=NOW)
    assert Queue.objects.get().version == before + 1


def test_a_calendar_that_cannot_work_is_refused_and_nothing_is_changed(team):
    for wrong in (Timetable("Europe/Atlantis"), Timetable("Europe/Paris", week=[[]] * 7)):
        with pytest.raises(ValueError, match=r"Atlantis|Nobody works"):
            timetables.change(office.calendar(), wrong, now=NOW)
        with pytest.raises(ValueError, match=r"Atlantis|Nobody works"):
            timetables.make("Other", wrong, now=NOW)
    assert CalendarVersion.objects.count() == WorkCalendar.objects.count() == 1


@pytest.mark.parametrize(
    "sql",
    ["UPDATE dispatch_calendarversion SET zone = 'UTC'", "DELETE FROM dispatch_calendarversion"],
)
def test_the_database_refuses_to_change_a_version(team, sql):
    refused(sql, DatabaseError)
    assert CalendarVersion.objects.get().zone == "Europe/Paris"


def test_the_version_in_force_is_one_of_the_calendars_own(team):
    other = timetables.make("Other", SHORT, now=NOW)
    refused(f"UPDATE dispatch_workcalendar SET current_id = {other.current_id} WHERE name = 'Weekdays'")
    refused("UPDATE dispatch_workcalendar SET current_id = NULL")
    refused("INSERT INTO dispatch_workcalendar (name, current_id) VALUES ('Empty', 0)")


# Agreements


@pytest.mark.parametrize(
    ("terms", "words", "due"),
    [
        ({"kind": "working_days", "days": 2}, "2 working days", "2026-03-05 17:00"),
        ({"kind": "working_hours", "hours": 9}, "9 working hours", "2026-03-04 08:00"),
        ({"kind": "calendar_days", "days": 4}, "4 calendar days", "2026-03-09 17:00"),  # a Saturday, so Monday
        (
            {"kind": "same_day", "cut_offs": [None, time(10), *[None] * 5], "otherwise_by": time(12)},
            "the same working day if received by -, 10:00, -, -, -, -, -, otherwise the next by 12:00",
            "2026-03-03 17:00",
        ),
    ],
)
def test_each_kind_of_agreement_promises_and_the_customers_own_goes_first(team, terms, words, due):
    """Received on a Tuesday at 10:00 in Paris, 09:00 UTC; work ends at 18:00 there."""
    claim, mary = office.file_type("Claim", team), Customer.objects.create(name="Mary", slug="mary")
    Agreement.objects.create(file_type=claim, kind="working_days", days=9)
    Agreement.objects.create(file_type=claim, customer=mary, **terms)
    file = flow.log(reference="A-1", file_type=claim, customer=mary, by=None, now=NOW)[0]
    book = agreements.book([team.pk])
    assert file.due_at == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert agreements.in_words(book.rule(claim, customer_id=mary.pk)) == words
    assert agreements.in_words(book.rule(claim, customer_id=None)) == "9 working days"


@pytest.mark.parametrize(
    "terms",
    [
        {"kind": "working_days"},
        {"kind": "working_days", "days": 0},
        {"kind": "working_days", "days": 1001},
        {"kind": "working_days", "days": 2, "hours": 3},
        {"kind": "working_hours", "days": 2},
        {"kind": "calendar_days", "days": 2, "otherwise_by": time(12)},
        {"kind": "same_day", "otherwise_by": time(12)},
        {"kind": "same_day", "cut_offs": [time(12)] * 7},
        {"kind": "same_day", "cut_offs": [time(12)] * 5, "otherwise_by": time(12)},
        {"kind": "same_day", "cut_offs": [None] * 7, "otherwise_by": time(12)},
        {"kind": "never"},
    ],
)
def test_the_database_refuses_an_agreement_that_its_kind_cannot_keep(team, terms):
    claim = office.file_type("Claim", team)
    with pytest.raises(IntegrityError), transaction.atomic():
        Agreement.objects.create(file_type=claim, **terms)


# Receipts


@pytest.mark.parametrize("year", [1, 1970, 1999])
def test_a_receipt_before_2000_is_refused(team, year):
    claim = office.file_type("Claim", team)
    with pytest.raises(refusals.ReceiptImplausible, match=f"{year} is too long ago"):
        office.log(claim, received_at=datetime(year, 6, 1, tzinfo=UTC))
    assert not File.objects.exists()


def test_a_receipt_in_2000_is_not(team):
    assert office.log(office.file_type("Claim", team), received_at=datetime(2000, 1, 1, tzinfo=UTC))


def test_the_database_refuses_it_too(team):
    office.log(office.file_type("Claim", team))
    refused("UPDATE dispatch_file SET received_at = '1999-12-30'")


# Hours as people write them


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("", []),
        ("08:00-12:00, 13:00-18:00", [["08:00", "12:00"], ["13:00", "18:00"]]),
        ("8-12;13:30 – 18", [["08:00", "12:00"], ["13:30", "18:00"]]),
        ("0:00-24:00", [["00:00", "24:00"]]),
        ("22-0", [["22:00", "24:00"]]),
        ("8h30-12.15", [["08:30", "12:15"]]),
    ],
)
def test_hours_are_read_as_people_write_them(text, hours):
    assert read_day(text) == hours
    assert read_day(write_day(hours)) == hours


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nine to five", "Write them as 08:00-12:00"),
        ("08:00", "Write them as 08:00-12:00"),
        ("08:00-25:00", "25:00 is no time of a day"),
        ("08:60-12:00", "08:60 is no time of a day"),
        ("24:30-24:45", "24:30 is no time of a day"),
        ("22:00-06:00", "Split a night at midnight"),
        ("09:00-09:00", "ends before it starts"),
        ("13:00-18:00, 08:00-12:00", "in order"),
        ("08:00-12:00, 11:00-18:00", "without overlap"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_what_to_do(text, says):
    with pytest.raises(Unreadable, match=says):
        read_day(text)


def test_exceptions_are_a_date_a_line():
    text = "2026-12-31 closed\n\n2026-12-24  8-12\n"
    read = {"2026-12-24": [["08:00", "12:00"]], "2026-12-31": []}
    assert read_exceptions(text) == read
    assert write_exceptions(read) == "2026-12-24 08:00-12:00\n2026-12-31 closed"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-12-24 closed\n2026-02-30 closed", "Line 2: 2026-02-30 is no date"),
        ("Christmas closed", "Line 1: Christmas is no date"),
        ("2026-12-24", "Line 1: What is on 2026-12-24"),
        ("2026-12-24 open", "Line 1: open are no hours"),
        ("2026-12-24 closed\n2026-12-24 8-12", "Line 2: 2026-12-24 is there twice"),
    ],
)
def test_a_wrong_exception_says_in_which_line(text, says):
    with pytest.raises(Unreadable, match=says):
        read_exceptions(text)


@pytest.mark.parametrize(
    ("text", "cut_offs"),
    [
        ("12", [time(12)] * 7),
        ("24:00", [time(0)] * 7),
        ("12, 12, 12, 12, 11:30, -, -", [*[time(12)] * 4, time(11, 30), None, None]),
    ],
)
def test_cut_offs_are_one_for_all_or_one_a_weekday(text, cut_offs):
    assert read_cut_offs(text) == cut_offs
    assert read_cut_offs(write_cut_offs(cut_offs)) == cut_offs


@pytest.mark.parametrize("text", ["", "-", "noon", "12, 12", "12:00, 12:00, 12:00, 12:00, 12:00", "-,-,-,-,-,-,-"])
def test_other_cut_offs_are_refused(text):
    with pytest.raises(Unreadable, match="12:00"):
        read_cut_offs(text)
