"""The statements that move files between queue, slots and done, each with its tally and its event in the same breath.

Raw SQL, because every act of every person ends here and the cost is round trips and planning: the ORM needs seven
statements for what is one prepared statement here (`make bench`, done and refill). Callers hold the team's queue (`take`).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from dispatch.acts import Overtaken
from dispatch.models import QueueMissing
from dispatch.prepared import Statement
from dispatch.receipts import Receipt
from dispatch.spread import FADED

LATE = 2000  # milliseconds that a slot may stay empty while work for it waits
MOST = 600_000  # milliseconds that one refill counts: the sweep comes every few seconds, and what takes longer was not running


class MovedMeanwhile(RuntimeError):
    """A file or slot was not where the lock says it must be; the transaction is undone."""


class Terms(NamedTuple):
    """The rules of a queue that moving needs."""

    team_id: int
    bin_size: int
    expedite_limit: int
    last_minutes: int


class Held(NamedTuple):
    """A filled slot, as found under the lock."""

    slot_id: int
    position: int
    in_hand: bool
    filled_at: datetime
    file_id: int
    file_type_id: int
    reference: str
    team_id: int
    checklist: Sequence[int]
    has_help_call: bool


TAKE_QUEUE = Statement("""
UPDATE dispatch_queue SET version = version + 1 WHERE team_id = %(team)s
RETURNING team_id, bin_size, expedite_limit, last_minutes
""")

# Whoever acts on a bin concerns the person's home, the team they are lent to, and the teams of the files in the bin: nearly always
# all the same. Where they differ, their queues are locked in order.
TAKE_BIN = Statement("""
WITH who AS (SELECT team_id, works_in_id FROM skills_worker WHERE id = %(worker)s),
concerned AS (
    SELECT q.team_id FROM dispatch_queue q WHERE q.team_id IN (
        SELECT team_id FROM who UNION SELECT works_in_id FROM who UNION
        SELECT f.team_id FROM dispatch_slot s JOIN dispatch_file f ON f.id = s.file_id WHERE s.bin_id = %(worker)s
    ) ORDER BY q.team_id FOR UPDATE
)
UPDATE dispatch_queue q SET version = version + 1 FROM concerned WHERE q.team_id = concerned.team_id
RETURNING q.team_id, bin_size, expedite_limit, last_minutes, (SELECT works_in_id FROM who)
""")

# An act on a file concerns its team, and the team in which whoever holds it works.
TAKE_FILE = """
WITH concerned AS (
    SELECT q.team_id FROM dispatch_queue q WHERE q.team_id IN (
        SELECT team_id FROM dispatch_file WHERE id = %(file)s UNION
        SELECT w.works_in_id FROM dispatch_slot s JOIN skills_worker w ON w.id = s.bin_id WHERE s.file_id = %(file)s
    ) ORDER BY q.team_id FOR UPDATE
)
UPDATE dispatch_queue q SET version = version + 1 FROM concerned WHERE q.team_id = concerned.team_id
RETURNING q.team_id, bin_size, expedite_limit, last_minutes
"""

TAKE_QUEUES = """
WITH concerned AS (SELECT team_id FROM dispatch_queue WHERE team_id = ANY(%(teams)s) ORDER BY team_id FOR UPDATE)
UPDATE dispatch_queue q SET version = version + 1 FROM concerned WHERE q.team_id = concerned.team_id
"""

# Those of the homes of these people, and of where they work; and which teams these were just then.
TAKE_QUEUES_OF = """
WITH who AS (SELECT team_id, works_in_id FROM skills_worker WHERE id = ANY(%(workers)s)),
concerned AS (
    SELECT q.team_id FROM dispatch_queue q
    WHERE q.team_id IN (SELECT team_id FROM who UNION SELECT works_in_id FROM who) ORDER BY q.team_id FOR UPDATE
), taken AS (
    UPDATE dispatch_queue q SET version = version + 1 FROM concerned WHERE q.team_id = concerned.team_id
)
SELECT team_id FROM who WHERE team_id IS NOT NULL UNION SELECT works_in_id FROM who WHERE works_in_id IS NOT NULL
"""

# A row at least, so that it always says where the person works by now.
HELD = Statement("""
SELECT w.works_in_id, s.id, s.position, s.in_hand, s.filled_at, f.id, f.file_type_id, f.reference, f.team_id,
    ARRAY(SELECT i.id FROM dispatch_checklistitem i WHERE i.file_type_id = f.file_type_id),
    EXISTS (SELECT FROM dispatch_helpcall c WHERE c.file_id = f.id AND c.ended_at IS NULL)
