"""The bins of a team as its board shows them: three slots a person, with ages in working time. One statement for all of them."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch.calendars import Calendar
from dispatch.models import Queue
from dispatch.prepared import Statement
from skills.models import Role, initials, short_name

# Raw and prepared, because it is asked with every change of every board that is open: as models, the ninety slots of thirty people
# with all that hangs on them took 10 ms instead of 2 (`make bench`, boards). The limit of one makes each file a look-up: a plan
# that is kept might else go through the index of all files, which is good only while those in slots are among its first.
SLOTS = Statement("""
SELECT w.id AS worker_id, w.team_id, w.name, w.username, %(role)s::text = ANY(w.roles) AS is_worker, w.is_present, w.away_until,
    (SELECT min(a.starts_at) FROM dispatch_absence a
     WHERE a.worker_id = w.id AND NOT a.has_begun AND a.starts_at > %(now)s::timestamptz
         AND a.starts_at < %(now)s::timestamptz + interval '1 day') AS leaves_at,
    s.position, s.filled_at, s.in_hand, f.reference, f.received_at, f.due_at, f.expedite, t.name AS file_type,
    coalesce(k.name, '') AS needs, t.aged_after,
    (SELECT c.raised_at FROM dispatch_helpcall c WHERE c.file_id = s.file_id AND c.ended_at IS NULL) AS called_at
FROM skills_worker w JOIN dispatch_slot s ON s.bin_id = w.id
    LEFT JOIN LATERAL (SELECT * FROM dispatch_file WHERE id = s.file_id LIMIT 1) f ON TRUE
    LEFT JOIN dispatch_filetype t ON t.id = f.file_type_id LEFT JOIN skills_skill k ON k.id = t.skill_id
WHERE w.team_id = ANY(%(teams)s::bigint[]) AND w.is_active ORDER BY w.name, w.id, s.position
""")


class _Found(NamedTuple):
    """A slot with whose it is, and the file in it; what is of the file is None in an empty slot."""

    worker_id: int
    team_id: int
    name: str
    username: str
    is_worker: bool
    is_present: bool
    away_until: datetime | None
    leaves_at: datetime | None  # within a day
    position: int
    filled_at: datetime | None
    in_hand: bool
    reference: str
    received_at: datetime
    due_at: datetime
    expedite: bool
    file_type: str
    needs: str
    aged_after: int
    called_at: datetime | None


@dataclass(frozen=True)
class SlotView:
    """A slot as the board shows it. Ages are working time of the team's calendar; `reference` is empty for an empty slot."""

    position: int
    reference: str = ""
    file_type: str = ""
    needs: str = ""  # the skill; empty when everybody in the team can do it
    received_at: datetime | None = None
    due_at: datetime | None = None
    expedite: bool = False
    in_hand: bool = False
    age: timedelta = timedelta()
    is_aged: bool = False
    is_ageing: bool = False
    stuck_for: timedelta | None = None  # working time since help was called; None unless the call is open
    is_beyond: bool = False  # the team's bins are smaller by now: this slot goes with its file

    def is_due_on(self, day: date) -> bool:
        return self.due_at is not None and self.due_at.date() == day


@dataclass(frozen=True)
class BinView:
    worker_id: int
    team_id: int
    name: str
    label: str  # the name as short as it can be told from the others'
    initials: str
    is_present: bool
    away_until: datetime | None
    is_back_today: bool  # expected, by `away_until`
    slots: tuple[SlotView, ...]
    clogged_for: timedelta | None
    username: str = ""
    notes: tuple[str, ...] = ()  # what else there is to know, in the language of the reader

    @property
    def is_clogged(self) -> bool:
        return self.clogged_for is not None


