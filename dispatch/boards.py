"""What boards show: plain values, a constant number of statements whatever the number of files and people.

Waiting files are never counted here. The tallies (`Tally`) hold their number by quarter of an hour; the one quarter that is
going on is looked up exactly in the index of waiting files.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dispatch import moves
from dispatch.calendars import Calendar
from dispatch.models import Queue, Slot
from skills.models import Role, Team, initials, short_name

USUAL_WEEKS = 6
PACE_DAYS = 10
QUARTER = 900  # seconds
MIDNIGHT = time(0)

# The quarter that is going on holds promises that are past and promises to come. The latter are looked up and taken away: they are
# few, because promises are due at round times and those open a quarter.
COUNTS = """
WITH waiting AS (
    SELECT coalesce(sum(count), 0) AS number,
        coalesce(sum(count) FILTER (WHERE quarter_at <= %(quarter)s), 0) AS due_by_now,
        coalesce(sum(count) FILTER (WHERE quarter_at < %(today)s), 0) AS due_before_today,
        coalesce(sum(count) FILTER (WHERE quarter_at < %(tomorrow)s), 0) AS due_today,
        coalesce(sum(count) FILTER (WHERE quarter_at < %(after_next)s), 0) AS due_next
    FROM dispatch_tally WHERE team_id = %(team)s AND kind = 'waiting'
), today AS (
    SELECT coalesce(sum(count) FILTER (WHERE kind = 'logged'), 0) AS logged,
        coalesce(sum(count) FILTER (WHERE kind = 'done'), 0) AS done,
        coalesce(sum(count) FILTER (WHERE kind = 'right'), 0) AS right_first_time
    FROM dispatch_tally WHERE team_id = %(team)s AND kind IN ('logged', 'done', 'right') AND quarter_at >= %(today)s
), still_to_come AS (
    SELECT count(*) AS number FROM dispatch_file
    WHERE team_id = %(team)s AND state = 'waiting' AND due_at >= %(now)s AND due_at < %(next_quarter)s
), oldest AS (
    SELECT received_at, due_at FROM dispatch_file WHERE team_id = %(team)s AND state = 'waiting' ORDER BY received_at LIMIT 1
)
SELECT waiting.number, due_by_now - still_to_come.number, due_before_today, due_today, due_next, logged, done, right_first_time,
    received_at, due_at
FROM waiting CROSS JOIN today CROSS JOIN still_to_come LEFT JOIN oldest ON TRUE
"""

WAITING = "SELECT team_id, sum(count) FROM dispatch_tally WHERE team_id = ANY(%s) AND kind = 'waiting' GROUP BY team_id"

# Past periods of teams: what came in by this time of day, what was done in all. A quarter that `until` cuts counts in part.
# Periods from before the team's first record say nothing and are left out.
PAST = """
SELECT period.team_id, period.kind,
    coalesce(sum(t.count * least(1, extract(epoch FROM period.until - t.quarter_at) / 900)), 0)
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[]) AS period(team_id, kind, since, until)
LEFT JOIN dispatch_tally t ON t.team_id = period.team_id AND t.kind = period.kind
    AND t.quarter_at >= period.since AND t.quarter_at < period.until
WHERE period.until > (SELECT min(quarter_at) FROM dispatch_tally WHERE team_id = period.team_id AND kind = period.kind)
GROUP BY period.team_id, period.kind, period.since
"""

# What a worker's own page depends on, in a few bytes.
BIN_MARKS = """
SELECT w.id, md5(concat_ws(' ', w.team_id, w.is_present, w.away_until,
    string_agg(concat_ws(',', s.position, s.file_id, s.in_hand), ';' ORDER BY s.position)))
FROM skills_worker w LEFT JOIN dispatch_slot s ON s.bin_id = w.id
WHERE w.id = ANY(%s) GROUP BY w.id
"""


@dataclass(frozen=True)
class SlotView:
    """A slot as the board shows it. Ages are working time of the team's calendar; `reference` is empty for an empty slot."""

    position: int
    reference: str = ""
    file_type: str = ""
    needs: str = ""
    received_at: datetime | None = None
    due_at: datetime | None = None
    expedite: bool = False
    in_hand: bool = False
    age: timedelta = timedelta()
    is_aged: bool = False
    is_ageing: bool = False


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

    @property
    def is_clogged(self) -> bool:
        return self.clogged_for is not None


