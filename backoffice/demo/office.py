"""The office on its first day, built from `cast`: models that are not saved yet, with keys of their own from 1 up.

So the simulator of its past works on real file types, bins and slots without a database, and the same seed gives the same
office, numbers included.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.utils.text import slugify

from backoffice.demo import cast
from dispatch.agreements import Book, rule_of
from dispatch.calendars import Calendar
from dispatch.models import Agreement, Bin, ChecklistItem, Customer, FileType, Queue, Slot, WorkCalendar
from dispatch.promises import CalendarDays, Rule, SameDay, WorkingDays, WorkingHours
from skills.models import Level, Role, Skill, Team, Worker

PASSWORD = "demo"  # noqa: S105  everybody is told
BIN_SIZE = 3


@dataclass(frozen=True)
class Person:
    worker: Worker
    leads: Team | None
    levels: dict[int, int]  # by skill
    pace: float

    @property
    def has_bin(self) -> bool:
        return Role.WORKER in self.worker.roles


@dataclass(frozen=True)
class Work:
    """A file type and how it comes in and is worked."""

    file_type: FileType
    prefix: str
    titles: tuple[str, ...]
    a_day: float
    today: float
    minutes: float


@dataclass(frozen=True)
class Office:
    """`levels` are the numbers of waiting files around which the teams keep their queues."""

    calendar: WorkCalendar
    teams: list[Team]
    front_desk: Team
    levels: dict[int, int]
    queues: list[Queue]
    skills: list[Skill]
    people: list[Person]
    customers: list[Customer]
    work: list[Work]
    checklist: list[ChecklistItem]
    agreements: list[Agreement]
    slots: list[Slot]

    @property
    def hours(self) -> Calendar:
        return self.calendar.hours()

    @property
    def book(self) -> Book:
        return Book(
            calendars={queue.team_id: self.hours for queue in self.queues},
            versions={queue.team_id: self.calendar.current_id for queue in self.queues},
            defaults={queue.team_id: WorkingDays(queue.default_days) for queue in self.queues},
            agreed={(each.file_type_id, each.customer_id): rule_of(each) for each in self.agreements},
        )

    @property
    def bins(self) -> list[Bin]:
        return [Bin(worker=person.worker, size=BIN_SIZE) for person in self.people if person.has_bin]

    def person(self, name: str) -> Person:
        return next(person for person in self.people if person.worker.name == name)

    def skill(self, key: str) -> Skill:
        return next(skill for skill in self.skills if skill.name == cast.SKILLS[key])

    def can_do(self, person: Person) -> frozenset[int]:
        """R4 for one person: the file types of their team that are open, or whose skill they have at the least level."""
        types = (work.file_type for work in self.work)
        return frozenset(
            each.pk
            for each in types
            if each.team_id == person.worker.team_id
            and (each.is_open or person.levels.get(each.skill_id or 0, 0) >= each.least_level)
        )


def open_office(calendar: WorkCalendar, *, since: datetime) -> Office:
    """The whole cast at its desks, with empty bins since that instant; nobody is here yet."""
    teams = {each.name: Team(pk=pk, name=each.name, slug=slugify(each.name)) for pk, each in enumerate(cast.TEAMS, 1)}
    skills = {key: Skill(pk=pk, name=name, slug=slugify(name)) for pk, (key, name) in enumerate(cast.SKILLS.items(), 1)}
    customers = {name: Customer(pk=pk, name=name, slug=slugify(name)) for pk, name in enumerate(cast.CUSTOMERS, 1)}
    password = make_password(PASSWORD)  # slow on purpose, so once for all
    people = [
        _person(pk, each, teams, skills, password=password, since=since) for pk, each in enumerate(cast.PEOPLE, 1)
    ]
    calendar.current.made_at = since
    work = [_work(pk, each, teams, skills) for pk, each in enumerate(cast.FILE_TYPES, 1)]
    return Office(
        calendar=calendar,
        teams=list(teams.values()),
        front_desk=Team(pk=len(teams) + 1, name=cast.FRONT_DESK, slug=slugify(cast.FRONT_DESK), is_front_office=True),
        levels={teams[each.name].pk: each.level for each in cast.TEAMS},
        queues=[Queue(team=team, calendar=calendar, bin_size=BIN_SIZE) for team in teams.values()],
        skills=list(skills.values()),
        people=people,
        customers=list(customers.values()),
        work=work,
        checklist=[
            ChecklistItem(file_type=each.file_type, position=position, text=text)
            for each, said in zip(work, cast.FILE_TYPES, strict=True)
            for position, text in enumerate(said.checklist, 1)
        ],
        agreements=[
            _agreement(each.file_type, customers.get(customer), rule)
            for each, said in zip(work, cast.FILE_TYPES, strict=True)
            for customer, rule in [("", said.agreed), *said.agreed_with.items()]
            if rule
        ],
        slots=list(_slots(people, since=since)),
    )


def _person(
    pk: int, said: cast.CastPerson, teams: dict[str, Team], skills: dict[str, Skill], *, password: str, since: datetime
) -> Person:
    worker = Worker(
        pk=pk,
        username=said.username or slugify(said.name).replace("-", "."),
        password=password,
        name=said.name,
        roles=list(said.roles),
        team=teams.get(said.team),
        is_staff=Role.ADMINISTRATOR in said.roles,
        is_superuser=Role.ADMINISTRATOR in said.roles,
        date_joined=since,
    )
    levels = dict(pair.split(":") for pair in said.skills.split())
    return Person(
        worker=worker,
        leads=teams.get(said.leads),
        levels={skills[skill].pk: Level[level].value for skill, level in levels.items()},
        pace=said.pace,
    )


def _work(pk: int, said: cast.CastType, teams: dict[str, Team], skills: dict[str, Skill]) -> Work:
    skill, _, level = said.needs.partition(":")
    file_type = FileType(
        pk=pk,
        team=teams[said.team],
        name=said.name,
        slug=slugify(said.name),
        purpose=said.purpose,
        is_open=not skill,
        skill=skills.get(skill),
        least_level=Level[level or "U"],
        weight=said.weight,
        aged_after=said.aged_after,
    )
    team = next(each for each in cast.TEAMS if each.name == said.team)
    return Work(file_type, team.prefix, said.titles, a_day=said.a_day, today=team.today, minutes=said.minutes)


def _agreement(file_type: FileType, customer: Customer | None, rule: Rule) -> Agreement:
    match rule:
        case SameDay(cut_offs, otherwise_by):
            terms = {"kind": Agreement.Kind.SAME_DAY, "cut_offs": list(cut_offs), "otherwise_by": otherwise_by}
        case WorkingHours(hours):
            terms = {"kind": Agreement.Kind.WORKING_HOURS, "hours": hours}
        case CalendarDays(days):
            terms = {"kind": Agreement.Kind.CALENDAR_DAYS, "days": days}
        case WorkingDays(days):
            terms = {"kind": Agreement.Kind.WORKING_DAYS, "days": days}
    return Agreement(file_type=file_type, customer=customer, **terms)


def _slots(people: list[Person], *, since: datetime) -> Iterator[Slot]:
    workers = [person.worker for person in people if person.has_bin]
    for number, worker in enumerate(workers):
        for position in range(1, BIN_SIZE + 1):
            pk = number * BIN_SIZE + position
            yield Slot(pk=pk, bin_id=worker.pk, bin_size=BIN_SIZE, position=position, empty_since=since)
