"""From the central queue into empty slots: who may get what is asked here, who gets what is decided in `matching`.

Raw SQL for the look-ups, because each must be an index look-up per file type at any length of the queue (R5) and the ORM
has no LATERAL. No scanning window: what nobody present can do is never read.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from dispatch import moves, receipts
from dispatch.acts import act
from dispatch.matching import Candidate, EmptySlot, Hand, enough_candidates, match
from dispatch.models import Queue, Turn
from dispatch.prepared import Statement
from dispatch.receipts import Obstacle, Passed, Receipt, Skipped, Told
from dispatch.spread import LOOK, Equal, Lot, equals_of_first, evenest, is_uneven, mean_weight

# R4, in one place: whose work is which type. No bin, no worker, not working in the team: no row here; nor, right now, who is not
# present. Who is lent works where they are lent to.
WORKS = """
FROM skills_worker w
JOIN dispatch_bin b ON b.worker_id = w.id
JOIN dispatch_filetype t ON t.team_id = w.works_in_id
LEFT JOIN skills_competence c ON c.worker_id = w.id AND c.skill_id = t.skill_id
WHERE w.is_active AND 'worker' = ANY(w.roles)
"""
HERE = f"{WORKS} AND w.is_present"

# No skill row, or a certificate that has ended: not able. Nor a learner, but beside their teacher.
ABLE_ALONE = """(
    t.is_open OR coalesce(c.level >= t.least_level AND (c.certified_until IS NULL OR c.certified_until > %(now)s), FALSE)
)"""
IN_EFFECT = """
pair.learner_id = w.id AND pair.ended_at IS NULL AND pair.starts_at <= %(now)s AND pair.ends_at > %(now)s
AND teacher.is_present AND teacher.is_active AND teacher.works_in_id = w.works_in_id
"""
TEACHERS = f"""
SELECT pair.teacher_id FROM skills_pairing pair JOIN skills_worker teacher ON teacher.id = pair.teacher_id
WHERE pair.skill_id = t.skill_id AND {IN_EFFECT}
"""
IS_ABLE = f"({ABLE_ALONE} OR EXISTS ({TEACHERS}))"

# Who has to be there for this person to be able; NULL for whoever is able alone.
BESIDE = f"CASE WHEN NOT {ABLE_ALONE} THEN ({TEACHERS} LIMIT 1) END"

# R16: when the shift ends in so many minutes (else NULL), only what usually takes no longer.
FITS = "(%(minutes)s::int IS NULL OR coalesce(t.usual_minutes <= %(minutes)s, FALSE))"

CAN_DO = f"SELECT w.id AS worker_id, t.team_id, t.id AS file_type_id {HERE} AND {IS_ABLE} AND {FITS}"

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

# For one person who is here: every file type of the team, and what stands between them and its files.
MINE = f"""
SELECT w.id AS worker_id, t.id AS file_type_id, t.skill_id, t.least_level,
    CASE WHEN NOT {FITS} THEN 'time' WHEN NOT {IS_ABLE} THEN 'skill' ELSE '' END AS obstacle, {BESIDE} AS beside
{HERE} AND w.id = %(worker)s AND w.works_in_id = %(team)s
"""

# What a receipt says of a file (R19).
FACTS = "f.id, f.reference, f.turn, f.due_at, f.received_at, f.weight, f.expedite_reason, f.kept_for_id"
PLACE = "f.turn, f.due_at, f.received_at, f.id"

# The first file that this person can do, and what comes before it and why it is not for them: the first file of each other type,
# and those of their own types that are withheld from them. A look-up in an index for each, at any length of the queue. The last
# column says whether any file that waits here is a hard one: else there is nothing to spread (R7).
FIRST_DOABLE = Statement(f"""
WITH can_do AS ({MINE})
SELECT {FACTS}, f.obstacle, coalesce(k.name, ''), f.least_level, EXISTS (
    SELECT FROM dispatch_file h WHERE h.team_id = %(team)s AND h.state = 'waiting' AND h.weight > 1
), f.beside FROM (
    SELECT f.*, can_do.obstacle, can_do.skill_id, can_do.least_level, can_do.beside FROM can_do CROSS JOIN LATERAL (
        SELECT {FACTS} FROM dispatch_file f
        WHERE f.file_type_id = can_do.file_type_id AND f.state = 'waiting' AND (can_do.obstacle <> '' OR ({MAY_COME}))
        ORDER BY {IN_ORDER} LIMIT 1
    ) f
    UNION ALL
    SELECT {FACTS}, 'passed_back', NULL, 0, NULL FROM dispatch_file f JOIN can_do USING (file_type_id)
    WHERE f.team_id = %(team)s AND f.state = 'waiting' AND f.was_passed_back AND can_do.obstacle = ''
        AND EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = %(worker)s)
    UNION ALL
    SELECT {FACTS}, 'kept', NULL, 0, NULL FROM dispatch_file f JOIN can_do USING (file_type_id)
    WHERE f.team_id = %(team)s AND f.state = 'waiting' AND f.kept_for_id IS NOT NULL AND f.kept_for_id <> %(worker)s
        AND f.kept_until > %(now)s AND can_do.obstacle = ''
        AND NOT EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = %(worker)s)
) f LEFT JOIN skills_skill k ON k.id = f.skill_id ORDER BY {IN_ORDER}
""")

# The next ones after it that this person can do, as many as may be its equals.
NEXT_DOABLE = Statement(f"""
WITH can_do AS ({MINE})
SELECT {FACTS}, '', '', 0, TRUE, can_do.beside FROM can_do CROSS JOIN LATERAL (
    SELECT {FACTS} FROM dispatch_file f
    WHERE f.file_type_id = can_do.file_type_id AND f.state = 'waiting' AND {MAY_COME} ORDER BY {IN_ORDER} LIMIT {LOOK}
) f WHERE can_do.obstacle = '' ORDER BY {IN_ORDER} LIMIT {LOOK}
""")

# What everybody who is here got lately (R7): the files they finished last and those they hold.
LOTS = Statement("""
SELECT b.worker_id, b.lately_files + count(f.id), b.lately_weight + coalesce(sum(f.weight), 0)
FROM dispatch_bin b JOIN skills_worker w ON w.id = b.worker_id
LEFT JOIN dispatch_slot s ON s.bin_id = b.worker_id LEFT JOIN dispatch_file f ON f.id = s.file_id
WHERE w.works_in_id = %(team)s AND w.is_present AND w.is_active GROUP BY b.worker_id
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
WHERE w.works_in_id = %(team)s AND w.is_present AND s.file_id IS NULL AND s.position <= %(size)s ORDER BY s.position
"""

ABILITIES = f"""
SELECT w.id, t.id, {BESIDE} {HERE} AND {IS_ABLE} AND {FITS} AND w.works_in_id = %(team)s
"""

WITHHELD = f"""
SELECT p.worker_id, f.file_type_id, {PLACE}, f.reference, 'passed_back', NULL
FROM dispatch_file f JOIN dispatch_passback p ON p.file_id = f.id
WHERE f.state = 'waiting' AND f.team_id = %(team)s AND f.was_passed_back AND p.worker_id = ANY(%(workers)s)
UNION ALL
SELECT w.id, f.file_type_id, {PLACE}, f.reference, 'kept', f.kept_for_id
FROM dispatch_file f, unnest(%(workers)s::bigint[]) AS w(id)
WHERE f.state = 'waiting' AND f.team_id = %(team)s AND f.kept_for_id IS NOT NULL AND f.kept_for_id <> w.id
    AND f.kept_until > %(now)s AND NOT EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = w.id)
