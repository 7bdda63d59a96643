"""What boards show: plain values, a constant number of statements whatever the number of files and people."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch import backlog, help_wanted, moves, tallies
from dispatch.backlog import Group, Level
from dispatch.calendars import Calendar
from dispatch.hands import hands_of, ruled_by
from dispatch.help_wanted import HelpWanted
from dispatch.models import Absence, HelpCall, Loan, Queue, Slot
from dispatch.orphans import Orphans, orphans
from skills.models import Pairing, Role, Team, Worker, initials, short_name

# What a worker's own page depends on, in a few bytes.
BIN_MARKS = """
SELECT w.id, (SELECT coalesce(max(q.team_id), w.team_id) FROM dispatch_queue q WHERE q.team_id = w.works_in_id),
    md5(concat_ws(' ', w.works_in_id, w.is_present, w.away_until,
    string_agg(concat_ws(',', s.position, s.file_id, s.in_hand, h.id, h.answered_by_id), ';' ORDER BY s.position),
    (SELECT string_agg(concat_ws(',', p.file_id, p.wake_at), ';' ORDER BY p.place)
     FROM dispatch_shelfplace p WHERE p.worker_id = w.id)))
FROM skills_worker w LEFT JOIN dispatch_slot s ON s.bin_id = w.id
    LEFT JOIN dispatch_helpcall h ON h.file_id = s.file_id AND h.ended_at IS NULL
WHERE w.id = ANY(%s) GROUP BY w.id
"""


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


@dataclass(frozen=True)
class Board:
    """Everything on a team board. `now` is in the zone of the team's calendar, and so are all other instants."""

    team: Team
    version: int
    now: datetime
    zone: str
    waiting: int
    pace: float | None  # files done a working day, lately
    normal: int | None  # files in the queue at its normal level
    normal_days: float
    groups: tuple[Group, ...]
    in_today: int
    usual_by_now: int | None
    done_today: int
    right_today: int
    empty_for: timedelta  # today, of slots while work for them waited
    late_refills: int  # today, that took more than two seconds of it
    to_go_today: int  # promised today, waiting or in a slot
    ends_at: datetime | None  # end of work today; None on a day off
    oldest_days: int | None  # of the files that wait or are in a slot
    oldest_promise_days: int | None
    bins: tuple[BinView, ...]
    help_calls: tuple[HelpWanted, ...]
    orphans: tuple[Orphans, ...]

    @property
    def days_of_work(self) -> float | None:
        return _days_of_work(self.waiting, self.pace)

    @property
    def level(self) -> Level | None:
        return backlog.level(self.waiting, normal=self.normal) if self.normal else None

    @property
    def per_mark(self) -> int:
        return self.groups[0].per_mark

    @property
    def is_day_over(self) -> bool:
        return self.ends_at is not None and self.now > self.ends_at

    @property
    def right_first_time_percent(self) -> int | None:
        return round(100 * self.right_today / self.done_today) if self.done_today else None

    @property
    def empty_minutes(self) -> float:
        return self.empty_for / timedelta(minutes=1)

    @property
    def clogged(self) -> tuple[BinView, ...]:
        return tuple(bin for bin in self.bins if bin.is_clogged)

    @property
    def stuck(self) -> int:
        """Clogged bins, and files outside of them that somebody called for help on."""
        held = {slot.reference for bin in self.clogged for slot in bin.slots}
        return len(self.clogged) + sum(call.reference not in held for call in self.help_calls)

    @property
    def longest_clogged(self) -> timedelta | None:
        return max((bin.clogged_for for bin in self.bins if bin.clogged_for is not None), default=None)


@dataclass(frozen=True)
class TeamLine:
    """One team among all: what its board says in one line."""

    team: Team
    has_queue: bool
    waiting: int
    days_of_work: float | None
    people: int
    present: int
    clogged: int
    longest_clogged: timedelta | None


