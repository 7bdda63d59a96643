"""The office in figures, for a monitoring system that asks every few seconds and keeps every answer: teams, and nobody in them.

A recording shows what a board does not: when somebody came and went, and when they finished each file. So of a team of fewer than
five only its queue is told, and what the system owes it, and nothing of what its people do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dispatch import moves
from dispatch.models import LedgerRun
from dispatch.office import Row, office
from dispatch.prepared import Statement
from dispatch.rights import LEAST_PEOPLE

# Since midnight of each team, by the key of the tallies.
TODAY = Statement("""
SELECT day.team_id, today.* FROM unnest(%(teams)s::bigint[], %(since)s::timestamptz[]) AS day(team_id, since) CROSS JOIN LATERAL (
    SELECT coalesce(sum(count) FILTER (WHERE kind = 'done'), 0)::int,
        coalesce(sum(count) FILTER (WHERE kind = 'empty'), 0)::bigint, coalesce(sum(count) FILTER (WHERE kind = 'late'), 0)::int
    FROM dispatch_tally t WHERE t.team_id = day.team_id AND t.kind IN ('done', 'empty', 'late') AND t.quarter_at >= day.since
) today
""")
CALLS = "SELECT team_id, count(*) FROM dispatch_helpcall WHERE ended_at IS NULL GROUP BY team_id"


@dataclass(frozen=True)
class People:
    """What is told of the people of a team, all together. Slots are those of who is here."""

    present: int
    done_today: int
    days_of_work: float | None
    help_calls: int
    clogged: int
    empty_slots: int


@dataclass(frozen=True)
class Figures:
    """Of one team. Overdue and due today are files that wait or are in a slot; at risk are those due today when the team is short
    of time for them. Seconds and refills are counted from midnight."""

    team: str  # its address
    waiting: int
    overdue: int
    due_today: int
    at_risk: int
    oldest_days: int | None
    received_today: int
    empty_seconds: float
    late_refills: int
    people: People | None  # of five or more


@dataclass(frozen=True)
class Books:
    """What the last check of the books found."""

    at: datetime
    is_ok: bool


def by_team(*, now: datetime) -> list[Figures]:
    """Of every team with a central queue. Two statements more than the office board, which keeps what it knows."""
    rows = office(now=now).rows
    since = [now.astimezone(row.now.tzinfo).replace(hour=0, minute=0, second=0, microsecond=0) for row in rows]
    today = {team: counts for team, *counts in TODAY.rows(teams=[row.team_id for row in rows], since=since)}
    calls = dict(moves.rows(CALLS, {}))
    return [_figures(row, *today[row.team_id], calls=calls.get(row.team_id, 0)) for row in rows]


def _figures(row: Row, done: int, empty_milliseconds: int, late: int, *, calls: int) -> Figures:
    hands = row.hands
    people = People(hands.present, done, row.days_of_work, calls, hands.clogged, hands.empty)
    return Figures(
        team=row.slug,
        waiting=row.waiting,
        overdue=row.overdue,
        due_today=row.to_go,
        at_risk=row.to_go if row.is_short else 0,
        oldest_days=row.oldest_days,
        received_today=row.in_today,
        empty_seconds=empty_milliseconds / 1000,
        late_refills=late,
        people=people if hands.people >= LEAST_PEOPLE else None,
    )


def books() -> Books | None:
    """One statement."""
    last: Iterable[tuple[datetime, bool]] = LedgerRun.objects.order_by("-at").values_list("at", "is_ok")[:1]
    return next((Books(at, is_ok) for at, is_ok in last), None)