"""

CANDIDATES = f"""
SELECT f.file_type_id, {PLACE}, f.weight, f.reference, f.expedite_reason, f.kept_for_id
FROM unnest(%s::bigint[], %s::int[]) AS wanted(file_type_id, number) CROSS JOIN LATERAL (
    SELECT * FROM dispatch_file f WHERE f.file_type_id = wanted.file_type_id AND f.state = 'waiting'
    ORDER BY {IN_ORDER} LIMIT wanted.number
) f
"""

# The first file of each type of the team, whoever can do it.
HEADS = f"""
SELECT t.id, {PLACE}, f.reference, CASE WHEN {FITS} THEN 'skill' ELSE 'time' END, coalesce(k.name, ''), t.least_level
FROM dispatch_filetype t LEFT JOIN skills_skill k ON k.id = t.skill_id CROSS JOIN LATERAL (
    SELECT * FROM dispatch_file f WHERE f.file_type_id = t.id AND f.state = 'waiting' ORDER BY {IN_ORDER} LIMIT 1
) f WHERE t.team_id = %(team)s
"""


class Following(NamedTuple):
    """The file that comes into a slot, and the receipt for it."""

    file: int
    receipt: Receipt


def first_doable(worker_id: int, *, terms: moves.Terms, now: datetime) -> Following | None:
    """The first waiting file that this person can do. With one empty slot the optimal matching is just this (tested against
    it). The caller holds the queue."""
    asked = {"worker": worker_id, "team": terms.team_id, "minutes": minutes_left(terms, now=now), "now": now}
    found = [Found(*row) for row in FIRST_DOABLE.rows(**asked)]
    first = next((each for each in found if not each.obstacle), None)
    if first is None:
        return None
    mine: Found = first
    passed: list[Found] = []
    if first.has_hard and first.turn == Turn.ORDINARY:
        mine, passed = _evenest(first, asked)
    passed += [each for each in found if each.obstacle or each is first]
    before = sorted((each for each in passed if each.order < mine.order), key=lambda each: each.order)
    skipped = [each.as_skipped() for each in before]
    is_kept = mine.kept_for == worker_id
    receipt = receipts.write(turn=mine.turn, reason=mine.reason, is_kept=is_kept, skipped=skipped, beside=mine.beside)
    return Following(mine.file, receipt)


class Found(NamedTuple):
    """A row of FIRST_DOABLE: what this person can do or, with an obstacle, what comes before it."""

    file: int
    reference: str
    turn: int
    due_at: datetime
    received_at: datetime
    weight: int
    reason: str
    kept_for: int | None
    obstacle: str
    skill: str
    level: int
    has_hard: bool
    beside: int | None

    @property
    def order(self) -> tuple[int, datetime, datetime, int]:
        return self.turn, self.due_at, self.received_at, self.file

    def as_skipped(self) -> Skipped:
        obstacle = self.obstacle or Obstacle.SPREAD
        if obstacle == Obstacle.SKILL:
            return Skipped(self.reference, obstacle, skill=self.skill, level=self.level)
        return Skipped(self.reference, obstacle, worker=self.kept_for if obstacle == Obstacle.KEPT else None)


def _evenest(first: Found, asked: dict[str, Any]) -> tuple[Found, list[Found]]:
    """Of the first file and its equals, the one for this person (R7), and those that were passed for it. The equals are looked up
    only when the first would take the person further from an even lot."""
    lots = _lots(asked["team"])
    even = mean_weight(lots.values())
    excess = lots.get(asked["worker"], Lot()).excess(even)
    if not is_uneven(first.weight, excess=excess, even=even):
        return first, []
    doable = [Found(*row) for row in NEXT_DOABLE.rows(**asked)]
    equals = equals_of_first(_equal(each.turn, each.due_at, each.received_at, each.weight) for each in doable)
    mine = doable[evenest(equals, excess=excess, even=even)]
    return mine, [each for each in doable if each.file != first.file]


def _equal(turn: int, due_at: datetime, received_at: datetime, weight: int) -> Equal | None:
    return Equal(due_at, received_at, weight) if turn == Turn.ORDINARY else None


def _lots(team_id: int) -> dict[int, Lot]:
    """Of everybody who is here, by person."""
    return {worker: Lot(files, weight) for worker, files, weight in LOTS.rows(team=team_id)}


def fill_slot(slot_id: int, *, worker_id: int, terms: moves.Terms, cause: str, now: datetime) -> bool:
    """The first file this person can do, into this empty slot. False when nothing waits for them. The caller holds the queue."""
    following = first_doable(worker_id, terms=terms, now=now)
    if following is not None:
        moves.fill([(slot_id, following.file)], receipts=[following.receipt], cause=cause, now=now)
    return following is not None


def refill(team_id: int, *, cause: str = "sweep", now: datetime | None = None) -> int:
    """Fill as many empty slots of the team as can be filled, best order first (R6); the number filled.

    Idempotent, and nearly free when there is nothing to do: no lock is taken then, and no board is drawn again. This is
    also the RQ job; a job has no caller to bring the time, so `now` may be left out.
    """
    now = now or timezone.now()
    return _refill_hungry(team_id, cause=cause, now=now) if hungry_teams(team_id, now=now) else 0


@act
def _refill_hungry(team_id: int, *, cause: str, now: datetime) -> int:
    return fill_team(moves.take(team_id), cause=cause, now=now)


def fill_team(terms: moves.Terms, *, cause: str, now: datetime) -> int:
    """As `refill`, within a transaction that holds the queue already."""
    lots = _lots(terms.team_id)
    even = mean_weight(lots.values())
    hands, withheld, beside = _hands(terms, excess={worker: lot.excess(even) for worker, lot in lots.items()}, now=now)
    candidates = _candidates(hands, {each.order[-1]: each.file_type for of in withheld.values() for each in of})
    fills = match(hands, [candidate for candidate, _ in candidates.values()], even=even)
    if fills:
        written = receipts.of_fills(fills, hands, candidates, withheld, _heads(terms, now=now), beside)
        pairs = [(fill.slot, fill.file) for fill in fills]
        moves.fill(pairs, receipts=written, cause=cause, held_back_until=_held_back_until(terms, now=now), now=now)
    return len(fills)


def hungry_teams(team_id: int | None = None, *, now: datetime) -> list[int]:
    """Teams with an empty slot of a present person for whom something waits; of one team, or of all."""
    return [row[0] for row in moves.rows(HUNGRY_TEAMS, {"team": team_id, "minutes": None, "now": now})]


def _hands(
    terms: moves.Terms, *, excess: dict[int, float], now: datetime
) -> tuple[list[Hand], dict[int, list[Passed]], dict[tuple[int, int], int]]:
    """Everybody with an empty slot and something they can do; the waiting files withheld from each of them; and by person and type
    who has to be beside them for it."""
    asked = {"team": terms.team_id, "size": terms.bin_size, "minutes": minutes_left(terms, now=now), "now": now}
    empty: defaultdict[int, list[EmptySlot]] = defaultdict(list)
    for worker_id, slot_id, since in moves.rows(EMPTY_SLOTS, asked):
        empty[worker_id].append(EmptySlot(since=since, slot=slot_id))
    withheld: defaultdict[int, list[Passed]] = defaultdict(list)
    for worker_id, file_type, *order, reference, obstacle, kept_for in moves.rows(
        WITHHELD, asked | {"workers": list(empty)}
    ):
        withheld[worker_id].append(Passed(file_type, tuple(order), Skipped(reference, obstacle, worker=kept_for)))
    abilities: defaultdict[int, set[int]] = defaultdict(set)
    beside = {}
    for worker, file_type, teacher in moves.rows(ABILITIES, asked):
        abilities[worker].add(file_type)
        if teacher:
            beside[worker, file_type] = teacher
    hands = [
        Hand(
            worker,
            tuple(empty[worker]),
            can_do=frozenset(types),
            passed_back=frozenset(each.order[-1] for each in withheld[worker]),
            excess=excess.get(worker, 0.0),
        )
        for worker, types in abilities.items()
        if worker in empty
    ]
    return hands, withheld, beside


def _candidates(hands: list[Hand], type_of: dict[int, int]) -> dict[int, tuple[Candidate, Told]]:
    """The first waiting files of each type, just as many as the best answer can depend on."""
    wanted = enough_candidates(hands, type_of)
    found = {}
    for file_type, turn, due_at, received_at, file, weight, reference, reason, kept_for in moves.rows(
        CANDIDATES, [list(wanted), list(wanted.values())]
    ):
        order = turn, due_at, received_at, file
        equal = _equal(turn, due_at, received_at, weight)
        found[file] = Candidate(file, file_type, order, weight, equal), Told(reference, reason, kept_for)
    return found


def _heads(terms: moves.Terms, *, now: datetime) -> list[Passed]:
    asked = {"team": terms.team_id, "minutes": minutes_left(terms, now=now)}
    return [
        Passed(
            file_type,
            tuple(order),
            Skipped(reference, obstacle, skill=skill, level=level)
            if obstacle == Obstacle.SKILL
            else Skipped(reference, obstacle),
        )
        for file_type, *order, reference, obstacle, skill, level in moves.rows(HEADS, asked)
    ]


def minutes_left(terms: moves.Terms, *, now: datetime) -> int | None:
    """Minutes to the end of work, in the last minutes of a shift in which the team lets only come what fits (R16); else None."""
    ends_at = _end_of_work(terms, now=now)
    if ends_at is None:
        return None
    left = int((ends_at - now).total_seconds() // 60)
    return left if 0 <= left < terms.last_minutes else None


def _held_back_until(terms: moves.Terms, *, now: datetime) -> datetime | None:
    """The end of today's work, once it is past, where the last minutes before it kept slots empty (R16)."""
    ends_at = _end_of_work(terms, now=now)
    return ends_at if ends_at and ends_at <= now else None


def _end_of_work(terms: moves.Terms, *, now: datetime) -> datetime | None:
    """Today's, for a team to which it matters."""
    if not terms.last_minutes:
        return None
    calendar = Queue.objects.select_related("calendar__current").get(team=terms.team_id).calendar.hours()
    today = calendar.local_day(now)
    return calendar.end_of_work(today) if calendar.is_working_day(today) else None
