"""A team's week: who is away when. Its leader plans and removes absences here, one by one or from a table.

Forms alone: a cell is a link that opens its form under the person, each act comes back to the cell with what was done and how to
undo it, and what cannot be done is told with everything typed still there (422, 409).
"""

import base64
import binascii
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import wraps
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import absence_tables, absences, flow, moves, rights, roster, tables, undo
from dispatch.models import Event, Queue
from dispatch.views.typed import LONGEST_NOTE, errors_of, number, validate_year
from skills.models import Team, Worker

LARGEST = 300_000  # bytes of a table that is uploaded here, and carried from its preview to its import
MOST_ROWS = 500
SHOWN = 20


class PlanForm(forms.Form):
    """Days, and times only where it is not whole days."""

    from_day = forms.DateField(
        validators=[validate_year],
        error_messages=dict.fromkeys(("required", "invalid"), gettext_lazy("Say from which day.")),
    )
    from_time = forms.TimeField(required=False, error_messages={"invalid": gettext_lazy("Write a time like 13:00.")})
    until_day = forms.DateField(
        validators=[validate_year],
        error_messages=dict.fromkeys(("required", "invalid"), gettext_lazy("Say until which day.")),
    )
    until_time = forms.TimeField(required=False, error_messages={"invalid": gettext_lazy("Write a time like 13:00.")})
    note = forms.CharField(required=False, max_length=LONGEST_NOTE)


@dataclass(frozen=True)
class Told:
    """What there is to say about an act, and what was typed for it."""

    notice: str = ""
    status: int = 200
    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


NOTHING_TOLD = Told()


@rights.only(rights.may_see_boards)
@never_cache
@require_safe
def week(request: HttpRequest, team: str) -> HttpResponse:
    found = get_object_or_404(Team, slug=team)
    if found.is_front_office:
        return redirect("board", team)
    return _shown(request, found)


def _shown(request: HttpRequest, team: Team, *, told: Told = NOTHING_TOLD) -> HttpResponse:
    """The week that the address or the form names, with the form of the cell it names."""
    queue = Queue.objects.select_related("calendar__current").filter(team=team).first()
    if queue is None:
        return render(request, "dispatch/board_missing.html", {"team": team})
    person, now = _person(request), timezone.now()
    prefetch_related_objects([person], "leads")  # asked for each line
    asked = request.POST if request.method == "POST" else request.GET
    this = roster.monday_of(queue.calendar.hours(), now=now)
    name = asked.get("week", "")
    monday = roster.monday_named(name) if name else this
    if monday is None:
        notice = _("There is no week %(name)s. This is the current one; write a week like 2026-W49.") % {
            "name": name[:20]
        }
        told, monday = Told(notice=notice, status=404), this
    opened = (asked.get("for", ""), _day(asked.get("on", "")))
    focus = roster.key_of(asked.get("at") or opened[0], opened[1])
    context = {
        "team": team,
        "week": roster.week_of(
            queue,
            monday,
            reader=person,
            may_plan=lambda worker: rights.looks_after(person, worker),
            opened=opened,
            focus=focus,
            now=now,
        ),
        "leads": rights.leads(person, team),
        "told": told,
        "status": told.status,
        "focus": focus,
    }
    return render(request, "dispatch/week.html", context, status=told.status)


# --- Acts -----------------------------------------------------------------------------------------------------------------


def _of_somebody(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """For who leads this person, at home or where they are lent to. Acts on POST only; an address leads to the week."""

    @rights.only(rights.leads_any)
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, team: str, username: str, **kwargs: int) -> HttpResponse:
        found = get_object_or_404(Team, slug=team)
        theirs = Worker.objects.filter(Q(team=found) | Q(works_in=found)).select_related("team", "works_in")
        worker = get_object_or_404(theirs, username=username)
        if not rights.looks_after(_person(request), worker):
            raise PermissionDenied
        return view(request, found, worker, **kwargs) if request.method == "POST" else redirect("week", team)

    return guarded


@_of_somebody
def plan(request: HttpRequest, team: Team, worker: Worker) -> HttpResponse:
    form = PlanForm(request.POST)
    typed = {name: request.POST.get(name, "") for name in form.fields}
    if not form.is_valid():
        return _shown(request, team, told=Told(status=422, typed=typed, errors=errors_of(form)))
    note = form.cleaned_data.pop("note")

    def act(leader: Worker, now: datetime) -> str:
        hours = get_object_or_404(Queue.objects.select_related("calendar__current"), team=team).calendar.hours()
        starts_at, ends_at = absences.between(hours, **form.cleaned_data)
        if ends_at <= now:
            raise absences.TakesNoTime(_("This time is over. Give one to come."))
        absences.plan(worker, starts_at=starts_at, ends_at=ends_at, note=note, by=leader, now=now)
        return _("The absence of %(name)s is planned. It begins by itself.") % {"name": worker.get_short_name()}

    return _answer(request, team, act, kind=Event.Kind.PLANNED, typed=typed)


