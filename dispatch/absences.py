"""Planned absences: they begin by themselves, and leave an empty bin like any other going away (R15).

Planned and removed by the person or by who leads them; which of the two may, the pages say. Both are acts (R20) that can be undone
for a minute (R18) like any other: what the event keeps of the absence is enough to have it again.
"""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from dispatch import flow
from dispatch.acts import act
from dispatch.models import Absence, Event
from skills.models import Worker


class Overlapping(flow.Refused):
    """Two absences of one person at one time."""


class NotPlanned(flow.Refused):
    """There is no such absence any more."""


class HasBegun(flow.Refused):
    """Somebody is away for it already."""


@act
def plan(
    worker: Worker, *, starts_at: datetime, ends_at: datetime, note: str = "", by: Worker, now: datetime
) -> Absence:
    """They go away by themselves when it begins. Raises Overlapping."""
    flow.take_bin(worker)
    planned = _keep(Absence(worker=worker, starts_at=starts_at, ends_at=ends_at, note=note))
    _tell(Event.Kind.PLANNED, planned, by=by, now=now)
    return planned


@act
def cancel(absence_id: int, *, worker: Worker, by: Worker, now: datetime) -> None:
    """It will not begin; who is away for it already stays so. Raises NotPlanned."""
    flow.take_bin(worker)
    planned = Absence.objects.filter(pk=absence_id, worker=worker).first()
    if planned is None:
        raise NotPlanned(_("This absence was removed already. Nothing was changed."))
    _remove(planned, by=by, now=now)


def take_back(event: Event, *, by: Worker, now: datetime) -> None:
    """It was not planned after all (R18). The caller holds the queue. Raises NotPlanned, HasBegun."""
    planned = Absence.objects.filter(pk=_told(event)["id"]).first()
    if planned is None:
        raise NotPlanned(_("This absence was removed already. Nothing was changed."))
    if planned.has_begun:
        raise HasBegun(_("This absence has begun. Coming back ends it; nothing was changed."))
    _remove(planned, by=by, now=now, undoes=event)


def put_back(event: Event, *, by: Worker, now: datetime) -> None:
    """It is planned as it was (R18). The caller holds the queue. Raises Overlapping when another was planned since."""
    assert event.worker is not None  # its kind says so
    told = _told(event)
    starts_at, ends_at = (datetime.fromisoformat(told[name]) for name in ("starts_at", "ends_at"))
    removed = Absence(pk=told["id"], worker=event.worker, starts_at=starts_at, ends_at=ends_at, note=event.cause)
    removed.has_begun = told["has_begun"]
    _tell(Event.Kind.PLANNED, _keep(removed), by=by, now=now, undoes=event)


def to_come(worker: Worker, *, now: datetime) -> list[Absence]:
    """Those that are not over yet, the next first."""
    return list(Absence.objects.filter(worker=worker, ends_at__gt=now).order_by("starts_at"))


def begin_due(*, now: datetime) -> int:
    """Everybody whose planned absence has begun goes away, once; their number."""
    due = Absence.objects.filter(has_begun=False, starts_at__lte=now, worker__team__queue__isnull=False)
    return sum(_begin(absence, now=now) for absence in due.select_related("worker"))


@act
def _begin(absence: Absence, *, now: datetime) -> bool:
    """False when another sweep was first, it was removed, or it is over already."""
    flow.take_bin(absence.worker)
    mine = Absence.objects.filter(pk=absence.pk, has_begun=False).update(has_begun=True)
    if not mine or absence.ends_at <= now:
        return False
    flow.away(absence.worker, note=absence.note, until=absence.ends_at, by=None, now=now)
    return True


def _keep(planned: Absence) -> Absence:
    try:
        with transaction.atomic():
            planned.save(force_insert=True)
    except IntegrityError as error:
        if "absences_do_not_overlap" not in str(error):
            raise
        raise Overlapping(
            _("An absence at that time is planned already. Remove it first, or choose another time.")
        ) from error
    return planned


def _remove(planned: Absence, *, by: Worker, now: datetime, undoes: Event | None = None) -> None:
    _tell(Event.Kind.CANCELLED, planned, by=by, now=now, undoes=undoes)
    planned.delete()


def _tell(kind: Event.Kind, planned: Absence, *, by: Worker, now: datetime, undoes: Event | None = None) -> None:
    """The event has the note as its cause, and keeps the rest of the absence."""
    told = {
        "id": planned.pk,
        "starts_at": planned.starts_at.isoformat(),
        "ends_at": planned.ends_at.isoformat(),
        "has_begun": planned.has_begun,
    }
    team_id = undoes.team_id if undoes else flow.team_of(planned.worker)
    of_whom = {"team_id": team_id, "worker": planned.worker}
    Event.objects.create(**of_whom, kind=kind, by=by, cause=planned.note, at=now, undoes=undoes, receipt=told)


def _told(event: Event) -> dict[str, Any]:
    assert event.receipt is not None  # its kind says so
    return dict(event.receipt)
