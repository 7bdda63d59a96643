"""Who is at hand in each team, and what they hold of its files: for all teams at once, in one statement and in numbers.

The bins on a team's own board, added up. A limit in working time is an instant per calendar, before which a file must have come to
be beyond it: so no age is worked out for any of thousands of slots.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from dispatch import moves
from dispatch.calendars import Calendar
from dispatch.hands import HANDS as HANDS_OF

AGED_AFTER = "SELECT DISTINCT aged_after FROM dispatch_filetype"

# Bins are those of who works in a team, and of others as far as they hold files of it.
HANDS = f"""
WITH rule AS (
    SELECT * FROM unnest(%(teams)s::bigint[], %(calendars)s::bigint[], %(clogged)s::timestamptz[], %(today)s::timestamptz[],
        %(tomorrow)s::timestamptz[]) AS rule(team_id, calendar_id, clogged_at, today, tomorrow)
), aged AS (
    SELECT * FROM unnest(%(limit_calendars)s::bigint[], %(limits)s::int[], %(limit_ats)s::timestamptz[])
        AS aged(calendar_id, minutes, at)
), slot AS (
    SELECT s.bin_id, s.position, s.file_id, s.filled_at, w.works_in_id, w.is_present, 'worker' = ANY(w.roles) AS is_worker,
        f.team_id AS file_team_id, f.received_at, f.due_at, t.aged_after, h.raised_at
    FROM ({HANDS_OF}) hand JOIN dispatch_slot s ON s.bin_id = hand.id JOIN skills_worker w ON w.id = s.bin_id AND w.is_active
    LEFT JOIN dispatch_file f ON f.id = s.file_id LEFT JOIN dispatch_filetype t ON t.id = f.file_type_id
    LEFT JOIN dispatch_helpcall h ON h.file_id = s.file_id AND h.ended_at IS NULL
), shown AS (
    SELECT works_in_id AS team_id, TRUE AS is_here, slot.* FROM slot WHERE is_worker OR file_team_id = works_in_id
    UNION ALL
    SELECT file_team_id, FALSE, slot.* FROM slot WHERE file_team_id <> works_in_id
), bin AS (
    SELECT shown.team_id, is_here, is_present AND is_here AS is_present, count(file_id) AS filled,
        count(*) FILTER (WHERE file_id IS NULL AND position <= q.bin_size) AS empty,
        CASE WHEN count(*) FILTER (WHERE file_id IS NULL AND position <= q.bin_size) = 0
            AND max(filled_at) < min(rule.clogged_at) THEN max(filled_at)
            ELSE min(least(raised_at, CASE WHEN filled_at < aged.at THEN filled_at END)) END AS clogged_since,
        count(*) FILTER (WHERE file_team_id = shown.team_id AND due_at >= rule.today AND due_at < rule.tomorrow) AS due_today,
        count(*) FILTER (WHERE file_team_id = shown.team_id AND due_at < %(now)s) AS overdue,
        min(ARRAY[received_at, due_at]) FILTER (WHERE file_team_id = shown.team_id) AS oldest
    FROM shown JOIN dispatch_queue q ON q.team_id = shown.team_id JOIN rule ON rule.team_id = shown.team_id
    LEFT JOIN aged ON aged.calendar_id = rule.calendar_id AND aged.minutes = shown.aged_after
    GROUP BY shown.team_id, bin_id, is_here, is_present
), call AS (
    SELECT team_id, count(*) AS number FROM dispatch_helpcall h
    WHERE ended_at IS NULL AND team_id = ANY(%(teams)s)
        AND NOT EXISTS (SELECT FROM dispatch_slot s WHERE s.file_id = h.file_id) GROUP BY team_id
)
SELECT rule.team_id, count(*) FILTER (WHERE is_here), count(*) FILTER (WHERE is_present),
    count(*) FILTER (WHERE is_present AND filled = 0), coalesce(sum(empty) FILTER (WHERE is_present), 0)::int,
    count(clogged_since), coalesce(max(call.number), 0), min(clogged_since), coalesce(sum(due_today), 0)::int,
    coalesce(sum(overdue), 0)::int, min(oldest)
FROM rule LEFT JOIN bin ON bin.team_id = rule.team_id LEFT JOIN call ON call.team_id = rule.team_id GROUP BY rule.team_id
"""


class Rules(NamedTuple):
    """What a team goes by. The calendar is known by a number of its own; `clogged_after` is in minutes of working time."""

    team_id: int
    calendar_id: int
    clogged_after: int
    today: datetime
    tomorrow: datetime


class Hands(NamedTuple):
    """Of one team."""

    people: int = 0
    present: int = 0
    free: int = 0  # present, with nothing in their bin
    empty: int = 0  # slots of those present
    clogged: int = 0  # bins
    calls: int = 0  # for help, on files that are in no bin
    stuck_since: datetime | None = None
    due_today: int = 0  # of the files they hold
    overdue: int = 0
    oldest: tuple[datetime, datetime] | None = None  # when it was received and is due

    @property
    def stuck(self) -> int:
        return self.clogged + self.calls


def hands(rules: Iterable[Rules], calendars: Mapping[int, Calendar], *, now: datetime) -> dict[int, Hands]:
    """By team. Two statements."""
    asked = list(rules)
    aged_after = [minutes for (minutes,) in moves.rows(AGED_AFTER, {})]
    since = {
        (pk, minutes): calendars[pk].go_back(now, timedelta(minutes=minutes))
        for pk in calendars
        for minutes in {*aged_after, *(rule.clogged_after for rule in asked)}
    }
    parameters = {
        "now": now,
        "teams": [rule.team_id for rule in asked],
        "calendars": [rule.calendar_id for rule in asked],
        "clogged": [since[rule.calendar_id, rule.clogged_after] for rule in asked],
        "today": [rule.today for rule in asked],
        "tomorrow": [rule.tomorrow for rule in asked],
        "limit_calendars": [pk for pk, _minutes in since],
        "limits": [minutes for _pk, minutes in since],
        "limit_ats": list(since.values()),
    }
    return {
        team_id: Hands._make((*counts, tuple(oldest) if oldest else None))
        for team_id, *counts, oldest in moves.rows(HANDS, parameters)
    }
