"""What a person's bin page shows: plain values, eight statements, whatever the number of files.

One fewer for each of checklist and story where no file is to be worked, one more where a receipt speaks of colleagues.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Subquery
from django.utils.translation import gettext as _

from dispatch import loans, moves, stories
from dispatch.calendars import Calendar
from dispatch.hands import HANDS, ruled_by
from dispatch.models import (
    UNDONE,
    WRITTEN_BY_NOBODY,
    ChecklistItem,
    Event,
    File,
    HelpCall,
    Loan,
    Queue,
    ShelfPlace,
    Slot,
)
from dispatch.weeks import MyWeek, my_week
from skills.models import Worker, short_name

QUARTER = 900  # seconds, as the tallies count
TOLD_FOR = timedelta(minutes=30)  # that somebody is back from a loan
AT_A_GLANCE = 12  # acts of a file; the whole way is on its page

# The team's day out of its tallies, defined as on the board. The quarter of an hour that is going on is looked up exactly in the
# index of waiting files, and what colleagues hold is counted in their slots: file by file (OFFSET 0), because as a plain join
# PostgreSQL walks through all files in order of their numbers to find the ninety.
TEAM_TODAY = f"""
SELECT
    coalesce(sum(count) FILTER (WHERE kind = 'waiting'), 0),
    coalesce(sum(count) FILTER (WHERE kind = 'waiting' AND quarter_at >= %(quarter)s AND quarter_at < %(tomorrow)s), 0)
        - (SELECT count(*) FROM dispatch_file
           WHERE team_id = %(team)s AND state = 'waiting' AND due_at >= %(quarter)s AND due_at < %(now)s)
        + (SELECT count(*) FROM ({HANDS}) w JOIN dispatch_slot s ON s.bin_id = w.id CROSS JOIN LATERAL (
               SELECT team_id, due_at FROM dispatch_file WHERE id = s.file_id OFFSET 0
           ) f WHERE f.team_id = %(team)s AND f.due_at >= %(now)s AND f.due_at < %(tomorrow)s),
    coalesce(sum(count) FILTER (WHERE kind = 'logged' AND quarter_at >= %(today)s), 0),
    coalesce(sum(count) FILTER (WHERE kind = 'done' AND quarter_at >= %(today)s), 0)
FROM dispatch_tally WHERE team_id = %(team)s AND (kind = 'waiting' OR quarter_at >= %(today)s)
"""


@dataclass(frozen=True)
class Help:
    """An open help call on a file in a slot; `came` is who came to help, empty while nobody has.

    It `stops` its file where this person called; a call because the file was passed back twice (R14) stops nobody.
    """

    call_id: int
    stops: bool
    reason: str
    raised_at: datetime
    came: str
    came_at: datetime | None


@dataclass(frozen=True)
class Lent:
    """That this person works elsewhere than at home, and until when. Nothing comes from a front office."""

    home: str
    host: str
    until: datetime
    reason: str
    is_front_office: bool


@dataclass(frozen=True)
class Shelved:
    """A file that waits on others."""

    place_id: int
    file_id: int
    reference: str
    reason: str
    wake_at: datetime


@dataclass(frozen=True)
class Held:
    """A file in a slot. `here` and `in_hand_for` are working time of the team; `in_hand_for` is None until it is started."""

    position: int
    file_id: int
    file_type_id: int
    reference: str
    file_type: str
    purpose: str
    customer: str
    title: str
    weight: int
    received_at: datetime
    due_at: datetime
    expedite_reason: str
    here: timedelta
    in_hand_for: timedelta | None
    is_overdue: bool
    is_beyond: bool  # the team's bins are smaller by now: this slot goes with its file
    help: Help | None

    @property
    def is_in_hand(self) -> bool:
        return self.in_hand_for is not None

    @property
    def is_stuck(self) -> bool:
        return self.help is not None and self.help.stops


@dataclass(frozen=True)
class Story:
    """What this person should know of the file's way here. `passed_back` and `notes` are (who, said), oldest first; `lines` are
    its time line as this person may read it, the latest first and no more than are read at a glance."""

    why: str
    passed_back: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]
    lines: tuple[stories.Line, ...]
    acts: int  # in the whole time line

    @property
    def is_cut(self) -> bool:
        return self.acts > len(self.lines)


@dataclass(frozen=True)
class TeamToday:
    """The team's numbers of today, as its board has them. `ends_at` is None on a day off, and when work goes on to midnight."""

    waiting: int
    to_go: int
    came_in: int
    done: int
    ends_at: datetime | None

    @property
    def in_all(self) -> int:
        """The whole of the bar: never nothing, so that an empty day is an empty bar."""
        return max(1, self.done + self.to_go)


