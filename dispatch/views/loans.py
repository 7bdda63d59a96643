"""Acts on the page of loans: agree to a loan, end it, ask for help or offer free hands, and undo any of it."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from dispatch import lending, moves, notices, refusals, rights, undo
from dispatch import loans as book
from dispatch.models import Event, Loan, Notice
from dispatch.views.lend import Told, answer, fresh, page, person_of
from dispatch.views.typed import NoticeForm, errors_of, number
from skills.models import Team, Worker

AGREEING = (Event.Kind.AGREED, Event.Kind.LENT)
ENDING = (Event.Kind.HOME, Event.Kind.CALLED_OFF)


def _verb(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Acts on POST only; whoever comes by an address gets the page."""

    @rights.only(rights.may_see_loans)
    @never_cache
    @wraps(view)
    def acted(request: HttpRequest, **kwargs: int) -> HttpResponse:
        return view(request, **kwargs) if request.method == "POST" else redirect("lend")

    return acted


@_verb
def agree(request: HttpRequest, loan: int) -> HttpResponse:
    mine = _loan(loan)
    if not rights.may_lend(person_of(request), mine.from_team):
        raise PermissionDenied

    def act(person: Worker, now: datetime) -> str:
        book.agree(mine, by=person, now=now)
        told = {"name": mine.worker.get_short_name(), "team": mine.to_team}
        return (
            _("%(name)s: lent to %(team)s.") if mine.starts_at <= now else _("%(name)s: will be lent to %(team)s.")
        ) % told

    return _acted(request, act, kinds=AGREEING)


@_verb
def end(request: HttpRequest, loan: int) -> HttpResponse:
    mine = _loan(loan)
    if not rights.may_end_loan(person_of(request), mine):
        raise PermissionDenied

    def act(person: Worker, now: datetime) -> str:
        book.end(mine, by=person, now=now)
        told = {"name": mine.worker.get_short_name(), "team": mine.from_team}
        if mine.started_at:
            return _("%(name)s works in %(team)s again.") % told
        return _("%(name)s stays in %(team)s.") % told

    return _acted(request, act, kinds=ENDING)


@_verb
def post(request: HttpRequest) -> HttpResponse:
    team = get_object_or_404(Team, slug=request.POST.get("team", ""))
    if not rights.may_speak_for(person_of(request), team):
        raise PermissionDenied
    now, of = timezone.now(), lending.places()
    with timezone.override(ZoneInfo(of.zone(team.pk))):
        form = NoticeForm(request.POST)
        is_valid = form.is_valid()
    if not is_valid:
        told = Told(status=422, typed=request.POST, errors=errors_of(form))
        return page(request, fresh(_host_of(request), of, now=now), of=of, now=now, told=told)

    def act(person: Worker, now: datetime) -> str:
        notice = notices.post(team, **form.cleaned_data, by=person, now=now)
        if notice.kind == Notice.Kind.ASK:
            return _("%(team)s asks for help. Whoever lends people sees it.") % {"team": team}
        return _("%(team)s offers free hands. Whoever needs people sees it.") % {"team": team}

    return _acted(request, act, kinds=(Event.Kind.POSTED,))


@_verb
def close(request: HttpRequest, notice: int) -> HttpResponse:
    mine = get_object_or_404(Notice.objects.select_related("team"), pk=notice)
    if not rights.may_speak_for(person_of(request), mine.team):
        raise PermissionDenied

    def act(person: Worker, now: datetime) -> str:
        notices.close(mine, by=person, now=now)
        return _("Closed.")

    return _acted(request, act, kinds=(Event.Kind.CLOSED,))


@_verb
def undo_act(request: HttpRequest) -> HttpResponse:
    def act(person: Worker, now: datetime) -> str:
        events = [number(text) for text in request.POST.get("event", "").split()]
        undo.undo_together(events, by=person, now=now)
        return _("Undone.")

    return _acted(request, act)


def _loan(pk: int) -> Loan:
    return get_object_or_404(Loan.objects.select_related("worker", "from_team", "to_team"), pk=pk)


def _host_of(request: HttpRequest) -> Team | None:
    """The team that the page was about."""
    return Team.objects.filter(slug=request.POST.get("to") or request.GET.get("to", "")).first()


def _acted(
    request: HttpRequest, act: Callable[[Worker, datetime], str], *, kinds: tuple[Event.Kind, ...] = ()
) -> HttpResponse:
    person, now = person_of(request), timezone.now()
    shown = _host_of(request)
    try:
        said = act(person, now)
    except (refusals.Refused, moves.QueueMissing) as refused:
        of = lending.places()
        return page(request, fresh(shown, of, now=now), of=of, now=now, told=Told(notice=str(refused), status=409))
    events = undo.acts_on_loans(person, kinds=kinds, number=1, at=now) if kinds else ()
    return answer(request, Told(said=said, events=events), to=shown)