def bins(queues: Collection[Queue], *, now: datetime) -> tuple[BinView, ...]:
    """The bins of these teams in order of names. Who is no worker any more is still shown while a file is with them."""
    queue_of = {queue.team_id: queue for queue in queues}
    slots = map(_Found._make, SLOTS.rows(teams=list(queue_of), role=Role.WORKER.value, now=now))
    found = [list(of_bin) for _, of_bin in groupby(slots, key=attrgetter("worker_id"))]
    shown = [slots for slots in found if slots[0].is_worker or any(slot.filled_at for slot in slots)]
    names = Counter(short_name(slots[0].name) for slots in shown)
    hours = {team_id: queue.calendar.hours() for team_id, queue in queue_of.items()}
    return tuple(
        _bin(slots, queue=queue_of[team_id], calendar=hours[team_id], names=names, now=now)
        for slots in shown
        for team_id in [slots[0].team_id]
    )


def _bin(slots: Sequence[_Found], *, queue: Queue, calendar: Calendar, names: Counter[str], now: datetime) -> BinView:
    worker = slots[0]
    zone = ZoneInfo(calendar.zone)
    views = tuple(
        _slot(slot, calendar=calendar, zone=zone, now=now, size=queue.bin_size)
        for slot in slots
        if slot.filled_at or slot.position <= queue.bin_size
    )  # a slot beyond the team's size goes as soon as it is empty
    label = short_name(worker.name)
    away_until = worker.away_until.astimezone(zone) if worker.away_until else None
    return BinView(
        worker_id=worker.worker_id,
        team_id=queue.team_id,
        name=worker.name,
        label=label if names[label] == 1 else worker.name,
        initials=initials(worker.name),
        is_present=worker.is_present,
        away_until=away_until,
        is_back_today=away_until is not None and away_until.date() == calendar.local_day(now),
        slots=views,
        clogged_for=_clogged_for(views, after=timedelta(minutes=queue.clogged_after)),
        username=worker.username,
        notes=tuple(_notes(worker, views, calendar=calendar, now=now)),
    )


def _notes(worker: _Found, views: tuple[SlotView, ...], *, calendar: Calendar, now: datetime) -> Iterator[str]:
    """What to know about a person or their bin. `worker` is any of the bin's slots."""
    if not worker.is_worker:
        yield _("not a worker any more")
    if beyond := sum(view.is_beyond for view in views):
        yield ngettext("%(number)d file beyond the bin", "%(number)d files beyond the bin", beyond) % {"number": beyond}
    leaves_at = worker.leaves_at
    if worker.is_present and leaves_at and calendar.local_day(leaves_at) == calendar.local_day(now):
        yield _("away from %(time)s") % {"time": f"{leaves_at.astimezone(ZoneInfo(calendar.zone)):%H:%M}"}


def _slot(slot: _Found, *, calendar: Calendar, zone: ZoneInfo, now: datetime, size: int) -> SlotView:
    if slot.filled_at is None:
        return SlotView(position=slot.position)
    age = calendar.working_time_between(slot.filled_at, now)
    limit = timedelta(minutes=slot.aged_after)
    return SlotView(
        position=slot.position,
        reference=slot.reference,
        file_type=slot.file_type,
        needs=slot.needs,
        received_at=slot.received_at.astimezone(zone),
        due_at=slot.due_at.astimezone(zone),
        expedite=slot.expedite,
        in_hand=slot.in_hand,
        age=age,
        is_aged=age > limit,
        is_ageing=limit / 2 < age <= limit,
        stuck_for=calendar.working_time_between(slot.called_at, now) if slot.called_at else None,
        is_beyond=slot.position > size,
    )


def _clogged_for(slots: tuple[SlotView, ...], *, after: timedelta) -> timedelta | None:
    """How long a bin has been clogged up (R21): full and nothing left it for that long, a file beyond its type's limit, or a
    help call that is open.

    Whatever leaves a full bin is replaced at once, so a full bin has stood still since its youngest file came.
    """
    filled = [slot for slot in slots if slot.reference]
    still = min((slot.age for slot in filled), default=timedelta())
    if len(filled) == len(slots) and still > after:
        return still
    stands = [slot.age for slot in filled if slot.is_aged]
    stands += [slot.stuck_for for slot in filled if slot.stuck_for is not None]
    return max(stands, default=None)