@dataclass(frozen=True)
class MyBin:
    """Everything on a person's bin page. All instants are in the zone of the team's calendar."""

    team: str
    lent: Lent | None
    back_from: str  # the host of a loan that ended just now; empty otherwise
    now: datetime
    is_present: bool
    away_until: datetime | None
    size: int  # slots, without those that go as soon as they are empty
    front: Held | None  # in hand, or the next one to take in hand; never one that waits for help
    others: tuple[Held, ...]  # oldest first, and after them what waits for help
    shelf: tuple[Shelved, ...]  # the first to wake first
    shelf_limit: int
    wake_choices: tuple[tuple[str, datetime], ...]
    checklist: tuple[tuple[int, str], ...]
    story: Story | None
    today: TeamToday
    week: MyWeek

    @property
    def has_slots(self) -> bool:
        return self.size > 0

    @property
    def empty(self) -> range:
        return range(self.size - len(self.others) - (1 if self.front else 0))


def my_bin(worker: Worker, *, now: datetime) -> MyBin:
    """The bin of a person at an instant, by the rules of the team they work in; of their home while they are lent to a front
    office, which has none. Raises Queue.DoesNotExist when there is no central queue."""
    loan = loans.current(worker) if worker.works_in_id != worker.team_id else None
    came_back = Loan.objects.filter(worker=worker.pk, from_team=worker.works_in_id, started_at__isnull=False)
    host = (
        came_back.filter(ended_at__gt=now - TOLD_FOR, ended_at__lte=now).order_by("-ended_at").values("to_team__name")
    )
    queues = Queue.objects.select_related("team", "calendar__current").annotate(back_from=Subquery(host[:1]))
    queue = queues.get(team=ruled_by(worker))
    calendar = queue.calendar.hours()
    now = now.astimezone(ZoneInfo(calendar.zone))
    slots = _slots(worker, bin_size=queue.bin_size)
    held = _in_order(slots, queue=queue, now=now)
    file_of = {slot.file.pk: slot.file for slot in slots if slot.file}
    front = next((each for each in held if not each.is_stuck), None)
    return MyBin(
        team=queue.team.name,
        lent=_lent(loan, now=now) if loan else None,
        back_from=queue.back_from or "",
        now=now,
        is_present=worker.is_present,
        away_until=worker.away_until.astimezone(now.tzinfo) if worker.away_until else None,
        size=len(slots),
        front=front,
        others=tuple(sorted((each for each in held if each is not front), key=lambda each: each.is_stuck)),
        shelf=_shelf(worker, now=now),
        shelf_limit=queue.shelf_limit,
        wake_choices=wake_choices(calendar, now=now),
        checklist=_checklist(front),
        story=_story(file_of[front.file_id], reader=worker, zone=calendar.zone) if front else None,
        today=_team_today(queue, calendar=calendar, now=now),
        week=my_week(worker, calendar=calendar, now=now),
    )


def _lent(loan: Loan, *, now: datetime) -> Lent:
    until = loan.ends_at.astimezone(now.tzinfo)
    return Lent(loan.from_team.name, loan.to_team.name, until, loan.reason, loan.to_team.is_front_office)


def _slots(worker: Worker, *, bin_size: int) -> list[Slot]:
    """Those of the bin. One beyond the team's size holds a file, or it is gone already."""
    slots = Slot.objects.filter(bin=worker.pk).select_related("file__file_type", "file__customer")
    return [slot for slot in slots if slot.file_id or slot.position <= bin_size]


def _in_order(slots: Iterable[Slot], *, queue: Queue, now: datetime) -> list[Held]:
    """The file in hand first, then the oldest, as R10 has it."""
    filled = [(slot, slot.file) for slot in slots if slot.file]
    filled.sort(key=lambda pair: (not pair[0].in_hand, pair[0].filled_at, pair[0].position))
    calls = _help([file for _slot, file in filled], now=now)
    return [_held(slot, file, calls.get(file.pk), queue=queue, now=now) for slot, file in filled]


def _help(files: list[File], *, now: datetime) -> dict[int, Help]:
    """By file, the help calls that are open."""
    calls = HelpCall.objects.filter(file__in=files, ended_at=None).select_related("answered_by")
    return {
        call.file_id: Help(
            call_id=call.pk,
            stops=call.worker_id is not None,
            reason=call.reason,
            raised_at=call.raised_at.astimezone(now.tzinfo),
            came=call.answered_by.get_short_name() if call.answered_by else "",
            came_at=call.answered_at.astimezone(now.tzinfo) if call.answered_at else None,
        )
        for call in calls
    }


