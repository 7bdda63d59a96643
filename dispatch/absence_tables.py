"""Planned absences from a table: all of them or none, and the same table again changes nothing.

Times without a zone are those of the person's team; a date alone is all the work of its day, a last day included.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import NamedTuple, TypeVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from dispatch import absences, moves, refusals, tables
from dispatch.acts import act
from dispatch.calendars import Calendar
from dispatch.intake_rows import Wrong, read_text
from dispatch.models import Absence, Event, Queue
from dispatch.tables import Cell, Columns, Problem, Row, Table
from skills.models import Role, Worker

REQUIRED = ("username", "starts_at", "ends_at")
OPTIONAL = ("note",)
FIELDS = (*REQUIRED, *OPTIONAL)
MIDNIGHT = time(0)
T = TypeVar("T")
YEARS = range(2000, 2200)


class Overtaken(refusals.Refused):
    """Somebody planned an absence of one of these people while the import ran."""


class When(NamedTuple):
    """What a cell says: a day and perhaps a time of it; or, where it names a zone, an instant."""

    day: date
    time: time | None
    instant: datetime | None = None


@dataclass(frozen=True)
class Planned:
    """A good row, its instants in the zone of the person's team."""

    line: int
    worker: Worker
    starts_at: datetime
    ends_at: datetime
    note: str

    @property
    def times(self) -> tuple[int, datetime, datetime]:
        return self.worker.pk, self.starts_at, self.ends_at


@dataclass(frozen=True)
class Outcome:
    """What an import did, or would do: with problems, or as a dry run, nothing was written. `planned` are the new ones."""

    planned: tuple[Planned, ...]
    unchanged: int
    over: int
    problems: tuple[Problem, ...]
    notices: tuple[str, ...]
    is_written: bool

    @property
    def new(self) -> int:
        return len(self.planned)


@dataclass(frozen=True)
class Desk:
    """What rows are checked against, read before the first of them."""

    workers: Mapping[str, Worker]
    hours: Mapping[int, Calendar]  # by team
    may_plan: Callable[[Worker], bool]


@act
def import_absences(
    table: Table,
    *,
    may_plan: Callable[[Worker], bool] = lambda _worker: True,
    most: int | None = None,
    dry_run: bool = False,
    named: Mapping[str, str] | None = None,
    by: Worker | None,
    now: datetime,
) -> Outcome:
    """Plan every absence of the table that is not there yet and not over; one that is there keeps its note.

    `may_plan` says of whom `by` may plan any; `most` is how many rows there may be; `named` which column holds which field. Raises
    tables.Unreadable, Overtaken.
    """
    columns = tables.columns(table.header, required=REQUIRED, optional=OPTIONAL, named=named)
    rows, problems = _read(table, columns, _desk(may_plan), most=most)
    there = _there([row.worker.pk for row in rows])
    new = [row for row in rows if row.times not in there]
    coming = [row for row in new if row.ends_at > now]
    problems += _overlaps(coming, there)
    is_written = not problems and not dry_run
    if is_written and coming:
        _write(coming, by=by, now=now)
    over = len(new) - len(coming)
    notices = (*table.notices, *columns.notices)
    return Outcome(tuple(coming), len(rows) - len(new), over, tuple(sorted(problems)), notices, is_written)


# --- Each row -------------------------------------------------------------------------------------------------------------


def _desk(may_plan: Callable[[Worker], bool]) -> Desk:
    queues = Queue.objects.select_related("calendar__current")
    return Desk(
        workers={worker.username.casefold(): worker for worker in Worker.objects.select_related("team", "works_in")},
        hours={queue.team_id: queue.calendar.hours() for queue in queues},
        may_plan=may_plan,
    )


def _read(table: Table, columns: Columns, desk: Desk, *, most: int | None) -> tuple[list[Planned], list[Problem]]:
    """Rows that are there twice are one."""
    found: dict[tuple[int, datetime, datetime], Planned] = {}
    problems: list[Problem] = []
    for number, row in enumerate(table.rows(), 1):
        if most is not None and number > most:
            raise tables.Unreadable(
                _("This table has more than %(most)s rows. Split it, or have it imported with import_absences.")
                % {"most": most}
            )
        checked = _check(row, columns, desk)
        if isinstance(checked, Planned):
            found.setdefault(checked.times, checked)
        else:
            problems += checked
    return list(found.values()), problems


def _check(row: Row, columns: Columns, desk: Desk) -> Planned | list[Problem]:
    """The row as an absence, or everything that is wrong with it."""
    if row.problem:
        return [Problem(row.line, "", row.problem)]
    cells = columns.pick(row)
    problems: list[Problem] = []

    def read(column: str, reader: Callable[[Cell], T]) -> T | None:
        try:
            return reader(cells.get(column, ""))
        except Wrong as wrong:
            problems.append(Problem(row.line, column, str(wrong)))
            return None

    worker = read("username", lambda cell: _worker(cell, desk))
    since, until = read("starts_at", _when), read("ends_at", _when)
    note = read("note", lambda cell: read_text(cell, longest=200))
    if worker is None or since is None or until is None or problems:
        return problems
    hours = desk.hours[worker.team_id or 0]
    try:
        starts_at, ends_at = _span(since, until, hours)
    except absences.TakesNoTime as error:
        return [Problem(row.line, "ends_at", str(error))]
    return Planned(row.line, worker, hours.local(starts_at), hours.local(ends_at), note or "")


