"""What anybody is taken to be able to do, and how many should be able to: changed by who answers for the team, written down with
who changed it, and undone for a minute.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from dispatch import flow, moves, pairings, refusals
from dispatch.acts import act
from dispatch.models import Event
from dispatch.orphaning import unless_confirmed
from skills.models import Competence, CoverageTarget, LevelChange, Skill, Team, Worker

MOST_PEOPLE = 99  # that a target may ask for


class LevelOvertaken(refusals.Refused):
    """Somebody else changed it since it was looked at."""


class CertificateImpossible(refusals.Refused):
    """Who has no level has no certificate."""


class NotInATeam(refusals.Refused):
    """Levels are set by the leader of somebody's team."""


class TargetImpossible(refusals.Refused):
    """A coverage target is a number of people."""


class Certificate(Enum):
    KEPT = "kept"  # as it is


class Standing(NamedTuple):
    """What somebody has in one skill: nothing, or a level, perhaps with a certificate."""

    level: int | None = None
    certified_until: datetime | None = None
    practised_on: date | None = None
    is_paired: bool = False  # somebody teaches or learns it

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
    steps = list(_steps(wanted, people))
    is_harmless = not any(step.takes_away or step.has.is_paired for step in steps)
    with unless_confirmed(teams, is_confirmed=is_confirmed or is_harmless, now=now):
        events = _set(steps, by=by, now=now)
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


def set_together(event_id: int) -> list[Event]:
    """The events of the act in which levels were set, of which this is the last, or one alone."""
    last = Event.objects.filter(pk=event_id, kind=Event.Kind.LEVELLED).first()
    if last is None or last.receipt is None:
        return []
    of_act = Event.objects.filter(pk__lte=event_id, kind=Event.Kind.LEVELLED, by=last.by_id, at=last.at)
    return list(of_act.order_by("-pk")[: last.receipt.get("together", 1)])


def take_back(events: Sequence[Event], *, by: Worker, now: datetime) -> None:
    """The levels that these events changed are as they were before (R18). Raises LevelOvertaken. In a fixed number of statements,
    one more for each level that was given, and some for who teaches or learns."""
    by_change = {each.receipt["change"]: each for each in events if each.receipt}
    changes = LevelChange.objects.in_bulk(by_change).values()
    people = pairings.take_queues_of_all({each.worker_id for each in changes})
    found = _standings(people, {each.skill_id for each in changes})
    before, undone = {}, []
    for change in changes:
        key = change.worker_id, change.skill_id
        has = _had(found, key)
        if has.said != (change.level, change.certified_until):
            raise LevelOvertaken(_("This level was changed again since. Nothing was undone."))
        practised_on = has.practised_on if change.level else change.practised_on_was
        before[key] = Standing(change.level_was, change.certified_until_was, practised_on)
        undone.append(_change(*key, has, before[key], by=by, now=now))
    _write(before)
    LevelChange.objects.bulk_create(undone)
    pairings.reopen([pk for each in events for pk in (each.receipt or {}).get("pairings", ())])
    Event.objects.bulk_create([_undone(each, by=by, now=now) for each in events])
    for team_id in sorted({pk for each in people.values() for pk in (each.team_id, each.works_in_id) if pk}):
        flow.who_can_do_what_changed(team_id, now=now)


def take_target_back(event: Event, *, by: Worker, now: datetime) -> None:
    """As it was before. Raises LevelOvertaken."""
    told = event.receipt or {}
    moves.take_queues([event.team_id])
    targets = CoverageTarget.objects.filter(team=event.team_id, skill=told["skill"])
    if targets.values_list("people", flat=True).first() != told["is"]:
        raise LevelOvertaken(_("This target was changed again since. Nothing was undone."))
    _write_target(event.team_id, told["skill"], told["was"])
    _undone(event, by=by, now=now).save(force_insert=True)


# --- What the verbs share -------------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    """What changes for one person in one skill."""

    worker: Worker
    skill_id: int
    has: Standing
    to_have: Standing

    @property
    def key(self) -> tuple[int, int]:
        return self.worker.pk, self.skill_id

    @property
    def takes_away(self) -> bool:
        """Whether they can do less afterwards, or for a shorter time."""
        was, until = self.has.certified_until, self.to_have.certified_until
        return (self.to_have.level or 0) < (self.has.level or 0) or (until is not None and (was is None or until < was))


