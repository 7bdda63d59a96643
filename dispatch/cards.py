"""The bins of a team as its board shows them: three slots a person, with ages in working time. One statement for all of them."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch.calendars import Calendar
from dispatch.hands import HANDS
from dispatch.models import Queue
from dispatch.prepared import Statement
from dispatch.refill import IN_EFFECT
from skills.models import Role, initials, short_name

# Raw and prepared, because it is asked with every change of every board that is open: as models, the ninety slots of thirty people
# with all that hangs on them took 10 ms instead of 2 (`make bench`, boards). The limit of one makes each file a look-up: a plan
# that is kept might else go through the index of all files, which is good only while those in slots are among its first.
SLOTS = Statement(f"""
SELECT w.id AS worker_id, w.team_id, w.works_in_id, home.name AS home, host.name AS host,
    (SELECT l.ends_at FROM dispatch_loan l
     WHERE l.worker_id = w.id AND l.started_at IS NOT NULL AND l.ended_at IS NULL AND w.works_in_id <> w.team_id) AS lent_until,
    w.name, w.username, %(role)s::text = ANY(w.roles) AS is_worker, w.is_present, w.away_until,
    (SELECT min(a.starts_at) FROM dispatch_absence a
     WHERE a.worker_id = w.id AND NOT a.has_begun AND a.starts_at > %(now)s::timestamptz
         AND a.starts_at < %(now)s::timestamptz + interval '1 day') AS leaves_at,
    (SELECT array_agg(ARRAY[k.name::text, teacher.name::text] ORDER BY k.name)
     FROM skills_pairing pair JOIN skills_worker teacher ON teacher.id = pair.teacher_id JOIN skills_skill k ON k.id = pair.skill_id
     WHERE {IN_EFFECT}) AS lessons,
    s.position, s.filled_at, s.in_hand, f.team_id AS file_team_id, f.reference, f.received_at, f.due_at, f.expedite,
    t.name AS file_type, coalesce(k.name, '') AS needs, t.aged_after,
    (SELECT c.raised_at FROM dispatch_helpcall c WHERE c.file_id = s.file_id AND c.ended_at IS NULL) AS called_at
FROM ({HANDS}) hands JOIN skills_worker w ON w.id = hands.id JOIN dispatch_slot s ON s.bin_id = w.id
    LEFT JOIN skills_team home ON home.id = w.team_id LEFT JOIN skills_team host ON host.id = w.works_in_id
    LEFT JOIN LATERAL (SELECT * FROM dispatch_file WHERE id = s.file_id LIMIT 1) f ON TRUE
    LEFT JOIN dispatch_filetype t ON t.id = f.file_type_id LEFT JOIN skills_skill k ON k.id = t.skill_id
WHERE w.is_active ORDER BY w.name, w.id, s.position
""")


class _Found(NamedTuple):
    """A slot with whose it is, and the file in it; what is of the file is None in an empty slot."""

    worker_id: int
    team_id: int | None
    works_in_id: int | None
    home: str
    host: str
    lent_until: datetime | None
    name: str
    username: str
    is_worker: bool
    is_present: bool
    away_until: datetime | None
    leaves_at: datetime | None  # within a day
    lessons: list[tuple[str, str]] | None  # skill and teacher, of pairings that are on
    position: int
    filled_at: datetime | None
    in_hand: bool
    file_team_id: int | None
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
    team_id: int | None = None  # of the file
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
    is_elsewhere: bool = False  # works in another team now: what is shown is what they still have of this one
    on_loan_from: str = ""  # their home, while they are lent to this team
    username: str = ""
    notes: tuple[str, ...] = ()  # what else there is to know, in the language of the reader

    @property
    def is_clogged(self) -> bool:
        return self.clogged_for is not None


def bins(queues: Collection[Queue], *, now: datetime) -> tuple[BinView, ...]:
    """The bins of these teams in order of names: of who works there, and of who does not and is at home there or holds a file of
    theirs. Who is no worker any more is still shown while a file is with them."""
    queue_of = {queue.team_id: queue for queue in queues}
    slots = map(_Found._make, SLOTS.rows(teams=list(queue_of), role=Role.WORKER.value, now=now))
    found = [list(of_bin) for _, of_bin in groupby(slots, key=attrgetter("worker_id"))]
    shown = [(team_id, slots) for slots in found for team_id in _shown_by(slots) if team_id in queue_of]
    names = Counter(short_name(slots[0].name) for _team_id, slots in shown)
    hours = {team_id: queue.calendar.hours() for team_id, queue in queue_of.items()}
    return tuple(
        _bin(slots, queue=queue_of[team_id], calendar=hours[team_id], names=names, now=now) for team_id, slots in shown
    )


def _shown_by(slots: Sequence[_Found]) -> set[int]:
    """The teams whose boards show this bin."""
    teams = {slot.file_team_id for slot in slots}
    if slots[0].is_worker:
        teams |= {slots[0].team_id, slots[0].works_in_id}
    return {team_id for team_id in teams if team_id is not None}


def _is_shown(slot: _Found, *, queue: Queue) -> bool:
    """Of who works elsewhere, only what holds a file of the team. A slot beyond the team's size goes as soon as it is empty."""
    is_here = slot.works_in_id == queue.team_id
    return slot.file_team_id == queue.team_id or (is_here and (bool(slot.filled_at) or slot.position <= queue.bin_size))


