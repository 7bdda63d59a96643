"""What a leader, or who can teach, does from the board: come to help, end a help call, and undo either.

The board itself is rendered once for everybody; this strip under it is of one person, and fetched anew when the board moves.
An act answers with the fresh strip to htmx and with the board's page to a plain form: 409 when things are not as the page had
them, 422 when something is missing, with what was typed still there.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import andon, moves, refusals, rights, undo
from dispatch.models import Event, HelpCall
from dispatch.views.board import Told, acts_of, page
from dispatch.views.typed import number
from skills.models import Team, Worker


def _verb(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Acts on POST only; whoever comes by an address gets the board."""

    @rights.only(rights.may_see_boards)
    @never_cache
    @wraps(view)
    def acted(request: HttpRequest, team: str, **kwargs: int) -> HttpResponse:
        found = get_object_or_404(Team, slug=team)
        return view(request, found, **kwargs) if request.method == "POST" else redirect("board", team)

    return acted


@rights.only(rights.may_see_boards)
@never_cache
@require_safe
def strip(request: HttpRequest, team: str) -> HttpResponse:
    """The fragment alone, for the live refresh."""
    found = get_object_or_404(Team, slug=team)
    context = {"acts": acts_of(_person(request), found), "team": found}
    return render(request, "dispatch/_board_acts.html", context)


@_verb
def answer(request: HttpRequest, team: Team, call: int) -> HttpResponse:
    mine = _call(request, team, call)

    def act(person: Worker, now: datetime) -> str:
        andon.answer(mine, by=person, now=now)
        mine.refresh_from_db()
        if mine.answered_by_id != person.pk:
            return _("Somebody came before you.")
        return _("You come to help on %(reference)s.") % {"reference": mine.file.reference}

    return _answer(request, team, act, kind=Event.Kind.ANSWERED, call=mine)


@_verb
def end(request: HttpRequest, team: Team, call: int) -> HttpResponse:
    mine = _call(request, team, call)

    def act(person: Worker, now: datetime) -> str:
        andon.end(mine, cause=request.POST.get("cause", ""), by=person, now=now)
        return _("The help call on %(reference)s has ended.") % {"reference": mine.file.reference}

    return _answer(request, team, act, kind=Event.Kind.UNSTUCK, call=mine)


@_verb
def undo_act(request: HttpRequest, team: Team) -> HttpResponse:
    if not rights.may_be_called(_person(request), team):
        raise PermissionDenied

    def act(person: Worker, now: datetime) -> str:
        return undo.undo_by_number(number(request.POST.get("event", "")), by=person, now=now)

    return _answer(request, team, act)


def _call(request: HttpRequest, team: Team, call: int) -> HelpCall:
    """404 for a call of another team, 403 for one that is for others."""
    found = get_object_or_404(HelpCall.objects.select_related("file"), pk=call, team=team)
    if not rights.calls_for(_person(request), team).filter(pk=call).exists():
        raise PermissionDenied
    return found


def _answer(
    request: HttpRequest,
    team: Team,
    act: Callable[[Worker, datetime], str],
    *,
    kind: str = "",
    call: HelpCall | None = None,
) -> HttpResponse:
    now = timezone.now()
    try:
        said = act(_person(request), now)
    except refusals.ReasonMissing as refused:
        typed = request.POST.get("cause", "")
        return _page(
            request, team, Told(notice=str(refused), status=422, call_id=call.pk if call else None, cause=typed)
        )
    except (refusals.Refused, moves.QueueMissing) as refused:
        return _page(request, team, Told(notice=str(refused), status=409))
    event = undo.act_of(_person(request), kind=kind, file=call.file_id, at=now) if call else None
    if request.htmx:  # type: ignore[attr-defined]
        return _told(request, team, Told(said=said, event=event))
    messages.success(request, said, extra_tags=str(event or ""))
    response = redirect("board", team.slug)
    response.status_code = 303
    return response


def _page(request: HttpRequest, team: Team, told: Told) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return _told(request, team, told)
    return page(request, team, told=told)


def _told(request: HttpRequest, team: Team, told: Told) -> HttpResponse:
    context = {"acts": acts_of(_person(request), team), "told": told, "team": team}
    return render(request, "dispatch/_board_acts_answer.html", context, status=told.status)


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
