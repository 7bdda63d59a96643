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
from dispatch.models import Queue
from dispatch.prepared import Statement

# R4, in one place: who can do which type right now. No bin, not present, not in the team, no skill row: no row here.
# And R16: when the shift ends in so many minutes (else NULL), only what usually takes no longer.
CAN_DO = """
SELECT w.id AS worker_id, w.team_id, t.id AS file_type_id
FROM skills_worker w
JOIN dispatch_bin b ON b.worker_id = w.id
JOIN dispatch_filetype t ON t.team_id = w.team_id
LEFT JOIN skills_competence c ON c.worker_id = w.id AND c.skill_id = t.skill_id
WHERE w.is_present AND w.is_active AND 'worker' = ANY(w.roles) AND (t.is_open OR c.level >= t.least_level)
AND (%(minutes)s::int IS NULL OR t.usual_minutes <= %(minutes)s)
"""

# R13 and R14: a file just woken is kept for whoever knows it, and what somebody passed back never comes to them again.
MAY_COME = """
(f.kept_for_id IS NULL OR f.kept_for_id = can_do.worker_id OR f.kept_until <= %(now)s)
AND NOT EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = can_do.worker_id)
"""

# R3, in one place: the order of the queue, as its index has it.
IN_ORDER = "f.turn, f.due_at, f.received_at, f.id"

# With order and LIMIT inside, this is one look-up in the index. Asked for with EXISTS, PostgreSQL may read the whole queue.
FIRST_OF_TYPE = f"""
(
    SELECT f.id, f.turn, f.due_at, f.received_at FROM dispatch_file f
    WHERE f.file_type_id = can_do.file_type_id AND f.state = 'waiting' AND {MAY_COME} ORDER BY {IN_ORDER} LIMIT 1
)
"""

FIRST_DOABLE = Statement(f"""
SELECT f.id FROM ({CAN_DO} AND w.id = %(worker)s) can_do CROSS JOIN LATERAL {FIRST_OF_TYPE} f ORDER BY {IN_ORDER} LIMIT 1
""")

HUNGRY_TEAMS = f"""
SELECT DISTINCT can_do.team_id FROM ({CAN_DO}) can_do
JOIN dispatch_queue q ON q.team_id = can_do.team_id
CROSS JOIN LATERAL {FIRST_OF_TYPE} f
WHERE (%(team)s::bigint IS NULL OR can_do.team_id = %(team)s)
AND EXISTS (SELECT FROM dispatch_slot s WHERE s.bin_id = can_do.worker_id AND s.file_id IS NULL AND s.position <= q.bin_size)
"""

EMPTY_SLOTS = """
SELECT s.bin_id, s.id, s.empty_since FROM dispatch_slot s
JOIN skills_worker w ON w.id = s.bin_id
WHERE w.team_id = %(team)s AND w.is_present AND s.file_id IS NULL AND s.position <= %(size)s ORDER BY s.position
"""

ABILITIES = f"""
SELECT worker_id, array_agg(file_type_id) FROM ({CAN_DO} AND w.team_id = %(team)s) can_do GROUP BY worker_id
"""

WITHHELD = """
SELECT p.worker_id, f.id, f.file_type_id FROM dispatch_passback p JOIN dispatch_file f ON f.id = p.file_id
WHERE f.state = 'waiting' AND p.worker_id = ANY(%(workers)s)
UNION
SELECT w.id, f.id, f.file_type_id FROM dispatch_file f, unnest(%(workers)s::bigint[]) AS w(id)
WHERE f.state = 'waiting' AND f.team_id = %(team)s AND f.kept_for_id IS NOT NULL AND f.kept_for_id <> w.id
    AND f.kept_until > %(now)s
"""

CANDIDATES = f"""
SELECT f.id, f.file_type_id, f.turn, f.due_at, f.received_at
FROM unnest(%s::bigint[], %s::int[]) AS wanted(file_type_id, number) CROSS JOIN LATERAL (
    SELECT * FROM dispatch_file f WHERE f.file_type_id = wanted.file_type_id AND f.state = 'waiting'
    ORDER BY {IN_ORDER} LIMIT wanted.number
) f
"""


