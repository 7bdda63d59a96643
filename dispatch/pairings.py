"""Learning in the flow: a learner is paired with a teacher of the team, and files that need the skill come to the learner while the
teacher is there. A pairing is planned by who answers for the team, and ends by hand, with its last day, or with the level reached.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from dispatch import flow, moves, refusals
from dispatch.acts import Overtaken, act
from dispatch.models import Event
from dispatch.orphaning import unless_confirmed
from skills.models import Competence, Level, Pairing, Skill, Worker

LONGEST = timedelta(days=366)


class PairingImpossible(refusals.Refused):
    """These two cannot be paired in this skill, or not for that time."""


class AlreadyLearning(refusals.Refused):
    """A second open pairing of one learner in one skill."""


class PairingEnded(refusals.Refused):
    """It is over already."""


@act
def plan(
    learner: Worker,
    teacher: Worker,
    skill: Skill,
    *,
    starts_at: datetime,
    ends_at: datetime,
    until_level: int = Level.U,
    by: Worker,
    now: datetime,
) -> Pairing:
    """From `starts_at` on, or from now. Raises PairingImpossible, AlreadyLearning."""
    learner = take_queues_of(learner)
    team_id = _insist_on_sense(learner, Worker.objects.get(pk=teacher.pk), skill, until_level=until_level, now=now)
    starts_at = max(starts_at, now)
    if not starts_at < ends_at <= now + LONGEST:
        raise PairingImpossible(_("Choose a last day that is not before the first one, and within a year."))
    try:
        with transaction.atomic():
            made = Pairing.objects.create(
                team_id=team_id,
                learner=learner,
                teacher_id=teacher.pk,
                skill=skill,
                starts_at=starts_at,
                ends_at=ends_at,
                until_level=until_level,
                planned_by=by,
                planned_at=now,
            )
    except IntegrityError as error:
        if "one_open_pairing" not in str(error):
            raise
        raise AlreadyLearning(
            _("%(name)s is learning %(skill)s already. End that pairing first.") % {"name": learner, "skill": skill}
        ) from error
    _tell(Event.Kind.PAIRED, made, by=by, now=now)
    _changed(learner, now=now)
    return made


@act
def end(pairing: Pairing, *, is_confirmed: bool = True, by: Worker | None, now: datetime) -> None:
    """Before its time; without `by` it ends by itself. Raises PairingEnded and, unless it is confirmed, Orphaning."""
    learner = take_queues_of(pairing.learner)
    with unless_confirmed([learner.works_in_id or 0], is_confirmed=is_confirmed, now=now):
        ended_at = min(now, pairing.ends_at) if by is None else now
        if not _open().filter(pk=pairing.pk).update(ended_at=ended_at, ended_by=by):
            raise PairingEnded(_("This pairing has ended already. Nothing was changed."))
    _tell(Event.Kind.UNPAIRED, pairing, by=by, now=now)
    _changed(learner, now=now)


def end_due(*, now: datetime) -> int:
    """Those whose last day is over, of people not both in its team any more, or whose teacher's certificate has ended; their
    number. The sweep asks."""
    apart = Q(learner__team=None) | Q(teacher__team=None) | ~Q(learner__team=F("team")) | ~Q(teacher__team=F("team"))
    gone = Q(learner__is_active=False) | Q(teacher__is_active=False)
    lapsed = Competence.objects.filter(worker=OuterRef("teacher"), skill=OuterRef("skill"), certified_until__lte=now)
    due = _open().filter(Q(ends_at__lte=now) | apart | gone | Exists(lapsed)).select_related("learner")
    return sum(_ended_by_itself(pairing, now=now) for pairing in due)


def follow_level(worker_id: int, skill_id: int, *, level: int | None, by: Worker | None, now: datetime) -> list[int]:
    """What a new level means for the pairings of this person in this skill: one that has reached its level ends, one whose learner
    has no level or whose teacher cannot teach any more ends, too. The keys of those that ended; the caller holds the queues."""
    ended = []
    for each in of_a_level(worker_id, skill_id):
        is_reached = each.learner_id == worker_id and level is not None and level >= each.until_level
        if is_reached or level is None or (each.teacher_id == worker_id and level < Level.O):
            _open().filter(pk=each.pk).update(ended_at=now, ended_by=by, level_reached=level if is_reached else None)
            ended.append(each.pk)
    return ended


def of_people(worker_ids: Collection[int]) -> list[Pairing]:
    """The open ones in which any of these teach or learn."""
    return list(_open().filter(Q(learner__in=worker_ids) | Q(teacher__in=worker_ids)))


def of_a_level(worker_id: int | F, skill_id: int | F) -> QuerySet[Pairing]:
    """The open ones in which this person teaches or learns this skill."""
    return _open().filter(Q(learner=worker_id) | Q(teacher=worker_id), skill=skill_id)


def reopen(pairings: list[int]) -> None:
    """Those that a level had ended, as if it had not; one whose learner was paired anew since stays ended."""
    for each in Pairing.objects.filter(pk__in=pairings, ended_at__isnull=False):
        if not _open().filter(learner=each.learner_id, skill=each.skill_id).exists():
            Pairing.objects.filter(pk=each.pk).update(ended_at=None, ended_by=None, level_reached=None)


def take_back(event: Event, *, by: Worker, now: datetime) -> None:
    """A pairing that was planned was never planned; one that was ended goes on (R18). Raises PairingEnded, AlreadyLearning."""
    assert event.receipt is not None  # its kind says so
    pairing = Pairing.objects.filter(pk=event.receipt["pairing"]).select_related("learner").first()
    if pairing is None or (event.kind == Event.Kind.PAIRED) == bool(pairing.ended_at):
        raise PairingEnded(_("This pairing was changed since. Nothing was undone."))
    learner = take_queues_of(pairing.learner)
    if event.kind == Event.Kind.PAIRED:
        Pairing.objects.filter(pk=pairing.pk).delete()
    elif _open().filter(learner=learner, skill=pairing.skill_id).exists():
        raise AlreadyLearning(_("%(name)s was paired anew since. Nothing was undone.") % {"name": learner})
    else:
        reopen([pairing.pk])
    _tell(Event.Kind.UNDONE, pairing, by=by, now=now, undoes=event)
    _changed(learner, now=now)


def take_queues_of(worker: Worker) -> Worker:
    """The person as they are, with the queues of their home and of where they work taken for this transaction."""
    return take_queues_of_all([worker.pk])[worker.pk]


def take_queues_of_all(worker_ids: Collection[int]) -> dict[int, Worker]:
    """As `take_queues_of`, of many; by their keys."""
    taken = moves.take_queues_of(worker_ids)
    found = Worker.objects.in_bulk(worker_ids)
    if _teams_of(found.values()) - taken:
        raise Overtaken
    return found


def _teams_of(people: Iterable[Worker]) -> set[int]:
    return {pk for person in people for pk in (person.team_id, person.works_in_id) if pk}


def _open() -> QuerySet[Pairing]:
    return Pairing.objects.filter(ended_at=None)


def _insist_on_sense(learner: Worker, teacher: Worker, skill: Skill, *, until_level: int, now: datetime) -> int:
    """The team of both."""
    names = {"learner": learner, "teacher": teacher, "skill": skill}
    of_both = {each.worker_id: each for each in Competence.objects.filter(skill=skill, worker__in=[learner, teacher])}
    has = of_both[learner.pk].level if learner.pk in of_both else None
    teaches = of_both.get(teacher.pk)
    if learner.team_id is None or learner.team_id != teacher.team_id or not (learner.is_active and teacher.is_active):
        raise PairingImpossible(_("%(learner)s and %(teacher)s do not both belong to this team.") % names)
    if teaches is None or teaches.level != Level.O:
        raise PairingImpossible(_("%(teacher)s has no level O in %(skill)s, so cannot teach it.") % names)
    if teaches.certified_until and teaches.certified_until <= now:
        raise PairingImpossible(
            _("The certificate of %(teacher)s in %(skill)s has ended, so they cannot teach it.") % names
        )
    if has not in (Level.I, Level.L):
        raise PairingImpossible(_("Who learns has level I or L. Set that of %(learner)s in %(skill)s first.") % names)
    if until_level not in Level.values or until_level <= has:
        raise PairingImpossible(_("Choose a level to reach that is above the one that %(learner)s has.") % names)
    return learner.team_id


def _ended_by_itself(pairing: Pairing, *, now: datetime) -> bool:
    try:
        end(pairing, by=None, now=now)
    except PairingEnded:
        return False
    return True


def _changed(learner: Worker, *, now: datetime) -> None:
    for team_id in {pk for pk in (learner.team_id, learner.works_in_id) if pk}:
        flow.who_can_do_what_changed(team_id, now=now)


def _tell(kind: str, pairing: Pairing, *, by: Worker | None, now: datetime, undoes: Event | None = None) -> None:
    Event.objects.create(
        team_id=pairing.team_id,
        kind=kind,
        by=by,
        worker_id=pairing.learner_id,
        at=now,
        receipt={"pairing": pairing.pk},
        undoes=undoes,
    )
