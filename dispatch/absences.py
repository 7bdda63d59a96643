"""Planned absences: they begin by themselves, and leave an empty bin like any other going away (R15)."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from dispatch import flow
from dispatch.acts import act
from dispatch.models import Absence
from skills.models import Worker


class Overlapping(flow.Refused):
    """Two absences of one person at one time."""


class NotPlanned(flow.Refused):
    """There is no such absence any more."""


def cancel(absence_id: int, *, worker: Worker) -> None:
    """It will not begin; who is away for it already stays so. Raises NotPlanned."""
    if not Absence.objects.filter(pk=absence_id, worker=worker).delete()[0]:
        raise NotPlanned(_("This absence was removed already. Nothing was changed."))


def plan(worker: Worker, *, starts_at: datetime, ends_at: datetime, note: str = "") -> Absence:
    """They go away by themselves when it begins. Raises Overlapping."""
    try:
        with transaction.atomic():
            return Absence.objects.create(worker=worker, starts_at=starts_at, ends_at=ends_at, note=note)
    except IntegrityError as error:
        if "absences_do_not_overlap" not in str(error):
            raise
        raise Overlapping(
            _("An absence at that time is planned already. Remove it first, or choose another time.")
        ) from error


def to_come(worker: Worker, *, now: datetime) -> list[Absence]:
    """Those that are not over yet, the next first."""
    return list(Absence.objects.filter(worker=worker, ends_at__gt=now).order_by("starts_at"))


def begin_due(*, now: datetime) -> int:
    """Everybody whose planned absence has begun goes away, once; their number."""
    due = Absence.objects.filter(has_begun=False, starts_at__lte=now, worker__team__queue__isnull=False)
    return sum(_begin(absence, now=now) for absence in due.select_related("worker"))


@act
def _begin(absence: Absence, *, now: datetime) -> bool:
    """False when another sweep was first, or it is over already."""
    mine = Absence.objects.filter(pk=absence.pk, has_begun=False).update(has_begun=True)
    if not mine or absence.ends_at <= now:
        return False
    flow.away(absence.worker, note=absence.note, until=absence.ends_at, by=None, now=now)
    return True
