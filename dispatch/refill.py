"""From the central queue into empty slots: who may get what is asked here, who gets what is decided in `matching`.

Raw SQL for the look-ups, because each must be an index look-up per file type at any length of the queue (R5) and the ORM
has no LATERAL. No scanning window: what nobody present can do is never read.
"""

from collections import defaultdict
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from dispatch import moves
from dispatch.matching import Candidate, EmptySlot, Hand, enough_candidates, match
from dispatch.prepared import Statement

# R4, in one place: who can do which type right now. No bin, not present, not in the team, no skill row: no row here.
CAN_DO = """
SELECT w.id AS worker_id, w.team_id, t.id AS file_type_id
FROM skills_worker w
JOIN dispatch_bin b ON b.worker_id = w.id
JOIN dispatch_filetype t ON t.team_id = w.team_id
LEFT JOIN skills_competence c ON c.worker_id = w.id AND c.skill_id = t.skill_id
WHERE w.is_present AND w.is_active AND 'worker' = ANY(w.roles) AND (t.is_open OR c.level >= t.least_level)
"""

NOT_PASSED_BACK = """
NOT EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = can_do.worker_id)
"""

# R3, in one place: the order of the queue, as its index has it.
IN_ORDER = "f.expedite DESC, f.due_at, f.received_at, f.id"

FIRST_DOABLE = Statement(f"""
SELECT f.id FROM ({CAN_DO} AND w.id = %(worker)s) can_do CROSS JOIN LATERAL (
    SELECT f.id, f.expedite, f.due_at, f.received_at FROM dispatch_file f
    WHERE f.file_type_id = can_do.file_type_id AND f.state = 'waiting' AND {NOT_PASSED_BACK} ORDER BY {IN_ORDER} LIMIT 1
) f ORDER BY {IN_ORDER} LIMIT 1
""")

HUNGRY_TEAMS = f"""
SELECT DISTINCT can_do.team_id FROM ({CAN_DO}) can_do
JOIN dispatch_queue q ON q.team_id = can_do.team_id
WHERE (%(team)s::bigint IS NULL OR can_do.team_id = %(team)s)
AND EXISTS (SELECT FROM dispatch_slot s WHERE s.bin_id = can_do.worker_id AND s.file_id IS NULL AND s.position <= q.bin_size)
AND EXISTS (
    SELECT FROM dispatch_file f
    WHERE f.file_type_id = can_do.file_type_id AND f.state = 'waiting' AND {NOT_PASSED_BACK}
)
"""

EMPTY_SLOTS = """
SELECT s.bin_id, s.id, s.empty_since FROM dispatch_slot s
JOIN skills_worker w ON w.id = s.bin_id
WHERE w.team_id = %s AND w.is_present AND s.file_id IS NULL AND s.position <= %s ORDER BY s.position
"""

ABILITIES = f"""
SELECT worker_id, array_agg(file_type_id) FROM ({CAN_DO} AND w.team_id = %s) can_do GROUP BY worker_id
"""

PASSED_BACK = """
SELECT p.worker_id, f.id, f.file_type_id FROM dispatch_passback p JOIN dispatch_file f ON f.id = p.file_id
WHERE f.state = 'waiting' AND p.worker_id = ANY(%s)
"""

CANDIDATES = f"""
SELECT f.id, f.file_type_id, f.expedite, f.due_at, f.received_at
FROM unnest(%s::bigint[], %s::int[]) AS wanted(file_type_id, number) CROSS JOIN LATERAL (
    SELECT * FROM dispatch_file f WHERE f.file_type_id = wanted.file_type_id AND f.state = 'waiting'
    ORDER BY {IN_ORDER} LIMIT wanted.number
) f
"""


def first_doable(worker_id: int) -> int | None:
    """The first waiting file that this person can do. With one empty slot the optimal matching is just this (tested against
    it). The caller holds the queue."""
    found = FIRST_DOABLE.rows(worker=worker_id)
    return found[0][0] if found else None


def fill_slot(slot_id: int, *, worker_id: int, cause: str, now: datetime) -> bool:
    """The first file this person can do, into this empty slot. False when nothing waits for them. The caller holds the queue."""
    following = first_doable(worker_id)
    if following is not None:
        moves.fill([(slot_id, following)], cause=cause, now=now)
    return following is not None


def refill(team_id: int, *, cause: str = "sweep", now: datetime | None = None) -> int:
    """Fill as many empty slots of the team as can be filled, best order first (R6); the number filled.

    Idempotent, and nearly free when there is nothing to do: no lock is taken then, and no board is drawn again. This is
    also the RQ job; a job has no caller to bring the time, so `now` may be left out.
    """
    if not hungry_teams(team_id):
        return 0
    with transaction.atomic():
        terms = moves.take(team_id)
        return fill_team(team_id, terms=terms, cause=cause, now=now or timezone.now())


def fill_team(team_id: int, *, terms: moves.Terms, cause: str, now: datetime) -> int:
    """As `refill`, within a transaction that holds the queue already."""
    hands, type_of = _hands(team_id, bin_size=terms.bin_size)
    fills = match(hands, _candidates(hands, type_of))
    if fills:
        moves.fill([(fill.slot, fill.file) for fill in fills], cause=cause, now=now)
    return len(fills)


def hungry_teams(team_id: int | None = None) -> list[int]:
    """Teams with an empty slot of a present person for whom something waits; of one team, or of all."""
    return [row[0] for row in moves.rows(HUNGRY_TEAMS, {"team": team_id})]


def _hands(team_id: int, *, bin_size: int) -> tuple[list[Hand], dict[int, int]]:
    """Everybody with an empty slot and something they can do; and the type of each waiting file that one of them passed back."""
    empty: defaultdict[int, list[EmptySlot]] = defaultdict(list)
    for worker_id, slot_id, since in moves.rows(EMPTY_SLOTS, [team_id, bin_size]):
        empty[worker_id].append(EmptySlot(since=since, slot=slot_id))
    passed_back: defaultdict[int, set[int]] = defaultdict(set)
    type_of: dict[int, int] = {}
    for worker_id, file_id, file_type_id in moves.rows(PASSED_BACK, [list(empty)]):
        passed_back[worker_id].add(file_id)
        type_of[file_id] = file_type_id
    abilities = moves.rows(ABILITIES, [team_id])
    hands = [
        Hand(
            worker,
            tuple(empty[worker]),
            can_do=frozenset(types),
            passed_back=frozenset(passed_back[worker]),
        )
        for worker, types in abilities
        if worker in empty
    ]
    return hands, type_of


def _candidates(hands: list[Hand], type_of: dict[int, int]) -> list[Candidate]:
    """The first waiting files of each type, just as many as the best answer can depend on."""
    wanted = enough_candidates(hands, type_of)
    found = moves.rows(CANDIDATES, [list(wanted), list(wanted.values())])
    return [
        Candidate(file, file_type, order=(not expedite, due_at, received_at, file))
        for file, file_type, expedite, due_at, received_at in found
    ]
