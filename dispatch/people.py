"""Many people at once, from a table: all of them or none, and the same table again changes nothing.

What the table does not say stays as it is: nobody loses a role or a skill, and a count never lowers anybody. Who is present
stays in their team: their files have to leave them first, by the verb.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from dispatch import directory, flow, levels, moves, refusals, tables, timetables
from dispatch.acts import act
from dispatch.intake_rows import Wrong, collapsed, no_queue, read_text
from dispatch.models import Event, Queue, Slot, WorkCalendar
from dispatch.tables import Cell, Columns, Problem, Row, Table
from dispatch.timetables import Timetable
from skills.models import Competence, Level, Role, Skill, Team, Worker

REQUIRED = ("username",)
OPTIONAL = ("name", "team", "roles", "skills")
FIELDS = (*REQUIRED, *OPTIONAL)

# The level that follows from having practised something so many times.
PRACTISED = ((1, Level.I), (20, Level.L), (100, Level.U), (500, Level.O))


class Overtaken(refusals.Refused):
    """Somebody came in, or was changed, while the import ran."""


@dataclass(frozen=True)
class Ability:
    """A level to be set; or, from a count, the least that a person can be taken to have."""

    level: Level
    is_counted: bool

    def beside(self, held: int) -> int:
        return max(self.level, held) if self.is_counted else self.level


@dataclass(frozen=True)
class Person:
    """A good row. Empty is what the table does not say."""

    line: int
    username: str
    name: str = ""
    team: Team | None = None
    roles: frozenset[str] = frozenset()
    skills: Mapping[str, Ability] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A person as they are (new ones unsaved, without a key), and as they are to be. `levels` by the skill's name."""

    worker: Worker
    name: str
    team: Team | None
    roles: list[str]
    levels: Mapping[str, int]
    came_in: bool

    @property
    def kind(self) -> str:
        if self.worker._state.adding:
            return "new"
        before = (self.worker.name, self.worker.team, self.worker.roles)
        return "changed" if self.levels or before != (self.name, self.team, self.roles) else "unchanged"

    @property
    def is_moved(self) -> bool:
        return self.kind == "changed" and self.worker.team != self.team

    @property
    def team_ids(self) -> set[int]:
        """The teams that notice."""
        if self.kind == "unchanged" and not self.came_in:
            return set()
        return {team.pk for team in (self.team, self.worker.team) if team}


@dataclass(frozen=True)
class Outcome:
    """What an import did, or would do: with problems, or as a dry run, nothing was written."""

    new: int
    changed: int
    unchanged: int
    came_in: int
    problems: tuple[Problem, ...]
    notices: tuple[str, ...]
    is_written: bool


def level_for(times: int) -> Level:
    """The level that follows from having practised something at least once, by `PRACTISED`."""
    return [level for least, level in PRACTISED if times >= least][-1]


@act
def import_people(
    table: Table,
    *,
    team: Team | None = None,
    create_team: str = "",
    present: bool = False,
    dry_run: bool = False,
    named: Mapping[str, str] | None = None,
    now: datetime,
) -> Outcome:
    """Make or change every person of the table, open their bins, and with `present` have them come in.

    `team`, or one by the name `create_team` that is made if it is missing, is for those who have none, neither here nor in
    their row. `named` says which column holds which field. Raises tables.Unreadable, Overtaken.
    """
    if "password" in {tables.key(name) for name in table.header}:
        raise tables.Unreadable(
            _("Passwords are not imported. Remove the column; an administrator gives out the first ones.")
        )
    columns = tables.columns(table.header, required=REQUIRED, optional=OPTIONAL, named=named)
    notices = [*table.notices, *columns.notices]
    try:
        with transaction.atomic():
            if create_team:
                team = _made_team(create_team, notices, now=now)
            people, problems = _people(table, columns)
            changes, conflicts = _compared(people, default=team, present=present)
            kinds = Counter(change.kind for change in changes)
            problems += conflicts
            is_written = not problems and not dry_run
            if is_written:
                _write(changes, now=now)
            transaction.set_rollback(not is_written)
    except IntegrityError as error:
        raise Overtaken(
            _("Somebody made one of these people at the same time. Nothing was written; import again.")
        ) from error
    came_in = sum(change.came_in for change in changes)
    return Outcome(
        kinds["new"], kinds["changed"], kinds["unchanged"], came_in, tuple(sorted(problems)), tuple(notices), is_written
    )