def _worker(cell: Cell, desk: Desk) -> Worker:
    text = read_text(cell, longest=150)
    if not text:
        raise Wrong(_("The user name is missing. Say whose absence it is."))
    worker = desk.workers.get(text.casefold())
    if worker is None:
        raise Wrong(_("There is nobody with the user name %(text)s. Write the one they sign in with.") % {"text": text})
    if Role.WORKER not in worker.roles or worker.team is None or not worker.is_active:
        raise Wrong(_("%(name)s works in no team now, so no absence is planned. Remove this row.") % {"name": worker})
    if worker.team_id not in desk.hours:
        raise Wrong(
            _("%(name)s is of %(team)s, which is not dispatched here: no absence is planned. Remove this row.")
            % {"name": worker, "team": worker.team}
        )
    if not desk.may_plan(worker):
        raise Wrong(
            _("%(name)s is in no team that you lead. Remove this row, or give it to their leader.") % {"name": worker}
        )
    return worker


def _when(cell: Cell) -> When:
    """A workbook has no dates without a time: midnight in it is a day."""
    if not cell:
        raise Wrong(_("The day is missing. Write it as 2026-12-24, or with a time as 2026-12-24 13:00."))
    try:
        at = cell if isinstance(cell, datetime) else datetime.fromisoformat(cell)
    except ValueError as error:
        raise Wrong(
            _("%(text)s is no day. Write it as 2026-12-24, or with a time as 2026-12-24 13:00.")
            % {"text": ascii(cell)[:40]}
        ) from error
    if at.year not in YEARS:
        raise Wrong(_("The year %(year)s is out of reach. Check the date.") % {"year": at.year})
    if at.tzinfo is not None:
        return When(at.date(), at.time(), at)
    is_day = at.time() == MIDNIGHT if isinstance(cell, datetime) else len(cell) <= len("2026-12-24")
    return When(at.date(), None if is_day else at.time())


def _span(since: When, until: When, hours: Calendar) -> tuple[datetime, datetime]:
    """Instants are as good as wall times of the team."""
    start, end = (_local(each, hours) for each in (since, until))
    return absences.between(hours, from_day=start.day, from_time=start.time, until_day=end.day, until_time=end.time)


def _local(when: When, hours: Calendar) -> When:
    if when.instant is None:
        return when
    local = hours.local(when.instant)
    return When(local.date(), local.time())


# --- Against what is there ------------------------------------------------------------------------------------------------


def _there(workers: Collection[int]) -> set[tuple[int, datetime, datetime]]:
    found = Absence.objects.filter(worker__in=set(workers)).values_list("worker", "starts_at", "ends_at")
    return {(worker, starts_at, ends_at) for worker, starts_at, ends_at in found}


def _overlaps(rows: Sequence[Planned], there: Collection[tuple[int, datetime, datetime]]) -> list[Problem]:
    """Each row that meets another one, of the table or planned before."""
    taken: defaultdict[int, list[tuple[datetime, datetime, int]]] = defaultdict(list)
    for worker, starts_at, ends_at in there:
        taken[worker].append((starts_at, ends_at, 0))
    problems = []
    for row in rows:
        mine = taken[row.worker.pk]
        met = next(
            (line for starts_at, ends_at, line in mine if starts_at < row.ends_at and ends_at > row.starts_at), None
        )
        mine.append((row.starts_at, row.ends_at, row.line))
        if met:
            message = _("It overlaps line %(line)s. Make one row of the two, or change the times.") % {"line": met}
            problems.append(Problem(row.line, "starts_at", message))
        elif met == 0:
            message = _("An absence at that time is planned already. Remove it first, or choose another time.")
            problems.append(Problem(row.line, "starts_at", message))
    return problems


def _write(rows: Sequence[Planned], *, by: Worker | None, now: datetime) -> None:
    """Queues first and in order, as every act takes them; then the absences with an event each."""
    teams = {team for row in rows for team in (row.worker.team_id, row.worker.works_in_id) if team}
    moves.take_queues(teams)
    new = [Absence(worker=row.worker, starts_at=row.starts_at, ends_at=row.ends_at, note=row.note) for row in rows]
    try:
        with transaction.atomic():
            made = Absence.objects.bulk_create(new)
    except IntegrityError as error:
        if "absences_do_not_overlap" not in str(error):
            raise
        message = _("Somebody planned one of these absences at the same time. Nothing was written; import again.")
        raise Overtaken(message) from error
    Event.objects.bulk_create([absences.event_of(Event.Kind.PLANNED, each, by=by, now=now) for each in made])
