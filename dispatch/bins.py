"""What a person's bin page shows: plain values, five statements at most, whatever the number of files."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from dispatch import moves
from dispatch.calendars import Calendar
from dispatch.models import ChecklistItem, Event, File, Queue, Slot
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
    front: Held | None  # in hand, or the next one to take in hand
    others: tuple[Held, ...]  # oldest first
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
    front = held[0] if held else None
    return MyBin(
        team=queue.team.name,
        now=now,
        is_present=worker.is_present,
        away_until=worker.away_until.astimezone(now.tzinfo) if worker.away_until else None,
        size=len(slots),
        front=front,
        others=tuple(held[1:]),
        checklist=_checklist(front),
        story=_story(front) if front else None,
        today=_team_today(queue, calendar=calendar, now=now),
    )


def _in_order(slots: Iterable[Slot], *, calendar: Calendar, now: datetime) -> list[Held]:
    """The file in hand first, then the oldest, as R10 has it."""
    filled = [(slot, slot.file) for slot in slots if slot.file]
    filled.sort(key=lambda pair: (not pair[0].in_hand, pair[0].filled_at, pair[0].position))
    return [_held(slot, file, calendar=calendar, now=now) for slot, file in filled]


def _held(slot: Slot, file: File, *, calendar: Calendar, now: datetime) -> Held:
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
    )


def _checklist(front: Held | None) -> tuple[tuple[int, str], ...]:
    if front is None:
        return ()
    return tuple(ChecklistItem.objects.filter(file_type=front.file_type_id).values_list("pk", "text"))


def _story(front: Held) -> Story:
    kinds = [Event.Kind.FILLED, Event.Kind.PASSED_BACK, Event.Kind.RETURNED]
    found = list(
        Event.objects.filter(file=front.file_id, kind__in=kinds).order_by("pk").values_list("kind", "cause", "by__name")
    )
    filled_by = [cause for kind, cause, _who in found if kind == Event.Kind.FILLED]
    return Story(
        why=_why(front, cause=filled_by[-1] if filled_by else ""),
        passed_back=tuple((short_name(who or ""), said) for kind, said, who in found if kind == Event.Kind.PASSED_BACK),
        notes=tuple(
            (short_name(who or ""), said) for kind, said, who in found if kind == Event.Kind.RETURNED and said != "away"
        ),
    )


def _why(front: Held, *, cause: str) -> str:
    """No more than is true: one slot got the first file this person can do; several at once were matched (R6)."""
    if front.expedite_reason:
        return _("expedited: %(reason)s") % {"reason": front.expedite_reason}
    if cause in ("done", "pass back"):
        return _("when your slot fell empty, it had the earliest promise among those you can do.")
    return _("several slots were filled together, earliest promises first, so that as many as possible have work.")


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