def _made_team(name: str, notices: list[str], *, now: datetime) -> Team:
    """The team by this name with a central queue; it, the queue and a work calendar are made where they are missing."""
    name = collapsed(name)
    found = directory.meant(name, directory.index(Team.objects.all())[name.upper()])
    team = found[0] if found else Team.objects.create(name=name, slug=directory.free_addresses(Team, [name])[name])
    if team.is_front_office:
        raise tables.Unreadable(
            _("%(team)s is a front office, which has no central queue. Write --team %(slug)s instead.")
            % {"team": team, "slug": team.slug}
        )
    if not Queue.objects.filter(team=team).exists():
        calendar = WorkCalendar.objects.order_by("pk").first()
        calendar = calendar or timetables.make(_("Standard"), Timetable("Europe/Paris"), now=now)
        Queue.objects.create(team=team, calendar=calendar)
        notices.append(
            _("%(team)s works by the calendar %(calendar)s (%(zone)s). The administration can change it.")
            % {"team": team, "calendar": calendar, "zone": calendar.current.zone}
        )
    return team


# --- Each row -------------------------------------------------------------------------------------------------------------


def _people(table: Table, columns: Columns) -> tuple[list[Person], list[Problem]]:
    teams = directory.index(Team.objects.all())
    queues = set(Queue.objects.values_list("team", flat=True))
    people: dict[str, Person] = {}
    problems: list[Problem] = []
    for row in table.rows():
        checked = _check(row, columns, teams=teams)
        if not isinstance(checked, Person):
            problems += checked
        elif twin := people.get(checked.username.casefold()):
            message = _("%(username)s is in line %(line)s already. Put all about a person into one row.")
            problems.append(Problem(row.line, "username", message % {"username": checked.username, "line": twin.line}))
        elif checked.team and checked.team.pk not in queues and not checked.team.is_front_office:
            problems.append(Problem(row.line, "team", no_queue(checked.team)))
        else:
            people[checked.username.casefold()] = checked
    return list(people.values()), problems


def _check(row: Row, columns: Columns, *, teams: Mapping[str, list[Team]]) -> Person | list[Problem]:
    """The row as a person, or everything that is wrong with it."""
    if row.problem:
        return [Problem(row.line, "", row.problem)]
    cells = columns.pick(row)
    readers = {
        "username": _username,
        "name": lambda cell: read_text(cell, longest=directory.longest(Worker, "name")),
        "team": lambda cell: _team(cell, teams),
        "roles": _roles,
        "skills": _skills,
    }
    values: dict[str, Any] = {}
    problems = []
    for column, reader in readers.items():
        try:
            values[column] = reader(cells.get(column, ""))
        except Wrong as wrong:
            problems.append(Problem(row.line, column, str(wrong)))
    return problems or Person(row.line, **values)


def _username(cell: Cell) -> str:
    text = Worker.normalize_username(str(cell))
    if not text:
        raise Wrong(_("The user name is missing. Everybody needs one of their own."))
    try:
        Worker._meta.get_field("username").run_validators(text)
    except ValidationError as error:
        message = _("%(text)s cannot be a user name. %(why)s")
        raise Wrong(message % {"text": ascii(text[:80]), "why": " ".join(error.messages)}) from error
    return text


def _team(cell: Cell, teams: Mapping[str, list[Team]]) -> Team | None:
    text = collapsed(cell)
    if not text:
        return None
    found = directory.meant(text, teams.get(text.upper(), ()))
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted({team.name for same in teams.values() for team in same})) or _("none yet")
    message = _("There is no team %(text)s. Write one that is there (%(known)s), or make it first.")
    raise Wrong(message % {"text": text[:80], "known": known})


