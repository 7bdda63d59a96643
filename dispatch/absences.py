"""Planned absences: they begin by themselves, and leave an empty bin like any other going away (R15).

Planned and removed by the person or by who leads them; which of the two may, the pages say. Both are acts (R20) that can be undone
for a minute (R18) like any other: what the event keeps of the absence is enough to have it again.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from dispatch import flow, refusals
from dispatch.acts import act
from dispatch.calendars import ONE_DAY, Calendar
from dispatch.models import Absence, Event
from skills.models import Worker

LONGEST = timedelta(days=2 * 366)


class Overlapping(refusals.Refused):
    """Two absences of one person at one time."""


class NotPlanned(refusals.Refused):
    """There is no such absence any more."""


class HasBegun(refusals.Refused):
    """Somebody is away for it already."""


class TakesNoTime(refusals.Refused):
    """Nobody works between these two, or the second is not after the first."""


@act
def plan(
    worker: Worker,
    *,
    starts_at: datetime,
    ends_at: datetime,
    note: str = "",
    is_for_files: bool = False,
    by: Worker,
    now: datetime,
) -> Absence:
    """They go away by themselves when it begins; a note that `is_for_files` goes with the files. Raises Overlapping."""
    flow.take_bin(worker)
    new = Absence(worker=worker, starts_at=starts_at, ends_at=ends_at, note=note, is_for_files=is_for_files)
    planned = _keep(new)
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
    removed.has_begun, removed.is_for_files = told["has_begun"], told.get("is_for_files", True)
    _tell(Event.Kind.PLANNED, _keep(removed), by=by, now=now, undoes=event)


def between(
    calendar: Calendar, *, from_day: date, from_time: time | None, until_day: date, until_time: time | None
) -> tuple[datetime, datetime]:
    """Begin and end of an absence, by wall times of the calendar. A day without a time is all of its work: from the first working
    day on, up to the last. Raises TakesNoTime."""
    if not timedelta() <= until_day - from_day <= LONGEST:
        raise TakesNoTime(_("It has to end on the day it begins on or a later one, and within two years."))
    last = calendar.add_working_days(from_day - ONE_DAY, calendar.working_days_between(from_day - ONE_DAY, until_day))
    if last < from_day:
        raise TakesNoTime(
            _("Nobody works from %(since)s to %(until)s anyway. Choose working days.")
            % {"since": from_day, "until": until_day}
        )
    first = calendar.next_working_day(from_day - ONE_DAY)
    starts_at = calendar.instant(from_day, from_time) if from_time is not None else calendar.start_of_work(first)
    ends_at = calendar.instant(until_day, until_time) if until_time is not None else calendar.end_of_work(last)
    if not calendar.working_time_between(starts_at, ends_at):
        raise TakesNoTime(_("Nobody works at that time anyway, or it ends before it begins. Choose other times."))
    return starts_at, ends_at


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
    note = absence.note if absence.is_for_files else ""
    flow.away(absence.worker, note=note, until=absence.ends_at, by=None, now=now)
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
    event_of(kind, planned, by=by, now=now, undoes=undoes).save(force_insert=True)


def event_of(
    kind: Event.Kind, planned: Absence, *, by: Worker | None, now: datetime, undoes: Event | None = None
) -> Event:
    """Not saved. It has the note as its cause, and keeps the rest of the absence."""
    told = {
        "id": planned.pk,
        "starts_at": planned.starts_at.isoformat(),
        "ends_at": planned.ends_at.isoformat(),
        "has_begun": planned.has_begun,
        "is_for_files": planned.is_for_files,
    }
    team_id = undoes.team_id if undoes else flow.team_of(planned.worker)
    of_whom = {"team_id": team_id, "worker": planned.worker}
    return Event(**of_whom, kind=kind, by=by, cause=planned.note, at=now, undoes=undoes, receipt=told)


def _told(event: Event) -> dict[str, Any]:
    assert event.receipt is not None  # its kind says so
    return dict(event.receipt)
