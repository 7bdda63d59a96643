"""What teams have of each other: people lent right now, and what is asked for and offered."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from dispatch import moves
from dispatch.models import Notice
from skills.models import short_name

LOANS = """
SELECT l.from_team_id, l.to_team_id, w.name, home.name, l.ends_at
FROM dispatch_loan l JOIN skills_worker w ON w.id = l.worker_id JOIN skills_team home ON home.id = l.from_team_id
WHERE l.started_at IS NOT NULL AND l.ended_at IS NULL ORDER BY l.ends_at, w.name
"""

NOTICES = """
SELECT n.team_id, n.kind, n.people, coalesce(k.name, ''), n.reason, n.until FROM dispatch_notice n
LEFT JOIN skills_skill k ON k.id = n.skill_id WHERE n.closed_at IS NULL AND n.until > %(now)s ORDER BY n.at, n.id
"""


@dataclass(frozen=True)
class Lent:
    """Who works in another team than their home, under a short name, and until when."""

    name: str
    home: str
    until: datetime


@dataclass(frozen=True)
class Said:
    """An open notice of a team: it asks for people, or offers some. `skill` is empty where any will do."""

    is_ask: bool
    people: int
    skill: str
    reason: str
    until: datetime


def loans() -> tuple[defaultdict[int, list[Lent]], Counter[int]]:
    """Those that run: who was lent to each team, first the one who leaves first, and how many each lent. One statement."""
    lent_in, lent_out = defaultdict(list), Counter[int]()
    for from_team, to_team, name, home, until in moves.rows(LOANS, {}):
        lent_in[to_team].append(Lent(short_name(name), home, until))
        lent_out[from_team] += 1
    return lent_in, lent_out


def notices(*, now: datetime) -> defaultdict[int, list[Said]]:
    """Open ones by team, the oldest first. One statement."""
    said = defaultdict(list)
    for team_id, kind, people, skill, reason, until in moves.rows(NOTICES, {"now": now}):
        said[team_id].append(Said(kind == Notice.Kind.ASK, people, skill, reason, until))
    return said