FROM skills_worker w LEFT JOIN (dispatch_slot s JOIN dispatch_file f ON f.id = s.file_id) ON s.bin_id = w.id
WHERE w.id = %(worker)s ORDER BY s.filled_at, s.position
""")

START = Statement("""
WITH started AS (
    UPDATE dispatch_slot SET in_hand = TRUE, started_at = %(now)s WHERE id = %(slot)s RETURNING bin_id, position, file_id
)
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, worker_id, position, at)
SELECT %(team)s, file_id, 'started', %(by)s, '', 'in_slot', 'in_slot', bin_id, position, %(now)s FROM started
""")

# One file leaves the slot and the one that follows, if any, takes its place: the slot is written once and never seen empty. The
# bin remembers how much the file weighed (R7), and the skill it needed the day on which it was practised, once a day.
FINISH = Statement(f"""
WITH finished AS (
    UPDATE dispatch_file SET state = 'done', done_at = %(now)s, done_by_id = %(by)s, right_first_time = %(right)s
    WHERE id = %(file)s AND state = 'in_slot' RETURNING id, team_id, due_at, weight, file_type_id
), following AS (
    UPDATE dispatch_file SET state = 'in_slot' WHERE id = %(following)s AND state = 'waiting' RETURNING id, team_id, due_at
), slot AS (
    UPDATE dispatch_slot SET file_id = %(following)s, in_hand = FALSE, started_at = NULL,
        filled_at = CASE WHEN %(following)s IS NOT NULL THEN %(now)s END,
        empty_since = CASE WHEN %(following)s IS NULL THEN %(now)s END
    WHERE id = %(slot)s AND file_id = %(file)s RETURNING bin_id, position
), weighed AS (
    UPDATE dispatch_bin SET lately_files = lately_files * {FADED} + 1, lately_weight = lately_weight * {FADED} + finished.weight
    FROM finished, slot WHERE worker_id = slot.bin_id
), practised AS (
    UPDATE skills_competence c SET practised_on = today.on_day, practised_before_on = c.practised_on
    FROM finished JOIN dispatch_filetype t ON t.id = finished.file_type_id CROSS JOIN slot CROSS JOIN LATERAL (
        SELECT (%(now)s AT TIME ZONE v.zone)::date AS on_day
        FROM dispatch_queue q JOIN dispatch_workcalendar k ON k.id = q.calendar_id
        JOIN dispatch_calendarversion v ON v.id = k.current_id WHERE q.team_id = finished.team_id
    ) today
    WHERE c.worker_id = slot.bin_id AND c.skill_id = t.skill_id AND (c.practised_on IS NULL OR c.practised_on < today.on_day)
), counted AS (
    INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
    SELECT team_id, kind, date_bin('15 minutes', %(now)s, 'epoch'), 1
    FROM finished, LATERAL (
        VALUES ('done', TRUE), ('right', %(right)s), ('hard', weight > 1), ('broken', due_at < %(now)s)
    ) AS tally(kind, counts) WHERE counts
    ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + 1
), discounted AS (
    UPDATE dispatch_tally t SET count = t.count - 1 FROM following f
    WHERE t.team_id = f.team_id AND t.kind = 'waiting' AND t.quarter_at = date_bin('15 minutes', f.due_at, 'epoch')
)
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, worker_id, position, at, receipt)
SELECT team_id, id, 'done', %(by)s, %(cause)s, 'in_slot', 'done', bin_id, position, %(now)s, NULL FROM finished, slot
UNION ALL
SELECT team_id, id, 'filled', NULL, 'done', 'waiting', 'in_slot', bin_id, position, %(now)s, %(receipt)s::jsonb FROM following, slot
""")

RETURN = """
WITH leaving AS (
    SELECT id AS slot_id, bin_id, position, file_id FROM dispatch_slot WHERE id = ANY(%(slots)s) AND file_id IS NOT NULL
), emptied AS (
    UPDATE dispatch_slot s SET file_id = NULL, filled_at = NULL, in_hand = FALSE, started_at = NULL, empty_since = %(now)s
    FROM leaving WHERE s.id = leaving.slot_id
), returned AS (
    UPDATE dispatch_file f SET state = 'waiting', queued_at = %(now)s,
        was_passed_back = f.was_passed_back OR %(kind)s = 'passed_back'
    FROM leaving WHERE f.id = leaving.file_id AND f.state = 'in_slot'
    RETURNING f.id, f.team_id, f.due_at
), counted AS (
    INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
    SELECT team_id, 'waiting', date_bin('15 minutes', due_at, 'epoch'), count(*) FROM returned GROUP BY 1, 3
    ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + EXCLUDED.count
)
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, worker_id, position, at)
SELECT returned.team_id, returned.id, %(kind)s, %(by)s, %(cause)s, 'in_slot', 'waiting', bin_id, position, %(now)s
FROM returned JOIN leaving ON leaving.file_id = returned.id
"""

# What the slot was empty for while the file could have been in it counts in milliseconds: since the file waits, the slot is empty,
# who can do what is as it is, and nobody else had the file kept for them.
FILL = f"""
WITH fill AS (
    SELECT pair.*, least({MOST}, greatest(0, round(1000 * extract(epoch FROM %(now)s - greatest(
        s.empty_since, f.queued_at, q.changed_at, %(held_back_until)s::timestamptz,
        CASE WHEN f.kept_for_id <> s.bin_id THEN f.kept_until END
    )))))::int AS empty
    FROM unnest(%(slots)s::bigint[], %(files)s::bigint[], %(receipts)s::jsonb[]) AS pair(slot_id, file_id, receipt)
    JOIN dispatch_slot s ON s.id = pair.slot_id JOIN dispatch_file f ON f.id = pair.file_id
    JOIN dispatch_queue q ON q.team_id = f.team_id
), moved AS (
    UPDATE dispatch_file f SET state = 'in_slot' FROM fill WHERE f.id = fill.file_id AND f.state = 'waiting'
    RETURNING f.id, f.team_id, f.due_at
), filled AS (
    UPDATE dispatch_slot s SET file_id = fill.file_id, filled_at = %(now)s, empty_since = NULL
    FROM fill WHERE s.id = fill.slot_id AND s.empty_since IS NOT NULL
    RETURNING s.bin_id, s.position, s.file_id,
        fill.receipt || CASE WHEN fill.empty > 0 THEN jsonb_build_object('empty', fill.empty) ELSE '{{}}' END AS receipt
), discounted AS (
    UPDATE dispatch_tally t SET count = t.count - gone.count
    FROM (SELECT team_id, date_bin('15 minutes', due_at, 'epoch') AS quarter_at, count(*) FROM moved GROUP BY 1, 2) gone
    WHERE t.team_id = gone.team_id AND t.kind = 'waiting' AND t.quarter_at = gone.quarter_at
), counted AS (
    INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
    SELECT team_id, kind, date_bin('15 minutes', %(now)s, 'epoch'), sum(number)
    FROM fill JOIN moved ON moved.id = fill.file_id,
        LATERAL (VALUES ('empty', fill.empty), ('late', (fill.empty > {LATE})::int)) AS tally(kind, number)
    WHERE fill.receipt IS NOT NULL AND number > 0 GROUP BY 1, 2
    ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + EXCLUDED.count
)
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, worker_id, position, at, receipt)
SELECT moved.team_id, moved.id, 'filled', NULL, %(cause)s, 'waiting', 'in_slot', filled.bin_id, filled.position, %(now)s,
    filled.receipt
