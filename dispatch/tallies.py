"""A team's day in numbers, out of its tallies: no file is counted, whatever the number of files that wait.

The tallies hold how many files wait by the quarter of an hour of their promise, and how many came in and were done, and how long
slots were empty while work for them waited, by the quarter in which that happened. Days are those of the team's calendar.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import NamedTuple

from dispatch import moves
from dispatch.calendars import Calendar
from dispatch.models import Queue
from dispatch.prepared import Statement

USUAL_WEEKS = 6
PACE_DAYS = 10
QUARTER = 900  # seconds
MIDNIGHT = time(0)

# The quarter that is going on holds promises that are past and promises to come. The latter are looked up in the index of waiting
# files and taken away: they are few, because promises are due at round times, and those open a quarter.
DAY = Statement("""
WITH waiting AS (
    SELECT coalesce(sum(count), 0) AS number,
        coalesce(sum(count) FILTER (WHERE quarter_at <= %(quarter)s), 0) AS due_by_now,
        coalesce(sum(count) FILTER (WHERE quarter_at < %(today)s), 0) AS due_before_today,
        coalesce(sum(count) FILTER (WHERE quarter_at < %(tomorrow)s), 0) AS due_today,
        coalesce(sum(count) FILTER (WHERE quarter_at < %(after_next)s), 0) AS due_next
    FROM dispatch_tally WHERE team_id = %(team)s AND kind = 'waiting'
), today AS (
    SELECT coalesce(sum(count) FILTER (WHERE kind = 'logged'), 0) AS logged,
        coalesce(sum(count) FILTER (WHERE kind = 'done'), 0) AS done,
        coalesce(sum(count) FILTER (WHERE kind = 'right'), 0) AS right_first_time,
        coalesce(sum(count) FILTER (WHERE kind = 'empty'), 0) AS empty,
        coalesce(sum(count) FILTER (WHERE kind = 'late'), 0) AS late
    FROM dispatch_tally
    WHERE team_id = %(team)s AND kind IN ('logged', 'done', 'right', 'empty', 'late') AND quarter_at >= %(today)s
), still_to_come AS (
    SELECT count(*) AS number FROM dispatch_file
    WHERE team_id = %(team)s AND state = 'waiting' AND due_at >= %(now)s AND due_at < %(next_quarter)s
), oldest AS (
    SELECT received_at, due_at FROM dispatch_file WHERE team_id = %(team)s AND state = 'waiting' ORDER BY received_at LIMIT 1
)
SELECT waiting.number, due_by_now - still_to_come.number, due_before_today, due_today, due_next, logged, done, right_first_time,
    empty, late, received_at, due_at
FROM waiting CROSS JOIN today CROSS JOIN still_to_come LEFT JOIN oldest ON TRUE
""")

WAITING = "SELECT team_id, sum(count) FROM dispatch_tally WHERE team_id = ANY(%s) AND kind = 'waiting' GROUP BY team_id"

# Past periods: what came in by this time of day, what was done in all. A quarter that `until` cuts counts in part. Periods from
# before the first record of their kind say nothing and are left out.
PAST = Statement("""
SELECT period.team_id, period.kind,
    coalesce(sum(t.count * least(1, extract(epoch FROM period.until - t.quarter_at) / 900)), 0)
FROM unnest(%(teams)s::bigint[], %(kinds)s::text[], %(since)s::timestamptz[], %(until)s::timestamptz[])
    AS period(team_id, kind, since, until)
LEFT JOIN dispatch_tally t ON t.team_id = period.team_id AND t.kind = period.kind
    AND t.quarter_at >= period.since AND t.quarter_at < period.until
WHERE period.until > (SELECT min(quarter_at) FROM dispatch_tally WHERE team_id = period.team_id AND kind = period.kind)
GROUP BY period.team_id, period.kind, period.since
""")


class Day(NamedTuple):
    """Today's numbers of a team. What is due by some time includes all that was due before; all of these still wait."""

    waiting: int
    overdue: int
    due_before_today: int
    due_today: int
    due_next: int  # by the end of the next working day
    logged: int
    done: int
    right_first_time: int
    empty_milliseconds: int  # that slots were empty while work for them waited
    late_refills: int  # that took more than two seconds of it
    oldest_received_at: datetime | None
    oldest_due_at: datetime | None


class Period(NamedTuple):
    team_id: int
    kind: str
    since: datetime
    until: datetime


def day(queue: Queue, *, now: datetime) -> Day:
    """One statement. `now` is in the zone of the calendar."""
    calendar = queue.calendar.hours()
    today = now.date()
    quarter = now.timestamp() // QUARTER * QUARTER
    parameters = {
        "team": queue.team_id,
        "now": now,
        "quarter": datetime.fromtimestamp(quarter, tz=now.tzinfo),
        "next_quarter": datetime.fromtimestamp(quarter + QUARTER, tz=now.tzinfo),
        "today": _midnight(today, calendar),
        "tomorrow": _midnight(today + timedelta(1), calendar),
        "after_next": _midnight(calendar.next_working_day(today) + timedelta(1), calendar),
    }
    return Day(*DAY.rows(**parameters)[0])


def waiting(queues: Iterable[Queue]) -> dict[int, int]:
    """How many files wait, by team; one statement."""
    return dict(moves.rows(WAITING, [[queue.team_id for queue in queues]]))


def usual_by_now(queue: Queue, *, now: datetime) -> list[Period]:
    """The last six such weekdays that were worked, up to this time of day: what usually came in by now."""
    calendar = queue.calendar.hours()
    worked = (each for weeks in range(1, 11) if calendar.is_working_day(each := now.date() - timedelta(weeks=weeks)))
    return [
        Period(queue.team_id, "logged", _midnight(each, calendar), calendar.instant(each, now.time()))
        for each in islice(worked, USUAL_WEEKS)
    ]


def pace(queue: Queue, *, now: datetime) -> list[Period]:
    """The last ten working days, whole: how many files are done in a day."""
    calendar = queue.calendar.hours()
    today = calendar.local_day(now)
    worked = (each for back in range(1, 60) if calendar.is_working_day(each := today - timedelta(back)))
    return [
        Period(queue.team_id, "done", _midnight(each, calendar), _midnight(each + timedelta(1), calendar))
        for each in islice(worked, PACE_DAYS)
    ]


def means(periods: Iterable[Period]) -> dict[tuple[int, str], float]:
    """The mean count over the periods, by team and kind; one statement. Without any record there is none."""
    counts: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    teams, kinds, since, until = (
        map(list, zip(*periods, strict=True)) if (periods := tuple(periods)) else ([], [], [], [])
    )
    for team_id, kind, count in PAST.rows(teams=teams, kinds=kinds, since=since, until=until):
        counts[team_id, kind].append(float(count))
    return {key: sum(numbers) / len(numbers) for key, numbers in counts.items()}


def _midnight(day: date, calendar: Calendar) -> datetime:
    return calendar.instant(day, MIDNIGHT)
