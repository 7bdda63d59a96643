"""What anybody is taken to be able to do, and how many should be able to: changed by who answers for the team, written down with
who changed it, and undone for a minute.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple

from django.utils.translation import gettext as _

from dispatch import flow, moves, pairings
from dispatch.acts import act
from dispatch.models import Event
from dispatch.orphaning import unless_confirmed
from skills.models import Competence, CoverageTarget, LevelChange, Skill, Team, Worker

MOST_PEOPLE = 99  # that a target may ask for


class LevelOvertaken(flow.Refused):
    """Somebody else changed it since it was looked at."""


class CertificateImpossible(flow.Refused):
    """Who has no level has no certificate."""


class NotInATeam(flow.Refused):
    """Levels are set by the leader of somebody's team."""


class TargetImpossible(flow.Refused):
    """A coverage target is a number of people."""


class Certificate(Enum):
    KEPT = "kept"  # as it is


class Standing(NamedTuple):
    """What somebody has in one skill: nothing, or a level, perhaps with a certificate."""

    level: int | None = None
    certified_until: datetime | None = None
    practised_on: date | None = None

    @property
    def said(self) -> tuple[int | None, datetime | None]:
        """What a person decides; when it was practised comes by itself."""
        return self.level, self.certified_until


@dataclass(frozen=True)
class Wanted:
    """What is to hold for one person in one skill. `was` is the level that whoever decided had before them; None for no level."""

    worker: Worker
    skill: Skill
    level: int | None
    was: int | None
    certified_until: datetime | Certificate | None = Certificate.KEPT


@act
def set_levels(wanted: Sequence[Wanted], *, is_confirmed: bool = False, by: Worker, now: datetime) -> list[Event]:
    """All of them or none, an event for each that changed. Raises LevelOvertaken, CertificateImpossible, NotInATeam and, unless it
    is confirmed, Orphaning."""
    people = pairings.take_queues_of_all({each.worker.pk for each in wanted})
    teams = {pk for person in people.values() for pk in (person.team_id, person.works_in_id) if pk}
    with unless_confirmed(teams, is_confirmed=is_confirmed, now=now):
        events = [event for each in wanted if (event := _set(each, people[each.worker.pk], by=by, now=now)) is not None]
    if events:
        for team_id in sorted(teams):
            flow.who_can_do_what_changed(team_id, now=now)
    return events


@act
def set_target(team: Team, skill: Skill, *, people: int | None, by: Worker, now: datetime) -> Event | None:
    """How many of the team should be able to do it alone; None for no target. Nothing happens where that is so already. Raises
    TargetImpossible."""
    if people is not None and not 1 <= people <= MOST_PEOPLE:
        raise TargetImpossible(
            _("Write how many people should be able to do it alone, from 1 to 99, or leave it empty.")
        )
    moves.take_queues([team.pk])
    was = CoverageTarget.objects.filter(team=team, skill=skill).values_list("people", flat=True).first()
    if was == people:
        return None
    _write_target(team.pk, skill.pk, people)
    receipt = {"skill": skill.pk, "was": was, "is": people}
    return Event.objects.create(team=team, kind=Event.Kind.TARGETED, by=by, at=now, receipt=receipt)


@contextmanager
def written_down(worker_ids: Collection[int], *, by: Worker | None, now: datetime) -> Iterator[None]:
    """For whatever changes levels of these people by another way than this: what it changed is written down and followed up. Three
    statements, and two for each change of somebody who teaches or learns."""
    before = standings(worker_ids)
    yield
    after = standings(worker_ids)
    changed = {key for key in {*before, *after} if _had(before, key).said != _had(after, key).said}
    LevelChange.objects.bulk_create(
        _change(worker, skill, _had(before, (worker, skill)), _had(after, (worker, skill)), by=by, now=now)
        for worker, skill in sorted(changed)
    )
    for pairing in pairings.of_people(worker_ids) if changed else ():
        for key in {(pairing.learner_id, pairing.skill_id), (pairing.teacher_id, pairing.skill_id)} & changed:
            pairings.follow_level(*key, level=_had(after, key).level, by=by, now=now)


def standings(worker_ids: Collection[int]) -> dict[tuple[int, int], Standing]:
    """By person and skill; one statement."""
    found = Competence.objects.filter(worker__in=worker_ids)
    rows = found.values_list("worker", "skill", "level", "certified_until", "practised_on")
    return {(worker, skill): Standing(level, until, on) for worker, skill, level, until, on in rows}