def _bin(slots: Sequence[_Found], *, queue: Queue, calendar: Calendar, names: Counter[str], now: datetime) -> BinView:
    worker = slots[0]
    zone = ZoneInfo(calendar.zone)
    views = tuple(
        _slot(slot, calendar=calendar, zone=zone, now=now, size=queue.bin_size)
        for slot in slots
        if _is_shown(slot, queue=queue)
    )
    is_lent = worker.team_id != worker.works_in_id
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
        is_elsewhere=worker.works_in_id != queue.team_id,
        on_loan_from=worker.home if is_lent and worker.works_in_id == queue.team_id else "",
        slots=views,
        clogged_for=_clogged_for(views, after=timedelta(minutes=queue.clogged_after)),
        username=worker.username,
        notes=tuple(_notes(worker, views, calendar=calendar, team_id=queue.team_id, now=now)),
    )


def _notes(
    worker: _Found, views: tuple[SlotView, ...], *, calendar: Calendar, team_id: int, now: datetime
) -> Iterator[str]:
    """What to know about a person or their bin. `worker` is any of the bin's slots."""
    if not worker.is_worker:
        yield _("not a worker any more")
    if worker.lent_until:
        yield _lent(worker, until=worker.lent_until, team_id=team_id, calendar=calendar, now=now)
    elif worker.works_in_id != team_id:
        yield _("back in %(team)s") % {"team": worker.home}
    if beyond := sum(view.is_beyond for view in views):
        yield ngettext("%(number)d file beyond the bin", "%(number)d files beyond the bin", beyond) % {"number": beyond}
    for skill, teacher in worker.lessons or ():
        yield _("learning %(skill)s with %(who)s") % {"skill": skill, "who": short_name(teacher)}
    leaves_at = worker.leaves_at
    if worker.is_present and leaves_at and calendar.local_day(leaves_at) == calendar.local_day(now):
        yield _("away from %(time)s") % {"time": f"{leaves_at.astimezone(ZoneInfo(calendar.zone)):%H:%M}"}


def _lent(worker: _Found, *, until: datetime, team_id: int, calendar: Calendar, now: datetime) -> str:
    """ "on loan from Payments until 16:00" where they work, "lent to Claims until 16:00" elsewhere."""
    until = until.astimezone(ZoneInfo(calendar.zone))
    is_today = until.date() == calendar.local_day(now)
    told = {"time": f"{until:%H:%M}" if is_today else date_format(until, _("j M, H:i"))}
    if worker.works_in_id == team_id:
        return _("on loan from %(team)s until %(time)s") % {**told, "team": worker.home}
    return _("lent to %(team)s until %(time)s") % {**told, "team": worker.host}


def _slot(slot: _Found, *, calendar: Calendar, zone: ZoneInfo, now: datetime, size: int) -> SlotView:
    if slot.filled_at is None:
        return SlotView(position=slot.position)
    age = calendar.working_time_between(slot.filled_at, now)
    limit = timedelta(minutes=slot.aged_after)
    return SlotView(
        position=slot.position,
        reference=slot.reference,
        team_id=slot.file_team_id,
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
