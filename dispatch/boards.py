"""What boards show: plain values, a constant number of statements whatever the number of files and people."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch import attendance, backlog, cards, help_wanted, tallies, usual
from dispatch.backlog import Group, Level, days_of_work
from dispatch.calendars import Calendar
from dispatch.cards import BinView
from dispatch.hands import ruled_by
from dispatch.help_wanted import HelpWanted
from dispatch.models import Queue
from dispatch.orphans import Orphans, orphans
from dispatch.prepared import Statement
from skills.models import Team, Worker

# What a worker's own page depends on, in a few bytes.
BIN_MARKS = Statement("""
SELECT w.id, (SELECT coalesce(max(q.team_id), w.team_id) FROM dispatch_queue q WHERE q.team_id = w.works_in_id),
    md5(concat_ws(' ', w.works_in_id, w.is_present, w.away_until,
    string_agg(concat_ws(',', s.position, s.file_id, s.in_hand, h.id, h.answered_by_id), ';' ORDER BY s.position),
    (SELECT string_agg(concat_ws(',', p.file_id, p.wake_at), ';' ORDER BY p.place)
     FROM dispatch_shelfplace p WHERE p.worker_id = w.id)))
FROM skills_worker w LEFT JOIN dispatch_slot s ON s.bin_id = w.id
    LEFT JOIN dispatch_helpcall h ON h.file_id = s.file_id AND h.ended_at IS NULL
WHERE w.id = ANY(%(workers)s::bigint[]) GROUP BY w.id
""")


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
    next_day: date  # on which work goes on
    expected: int  # people, on that day
    bins: tuple[BinView, ...]
    help_calls: tuple[HelpWanted, ...]
    orphans: tuple[Orphans, ...]

    @property
    def days_of_work(self) -> float | None:
        return days_of_work(self.waiting, self.pace)

    @property
    def level(self) -> Level | None:
        return backlog.level(self.waiting, normal=self.normal) if self.normal else None

    @property
    def is_thin(self) -> bool:
        """Fewer than half of whoever works here now are expected on the next working day."""
        return 2 * self.expected < sum(not bin.is_elsewhere for bin in self.bins)

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


def team_board(team: Team, *, now: datetime) -> Board:
    """The board of a team at an instant, in eight statements. Raises Queue.DoesNotExist for a team without a central queue."""
    return board_of(Queue.objects.select_related("team", "calendar__current").get(team=team), now=now)


def board_of(queue: Queue, *, now: datetime) -> Board:
    """As `team_board`, where the queue, its team and its calendar are known already: in seven statements."""
    team = queue.team
    calendar = queue.calendar.hours()
    now = now.astimezone(ZoneInfo(calendar.zone))
    today = now.date()
    bins = cards.bins([queue], now=now)
    day = tallies.day(queue, now=now)
    pace = tallies.paces({team.pk: calendar}, now=now).get(team.pk)
    usual_now = usual.usual(team.pk, calendar, now=now)
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
        usual_by_now=round(usual_now.by_now) if usual_now else None,
        done_today=day.done,
        empty_for=timedelta(milliseconds=day.empty_milliseconds),
        late_refills=day.late_refills,
        right_today=day.right_first_time,
        to_go_today=day.due_today - day.due_before_today + sum(slot.is_due_on(today) for slot in held),
        ends_at=ends_at,
        oldest_days=oldest_days,
        oldest_promise_days=promise_days,
        next_day=calendar.next_working_day(today),
        expected=len(attendance.next_day([queue], now=now).get(team.pk, ())),
        bins=bins,
        help_calls=help_wanted.open_calls(team.pk, now=now),
        orphans=orphans([team.pk], now=now),
    )


def bin_of(worker: Worker, *, now: datetime) -> BinView | None:
    """One bin as the board shows it where its person works, or at home when that is a front office; None for who has none. Raises
    Queue.DoesNotExist for a team without a central queue."""
    queue = Queue.objects.select_related("calendar__current").get(team=ruled_by(worker))
    return next((bin for bin in cards.bins([queue], now=now) if bin.worker_id == worker.pk), None)


def bin_marks(worker_ids: Iterable[int]) -> dict[int, tuple[int, str]]:
    """For each worker the team whose queue moves with their bin, and a mark that is another one as soon as their slots or their
    presence are; one statement for all."""
    return {worker: (team_id, mark) for worker, team_id, mark in BIN_MARKS.rows(workers=list(worker_ids))}


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
