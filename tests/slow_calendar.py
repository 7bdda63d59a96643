"""Work calendars read off the clock on the wall, minute by minute: the slow, obvious reference, and cases to try it on."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
from hypothesis import strategies as st

from dispatch.calendars import MIDNIGHT, Calendar, Day, Interval

MINUTE = timedelta(minutes=1)
PARIS_SPRING, PARIS_AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
HOWE_SPRING, HOWE_AUTUMN = date(2026, 10, 4), date(2026, 4, 5)

ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
CRITICAL_DAYS = (
    *(PARIS_SPRING, PARIS_AUTUMN, HOWE_SPRING, HOWE_AUTUMN),
    *(date(2026, 3, 8), date(2026, 11, 1)),  # New York
    *(date(2023, 12, 31), date(2024, 2, 29), date(2026, 1, 1)),
)


@st.composite
def days(draw: st.DrawFn) -> Day:
    """Hours of a day on a grid of a quarter of an hour, often around the clock change, up to 24:00."""
    if draw(st.integers(0, 4)) == 0:
        return (Interval(MIDNIGHT, MIDNIGHT),)
    marks = sorted(draw(st.sets(st.one_of(st.integers(0, 16), st.integers(0, 96)), max_size=6)))
    walls = [time(mark // 4 % 24, mark % 4 * 15) for mark in marks]
    return tuple(Interval(start, end) for start, end in zip(walls[::2], walls[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    week = draw(st.lists(days(), min_size=7, max_size=7).filter(any))
    exceptions = draw(st.dictionaries(st.sampled_from(CRITICAL_DAYS), days(), max_size=2))
    return Calendar(draw(st.sampled_from(ZONES)), tuple(week), draw(st.sampled_from(["", "FR", "US"])), "", exceptions)


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    """Whole minutes within two days of a critical day."""
    day = datetime.combine(draw(st.sampled_from(CRITICAL_DAYS)), MIDNIGHT, UTC)
    return day + MINUTE * draw(st.integers(-2 * 1440, 3 * 1440))


@cache
def first_minute(zone: str, wanted: datetime) -> datetime:
    """Look at the local clock every minute, until it shows this time or a later one."""
    now = wanted.replace(tzinfo=UTC) - timedelta(hours=15)
    while now.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < wanted:
        now += MINUTE
    return now


def spans(calendar: Calendar, since: date, until: date) -> Iterator[tuple[datetime, datetime]]:
    for number in range((until - since).days + 1):
        day = since + timedelta(number)
        for start, end in hours_on(calendar, day):
            yield first_minute(calendar.zone, datetime.combine(day, start)), closing(calendar, day, end)


def hours_on(calendar: Calendar, day: date) -> Day:
    if day in calendar.exceptions:
        return calendar.exceptions[day]
    return () if day in public_holidays(calendar.country, day.year) else calendar.week[day.weekday()]


@cache
def public_holidays(country: str, year: int) -> set[date]:
    return set(holidays.country_holidays(country, years=year)) if country else set()


def closing(calendar: Calendar, day: date, end: time) -> datetime:
    """When the local clock first shows this end of work, or at midnight the next day."""
    return first_minute(calendar.zone, datetime.combine(day, end) + (timedelta(1) if end == MIDNIGHT else timedelta()))
