"""Who is expected where on a day: at home or where they are lent to, less planned absences, and less who is away right now.

All in working time of each team's calendar, and one statement for any number of teams and days. A front office has no calendar, so
nobody is expected there. Who is away right now counts as away today until they said, or else all day: when they left is no matter.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from dispatch.models import Queue
from dispatch.prepared import Statement
from skills.models import Level

# Ranges of time do the reckoning: where somebody is while they are lent is taken from the one team and given to the other. Who came
# back before a planned absence was over is here again. `here` is what is left, and nobody is in it for whom nothing is.
HERE = """
WITH asked AS (
    SELECT team_id, day, is_today, range_agg(tstzrange(opens, closes)) AS worked
    FROM unnest(%(teams)s::bigint[], %(days)s::date[], %(today)s::bool[], %(opens)s::timestamptz[], %(closes)s::timestamptz[])
        AS span(team_id, day, is_today, opens, closes)
    GROUP BY 1, 2, 3
), lent AS (
    SELECT worker_id, to_team_id, range_agg(tstzrange(coalesce(started_at, starts_at), coalesce(ended_at, ends_at))) AS at
    FROM dispatch_loan
    WHERE (from_team_id = ANY(%(teams)s) OR to_team_id = ANY(%(teams)s)) AND coalesce(ended_at, ends_at) > %(since)s
        AND starts_at < %(until)s AND agreed_at IS NOT NULL AND (started_at IS NOT NULL OR ended_at IS NULL)
    GROUP BY 1, 2
), works AS (
    SELECT asked.*, w.id AS worker_id, worked - coalesce((
        SELECT range_agg(span) FROM lent, unnest(lent.at) AS span WHERE lent.worker_id = w.id
    ), '{}') AS works
    FROM asked JOIN skills_worker w ON w.team_id = asked.team_id
    UNION ALL
    SELECT asked.*, lent.worker_id, worked * lent.at FROM asked JOIN lent ON lent.to_team_id = asked.team_id
), here AS (
    SELECT works.team_id, day, worker_id, worked, works - coalesce((
        SELECT range_agg(tstzrange(a.starts_at, CASE
            WHEN a.has_begun AND w.is_present THEN greatest(a.starts_at, least(a.ends_at, %(now)s)) ELSE a.ends_at END))
        FROM dispatch_absence a WHERE a.worker_id = w.id AND a.ends_at > %(since)s AND a.starts_at < %(until)s
    ), '{}') - CASE WHEN w.is_present THEN '{}' ELSE tstzmultirange(tstzrange(
        CASE WHEN is_today THEN '-infinity' ELSE %(now)s END, CASE
        WHEN w.away_until > %(now)s THEN w.away_until WHEN is_today THEN 'infinity' ELSE %(now)s END)) END AS here
    FROM works JOIN skills_worker w ON w.id = works.worker_id WHERE w.is_active AND 'worker' = ANY(w.roles)
)
"""
TIME = "(SELECT sum(extract(epoch FROM upper(span) - lower(span)))::float FROM unnest({}) AS span)"

EXPECTED = Statement(f"""
{HERE} SELECT team_id, day, worker_id, {TIME.format("here")} / {TIME.format("worked")} FROM here WHERE here <> '{{}}'
""")

# Of each skill that file types of the team need; a certificate counts that is valid when its owner comes.
ABLE = Statement(f"""
{HERE} SELECT asked.team_id, asked.day, needed.skill_id, needed.name, count(c.id)
FROM asked JOIN (
    SELECT DISTINCT t.team_id, t.skill_id, k.name FROM dispatch_filetype t JOIN skills_skill k ON k.id = t.skill_id
    WHERE t.team_id = ANY(%(teams)s)
) needed USING (team_id)
LEFT JOIN here ON here.team_id = asked.team_id AND here.day = asked.day AND here.here <> '{{}}'
LEFT JOIN skills_competence c ON c.worker_id = here.worker_id AND c.skill_id = needed.skill_id AND c.level >= {Level.U.value}
    AND (c.certified_until IS NULL OR c.certified_until > lower(here.here))
GROUP BY 1, 2, 3, 4 ORDER BY needed.name
""")

Days = Mapping[Queue, Collection[date]]


class Expected(NamedTuple):
    """Somebody who works in this team on this day. `share` of its working time: 1 is the whole day."""

    team_id: int
    day: date
    worker_id: int
    share: float


class Able(NamedTuple):
    """How many of those expected can do alone (U or O) what file types of the team need."""

    team_id: int
    day: date
    skill_id: int
    skill: str
    people: int


def expected(days: Days, *, now: datetime) -> list[Expected]:
    """Who is expected on these days, by the queue of each team, which brings its calendar. Days off have nobody. One statement."""
    asked = _asked(days, now=now)
    return [Expected(*row) for row in EXPECTED.rows(**asked)] if asked else []


def able(days: Days, *, now: datetime) -> list[Able]:
    """For each working day and skill that is needed, in order of names; nobody is a row, too. One statement."""
    asked = _asked(days, now=now)
    return [Able(*row) for row in ABLE.rows(**asked)] if asked else []


def today(queues: Iterable[Queue], *, now: datetime) -> dict[int, set[int]]:
    """By team, the keys of who is expected on the day that it is there. One statement."""
    return _by_team({queue: [queue.calendar.hours().local_day(now)] for queue in queues}, now=now)


def next_day(queues: Iterable[Queue], *, now: datetime) -> dict[int, set[int]]:
    """By team, the keys of who is expected on its next working day. One statement."""
    hours = {queue: queue.calendar.hours() for queue in queues}
    return _by_team({queue: [each.next_working_day(each.local_day(now))] for queue, each in hours.items()}, now=now)


def able_today(queues: Iterable[Queue], *, now: datetime) -> dict[tuple[int, int], int]:
    """By team and needed skill, how many who can do it alone are expected today. One statement."""
    days = {queue: [queue.calendar.hours().local_day(now)] for queue in queues}
    return {(each.team_id, each.skill_id): each.people for each in able(days, now=now)}


def _by_team(days: Days, *, now: datetime) -> dict[int, set[int]]:
    found: defaultdict[int, set[int]] = defaultdict(set)
    for each in expected(days, now=now):
        found[each.team_id].add(each.worker_id)
    return found


def _asked(days: Days, *, now: datetime) -> dict[str, Any]:
    """The hours of work as columns; nothing where nobody works at all."""
    spans = [
        (queue.team_id, day, day == hours.local_day(now), opens, closes)
        for queue, wanted in days.items()
        for hours in [queue.calendar.hours()]
        for day in wanted
        for opens, closes in hours.intervals_on(day)
    ]
    if not spans:
        return {}
    teams, on, is_today, opens, closes = (list(column) for column in zip(*spans, strict=True))
    times = {"opens": opens, "closes": closes, "since": min(opens), "until": max(closes), "now": now}
    return {"teams": teams, "days": on, "today": is_today, **times}
