"""Working time against slow, obvious references, and on the days that calendars get wrong."""

import time as clock
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.calendars import Calendar, DayOff, Interval, from_text
from tests.slow_calendar import (
    HOWE_AUTUMN,
    HOWE_SPRING,
    MINUTE,
    PARIS_AUTUMN,
    PARIS_SPRING,
    calendars,
    instants,
    spans,
)

HOUR = timedelta(hours=1)
OFFICE = (("08:00", "12:00"), ("13:00", "18:00"))
ROUND_THE_CLOCK = (("00:00", "24:00"),)

MONDAY, TUESDAY, FRIDAY, SATURDAY = date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 6), date(2026, 11, 7)
BASTILLE_DAY = date(2026, 7, 14)  # a Tuesday


def office(zone: str = "Europe/Paris", country: str = "FR", **more: str) -> Calendar:
    """Monday to Friday, 08:00 to 12:00 and 13:00 to 18:00."""
    return from_text(zone=zone, week=(OFFICE,) * 5 + ((),) * 2, country=country, **more)


def every_day(*hours: tuple[str, str], zone: str = "Europe/Paris") -> Calendar:
    return from_text(zone=zone, week=(hours,) * 7)


def at(day: date, wall: str, zone: str = "Europe/Paris") -> datetime:
    return datetime.combine(day, time.fromisoformat(wall), ZoneInfo(zone))


# What working time is


def test_working_time_leaves_out_lunch_nights_weekends_and_holidays() -> None:
    paris = office()
    assert paris.working_time_between(at(MONDAY, "11:30"), at(MONDAY, "13:15")) == timedelta(minutes=45)
    assert paris.working_time_between(at(MONDAY, "17:00"), at(TUESDAY, "09:00")) == 2 * HOUR
    assert paris.working_time_between(at(FRIDAY, "17:00"), at(date(2026, 11, 9), "09:00")) == 2 * HOUR
    assert paris.working_time_between(at(BASTILLE_DAY, "00:00"), at(BASTILLE_DAY, "23:59")) == timedelta()
    assert paris.working_time_between(at(MONDAY, "09:00"), at(MONDAY, "08:30")) == timedelta()


def test_working_time_added_ends_with_the_work_not_when_it_opens_again() -> None:
    paris = office()
    assert paris.add_working_time(at(MONDAY, "09:00"), 3 * HOUR) == at(MONDAY, "12:00")
    assert paris.add_working_time(at(MONDAY, "09:00"), 3 * HOUR + MINUTE) == at(MONDAY, "13:01")
    assert paris.add_working_time(at(FRIDAY, "17:00"), 2 * HOUR) == at(date(2026, 11, 9), "09:00")
    assert paris.add_working_time(at(SATURDAY, "10:00"), timedelta()) == at(SATURDAY, "10:00")


def test_working_days() -> None:
    paris = office()
    assert [paris.is_working_day(day) for day in (MONDAY, SATURDAY, BASTILLE_DAY)] == [True, False, False]
    assert paris.next_working_day(FRIDAY) == paris.next_working_day(SATURDAY) == date(2026, 11, 9)
    assert paris.add_working_days(date(2026, 7, 13), 1) == date(2026, 7, 15)
    assert paris.add_working_days(date(2025, 12, 31), 1) == date(2026, 1, 2)
    assert paris.add_working_days(SATURDAY, 0) == SATURDAY
    assert paris.working_days_between(date(2026, 7, 13), date(2026, 7, 19)) == 3
    assert paris.working_days_between(TUESDAY, MONDAY) == 0


def test_start_and_end_of_work() -> None:
    paris = office()
    assert paris.start_of_work(MONDAY) == at(MONDAY, "08:00")
    assert paris.end_of_work(MONDAY) == at(MONDAY, "18:00")
    assert paris.end_of_work(MONDAY).tzinfo is UTC
    assert every_day(("00:00", "24:00")).end_of_work(MONDAY) == at(TUESDAY, "00:00")
    for ask in (paris.start_of_work, paris.end_of_work):
        with pytest.raises(DayOff, match="2026-07-14"):
            ask(BASTILLE_DAY)


def test_the_day_is_that_of_the_team_not_of_greenwich() -> None:
    late = datetime(2026, 11, 2, 20, 0, tzinfo=UTC)
    assert office("Asia/Kolkata", "IN").local_day(late) == TUESDAY
    assert office("America/New_York", "US").local_day(late) == MONDAY


def test_public_holidays_are_those_of_the_subdivision() -> None:
    epiphany = date(2026, 1, 6)
    assert office("Europe/Berlin", "DE").is_working_day(epiphany)
    assert not office("Europe/Berlin", "DE", subdivision="BY").is_working_day(epiphany)
    assert not office("America/New_York", "US").is_working_day(date(2026, 7, 3)), (
        "the 4th is a Saturday, so observed on Friday"
    )


