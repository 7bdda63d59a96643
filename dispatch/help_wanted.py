"""Help calls as boards show them: who is stuck on what since when, and who could help, in one statement."""

from dataclasses import dataclass
from datetime import datetime

from dispatch.prepared import Statement
from skills.models import Level, short_name

# Leaders of the team, and whoever is here and can teach the skill; a hand is free when it holds no file.
CALLS = Statement("""
SELECT c.id, f.reference, w.id, w.name, c.reason, c.raised_at, a.name, c.answered_at, ARRAY(
        SELECT p.name FROM skills_worker p JOIN skills_competence k ON k.worker_id = p.id
        WHERE k.skill_id = t.skill_id AND k.level = %(teaches)s AND p.is_active AND p.is_present
            AND p.id IS DISTINCT FROM c.worker_id
            AND NOT EXISTS (SELECT FROM dispatch_slot s WHERE s.bin_id = p.id AND s.in_hand)
        ORDER BY p.name
    ), ARRAY(
        SELECT p.name FROM skills_worker p JOIN skills_competence k ON k.worker_id = p.id
        WHERE k.skill_id = t.skill_id AND k.level = %(teaches)s AND p.is_active AND p.is_present
            AND p.id IS DISTINCT FROM c.worker_id
            AND EXISTS (SELECT FROM dispatch_slot s WHERE s.bin_id = p.id AND s.in_hand)
        ORDER BY p.name
    ), ARRAY(
        SELECT p.name FROM skills_worker p JOIN skills_worker_leads l ON l.worker_id = p.id
        WHERE l.team_id = c.team_id AND p.is_active AND p.id IS DISTINCT FROM c.worker_id
        ORDER BY p.name
    )
FROM dispatch_helpcall c JOIN dispatch_file f ON f.id = c.file_id JOIN dispatch_filetype t ON t.id = f.file_type_id
    LEFT JOIN skills_worker w ON w.id = c.worker_id LEFT JOIN skills_worker a ON a.id = c.answered_by_id
WHERE c.team_id = %(team)s AND c.ended_at IS NULL ORDER BY c.raised_at, c.id
""")


@dataclass(frozen=True)
class HelpWanted:
    """An open help call. `who` is empty for a file that came back twice and waits in the queue; names are short ones."""

    call_id: int
    reference: str
    worker_id: int | None
    who: str
    reason: str
    raised_at: datetime
    came: str  # who came to help, empty while nobody has
    came_at: datetime | None
    free: tuple[str, ...]  # can teach it, and have no file in hand
    busy: tuple[str, ...]  # can teach it, with a file in hand
    leaders: tuple[str, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """Who else can help, a name once."""
        return tuple(dict.fromkeys(name for name in (*self.busy, *self.leaders) if name not in self.free))


def open_calls(team_id: int, *, now: datetime) -> tuple[HelpWanted, ...]:
    """The open help calls of a team, the oldest first, in the zone of `now`."""
    return tuple(
        HelpWanted(
            call_id=call_id,
            reference=reference,
            worker_id=worker_id,
            who=short_name(who or ""),
            reason=reason,
            raised_at=raised_at.astimezone(now.tzinfo),
            came=short_name(came or ""),
            came_at=came_at.astimezone(now.tzinfo) if came_at else None,
            free=tuple(map(short_name, free)),
            busy=tuple(map(short_name, busy)),
            leaders=tuple(map(short_name, leaders)),
        )
        for call_id, reference, worker_id, who, reason, raised_at, came, came_at, free, busy, leaders in CALLS.rows(
            team=team_id, teaches=Level.O.value
        )
    )
