"""The skills matrix of a team: people by skills, and how well each skill is covered. Plain values, seven statements at most,
whatever the number of people and skills.

Everybody who works here reads what anybody can do alone or teach, and how well the team is covered. What somebody cannot do alone
yet (I, L, nothing, a certificate that has ended) is a gap: it is told to themselves, to whoever leads their home, to managers and
to administrators, and to nobody else, for whom it looks alike, whichever it is.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.db.models import prefetch_related_objects

from dispatch import attendance, matrix_rows, rights
from dispatch.calendars import Calendar
from dispatch.matrix_rows import Held, Needed
from dispatch.models import Queue
from dispatch.reminders import WARNED
from skills.models import Level, Skill, Team, Worker, short_name

ALONE = Level.U  # from which on somebody counts as able
LATEST = 12  # changes that the page lists


class Cover(StrEnum):
    """How well a skill is covered by the people of a team."""

    NONE = "none"
    SINGLE = "single"  # a single point of failure
    SHORT = "short"  # more than one, fewer than the target
    COVERED = "covered"
    UNASKED = "unasked"  # no file type of the team needs it, and it has no target


@dataclass(frozen=True, slots=True)
class Mark:
    """What one person has in one skill, as this reader may know it. `level` 0 is none, or not told (then not `is_told`).

    `until` is the last day of a certificate, in the zone of the team, only where `is_told`; `practised_on` only where that is told.
    """

    worker_id: int
    skill_id: int
    level: int = 0
    is_told: bool = False
    until: date | None = None
    is_ended: bool = False
    is_ending: bool = False
    practised_on: date | None = None
    beside: str = ""  # the teacher, while the two are paired

    @property
    def letter(self) -> str:
        return Level(self.level).name if self.level else ""

    @property
    def is_able(self) -> bool:
        return self.level >= ALONE and not self.is_ended


@dataclass(frozen=True)
class Column:
    """A skill. `needs` is the least level at which file types of the team need it, "U"; empty where none does. `people` can do it
    alone, `today` of them are here or expected."""

    skill: Skill
    needs: str
    file_types: tuple[str, ...]
    people: int
    today: int
    target: int | None
    teachers: int

    @property
    def cover(self) -> Cover:
        if not self.needs and not self.target:
            return Cover.UNASKED
        if self.people == 0:
            return Cover.NONE
        if self.people == 1 and self.target != 1:
            return Cover.SINGLE
        return Cover.SHORT if self.target and self.people < self.target else Cover.COVERED


@dataclass(frozen=True)
class Row:
    """A person. `is_told`: this reader reads all of their levels; `may_set`: and sets them."""

    worker: Worker
    label: str
    is_here: bool
    lent_to: str
    lent_from: str
    is_told: bool
    may_set: bool
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Change:
    """A level that was changed, in the letters of ILUO; "" for none. Days are the last ones of a certificate."""

    who: str
    skill: str
    level_was: str
    level: str
    until_was: date | None
    until: date | None
    by: str
    at: datetime


@dataclass(frozen=True)
class Matrix:
    """`now` is in the zone of the team; a front office has no calendar; `changes` are the latest that this reader may know of, the
    newest first."""

    team: Team
    calendar: Calendar | None
    now: datetime
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    may_set: bool
    may_see_training: bool

    @property
    def needed(self) -> int:
        """Columns that file types of the team need; they come first."""
        return sum(bool(column.needs) for column in self.columns)

    @property
    def ending(self) -> list[tuple[Row, Column, Mark]]:
        """Certificates that end soon, or have ended, as far as this reader may know; the first to end comes first."""
        found = [
            (row, column, mark)
            for row in self.rows
            for column, mark in zip(self.columns, row.marks, strict=True)
            if mark.is_told and (mark.is_ending or mark.is_ended)
        ]
        return sorted(found, key=lambda each: (each[2].until or date.max, each[0].label))

    def of(self, worker_id: int, skill_id: int) -> tuple[Row, Column, Mark] | None:
        for row in self.rows:
            for column, mark in zip(self.columns, row.marks, strict=True):
                if (mark.worker_id, mark.skill_id) == (worker_id, skill_id):
                    return row, column, mark
        return None


def zone_of(team: Team) -> ZoneInfo:
    """That of the team's calendar; UTC where it has none."""
    return _zone(_queues(team))


def _zone(queues: list[Queue]) -> ZoneInfo:
    return ZoneInfo(queues[0].calendar.hours().zone if queues else "UTC")


def _queues(team: Team) -> list[Queue]:
    """The one it has, with its calendar, or none."""
    return list(Queue.objects.select_related("calendar__current").filter(team=team))


