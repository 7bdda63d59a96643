"""Teams that are not dispatched here (front desk, phones): what stands in the way of being one, and who helps there when."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from dispatch import flow, refusals
from dispatch.acts import act
from dispatch.models import Bin, File, FileType, Loan, Queue, ShelfPlace, Slot
from skills.models import Team, Worker


class IsDispatched(refusals.Refused):
    """This team has work, or people of it are lent: it cannot be a front office."""


class Visit(NamedTuple):
    """Somebody who helps, in the zone of their home."""

    name: str
    home: str
    starts_at: datetime
    ends_at: datetime
    now: datetime
    reason: str
    is_away: bool


@dataclass(frozen=True)
class Visits:
    here: tuple[Visit, ...]
    coming: tuple[Visit, ...]
    are_in_one_zone: bool


def why_not(team: Team) -> str:
    """What has to be done before this team can be a front office; empty when nothing has."""
    if File.objects.filter(team=team).exists():
        return _("This team has files, so it is dispatched here. Make another team for the front office.")
    if FileType.objects.filter(team=team).exists():
        return _("This team has file types, and a front office has none. Delete them first.")
    of_people = Q(worker__team=team)
    holds = Slot.objects.filter(bin__worker__team=team, file__isnull=False).exists()
    if holds or ShelfPlace.objects.filter(of_people).exists():
        return _("People of this team still hold files of others. Wait until these are finished.")
    if Loan.objects.filter(Q(to_team=team) | Q(from_team=team), ended_at=None).exists():
        return _("People are lent from or to this team, now or later. End these loans first.")
    return ""


@act
def close(team: Team, *, by: Worker, now: datetime) -> None:
    """The team has no queue any more and its people no bins, so that it can be marked. Raises IsDispatched."""
    if not Queue.objects.filter(team=team).exists():
        return
    people = Worker.objects.filter(team=team)
    for worker in people.filter(is_present=True).order_by("pk"):
        flow.away(worker, by=by, now=now)
    Queue.objects.select_for_update().get(team=team)
    if why := why_not(team):
        raise IsDispatched(why)
    Slot.objects.filter(bin__worker__in=people).delete()
    Bin.objects.filter(worker__in=people).delete()
    Queue.objects.filter(team=team).delete()


def visits(team: Team, *, now: datetime) -> Visits:
    """Who is lent there and until when, and who comes next. Two statements."""
    loans = (
        Loan.objects.filter(
            to_team=team, ended_at=None, agreed_at__isnull=False, ends_at__gt=now, worker__is_active=True
        )
        .select_related("worker", "from_team__queue__calendar__current")
        .order_by("starts_at", "worker__name")
    )
    found = [(loan, _visit(loan, now=now)) for loan in loans]
    return Visits(
        here=tuple(sorted((visit for loan, visit in found if loan.started_at), key=lambda each: each.ends_at)),
        coming=tuple(visit for loan, visit in found if not loan.started_at),
        are_in_one_zone=len({str(visit.now.tzinfo) for _loan, visit in found}) < 2,
    )


def _visit(loan: Loan, *, now: datetime) -> Visit:
    zone = ZoneInfo(loan.from_team.queue.calendar.current.zone)
    starts_at, ends_at, here = (at.astimezone(zone) for at in (loan.starts_at, loan.ends_at, now))
    return Visit(
        loan.worker.name, loan.from_team.name, starts_at, ends_at, here, loan.reason, not loan.worker.is_present
    )
