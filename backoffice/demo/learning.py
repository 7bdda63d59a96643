"""What the people of the demo office can do, learn and teach, as `cast` tells it: models that are not saved yet."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backoffice.demo import cast
from backoffice.demo.office import Office
from skills.models import Competence, CoverageTarget, Level, LevelChange, Pairing, Worker


def competences(
    office: Office, practised: Mapping[tuple[int | None, int | None], datetime], *, now: datetime
) -> Iterator[Competence]:
    """`practised` by person and skill."""
    zone = ZoneInfo(office.hours.zone)
    until = {
        (office.person(name).worker.pk, office.skill(skill).pk): _midnight(now, days, zone)
        for name, skill, days in cast.CERTIFICATES
    }
    for person in office.people:
        for skill_id, level in person.levels.items():
            key = person.worker.pk, skill_id
            last = practised.get(key)
            yield Competence(
                worker=person.worker,
                skill_id=skill_id,
                level=level,
                certified_until=until.get(key),
                practised_on=last.astimezone(zone).date() if last else None,
            )


def targets(office: Office) -> Iterator[CoverageTarget]:
    team_of = {team.name: team for team in office.teams}
    for team, skill, people in cast.TARGETS:
        yield CoverageTarget(team=team_of[team], skill=office.skill(skill), people=people)


def pairings(office: Office, *, now: datetime) -> Iterator[Pairing]:
    zone = ZoneInfo(office.hours.zone)
    for learner, skill, teacher, since, until in cast.PAIRINGS:
        pupil = office.person(learner).worker
        yield Pairing(
            team=pupil.team,
            learner=pupil,
            teacher=office.person(teacher).worker,
            skill=office.skill(skill),
            starts_at=_midnight(now, since, zone),
            ends_at=_midnight(now, until + 1, zone),
            planned_by=_leader_of(office, pupil),
            planned_at=_midnight(now, min(since, 0) - 1, zone) + timedelta(hours=10),
        )


def changes(office: Office, *, now: datetime) -> Iterator[LevelChange]:
    for name, skill, was, days in cast.RAISED:
        person, of_skill = office.person(name), office.skill(skill)
        yield LevelChange(
            worker=person.worker,
            skill=of_skill,
            level_was=Level[was] if was else None,
            level=person.levels[of_skill.pk],
            by=_leader_of(office, person.worker),
            at=now - timedelta(days=days, minutes=7 * days),
        )


def _leader_of(office: Office, worker: Worker) -> Worker:
    return next(person.worker for person in office.people if person.leads and person.leads.pk == worker.team_id)


def _midnight(now: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The beginning of a day, so many days from today."""
    day = now.astimezone(zone).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=zone)
