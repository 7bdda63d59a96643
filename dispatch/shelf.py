"""The shelf (R13): a file that waits on somebody outside frees its slot, and comes back by itself on its day."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch import flow, moves, refusals
from dispatch.acts import act
from dispatch.models import Event, File, Gone, Queue, ShelfPlace, State, Turn
from dispatch.wake_ups import wake
from skills.models import Worker

KEPT_FOR = timedelta(hours=1)  # how long a woken file waits for the person who knows it before anybody may get it
LONGEST = timedelta(days=366)


class ShelfFull(refusals.Refused):
    """This person has as many files on the shelf as the team allows."""


class WakeImpossible(refusals.Refused):
    """A file wakes later than now, and within a year."""


@act
def shelve(
    worker: Worker,
    position: int,
    *,
    reason: str,
    wake_at: datetime,
    file: int | None = None,
    by: Worker,
    now: datetime,
) -> None:
    """The file waits on others; its slot is filled again. Raises ReasonMissing, WakeImpossible, ShelfFull, SlotEmpty, ..."""
    reason = reason.strip()
    if not reason:
        raise refusals.ReasonMissing(_("Say what this file waits on."))
    if not now < wake_at <= now + LONGEST:
        raise WakeImpossible(_("Choose a day to come, within a year, on which this file wakes."))
    terms, held = flow.take_bin(worker)
    slot = flow.slot_of(held, position, file=file)
    place = _free_place(worker)
    flow.end_help([slot.file_id], cause=Gone.SHELVED, by=by, now=now)
    moves.place(
        slot.file_id,
        State.IN_SLOT,
        State.SHELVED,
        kind=Event.Kind.SHELVED,
        by_id=by.pk,
        cause=reason[:300],
        now=now,
    )
    ShelfPlace.objects.create(
        worker=worker, place=place, file_id=slot.file_id, reason=reason[:200], shelved_at=now, wake_at=wake_at
    )
    flow.fill_again(slot, worker=worker, terms=terms, cause="shelve", now=now)


@act
def rouse(place: ShelfPlace, *, by: Worker | None, now: datetime) -> None:
    """The file goes to the head of the queue, before its day when somebody says so, and for a while only to its person."""
    moves.take(place.file.team_id)
    if not ShelfPlace.objects.filter(pk=place.pk).delete()[0]:
        return
    moves.place(
        place.file_id,
        State.SHELVED,
        State.WAITING,
        kind=Event.Kind.WOKEN,
        by_id=by.pk if by else None,
        now=now,
        left={
            "worker": place.worker_id,
            "reason": place.reason,
            "shelved_at": place.shelved_at.isoformat(),
            "wake_at": place.wake_at.isoformat(),
        },
    )
    File.objects.filter(pk=place.file_id, expedite=False).update(turn=Turn.WOKEN)
    keep(place.file_id, worker_id=place.worker_id, now=now)
    wake(place.file.team_id)


def lay_back(event: Event, *, by: Worker, now: datetime) -> None:
    """The file that was roused is on the shelf again, until the day it had (R18). Raises ShelfFull. The caller holds the queue."""
    assert event.file_id is not None  # its kind says so
    assert event.receipt is not None
    worker = Worker.objects.get(pk=event.receipt["worker"])
    place = _free_place(worker)
    moves.place(
        event.file_id, State.WAITING, State.SHELVED, kind=Event.Kind.UNDONE, by_id=by.pk, now=now, undoes=event.pk
    )
    File.objects.filter(pk=event.file_id).update(kept_for=None, kept_until=None)
    ShelfPlace.objects.create(
        worker=worker,
        place=place,
        file_id=event.file_id,
        reason=event.receipt["reason"],
        shelved_at=event.receipt["shelved_at"],
        wake_at=event.receipt["wake_at"],
    )


def keep(file_id: int, *, worker_id: int, now: datetime) -> None:
    """For a while only this person gets the waiting file; if they cannot take it now, it is kept for nobody."""
    kept_for = worker_id if flow.can_take(worker_id, file_id, now=now) else None
    File.objects.filter(pk=file_id).update(kept_for=kept_for, kept_until=now + KEPT_FOR if kept_for else None)


def rouse_due(*, now: datetime) -> int:
    """Wake every file whose day has come; their number."""
    due = list(ShelfPlace.objects.filter(wake_at__lte=now).select_related("file"))
    for place in due:
        rouse(place, by=None, now=now)
    return len(due)


def _free_place(worker: Worker) -> int:
    taken = set(ShelfPlace.objects.filter(worker=worker).values_list("place", flat=True))
    limit = Queue.objects.values_list("shelf_limit", flat=True).get(team=flow.team_of(worker))
    free = [place for place in range(1, limit + 1) if place not in taken]
    if len(taken) >= limit or not free:
        text = ngettext(
            "You have %(limit)d file on the shelf already, as many as your team allows. Take it back first.",
            "You have %(limit)d files on the shelf already, as many as your team allows. Take one back first.",
            limit,
        )
        raise ShelfFull(text % {"limit": limit})
    return free[0]
