"""What teams ask of each other: a team asks for help, or offers free hands (see `Notice`).

A notice is open until somebody closes it, its time is over, or it is answered: as many people work there by a loan agreed since, or
are going to, as it speaks of. So a loan that is undone, or ends early, opens it again by itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from dispatch import flow, moves
from dispatch.acts import act
from dispatch.models import Event, Notice
from dispatch.prepared import Statement
from skills.models import Skill, Team, Worker

LONGEST = timedelta(days=31)
MOST_PEOPLE = 50
MOST_LISTED = 100

OPEN = Statement(f"""
SELECT n.id, n.team_id, n.kind, n.people, coalesce(k.name, ''), n.reason, n.until, w.name, answered.number
FROM dispatch_notice n JOIN skills_worker w ON w.id = n.by_id LEFT JOIN skills_skill k ON k.id = n.skill_id
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM dispatch_loan l WHERE l.agreed_at >= n.at AND l.ended_at IS NULL
        AND (n.kind = 'ask' AND l.to_team_id = n.team_id OR n.kind <> 'ask' AND l.from_team_id = n.team_id)
) answered
WHERE n.closed_at IS NULL AND n.until > %(now)s AND answered.number < n.people ORDER BY n.at, n.id LIMIT {MOST_LISTED}
""")


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


@dataclass(frozen=True)
class Open:
    """A notice that nobody has answered yet. `skill` is empty where any will do; `answered` is how many people it has brought."""

    pk: int
    team_id: int
    kind: str
    people: int
    skill: str
    reason: str
    until: datetime
    by: str
    answered: int


def open_notices(*, now: datetime) -> list[Open]:
    """A hundred at most, the oldest first. One statement."""
    return [Open(*row) for row in OPEN.rows(now=now)]


def _tell(kind: str, notice: Notice, *, by: Worker, now: datetime, undoes: Event | None = None) -> None:
    cause = "" if undoes else notice.reason
    Event.objects.create(
        team_id=notice.team_id, kind=kind, by=by, cause=cause, at=now, receipt={"notice": notice.pk}, undoes=undoes
    )
