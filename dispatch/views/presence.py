"""The bin of somebody in one's team: a leader sends them away or says they are back, in one act, and plans absences (R15).

Forms alone: each act comes back to the page with what was done and how to undo it; what cannot be done is told on the page.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from dispatch import absences, flow, moves, refusals, rights, undo
from dispatch.boards import bin_of
from dispatch.models import Event, Queue
from dispatch.views.typed import AbsenceForm, AwayForm, errors_of, number, wall_time_of
from skills.models import Worker


@dataclass(frozen=True)
class Typed:
    """What was filled in when an act could not be done, to be shown again."""

    opener: str = ""  # the form it was: away or absence
    note: str = ""
    until: str = ""
    starts_at: str = ""
    ends_at: str = ""
    errors: dict[str, str] = field(default_factory=dict)


def _of_a_bin(view: Callable[..., HttpResponse], *, acts: bool = True) -> Callable[..., HttpResponseBase]:
    """For leaders of that team. Acts on POST only; whoever comes by an address gets the page of the bin."""

    @rights.only(rights.leads_any)
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, team: str, username: str, **kwargs: int) -> HttpResponse:
        worker = get_object_or_404(Worker.objects.select_related("team"), username=username, team__slug=team)
        if not worker.team or not rights.looks_after(_person(request), worker):
            raise PermissionDenied
        get_object_or_404(Queue, team=worker.team)
        if acts and request.method != "POST":
            return redirect("bin_of", team, username)
        return view(request, worker, **kwargs)

    return guarded


def _shown(
    request: HttpRequest, worker: Worker, *, notice: str = "", typed: Typed | None = None, status: int = 200
) -> HttpResponse:
    zone = ZoneInfo(Queue.objects.values_list("calendar__current__zone", flat=True).get(team=worker.team_id))
    now = timezone.now().astimezone(zone)
    context = {
        "worker": worker,
        "team": worker.team,
        "bin": bin_of(worker, now=now),
        "now": now,
        "absences": [
            (each, each.starts_at.astimezone(zone), each.ends_at.astimezone(zone))
            for each in absences.to_come(worker, now=now)
        ],
        "typed": typed or Typed(),
        "notice": notice,
        "status": status,
    }
    return render(request, "dispatch/bin_of.html", context, status=status)


def _somebody(request: HttpRequest, worker: Worker) -> HttpResponse:
    return _shown(request, worker)


somebody = _of_a_bin(_somebody, acts=False)


@_of_a_bin
def away(request: HttpRequest, worker: Worker) -> HttpResponse:
    with wall_time_of(worker.team_id):
        form = AwayForm(request.POST)
        is_valid = form.is_valid()
    typed = Typed(
        "away", note=request.POST.get("note", ""), until=request.POST.get("until", ""), errors=errors_of(form)
    )
    if not is_valid:
        return _shown(request, worker, typed=typed, status=422)

    def act(leader: Worker, now: datetime) -> str:
        flow.away(worker, note=form.cleaned_data["note"], until=form.cleaned_data["until"], by=leader, now=now)
        return _("%(name)s is away, and what was in the bin waits in the queue.") % {"name": worker.get_short_name()}

    return _answer(request, worker, act, kind=Event.Kind.AWAY, typed=typed)


@_of_a_bin
def back(request: HttpRequest, worker: Worker) -> HttpResponse:
    def act(leader: Worker, now: datetime) -> str:
        flow.back(worker, by=leader, now=now)
        return _("%(name)s is here again, and the bin fills itself.") % {"name": worker.get_short_name()}

    return _answer(request, worker, act, kind=Event.Kind.BACK)


@_of_a_bin
def plan(request: HttpRequest, worker: Worker) -> HttpResponse:
    with wall_time_of(worker.team_id):
        form = AbsenceForm(request.POST)
        is_valid = form.is_valid()
    typed = Typed(
        "absence",
        note=request.POST.get("note", ""),
        starts_at=request.POST.get("starts_at", ""),
        ends_at=request.POST.get("ends_at", ""),
        errors=errors_of(form),
    )
    if not is_valid:
        return _shown(request, worker, typed=typed, status=422)

    def act(leader: Worker, now: datetime) -> str:
        absences.plan(worker, **form.cleaned_data, by=leader, now=now)
        return _("The absence is planned. It begins by itself.")

    return _answer(request, worker, act, kind=Event.Kind.PLANNED, typed=typed)


@_of_a_bin
def cancel(request: HttpRequest, worker: Worker, absence: int) -> HttpResponse:
    def act(leader: Worker, now: datetime) -> str:
        absences.cancel(absence, worker=worker, by=leader, now=now)
        return _("The absence is removed.")

    return _answer(request, worker, act, kind=Event.Kind.CANCELLED)


@_of_a_bin
def undo_act(request: HttpRequest, worker: Worker) -> HttpResponse:
    def act(leader: Worker, now: datetime) -> str:
        return undo.undo_by_number(number(request.POST.get("event", "")), by=leader, now=now)

    return _answer(request, worker, act)


def _answer(
    request: HttpRequest,
    worker: Worker,
    act: Callable[[Worker, datetime], str],
    *,
    kind: str = "",
    typed: Typed | None = None,
) -> HttpResponse:
    now = timezone.now()
    try:
        said = act(_person(request), now)
    except (refusals.Refused, moves.QueueMissing) as refused:
        return _shown(request, worker, notice=str(refused), typed=typed, status=409)
    event = undo.act_of(_person(request), kind=kind, file=None, at=now) if kind else None
    messages.success(request, said, extra_tags=str(event or ""))
    response = redirect("bin_of", worker.team.slug if worker.team else "", worker.username)
    response.status_code = 303
    return response


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