def _roles(cell: Cell) -> frozenset[str]:
    known = {name: role.value for role in Role for name in (role.value.casefold(), str(role.label).casefold())}
    names = _listed(cell)
    for name in names:
        if name.casefold() not in known:
            message = _("There is no role %(name)s. Write one or more of: %(roles)s.")
            raise Wrong(message % {"name": name[:80], "roles": ", ".join(Role.values)})
    roles = frozenset(known[name.casefold()] for name in names)
    if Role.ADMINISTRATOR in roles:
        raise Wrong(_("Administrators are not imported. Make this person one in the administration."))
    return roles


def _skills(cell: Cell) -> dict[str, Ability]:
    """ "Marine:U; Appeals:120" as abilities by name; what was practised no time at all is left out."""
    abilities: dict[str, Ability] = {}
    for entry in _listed(cell):
        name, colon, level = (part.strip() for part in entry.rpartition(":"))
        if not colon or not name:
            raise Wrong(
                _("%(entry)s is not a skill with a level. Write it like Marine:U or Marine:120.")
                % {"entry": entry[:80]}
            )
        if name.upper() in {each.upper() for each in abilities}:
            raise Wrong(_("%(name)s is named twice. Keep one of them.") % {"name": name})
        name = read_text(name, longest=directory.longest(Skill, "name"))
        if ability := _ability(level):
            abilities[name] = ability
    return abilities


def _ability(text: str) -> Ability | None:
    if text.upper() in Level.names:
        return Ability(Level[text.upper()], is_counted=False)
    if re.fullmatch(r"[0-9]{1,9}", text):
        return Ability(level_for(int(text)), is_counted=True) if int(text) else None
    message = _("%(level)s is not a level. Write I, L, U or O, or how many times it was practised, as a whole number.")
    raise Wrong(message % {"level": ascii(text[:40])})


def _listed(cell: Cell) -> list[str]:
    return [text for part in re.split(r"[;|\n]", str(cell)) if (text := collapsed(part))]


# --- Against what is there ------------------------------------------------------------------------------------------------


def _compared(people: Sequence[Person], *, default: Team | None, present: bool) -> tuple[list[Change], list[Problem]]:
    workers = {worker.username.casefold(): worker for worker in Worker.objects.select_related("team")}
    held = {
        (worker, skill): level for worker, skill, level in Competence.objects.values_list("worker", "skill", "level")
    }
    skills = directory.index(Skill.objects.all())
    changes, problems = [], []
    for person in people:
        worker = workers.get(person.username.casefold()) or Worker(username=person.username)
        change = _change(person, worker, default=default, held=held, skills=skills, present=present)
        changes.append(change)
        if worker.username != person.username:
            message = _("There is %(username)s already, spelt otherwise. Write it the same way.")
            problems.append(Problem(person.line, "username", message % {"username": worker.username}))
        if change.is_moved and worker.works_in_id != worker.team_id:
            message = _("%(name)s is lent to another team. End the loan first, then import again.")
            problems.append(Problem(person.line, "team", message % {"name": worker}))
        if change.is_moved and worker.is_present:
            message = _(
                "%(name)s is present in %(team)s and may hold files there. Mark them away first, then import again."
            )
            problems.append(Problem(person.line, "team", message % {"name": worker, "team": worker.team}))
    return changes, problems


def _change(
    person: Person,
    worker: Worker,
    *,
    default: Team | None,
    held: Mapping[tuple[int, int], int],
    skills: Mapping[str, list[Skill]],
    present: bool,
) -> Change:
    is_new = worker._state.adding
    levels = {}
    for name, ability in person.skills.items():
        skill = directory.meant(name, skills.get(name.upper(), ()))
        before = held.get((worker.pk, skill[0].pk), 0) if skill else 0
        if ability.beside(before) != before:
            levels[name] = ability.beside(before)
    roles = [
        role for role in Role.values if role in {*worker.roles, *(person.roles or ({Role.WORKER} if is_new else ()))}
    ]
    team = person.team or worker.team or default
    return Change(
        worker,
        name=person.name or (person.username if is_new else worker.name),
        team=team,
        roles=roles if set(roles) != set(worker.roles) else worker.roles,
        levels=levels,
        came_in=present and _has_bin(team) and Role.WORKER in roles and worker.is_active and not worker.is_present,
    )


