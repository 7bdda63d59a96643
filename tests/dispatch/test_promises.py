"""What was promised, case by case, and against walking through the calendar day by day."""

import time as clock
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.calendars import Calendar, from_text
from dispatch.promises import THREE_WEEKS, Rule, SameDay, WorkingDays, promise

PARIS = ZoneInfo("Europe/Paris")
OFFICE = (("08:00", "12:00"), ("13:00", "18:00"))
MORNINGS = (("08:00", "12:00"),)

BY_NOON = SameDay(cut_off=time(12), otherwise_by=time(11))


def calendar(zone: str = "Europe/Paris", country: str = "FR") -> Calendar:
    """Monday to Thursday 08:00 to 12:00 and 13:00 to 18:00, Friday mornings only."""
    return from_text(zone=zone, week=(OFFICE,) * 4 + (MORNINGS, (), ()), country=country)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-02 09:00", "2026-11-03 18:00"),  # Monday morning: Tuesday's end of work
        ("2026-11-02 12:30", "2026-11-03 18:00"),  # at lunch
        ("2026-11-02 06:00", "2026-11-03 18:00"),  # before work starts
        ("2026-11-02 18:00", "2026-11-03 18:00"),  # on the stroke of six
        ("2026-11-02 18:01", "2026-11-04 18:00"),  # after work: as if on Tuesday
        ("2026-11-05 09:00", "2026-11-06 12:00"),  # Thursday: Friday ends at noon
        ("2026-11-06 12:01", "2026-11-10 18:00"),  # Friday after noon, as if on Monday
        ("2026-11-07 10:00", "2026-11-10 18:00"),  # Saturday, as if on Monday
        ("2026-11-10 09:00", "2026-11-12 18:00"),  # Wednesday the 11th is Armistice Day
        ("2026-11-11 09:00", "2026-11-13 12:00"),  # on the holiday, as if on Thursday
        ("2026-12-31 09:00", "2027-01-04 18:00"),  # over New Year's Day and a weekend
        ("2026-10-22 09:00", "2026-10-23 12:00"),  # before the clock goes back
        ("2026-10-23 13:00", "2026-10-27 18:00"),  # and over it: still six on the wall
    ],
)
def test_one_working_day(received: str, due: str) -> None:
    assert promise(calendar(), WorkingDays(1), paris(received)) == paris(due)


def test_three_weeks_are_fifteen_working_days() -> None:
    assert promise(calendar(), THREE_WEEKS, paris("2026-09-01 09:00")) == paris("2026-09-22 18:00")
    assert promise(calendar(), THREE_WEEKS, paris("2026-11-02 09:00")) == paris("2026-11-24 18:00"), (
        "one holiday between"
    )


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-02 06:00", "2026-11-02 18:00"),  # Monday before work
        ("2026-11-02 12:00", "2026-11-02 18:00"),  # on the stroke of noon
        ("2026-11-02 12:01", "2026-11-03 11:00"),  # too late for today
        ("2026-11-06 11:00", "2026-11-06 12:00"),  # Friday ends at noon
        ("2026-11-07 09:00", "2026-11-09 11:00"),  # Saturday
        ("2026-11-10 15:00", "2026-11-12 11:00"),  # the next day is a holiday
    ],
)
def test_same_day_if_received_by_noon_else_by_eleven_on_the_next(received: str, due: str) -> None:
    assert promise(calendar(), BY_NOON, paris(received)) == paris(due)


def test_no_cut_off_is_later_than_the_end_of_work() -> None:
    """Agreed until 16:00, but on Fridays nobody is there after noon."""
    until_four = SameDay(cut_off=time(16), otherwise_by=time(10))
    assert promise(calendar(), until_four, paris("2026-11-05 15:00")) == paris("2026-11-05 18:00")
    assert promise(calendar(), until_four, paris("2026-11-06 12:01")) == paris("2026-11-09 10:00")


def test_the_day_of_receipt_is_that_of_the_team() -> None:
    """Monday 22:30 in Greenwich is Monday afternoon in New York, after work in Paris, and Tuesday in Kolkata."""
    received = datetime(2026, 11, 2, 22, 30, tzinfo=UTC)
    due = {
        zone: f"{promise(calendar(zone, ''), WorkingDays(1), received).astimezone(ZoneInfo(zone)):%d %B %H:%M}"
        for zone in ("America/New_York", "Europe/Paris", "Asia/Kolkata")
    }
    assert due == {
        "America/New_York": "03 November 18:00",
        "Europe/Paris": "04 November 18:00",
        "Asia/Kolkata": "04 November 18:00",
    }


def test_promises_are_in_utc() -> None:
    assert promise(calendar(), BY_NOON, paris("2026-07-01 10:00")).isoformat() == "2026-07-01T16:00:00+00:00"


@pytest.mark.parametrize("days", [0, -1])
def test_a_promise_takes_at_least_one_working_day(days: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        WorkingDays(days)


# Against a slow, obvious reference


def by_walking(team: Calendar, rule: Rule, received_at: datetime) -> datetime:
    """Day by day from the day of receipt, with the wall clock read off at each step."""
    zone = ZoneInfo(team.zone)
    local = received_at.astimezone(zone)
    day = local.date()
    closing = {d: team.week[d.weekday()][-1].end for d in around(day, 90) if team.is_working_day(d)}
    in_time = day in closing and local.replace(tzinfo=None).time() <= closing[day]
    working_days = sorted(d for d in closing if d > day or (d == day and in_time))
    if isinstance(rule, WorkingDays):
        due = working_days[rule.days]
        return datetime.combine(due, closing[due], zone)
    if in_time and local.replace(tzinfo=None).time() <= rule.cut_off:
        return datetime.combine(day, closing[day], zone)
    return datetime.combine(min(d for d in working_days if d > day), rule.otherwise_by, zone)


def around(day: date, number: int) -> list[date]:
    return [day + timedelta(n) for n in range(number)]


walls = st.builds(time, st.integers(4, 23), st.integers(0, 59))
rules = st.one_of(st.builds(WorkingDays, st.integers(1, 20)), st.builds(SameDay, cut_off=walls, otherwise_by=walls))
teams = st.sampled_from(
    [
        calendar(),
        calendar("America/New_York", "US"),
        calendar("Asia/Kolkata", ""),
        calendar("Australia/Lord_Howe", "AU"),
    ]
)
received = st.integers(0, 11 * 365 * 1440).map(
    lambda minute: datetime(2016, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)


@settings(max_examples=300, deadline=None)
@given(teams, rules, received)
def test_promises_are_what_walking_day_by_day_gives(team: Calendar, rule: Rule, received_at: datetime) -> None:
    assert promise(team, rule, received_at) == by_walking(team, rule, received_at)


@settings(max_examples=200, deadline=None)
@given(teams, rules, received, st.timedeltas(timedelta(), timedelta(days=10)))
def test_who_comes_first_is_never_promised_later(team: Calendar, rule: Rule, at: datetime, later: timedelta) -> None:
    """And nothing is promised for before it came in."""
    if isinstance(rule, WorkingDays) or rule.otherwise_by <= time(12):
        assert at <= promise(team, rule, at) <= promise(team, rule, at + later)


def test_an_import_of_many_is_promised_in_an_instant() -> None:
    """26,318 files over fourteen years, in a tenth of the bound on a quiet machine."""
    start = datetime(2012, 1, 1, tzinfo=UTC)
    team = Calendar("Europe/Paris", calendar().week, "FR")
    started = clock.process_time()
    for number in range(26_318):
        promise(team, THREE_WEEKS, start + number * timedelta(hours=4, minutes=39))
    assert clock.process_time() - started < 1