def test_an_exception_replaces_the_hours_of_its_day() -> None:
    """Christmas Eve until noon, a bridge day closed, a Saturday and even a holiday worked."""
    exceptions = (
        ("2026-12-24", (("08:00", "12:00"),)),
        ("2026-07-13", ()),
        ("2026-11-07", (("09:00", "12:00"),)),
        ("2026-07-14", OFFICE),
    )
    paris = from_text(zone="Europe/Paris", week=(OFFICE,) * 5 + ((),) * 2, country="FR", exceptions=exceptions)
    assert paris.end_of_work(date(2026, 12, 24)) == at(date(2026, 12, 24), "12:00")
    assert paris.next_working_day(FRIDAY) == SATURDAY
    assert paris.add_working_days(date(2026, 7, 10), 1) == BASTILLE_DAY


# When the clock changes


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", PARIS_SPRING, 23),
        ("Europe/Paris", PARIS_AUTUMN, 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", HOWE_SPRING, 23.5),
        ("Australia/Lord_Howe", HOWE_AUTUMN, 24.5),
        ("Asia/Kolkata", PARIS_SPRING, 24),
        ("Pacific/Apia", date(2011, 12, 30), 0),  # Samoa went from Thursday to Saturday
    ],
)
def test_a_day_round_the_clock_has_the_hours_it_really_has(zone: str, day: date, hours: float) -> None:
    calendar = every_day(*ROUND_THE_CLOCK, zone=zone)
    worked = sum((closes - opens for opens, closes in calendar.intervals_on(day)), timedelta())
    assert worked == hours * HOUR
    start, end = calendar.start_of_work(day), calendar.end_of_work(day)
    assert calendar.working_time_between(start, end) == end - start == hours * HOUR


@pytest.mark.parametrize(
    ("hours", "opens_utc", "closes_utc"),
    [
        (("01:00", "02:30"), "00:00", "01:00"),  # 02:30 is skipped: over at the jump, one hour
        (("02:30", "04:00"), "01:00", "02:00"),  # 02:30 is skipped: opens at the jump, at 03:00
        (("01:30", "03:30"), "00:30", "01:30"),  # two hours on the wall, one in the world
    ],
)
def test_a_skipped_time_is_the_moment_of_the_jump(hours: tuple[str, str], opens_utc: str, closes_utc: str) -> None:
    """In Paris on 29 March 2026 the clock jumps from 02:00 to 03:00, at 01:00 UTC."""
    expected = [(at(PARIS_SPRING, opens_utc, "UTC"), at(PARIS_SPRING, closes_utc, "UTC"))]
    assert every_day(hours).intervals_on(PARIS_SPRING) == expected


def test_hours_that_are_all_skipped_leave_nothing_but_the_day_still_ends() -> None:
    night = every_day(("02:15", "02:45"))
    assert night.intervals_on(PARIS_SPRING) == []
    assert night.end_of_work(PARIS_SPRING) == at(PARIS_SPRING, "01:00", "UTC")


@pytest.mark.parametrize(
    ("hours", "opens_utc", "closes_utc"),
    [
        (("01:00", "02:30"), "23:00", "00:30"),  # ends when 02:30 first comes
        (("02:30", "03:30"), "00:30", "02:30"),  # opens when 02:30 first comes, works the hour twice
    ],
)
def test_a_time_that_comes_twice_is_its_first_coming(hours: tuple[str, str], opens_utc: str, closes_utc: str) -> None:
    """In Paris on 25 October 2026 the clock goes back from 03:00 to 02:00, at 01:00 UTC."""
    [(opens, closes)] = every_day(hours).intervals_on(PARIS_AUTUMN)
    assert (f"{opens:%H:%M}", f"{closes:%H:%M}") == (opens_utc, closes_utc)


# What is refused


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"zone": "Europe/Atlantis"}, "Europe/Atlantis"),
        ({"zone": "Europe"}, "time zone"),
        ({"zone": "../etc/passwd"}, "time zone"),
        ({"week": ((),) * 7}, "Nobody works"),
        ({"week": (OFFICE,) * 5}, "seven days"),
        ({"week": ((("09:00", "08:00"),),) * 7}, "ends at 08:00"),
        ({"week": ((("09:00", "09:00"),),) * 7}, "ends at 09:00"),
        ({"week": ((("13:00", "17:00"), ("08:00", "12:00")),) * 7}, "08:00 before the last hours are over"),
        ({"week": ((("08:00", "12:00"), ("11:00", "17:00")),) * 7}, "11:00 before"),
        ({"week": ((("08:00", "24:00"), ("23:00", "24:00")),) * 7}, "23:00 before"),
        ({"week": ((("nine", "17:00"),),) * 7}, "not working hours"),
        ({"week": ((("09:00", "25:00"),),) * 7}, "not working hours"),
        ({"week": ((("09:00+02:00", "17:00"),),) * 7}, "zone of its own"),
        ({"country": "XX"}, "“XX”"),
        ({"country": "FR", "subdivision": "Nowhere"}, "FR Nowhere"),
    ],
)
def test_a_calendar_that_cannot_work_is_refused(wrong: dict[str, object], says: str) -> None:
    right = {"zone": "Europe/Paris", "week": (OFFICE,) * 7}
    with pytest.raises(ValueError, match=says):
        from_text(**{**right, **wrong})