@dataclass(frozen=True)
class Group:
    """The part of the queue that is promised by the same time. "tomorrow" reaches to the end of the next working day."""

    key: str  # overdue, today, tomorrow, later
    count: int
    by: datetime | None = None  # end of work, of today
    on: date | None = None  # the next working day, if that is not tomorrow

    @property
    def marks(self) -> range:
        """One small mark a file, as far as marks can be told apart."""
        return range(min(self.count, 48))

    @property
    def beyond(self) -> int:
        return self.count - len(self.marks)


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
    to_go_today: int  # promised today, waiting or in a slot
    ends_at: datetime | None  # end of work today; None on a day off
    oldest_days: int | None  # of the files that wait or are in a slot
    oldest_promise_days: int | None
    bins: tuple[BinView, ...]

    @property
    def days_of_work(self) -> float | None:
        return self.waiting / self.pace if self.pace else None

    @property
    def level_percent(self) -> int | None:
        """How full the bar of the queue is; its middle is the normal level."""
        return min(100, round(50 * self.waiting / self.normal)) if self.normal else None

    @property
    def right_first_time_percent(self) -> int | None:
        return round(100 * self.right_today / self.done_today) if self.done_today else None

    @property
    def clogged(self) -> tuple[BinView, ...]:
        return tuple(bin for bin in self.bins if bin.is_clogged)

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


class Counts(NamedTuple):
    """A row of COUNTS. What is due by some time includes all that was due before."""

    waiting: int
    overdue: int
    due_before_today: int
    due_today: int
    due_next: int
    logged: int
    done: int
    right: int
    oldest_received_at: datetime | None
    oldest_due_at: datetime | None


class Period(NamedTuple):
    team_id: int
    kind: str
    since: datetime
    until: datetime


def team_board(team: Team, *, now: datetime) -> Board:
    """The board of a team at an instant, in four statements. Raises Queue.DoesNotExist for a team without a central queue."""
    queue = Queue.objects.select_related("calendar__current").get(team=team)
    calendar = queue.calendar.hours()
    now = now.astimezone(ZoneInfo(calendar.zone))
    today = now.date()
    bins = _bins([queue], now=now)
    next_day = calendar.next_working_day(today)
    counts = _counts(queue, now=now, next_day=next_day)
    ends_at = calendar.end_of_work(today).astimezone(now.tzinfo) if calendar.is_working_day(today) else None
    past = _past([*_days_of_done(queue, now=now), *_usual_days(queue, now=now)])
    pace = _pace(past.get((team.pk, "done"), []))
    usual = past.get((team.pk, "logged"), [])
    held = [slot for bin in bins for slot in bin.slots if slot.due_at]
    open_files = [
        (counts.oldest_received_at, counts.oldest_due_at),
        *((slot.received_at, slot.due_at) for slot in held),
    ]
    oldest_days, promise_days = _oldest(open_files, calendar, today=today)
    return Board(
        team=team,
        version=queue.version,
        now=now,
        zone=calendar.zone,
        waiting=counts.waiting,
        pace=pace,
        normal=max(1, round(float(queue.normal_days) * pace)) if pace else None,
        normal_days=float(queue.normal_days),
        groups=(
            Group("overdue", counts.overdue),
            Group("today", counts.due_today - counts.overdue, by=ends_at),
            Group(
                "tomorrow", counts.due_next - counts.due_today, on=next_day if next_day > today + timedelta(1) else None
            ),
            Group("later", counts.waiting - counts.due_next),
        ),
        in_today=counts.logged,
        usual_by_now=round(sum(usual) / len(usual)) if usual else None,
        done_today=counts.done,
        right_today=counts.right,
        to_go_today=counts.due_today
        - counts.due_before_today
        + sum(slot.due_at.date() == today for slot in held if slot.due_at),
        ends_at=ends_at,
        oldest_days=oldest_days,
        oldest_promise_days=promise_days,
        bins=bins,
    )


def all_teams(*, now: datetime) -> list[TeamLine]:
    """One line a team, in four statements for all of them."""
    teams = list(Team.objects.select_related("queue__calendar__current"))
    queues = [team.queue for team in teams if hasattr(team, "queue")]
    waiting = dict(moves.rows(WAITING, [[queue.team_id for queue in queues]]))
    past = _past([period for queue in queues for period in _days_of_done(queue, now=now)])
    bins = defaultdict(list)
    for bin in _bins(queues, now=now):
        bins[bin.team_id].append(bin)
    return [
        _line(team, bins[team.pk], waiting=waiting.get(team.pk, 0), pace=_pace(past.get((team.pk, "done"), [])))
        for team in teams
    ]


def bin_marks(worker_ids: Iterable[int]) -> dict[int, str]:
    """For each worker a mark that is another one as soon as their slots or their presence are; one statement for all."""
    return dict(moves.rows(BIN_MARKS, [list(worker_ids)]))


def _line(team: Team, bins: list[BinView], *, waiting: int, pace: float | None) -> TeamLine:
    clogged = [bin.clogged_for for bin in bins if bin.clogged_for is not None]
    return TeamLine(
        team=team,
        has_queue=hasattr(team, "queue"),
        waiting=waiting,
        days_of_work=waiting / pace if pace else None,
        people=len(bins),
        present=sum(bin.is_present for bin in bins),
        clogged=len(clogged),
        longest_clogged=max(clogged, default=None),
    )


# Bins