def _steps(wanted: Sequence[Wanted], people: Mapping[int, Worker]) -> Iterator[_Step]:
    """What there is to do; nothing for what is so already. One statement."""
    found = _standings(people, {each.skill.pk for each in wanted})
    for each in wanted:
        worker, skill = people[each.worker.pk], each.skill
        if worker.team_id is None:
            raise NotInATeam(_("%(name)s is in no team any more. Nothing was saved.") % {"name": worker})
        has = _had(found, (worker.pk, skill.pk))
        if has.level != each.was:
            raise LevelOvertaken(
                _("The level of %(name)s in %(skill)s was changed by somebody else meanwhile. Look again.")
                % {"name": worker, "skill": skill}
            )
        until = has.certified_until if each.certified_until is Certificate.KEPT else each.certified_until
        if each.level is None and until and each.certified_until is not Certificate.KEPT:
            raise CertificateImpossible(_("A certificate needs a level. Choose one, or leave the last day empty."))
        to_have = Standing(each.level, until if each.level else None, has.practised_on)
        if to_have.said != has.said:
            found[worker.pk, skill.pk] = to_have
            yield _Step(worker, skill.pk, has, to_have)


def _set(steps: Sequence[_Step], *, by: Worker, now: datetime) -> list[Event]:
    """Three statements, one more for each level taken away, and some for who teaches or learns."""
    _write({step.key: step.to_have for step in steps})
    changes = LevelChange.objects.bulk_create(
        [_change(*step.key, step.has, step.to_have, by=by, now=now) for step in steps]
    )
    return Event.objects.bulk_create(
        [_told(step, change, of=len(steps), by=by, now=now) for step, change in zip(steps, changes, strict=True)]
    )


def _told(step: _Step, change: LevelChange, *, of: int, by: Worker, now: datetime) -> Event:
    """The event of one of so many changes, with the pairings that it ended."""
    assert step.worker.team_id is not None  # nobody else is set
    ended = pairings.follow_level(*step.key, level=step.to_have.level, by=by, now=now) if step.has.is_paired else []
    return Event(
        team_id=step.worker.team_id,
        kind=Event.Kind.LEVELLED,
        by=by,
        worker=step.worker,
        at=now,
        receipt={"change": change.pk, "pairings": ended} | ({"together": of} if of > 1 else {}),
    )


def _standings(worker_ids: Collection[int], skill_ids: Collection[int]) -> dict[tuple[int, int], Standing]:
    """Under a lock, because the administration changes them without any queue."""
    held = Competence.objects.filter(worker__in=worker_ids, skill__in=skill_ids).order_by("pk")
    of_it = pairings.of_a_level(OuterRef("worker"), OuterRef("skill"))
    rows = held.select_for_update(of=["self"]).annotate(is_paired=Exists(of_it))
    found = rows.values_list("worker", "skill", "level", "certified_until", "practised_on", "is_paired")
    return {(worker, skill): Standing(level, until, on, paired) for worker, skill, level, until, on, paired in found}


def _write(to_have: Mapping[tuple[int, int], Standing]) -> None:
    """In one statement, and one for each level taken away."""
    held = []
    for (worker_id, skill_id), each in to_have.items():
        if each.level is None:
            Competence.objects.filter(worker=worker_id, skill=skill_id).delete()
        else:
            told = {"level": each.level, "certified_until": each.certified_until, "practised_on": each.practised_on}
            held.append(Competence(worker_id=worker_id, skill_id=skill_id, **told))
    Competence.objects.bulk_create(
        held,
        update_conflicts=True,
        unique_fields=["worker", "skill"],
        update_fields=["level", "certified_until"],
    )


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


def _undone(event: Event, *, by: Worker, now: datetime) -> Event:
    return Event(team_id=event.team_id, kind=Event.Kind.UNDONE, by=by, worker_id=event.worker_id, at=now, undoes=event)
