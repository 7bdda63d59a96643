"""Undo (R18): every act of a person can be taken back for a minute, by a compensating act that obeys R1 like any other.

What the act freed may be filled by then. A file that comes back gets its slot again when that is empty, or when the file in
it was not started yet: that one returns to its place in the queue. Otherwise, and when its person cannot take it any more,
the file waits at the head of the queue, kept for its person while they can. Nothing is ever taken out of somebody's hands.

A file that was logged by mistake stays among all files ever logged (R20), under a name that says so: its reference is free for
whoever logs it again.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from itertools import count

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from dispatch import absences, attachments, directory, flow, levels, loans, moves, notices, pairings, repromise, shelf
from dispatch.acts import act
from dispatch.models import UNDONE, Event, File, Gone, HelpCall, Loan, PassBack, Queue, ShelfPlace, Slot, State, Turn
from dispatch.wake_ups import wake
from skills.models import Worker

WITHIN = timedelta(minutes=1)
TAKEN_BACK = "~taken-back-"  # between what was the reference of such a file and the how manieth of this name it is
DIGITS = 6

# What is attached, comes by mail, is planned or removed moves nothing, so it neither stands in the way of an undo nor has to be the
# last act itself.
BESIDE = (
    Event.Kind.ATTACHED,
    Event.Kind.DETACHED,
    Event.Kind.MAILED,
    Event.Kind.PLANNED,
    Event.Kind.CANCELLED,
)

# What became of a notice since, the notice itself says.
OF_NOTICES = (Event.Kind.POSTED, Event.Kind.CLOSED)

# What somebody learns has nothing to do with their coming and going; whether it was changed again, its own compensation looks.
OF_LEARNING = (Event.Kind.LEVELLED, Event.Kind.TARGETED, Event.Kind.PAIRED, Event.Kind.UNPAIRED)


Compensation = Callable[[Event, Worker, datetime], None]


class NotYours(flow.Refused):
    """Only who did it can undo it."""


class TooLate(flow.Refused):
    """A minute has passed, or the work has gone on."""


class CannotBeUndone(flow.Refused):
    """Some acts are no person's, or were undone already."""


@act
def undo(event: Event, *, by: Worker, now: datetime) -> None:
    """Take this act back. Raises NotYours, TooLate, CannotBeUndone, and nothing is changed then."""
    compensate = _insist_on_turn(event, by=by, now=now)
    if event.receipt and "loan" in event.receipt:
        loans.take_queues_of(event)
    if event.worker and event.kind in OF_LEARNING:
        pairings.take_queues_of(event.worker)
    elif event.worker:
        flow.take_bin(event.worker)
    moves.take_queues([event.team_id])
    if event.file:
        event.file.refresh_from_db()  # it may have come into a slot since whoever asks read it
    if Event.objects.filter(undoes=event).exists():
        raise CannotBeUndone(_("This was undone already."))
    _insist_that_nothing_followed(event)
    compensate(event, by, now)
    wake(event.team_id, *([event.worker.works_in_id] if event.worker and event.worker.works_in_id else []))


def undo_by_number(event_id: int, *, by: Worker, now: datetime) -> str:
    """Undo the event with this number, and say in a sentence what became of it. Raises as `undo` does."""
    event = Event.objects.filter(pk=event_id).select_related("file", "worker").first()
    if event is None:
        raise CannotBeUndone(_("There is nothing to undo."))
    logged_as = event.file.reference if event.file else ""
    undo(event, by=by, now=now)
    if event.file is None:
        return _("Undone.")
    if event.kind == Event.Kind.LOGGED:
        return taken_back(logged_as)
    event.file.refresh_from_db(fields=["reference", "state", "kept_for"])
    if event.file.kept_for_id == by.pk:
        said = _("Undone: %(reference)s waits at the head of the queue, kept for you.")
    elif event.file.state == State.WAITING:
        said = _("Undone: %(reference)s waits in the queue.")
    else:
        said = _("Undone: %(reference)s is as it was.")
    return said % {"reference": event.file.reference}


