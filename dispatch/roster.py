"""Who is here in a week: people by working days, who is away when, who is lent in or out, and what nobody could do.

Plain values in seven statements, whatever the number of people. That somebody is away is known to everybody; why, in the note of an
absence, to the person and who leads them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dispatch import attendance
from dispatch.attendance import Able, Expected
from dispatch.calendars import ONE_DAY, Calendar
from dispatch.models import Absence, Loan, Queue
from skills.models import Role, Worker

WEEK = timedelta(days=7)
FIRST, LAST = date(2000, 1, 3), date(2199, 12, 23)
MIDNIGHT = time(0)
AWAY, LENT, VISITING = "away", "lent", "visiting"
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Piece:
    """Why somebody is not here, or only on loan, for a part of a day. Instants are in the zone of the team."""

    kind: str  # AWAY, LENT to another team, VISITING from one
    starts_at: datetime
    ends_at: datetime
    is_whole: bool  # all the work of the day
    team: str = ""  # the other one
    absence: int | None = None
    note: str = ""  # for whom it is for


@dataclass(frozen=True)
class Cell:
    """One person on one day. `share` is how much of the team's working time they are expected here, 1 for all of it.

    `key` names the cell on the page, `query` asks for its form, and `told` is for who hears the page: values that the template
    need not put together, as a week of thirty people has two hundred cells.
    """

    day: date
    key: str
    query: str
    told: str
    is_off: bool
    share: float
    pieces: tuple[Piece, ...]
    is_open: bool = False  # its form is shown
    is_plain: bool = False  # here, and nothing else to say: as most are, which the template writes in a shorter way

    @property
    def is_here(self) -> bool:
        return self.share > 0


@dataclass(frozen=True)
class Line:
    """One person in the week. `home` is empty for whose home it is."""

    username: str
    name: str
    home: str
    cells: tuple[Cell, ...]
    may_plan: bool
    is_me: bool

    @property
    def opened(self) -> Cell | None:
        return next((cell for cell in self.cells if cell.is_open), None)


@dataclass(frozen=True)
class Day:
    """A column. `off` says why nobody works, and is empty on a working day; `missing` are skills that nobody here can do alone."""

    day: date
    off: str
    is_today: bool
    here: int = 0
    in_part: int = 0  # of them
    people: int = 0  # whose home it is
    missing: tuple[str, ...] = ()

    @property
    def is_thin(self) -> bool:
        return not self.off and 2 * self.here < self.people


class _Column(NamedTuple):
    """What the cells of one day have in common."""

    day: date
    week: str
    told: str
    spans: list[Span]


@dataclass(frozen=True)
class Week:
    monday: date
    is_this: bool
    days: tuple[Day, ...]
    lines: tuple[Line, ...]
    zone: str
    before: str  # the week, for its address; empty where the calendars end
    after: str

    @property
    def name(self) -> str:
        return name_of(self.monday)

    @property
    def number(self) -> int:
        return self.monday.isocalendar().week

    @property
    def last(self) -> date:
        return self.days[-1].day if self.days else self.monday + WEEK - ONE_DAY


def name_of(monday: date) -> str:
    """ "2026-W49", by ISO 8601: the week with the Thursday is of the Thursday's year."""
    year, week, _weekday = monday.isocalendar()
    return f"{year}-W{week:02}"


def monday_named(name: str) -> date | None:
    """The Monday of "2026-W49"; None for what is no week, or lies beyond the calendars."""
    year, dash, week = name.partition("-W")
    if not (dash and name.isascii() and year.isdecimal() and week.isdecimal() and len(year) == 4 and len(week) == 2):
        return None
    try:
        monday = date.fromisocalendar(int(year), int(week), 1)
    except ValueError:
        return None
    return monday if FIRST <= monday <= LAST else None


def key_of(username: str, day: date | None) -> str:
    """Of a cell."""
    return f"{username}-{day}"


