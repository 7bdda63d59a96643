"""What teams ask of each other: a team asks for help, or offers free hands (see `Notice`).

A notice is open until somebody closes it, its time is over, or it is answered: as many people work there by a loan agreed since, or
are going to, as it speaks of. So a loan that is undone, or ends early, opens it again by itself.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Case, Count, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from dispatch import flow, moves
from dispatch.acts import act
from dispatch.models import Event, Loan, Notice
from skills.models import Skill, Team, Worker

LONGEST = timedelta(days=31)
MOST_PEOPLE = 50


class NoticeImpossible(flow.Refused):
    """A notice says why, for how many, and until when within a month."""


class NoticeClosed(flow.Refused):
    """Somebody was first, or its time is over."""


@act
def post(
    team: Team,
    *,
    kind: str,
    people: int = 1,
    skill: Skill | None = None,
    reason: str,
    until: datetime,
    by: Worker,
    now: datetime,
) -> Notice:
    """The team asks for so many people, or offers them. Raises NoticeImpossible."""
    reason = reason.strip()
    if not reason:
        raise NoticeImpossible(_("Say why: whoever can help reads it."))
    if not 1 <= people <= MOST_PEOPLE:
        raise NoticeImpossible(_("Choose one person to fifty."))
    if not now < until <= now + LONGEST:
        raise NoticeImpossible(_("Choose an end that is still to come, within a month."))
    moves.take_queues([team.pk])
    notice = Notice.objects.create(
        team=team, kind=kind, people=people, skill=skill, reason=reason[:200], by=by, at=now, until=until
    )
    _tell(Event.Kind.POSTED, notice, by=by, now=now)
    return notice


@act
def close(notice: Notice, *, by: Worker, now: datetime) -> None:
    """It is over. Raises NoticeClosed."""
    moves.take_queues([notice.team_id])
    if not Notice.objects.filter(pk=notice.pk, closed_at=None, until__gt=now).update(closed_by=by, closed_at=now):
        raise NoticeClosed(_("This was closed already, or its time is over. Nothing was changed."))
    _tell(Event.Kind.CLOSED, notice, by=by, now=now)


def take_back(event: Event, *, by: Worker, now: datetime) -> None:
    """What this event did to a notice is as it was before (R18). Raises NoticeClosed."""
    assert event.receipt is not None  # its kind says so
    notice = Notice.objects.get(pk=event.receipt["notice"])
    if event.kind == Event.Kind.CLOSED:
        Notice.objects.filter(pk=notice.pk).update(closed_by=None, closed_at=None)
    elif not Notice.objects.filter(pk=notice.pk, closed_at=None).update(closed_by=by, closed_at=now):
        raise NoticeClosed(_("This was closed already, or its time is over. Nothing was changed."))
    _tell(Event.Kind.UNDONE, notice, by=by, now=now, undoes=event)


def open_notices(teams: Collection[int] | None = None, *, now: datetime) -> QuerySet[Notice]:
    """Those of these teams, or of all, that nobody has answered yet, the oldest first. Each has `answered`: how many people it has
    brought so far."""
    since = Loan.objects.filter(agreed_at__gte=OuterRef("at"), ended_at=None).order_by()
    came = since.filter(to_team=OuterRef("team")).values("to_team").annotate(number=Count("pk")).values("number")
    went = since.filter(from_team=OuterRef("team")).values("from_team").annotate(number=Count("pk")).values("number")
    answered = Case(When(kind=Notice.Kind.ASK, then=Subquery(came)), default=Subquery(went))
    found = Notice.objects.filter(closed_at=None, until__gt=now)
    if teams is not None:
        found = found.filter(team__in=teams)
    return (
        found.select_related("team", "skill", "by")
        .annotate(answered=Coalesce(answered, 0))
        .filter(answered__lt=F("people"))
        .order_by("at", "pk")
    )


def _tell(kind: str, notice: Notice, *, by: Worker, now: datetime, undoes: Event | None = None) -> None:
    cause = "" if undoes else notice.reason
    Event.objects.create(
        team_id=notice.team_id, kind=kind, by=by, cause=cause, at=now, receipt={"notice": notice.pk}, undoes=undoes
    )
