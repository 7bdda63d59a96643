"""What was promised, case by case, and against walking through the calendar day by day."""

import time as clock
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.calendars import MIDNIGHT, Calendar, Day, from_text
from dispatch.promises import THREE_WEEKS, CalendarDays, Rule, SameDay, WorkingDays, WorkingHours, promise
from tests.slow_calendar import HOWE_AUTUMN, HOWE_SPRING, ZONES, calendars, closing, hours_on, instants, spans

PARIS = ZoneInfo("Europe/Paris")
OFFICE = (("08:00", "12:00"), ("13:00", "18:00"))
MORNINGS = (("08:00", "12:00"),)
ROUND_THE_CLOCK = (("00:00", "24:00"),)

BY_NOON = SameDay.until(time(12), otherwise_by=time(11))


def calendar(zone: str = "Europe/Paris", country: str = "FR") -> Calendar:
    """Monday to Thursday 08:00 to 12:00 and 13:00 to 18:00, Friday mornings only."""
    return from_text(zone=zone, week=(OFFICE,) * 4 + (MORNINGS, (), ()), country=country)


def always(zone: str = "Europe/Paris") -> Calendar:
    return from_text(zone=zone, week=(ROUND_THE_CLOCK,) * 7)


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
    until_four = SameDay.until(time(16), otherwise_by=time(10))
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


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-02 09:00", "2026-11-02 14:00"),  # four hours over lunch
        ("2026-11-02 08:00", "2026-11-02 12:00"),  # done as lunch begins, not as it ends
        ("2026-11-05 17:00", "2026-11-06 11:00"),  # the fourth hour is on Friday
        ("2026-11-06 11:00", "2026-11-09 11:00"),  # over the weekend
        ("2026-11-07 15:00", "2026-11-09 12:00"),  # Saturday: the first hour is on Monday
        ("2026-11-10 17:00", "2026-11-12 11:00"),  # over Armistice Day
    ],
)
def test_four_working_hours(received: str, due: str) -> None:
    assert promise(calendar(), WorkingHours(4), paris(received)) == paris(due)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-02 09:00", "2026-11-05 18:00"),  # Monday: Thursday's end of work
        ("2026-11-02 23:59", "2026-11-05 18:00"),  # the hour of receipt does not count
        ("2026-11-03 09:00", "2026-11-06 12:00"),  # Tuesday: Friday ends at noon
        ("2026-11-04 09:00", "2026-11-09 18:00"),  # due on a Saturday, so on Monday
        ("2026-11-08 09:00", "2026-11-12 18:00"),  # from a Sunday, and due on a holiday, so on the day after
        ("2026-10-23 09:00", "2026-10-26 18:00"),  # over the night in which the clock goes back
    ],
)
def test_three_calendar_days_end_with_work_on_the_third_or_the_next_that_is_worked(received: str, due: str) -> None:
    assert promise(calendar(), CalendarDays(3), paris(received)) == paris(due)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-02 14:00", "2026-11-02 18:00"),  # Monday until 14:00
        ("2026-11-02 14:01", "2026-11-03 11:00"),
        ("2026-11-03 08:00", "2026-11-04 11:00"),  # nothing is promised for the same Tuesday
        ("2026-11-06 09:00", "2026-11-06 12:00"),  # Friday until 09:00
        ("2026-11-06 09:01", "2026-11-09 11:00"),
        ("2026-11-07 08:00", "2026-11-09 11:00"),  # Saturday has a cut-off, but nobody works
    ],
)
def test_each_weekday_has_a_cut_off_of_its_own(received: str, due: str) -> None:
    cut_offs = (time(14), None, time(12), time(12), time(9), time(12), None)
    assert promise(calendar(), SameDay(cut_offs, otherwise_by=time(11)), paris(received)) == paris(due)


# A day that is worked until midnight


