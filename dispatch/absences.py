"""Planned absences: they begin by themselves, and leave an empty bin like any other going away (R15)."""

from datetime import datetime

from django.db import transaction

from dispatch import flow
from dispatch.models import Absence


def begin_due(*, now: datetime) -> int:
    """Everybody whose planned absence has begun goes away, once; their number."""
    due = Absence.objects.filter(has_begun=False, starts_at__lte=now).select_related("worker")
    return sum(_begin(absence, now=now) for absence in due)


def _begin(absence: Absence, *, now: datetime) -> bool:
    """False when another sweep was first, or it is over already."""
    with transaction.atomic():
        mine = Absence.objects.filter(pk=absence.pk, has_begun=False).update(has_begun=True)
        if not mine or absence.ends_at <= now or absence.worker.team_id is None:
            return False
        flow.away(absence.worker, note=absence.note, until=absence.ends_at, by=None, now=now)
    return True
