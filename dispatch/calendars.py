"""Working time: on which days and hours a team works, and how much of it lies between two instants. Pure arithmetic.

Instants are aware datetimes of any zone and come back in UTC. Days are local dates in the calendar's zone.

When the clock changes, a wall time means the first instant of its day at which the local clock shows it or a later
time: a time that is skipped is the moment of the jump, a time that comes twice is its first coming. So intervals stay
in order and never overlap, and a day worked round the clock has the 23, 24 or 25 hours it really has.

An interval ends at midnight at the latest. A night shift is two: 22:00 to 24:00, and 00:00 to 06:00 of the next day.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

MIDNIGHT = time(0)
SEVEN_DAYS = 7
ONE_DAY = timedelta(days=1)
NO_TIME = timedelta()


class Interval(NamedTuple):
    """Local wall times. An `end` at midnight is 24:00, the end of the day."""

    start: time
    end: time


Day = tuple[Interval, ...]


def gettext_noop(text: str) -> str:
    """Marks a text for translation, as Django's own does, which this module does not know."""
    return text


class Unworkable(ValueError):
    """Hours, a place or a zone that no calendar can have. As a fact, so that whoever shows it can say it in any language:
    `what` is the English text with places for `values`."""

    def __init__(self, what: str, **values: object) -> None:
        super().__init__(what % values)
        self.what, self.values = what, values


class DayOff(ValueError):
    """Nobody works on this day, so it has no start and no end of work."""