def take_back(event: Event, *, by: Worker, now: datetime) -> None:
    """What this event changed is as it was before (R18). Raises LevelOvertaken."""
    assert event.receipt is not None  # its kind says so
    if event.kind == Event.Kind.TARGETED:
        _target_as_before(event, by=by, now=now)
        return
    change = LevelChange.objects.select_related("worker").get(pk=event.receipt["change"])
    person = pairings.take_queues_of(change.worker)
    has = _standing(person.pk, change.skill_id)
    if has.said != (change.level, change.certified_until):
        raise LevelOvertaken(_("This level was changed again since. Nothing was undone."))
    practised_on = has.practised_on if change.level else change.practised_on_was
    _write(person.pk, change.skill_id, Standing(change.level_was, change.certified_until_was, practised_on))
    _change(person.pk, change.skill_id, has, _standing(person.pk, change.skill_id), by=by, now=now).save()
    pairings.reopen(event.receipt["pairings"])
    _tell_undone(event, by=by, now=now)
    for team_id in {pk for pk in (person.team_id, person.works_in_id) if pk}:
        flow.who_can_do_what_changed(team_id, now=now)


# --- What the verbs share -------------------------------------------------------------------------------------------------


def _set(wanted: Wanted, worker: Worker, *, by: Worker, now: datetime) -> Event | None:
    skill = wanted.skill
    if worker.team_id is None:
        raise NotInATeam(_("%(name)s is in no team any more. Nothing was saved.") % {"name": worker})
    has = _standing(worker.pk, skill.pk)
    if has.level != wanted.was:
        raise LevelOvertaken(
            _("The level of %(name)s in %(skill)s was changed by somebody else meanwhile. Look again.")
            % {"name": worker, "skill": skill}
        )
    until = has.certified_until if wanted.certified_until is Certificate.KEPT else wanted.certified_until
    if wanted.level is None and until and wanted.certified_until is not Certificate.KEPT:
        raise CertificateImpossible(_("A certificate needs a level. Choose one, or leave the last day empty."))
    to_have = Standing(wanted.level, until if wanted.level else None, has.practised_on)
    if to_have.said == has.said:
        return None
    _write(worker.pk, skill.pk, to_have)
    change = _change(worker.pk, skill.pk, has, to_have, by=by, now=now)
    change.save()
    ended = pairings.follow_level(worker.pk, skill.pk, level=wanted.level, by=by, now=now)
    receipt = {"change": change.pk, "pairings": ended}
    return Event.objects.create(
        team_id=worker.team_id, kind=Event.Kind.LEVELLED, by=by, worker=worker, at=now, receipt=receipt
    )


def _standing(worker_id: int, skill_id: int) -> Standing:
    """Under a lock, because the administration changes it without any queue."""
    row = Competence.objects.select_for_update().filter(worker=worker_id, skill=skill_id)
    found = row.values_list("level", "certified_until", "practised_on").first()
    return Standing(*found) if found else Standing()


def _write(worker_id: int, skill_id: int, to_have: Standing) -> None:
    if to_have.level is None:
        Competence.objects.filter(worker=worker_id, skill=skill_id).delete()
        return
    Competence.objects.update_or_create(worker_id=worker_id, skill_id=skill_id, defaults=to_have._asdict())


def _change(
    worker_id: int, skill_id: int, was: Standing, to_have: Standing, *, by: Worker | None, now: datetime
) -> LevelChange:
    return LevelChange(
        worker_id=worker_id,
        skill_id=skill_id,
        level_was=was.level,
        level=to_have.level,
        certified_until_was=was.certified_until,
        certified_until=to_have.certified_until,
        practised_on_was=was.practised_on if to_have.level is None else None,
        by=by,
        at=now,
    )


def _had(standings: Mapping[tuple[int, int], Standing], key: tuple[int, int]) -> Standing:
    return standings.get(key, Standing())


def _write_target(team_id: int, skill_id: int, people: int | None) -> None:
    if people is None:
        CoverageTarget.objects.filter(team=team_id, skill=skill_id).delete()
    else:
        CoverageTarget.objects.update_or_create(team_id=team_id, skill_id=skill_id, defaults={"people": people})


def _target_as_before(event: Event, *, by: Worker, now: datetime) -> None:
    told = event.receipt or {}
    moves.take_queues([event.team_id])
    has = (
        CoverageTarget.objects.filter(team=event.team_id, skill=told["skill"]).values_list("people", flat=True).first()
    )
    if has != told["is"]:
        raise LevelOvertaken(_("This target was changed again since. Nothing was undone."))
    _write_target(event.team_id, told["skill"], told["was"])
    _tell_undone(event, by=by, now=now)


def _tell_undone(event: Event, *, by: Worker, now: datetime) -> None:
    Event.objects.create(
        team_id=event.team_id, kind=Event.Kind.UNDONE, by=by, worker_id=event.worker_id, at=now, undoes=event
    )
