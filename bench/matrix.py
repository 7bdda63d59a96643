"""A level changed in a matrix of sixty people by forty skills, as its page does it: over HTTP, answered with what changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import cycle

from django.test import Client
from django.utils import timezone

from bench import engine, measured, office, pages, places
from bench.measured import Round
from dispatch.models import FileType
from skills.models import Competence, Level, Role, Skill, Team, Worker

PEOPLE, SKILLS, NEEDED = 60, 40, 12  # the last: skills that a file type needs
HTMX = {"HX-Request": "true", "HX-Target": "level-box"}


class Matrix:
    """The first person's level in the first skill goes up and down: where it goes down, orphans are looked for."""

    def __init__(self, team: Team, leader: Worker, person: Worker, skill: Skill) -> None:
        self.leader, self._level = leader, Level.U
        self.path = f"/skills/{team.slug}/of/{person.username}/{skill.slug}/"
        self._levels = cycle([Level.O, Level.L, Level.U])

    def next_form(self) -> dict[str, object]:
        was, self._level = self._level, next(self._levels)
        return {"level": self._level.name, "was": was.name}

    def changes(self, browser: pages.Browser, *, times: int) -> Round:
        forms = [self.next_form() for _ in range(times)]
        return measured.of(
            [pages.seconds(lambda form=form: browser.post(self.path, form, expected=200, **HTMX)) for form in forms]
        )

    def statements(self) -> int:
        """The most of a round."""
        client = Client(SERVER_NAME="localhost")
        client.force_login(self.leader)
        return max(engine.statements(lambda: client.post(self.path, self.next_form(), headers=HTMX)) for _ in range(3))


def make(*, now: datetime) -> Matrix:
    made = office.make("matrix", people=PEOPLE, now=now)
    skills = [Skill.objects.get_or_create(name=f"Skill {i}", slug=f"skill-{i}")[0] for i in range(SKILLS)]
    for skill in skills[:NEEDED]:
        FileType.objects.create(
            team=made.team, name=f"Needs {skill}", slug=f"matrix-{skill.slug}", is_open=False, skill=skill
        )
    Competence.objects.filter(worker__in=made.workers).delete()
    Competence.objects.bulk_create(
        Competence(worker=worker, skill=skill, level=Level.U if row == column == 0 else 1 + (row + column) % 4)
        for row, worker in enumerate(made.workers)
        for column, skill in enumerate(skills)
    )
    leader = made.workers[-1]
    Worker.objects.filter(pk=leader.pk).update(roles=[Role.WORKER, Role.LEADER])
    leader.refresh_from_db()
    leader.leads.add(made.team)
    office.settle()
    return Matrix(made.team, leader, made.workers[0], skills[0])


@contextmanager
def opened(name: str) -> Iterator[tuple[Matrix, pages.Browser]]:
    """In a database of this name, which is made, with its leader signed in."""
    places.copy_bare(name)
    matrix = make(now=timezone.now())
    with pages.web(name, matrix.leader) as browser:
        yield matrix, browser