FROM moved JOIN filled ON filled.file_id = moved.id
"""

PLACE = f"""
WITH emptied AS (
    UPDATE dispatch_slot SET file_id = NULL, filled_at = NULL, in_hand = FALSE, started_at = NULL, empty_since = %(now)s
    WHERE file_id = %(file)s RETURNING bin_id, position
), moved AS (
    UPDATE dispatch_file SET state = %(to)s, done_at = NULL, done_by_id = NULL, right_first_time = NULL,
        queued_at = CASE WHEN %(to)s = 'waiting' THEN %(now)s ELSE queued_at END
    FROM (
        SELECT done_at AS was_done_at, done_by_id AS was_done_by, right_first_time AS was_right
        FROM dispatch_file WHERE id = %(file)s
    ) was
    WHERE id = %(file)s AND state = %(from)s RETURNING id, team_id, due_at, weight, was_done_at, was_done_by, was_right
), unweighed AS (
    UPDATE dispatch_bin SET lately_files = greatest(0, lately_files - 1) / {FADED},
        lately_weight = greatest(0, lately_weight - weight) / {FADED}
    FROM moved WHERE worker_id = was_done_by
), fewer AS (
    UPDATE dispatch_tally t SET count = t.count - 1 FROM moved WHERE t.team_id = moved.team_id AND (
        (%(from)s = 'waiting' AND t.kind = 'waiting' AND t.quarter_at = date_bin('15 minutes', due_at, 'epoch'))
        OR (%(from)s = 'done' AND t.quarter_at = date_bin('15 minutes', was_done_at, 'epoch')
            AND (t.kind = 'done' OR (t.kind = 'right' AND was_right) OR (t.kind = 'hard' AND weight > 1)
                OR (t.kind = 'broken' AND due_at < was_done_at)))
    )
), more AS (
    INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
    SELECT team_id, 'waiting', date_bin('15 minutes', due_at, 'epoch'), 1 FROM moved WHERE %(to)s = 'waiting'
    ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + 1
)
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, worker_id, position, at, undoes_id, receipt)
SELECT team_id, id, %(kind)s, %(by)s, %(cause)s, %(from)s, %(to)s,
    (SELECT bin_id FROM emptied), (SELECT position FROM emptied), %(now)s, %(undoes)s, %(left)s::jsonb FROM moved