def _shelf(worker: Worker, *, now: datetime) -> tuple[Shelved, ...]:
    places = ShelfPlace.objects.filter(worker=worker).select_related("file").order_by("wake_at", "place")
    return tuple(
        Shelved(each.pk, each.file_id, each.file.reference, each.reason, each.wake_at.astimezone(now.tzinfo))
        for each in places
    )


def wake_choices(calendar: Calendar, *, now: datetime) -> tuple[tuple[str, datetime], ...]:
    """When a file may usefully wake: starts of work to come, each once, with its name; the nearest first."""
    today = now.date()
    days = [(_("Next working day"), 1), (_("In three days"), 3), (_("Next week"), 7 - today.weekday())]
    named: dict[date, str] = {}
    for name, ahead in days:
        day = calendar.next_working_day(today + timedelta(ahead - 1))
        named[day] = _("Tomorrow") if day == today + timedelta(1) else name
    return tuple((name, calendar.start_of_work(day).astimezone(now.tzinfo)) for day, name in sorted(named.items()))


def _held(slot: Slot, file: File, call: Help | None, *, queue: Queue, now: datetime) -> Held:
    calendar = queue.calendar.hours()
    return Held(
        position=slot.position,
        file_id=file.pk,
        file_type_id=file.file_type_id,
        reference=file.reference,
        file_type=file.file_type.name,
        purpose=file.file_type.purpose,
        customer=file.customer.name if file.customer else "",
        title=file.title,
        weight=file.weight,
        received_at=file.received_at.astimezone(now.tzinfo),
        due_at=file.due_at.astimezone(now.tzinfo),
        expedite_reason=file.expedite_reason,
        here=calendar.working_time_between(slot.filled_at or now, now),
        in_hand_for=calendar.working_time_between(slot.started_at, now) if slot.started_at else None,
        is_overdue=file.due_at < now,
        is_beyond=slot.position > queue.bin_size,
        help=call,
    )


def _checklist(front: Held | None) -> tuple[tuple[int, str], ...]:
    if front is None:
        return ()
    return tuple(ChecklistItem.objects.filter(file_type=front.file_type_id).values_list("pk", "text"))


def _story(file: File, *, reader: Worker, zone: str) -> Story:
    events = stories.events_of(file)
    lines = stories.way(file, events, reader=reader, zone=ZoneInfo(zone))
    said = [(each.kind, short_name(each.by.name) if each.by else "", each.cause) for each in reversed(events)]
    return Story(
        why=_why(events, lines),
        passed_back=tuple((who, reason) for kind, who, reason in said if kind == Event.Kind.PASSED_BACK),
        notes=tuple(
            (who, note) for kind, who, note in said if kind == Event.Kind.RETURNED and note not in WRITTEN_BY_NOBODY
        ),
        lines=lines[:AT_A_GLANCE],
        acts=len(lines),
    )


def _why(events: list[Event], lines: tuple[stories.Line, ...]) -> str:
    """The receipt of the refill in words; an act of a person that was taken back, and what is older than receipts, have none."""
    came = next(
        ((each, line) for each, line in zip(events, lines, strict=True) if each.kind == Event.Kind.FILLED), None
    )
    if came is None:
        return ""
    event, line = came
    return line.detail or (
        _("it came back when something was undone.") if event.cause == UNDONE else _("it was first in order.")
    )


def _team_today(queue: Queue, *, calendar: Calendar, now: datetime) -> TeamToday:
    today = now.date()
    parameters = {
        "team": queue.pk,
        "teams": [queue.pk],
        "now": now,
        "quarter": datetime.fromtimestamp(now.timestamp() // QUARTER * QUARTER, tz=now.tzinfo),
        "today": _midnight(today, now),
        "tomorrow": _midnight(today + timedelta(1), now),
    }
    ((waiting, to_go, came_in, done),) = moves.rows(TEAM_TODAY, parameters)
    ends_at = calendar.end_of_work(today).astimezone(now.tzinfo) if calendar.is_working_day(today) else None
    is_by_day = ends_at is not None and ends_at.date() == today
    return TeamToday(waiting=waiting, to_go=to_go, came_in=came_in, done=done, ends_at=ends_at if is_by_day else None)


def _midnight(day: date, now: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)