def taken_back(reference: str) -> str:
    """What there is to say when logging was undone."""
    return _("Taken back: %(reference)s is withdrawn, and can be logged again.") % {"reference": reference}


@act
def undo_together(event_ids: Collection[int], *, by: Worker, now: datetime) -> None:
    """Several acts that were one, the last first: all of them or none. Raises as `undo` does."""
    events = Event.objects.filter(pk__in=event_ids).select_related("worker").order_by("-pk")
    if not events:
        raise CannotBeUndone(_("There is nothing to undo."))
    moves.take_queues({each.team_id for each in events})
    for each in events:
        undo(each, by=by, now=now)


@act
def undo_levels(events: Collection[Event], *, by: Worker, now: datetime) -> None:
    """Levels that were set in one act: all of them or none. Raises as `undo` does."""
    for each in events:
        _insist_on_turn(each, by=by, now=now)
    moves.take_queues_of([each.worker_id for each in events if each.worker_id])
    if Event.objects.filter(undoes__in=events).exists():
        raise CannotBeUndone(_("This was undone already."))
    levels.take_back(list(events), by=by, now=now)


def act_of(person: Worker, *, kind: str, file: int | None, at: datetime) -> int | None:
    """The event of what this person did to a file (to nobody's file: away, back) at this very instant, for `undo`."""
    done = Event.objects.filter(file=file, kind=kind, by=person, at=at)
    return done.order_by("-pk").values_list("pk", flat=True).first()


def acts_on_loans(person: Worker, *, kinds: Collection[str], number: int, at: datetime) -> list[int]:
    """The events of what this person did to so many loans at this very instant, for `undo_together`: of each that of its home,
    which is the last of two."""
    done = Event.objects.filter(file=None, kind__in=kinds, by=person, at=at).order_by("-pk")
    last: dict[int | None, int] = {}
    for pk, worker in done.values_list("pk", "worker")[: 2 * number]:
        last.setdefault(worker, pk)
    return list(last.values())


def _insist_on_turn(event: Event, *, by: Worker, now: datetime) -> Compensation:
    """What takes it back, if this person may now."""
    compensate = COMPENSATIONS.get(event.kind)
    if compensate is None or event.by_id is None:
        raise CannotBeUndone(_("This cannot be undone."))
    if event.by_id != by.pk:
        raise NotYours(_("Only who did this can undo it."))
    if now - event.at > WITHIN:
        raise TooLate(_("A minute has passed, so this stays. Do the opposite instead."))
    return compensate


def _insist_that_nothing_followed(event: Event) -> None:
    if event.kind in (*BESIDE, *OF_NOTICES, *OF_LEARNING):
        return
    since = Event.objects.filter(pk__gt=event.pk).exclude(kind__in=BESIDE)
    if event.kind == Event.Kind.LOGGED:  # that the system put it into a slot is nobody's work yet
        since = since.exclude(kind=Event.Kind.FILLED)
    if event.file_id and since.filter(file=event.file_id).exists():
        raise TooLate(_("The work on this file has gone on since. Nothing was changed."))
    came_or_went = since.filter(file=None, worker=event.worker_id).exclude(kind__in=OF_LEARNING)
    if not event.file_id and came_or_went.exclude(undoes__kind__in=OF_LEARNING).exists():
        raise TooLate(_("This person has come or gone again since. Nothing was changed."))


# --- Compensations ---------------------------------------------------------------------------------------------------------


def _lay_down(event: Event, by: Worker, now: datetime) -> None:
    moves.lay_down(Slot.objects.values_list("pk", flat=True).get(file=event.file_id))
    _note(event, by, now)