def test_what_is_no_instant_is_refused() -> None:
    paris = office()
    naive = at(MONDAY, "09:00").replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        paris.working_time_between(naive, naive)
    with pytest.raises(ValueError, match="too far away"):
        paris.local_day(datetime.max.replace(tzinfo=UTC))
    with pytest.raises(ValueError, match="too far away"):
        paris.add_working_days(date(9998, 12, 30), 15)


def test_a_year_without_work_ends_the_search() -> None:
    """Exceptions may close every day; then nothing loops."""
    closed = {MONDAY + timedelta(days): () for days in range(-700, 800)}
    paris = Calendar("Europe/Paris", ((Interval(time(9), time(17)),),) * 7, exceptions=closed)
    with pytest.raises(ValueError, match="Nobody works"):
        paris.next_working_day(MONDAY)
    with pytest.raises(ValueError, match="Nobody works"):
        paris.add_working_time(at(MONDAY, "09:00"), HOUR)
    assert paris.working_time_between(at(MONDAY, "09:00"), at(TUESDAY, "09:00")) == timedelta()


# Against slow, obvious references


def working_minutes(calendar: Calendar, start: datetime, minutes: int) -> list[bool]:
    """For each minute from the start, whether it is worked."""
    end = start + minutes * MINUTE
    open_spans = list(spans(calendar, start.date() - timedelta(2), end.date() + timedelta(2)))
    return [any(opens <= start + n * MINUTE < closes for opens, closes in open_spans) for n in range(minutes)]


@settings(max_examples=120, deadline=None)
@given(calendars(), instants(), st.integers(0, 3 * 1440))
def test_working_time_is_what_counting_minute_by_minute_gives(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    worked = sum(working_minutes(calendar, start, minutes))
    assert calendar.working_time_between(start, start + minutes * MINUTE) == worked * MINUTE


@settings(max_examples=80, deadline=None)
@given(calendars(), instants(), st.integers(1, 1440))
def test_working_time_added_is_what_waiting_minute_by_minute_gives(
    calendar: Calendar, start: datetime, wanted: int
) -> None:
    reached = calendar.add_working_time(start, wanted * MINUTE)
    assert calendar.working_time_between(start, reached) == wanted * MINUTE
    assert calendar.working_time_between(start, reached - MINUTE) == (wanted - 1) * MINUTE, "not a minute late"


@settings(max_examples=60, deadline=None)
@given(calendars(), st.dates(date(2016, 1, 1), date(2026, 12, 31)), st.integers(0, 400), st.integers(0, 60))
def test_working_days_are_what_counting_day_by_day_gives(
    calendar: Calendar, day: date, length: int, number: int
) -> None:
    worked = [other for n in range(1, length + 1) if calendar.is_working_day(other := day + timedelta(n))]
    assert calendar.working_days_between(day, day + timedelta(length)) == len(worked)
    if 0 < number <= len(worked):
        assert calendar.add_working_days(day, number) == worked[number - 1]


@settings(max_examples=10, deadline=None)
@given(
    calendars(),
    st.integers(0, 10 * 365 * 1440).map(lambda minute: datetime(2016, 1, 1, tzinfo=UTC) + minute * MINUTE),
    st.integers(0, 3653),
)
def test_ten_years_are_the_sum_of_their_days(calendar: Calendar, start: datetime, length: int) -> None:
    end = start + timedelta(length)
    first = start.date() - timedelta(2)
    all_days = (first + timedelta(number) for number in range(length + 5))
    parts = (min(closes, end) - max(opens, start) for day in all_days for opens, closes in calendar.intervals_on(day))
    assert calendar.working_time_between(start, end) == sum((max(part, timedelta()) for part in parts), timedelta())


def test_the_age_of_a_very_old_file_costs_next_to_nothing() -> None:
    """Ten thousand ages over fourteen years in well under a second, the first look at each year included."""
    paris = office()
    since, now = at(date(2012, 11, 2), "09:00"), at(MONDAY, "16:00")
    started = clock.process_time()
    for seconds in range(10_000):
        paris.working_time_between(since + timedelta(seconds=seconds), now)
    assert clock.process_time() - started < 1


def test_the_same_text_is_the_same_calendar() -> None:
    """So that its tables are worked out once in a process."""
    assert office() is office()
    assert office() == Calendar("Europe/Paris", office().week, "FR")
    assert len({office(), office(country="")}) == 2
