"""Improvement time: what there is to do for somebody for whom no file waits. Why none does, in words that are true; who calls for
help that they can give; what they could learn, and from whom; and what keeps coming back in their team.

Asked only when there is nothing to work on, and then five statements at any length of the queue, one more for a leader and one
where the team minds the last minutes of a shift: files are counted by type and to a hundred, as look-ups in the index of the queue.
"""

from dataclasses import dataclass
from datetime import datetime

from dispatch import andon, moves, receipts, rights
from dispatch.models import Queue
from dispatch.refill import FITS, IN_ORDER, IS_ABLE, MAY_COME, WORKS, minutes_left
from skills.models import Level, Team, Worker, short_name

COUNTED = 100
SHOWN = 5  # of each: a screen of things to do is none

# Each type of the team, as it is for this person: whether they can do it, what waits of it, whether one of those may come to them,
# and who is here and can teach it.
KINDS = f"""
WITH can_do AS (
    SELECT w.id AS worker_id, t.id AS file_type_id, t.name, t.skill_id, t.least_level, c.level, {IS_ABLE} AS is_able, {FITS} AS fits
    {WORKS} AND w.id = %(worker)s
)
SELECT can_do.name, coalesce(k.name, ''), least_level, coalesce(level, 0), is_able, fits, waiting.number,
    is_able AND fits AND (
        SELECT f.id FROM dispatch_file f
        WHERE f.file_type_id = can_do.file_type_id AND f.state = 'waiting' AND {MAY_COME} ORDER BY {IN_ORDER} LIMIT 1
    ) IS NOT NULL,
    ARRAY(
        SELECT p.name FROM skills_worker p JOIN skills_competence o ON o.worker_id = p.id
        WHERE NOT is_able AND o.skill_id = can_do.skill_id AND o.level = %(teaches)s AND p.is_active AND p.is_present
        ORDER BY p.name
    )
FROM can_do LEFT JOIN skills_skill k ON k.id = can_do.skill_id CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM dispatch_file f WHERE f.file_type_id = can_do.file_type_id AND f.state = 'waiting'
        ORDER BY {IN_ORDER} LIMIT %(most)s
    ) f
) waiting ORDER BY waiting.number DESC, can_do.name
"""


@dataclass(frozen=True)
class Kind:
    """A type of file that waits or could be learned. `number` counts to a hundred; then there `is_more`.

    `needs` is "Marine, U"; `has` is one's own level, "L", empty for none. `teachers` are here and can teach it.
    """

    name: str
    needs: str
    has: str
    number: int
    is_more: bool
    teachers: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """Somebody's help call that nobody has answered yet. `who` is empty for a file that was passed back twice."""

    reference: str
    who: str
    reason: str


@dataclass(frozen=True)
class Improvement:
    """Why nothing is to be done, and what is instead."""

    is_coming: bool  # a file that this person can do waits, and comes at the next refill
    other_skills: tuple[Kind, ...]  # of which files wait that this person cannot do
    withheld: tuple[Kind, ...]  # of which they can, but passed back what waits, or it is kept for somebody who knows it
    too_long: tuple[Kind, ...]  # of which one takes longer than is left of today
    to_learn: tuple[Kind, ...]  # which they cannot do yet
    calls: tuple[Call, ...]
    causes: tuple[tuple[str, int], ...]  # of help calls, and how often lately


def improvement(worker: Worker, team: Team, *, now: datetime) -> Improvement:
    """For a worker of this team, which has a central queue. Raises Queue.DoesNotExist otherwise."""
    queue = Queue.objects.select_related("calendar__current").get(team=team)
    found = _kinds(worker, queue, now=now)
    waiting = [each for each in found if each.kind.number]
    return Improvement(
        is_coming=any(each.may_come for each in found),
        other_skills=tuple(each.kind for each in waiting if not each.is_able),
        withheld=tuple(each.kind for each in waiting if each.is_able and each.fits and not each.may_come),
        too_long=tuple(each.kind for each in waiting if each.is_able and not each.fits),
        to_learn=tuple(each.kind for each in found if not each.is_able and each.kind.needs)[:SHOWN],
        calls=_calls(worker, team),
        causes=tuple(andon.recurring_causes(queue, now=now).items())[:SHOWN],
    )


@dataclass(frozen=True)
class _Found:
    kind: Kind
    is_able: bool
    fits: bool
    may_come: bool


def _kinds(worker: Worker, queue: Queue, *, now: datetime) -> list[_Found]:
    terms = moves.Terms(queue.team_id, queue.bin_size, queue.expedite_limit, queue.last_minutes)
    asked = {"worker": worker.pk, "now": now, "minutes": minutes_left(terms, now=now)}
    rows = moves.rows(KINDS, asked | {"teaches": Level.O, "most": COUNTED + 1})
    return [
        _Found(
            Kind(
                name=name,
                needs=receipts.need(skill, least_level) if skill else "",
                has=Level(level).name if level else "",
                number=min(number, COUNTED),
                is_more=number > COUNTED,
                teachers=tuple(map(short_name, teachers)),
            ),
            is_able,
            fits,
            may_come,
        )
        for name, skill, least_level, level, is_able, fits, number, may_come, teachers in rows
    ]


def _calls(worker: Worker, team: Team) -> tuple[Call, ...]:
    wanted = rights.calls_for(worker, team).filter(ended_at=None, answered_at=None)
    return tuple(
        Call(each.file.reference, short_name(each.worker.name) if each.worker else "", each.reason)
        for each in wanted.select_related("file", "worker").order_by("raised_at")[:SHOWN]
    )
