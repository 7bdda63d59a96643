"""The loans that somebody may see, as they are told: those that run, that are asked for, that are planned, and those that ended."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from dispatch import rights
from dispatch.lending import Places
from dispatch.models import Loan
from skills.models import Worker

MOST = 100
LAST = 20


class Stage(StrEnum):
    ASKED = "asked"
    PLANNED = "planned"
    RUNNING = "running"
    OVER = "over"


@dataclass(frozen=True)
class LoanLine:
    """A loan. Instants are in the zone of the host; `home_zone` is set where that of the home shows other times, with these."""

    pk: int
    stage: Stage
    name: str
    home: str
    host: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    home_zone: str
    home_starts_at: datetime
    home_ends_at: datetime
    now: datetime
    home_now: datetime
    reason: str
    asked_by: str
    ended: str  # how it ended
    may_agree: bool
    is_of_home: bool  # who reads answers for the home: asks back, or declines
    may_end: bool


@dataclass(frozen=True)
class LoanLists:
    asked: tuple[LoanLine, ...]
    running: tuple[LoanLine, ...]
    planned: tuple[LoanLine, ...]
    over: tuple[LoanLine, ...]
    is_more: bool  # open ones, than are listed


def loan_lists(
    person: Worker, *, of: Places, teams: Collection[int] | None, host: int | None, now: datetime
) -> LoanLists:
    """Open loans from or to these teams (None: all), and those that ended last, of one team where it is named; two statements."""
    related = ("worker", "asked_by", "ended_by")
    mine = Loan.objects.select_related(*related)
    if teams is not None:
        mine = mine.filter(Q(from_team__in=teams) | Q(to_team__in=teams))
    still_open = mine.filter(ended_at=None).order_by("starts_at", "pk")[: MOST + 1]
    ended = mine.filter(ended_at__isnull=False)
    if host:
        ended = ended.filter(Q(from_team=host) | Q(to_team=host))
    lines = [_line(loan, person, of=of, now=now) for loan in still_open]
    over = [_line(loan, person, of=of, now=now) for loan in _last(ended)]

    def at(stage: Stage) -> tuple[LoanLine, ...]:
        return tuple(line for line in lines[:MOST] if line.stage == stage)

    return LoanLists(at(Stage.ASKED), at(Stage.RUNNING), at(Stage.PLANNED), tuple(over), len(lines) > MOST)


def _last(ended: QuerySet[Loan]) -> Iterable[Loan]:
    return ended.order_by("-ended_at", "-pk")[:LAST]


def _line(loan: Loan, person: Worker, *, of: Places, now: datetime) -> LoanLine:
    loan.from_team, loan.to_team = of.teams[loan.from_team_id], of.teams[loan.to_team_id]
    zone, home_zone = of.zone(loan.to_team_id), of.zone(loan.from_team_id)
    there, at_home = (
        [at.astimezone(ZoneInfo(name)) for at in (loan.starts_at, loan.ends_at, now)] for name in (zone, home_zone)
    )
    differs = any(each.utcoffset() != other.utcoffset() for each, other in zip(there[:2], at_home[:2], strict=True))
    stage = _stage(loan)
    return LoanLine(
        pk=loan.pk,
        stage=stage,
        name=loan.worker.name,
        home=loan.from_team.name,
        host=loan.to_team.name,
        starts_at=there[0],
        ends_at=there[1],
        zone=zone,
        home_zone=home_zone if differs else "",
        home_starts_at=at_home[0],
        home_ends_at=at_home[1],
        now=there[2],
        home_now=at_home[2],
        reason=loan.reason,
        asked_by=loan.asked_by.name,
        ended=_ended(loan) if stage == Stage.OVER else "",
        may_agree=stage == Stage.ASKED and loan.ends_at > now and rights.may_lend(person, loan.from_team),
        is_of_home=rights.leads(person, loan.from_team),
        may_end=stage != Stage.OVER and rights.may_end_loan(person, loan),
    )


def _stage(loan: Loan) -> Stage:
    if loan.ended_at:
        return Stage.OVER
    if loan.started_at:
        return Stage.RUNNING
    return Stage.PLANNED if loan.agreed_at else Stage.ASKED


def _ended(loan: Loan) -> str:
    """In a few words: "ended by itself", "ended early by Tomás H.", "declined by Nokuthula D."."""
    who = {"name": loan.ended_by.name} if loan.ended_by else None
    if loan.started_at:
        said = _("ended early by %(name)s") % who if who else _("ended by itself")
    elif loan.agreed_at:
        said = _("called off by %(name)s") % who if who else _("never began")
    else:
        said = _("declined or withdrawn by %(name)s") % who if who else _("never agreed")
    return f"{said}: {_(loan.end_reason)}" if loan.end_reason else said
