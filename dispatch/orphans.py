"""Orphans: waiting files that nobody will do before their promise, because nobody has the skill, or whoever has it is away, or
everybody who can passed them back. One statement, with counts that end at a hundred and an index of what was passed back, so that
it costs the same at any length of the queue.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dispatch import receipts
from dispatch.prepared import Statement
from dispatch.refill import IN_ORDER, IS_ABLE, WORKS

COUNTED = 100

# When each who can do a type is here: at once, on coming back, or nobody knows when. With nobody here at all the office is closed,
# and then only what nobody can ever do is an orphan.
ORPHANS = Statement(f"""
WITH team AS (
    SELECT team.id, coalesce(v.zone, 'UTC') AS zone,
        EXISTS (SELECT FROM skills_worker w WHERE w.works_in_id = team.id AND w.is_present) AS is_at_work
    FROM skills_team team LEFT JOIN dispatch_queue q ON q.team_id = team.id
    LEFT JOIN dispatch_workcalendar c ON c.id = q.calendar_id LEFT JOIN dispatch_calendarversion v ON v.id = c.current_id
    WHERE %(teams)s::bigint[] IS NULL OR team.id = ANY(%(teams)s)
), able AS (
    SELECT t.id AS file_type_id, w.id AS worker_id, CASE
        WHEN w.is_present OR NOT team.is_at_work THEN '-infinity'
        WHEN w.away_until > %(now)s THEN w.away_until ELSE 'infinity' END AS here_at
    {WORKS.replace("WHERE", "JOIN team ON team.id = t.team_id WHERE")} AND {IS_ABLE}
), kind AS (
    SELECT t.id, t.team_id, team.zone, t.name, t.skill_id, coalesce(k.name, '') AS skill, t.least_level,
        count(able.worker_id) = 0 AS is_missing, coalesce(min(able.here_at), 'infinity') AS here_at
    FROM dispatch_filetype t JOIN team ON team.id = t.team_id LEFT JOIN skills_skill k ON k.id = t.skill_id
    LEFT JOIN able ON able.file_type_id = t.id GROUP BY t.id, team.zone, k.name
)
SELECT team_id, zone, id, name, skill_id, skill, least_level, is_missing, '' AS reference, number, first_due_at
FROM kind CROSS JOIN LATERAL (
    SELECT count(*) AS number, min(due_at) AS first_due_at FROM (
        SELECT f.due_at FROM (VALUES (0), (1), (2)) AS of(turn) CROSS JOIN LATERAL (
            SELECT f.due_at FROM dispatch_file f
            WHERE f.file_type_id = kind.id AND f.state = 'waiting' AND f.turn = of.turn AND f.due_at < kind.here_at
            ORDER BY {IN_ORDER} LIMIT %(most)s
        ) f LIMIT %(most)s
    ) of_this_kind
) found WHERE here_at > %(now)s AND number > 0
UNION ALL
SELECT kind.team_id, zone, kind.id, name, skill_id, skill, least_level, FALSE, f.reference, 1, f.due_at
FROM kind
JOIN dispatch_file f ON f.file_type_id = kind.id AND f.team_id = kind.team_id AND f.state = 'waiting' AND f.was_passed_back
WHERE f.due_at >= here_at AND EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id) AND NOT EXISTS (
    SELECT FROM able WHERE able.file_type_id = kind.id AND able.here_at <= f.due_at
    AND NOT EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = able.worker_id)
)
ORDER BY first_due_at, name
""")


@dataclass(frozen=True)
class Orphans:
    """Files of one type that nobody can do in time, or one file (`reference`) that everybody who can has passed back.

    `is_missing`: nobody in the team can, and not just nobody who is here. `number` counts to a hundred; then there `is_more`.
    `first_due_at` is in the zone of the team.
    """

    team_id: int
    file_type_id: int
    file_type: str
    skill_id: int | None
    needs: str  # "Marine, U"; empty when it is open to everybody in the team
    is_missing: bool
    reference: str
    number: int
    is_more: bool
    first_due_at: datetime


def orphans(teams: Collection[int] | None = None, *, now: datetime) -> tuple[Orphans, ...]:
    """Of these teams, or of all; the earliest promise first."""
    asked = {"teams": None if teams is None else list(teams), "now": now, "most": COUNTED + 1}
    return tuple(
        Orphans(
            team_id=team,
            file_type_id=file_type,
            file_type=name,
            skill_id=skill_id,
            needs=receipts.need(skill, level) if skill else "",
            is_missing=is_missing,
            reference=reference,
            number=min(number, COUNTED),
            is_more=number > COUNTED,
            first_due_at=first_due_at.astimezone(ZoneInfo(zone)),
        )
        for team, zone, file_type, name, skill_id, skill, level, is_missing, reference, number, first_due_at in ORPHANS.rows(
            **asked
        )
    )


def added(before: Collection[Orphans], after: Collection[Orphans]) -> tuple[Orphans, ...]:
    """What is an orphan after a change and was none before it, or is worse off: more of them, or nobody left at all."""
    known = {(each.file_type_id, each.reference): each for each in before}

    def is_worse(each: Orphans) -> bool:
        was = known.get((each.file_type_id, each.reference))
        return was is None or each.number > was.number or each.is_missing > was.is_missing

    return tuple(each for each in after if is_worse(each))


def orphans_by_team(teams: Collection[int], *, now: datetime) -> dict[int, int]:
    """How many there are in each of these teams that has any; a hundred of a type are the most that count."""
    found: Counter[int] = Counter()
    for each in orphans(teams, now=now):
        found[each.team_id] += each.number
    return dict(found)
