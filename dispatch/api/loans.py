"""People lent between teams: for a time, back before it, and what it would do to both teams."""

from typing import Annotated, Literal

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router
from ninja.responses import Status

from dispatch import effect as effects
from dispatch import lending, loans, rights
from dispatch.api.door import call, person
from dispatch.api.problems import forbidden, invalid, not_found
from dispatch.api.shapes import EffectOut, LoanOut, NewLoan, Standing, TeamEffect
from dispatch.api.values import Whole
from dispatch.desks import Window
from dispatch.models import Loan, Scope
from skills.models import Team, Worker

NO_REASON = gettext_noop("no reason was given")  # kept in these words, whatever the language of who reads it

router = Router(tags=["Loans"])


@call(
    router,
    "POST",
    "/loans",
    scope=Scope.MANAGE,
    rule=rights.may_see_loans,
    gives={201: LoanOut},
    errors=(409,),
    summary="Lend somebody, or ask for them",
)
def lend(request: HttpRequest, given: NewLoan) -> Status[LoanOut]:
    """Agreed at once by who answers for the person's home, otherwise asked for. It starts and ends by itself."""
    by, now = person(request), timezone.now()
    worker, host = _meant(given, by=by)
    loan = loans.lend(
        worker,
        to_team=host,
        starts_at=given.starts_at,
        ends_at=given.ends_at,
        reason=given.reason or NO_REASON,
        is_agreed=worker.team is not None and rights.may_lend(by, worker.team),
        by=by,
        now=now,
    )
    return Status(201, _told(loan.pk))


@call(
    router,
    "POST",
    "/loans/what-if",
    scope=Scope.MANAGE,
    rule=rights.may_see_loans,
    gives={200: EffectOut},
    errors=(409,),
    summary="Before and after a loan, for both teams",
)
def what_if(request: HttpRequest, given: NewLoan) -> EffectOut:
    """Nothing is lent."""
    by, now = person(request), timezone.now()
    worker, host = _meant(given, by=by)
    starts_at = max(given.starts_at or now, now)
    if given.ends_at <= starts_at or given.ends_at > now + loans.LONGEST:
        raise invalid("ends_at", _("Choose an end that is after the start, and within a year."))
    window, of = Window(starts_at, given.ends_at), lending.places()
    own = rights.answers_for(by)
    offer = lending.offer(host, of=of, homes=None, own=own, window=window, chosen=[worker.username], now=now)
    changes = {each.is_host: each.change for each in offer.changes}
    if changes.keys() != {True, False}:
        raise loans.NotLendable(_("%(name)s cannot be lent to %(team)s.") % {"name": worker, "team": host})
    return EffectOut(to_team=_change(changes[True], of), from_team=_change(changes[False], of))


@call(
    router,
    "POST",
    "/loans/{loan}/return",
    scope=Scope.MANAGE,
    rule=rights.may_see_loans,
    gives={200: LoanOut},
    errors=(404, 409),
    summary="End a loan, or call it off",
)
def return_from_loan(request: HttpRequest, loan: Annotated[Whole, Path(ge=1, le=2**63 - 1)]) -> LoanOut:
    by = person(request)
    own = rights.answers_for(by)
    is_own = Q() if own is None else Q(from_team__in=own) | Q(to_team__in=own)
    found = Loan.objects.select_related("from_team", "to_team").filter(is_own, pk=loan).first()
    if found is None:
        raise not_found(_("There is no such loan of a team that you answer for."))
    loans.end(found, by=by, now=timezone.now())
    return _told(found.pk)


def _meant(given: NewLoan, *, by: Worker) -> tuple[Worker, Team]:
    """Of whom and to where the call speaks. Raises Problem, also where it is not the caller's business, and whether there is such a
    person takes the same then."""
    own = rights.answers_for(by)
    host = Team.objects.filter(slug=given.to_team).first()
    if host is None:
        raise invalid("to_team", _("There is no team %(team)s.") % {"team": given.to_team})
    worker = Worker.objects.select_related("team").filter(username=given.worker).first()
    places = {host.pk, worker.team_id if worker else None}
    if own is not None and not own & places:
        raise forbidden(_("You can lend people of your own teams, or ask others for people for them."))
    if worker is None:
        raise invalid("worker", _("There is nobody with the user name %(name)s.") % {"name": given.worker})
    return worker, host


def _told(pk: int) -> LoanOut:
    loan = Loan.objects.select_related("worker", "from_team", "to_team").get(pk=pk)
    return LoanOut(
        id=loan.pk,
        worker=loan.worker.username,
        from_team=loan.from_team.slug,
        to_team=loan.to_team.slug,
        starts_at=loan.starts_at,
        ends_at=loan.ended_at if loan.started_at and loan.ended_at else loan.ends_at,
        reason=loan.reason,
        state=_state(loan),
    )


def _state(loan: Loan) -> Literal["asked", "agreed", "running", "ended"]:
    if loan.ended_at:
        return "ended"
    if loan.started_at:
        return "running"
    return "agreed" if loan.agreed_at else "asked"


def _change(change: effects.Change, of: lending.Places) -> TeamEffect:
    return TeamEffect(team=of.teams[change.team].slug, before=_standing(change.before), after=_standing(change.after))


def _standing(standing: effects.Standing) -> Standing:
    return Standing(people=standing.people, days_of_work=standing.days_of_work, late=standing.late)