def team_board(team: Team, *, now: datetime) -> Board:
    """The board of a team at an instant, in six statements. Raises Queue.DoesNotExist for a team without a central queue."""
    queue = Queue.objects.select_related("calendar__current").get(team=team)
    calendar = queue.calendar.hours()
    now = now.astimezone(ZoneInfo(calendar.zone))
    today = now.date()
    bins = _bins([queue], now=now)
    day = tallies.day(queue, now=now)
    means = tallies.means([*tallies.pace(queue, now=now), *tallies.usual_by_now(queue, now=now)])
    pace, usual = means.get((team.pk, "done")), means.get((team.pk, "logged"))
    ends_at = calendar.end_of_work(today).astimezone(now.tzinfo) if calendar.is_working_day(today) else None
    held = [slot for bin in bins for slot in bin.slots if slot.team_id == team.pk]
    oldest_days, promise_days = _oldest(
        [(day.oldest_received_at, day.oldest_due_at), *((slot.received_at, slot.due_at) for slot in held)],
        calendar,
        today=today,
    )
    return Board(
        team=team,
        version=queue.version,
        now=now,
        zone=calendar.zone,
        waiting=day.waiting,
        pace=pace or None,
        normal=max(1, round(float(queue.normal_days) * pace)) if pace else None,
        normal_days=float(queue.normal_days),
        groups=backlog.groups(day, today=today, next_day=calendar.next_working_day(today), ends_at=ends_at),
        in_today=day.logged,
        usual_by_now=None if usual is None else round(usual),
        done_today=day.done,
        empty_for=timedelta(milliseconds=day.empty_milliseconds),
        late_refills=day.late_refills,
        right_today=day.right_first_time,
        to_go_today=day.due_today - day.due_before_today + sum(slot.is_due_on(today) for slot in held),
        ends_at=ends_at,
        oldest_days=oldest_days,
        oldest_promise_days=promise_days,
        bins=bins,
        help_calls=help_wanted.open_calls(team.pk, now=now),
        orphans=orphans([team.pk], now=now),
    )


def all_teams(*, now: datetime) -> list[TeamLine]:
    """One line a team, in four statements for all of them."""
    teams = list(Team.objects.select_related("queue__calendar__current"))
    queues = [team.queue for team in teams if hasattr(team, "queue")]
    waiting = tallies.waiting(queues)
    means = tallies.means(period for queue in queues for period in tallies.pace(queue, now=now))
    bins = defaultdict(list)
    for bin in _bins(queues, now=now):
        bins[bin.team_id].append(bin)
    return [
        _line(team, bins[team.pk], waiting=waiting.get(team.pk, 0), pace=means.get((team.pk, "done"))) for team in teams
    ]


def bin_of(worker: Worker, *, now: datetime) -> BinView | None:
    """One bin as the board shows it where its person works, or at home when that is a front office; None for who has none. Raises
    Queue.DoesNotExist for a team without a central queue."""
    queue = Queue.objects.select_related("calendar__current").get(team=ruled_by(worker))
    return next((bin for bin in _bins([queue], now=now) if bin.worker_id == worker.pk), None)


def bin_marks(worker_ids: Iterable[int]) -> dict[int, tuple[int, str]]:
    """For each worker the team whose queue moves with their bin, and a mark that is another one as soon as their slots or their
    presence are; one statement for all."""
    return {worker: (team_id, mark) for worker, team_id, mark in moves.rows(BIN_MARKS, [list(worker_ids)])}


def _line(team: Team, bins: list[BinView], *, waiting: int, pace: float | None) -> TeamLine:
    clogged = [bin.clogged_for for bin in bins if bin.clogged_for is not None]
    return TeamLine(
        team=team,
        has_queue=hasattr(team, "queue"),
        waiting=waiting,
        days_of_work=_days_of_work(waiting, pace),
        people=sum(not bin.is_elsewhere for bin in bins),
        present=sum(bin.is_present and not bin.is_elsewhere for bin in bins),
        clogged=len(clogged),
        longest_clogged=max(clogged, default=None),
    )


