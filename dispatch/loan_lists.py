"""The loans that somebody may see, as they are told: those that run, that are asked for, that are planned, and those that ended."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from dispatch import rights
from dispatch.lending import Places
from dispatch.models import Loan
from dispatch.prepared import Statement
from skills.models import Worker

MOST = 100
LAST = 20

# What a list tells of a loan itself; fields are in the order of the model.
OF_LOAN = (
    "id", "worker_id", "from_team_id", "to_team_id", "starts_at", "ends_at", "reason", "asked_by_id", "agreed_at", "started_at",
    "ended_by_id", "ended_at", "end_reason",
)  # fmt: skip

# `ended` are those of the teams that are asked for, or of all: an index has the last ones of each at hand.
LOANS = Statement(f"""
WITH still_open AS (
    SELECT * FROM dispatch_loan WHERE ended_at IS NULL
        AND (%(teams)s::bigint[] IS NULL OR from_team_id = ANY(%(teams)s) OR to_team_id = ANY(%(teams)s))
    ORDER BY starts_at, id LIMIT {MOST + 1}
), ended AS (
    SELECT l.* FROM unnest(%(ended_of)s::bigint[]) AS asked(team_id) CROSS JOIN LATERAL (
        (SELECT * FROM dispatch_loan WHERE from_team_id = asked.team_id AND ended_at IS NOT NULL
            AND (%(teams)s IS NULL OR from_team_id = ANY(%(teams)s) OR to_team_id = ANY(%(teams)s))
        ORDER BY ended_at DESC, id DESC LIMIT {LAST}) UNION ALL
        (SELECT * FROM dispatch_loan WHERE to_team_id = asked.team_id AND ended_at IS NOT NULL
            AND (%(teams)s IS NULL OR from_team_id = ANY(%(teams)s) OR to_team_id = ANY(%(teams)s))
        ORDER BY ended_at DESC, id DESC LIMIT {LAST})
    ) l UNION
    SELECT * FROM (
        SELECT * FROM dispatch_loan WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, id DESC LIMIT {LAST}
    ) of_all WHERE %(ended_of)s IS NULL
), listed AS (
    (SELECT * FROM still_open) UNION ALL (SELECT * FROM ended ORDER BY ended_at DESC, id DESC LIMIT {LAST})
)
SELECT w.name, asking.name, ending.name, {", ".join(f"l.{name}" for name in OF_LOAN)}
FROM listed l JOIN skills_worker w ON w.id = l.worker_id JOIN skills_worker asking ON asking.id = l.asked_by_id
LEFT JOIN skills_worker ending ON ending.id = l.ended_by_id
ORDER BY l.ended_at DESC NULLS FIRST, CASE WHEN l.ended_at IS NULL THEN l.starts_at END, CASE WHEN l.ended_at IS NULL THEN l.id END,
    l.id DESC
""")


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
    """Open loans from or to these teams (None: all), and those that ended last, of one team where it is named. One statement."""
    mine = None if teams is None else list(teams)
    found = [
        _line(*row, person=person, of=of, now=now) for row in LOANS.rows(teams=mine, ended_of=[host] if host else mine)
    ]
    over = tuple(line for line in found if line.stage == Stage.OVER)
    lines = found[: len(found) - len(over)]

    def at(stage: Stage) -> tuple[LoanLine, ...]:
        return tuple(line for line in lines[:MOST] if line.stage == stage)

    return LoanLists(at(Stage.ASKED), at(Stage.RUNNING), at(Stage.PLANNED), over, len(lines) > MOST)


def _line(
    name: str, asked_by: str, ended_by: str | None, *loan_fields: object, person: Worker, of: Places, now: datetime
) -> LoanLine:
    loan = Loan.from_db("default", OF_LOAN, loan_fields)
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
        name=name,
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
        asked_by=asked_by,
        ended=_ended(loan, ended_by) if stage == Stage.OVER else "",
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


def _ended(loan: Loan, by: str | None) -> str:
    """In a few words: "ended by itself", "ended early by Tomás H.", "declined by Nokuthula D."."""
    who = {"name": by} if by is not None else None
    if loan.started_at:
        said = _("ended early by %(name)s") % who if who else _("ended by itself")
    elif loan.agreed_at:
        said = _("called off by %(name)s") % who if who else _("never began")
    else:
        said = _("declined or withdrawn by %(name)s") % who if who else _("never agreed")
    return f"{said}: {_(loan.end_reason)}" if loan.end_reason else said