def last_day(until: datetime | None, zone: ZoneInfo) -> date | None:
    """The last day on which something holds that ends at this instant."""
    return (until - timedelta(microseconds=1)).astimezone(zone).date() if until else None


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which this day is over."""
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone)


def matrix(
    team: Team,
    *,
    reader: Worker,
    now: datetime,
    worker: Worker | None = None,
    skill: Skill | None = None,
    changes_of_all: bool = False,
) -> Matrix:
    """As this reader may see it. Of one skill or with the row of one person alone where these are given, whoever needs or has it;
    coverage is always that of the whole team, and changes are with `changes_of_all`."""
    prefetch_related_objects([reader], "leads")  # the rules below ask for them again and again
    queues = _queues(team)
    now = now.astimezone(_zone(queues))
    people, held = matrix_rows.people(team, skill)
    told = {person.pk: rights.may_see_gaps(reader, person) for person in people}
    shown = [person for person in people if worker is None or person.pk == worker.pk]
    marks = _marks(people, held, told=told, reader=reader, beside=matrix_rows.beside(team, skill, now=now), now=now)
    needed = matrix_rows.needed(team, {key[1] for key in marks}, skill)
    able = _able(held, here=attendance.today(queues, now=now).get(team.pk, set()), now=now)
    names = Counter(person.get_short_name() for person in people)
    changed = people if changes_of_all else shown
    return Matrix(
        team=team,
        calendar=queues[0].calendar.hours() if queues else None,
        now=now,
        columns=tuple(_column(each, able[each.skill.pk]) for each in needed),
        rows=tuple(
            _row(person, team, [each.skill for each in needed], marks, names=names, told=told, reader=reader)
            for person in shown
        ),
        changes=_changes([each for each in changed if told[each.pk]], None if changes_of_all else skill, now=now),
        may_set=rights.may_set_levels(reader, team),
        may_see_training=rights.may_see_training(reader, team),
    )


def _marks(
    people: Sequence[Worker],
    held: Iterable[Held],
    *,
    told: Mapping[int, bool],
    reader: Worker,
    beside: Mapping[tuple[int, int], str],
    now: datetime,
) -> dict[tuple[int, int], Mark]:
    practice = {person.pk: rights.may_see_practice(reader, person) for person in people}
    found = {}
    for each in held:
        key = each.worker_id, each.skill_id
        until = each.certified_until
        is_ended = until is not None and until <= now
        if told[each.worker_id]:
            found[key] = Mark(
                *key,
                level=each.level,
                is_told=True,
                until=last_day(until, now.tzinfo),  # type: ignore[arg-type]  # the zone of the team
                is_ended=is_ended,
                is_ending=until is not None and now < until <= now + WARNED,
                practised_on=each.practised_on if practice[each.worker_id] else None,
                beside=beside.get(key, ""),
            )
        elif each.level >= ALONE and not is_ended:
            found[key] = Mark(*key, level=each.level)
    return found


@dataclass
class _Able:
    people: int = 0
    today: int = 0
    teachers: int = 0


def _able(held: Iterable[Held], *, here: Collection[int], now: datetime) -> defaultdict[int, _Able]:
    """By skill, those who can do it alone, whoever reads it."""
    found: defaultdict[int, _Able] = defaultdict(_Able)
    for each in held:
        if each.level >= ALONE and not (each.certified_until and each.certified_until <= now):
            of_skill = found[each.skill_id]
            of_skill.people += 1
            of_skill.today += each.worker_id in here
            of_skill.teachers += each.level == Level.O
    return found


def _column(needed: Needed, able: _Able) -> Column:
    return Column(
        skill=needed.skill,
        needs=Level(needed.least_level).name if needed.least_level else "",
        file_types=tuple(needed.file_types),
        people=able.people,
        today=able.today,
        target=needed.target,
        teachers=able.teachers,
    )


def _row(
    person: Worker,
    team: Team,
    skills: Sequence[Skill],
    marks: Mapping[tuple[int, int], Mark],
    *,
    names: Counter[str],
    told: Mapping[int, bool],
    reader: Worker,
) -> Row:
    """With the name as short as it can be told from the others'."""
    is_told, short = told[person.pk], person.get_short_name()
    keys = [(person.pk, skill.pk) for skill in skills]
    return Row(
        worker=person,
        label=short if names[short] == 1 else person.name,
        is_here=person.is_present and person.works_in_id == team.pk,
        lent_to=str(person.works_in) if person.works_in_id != team.pk else "",
        lent_from=str(person.team) if person.team_id != team.pk else "",
        is_told=is_told,
        may_set=person.team is not None and rights.may_set_levels(reader, person.team),
        marks=tuple(marks.get(key) or Mark(*key, is_told=is_told) for key in keys),
    )


def _changes(people: Sequence[Worker], skill: Skill | None, *, now: datetime) -> tuple[Change, ...]:
    if not people:
        return ()
    zone = now.tzinfo
    assert isinstance(zone, ZoneInfo)
    names = {person.pk: person.get_short_name() for person in people}
    return tuple(
        Change(
            who=names[each.worker_id],
            skill=each.skill,
            level_was=_letter(each.level_was),
            level=_letter(each.level),
            until_was=last_day(each.until_was, zone),
            until=last_day(each.until, zone),
            by=short_name(each.by) if each.by else "",
            at=each.at.astimezone(zone),
        )
        for each in matrix_rows.changes(names, skill, most=LATEST)
    )


def _letter(level: int | None) -> str:
    return Level(level).name if level else ""