def _take_back(event: Event, by: Worker, now: datetime) -> None:
    """Done, passed back, shelved, withdrawn: the file returns, to its slot if it had one, else to the queue."""
    file = _file_of(event)
    _insist_on_room(file)
    if event.kind == Event.Kind.WITHDRAWN and event.receipt:
        _rename(file, event.receipt["reference"])
    PassBack.objects.filter(file=file, worker=event.worker_id, at=event.at).delete()
    flow.end_help([file.pk], cause=Gone.UNDONE, by=by, now=now)
    ShelfPlace.objects.filter(file=file).delete()
    if file.state == State.WAITING:
        _note(event, by, now)
    else:
        moves.place(file.pk, file.state, State.WAITING, kind=Event.Kind.UNDONE, by_id=by.pk, now=now, undoes=event.pk)
    if event.kind == Event.Kind.DONE:
        moves.unpractise(event.pk)
    if event.worker_id and event.from_state == State.IN_SLOT:
        _into_its_slot(file, event, now=now)
    _reopen_help(event)


def _insist_on_room(file: File) -> None:
    """Undo is no side door: not past the expedites the team allows (R3), nor past a rework that began (R17)."""
    if file.state not in (State.DONE, State.WITHDRAWN):
        return
    if file.expedite:
        limit = Queue.objects.values_list("expedite_limit", flat=True).get(team=file.team_id)
        flow.insist_on_expedite_limit(file.team_id, limit=limit)
    if file.reworks.exclude(state=State.WITHDRAWN).exists():
        raise TooLate(_("A rework of this file has begun. Withdraw that first."))
    if file.rework_of and file.rework_of.state != State.DONE:
        raise TooLate(_("The file that this was a rework of is not done any more. Nothing was changed."))


def _resume(event: Event, by: Worker, now: datetime) -> None:
    """Not stuck after all: in hand again, unless another file is by now."""
    flow.end_help([_file_of(event).pk], cause=Gone.UNDONE, by=by, now=now)
    _reopen_help(event)
    if not Slot.objects.filter(bin=event.worker_id, in_hand=True).exists():
        Slot.objects.filter(file=event.file_id).update(in_hand=True, started_at=event.at)
    _note(event, by, now)


def _call_again(event: Event, by: Worker, now: datetime) -> None:
    if not _reopen_help(event):
        raise TooLate(_("This person has called for help on another file since. Nothing was changed."))
    _note(event, by, now)


def _unanswer(event: Event, by: Worker, now: datetime) -> None:
    """Help does not come after all: the call waits for somebody again."""
    HelpCall.objects.filter(file=event.file_id, ended_at=None).update(answered_at=None, answered_by=None)
    _note(event, by, now)


def _in_turn(event: Event, by: Worker, now: datetime) -> None:
    File.objects.filter(pk=_file_of(event).pk).update(expedite=False, expedite_reason="", turn=Turn.ORDINARY)
    _note(event, by, now)


def _unlog(event: Event, by: Worker, now: datetime) -> None:
    """Out of the queue, or of a slot in which nobody has started it. The event keeps what it was called."""
    file = _file_of(event)
    moves.place(
        file.pk,
        file.state,
        State.WITHDRAWN,
        kind=Event.Kind.WITHDRAWN,
        by_id=by.pk,
        now=now,
        undoes=event.pk,
        left={"reference": file.reference},
    )
    _rename(file, _set_aside(file.reference))


def _set_aside(reference: str) -> str:
    """A name for a file that was taken back, which nothing has yet."""
    stem = reference[: directory.longest(File, "reference") - len(TAKEN_BACK) - DIGITS] + TAKEN_BACK
    there = set(File.objects.filter(reference__startswith=stem).values_list("reference", flat=True))
    return next(name for number in count(1) if (name := f"{stem}{number}") not in there)


def _rename(file: File, reference: str) -> None:
    """Other teams log without waiting for this one, so the database has the last word on who has a reference."""
    try:
        with transaction.atomic():
            File.objects.filter(pk=file.pk).update(reference=reference)
    except IntegrityError as taken:
        raise TooLate(
            _("%(reference)s was logged again since. Nothing was changed.") % {"reference": reference}
        ) from taken