def monday_of(calendar: Calendar, *, now: datetime) -> date:
    """Of the week that it is for the team."""
    today = calendar.local_day(now)
    return today - timedelta(days=today.weekday())


def week_of(
    queue: Queue,
    monday: date,
    *,
    reader: Worker,
    may_plan: Callable[[Worker], bool],
    opened: tuple[str, date | None] = ("", None),
    focus: str = "",
    now: datetime,
) -> Week:
    """The week of a team as this person may see it; `opened` is whose day is to be filled in, `focus` the key of the cell that
    has it."""
    calendar = queue.calendar.hours()
    days = [day for day in (monday + number * ONE_DAY for number in range(7)) if _is_column(calendar, day)]
    asked = {queue: [day for day in days if calendar.is_working_day(day)]}
    came = {(each.worker_id, each.day): each for each in attendance.expected(asked, now=now)}
    since, until = calendar.instant(monday, MIDNIGHT), calendar.instant(monday + WEEK, MIDNIGHT)
    people, lent = _people(queue.team_id, since=since, until=until)
    away = _away(people, calendar, since=since, until=until, now=now)
    columns = [_Column(day, name_of(monday), date_format(day, "l j F"), calendar.intervals_on(day)) for day in days]
    lines = [
        _line(
            worker,
            columns,
            came,
            [*lent[worker.pk], *away[worker.pk]],
            queue,
            reader=reader,
            may=may_plan(worker),
            opened=opened,
            focus=focus,
        )
        for worker in people
    ]
    homes = sum(worker.team_id == queue.team_id for worker in people)
    able = attendance.able(asked, now=now)
    return Week(
        monday=monday,
        is_this=monday == monday_of(calendar, now=now),
        days=tuple(_days(days, calendar, came.values(), able, people=homes, now=now)),
        lines=tuple(lines),
        zone=calendar.zone,
        before=name_of(monday - WEEK) if monday - WEEK >= FIRST else "",
        after=name_of(monday + WEEK) if monday + WEEK <= LAST else "",
    )


def _is_column(calendar: Calendar, day: date) -> bool:
    """Weekdays that are usually worked, and others that are this time."""
    return bool(calendar.week[day.weekday()]) or calendar.is_working_day(day)


def _days(
    days: Sequence[date],
    calendar: Calendar,
    came: Iterable[Expected],
    able: Iterable[Able],
    *,
    people: int,
    now: datetime,
) -> Iterator[Day]:
    today = calendar.local_day(now)
    here, in_part, missing = Counter[date](), Counter[date](), defaultdict[date, list[str]](list)
    for each in came:
        here[each.day] += 1
        in_part[each.day] += _is_part(each.share)
    for skill in able:
        if not skill.people:
            missing[skill.day].append(skill.skill)
    for day in days:
        if not calendar.is_working_day(day):
            yield Day(day, _("public holiday") if calendar.is_holiday(day) else _("day off"), day == today)
        else:
            yield Day(day, "", day == today, here[day], in_part[day], people, tuple(missing[day]))


def _is_part(share: float) -> bool:
    return share < 0.999


# --- Lines ----------------------------------------------------------------------------------------------------------------

Why = tuple[str, datetime, datetime, str, int | None, str]  # kind, from, until, other team, absence, note


