"""What usually comes in by a time of day, and how far from it is too far.

Today is compared with the last eight days like it. On an ordinary day those are days of the same weekday that come after a working
day, or after days off, as this weekday does. A day that does not come as its weekday does, such as the Tuesday after a holiday, is
compared with the last eight days that come as it does, whatever their weekday: mostly Mondays. Days with other hours than their
weekday's are no measure for others, and neither are the first day of a team, which began in the middle, and days from before it.
On a day off, and where there is no such day yet, nothing is usual.

Usual is the median of what had come in by this time of day. Far from it is more than three times the spread: the median absolute
deviation, scaled by 1.4826 to the standard deviation of a normal distribution (Leys et al., Detecting outliers, Journal of
Experimental Social Psychology 49, 2013). A few days that agree by chance would make that nothing, so it is at least the square root
of the usual number, the spread of arrivals that know nothing of each other; and fewer than five files are never far, nor is
anything with fewer than four such days.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate, islice
from math import ceil, sqrt
from statistics import median

from dispatch.calendars import Calendar
from dispatch.prepared import Statement

DAYS = 8
WEEKS = 12  # no further back
LEAST_DAYS = 4
LEAST_FILES = 5
TIMES = 3
SCALE = 1.4826
ONE_DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MIDNIGHT = time(0)
MOST_STEPS = 12
QUARTER = 900  # seconds

# What came in on such days, by quarters of an hour since they began. A day on which nothing did has no row.
INFLOW = Statement("""
WITH day AS (
    SELECT day.* FROM unnest(%(teams)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[]) AS day(team_id, since, until)
), began AS (
    SELECT each.team_id, (SELECT min(quarter_at) FROM dispatch_tally t WHERE t.team_id = each.team_id AND t.kind = 'logged') AS at
    FROM (SELECT DISTINCT team_id FROM day) each
)
SELECT team_id, since, since >= began.at, quarters, numbers
FROM day JOIN began USING (team_id) CROSS JOIN LATERAL (
    SELECT array_agg((extract(epoch FROM t.quarter_at - day.since) / 900)::int) AS quarters, array_agg(t.count) AS numbers
    FROM dispatch_tally t WHERE t.team_id = day.team_id AND t.kind = 'logged'
        AND t.quarter_at >= day.since AND t.quarter_at < day.until
) came WHERE quarters IS NOT NULL
""")


@dataclass(frozen=True)
class Hours:
    """When a day begins and ends in a calendar, and by which instants its inflow is drawn: when work opens, and after each hour of
    work, or more of a long day. Of a day off only its midnight."""

    since: datetime
    until: datetime
    opens_at: datetime
    step: int  # seconds
    steps: tuple[float, ...]  # in quarters of an hour since midnight

    def quarters(self, at: datetime) -> float:
        return (at - self.since).total_seconds() / QUARTER


@dataclass(frozen=True)
class Inflow:
    """Of one day: what had come in before each quarter of an hour, and by the end."""

    is_whole: bool  # not the day on which the team began
    by_quarter: tuple[int, ...]

    def by(self, quarters: float) -> float:
        """What had come in so many quarters after midnight. A quarter that is cut counts in part."""
        whole = int(quarters)
        if whole >= len(self.by_quarter) - 1:
            return float(self.by_quarter[-1])
        before = self.by_quarter[whole]
        return before + (self.by_quarter[whole + 1] - before) * (quarters - whole)


NOTHING = Inflow(is_whole=True, by_quarter=(0,))


@dataclass(frozen=True)
class Past:
    """Days like today, the last one first, and what came in on them; `by_step` is what is usual by each step of today."""

    days: tuple[tuple[date, Inflow], ...]
    by_step: tuple[float, ...]


@dataclass(frozen=True)
class Usual:
    """Of a time of day. `by_step` is the whole day."""

    by_now: float
    spread: float
    days: int
    by_step: tuple[float, ...]

    def is_far(self, number: int) -> bool:
        apart = abs(number - self.by_now)
        return self.days >= LEAST_DAYS and apart >= LEAST_FILES and apart > TIMES * self.spread


@lru_cache(maxsize=1024)
def days_like(today: date, calendar: Calendar) -> tuple[date, ...]:
    """The days that today is compared with, the last one first."""
    if not (calendar.is_working_day(today) and calendar.week[today.weekday()]):
        return ()
    is_after_days_off = _is_after_days_off(today, calendar)
    is_as_every_week = is_after_days_off == (not calendar.week[today.weekday() - 1])
    step = 7 if is_as_every_week else 1
    back = (today - timedelta(days) for days in range(step, 7 * WEEKS + 1, step))
    alike = (
        day for day in back if _has_its_hours(day, calendar) and _is_after_days_off(day, calendar) == is_after_days_off
    )
    return tuple(islice(alike, DAYS))


def usual(team_id: int, calendar: Calendar, *, now: datetime) -> Usual | None:
    """Of one team by now, which is in the zone of the calendar; None where nothing is. One statement."""
    return by_now(past({team_id: calendar}, now=now).get(team_id), calendar, now=now)


def past(calendars: Mapping[int, Calendar], *, now: datetime) -> dict[int, Past]:
    """By team, of those that have any. One statement for all."""
    likes = {calendar: days_like(calendar.local_day(now), calendar) for calendar in set(calendars.values())}
    found = inflow((team_id, calendar, day) for team_id, calendar in calendars.items() for day in likes[calendar])
    made = {}
    for team_id, calendar in calendars.items():
        days = [(day, found.get((team_id, day), NOTHING)) for day in likes[calendar]]
        while days and (days[-1][1] is NOTHING or not days[-1][1].is_whole):
            days.pop()  # before anything came in, and the day on which it began
        if days:
            made[team_id] = Past(tuple(days), _by_step(days, calendar, today=calendar.local_day(now)))
    return made


def inflow(days: Iterable[tuple[int, Calendar, date]]) -> dict[tuple[int, date], Inflow]:
    """By team and day; days without anything are left out. One statement."""
    asked = {(team_id, (hours := hours_of(day, calendar)).since): (day, hours) for team_id, calendar, day in days}
    teams, sinces = [team_id for team_id, _since in asked], [since for _team_id, since in asked]
    found = {}
    for team_id, since, is_whole, quarters, numbers in INFLOW.rows(
        teams=teams, since=sinces, until=[hours.until for _day, hours in asked.values()]
    ):
        day, hours = asked[team_id, since]
        counts = [0] * int(hours.quarters(hours.until))
        for quarter, number in zip(quarters, numbers, strict=True):
            counts[quarter] = number
        found[team_id, day] = Inflow(is_whole, tuple(accumulate(counts, initial=0)))
    return found


def by_now(past: Past | None, calendar: Calendar, *, now: datetime) -> Usual | None:
    """`now` is in the zone of the calendar."""
    if past is None:
        return None
    passed = _passed(calendar, now)
    came = [inflow.by(quarters) for quarters, (_day, inflow) in zip(passed, past.days, strict=False)]
    middle = median(came)
    spread = SCALE * median([abs(each - middle) for each in came])
    return Usual(middle, max(spread, sqrt(middle)), len(came), past.by_step)


@lru_cache(maxsize=64)
def _passed(calendar: Calendar, now: datetime) -> tuple[float, ...]:
    """How many quarters of an hour had passed by this time of day, on each of the days like today."""
    return tuple(
        hours_of(day, calendar).quarters(calendar.instant(day, now.time())) for day in days_like(now.date(), calendar)
    )


def _by_step(days: Sequence[tuple[date, Inflow]], calendar: Calendar, *, today: date) -> tuple[float, ...]:
    """As many steps as today has, each counted from when work opened on its day."""
    wanted = hours_of(today, calendar)
    by_day = []
    for day, inflow in days:
        opens = hours_of(day, calendar).steps[0]
        by_day.append([inflow.by(opens + step - wanted.steps[0]) for step in wanted.steps])
    return tuple(map(median, zip(*by_day, strict=True)))


@lru_cache(maxsize=4096)
def hours_of(day: date, calendar: Calendar) -> Hours:
    since, until = midnight(day, calendar), midnight(day + ONE_DAY, calendar)
    if not calendar.is_working_day(day):
        return Hours(since, until, since, int(HOUR.total_seconds()), (0.0,))
    opens_at, closes_at = calendar.start_of_work(day), calendar.end_of_work(day)
    step = HOUR * ceil((closes_at - opens_at) / (HOUR * MOST_STEPS))
    ends = [min(opens_at + step * number, closes_at) for number in range(ceil((closes_at - opens_at) / step) + 1)]
    steps = tuple((each - since).total_seconds() / QUARTER for each in ends)
    return Hours(since, until, opens_at, int(step.total_seconds()), steps)


def midnight(day: date, calendar: Calendar) -> datetime:
    return calendar.instant(day, MIDNIGHT)


def _is_after_days_off(day: date, calendar: Calendar) -> bool:
    return not calendar.is_working_day(day - ONE_DAY)


def _has_its_hours(day: date, calendar: Calendar) -> bool:
    hours = calendar.hours_on(day)
    return bool(hours) and hours == calendar.week[day.weekday()]
