"""How much a team gets done: files finished in an hour of one person present, over its last ten working days. Never of a person.

Files are summed out of the tallies. Hours are working time of the team's calendar during which somebody was there and belonged to
the team, out of their comings and goings and their loans; a person counts from the day they joined.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from dispatch.calendars import Calendar
from dispatch.models import Queue
from dispatch.prepared import Statement

DAYS = 10
LOOKED_BACK = 60  # calendar days that hold so many working days even around Christmas
MIDNIGHT = time(0)

DONE = Statement("""
SELECT a.team_id, coalesce((
    SELECT sum(t.count) FROM dispatch_tally t
    WHERE t.team_id = a.team_id AND t.kind = 'done' AND t.quarter_at >= a.since AND t.quarter_at < a.until
), 0), (SELECT min(quarter_at) FROM dispatch_tally t WHERE t.team_id = a.team_id AND t.kind = 'done')
FROM unnest(%(teams)s::bigint[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS a(team_id, since, until)
""")

# `stay` is who belonged to which team and when: to their home, less the time they were lent, and to the host meanwhile. `here` is
# when they were there: up to each going away since the coming before it, and since the last coming if they are there now.
HOURS = Statement("""
WITH asked AS (
    SELECT * FROM unnest(%(teams)s::bigint[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS a(team_id, since, until)
), shift AS (
    SELECT * FROM unnest(%(of)s::bigint[], %(opens)s::timestamptz[], %(closes)s::timestamptz[]) AS s(team_id, opens, closes)
), lent AS (
    SELECT worker_id, from_team_id, to_team_id, started_at, coalesce(ended_at, 'infinity') AS ended_at FROM dispatch_loan
    WHERE started_at IS NOT NULL AND (from_team_id = ANY(%(teams)s) OR to_team_id = ANY(%(teams)s))
        AND (ended_at IS NULL OR ended_at > (SELECT min(since) FROM asked))
), stay AS (
    SELECT w.id AS worker_id, a.team_id, greatest(a.since, w.date_joined) AS since, a.until, 1 AS sign
    FROM skills_worker w JOIN asked a ON a.team_id = w.team_id WHERE 'worker' = ANY(w.roles)
    UNION ALL
    SELECT worker_id, team_id, greatest(since, started_at), least(until, ended_at), -1
    FROM lent JOIN asked ON team_id = from_team_id
    UNION ALL
    SELECT worker_id, team_id, greatest(since, started_at), least(until, ended_at), 1 FROM lent JOIN asked ON team_id = to_team_id
), who AS (
    SELECT DISTINCT worker_id FROM stay
), change AS (
    SELECT e.worker_id, e.kind, e.at, lag(e.kind) OVER by_person AS was, lag(e.at) OVER by_person AS since
    FROM who JOIN dispatch_event e ON e.worker_id = who.worker_id
        AND e.kind IN ('away', 'back') AND e.at >= (SELECT min(since) FROM asked)
    WINDOW by_person AS (PARTITION BY e.worker_id ORDER BY e.at, e.id)
), here AS (
    SELECT worker_id, coalesce(since, '-infinity') AS since, at AS until FROM change
    WHERE kind = 'away' AND was IS DISTINCT FROM 'away'
    UNION ALL
    SELECT w.id, coalesce(last.at, '-infinity'), 'infinity' FROM who JOIN skills_worker w ON w.id = who.worker_id
    LEFT JOIN (SELECT worker_id, max(at) AS at FROM change GROUP BY worker_id) last ON last.worker_id = w.id
    WHERE w.is_present
)
SELECT stay.team_id, sum(sign * extract(epoch FROM
    least(stay.until, here.until, shift.closes) - greatest(stay.since, here.since, shift.opens))) / 3600
FROM stay JOIN here USING (worker_id) JOIN shift ON shift.team_id = stay.team_id
    AND shift.opens < least(stay.until, here.until) AND shift.closes > greatest(stay.since, here.since)
WHERE stay.since < stay.until
GROUP BY stay.team_id
""")


@dataclass(frozen=True)
class Rate:
    """Files that the team finished, hours of people present meanwhile, and the working hours of a usual day."""

    files: int
    hours: float
    day: float

    @property
    def an_hour(self) -> float | None:
        """Files in an hour of one person; None while nothing was finished, or nobody was there to."""
        return self.files / self.hours if self.files and self.hours > 0 else None


def rates(queues: Collection[Queue], *, now: datetime) -> dict[int, Rate]:
    """By team, of the last ten whole working days or as many as there are since its first file was done; two statements."""
    days = {queue.team_id: list(_last_days(queue.calendar.hours(), now)) for queue in queues}
    asked = [queue.team_id for queue in queues if days[queue.team_id]]
    calendars = {queue.team_id: queue.calendar.hours() for queue in queues}
    windows = {
        "teams": asked,
        "sinces": [calendars[team].instant(days[team][-1], MIDNIGHT) for team in asked],
        "untils": [calendars[team].instant(days[team][0] + timedelta(1), MIDNIGHT) for team in asked],
    }
    found = DONE.rows(**windows)
    done = {team: int(files) for team, files, _first in found}
    known = {team: _known(days[team], calendars[team], first) for team, _files, first in found}
    shifts = [(team, *span) for team in asked for day in known[team] for span in calendars[team].intervals_on(day)]
    of, opens, closes = (list(column) for column in zip(*shifts, strict=True)) if shifts else ([], [], [])
    hours = dict(HOURS.rows(**windows, of=of, opens=opens, closes=closes))
    return {
        team: Rate(done[team], float(hours.get(team, 0)), _usual_day(days[team], calendars[team])) for team in asked
    }


def _last_days(calendar: Calendar, now: datetime) -> Iterator[date]:
    """The last working days before today, the latest first."""
    today, found = calendar.local_day(now), 0
    for back in range(1, LOOKED_BACK):
        if found < DAYS and calendar.is_working_day(day := today - timedelta(back)):
            found += 1
            yield day


def _known(days: list[date], calendar: Calendar, first: datetime | None) -> list[date]:
    """Those since the first record: what went on before it nobody wrote down."""
    return [day for day in days if first and day >= calendar.local_day(first)]


def _usual_day(days: list[date], calendar: Calendar) -> float:
    spans = [span for day in days for span in calendar.intervals_on(day)]
    return sum(((closes - opens) / timedelta(hours=1) for opens, closes in spans), 0.0) / len(days)