@_of_somebody
def cancel(request: HttpRequest, team: Team, worker: Worker, absence: int) -> HttpResponse:
    def act(leader: Worker, now: datetime) -> str:
        absences.cancel(absence, worker=worker, by=leader, now=now)
        return _("The absence is removed.")

    return _answer(request, team, act, kind=Event.Kind.CANCELLED)


def _of_my_team(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """For its leaders."""

    @rights.only(rights.leads_any)
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, team: str) -> HttpResponse:
        found = get_object_or_404(Team, slug=team)
        if not rights.leads(_person(request), found):
            raise PermissionDenied
        return view(request, found) if request.method == "POST" else redirect("week", team)

    return guarded


@_of_my_team
def undo_act(request: HttpRequest, team: Team) -> HttpResponse:
    def act(leader: Worker, now: datetime) -> str:
        return undo.undo_by_number(number(request.POST.get("event", "")), by=leader, now=now)

    return _answer(request, team, act)


def _answer(
    request: HttpRequest,
    team: Team,
    act: Callable[[Worker, datetime], str],
    *,
    kind: str = "",
    typed: dict[str, str] | None = None,
) -> HttpResponse:
    """Back to the cell, which has the focus."""
    now = timezone.now()
    try:
        said = act(_person(request), now)
    except absences.TakesNoTime as refused:
        return _shown(request, team, told=Told(status=422, typed=typed or {}, errors={"until_day": str(refused)}))
    except (flow.Refused, moves.QueueMissing) as refused:
        return _shown(request, team, told=Told(notice=str(refused), status=409, typed=typed or {}))
    event = undo.act_of(_person(request), kind=kind, file=None, at=now) if kind else None
    messages.success(request, said, extra_tags=str(event or ""))
    return _see(request, team)


def _see(request: HttpRequest, team: Team) -> HttpResponse:
    back = {name: request.POST[name] for name in ("week", "for", "on") if request.POST.get(name)}
    if "for" in back:
        back["at"] = back.pop("for")
    response = redirect(f"{reverse('week', args=[team.slug])}?{urlencode(back)}")
    response.status_code = 303
    return response


# --- From a table ---------------------------------------------------------------------------------------------------------


@rights.only(rights.leads_any)
@never_cache
def import_table(request: HttpRequest, team: str) -> HttpResponse:
    """Upload a table, see what it would do, and plan all of it. 422 with what to do where it cannot be."""
    found = get_object_or_404(Team, slug=team)
    if not rights.leads(_person(request), found):
        raise PermissionDenied
    if request.method != "POST":
        return _table(request, found)
    try:
        content = _content(request)
        outcome = _imported(request, content, dry_run="plan" not in request.POST)
    except (tables.Unreadable, flow.Refused) as error:
        return _table(request, found, error=str(error), status=422)
    if outcome.is_written:
        said = ngettext("%(new)d absence is planned.", "%(new)d absences are planned.", outcome.new)
        messages.success(request, said % {"new": outcome.new})
        return _see(request, found)
    carried = base64.b64encode(content).decode()
    return _table(request, found, outcome=outcome, carried=carried, status=422 if outcome.problems else 200)


def _table(request: HttpRequest, team: Team, *, status: int = 200, **told: object) -> HttpResponse:
    context = {"team": team, "shown": SHOWN, "most": MOST_ROWS, "error": "", "outcome": None, **told}
    return render(request, "dispatch/week_import.html", context, status=status)


def _content(request: HttpRequest) -> bytes:
    """The file, or what the preview carried. Raises tables.Unreadable."""
    file = request.FILES.get("table")
    if file is None and request.POST.get("content"):
        try:
            return base64.b64decode(request.POST["content"], validate=True)
        except binascii.Error as error:
            raise tables.Unreadable(_("The table did not arrive whole. Upload it again.")) from error
    if file is None:
        raise tables.Unreadable(_("Choose a file: CSV, or a workbook (xlsx)."))
    if (file.size or 0) > LARGEST:
        raise tables.Unreadable(
            _("This file is larger than %(most)d kB. Split it, or have it imported with import_absences.")
            % {"most": LARGEST // 1000}
        )
    return bytes(file.read())


def _imported(request: HttpRequest, content: bytes, *, dry_run: bool) -> absence_tables.Outcome:
    person = _person(request)
    prefetch_related_objects([person], "leads")
    return absence_tables.import_absences(
        tables.read(io.BytesIO(content), wanted=absence_tables.FIELDS, as_spreadsheet=True),
        may_plan=lambda worker: rights.looks_after(person, worker),
        most=MOST_ROWS,
        dry_run=dry_run,
        by=person,
        now=timezone.now(),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