@pytest.mark.parametrize(
    ("rule", "received", "due"),
    [
        (WorkingDays(1), "2026-11-02 09:00", "2026-11-03 23:59:59"),
        (CalendarDays(1), "2026-11-02 09:00", "2026-11-03 23:59:59"),
        (SameDay.until(MIDNIGHT, otherwise_by=time(12)), "2026-11-02 23:59:59", "2026-11-02 23:59:59"),
        (SameDay.until(time(12), otherwise_by=MIDNIGHT), "2026-11-02 12:01", "2026-11-03 23:59:59"),
        (WorkingHours(8), "2026-11-02 16:00", "2026-11-02 23:59:59"),
        (WorkingHours(8), "2026-11-02 16:01", "2026-11-03 00:01:00"),
        (WorkingDays(1), "2026-03-28 09:00", "2026-03-29 23:59:59"),  # 23 hours long
        (WorkingDays(1), "2026-10-24 09:00", "2026-10-25 23:59:59"),  # 25
        (WorkingHours(24), "2026-10-24 12:00", "2026-10-25 11:00"),  # a day and a night of 25 hours
    ],
)
def test_a_promise_at_midnight_is_due_on_the_day_that_ends(rule: Rule, received: str, due: str) -> None:
    assert promise(always(), rule, paris(received)) == paris(due)


@pytest.mark.parametrize("day", [HOWE_SPRING, HOWE_AUTUMN])
def test_a_day_of_an_odd_half_hour_ends_at_its_own_midnight(day: date) -> None:
    howe = ZoneInfo("Australia/Lord_Howe")
    received = datetime.combine(day - timedelta(1), time(9), howe)
    assert promise(always("Australia/Lord_Howe"), WorkingDays(1), received) == datetime.combine(
        day, time(23, 59, 59), howe
    )


# What is refused


@pytest.mark.parametrize("number", [0, -1, 100_000])
@pytest.mark.parametrize("rule", [WorkingDays, WorkingHours, CalendarDays])
def test_a_promise_takes_at_least_one_and_no_lifetime(rule: type, number: int) -> None:
    with pytest.raises(ValueError, match=r"at least one|too many"):
        rule(number)


@pytest.mark.parametrize("cut_offs", [(time(12),) * 5, (None,) * 7, ()])
def test_a_week_of_cut_offs_has_seven_days_and_some_cut_off(cut_offs: tuple[time | None, ...]) -> None:
    with pytest.raises(ValueError, match="cut-off"):
        SameDay(cut_offs, otherwise_by=time(12))


# Against a slow, obvious reference


def by_walking(team: Calendar, rule: Rule, received_at: datetime) -> datetime:
    """Day by day from the day of receipt, or minute by minute, with the clock on the wall read off at each step."""
    today = received_at.astimezone(ZoneInfo(team.zone)).date()
    in_time = bool(hours_on(team, today)) and received_at <= end_of_work(team, today)
    later = working_days(team, today + timedelta(1))
    match rule:
        case WorkingDays(days):
            day_of_receipt = [today] if in_time else []
            return end_of_work(team, [*day_of_receipt, *islice(later, days + 1)][days])
        case WorkingHours(hours):
            return within_its_day(team, hours_later(team, received_at, minutes=60 * hours))
        case CalendarDays(days):
            return end_of_work(team, next(working_days(team, today + timedelta(days))))
        case SameDay(cut_offs, otherwise_by):
            cut_off = cut_offs[today.weekday()]
            if in_time and cut_off is not None and received_at <= until(team, today, cut_off):
                return end_of_work(team, today)
            return until(team, next(later), otherwise_by)


def working_days(team: Calendar, since: date) -> Iterator[date]:
    return (day for number in count() if hours_on(team, day := since + timedelta(number)))


def end_of_work(team: Calendar, day: date) -> datetime:
    return until(team, day, hours_on(team, day)[-1].end)


def until(team: Calendar, day: date, wall: time) -> datetime:
    return within_its_day(team, closing(team, day, wall))


def within_its_day(team: Calendar, at: datetime) -> datetime:
    midnight = at.astimezone(ZoneInfo(team.zone)).time() == MIDNIGHT
    return at - timedelta(seconds=1) if midnight else at