def first_doable(worker_id: int, *, terms: moves.Terms, now: datetime) -> int | None:
    """The first waiting file that this person can do. With one empty slot the optimal matching is just this (tested against
    it). The caller holds the queue."""
    found = FIRST_DOABLE.rows(worker=worker_id, minutes=_minutes_left(terms, now=now), now=now)
    return found[0][0] if found else None


def fill_slot(slot_id: int, *, worker_id: int, terms: moves.Terms, cause: str, now: datetime) -> bool:
    """The first file this person can do, into this empty slot. False when nothing waits for them. The caller holds the queue."""
    following = first_doable(worker_id, terms=terms, now=now)
    if following is not None:
        moves.fill([(slot_id, following)], cause=cause, now=now)
    return following is not None


def refill(team_id: int, *, cause: str = "sweep", now: datetime | None = None) -> int:
    """Fill as many empty slots of the team as can be filled, best order first (R6); the number filled.

    Idempotent, and nearly free when there is nothing to do: no lock is taken then, and no board is drawn again. This is
    also the RQ job; a job has no caller to bring the time, so `now` may be left out.
    """
    now = now or timezone.now()
    if not hungry_teams(team_id, now=now):
        return 0
    with transaction.atomic():
        terms = moves.take(team_id)
        return fill_team(terms, cause=cause, now=now)


def fill_team(terms: moves.Terms, *, cause: str, now: datetime) -> int:
    """As `refill`, within a transaction that holds the queue already."""
    hands, type_of = _hands(terms, now=now)
    fills = match(hands, _candidates(hands, type_of))
    if fills:
        moves.fill([(fill.slot, fill.file) for fill in fills], cause=cause, now=now)
    return len(fills)


def hungry_teams(team_id: int | None = None, *, now: datetime) -> list[int]:
    """Teams with an empty slot of a present person for whom something waits; of one team, or of all."""
    return [row[0] for row in moves.rows(HUNGRY_TEAMS, {"team": team_id, "minutes": None, "now": now})]


def _hands(terms: moves.Terms, *, now: datetime) -> tuple[list[Hand], dict[int, int]]:
    """Everybody with an empty slot and something they can do; and the type of each waiting file withheld from one of them."""
    asked = {"team": terms.team_id, "size": terms.bin_size, "minutes": _minutes_left(terms, now=now), "now": now}
    empty: defaultdict[int, list[EmptySlot]] = defaultdict(list)
    for worker_id, slot_id, since in moves.rows(EMPTY_SLOTS, asked):
        empty[worker_id].append(EmptySlot(since=since, slot=slot_id))
    withheld: defaultdict[int, set[int]] = defaultdict(set)
    type_of: dict[int, int] = {}
    for worker_id, file_id, file_type_id in moves.rows(WITHHELD, asked | {"workers": list(empty)}):
        withheld[worker_id].add(file_id)
        type_of[file_id] = file_type_id
    hands = [
        Hand(worker, tuple(empty[worker]), can_do=frozenset(types), passed_back=frozenset(withheld[worker]))
        for worker, types in moves.rows(ABILITIES, asked)
        if worker in empty
    ]
    return hands, type_of


def _candidates(hands: list[Hand], type_of: dict[int, int]) -> list[Candidate]:
    """The first waiting files of each type, just as many as the best answer can depend on."""
    wanted = enough_candidates(hands, type_of)
    found = moves.rows(CANDIDATES, [list(wanted), list(wanted.values())])
    return [
        Candidate(file, file_type, order=(turn, due_at, received_at, file))
        for file, file_type, turn, due_at, received_at in found
    ]


def _minutes_left(terms: moves.Terms, *, now: datetime) -> int | None:
    """Minutes to the end of work, in the last minutes of a shift in which the team lets only come what fits (R16); else None."""
    if not terms.last_minutes:
        return None
    calendar = Queue.objects.select_related("calendar__current").get(team=terms.team_id).calendar.hours()
    today = calendar.local_day(now)
    if not calendar.is_working_day(today):
        return None
    left = int((calendar.end_of_work(today) - now).total_seconds() // 60)
    return left if 0 <= left < terms.last_minutes else None
