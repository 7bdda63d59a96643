"""What a person's bin page shows: plain values, seven statements at most, whatever the number of files."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from dispatch import moves, receipts
from dispatch.calendars import Calendar
from dispatch.models import UNDONE, WRITTEN_BY_NOBODY, ChecklistItem, Event, File, HelpCall, Queue, ShelfPlace, Slot
from skills.models import Worker, short_name

QUARTER = 900  # seconds, as the tallies count

# The team's day out of its tallies, defined as on the board. The quarter of an hour that is going on is looked up exactly in the
# index of waiting files, and what colleagues hold is counted in their slots.
TEAM_TODAY = """
SELECT
    coalesce(sum(count) FILTER (WHERE kind = 'waiting'), 0),
    coalesce(sum(count) FILTER (WHERE kind = 'waiting' AND quarter_at >= %(quarter)s AND quarter_at < %(tomorrow)s), 0)
        - (SELECT count(*) FROM dispatch_file
           WHERE team_id = %(team)s AND state = 'waiting' AND due_at >= %(quarter)s AND due_at < %(now)s)
        + (SELECT count(*) FROM dispatch_slot s JOIN dispatch_file f ON f.id = s.file_id JOIN skills_worker w ON w.id = s.bin_id
           WHERE w.team_id = %(team)s AND f.due_at >= %(now)s AND f.due_at < %(tomorrow)s),
    coalesce(sum(count) FILTER (WHERE kind = 'logged' AND quarter_at >= %(today)s), 0),
    coalesce(sum(count) FILTER (WHERE kind = 'done' AND quarter_at >= %(today)s), 0)
FROM dispatch_tally WHERE team_id = %(team)s AND (kind = 'waiting' OR quarter_at >= %(today)s)
"""


@dataclass(frozen=True)
class Help:
    """An open help call on a file in a slot; `came` is who came to help, empty while nobody has."""

    call_id: int
    reason: str
    raised_at: datetime
    came: str
    came_at: datetime | None


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
    help: Help | None

    @property
    def is_in_hand(self) -> bool:
        return self.in_hand_for is not None


@dataclass(frozen=True)
class Story:
    """What this person should know of the file's way here. `passed_back` and `notes` are (who, said), oldest first."""

    why: str
    passed_back: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]


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
    now: datetime
    is_present: bool
    away_until: datetime | None
    size: int
    front: Held | None  # in hand, or the next one to take in hand; never one that waits for help
    others: tuple[Held, ...]  # oldest first, and after them what waits for help
    shelf: tuple[Shelved, ...]  # the first to wake first
    shelf_limit: int
    wake_choices: tuple[tuple[str, datetime], ...]
    checklist: tuple[tuple[int, str], ...]
    story: Story | None
    today: TeamToday

    @property
    def has_slots(self) -> bool:
        return self.size > 0

    @property
    def empty(self) -> range:
        return range(self.size - len(self.others) - (1 if self.front else 0))


def my_bin(worker: Worker, *, now: datetime) -> MyBin:
    """The bin of a person at an instant. Raises Queue.DoesNotExist when their team has no central queue."""
    queue = Queue.objects.select_related("team", "calendar__current").get(team=worker.team_id)
    calendar = queue.calendar.hours()
    now = now.astimezone(ZoneInfo(calendar.zone))
    slots = list(Slot.objects.filter(bin=worker.pk).select_related("file__file_type", "file__customer"))
    held = _in_order(slots, calendar=calendar, now=now)
    front = next((each for each in held if each.help is None), None)
    return MyBin(
        team=queue.team.name,
        now=now,
        is_present=worker.is_present,
        away_until=worker.away_until.astimezone(now.tzinfo) if worker.away_until else None,
        size=len(slots),
        front=front,
        others=tuple(sorted((each for each in held if each is not front), key=lambda each: each.help is not None)),
        shelf=_shelf(worker, now=now),
        shelf_limit=queue.shelf_limit,
        wake_choices=wake_choices(calendar, now=now),
        checklist=_checklist(front),
        story=_story(front) if front else None,
        today=_team_today(queue, calendar=calendar, now=now),
    )


def _in_order(slots: Iterable[Slot], *, calendar: Calendar, now: datetime) -> list[Held]:
    """The file in hand first, then the oldest, as R10 has it."""
    filled = [(slot, slot.file) for slot in slots if slot.file]
    filled.sort(key=lambda pair: (not pair[0].in_hand, pair[0].filled_at, pair[0].position))
    calls = _help([file for _slot, file in filled], now=now)
    return [_held(slot, file, calls.get(file.pk), calendar=calendar, now=now) for slot, file in filled]


def _help(files: list[File], *, now: datetime) -> dict[int, Help]:
    """By file, the help calls that are open."""
    calls = HelpCall.objects.filter(file__in=files, ended_at=None).select_related("answered_by")
    return {
        call.file_id: Help(
            call_id=call.pk,
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


def _held(slot: Slot, file: File, call: Help | None, *, calendar: Calendar, now: datetime) -> Held:
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
        help=call,
    )


def _checklist(front: Held | None) -> tuple[tuple[int, str], ...]:
    if front is None:
        return ()
    return tuple(ChecklistItem.objects.filter(file_type=front.file_type_id).values_list("pk", "text"))


def _story(front: Held) -> Story:
    kinds = [Event.Kind.FILLED, Event.Kind.PASSED_BACK, Event.Kind.RETURNED]
    found = list(
        Event.objects.filter(file=front.file_id, kind__in=kinds)
        .order_by("pk")
        .values_list("kind", "cause", "by__name", "receipt")
    )
    filled_by = [(cause, receipt) for kind, cause, _who, receipt in found if kind == Event.Kind.FILLED]
    return Story(
        why=_why(*filled_by[-1]) if filled_by else "",
        passed_back=tuple(
            (short_name(who or ""), said) for kind, said, who, _ in found if kind == Event.Kind.PASSED_BACK
        ),
        notes=tuple(
            (short_name(who or ""), said)
            for kind, said, who, _ in found
            if kind == Event.Kind.RETURNED and said not in WRITTEN_BY_NOBODY
        ),
    )


def _why(cause: str, facts: dict[str, Any] | None) -> str:
    """The receipt of the refill in words; an act of a person that was taken back, and what is older than receipts, have none."""
    receipt = receipts.read(facts)
    if receipt is None:
        return _("it came back when something was undone.") if cause == UNDONE else _("it was first in order.")
    return receipt.words(receipts.names_in([receipt]))


def _team_today(queue: Queue, *, calendar: Calendar, now: datetime) -> TeamToday:
    today = now.date()
    parameters = {
        "team": queue.pk,
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