def hours_later(team: Calendar, received_at: datetime, *, minutes: int) -> datetime:
    day = received_at.date() - timedelta(1)
    while True:
        for opens, closes in spans(team, day, day):
            now = max(opens, received_at)
            while now < closes:
                now += timedelta(minutes=1)
                minutes -= 1
                if not minutes:
                    return now
        day += timedelta(1)


def minutes_worked(hours: Day) -> int:
    return sum(
        (24 if end == MIDNIGHT else end.hour) * 60 + end.minute - start.hour * 60 - start.minute for start, end in hours
    )


quarters = st.one_of(st.integers(0, 95), st.sampled_from([0, 8, 9, 10, 11, 12]))  # of an hour; often when clocks change
walls = quarters.map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
cut_offs = st.lists(st.one_of(st.none(), walls), min_size=7, max_size=7).filter(any).map(tuple)
rules = st.one_of(
    st.builds(WorkingDays, st.integers(1, 20)),
    st.builds(WorkingHours, st.integers(1, 30)),
    st.builds(CalendarDays, st.integers(1, 30)),
    st.builds(SameDay, cut_offs, otherwise_by=walls),
)
busy = calendars().filter(lambda team: sum(map(minutes_worked, team.week)) >= 600)  # else the reference walks for years
ten_years = st.integers(0, 10 * 365 * 1440).map(
    lambda minute: datetime(2016, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)


@settings(max_examples=250, deadline=None)
@given(busy, rules, st.one_of(ten_years, instants()))
def test_promises_are_what_walking_gives(team: Calendar, rule: Rule, received_at: datetime) -> None:
    """Any hours, in four zones with and without clock changes, round the clock and over the night in which it changes."""
    assert promise(team, rule, received_at) == by_walking(team, rule, received_at)


@pytest.mark.parametrize("week", [(OFFICE,) * 4 + (MORNINGS, (), ()), (ROUND_THE_CLOCK,) * 7], ids=["office", "always"])
@pytest.mark.parametrize("zone", ZONES)
def test_promises_of_every_day_of_ten_years(zone: str, week: tuple) -> None:
    """Received at nine each morning: the n-th working day by counting on a list of them, whatever the clock did meanwhile."""
    team, local = from_text(zone=zone, week=week, country="FR"), ZoneInfo(zone)
    every = [date(2016, 1, 1) + timedelta(number) for number in range(3700)]
    ends = {day: hours_on(team, day)[-1].end for day in every if hours_on(team, day)}
    worked = list(ends)
    for day in every[:3653]:
        after = bisect_right(worked, day)  # the first working day after this one
        nth = worked[after + 2] if day in ends else worked[after + 3]
        calendar_day = worked[bisect_left(worked, day + timedelta(10))]
        received_at = datetime.combine(day, time(9), local)
        for rule, due_on in ((WorkingDays(3), nth), (CalendarDays(10), calendar_day)):
            end = time(23, 59, 59) if ends[due_on] == MIDNIGHT else ends[due_on]
            assert promise(team, rule, received_at) == datetime.combine(due_on, end, local)


@settings(max_examples=300, deadline=None)
@given(calendars(), rules, st.one_of(ten_years, instants()), st.timedeltas(timedelta(), timedelta(days=10)))
def test_nothing_is_promised_for_before_it_came_in_nor_earlier_than_what_came_before(
    team: Calendar, rule: Rule, at: datetime, later: timedelta
) -> None:
    """An agreement with an hour that lies after the end of work is the only one that may let the later one go first."""
    due = promise(team, rule, at)
    assert at <= due
    if not isinstance(rule, SameDay):
        assert due <= promise(team, rule, at + later)


def test_an_import_of_many_is_promised_in_an_instant() -> None:
    """26,318 files over fourteen years, in a tenth of the bound on a quiet machine."""
    start = datetime(2012, 1, 1, tzinfo=UTC)
    team = Calendar("Europe/Paris", calendar().week, "FR")
    started = clock.process_time()
    for number in range(26_318):
        promise(team, THREE_WEEKS, start + number * timedelta(hours=4, minutes=39))
    assert clock.process_time() - started < 1