@dataclass(frozen=True)
class Calendar:
    """A team's working hours: weekdays from Monday, without the public holidays, with other hours on dated exceptions.

    An exception replaces the hours of its date, even of a holiday; an empty one closes the day. What cannot work is
    refused with an Unworkable that says why; with another ValueError are instants without a zone and the first and last
    year of the calendar.

    Yearly tables are worked out once and kept, so keep the calendar (`from_text` does): the first question about a
    year takes a few milliseconds, all others microseconds, whatever the time between.
    """

    zone: str
    week: tuple[Day, ...]
    country: str = ""
    subdivision: str = ""
    exceptions: Mapping[date, Day] = field(default_factory=dict, hash=False)
    _days: dict[int, list[date]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _hours: dict[int, "_Hours"] = field(default_factory=dict, init=False, repr=False, compare=False)
    _ends: dict[date, datetime] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.week) != SEVEN_DAYS:
            raise Unworkable(gettext_noop("A week has seven days, from Monday; give each its hours, or none."))
        if not any(self.week):
            raise Unworkable(gettext_noop("Nobody works on any weekday; give at least one its hours."))
        for day in (*self.week, *self.exceptions.values()):
            _refuse_disorder(day)
        _public_holidays(self.country, self.subdivision, None)
        _zone(self.zone)

    def __hash__(self) -> int:
        return self._hash

    # Days

    def local_day(self, at: datetime) -> date:
        """The date on the team's wall at this instant."""
        return _utc(at).astimezone(self._tz).date()

    def local(self, at: datetime) -> datetime:
        """This instant as the team's wall shows it."""
        return _utc(at).astimezone(self._tz)

    def hours_on(self, day: date) -> Day:
        """The wall times worked on this day; none on a day off."""
        if day in self.exceptions:
            return self.exceptions[day]
        hours = self.week[day.weekday()]
        if hours and day in _public_holidays(self.country, self.subdivision, day.year):
            return ()
        return hours

    def is_working_day(self, day: date) -> bool:
        return bool(self.hours_on(day))

    def is_holiday(self, day: date) -> bool:
        """Whether only a public holiday keeps this day from being worked."""
        is_listed = day in _public_holidays(self.country, self.subdivision, day.year)
        return is_listed and bool(self.week[day.weekday()]) and day not in self.exceptions

    def next_working_day(self, day: date) -> date:
        """The first working day after this one."""
        return self.add_working_days(day, 1)

    def add_working_days(self, day: date, number: int) -> date:
        """The working day that is so many after this one, which itself never counts. Zero is the day itself."""
        if number < 0:
            raise ValueError("Working days can only be added; give a number from zero up.")
        if number == 0:
            return day
        year = day.year
        place = bisect_right(self._days_of(year), day) + number - 1
        while place >= len(days := self._days_of(year)):
            if not days:
                raise ValueError(f"Nobody works on any day of {year}; give the calendar working hours.")
            place -= len(days)
            year += 1
        return days[place]

    def working_days_between(self, start: date, end: date) -> int:
        """How many working days come after `start`, up to and with `end`; none if that is not later."""
        if end <= start:
            return 0
        whole_years = sum(len(self._days_of(year)) for year in range(start.year, end.year))
        return whole_years + bisect_right(self._days_of(end.year), end) - bisect_right(self._days_of(start.year), start)

    # Instants

    def instant(self, day: date, wall: time) -> datetime:
        """The first instant at which the local clock shows this time of this day or a later one."""
        local = datetime.combine(day, wall)
        first = local.replace(tzinfo=self._tz).astimezone(UTC)
        second = local.replace(tzinfo=self._tz, fold=1).astimezone(UTC)
        if first <= second:
            return first
        return self._jump(local, range(int(second.timestamp()), int(first.timestamp()) + 1))

    def intervals_on(self, day: date) -> list[tuple[datetime, datetime]]:
        """When work opens and closes on this day, without what a jump of the clock leaves nothing of."""
        spans = [(self.instant(day, start), self._close(day, end)) for start, end in self.hours_on(day)]
        return [(opens, closes) for opens, closes in spans if opens < closes]

    def start_of_work(self, day: date) -> datetime:
        return self.instant(day, self._worked(day)[0].start)

    def end_of_work(self, day: date) -> datetime:
        """When the last interval of this day closes."""
        if day not in self._ends:
            self._ends[day] = self._close(day, self._worked(day)[-1].end)
        return self._ends[day]

    def go_back(self, at: datetime, duration: timedelta) -> datetime:
        """The first instant from which no more than so much working time passes until this one: what began before it has taken
        longer. No time is the end of the work that was last done by then."""
        if duration < NO_TIME:
            raise ValueError("Working time can only be taken away; give a duration from zero up.")
        at = _utc(at)
        year = at.year
        owed = self._hours_of(year).worked_by(at) - duration
        while owed <= NO_TIME:
            year -= 1
            owed += self._hours_of(year).total
        return self._hours_of(year).when_worked(owed)

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """The working time from one instant to another; none if that is not later."""
        start, end = _utc(start), _utc(end)
        if end <= start:
            return NO_TIME
        whole_years = sum((self._hours_of(year).total for year in range(start.year, end.year)), NO_TIME)
        return whole_years + self._hours_of(end.year).worked_by(end) - self._hours_of(start.year).worked_by(start)

    def add_working_time(self, at: datetime, duration: timedelta) -> datetime:
        """The first instant by which so much working time has passed since this one. No time is the instant itself."""
        if duration < NO_TIME:
            raise ValueError("Working time can only be added; give a duration from zero up.")
        at = _utc(at)
        if not duration:
            return at
        year = at.year
        owed = self._hours_of(year).worked_by(at) + duration
        while owed > (total := self._hours_of(year).total):
            if not total:
                raise ValueError(f"Nobody works at any time of {year}; give the calendar working hours.")
            owed -= total
            year += 1
        return self._hours_of(year).when_worked(owed)

    # Tables

    @cached_property
    def _hash(self) -> int:
        """Worked out once: calendars are keys wherever many teams have one."""
        return hash((self.zone, self.week, self.country, self.subdivision))

    @cached_property
    def _tz(self) -> ZoneInfo:
        return _zone(self.zone)

    def _worked(self, day: date) -> Day:
        hours = self.hours_on(day)
        if not hours:
            raise DayOff(f"Nobody works on {day}.")
        return hours

    def _close(self, day: date, end: time) -> datetime:
        return self.instant(day + ONE_DAY, MIDNIGHT) if end == MIDNIGHT else self.instant(day, end)

    def _jump(self, skipped: datetime, seconds: range) -> datetime:
        """When, among these seconds since the epoch, the local clock jumps over this wall time."""

        def shown(second: int) -> datetime:
            return datetime.fromtimestamp(second, self._tz).replace(tzinfo=None)

        return datetime.fromtimestamp(seconds[bisect_left(seconds, skipped, key=shown)], UTC)

    def _days_of(self, year: int) -> list[date]:
        """The working days of a year."""
        if year not in self._days:
            _refuse_edge(year)
            new_year, next_year = date(year, 1, 1), date(year + 1, 1, 1)
            days = (new_year + timedelta(number) for number in range((next_year - new_year).days))
            self._days[year] = [day for day in days if self.is_working_day(day)]
        return self._days[year]

    def _hours_of(self, year: int) -> "_Hours":
        """The working time within a year of UTC, which has hours of the local days before and after."""
        if year not in self._hours:
            since, until = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
            days = [date(year - 1, 12, 31), *self._days_of(year), date(year + 1, 1, 1)]
            spans = [
                (max(opens, since), min(closes, until)) for day in days for opens, closes in self.intervals_on(day)
            ]
            self._hours[year] = _Hours.of([(opens, closes) for opens, closes in spans if opens < closes])
        return self._hours[year]