"""

# Files that somebody finished, with the skill and the day in the zone of the team.
PRACTICE = """
dispatch_file f JOIN dispatch_filetype t ON t.id = f.file_type_id JOIN dispatch_queue q ON q.team_id = f.team_id
JOIN dispatch_workcalendar k ON k.id = q.calendar_id JOIN dispatch_calendarversion v ON v.id = k.current_id
CROSS JOIN LATERAL (SELECT (f.done_at AT TIME ZONE v.zone)::date AS on_day) done
WHERE f.done_by_id = undone.worker_id AND f.state = 'done' AND t.skill_id = undone.skill_id
"""

# A day on which nothing else of that skill was done is no day of practice, and the one before it is the last one again. What was
# the last one before that is looked up: only who takes back two days at once needs it.
UNPRACTISE = f"""
WITH undone AS (
    SELECT e.worker_id, e.at, t.skill_id, (e.at AT TIME ZONE v.zone)::date AS on_day
    FROM dispatch_event e JOIN dispatch_file f ON f.id = e.file_id JOIN dispatch_filetype t ON t.id = f.file_type_id
    JOIN dispatch_queue q ON q.team_id = f.team_id JOIN dispatch_workcalendar k ON k.id = q.calendar_id
    JOIN dispatch_calendarversion v ON v.id = k.current_id WHERE e.id = %(event)s
), still AS (
    SELECT c.id, CASE WHEN c.practised_on > on_day THEN c.practised_on ELSE c.practised_before_on END AS on_day
    FROM skills_competence c JOIN undone USING (worker_id, skill_id) WHERE on_day IN (c.practised_on, c.practised_before_on)
        AND NOT EXISTS (SELECT FROM {PRACTICE} AND f.done_at > undone.at - interval '1 day' AND done.on_day = undone.on_day)
)
UPDATE skills_competence c SET practised_on = still.on_day, practised_before_on = (
    SELECT done.on_day FROM {PRACTICE} AND done.on_day < still.on_day ORDER BY f.done_at DESC LIMIT 1
)
FROM still, undone WHERE c.id = still.id
"""

NOTE = """
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, worker_id, position, at, undoes_id)
SELECT f.team_id, f.id, %(kind)s, %(by)s, %(cause)s, f.state, f.state, s.bin_id, s.position, %(now)s, %(undoes)s
FROM dispatch_file f LEFT JOIN dispatch_slot s ON s.file_id = f.id WHERE f.id = %(file)s
"""

LOG = Statement("""
WITH logged AS (
    INSERT INTO dispatch_file (reference, team_id, file_type_id, customer_id, title, state, received_at, logged_at, due_at, weight,
                               expedite, expedite_reason, turn, calendar_version_id, queued_at)
    VALUES (%(reference)s, %(team)s, %(file_type)s, %(customer)s, %(title)s, 'waiting', %(received_at)s, %(now)s, %(due_at)s,
            %(weight)s, %(expedite_reason)s <> '', %(expedite_reason)s,
            CASE WHEN %(expedite_reason)s <> '' THEN 0 ELSE 2 END, %(calendar_version)s, %(now)s)
    ON CONFLICT (reference) DO NOTHING RETURNING id
), counted AS (
    INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
    SELECT %(team)s, kind, date_bin('15 minutes', at, 'epoch'), 1
    FROM logged, (VALUES ('waiting', %(due_at)s::timestamptz), ('logged', %(received_at)s)) AS tally(kind, at)
    ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + 1
)
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, at)
SELECT %(team)s, id, 'logged', %(by)s, '', '', 'waiting', %(now)s FROM logged RETURNING file_id
""")

# The states are written out, so that the index of open expedites is used.
OPEN_EXPEDITES = Statement("""
SELECT count(*) FROM dispatch_file
WHERE team_id = %(team)s AND expedite AND state IN ('waiting', 'in_slot', 'shelved')
""")


def rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _count(sql: str, parameters: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount


def _insist(moved: int, *, wanted: int) -> None:
    if moved != wanted:
        raise MovedMeanwhile(f"{moved} of {wanted} files could be moved; nothing was changed.")


def take(team_id: int) -> Terms:
    """Lock the team's queue until the transaction ends and raise its version. First statement of every act.

    Raises QueueMissing for a team without a queue.
    """
    found = TAKE_QUEUE.rows(team=team_id)
    if not found:
        raise QueueMissing(team_id)
    return Terms(*found[0])


def take_file(file_id: int, *, team_id: int) -> Terms:
    """As `take`, for an act on a file that may be in the slot of somebody who is lent. Raises QueueMissing."""
    taken = {terms.team_id: terms for terms in (Terms(*row) for row in rows(TAKE_FILE, {"file": file_id}))}
    if team_id not in taken:
        raise QueueMissing(team_id)
    return taken[team_id]


def take_queues(team_ids: Collection[int]) -> None:
    """As `take`, of several teams, in the order of teams; a team without a queue is passed over."""
    _count(TAKE_QUEUES, {"teams": list(team_ids)})


def take_queues_of(worker_ids: Collection[int]) -> set[int]:
    """As `take_queues`, of the teams of these people; which they were is read before the locks are there."""
    return {team_id for (team_id,) in rows(TAKE_QUEUES_OF, {"workers": list(worker_ids)})}


def take_bin(worker_id: int, *, home: int) -> tuple[Terms, list[Held]]:
    """As `take`, for an act on somebody's bin: the rules of the team they work in, and the filled slots, oldest first, which is the
    order in which they are to be worked (R10). A front office has no queue, and nothing comes from there.

    Raises QueueMissing for a home without a queue.
    """
    taken = {row[0]: row for row in TAKE_BIN.rows(worker=worker_id)}
    if home not in taken:
        raise QueueMissing(home)
    works_in = taken[home][-1]
    found = HELD.rows(worker=worker_id)
    held = [Held(*row[1:]) for row in found if row[1]]
    if found[0][0] != works_in or any(each.team_id not in taken for each in held):
        raise Overtaken
    _team, *rules, _works_in = taken.get(works_in, taken[home])
    terms = Terms(works_in, *rules)
    return (terms if works_in in taken else terms._replace(last_minutes=0)), held


def held_by(worker_id: int) -> list[Held]:
    """The filled slots of a bin, oldest first, for whoever holds its queues already."""
    return [Held(*row[1:]) for row in HELD.rows(worker=worker_id) if row[1]]


def start(held: Held, *, by_id: int, now: datetime) -> None:
    _insist(START.count(slot=held.slot_id, team=held.team_id, by=by_id, now=now), wanted=1)


def finish(
    held: Held,
    *,
    following: int | None = None,
    receipt: Receipt | None = None,
    by_id: int,
    right: bool,
    cause: str = "",
    now: datetime,
) -> None:
    """Slot to done, and the following file, if there is one, from the queue into the slot, with its receipt."""
    moved = FINISH.count(
        slot=held.slot_id,
        file=held.file_id,
        following=following,
        receipt=receipt.as_json() if receipt else None,
        by=by_id,
        right=right,
        cause=cause,
        now=now,
    )
    _insist(moved, wanted=1 if following is None else 2)


def lay_down(slot_id: int) -> None:
    """No longer in hand, still in its slot."""
    _insist(
        _count("UPDATE dispatch_slot SET in_hand = FALSE, started_at = NULL WHERE id = %(slot)s", {"slot": slot_id}),
        wanted=1,
    )


def give_back(held: Sequence[Held], *, kind: str, by_id: int | None, cause: str, now: datetime) -> None:
    """Slots to the queue, where receipt and promise keep their place in the order."""
    slots = [each.slot_id for each in held]
    moved = _count(RETURN, {"slots": slots, "kind": kind, "by": by_id, "cause": cause, "now": now})
    _insist(moved, wanted=len(slots))


def place(
    file_id: int,
    from_state: str,
    to_state: str,
    *,
    kind: str,
    by_id: int | None,
    cause: str = "",
    now: datetime,
    undoes: int | None = None,
    left: Mapping[str, Any] | None = None,
) -> None:
    """One file from any state to another but `in_slot`, out of its slot when it is in one; what done recorded is taken back. `left`
    is what an undo has to know of the place it left."""
    told = {"kind": kind, "by": by_id, "cause": cause, "now": now, "undoes": undoes}
    told["left"] = json.dumps(left) if left else None
    _insist(_count(PLACE, {"file": file_id, "from": from_state, "to": to_state, **told}), wanted=1)


def unpractise(event_id: int) -> None:
    """After the file of this event, which finished it, is done no more."""
    _count(UNPRACTISE, {"event": event_id})


def note(
    file_id: int, *, kind: str, by_id: int | None, cause: str = "", now: datetime, undoes: int | None = None
) -> None:
    """An act on a file that stays where it is."""
    told = {"kind": kind, "by": by_id, "cause": cause, "now": now, "undoes": undoes}
    _insist(_count(NOTE, {"file": file_id, **told}), wanted=1)


def fill(
    pairs: Sequence[tuple[int, int]],
    *,
    receipts: Sequence[Receipt] = (),
    cause: str,
    held_back_until: datetime | None = None,
    now: datetime,
) -> None:
    """Queue to slots: pairs of slot and file ids, with a receipt each where the refill chose them. The rules left the slots empty
    until `held_back_until`."""
    told = {
        "slots": [slot for slot, _ in pairs],
        "files": [file for _, file in pairs],
        "receipts": [receipt.as_json() for receipt in receipts],
        "cause": cause,
        "held_back_until": held_back_until,
        "now": now,
    }
    _insist(_count(FILL, told), wanted=len(pairs))


def log(**parameters: object) -> int | None:
    """A new file into the queue; its id, or None when the reference is taken already."""
    found = LOG.rows(**parameters)
    return found[0][0] if found else None


def open_expedites(team_id: int) -> int:
    return int(OPEN_EXPEDITES.rows(team=team_id)[0][0])