def _be_here(event: Event, by: Worker, now: datetime) -> None:
    """Not away after all: each file that still waits comes back to its slot before the rest is filled."""
    worker = _worker_of(event)
    returned = Event.objects.filter(kind=Event.Kind.RETURNED, worker=worker, at=event.at).select_related("file")
    _tell(event, by, now)
    flow.back(worker, by=by, now=now, refilled=False)
    for each in returned:
        since = Event.objects.filter(file=each.file_id, pk__gt=each.pk).exclude(kind__in=BESIDE)
        if each.file and not since.exists():
            _into_its_slot(each.file, each, now=now)
            _reopen_help(each)


def _be_away(event: Event, by: Worker, now: datetime) -> None:
    _tell(event, by, now)
    flow.away(_worker_of(event), by=by, now=now)


def _lay_back(event: Event, by: Worker, now: datetime) -> None:
    shelf.lay_back(event, by=by, now=now)


def _promise_as_before(event: Event, by: Worker, now: datetime) -> None:
    repromise.take_back(event, by=by, now=now)


def _as_if_not_lent(event: Event, by: Worker, now: datetime) -> None:
    loans.take_back(event, by=by, now=now)


def _notice_as_before(event: Event, by: Worker, now: datetime) -> None:
    notices.take_back(event, by=by, now=now)


def _level_as_before(event: Event, by: Worker, now: datetime) -> None:
    if event.kind == Event.Kind.TARGETED:
        levels.take_target_back(event, by=by, now=now)
    else:
        levels.take_back([event], by=by, now=now)


def _paired_as_before(event: Event, by: Worker, now: datetime) -> None:
    pairings.take_back(event, by=by, now=now)


def _remove_again(event: Event, by: Worker, now: datetime) -> None:
    attachments.take_back(event, by=by, now=now)


def _attach_again(event: Event, by: Worker, now: datetime) -> None:
    attachments.put_back(event, by=by, now=now)


def _plan_nothing(event: Event, by: Worker, now: datetime) -> None:
    absences.take_back(event, by=by, now=now)


def _plan_again(event: Event, by: Worker, now: datetime) -> None:
    absences.put_back(event, by=by, now=now)


COMPENSATIONS: dict[str, Compensation] = {
    Event.Kind.LOGGED: _unlog,
    Event.Kind.STARTED: _lay_down,
    Event.Kind.DONE: _take_back,
    Event.Kind.PASSED_BACK: _take_back,
    Event.Kind.SHELVED: _take_back,
    Event.Kind.WOKEN: _lay_back,
    Event.Kind.WITHDRAWN: _take_back,
    Event.Kind.STUCK: _resume,
    Event.Kind.ANSWERED: _unanswer,
    Event.Kind.UNSTUCK: _call_again,
    Event.Kind.EXPEDITED: _in_turn,
    Event.Kind.AWAY: _be_here,
    Event.Kind.BACK: _be_away,
    Event.Kind.ASKED: _as_if_not_lent,
    Event.Kind.AGREED: _as_if_not_lent,
    Event.Kind.LENT: _as_if_not_lent,
    Event.Kind.HOME: _as_if_not_lent,
    Event.Kind.CALLED_OFF: _as_if_not_lent,
    Event.Kind.POSTED: _notice_as_before,
    Event.Kind.CLOSED: _notice_as_before,
    Event.Kind.LEVELLED: _level_as_before,
    Event.Kind.TARGETED: _level_as_before,
    Event.Kind.PAIRED: _paired_as_before,
    Event.Kind.UNPAIRED: _paired_as_before,
    Event.Kind.REPROMISED: _promise_as_before,
    Event.Kind.ATTACHED: _remove_again,
    Event.Kind.DETACHED: _attach_again,
    Event.Kind.PLANNED: _plan_nothing,
    Event.Kind.CANCELLED: _plan_again,
}


# --- Getting back ------------------------------------------------------------------------------------------------------------


