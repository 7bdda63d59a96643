"""Loans: a person works in another team for a time. Asked for, agreed by the home or a manager; they start and end by themselves.

While lent, a person's empty slots pull from the host's queue. What lies in their slots is finished, whosever it is; only a front
office, which is not dispatched here, gets them with an empty bin. Every act is an event of both teams; the database refuses two
loans of one person at one time.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dispatch import flow, moves, refusals
from dispatch.acts import Overtaken, act
from dispatch.models import Event, Loan, Queue, QueueMissing, Slot
from dispatch.wake_ups import wake
from skills.models import Role, Team, Worker

LONGEST = timedelta(days=366)

# Why a loan ended that nobody ended: in these words in the database, whatever the language of who reads it.
NOT_THERE = gettext_noop("not in the team any more")
MISSED = gettext_noop("its time had passed")


class NotLendable(refusals.Refused):
    """This person cannot be lent there."""


class LoanImpossible(refusals.Refused):
    """A loan ends after it starts, within a year, and says why."""


class Overlapping(refusals.Refused):
    """Two loans of one person at one time."""


class LoanEnded(refusals.Refused):
    """The loan is over, or was called off."""


class AlreadyAgreed(refusals.Refused):
    """Somebody agreed to this loan before."""


@act
def lend(
    worker: Worker,
    *,
    to_team: Team,
    starts_at: datetime | None = None,
    ends_at: datetime,
    reason: str,
    is_agreed: bool,
    by: Worker,
    now: datetime,
) -> Loan:
    """A loan, from now or from `starts_at` on. Not `is_agreed`: it is only asked for, and whoever answers for the home agrees.

    Raises NotLendable, LoanImpossible, Overlapping, QueueMissing.
    """
    starts_at = max(starts_at or now, now)
    home = _insist_on_sense(worker, to_team, starts_at=starts_at, ends_at=ends_at, reason=reason.strip(), now=now)
    moves.take_queues([home, to_team.pk])
    loan = Loan(
        worker=worker,
        from_team_id=home,
        to_team=to_team,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip()[:200],
        asked_by=by,
        asked_at=now,
    )
    _save_unless_overlapping(loan)
    if is_agreed:
        _agree(loan, by=by, now=now)
    else:
        _tell(Event.Kind.ASKED, loan, cause=loan.reason, by=by, now=now)
    return loan


@act
def lend_together(
    workers: Collection[Worker],
    *,
    to_team: Team,
    starts_at: datetime | None = None,
    ends_at: datetime,
    reason: str,
    is_agreed: Callable[[Worker], bool],
    by: Worker,
    now: datetime,
) -> list[Loan]:
    """Several people at once: all of them or nobody. Raises as `lend` does."""
    moves.take_queues({to_team.pk, *(worker.team_id for worker in workers if worker.team_id)})
    return [
        lend(
            each,
            to_team=to_team,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
            is_agreed=is_agreed(each),
            by=by,
            now=now,
        )
        for each in workers
    ]


@act
def agree(loan: Loan, *, by: Worker, now: datetime) -> None:
    """The loan may start, and does when its time has come. Raises LoanEnded, AlreadyAgreed, Overlapping."""
    loan, _held = _taken(loan)
    if loan.ended_at or loan.ends_at <= now:
        raise LoanEnded(_("This loan is over, or was called off. Ask for another one."))
    if loan.agreed_at:
        raise AlreadyAgreed(_("This loan is agreed already."))
    _agree(loan, by=by, now=now)


@act
def end(loan: Loan, *, reason: str = "", by: Worker | None, now: datetime) -> None:
    """The person works at home again; what they hold is finished, and emptied slots pull from home. A loan that has not started is
    called off. Raises LoanEnded."""
    loan, _held = _taken(loan)
    if loan.ended_at:
        raise LoanEnded(_("This loan has ended already. Nothing was changed."))
    loan.ended_at = min(now, loan.ends_at) if loan.started_at else now
    if loan.started_at:
        loan.ended_at = max(loan.ended_at, loan.started_at)
    loan.ended_by, loan.end_reason = by, reason.strip()[:200]
    loan.save(update_fields=["ended_at", "ended_by", "end_reason"])
    if loan.started_at:
        _moved(loan, to_team_id=loan.from_team_id, now=now)
    kind = Event.Kind.HOME if loan.started_at else Event.Kind.CALLED_OFF
    _tell(kind, loan, cause=loan.end_reason, by=by, now=now)


@act
def start(loan: Loan, *, by: Worker | None, now: datetime) -> bool:
    """The person works in the host team from now on. False when it started or ended meanwhile, or cannot be any more: then it is
    called off by itself."""
    loan, held = _taken(loan)
    if loan.started_at or loan.ended_at or not loan.agreed_at:
        return False
    worker = Worker.objects.get(pk=loan.worker_id)
    if not _works_at_home(worker, loan.from_team_id):
        end(loan, reason=NOT_THERE, by=None, now=now)
        return False
    if loan.ends_at <= now:
        end(loan, reason=MISSED, by=None, now=now)
        return False
    for over in _over(now=now).filter(worker=worker):
        end(over, by=None, now=now)  # the sweep has not come by since
    loan.started_at = now
    loan.save(update_fields=["started_at"])
    if loan.to_team.is_front_office:
        flow.empty_bin(worker, held, cause=loan.reason, by=by, now=now)
    _moved(loan, to_team_id=loan.to_team_id, now=now)
    _tell(Event.Kind.LENT, loan, cause=loan.reason, by=by, now=now)
    return True


def run_due(*, now: datetime) -> int:
    """End what is over, and what nobody agreed to in time, then start what begins; the number of loans. The sweep asks every few
    seconds."""
    missed = Loan.objects.filter(agreed_at=None, ended_at=None, ends_at__lte=now)
    ended = sum(_ended_by_itself(loan, now=now) for loan in [*_over(now=now), *missed])
    due = Loan.objects.filter(agreed_at__isnull=False, started_at=None, ended_at=None, starts_at__lte=now)
    return ended + sum(start(loan, by=None, now=now) for loan in due)


def end_all_of(worker: Worker, *, by: Worker, now: datetime) -> None:
    """Whoever leaves their team or the office is lent no more, nor will be."""
    for loan in Loan.objects.filter(worker=worker, ended_at=None).order_by("pk"):
        end(loan, reason=NOT_THERE, by=by, now=now)


def current(worker: Worker) -> Loan | None:
    """The loan that this person is on."""
    on = Loan.objects.filter(worker=worker, started_at__isnull=False, ended_at=None)
    return on.select_related("from_team", "to_team").first()


def take_queues_of(event: Event) -> None:
    """All that undoing this concerns, in the order of teams: those of the loan, of its person and of what they hold. Taken one
    after the other, two who undo something would wait for each other."""
    assert event.receipt is not None  # its kind says so
    loan = Loan.objects.select_related("worker").get(pk=event.receipt["loan"])
    teams = {event.team_id, loan.worker.team_id, loan.worker.works_in_id, *_concerned(loan)}
    moves.take_queues([team for team in teams if team])


def take_back(event: Event, *, by: Worker, now: datetime) -> None:
    """What this event did to a loan is as it was before (R18). Raises LoanEnded, Overlapping, NotLendable."""
    assert event.receipt is not None  # its kind says so
    loan, held = _taken(Loan.objects.get(pk=event.receipt["loan"]))
    match event.kind:
        case Event.Kind.AGREED | Event.Kind.LENT if _was_asked_before(loan, event) and not loan.ended_at:
            _ask_again(loan, now=now)
        case Event.Kind.ASKED | Event.Kind.AGREED | Event.Kind.LENT:
            _drop(loan, by=by, now=now)
        case _:
            if not _works_at_home(loan.worker, loan.from_team_id):
                names = {"name": loan.worker, "team": loan.from_team}
                raise NotLendable(_("%(name)s does not work in %(team)s any more. Nothing was undone.") % names)
            loan.ended_by, loan.ended_at, loan.end_reason = None, None, ""
            _save_unless_overlapping(loan, "ended_by", "ended_at", "end_reason")
            if loan.started_at:
                if loan.to_team.is_front_office:
                    flow.empty_bin(loan.worker, held, cause=loan.reason, by=by, now=now)
                _moved(loan, to_team_id=loan.to_team_id, now=now)
    _tell(Event.Kind.UNDONE, loan, cause="", by=by, now=now, undoes=event)


# --- What the verbs share -------------------------------------------------------------------------------------------------


def _insist_on_sense(
    worker: Worker, to_team: Team, *, starts_at: datetime, ends_at: datetime, reason: str, now: datetime
) -> int:
    """Their home."""
    if not reason:
        raise LoanImpossible(_("Say why they are lent: both teams read it."))
    if not starts_at < ends_at <= now + LONGEST:
        raise LoanImpossible(_("Choose an end that is after the start, and within a year."))
    names = {"name": worker, "team": to_team}
    if worker.team_id is None or not worker.is_active or not worker.has_role(Role.WORKER):
        raise NotLendable(_("%(name)s works in no team now, so there is nobody to lend.") % names)
    if Team.objects.filter(pk=worker.team_id, is_front_office=True).exists():
        raise NotLendable(
            _("%(name)s is of a front office, whose people have no bin: nobody is lent from there.") % names
        )
    if worker.team_id == to_team.pk:
        raise NotLendable(_("%(name)s is at home in %(team)s already.") % names)
    if not to_team.is_front_office and not Queue.objects.filter(team=to_team).exists():
        raise QueueMissing(to_team)
    return worker.team_id


def _works_at_home(worker: Worker, home: int) -> bool:
    return worker.team_id == home and worker.is_active and worker.has_role(Role.WORKER)


def _save_unless_overlapping(loan: Loan, *fields: str) -> None:
    """These fields of a loan that is there, or a new one."""
    try:
        with transaction.atomic():
            loan.save(update_fields=fields or None)
    except IntegrityError as error:
        if "loans_do_not_overlap" not in str(error) and "lent_once_at_a_time" not in str(error):
            raise
        agreed = Loan.objects.filter(worker=loan.worker_id, agreed_at__isnull=False, ended_at=None).exclude(pk=loan.pk)
        other = agreed.filter(starts_at__lt=loan.ends_at, ends_at__gt=loan.starts_at).select_related("to_team").first()
        raise Overlapping(
            _("%(name)s is lent to %(team)s at that time already. End that loan first, or choose another time.")
            % {"name": loan.worker, "team": other.to_team if other else _("another team")}
        ) from error


def _agree(loan: Loan, *, by: Worker, now: datetime) -> None:
    loan.agreed_by, loan.agreed_at = by, now
    loan.starts_at = max(loan.starts_at, now)
    _save_unless_overlapping(loan, "agreed_by", "agreed_at", "starts_at")
    if loan.starts_at > now:
        _tell(Event.Kind.AGREED, loan, cause=loan.reason, by=by, now=now)
    elif not start(loan, by=by, now=now):
        raise NotLendable(_("%(name)s works in no team now, so there is nobody to lend.") % {"name": loan.worker})


def _taken(loan: Loan) -> tuple[Loan, list[moves.Held]]:
    """The loan as it is, and what its person holds, with all queues that its start or end concerns."""
    teams = _concerned(loan)
    moves.take_queues(teams)
    held = moves.held_by(loan.worker_id)
    if any(each.team_id not in teams for each in held):
        raise Overtaken
    return Loan.objects.select_for_update(of=["self"]).select_related("worker", "from_team", "to_team").get(
        pk=loan.pk
    ), held


def _concerned(loan: Loan) -> set[int]:
    """The teams of the loan, and of the files that its person holds."""
    of_bin = Slot.objects.filter(bin=loan.worker_id, file__isnull=False).values_list("file__team", flat=True)
    return {loan.from_team_id, loan.to_team_id, *of_bin}


def _moved(loan: Loan, *, to_team_id: int, now: datetime) -> None:
    """From now on the empty slots are of that team; nothing is kept for who is not there."""
    Worker.objects.filter(pk=loan.worker_id).update(works_in=to_team_id)
    Slot.objects.filter(bin=loan.worker_id, file__isnull=True).update(empty_since=now)
    flow.keep_nothing_for(loan.worker)
    wake(loan.from_team_id, loan.to_team_id)


def _was_asked_before(loan: Loan, agreed: Event) -> bool:
    """Whether asking for it was an act of its own."""
    return loan.asked_by_id != loan.agreed_by_id or loan.asked_at < agreed.at


def _ask_again(loan: Loan, *, now: datetime) -> None:
    """Nobody has agreed: it is only asked for."""
    had_started = loan.started_at is not None
    loan.agreed_by = loan.agreed_at = loan.started_at = None
    loan.save(update_fields=["agreed_by", "agreed_at", "started_at"])
    if had_started:
        _moved(loan, to_team_id=loan.from_team_id, now=now)


def _drop(loan: Loan, *, by: Worker, now: datetime) -> None:
    if loan.ended_at:
        raise LoanEnded(_("This loan has ended already. Nothing was changed."))
    loan.ended_by, loan.ended_at = by, now
    loan.save(update_fields=["ended_by", "ended_at"])
    if loan.started_at:
        _moved(loan, to_team_id=loan.from_team_id, now=now)


def _over(*, now: datetime) -> QuerySet[Loan]:
    """Those that run although their time is over."""
    return Loan.objects.filter(started_at__isnull=False, ended_at=None, ends_at__lte=now)


def _ended_by_itself(loan: Loan, *, now: datetime) -> bool:
    try:
        end(loan, reason="" if loan.started_at else MISSED, by=None, now=now)
    except LoanEnded:
        return False
    return True


def _tell(kind: str, loan: Loan, *, cause: str, by: Worker | None, now: datetime, undoes: Event | None = None) -> None:
    """An event of each team; the home's is the one that can be undone, and the last."""
    for team in (loan.to_team_id, loan.from_team_id):
        Event.objects.create(
            team_id=team,
            kind=kind,
            by=by,
            worker=loan.worker,
            cause=cause,
            at=now,
            receipt={"loan": loan.pk},
            undoes=undoes if team == loan.from_team_id else None,
        )
