"""Who could be lent to a team: people of teams that have a queue, what they can do, and how much they were lent lately."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from dispatch.candidates import Candidate
from dispatch.desks import Window
from dispatch.prepared import Statement
from skills.models import Level, Team

LATELY = timedelta(days=30)
A_SLIP = timedelta(minutes=2)  # a loan this short was undone

# Everybody who could be lent, with what they may be told to be able to do, where they are lent at that time already (by the last
# such loan), and their loans of late.
POOL = Statement(f"""
WITH who AS MATERIALIZED (
    SELECT w.id, w.username, w.name, w.team_id, w.is_present, w.away_until
    FROM skills_worker w JOIN dispatch_bin b ON b.worker_id = w.id JOIN dispatch_queue q ON q.team_id = w.team_id
    WHERE w.is_active AND 'worker' = ANY(w.roles) AND w.team_id <> %(host)s AND w.works_in_id <> %(host)s
        AND (%(homes)s::bigint[] IS NULL OR w.team_id = ANY(%(homes)s))
), held AS (
    SELECT c.worker_id, array_agg(c.skill_id) AS skills, array_agg(c.level) AS levels
    FROM who JOIN skills_competence c ON c.worker_id = who.id
    WHERE c.skill_id = ANY(%(skills)s::bigint[]) AND (c.certified_until IS NULL OR c.certified_until > %(now)s::timestamptz)
        AND (%(own)s::bigint[] IS NULL OR who.team_id = ANY(%(own)s) OR c.level >= {Level.U.value})
    GROUP BY 1
), busy AS (
    SELECT DISTINCT ON (worker_id) worker_id, to_team_id FROM dispatch_loan
    WHERE agreed_at IS NOT NULL AND ended_at IS NULL AND starts_at < %(until)s::timestamptz AND ends_at > %(since)s::timestamptz
    ORDER BY worker_id, starts_at DESC, id DESC
), late AS (
    SELECT worker_id, array_agg(from_team_id) AS homes, array_agg(started_at) AS sinces, array_agg(ended_at) AS untils
    FROM dispatch_loan WHERE started_at IS NOT NULL AND (ended_at IS NULL OR ended_at > %(lately)s::timestamptz) GROUP BY 1
)
SELECT who.*, EXISTS (SELECT FROM skills_worker_leads l WHERE l.worker_id = who.id), busy.to_team_id,
    skills, levels, homes, sinces, untils
FROM who LEFT JOIN held ON held.worker_id = who.id LEFT JOIN busy ON busy.worker_id = who.id
LEFT JOIN late ON late.worker_id = who.id
""")


@dataclass(frozen=True)
class Lendable:
    """By their keys; `lent_to` are those who are lent elsewhere at that time, and `leaders` those of any team."""

    people: Mapping[int, Candidate]
    named: Mapping[str, int]
    away_until: Mapping[int, datetime | None]
    lent_to: Mapping[int, int]
    leaders: frozenset[int]

    @cached_property
    def usernames(self) -> dict[int, str]:
        return {pk: name for name, pk in self.named.items()}


def lendable(
    host: Team,
    *,
    homes: Collection[int] | None,
    own: Collection[int] | None,
    skills: Collection[int],
    zone_of: Callable[[int], str],
    window: Window,
    now: datetime,
) -> Lendable:
    """Everybody who could be lent there over this window, out of these homes (None: all), with the levels in these skills that
    hold: of people of other teams than `own` (None: all) from U on. `zone_of` tells a team's. One statement."""
    people, named, away_until, lent_to, leaders = {}, {}, {}, {}, set()
    asked = {"host": host.pk, "skills": list(skills), "since": window.starts_at, "until": window.ends_at, "now": now}
    whose = {"homes": None if homes is None else list(homes), "own": None if own is None else list(own)}
    for pk, username, name, home, is_present, until, is_leader, busy, held, levels, *loans in POOL.rows(
        **asked, **whose, lately=now - LATELY
    ):
        is_there = is_present or (until is not None and until <= window.starts_at)
        can = dict(zip(held or (), levels or (), strict=True))
        people[pk] = Candidate(pk, name, home, can, is_there, _days_lent(*loans, zone_of=zone_of, now=now))
        named[username] = pk
        away_until[pk] = None if is_present else until
        if busy:
            lent_to[pk] = busy
        if is_leader:
            leaders.add(pk)
    return Lendable(people, named, away_until, lent_to, frozenset(leaders))


def _days_lent(
    homes: Sequence[int] | None,
    sinces: Sequence[datetime] | None,
    untils: Sequence[datetime | None] | None,
    *,
    zone_of: Callable[[int], str],
    now: datetime,
) -> int:
    """By these loans of one person, on how many of the last thirty days of their home."""
    days: set[date] = set()
    for home, started_at, ended_at in zip(homes or (), sinces or (), untils or (), strict=True):
        if ended_at and ended_at - started_at < A_SLIP:
            continue
        zone = ZoneInfo(zone_of(home))
        first, last = (at.astimezone(zone).date() for at in (max(started_at, now - LATELY), min(ended_at or now, now)))
        days.update(first + timedelta(number) for number in range((last - first).days + 1))
    return len(days)
