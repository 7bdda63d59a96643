"""A small office to test in: plain functions that make what a test names, and nothing else."""

from datetime import UTC, datetime, timedelta
from itertools import count

from django.utils.text import slugify

from dispatch import flow, timetables
from dispatch.models import Event, File, FileType, PassBack, Queue, Slot, WorkCalendar
from dispatch.timetables import Timetable
from skills.models import Competence, Level, Role, Skill, Team, Worker

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)  # a Tuesday, 10:00 in Paris

_numbers = count(1)


def calendar() -> WorkCalendar:
    """Monday to Friday, 08:00 to 18:00, without holidays."""
    there = WorkCalendar.objects.filter(name="Weekdays").first()
    return there or timetables.make("Weekdays", Timetable("Europe/Paris"), now=NOW)


def team(name: str = "Settlements", **rules: object) -> Team:
    made = Team.objects.create(name=name, slug=slugify(name))
    Queue.objects.create(team=made, calendar=calendar(), **rules)
    return made


def person(name: str, *roles: str, team: Team | None = None, leads: Team | None = None) -> Worker:
    made = Worker.objects.create_user(
        username=slugify(name),
        password="secret",
        name=name,
        roles=list(roles),
        team=team,
        is_staff="administrator" in roles,
        is_superuser="administrator" in roles,
    )
    if leads:
        made.leads.add(leads)
    return made


def worker(name: str, team: Team, *, present: bool = True, **levels: str) -> Worker:
    """A worker with a bin, and levels by skill: worker("Ada", team, marine="U"). Present ones are filled at once."""
    made = person(name, Role.WORKER, team=team)
    for skill_name, level in levels.items():
        Competence.objects.create(worker=made, skill=skill(skill_name), level=Level[level])
    flow.open_bins(team.pk, now=NOW)
    if present:
        flow.back(made, by=made, now=NOW)
        made.refresh_from_db()
    return made


def skill(name: str) -> Skill:
    return Skill.objects.get_or_create(name=name, slug=slugify(name))[0]


def file_type(
    name: str,
    team: Team,
    *,
    needs: str = "",
    at_least: str = "U",
    checklist: tuple[str, ...] = (),
) -> FileType:
    """Open to all, or needing a skill: file_type("Hull", team, needs="marine")."""
    made = FileType.objects.create(
        team=team,
        name=name,
        slug=slugify(f"{team.slug}-{name}"),
        is_open=not needs,
        skill=skill(needs) if needs else None,
        least_level=Level[at_least],
    )
    for position, text in enumerate(checklist):
        made.checklist.create(position=position, text=text)
    return made


def log(
    file_type: FileType,
    number: int = 1,
    *,
    now: datetime = NOW,
    received_at: datetime | None = None,
    expedite_reason: str = "",
) -> list[File]:
    """So many files, received a minute apart, the last one at `received_at`."""
    last = received_at or now
    return [
        flow.log(
            reference=f"F-{next(_numbers):05}",
            file_type=file_type,
            received_at=last - timedelta(minutes=number - 1 - each),
            expedite_reason=expedite_reason,
            by=None,
            now=now,
        )[0]
        for each in range(number)
    ]


def was_passed_back(file: File, worker: Worker) -> None:
    """As if this person had given the file back some time ago."""
    PassBack.objects.create(file=file, worker=worker, reason="not mine", at=NOW)
    File.objects.filter(pk=file.pk).update(was_passed_back=True)


def in_bin(worker: Worker) -> list[str]:
    """References by position, empty ones as ''."""
    slots = Slot.objects.filter(bin=worker.pk).select_related("file").order_by("position")
    return [slot.file.reference if slot.file else "" for slot in slots]


def next_position(worker: Worker) -> int:
    """The oldest filled slot, which is next."""
    filled = Slot.objects.filter(bin=worker.pk, file__isnull=False).order_by("filled_at", "position")
    return filled.values_list("position", flat=True)[0]


def story(file: File) -> list[str]:
    return list(Event.objects.filter(file=file).order_by("id").values_list("kind", flat=True))
