"""A team's day in numbers, out of its tallies: no file is counted, whatever the number of files that wait.

The tallies hold how many files wait by the quarter of an hour of their promise, and how many came in and were done, and how long
slots were empty while work for them waited, by the quarter in which that happened. Days are those of the team's calendar.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dispatch.calendars import Calendar
from dispatch.models import Queue
from dispatch.prepared import Statement
from dispatch.usual import midnight

PACE_DAYS = 10
QUARTER = 900  # seconds

# The quarter that is going on holds promises that are past and promises to come. The latter are looked up in the index of waiting
# files and taken away: they are few, because promises are due at round times, and those open a quarter.
DAYS = Statement("""
SELECT day.team_id, waiting.number, due_by_now - still_to_come.number, due_before_today, due_today, due_next, logged, done,
    right_first_time, empty, late, received_at, due_at
FROM unnest(%(teams)s::bigint[], %(now)s::timestamptz[], %(quarter)s::timestamptz[], %(next_quarter)s::timestamptz[],
    %(today)s::timestamptz[], %(tomorrow)s::timestamptz[], %(after_next)s::timestamptz[]
) AS day(team_id, now, quarter, next_quarter, today, tomorrow, after_next)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(count), 0) AS number,
        coalesce(sum(count) FILTER (WHERE quarter_at <= day.quarter), 0) AS due_by_now,
        coalesce(sum(count) FILTER (WHERE quarter_at < day.today), 0) AS due_before_today,
        coalesce(sum(count) FILTER (WHERE quarter_at < day.tomorrow), 0) AS due_today,
        coalesce(sum(count) FILTER (WHERE quarter_at < day.after_next), 0) AS due_next
    FROM dispatch_tally t WHERE t.team_id = day.team_id AND kind = 'waiting'
) waiting CROSS JOIN LATERAL (
    SELECT coalesce(sum(count) FILTER (WHERE kind = 'logged'), 0) AS logged,
        coalesce(sum(count) FILTER (WHERE kind = 'done'), 0) AS done,
        coalesce(sum(count) FILTER (WHERE kind = 'right'), 0) AS right_first_time,
        coalesce(sum(count) FILTER (WHERE kind = 'empty'), 0) AS empty,
        coalesce(sum(count) FILTER (WHERE kind = 'late'), 0) AS late
    FROM dispatch_tally t
    WHERE t.team_id = day.team_id AND kind IN ('logged', 'done', 'right', 'empty', 'late') AND quarter_at >= day.today
) today CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM dispatch_file f
    WHERE f.team_id = day.team_id AND state = 'waiting' AND f.due_at >= day.now AND f.due_at < day.next_quarter
) still_to_come LEFT JOIN LATERAL (
    SELECT received_at, due_at FROM dispatch_file f
    WHERE f.team_id = day.team_id AND state = 'waiting' ORDER BY received_at LIMIT 1
) oldest ON TRUE
""")

WAITING = Statement("""
SELECT team_id, sum(count) FROM dispatch_tally WHERE team_id = ANY(%(teams)s::bigint[]) AND kind = 'waiting' GROUP BY team_id
""")

# Days from before the first file was done say nothing and are left out.
PACES = Statement("""
WITH day AS (
    SELECT day.* FROM unnest(%(teams)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[]) AS day(team_id, since, until)
), began AS (
    SELECT each.team_id, (SELECT min(quarter_at) FROM dispatch_tally t WHERE t.team_id = each.team_id AND t.kind = 'done') AS at
    FROM (SELECT DISTINCT team_id FROM day) each
)
SELECT team_id, avg(done.number)::float
FROM day JOIN began USING (team_id) CROSS JOIN LATERAL (
    SELECT coalesce(sum(t.count), 0) AS number FROM dispatch_tally t
    WHERE t.team_id = day.team_id AND t.kind = 'done' AND t.quarter_at >= day.since AND t.quarter_at < day.until
) done WHERE began.at < day.until GROUP BY team_id
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


def day(queue: Queue, *, now: datetime) -> Day:
    """One statement. `now` is in the zone of the calendar."""
    return days({queue.team_id: queue.calendar.hours()}, now=now)[queue.team_id]


def days(calendars: Mapping[int, Calendar], *, now: datetime) -> dict[int, Day]:
    """By team, in one statement for all."""
    bounds = {
        calendar: _bounds(calendar, now=now.astimezone(ZoneInfo(calendar.zone))) for calendar in set(calendars.values())
    }
    asked = [(team_id, *bounds[calendar]) for team_id, calendar in calendars.items()]
    columns = [list(column) for column in zip(*asked, strict=True)] or [[] for _ in range(7)]
    names = ("teams", "now", "quarter", "next_quarter", "today", "tomorrow", "after_next")
    return {team_id: Day(*row) for team_id, *row in DAYS.rows(**dict(zip(names, columns, strict=True)))}


def _bounds(calendar: Calendar, *, now: datetime) -> tuple[datetime, ...]:
    """As DAYS asks for them: now, this quarter, the next one, today, tomorrow, and the day after the next working day."""
    today, quarter = now.date(), now.timestamp() // QUARTER * QUARTER
    return (
        now,
        datetime.fromtimestamp(quarter, tz=now.tzinfo),
        datetime.fromtimestamp(quarter + QUARTER, tz=now.tzinfo),
        midnight(today, calendar),
        midnight(today + timedelta(1), calendar),
        midnight(calendar.next_working_day(today) + timedelta(1), calendar),
    )


def waiting(queues: Iterable[Queue]) -> dict[int, int]:
    """How many files wait, by team; one statement."""
    return dict(WAITING.rows(teams=[queue.team_id for queue in queues]))


def paces(calendars: Mapping[int, Calendar], *, now: datetime) -> dict[int, float]:
    """Files done a working day, over the last ten of them, by team; one statement. Without any record there is none."""
    worked = {calendar: _last_days(calendar, now=now) for calendar in set(calendars.values())}
    periods = [(team_id, *each) for team_id, calendar in calendars.items() for each in worked[calendar]]
    teams, since, until = [list(column) for column in zip(*periods, strict=True)] or [[], [], []]
    return {team_id: float(mean) for team_id, mean in PACES.rows(teams=teams, since=since, until=until)}


def _last_days(calendar: Calendar, *, now: datetime) -> list[tuple[datetime, datetime]]:
    """Working days before today, whole."""
    today = calendar.local_day(now)
    worked = (each for back in range(1, 60) if calendar.is_working_day(each := today - timedelta(back)))
    return [(midnight(each, calendar), midnight(each + timedelta(1), calendar)) for each in islice(worked, PACE_DAYS)]