# Bins


def _bins(queues: list[Queue], *, now: datetime) -> tuple[BinView, ...]:
    """The bins of these teams in order of names: of who works there, and of who does not and is at home there or holds a file of
    theirs. Who is no worker any more is still shown while a file is with them."""
    queue_of = {queue.team_id: queue for queue in queues}
    open_call = HelpCall.objects.filter(file=OuterRef("file"), ended_at=None)
    leave = Absence.objects.filter(
        worker=OuterRef("bin"), has_begun=False, starts_at__gt=now, starts_at__lt=now + timedelta(days=1)
    )
    loan = Loan.objects.filter(worker=OuterRef("bin"), started_at__isnull=False, ended_at=None)
    lesson = Pairing.objects.in_effect(now=now).filter(learner=OuterRef("bin"))
    slots = (
        Slot.objects.filter(bin__in=hands_of(queue_of, now=now), bin__worker__is_active=True)
        .select_related("bin__worker__team", "bin__worker__works_in", "file__file_type__skill")
        .annotate(
            called_at=Subquery(open_call.values("raised_at")),
            leaves_at=Subquery(leave.order_by("starts_at").values("starts_at")[:1]),
            lent_until=Subquery(loan.values("ends_at")),
            lessons=ArraySubquery(lesson.values(json=JSONObject(skill="skill__name", teacher="teacher__name"))),
        )
        .order_by("bin__worker__name", "bin", "position")
    )
    found = [list(of_bin) for _, of_bin in groupby(slots, key=attrgetter("bin_id"))]
    shown = [(queue_of[team_id], slots) for slots in found for team_id in _shown_by(slots) if team_id in queue_of]
    names = Counter(short_name(slots[0].bin.worker.name) for _queue, slots in shown)
    return tuple(_bin(slots, queue=queue, names=names, now=now) for queue, slots in shown)


def _shown_by(slots: Sequence[Slot]) -> set[int | None]:
    """The teams whose boards show this bin."""
    worker = slots[0].bin.worker
    teams: set[int | None] = {slot.file.team_id for slot in slots if slot.file}
    return teams | {worker.team_id, worker.works_in_id} if Role.WORKER in worker.roles else teams


def _bin(slots: Sequence[Slot], *, queue: Queue, names: Counter[str], now: datetime) -> BinView:
    """As this queue's team sees it: of who works elsewhere, only the slots that hold a file of the team."""
    worker = slots[0].bin.worker
    calendar = queue.calendar.hours()
    views = tuple(
        _slot(slot, calendar=calendar, now=now, size=queue.bin_size) for slot in slots if _is_shown(slot, queue=queue)
    )
    label = short_name(worker.name)
    away_until = worker.away_until.astimezone(ZoneInfo(calendar.zone)) if worker.away_until else None
    return BinView(
        worker_id=worker.pk,
        team_id=queue.team_id,
        name=worker.name,
        label=label if names[label] == 1 else worker.name,
        initials=initials(worker.name),
        is_present=worker.is_present,
        away_until=away_until,
        is_back_today=away_until is not None and away_until.date() == calendar.local_day(now),
        is_elsewhere=worker.works_in_id != queue.team_id,
        on_loan_from=str(worker.team) if worker.team_id != worker.works_in_id == queue.team_id else "",
        slots=views,
        clogged_for=_clogged_for(views, after=timedelta(minutes=queue.clogged_after)),
        username=worker.username,
        notes=tuple(_notes(slots[0], views, calendar=calendar, queue=queue, now=now)),
    )


def _is_shown(slot: Slot, *, queue: Queue) -> bool:
    """A slot beyond the team's size goes as soon as it is empty."""
    if slot.file:
        return slot.file.team_id == queue.team_id or slot.bin.worker.works_in_id == queue.team_id
    return slot.bin.worker.works_in_id == queue.team_id and slot.position <= queue.bin_size