@dataclass(frozen=True, slots=True)
class _Hours:
    """Openings in order, and the working time before each of them; `before` ends with the total, one longer."""

    opens: list[datetime]
    before: list[timedelta]

    @classmethod
    def of(cls, spans: Sequence[tuple[datetime, datetime]]) -> "_Hours":
        lengths = (closes - opens for opens, closes in spans)
        return cls([opens for opens, _ in spans], list(accumulate(lengths, initial=NO_TIME)))

    @property
    def total(self) -> timedelta:
        return self.before[-1]

    def worked_by(self, at: datetime) -> timedelta:
        opened = bisect_right(self.opens, at)
        if not opened:
            return NO_TIME
        return min(self.before[opened - 1] + (at - self.opens[opened - 1]), self.before[opened])

    def when_worked(self, owed: timedelta) -> datetime:
        """The first instant at which so much is worked: more than none, at most the total."""
        last = bisect_left(self.before, owed) - 1
        return self.opens[last] + (owed - self.before[last])


Texts = tuple[tuple[str, str], ...]


@lru_cache(maxsize=1024)
def from_text(
    *,
    zone: str,
    week: tuple[Texts, ...],
    country: str = "",
    subdivision: str = "",
    exceptions: tuple[tuple[str, Texts], ...] = (),
) -> Calendar:
    """The calendar with these hours ("09:00", "24:00") and exceptions ("2026-12-24", hours): one and the same object
    for the same text, so that its tables serve the whole process.
    """
    dated = {date.fromisoformat(day): _hours(texts) for day, texts in exceptions}
    return Calendar(zone, tuple(_hours(texts) for texts in week), country, subdivision, dated)


def _hours(texts: Texts) -> Day:
    try:
        return tuple(Interval(time.fromisoformat(start), _end(end)) for start, end in texts)
    except ValueError as error:
        what = gettext_noop("%(texts)s are not working hours; write pairs of start and end such as 09:00, 24:00.")
        raise Unworkable(what, texts=texts) from error


def _end(text: str) -> time:
    return MIDNIGHT if text == "24:00" else time.fromisoformat(text)


def _refuse_disorder(day: Day) -> None:
    for start, end in day:
        if start.tzinfo or end.tzinfo:
            what = gettext_noop("%(start)s to %(end)s has a zone of its own; the calendar has one for all its hours.")
            raise Unworkable(what, start=start, end=end)
        if end != MIDNIGHT and end <= start:
            what = gettext_noop("Work ends at %(end)s, before it starts at %(start)s; split a night at midnight.")
            raise Unworkable(what, start=f"{start:%H:%M}", end=f"{end:%H:%M}")
    for earlier, later in pairwise(day):
        if earlier.end == MIDNIGHT or later.start < earlier.end:
            what = gettext_noop("Work starts at %(start)s before the last hours are over; give hours in order.")
            raise Unworkable(what, start=f"{later.start:%H:%M}")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        what = gettext_noop("There is no time zone “%(name)s”; write one such as Europe/Paris.")
        raise Unworkable(what, name=name) from error


@lru_cache(maxsize=4096)
def _public_holidays(country: str, subdivision: str, year: int | None) -> frozenset[date]:
    """Those of the year; without a year there are none, and only an unknown place is refused."""
    if not country:
        return frozenset()
    try:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=year, expand=False))
    except NotImplementedError as error:
        place = f"{country} {subdivision}".strip()
        what = gettext_noop("No public holidays are known of “%(place)s”; write codes like DE and BY, or none.")
        raise Unworkable(what, place=place) from error


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone, so nobody knows when that is; give an aware datetime.")
    _refuse_edge(at.year)
    return at.astimezone(UTC)


def _refuse_edge(year: int) -> None:
    """Keeps every sum of days within what Python can express."""
    if not MINYEAR < year < MAXYEAR:
        raise ValueError(f"{year} is too far away to be a working year; check the date.")
