"""My bin: the page, its fragment for the live refresh, and the verbs of the three slots.

A verb answers with the fresh fragment to htmx and with a redirect to a plain form. What cannot be done is told on the fresh
page: 409 when the bin is not as the page had it, 422 when something is missing, with everything typed still there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from dispatch import flow, moves, rights
from dispatch.bins import my_bin
from dispatch.boards import bin_marks
from dispatch.models import Queue
from skills.models import Worker

LONGEST_ID = 20
SOMETHING_MISSING = (flow.ReasonMissing, flow.ChecklistOpen)


class AwayForm(forms.Form):
    """Note and return of who leaves; `until` is wall time of the team."""

    note = forms.CharField(required=False, max_length=300)
    until = forms.DateTimeField(
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": gettext_lazy("Write date and time like 2026-11-24 13:00, or leave it empty.")},
    )

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until and until <= timezone.now():
            raise forms.ValidationError(_("This time is over. Give one to come, or leave it empty."))
        return until


@dataclass(frozen=True)
class Typed:
    """What the person had filled in when an act could not be done, to be shown again."""

    opener: str = ""  # the form it was: done, pass_back or away
    confirmed: frozenset[int] = frozenset()
    corrected: bool = False
    reason: str = ""
    note: str = ""
    until: str = ""
    errors: dict[str, str] = field(default_factory=dict)


def _verb(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Acts on POST only. Whoever comes by an address (signed out in between, and back from the sign-in page) gets the bin."""

    @rights.only(rights.may_work_a_bin)
    @wraps(view)
    def acted(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return view(request, *args, **kwargs) if request.method == "POST" else redirect("bin")

    return acted


@require_safe
@rights.only(rights.may_work_a_bin)
def mine(request: HttpRequest) -> HttpResponse:
    person = _person(request)
    seen = bin_marks([person.pk]).get(person.pk, "")  # asked first: what comes in between is told by the stream
    return render(request, "dispatch/bin.html", _shown(request) | {"seen": seen})


@require_safe
@rights.only(rights.may_work_a_bin)
def slots(request: HttpRequest) -> HttpResponse:
    """The fragment alone, for the live refresh."""
    return render(request, "dispatch/_bin.html", _shown(request))


@_verb
def start(request: HttpRequest, position: int) -> HttpResponse:
    def act(worker: Worker, now: datetime) -> None:
        flow.start(worker, position, file=_file(request), by=worker, now=now)

    return _answer(request, act)


@_verb
def done(request: HttpRequest, position: int) -> HttpResponse:
    typed = Typed(opener="done", confirmed=_confirmed(request), corrected="corrected" in request.POST)

    def act(worker: Worker, now: datetime) -> None:
        flow.mark_done(
            worker,
            position,
            file=_file(request),
            confirmed=typed.confirmed,
            right_first_time=not typed.corrected,
            by=worker,
            now=now,
        )

    return _answer(request, act, said=_("%(reference)s is done."), typed=typed)


@_verb
def pass_back(request: HttpRequest, position: int) -> HttpResponse:
    typed = Typed(opener="pass_back", reason=request.POST.get("reason", ""))

    def act(worker: Worker, now: datetime) -> None:
        flow.pass_back(worker, position, reason=typed.reason, file=_file(request), by=worker, now=now)

    return _answer(request, act, said=_("%(reference)s is back in the queue, in its old place."), typed=typed)


@_verb
def away(request: HttpRequest) -> HttpResponse:
    with timezone.override(_zone_of(request)):
        form = AwayForm(request.POST)
        is_valid = form.is_valid()
    note, until = request.POST.get("note", ""), request.POST.get("until", "")
    if not is_valid:
        errors = {name: " ".join(map(str, texts)) for name, texts in form.errors.items()}
        return _page(request, typed=Typed(opener="away", note=note, until=until, errors=errors), status=422)

    def act(worker: Worker, now: datetime) -> None:
        flow.away(worker, note=form.cleaned_data["note"], until=form.cleaned_data["until"], by=worker, now=now)

    return _answer(request, act)


@_verb
def back(request: HttpRequest) -> HttpResponse:
    def act(worker: Worker, now: datetime) -> None:
        flow.back(worker, by=worker, now=now)

    return _answer(request, act)


def _answer(
    request: HttpRequest, act: Callable[[Worker, datetime], None], *, said: str = "", typed: Typed | None = None
) -> HttpResponse:
    """Do it, and answer with what the bin is now."""
    try:
        act(_person(request), timezone.now())
    except SOMETHING_MISSING as refused:
        return _page(request, notice=str(refused), typed=typed, status=422)
    except (flow.Refused, moves.QueueMissing) as refused:
        return _page(request, notice=str(refused), wrote=typed.reason if typed else "", status=409)
    _person(request).refresh_from_db(fields=["is_present", "away_until"])
    said = said % {"reference": request.POST.get("reference", "")}
    if request.htmx:  # type: ignore[attr-defined]
        return _page(request, said=said)
    if said:
        messages.success(request, said)
    response = redirect("bin")
    response.status_code = 303
    return response


def _page(
    request: HttpRequest,
    *,
    notice: str = "",
    wrote: str = "",
    said: str = "",
    typed: Typed | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page; to htmx the fragment and, out of band, what there is to say.

    `wrote` is text that was meant for a file which is no longer there: shown to be copied, never put into another file's form.
    """
    template = "dispatch/_bin_answer.html" if request.htmx else "dispatch/bin.html"  # type: ignore[attr-defined]
    told = {"status": status, "notice": notice, "wrote": wrote, "said": said}
    return render(request, template, _shown(request, typed=typed) | told, status=status)


def _shown(request: HttpRequest, *, typed: Typed | None = None) -> dict[str, object]:
    try:
        bin = my_bin(_person(request), now=timezone.now())
    except Queue.DoesNotExist:
        bin = None
    return {"bin": bin, "typed": typed or Typed()}


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user


def _zone_of(request: HttpRequest) -> ZoneInfo | None:
    name = Queue.objects.filter(team=_person(request).team_id).values_list("calendar__current__zone", flat=True).first()
    return ZoneInfo(name) if name else None


def _file(request: HttpRequest) -> int | None:
    """The file the page showed, so that a second click never acts on the one that came after it."""
    text = request.POST.get("file")
    return None if text is None else _number(text)


def _confirmed(request: HttpRequest) -> frozenset[int]:
    return frozenset(_number(text) for text in request.POST.getlist("confirmed"))


def _number(text: str) -> int:
    """An id out of a form; 0, which nothing has, for what is none."""
    return int(text) if text.isdecimal() and len(text) < LONGEST_ID else 0