def _notes(
    slot: Slot, views: tuple[SlotView, ...], *, calendar: Calendar, queue: Queue, now: datetime
) -> Iterator[str]:
    """What to know about a person or their bin. `slot` is any of the bin's."""
    worker = slot.bin.worker
    if Role.WORKER not in worker.roles:
        yield _("not a worker any more")
    if worker.team_id != worker.works_in_id:
        yield _lent(worker, until=slot.lent_until, queue=queue, calendar=calendar, now=now)  # type: ignore[attr-defined]  # annotated
    elif worker.works_in_id != queue.team_id:
        yield _("back in %(team)s") % {"team": worker.team}
    if beyond := sum(view.is_beyond for view in views):
        yield ngettext("%(number)d file beyond the bin", "%(number)d files beyond the bin", beyond) % {"number": beyond}
    for lesson in slot.lessons:  # type: ignore[attr-defined]  # annotated
        yield _("learning %(skill)s with %(who)s") % {"skill": lesson["skill"], "who": short_name(lesson["teacher"])}
    leaves_at = slot.leaves_at  # type: ignore[attr-defined]  # annotated by `_bins`
    if worker.is_present and leaves_at and calendar.local_day(leaves_at) == calendar.local_day(now):
        yield _("away from %(time)s") % {"time": f"{leaves_at.astimezone(ZoneInfo(calendar.zone)):%H:%M}"}


def _lent(worker: Worker, *, until: datetime, queue: Queue, calendar: Calendar, now: datetime) -> str:
    """ "on loan from Payments until 16:00" where they work, "lent to Claims until 16:00" elsewhere."""
    until = until.astimezone(ZoneInfo(calendar.zone))
    is_today = until.date() == calendar.local_day(now)
    told = {"time": f"{until:%H:%M}" if is_today else date_format(until, "j M")}
    if worker.works_in_id == queue.team_id:
        return _("on loan from %(team)s until %(time)s") % {**told, "team": worker.team}
    return _("lent to %(team)s until %(time)s") % {**told, "team": worker.works_in}


def _slot(slot: Slot, *, calendar: Calendar, now: datetime, size: int) -> SlotView:
    file = slot.file
    if file is None or slot.filled_at is None:
        return SlotView(position=slot.position)
    zone = ZoneInfo(calendar.zone)
    age = calendar.working_time_between(slot.filled_at, now)
    limit = timedelta(minutes=file.file_type.aged_after)
    called_at = slot.called_at  # type: ignore[attr-defined]  # annotated by `_bins`
    return SlotView(
        position=slot.position,
        reference=file.reference,
        team_id=file.team_id,
        file_type=file.file_type.name,
        needs=str(file.file_type.skill or ""),
        received_at=file.received_at.astimezone(zone),
        due_at=file.due_at.astimezone(zone),
        expedite=file.expedite,
        in_hand=slot.in_hand,
        age=age,
        is_aged=age > limit,
        is_ageing=limit / 2 < age <= limit,
        stuck_for=calendar.working_time_between(called_at, now) if called_at else None,
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


def _days_of_work(waiting: int, pace: float | None) -> float | None:
    """How long the queue would last; None while nobody knows."""
    if not waiting:
        return 0.0
    return waiting / pace if pace else None


def _oldest(
    files: list[tuple[datetime | None, datetime | None]], calendar: Calendar, *, today: date
) -> tuple[int | None, int | None]:
    """Age of the file that came in first, and the time it was promised within, both in working days."""
    received_at, due_at = min(((received, due) for received, due in files if received and due), default=(None, None))
    if received_at is None or due_at is None:
        return None, None
    received_on = calendar.local_day(received_at)
    return (
        calendar.working_days_between(received_on, today),
        calendar.working_days_between(received_on, calendar.local_day(due_at)),
    )