def _into_its_slot(file: File, event: Event, *, now: datetime) -> None:
    """Into the slot it left, as old and as much in hand as it was; kept for its person at the head where that cannot be."""
    worker_id = event.worker_id or 0
    still_there = Slot.objects.filter(position__lte=F("bin__worker__works_in__queue__bin_size"))
    slot = still_there.filter(bin=worker_id, position=event.position or 0).first()
    if slot is None or not _may_return(slot, file, now=now) or not _is_cleared(slot, now=now):
        File.objects.filter(pk=file.pk, expedite=False).update(turn=Turn.WOKEN)
        shelf.keep(file.pk, worker_id=worker_id, now=now)
        return
    moves.fill([(slot.pk, file.pk)], cause=UNDONE, now=now)
    filled_at, started_at = _as_it_was(file, event)
    Slot.objects.filter(pk=slot.pk).update(filled_at=filled_at or now)
    if started_at and not Slot.objects.filter(bin=slot.bin_id, in_hand=True).exists():
        Slot.objects.filter(pk=slot.pk).update(in_hand=True, started_at=started_at)


def _may_return(slot: Slot, file: File, *, now: datetime) -> bool:
    """Who is lent, or back from a loan, finishes what they had: then it is not of the team they work in. Who has changed teams does
    not."""
    worker = slot.bin.worker
    if file.team_id == worker.works_in_id or not (worker.is_present and worker.is_active):
        return flow.can_take(worker.pk, file.pk, now=now)
    return file.team_id == worker.team_id or Loan.objects.filter(worker=worker, to_team=file.team_id).exists()


def _is_cleared(slot: Slot, *, now: datetime) -> bool:
    """Whether the slot is free by now; a file that nobody started goes back to its place for it."""
    if slot.file_id is None:
        return True
    [held] = [each for each in moves.held_by(slot.bin_id) if each.slot_id == slot.pk]
    if held.in_hand or HelpCall.objects.filter(file=held.file_id, worker=slot.bin_id, ended_at=None).exists():
        return False
    moves.give_back([held], kind=Event.Kind.RETURNED, by_id=None, cause=UNDONE, now=now)
    return True


def _as_it_was(file: File, event: Event) -> tuple[datetime | None, datetime | None]:
    """Since when it was in the slot, and in hand, just before this event."""
    filled_at = started_at = None
    before = Event.objects.filter(file=file, worker=event.worker_id, pk__lt=event.pk).order_by("pk")
    for kind, at in before.values_list("kind", "at"):
        if kind == Event.Kind.FILLED:
            filled_at, started_at = at, None
        elif kind == Event.Kind.STARTED:
            started_at = at
        elif kind in (Event.Kind.STUCK, Event.Kind.UNDONE):
            started_at = None
    return filled_at, started_at


def _reopen_help(event: Event) -> bool:
    """The help call that this act ended is open again, unless its file left the bin or its person called on another since."""
    call = HelpCall.objects.filter(file=event.file_id, ended_at=event.at).order_by("pk").last()
    if call is None or HelpCall.objects.filter(file=event.file_id, ended_at=None).exists():
        return False
    if call.worker_id and (
        HelpCall.objects.filter(worker=call.worker_id, ended_at=None).exists()
        or not Slot.objects.filter(bin=call.worker_id, file=event.file_id).exists()
    ):
        return False
    HelpCall.objects.filter(pk=call.pk).update(ended_at=None, ended_by=None, cause="")
    return True


def _file_of(event: Event) -> File:
    assert event.file is not None  # its kind says so
    return event.file


def _worker_of(event: Event) -> Worker:
    assert event.worker is not None  # its kind says so
    return event.worker


def _note(event: Event, by: Worker, now: datetime) -> None:
    moves.note(_file_of(event).pk, kind=Event.Kind.UNDONE, by_id=by.pk, now=now, undoes=event.pk)


def _tell(event: Event, by: Worker, now: datetime) -> None:
    Event.objects.create(
        team_id=event.team_id, kind=Event.Kind.UNDONE, by=by, worker_id=event.worker_id, at=now, undoes=event
    )