def _has_bin(team: Team | None) -> bool:
    return team is not None and not team.is_front_office


def _write(changes: Sequence[Change], *, now: datetime) -> None:
    """Queues first and in the order of teams, as every act takes them; then people, skills, bins, and who comes in."""
    concerned = {team_id for change in changes for team_id in change.team_ids}
    team_ids = sorted(Queue.objects.filter(team__in=concerned).values_list("team", flat=True))
    for team_id in team_ids:
        moves.take(team_id)
    keys = _save_people(changes)
    _save_leads(changes, keys)
    with levels.written_down([keys[change.worker.username] for change in changes if change.levels], by=None, now=now):
        _save_levels(changes, keys)
    for team_id in team_ids:
        flow.open_bins(team_id, now=now)
        coming = [change for change in changes if change.came_in and change.team and change.team.pk == team_id]
        _come_in([keys[change.worker.username] for change in coming], team_id=team_id, now=now)
        flow.wake(team_id)


def _save_people(changes: Sequence[Change]) -> dict[str, int]:
    """Everybody's key. Nobody new can sign in before an administrator gives them a password."""
    keys = {change.worker.username: change.worker.pk for change in changes}
    new = [
        Worker(
            username=change.worker.username,
            password=make_password(None),
            name=change.name,
            team=change.team,
            roles=change.roles,
        )
        for change in changes
        if change.kind == "new"
    ]
    keys |= {worker.username: worker.pk for worker in Worker.objects.bulk_create(new)}
    for change in changes:
        if change.kind == "changed":
            as_seen = Worker.objects.filter(pk=change.worker.pk, team=change.worker.team)
            if change.is_moved:
                as_seen = as_seen.filter(Q(team=None) | Q(works_in=F("team")), is_present=False)
            if not as_seen.update(name=change.name, team=change.team, roles=change.roles):
                message = _("%(name)s was changed while the import ran. Nothing was written; import again.")
                raise Overtaken(message % {"name": change.worker})
    return keys


def _save_leads(changes: Sequence[Change], keys: Mapping[str, int]) -> None:
    """Who becomes a leader leads the team of their row."""
    leads = Worker.leads.through
    leads.objects.bulk_create(
        [
            leads(worker_id=keys[change.worker.username], team_id=change.team.pk)
            for change in changes
            if change.team and Role.LEADER in change.roles and Role.LEADER not in change.worker.roles
        ],
        ignore_conflicts=True,
    )


def _save_levels(changes: Sequence[Change], keys: Mapping[str, int]) -> None:
    skills = directory.skills(dict.fromkeys(name for change in changes for name in change.levels))
    levels = {
        (keys[change.worker.username], skills[name].pk): level
        for change in changes
        for name, level in change.levels.items()
    }
    Competence.objects.bulk_create(
        [Competence(worker_id=worker, skill_id=skill, level=level) for (worker, skill), level in levels.items()],
        update_conflicts=True,
        unique_fields=["worker", "skill"],
        update_fields=["level"],
    )


def _come_in(workers: Collection[int], *, team_id: int, now: datetime) -> None:
    """As `flow.back` for one: present, their slots empty since now, an event each. The refill that is woken fills all at once."""
    Worker.objects.filter(pk__in=workers).update(is_present=True, away_until=None)
    Slot.objects.filter(bin__in=workers, file__isnull=True).update(empty_since=now)
    Event.objects.bulk_create(
        [Event(team_id=team_id, kind=Event.Kind.BACK, worker_id=worker, at=now) for worker in workers]
    )