def _people(team_id: int, *, since: datetime, until: datetime) -> tuple[list[Worker], dict[int, list[Why]]]:
    """Whose home it is and who is lent here in this week, in order of names; and by person the loans from and to here."""
    loans = (
        Loan.objects.filter(Q(started_at__isnull=False) | Q(ended_at__isnull=True), agreed_at__isnull=False)
        .filter(Q(to_team=team_id) | Q(from_team=team_id))
        .annotate(since=Coalesce("started_at", "starts_at"), till=Coalesce("ended_at", "ends_at"))
        .filter(since__lt=until, till__gt=since)
        .select_related("from_team", "to_team")
    )
    why: defaultdict[int, list[Why]] = defaultdict(list)
    visitors = set()
    for loan in loans:
        is_visit = loan.to_team_id == team_id
        kind, other = (VISITING, loan.from_team) if is_visit else (LENT, loan.to_team)
        why[loan.worker_id].append((kind, loan.since, loan.till, other.name, None, ""))
        visitors |= {loan.worker_id} if is_visit else set()
    people = Worker.objects.filter(Q(team=team_id) | Q(pk__in=visitors), is_active=True, roles__contains=[Role.WORKER])
    read = people.only("username", "name", "is_present", "away_until", "team__name", "works_in__name")
    return list(read.select_related("team", "works_in").order_by("name", "pk")), why


def _away(
    people: Sequence[Worker], calendar: Calendar, *, since: datetime, until: datetime, now: datetime
) -> dict[int, list[Why]]:
    """Planned absences; and who is away right now without one, today until they said or else all day. Who came back before an
    absence was over has ended it."""
    away: defaultdict[int, list[Why]] = defaultdict(list)
    present = {worker.pk for worker in people if worker.is_present}
    for each in Absence.objects.filter(worker__in=people, starts_at__lt=until, ends_at__gt=since):
        is_over = each.has_begun and each.worker_id in present
        till = max(each.starts_at, min(each.ends_at, now)) if is_over else each.ends_at
        away[each.worker_id].append((AWAY, each.starts_at, till, "", each.pk, each.note))
    today = calendar.local_day(now)
    midnight, next_one = (calendar.instant(day, MIDNIGHT) for day in (today, today + ONE_DAY))
    for worker in people:
        is_told = any(starts_at <= now < till for _kind, starts_at, till, *_ in away[worker.pk])
        if not worker.is_present and not is_told:
            till = worker.away_until if worker.away_until and worker.away_until > now else next_one
            away[worker.pk].append((AWAY, midnight, till, "", None, ""))
    return away


def _line(
    worker: Worker,
    columns: Sequence[_Column],
    came: dict[tuple[int, date], Expected],
    why: Sequence[Why],
    queue: Queue,
    *,
    reader: Worker,
    may: bool,
    opened: tuple[str, date | None],
    focus: str,
) -> Line:
    calendar, is_me = queue.calendar.hours(), worker.pk == reader.pk
    query = urlencode({"week": columns[0].week, "for": worker.username}) if columns else ""
    cells = []
    for day, _week, told, spans in columns:
        expected = came.get((worker.pk, day))
        pieces = sorted(_pieces(why, spans, calendar, is_told=may or is_me), key=attrgetter("starts_at")) if why else ()
        key, share = key_of(worker.username, day), expected.share if expected else 0.0
        is_open = may and bool(spans) and opened == (worker.username, day)
        cells.append(
            Cell(
                day,
                key,
                f"{query}&on={day}",
                f"{worker.name}, {told}",
                not spans,
                share,
                tuple(pieces),
                is_open,
                is_plain=share > 0 and not pieces and not is_open and key != focus,
            )
        )
    home = str(worker.team) if worker.team_id != queue.team_id else ""
    return Line(worker.username, worker.name, home, tuple(cells), may, is_me)


def _pieces(why: Sequence[Why], spans: Sequence[Span], calendar: Calendar, *, is_told: bool) -> Iterator[Piece]:
    """What of these lies in the work of a day, each from its first to its last working minute."""
    for kind, since, till, team, absence, note in why:
        parts = [(max(since, opens), min(till, closes)) for opens, closes in spans if since < closes and till > opens]
        if parts and parts[0][0] < parts[-1][1]:
            yield Piece(
                kind,
                calendar.local(parts[0][0]),
                calendar.local(parts[-1][1]),
                is_whole=parts == list(spans),
                team=team,
                absence=absence,
                note=note if is_told else "",
            )