def _bins(queues: list[Queue], *, now: datetime) -> tuple[BinView, ...]:
    """The bins of these teams in order of names. Who is no worker any more is still shown while a file is with them."""
    queue_of = {queue.team_id: queue for queue in queues}
    slots = (
        Slot.objects.filter(bin__worker__team__in=list(queue_of), bin__worker__is_active=True)
        .select_related("bin__worker", "file__file_type__skill")
        .order_by("bin__worker__name", "bin", "position")
    )
    found = [list(of_bin) for _, of_bin in groupby(slots, key=attrgetter("bin_id"))]
    shown = [
        slots for slots in found if Role.WORKER in slots[0].bin.worker.roles or any(slot.file_id for slot in slots)
    ]
    names = Counter(short_name(slots[0].bin.worker.name) for slots in shown)
    return tuple(_bin(slots, queue=queue_of[slots[0].bin.worker.team_id or 0], names=names, now=now) for slots in shown)


def _bin(slots: list[Slot], *, queue: Queue, names: Counter[str], now: datetime) -> BinView:
    worker = slots[0].bin.worker
    calendar = queue.calendar.hours()
    views = tuple(
        _slot(slot, calendar=calendar, now=now) for slot in slots if slot.file_id or slot.position <= queue.bin_size
    )  # a slot beyond the team's size goes as soon as it is empty
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
        is_back_today=bool(away_until) and away_until.date() == calendar.local_day(now),
        slots=views,
        clogged_for=_clogged_for(views, after=timedelta(minutes=queue.clogged_after)),
    )


def _slot(slot: Slot, *, calendar: Calendar, now: datetime) -> SlotView:
    file = slot.file
    if file is None or slot.filled_at is None:
        return SlotView(position=slot.position)
    zone = ZoneInfo(calendar.zone)
    age = calendar.working_time_between(slot.filled_at, now)
    limit = timedelta(minutes=file.file_type.aged_after)
    return SlotView(
        position=slot.position,
        reference=file.reference,
        file_type=file.file_type.name,
        needs=str(file.file_type.skill or ""),
        received_at=file.received_at.astimezone(zone),
        due_at=file.due_at.astimezone(zone),
        expedite=file.expedite,
        in_hand=slot.in_hand,
        age=age,
        is_aged=age > limit,
        is_ageing=limit / 2 < age <= limit,
    )


def _clogged_for(slots: tuple[SlotView, ...], *, after: timedelta) -> timedelta | None:
    """How long a bin has been clogged up (R21): full and nothing left it for that long, or a file beyond its type's limit.

    Whatever leaves a full bin is replaced at once, so a full bin has stood still since its youngest file came.
    """
    filled = [slot for slot in slots if slot.reference]
    still = min((slot.age for slot in filled), default=timedelta())
    if len(filled) == len(slots) and still > after:
        return still
    return max((slot.age for slot in filled if slot.is_aged), default=None)


# Counts


def _counts(queue: Queue, *, now: datetime, next_day: date) -> Counts:
    calendar = queue.calendar.hours()
    quarter = now.timestamp() // QUARTER * QUARTER
    parameters = {
        "team": queue.team_id,
        "now": now,
        "quarter": datetime.fromtimestamp(quarter, tz=now.tzinfo),
        "next_quarter": datetime.fromtimestamp(quarter + QUARTER, tz=now.tzinfo),
        "today": _midnight(now.date(), calendar),
        "tomorrow": _midnight(now.date() + timedelta(1), calendar),
        "after_next": _midnight(next_day + timedelta(1), calendar),
    }
    return Counts(*moves.rows(COUNTS, parameters)[0])


def _past(periods: list[Period]) -> dict[tuple[int, str], list[float]]:
    """For each team and kind the counts of its periods; a team or kind without any record is left out."""
    counts: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    columns = [list(column) for column in zip(*periods, strict=True)] or [[], [], [], []]
    for team_id, kind, count in moves.rows(PAST, columns):
        counts[team_id, kind].append(float(count))
    return counts


def _days_of_done(queue: Queue, *, now: datetime) -> Iterable[Period]:
    """The last ten working days, whole."""
    calendar = queue.calendar.hours()
    today = calendar.local_day(now)
    worked = (day for back in range(1, 60) if calendar.is_working_day(day := today - timedelta(back)))
    for day in islice(worked, PACE_DAYS):
        yield Period(queue.team_id, "done", _midnight(day, calendar), _midnight(day + timedelta(1), calendar))


def _usual_days(queue: Queue, *, now: datetime) -> Iterable[Period]:
    """The last six such weekdays that were worked, up to this time of day."""
    calendar = queue.calendar.hours()
    worked = (day for weeks in range(1, 11) if calendar.is_working_day(day := now.date() - timedelta(weeks=weeks)))
    for day in islice(worked, USUAL_WEEKS):
        yield Period(queue.team_id, "logged", _midnight(day, calendar), calendar.instant(day, now.time()))


def _pace(done: list[float]) -> float | None:
    """Files done a working day; None when none was."""
    return sum(done) / len(done) if any(done) else None


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


def _midnight(day: date, calendar: Calendar) -> datetime:
    return calendar.instant(day, MIDNIGHT)
