"""My bin: the page, its fragment for the live refresh, and the verbs of the three slots.

A verb answers with the fresh fragment to htmx and with a redirect to a plain form. What cannot be done is told on the fresh
page: 409 when the bin is not as the page had it, 422 when something is missing, with everything typed still there. Whoever was
signed out in between finds what they had written on the page when they are back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import absences, andon, flow, improving, moves, refusals, rights, shelf, undo
from dispatch.bins import MyBin, my_bin
from dispatch.boards import bin_marks
from dispatch.hands import ruled_by
from dispatch.improving import Improvement
from dispatch.models import Absence, Event, HelpCall, Queue, ShelfPlace
from dispatch.views import drafts
from dispatch.views.typed import LeaveForm, ShelveForm, errors_of, file_shown, number, wall_time_of
from skills.models import Worker

SOMETHING_MISSING = (refusals.ReasonMissing, refusals.ChecklistOpen, shelf.WakeImpossible)
WRITTEN = ("reference", "reason", "cause", "note")  # what a person would not like to write again
FILE_IS_STILL_THERE = (
    andon.AlreadyStuck,
    shelf.ShelfFull,
    absences.Overlapping,
)  # so the form, and what was typed into it, still holds


@dataclass(frozen=True)
class Typed:
    """What the person had filled in when an act could not be done, to be shown again."""

    opener: str = ""  # the form it was: done, stuck, shelve, pass_back, end_help or away
    confirmed: frozenset[int] = frozenset()
    corrected: bool = False
    reason: str = ""
    wake: str = ""
    wake_at: str = ""
    note: str = ""
    starts_at: str = ""
    until: str = ""
    errors: dict[str, str] = field(default_factory=dict)


def _verb(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Acts on POST only. Whoever comes by an address gets the bin, and so does whoever was signed out in between."""

    @drafts.kept("bin", WRITTEN)
    @rights.only(rights.may_work_a_bin)
    @never_cache
    @wraps(view)
    def acted(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return view(request, *args, **kwargs) if request.method == "POST" else redirect("bin")

    return acted


@require_safe
@rights.only(rights.has_own_page)
@never_cache
def mine(request: HttpRequest) -> HttpResponse:
    person = _person(request)
    seen = bin_marks([person.pk])[person.pk][1]  # asked first: what comes in between is told by the stream
    typed = drafts.draft(request) if "again" in request.GET else None
    answer = render(request, "dispatch/bin.html", _shown(request) | {"seen": seen} | _signed_out(typed))
    return answer if typed is None else drafts.forget(answer, "bin")


def _signed_out(typed: dict[str, str] | None) -> dict[str, object]:
    """What is said to who was signed out in the middle of an act; what they wrote is shown, to be copied."""
    if typed is None:
        return {}
    wrote = next((typed[name] for name in ("reason", "cause", "note") if typed.get(name)), "")
    said = _("You were signed out in between, and nothing was done. Please do it again.")
    if typed.get("reference"):
        said = _("You were signed out in between, and nothing was done on %(reference)s. Please do it again.") % typed
    return {"notice": said, "wrote": wrote, "status": 409}


@require_safe
@rights.only(rights.may_work_a_bin)
@never_cache
def slots(request: HttpRequest) -> HttpResponse:
    """The fragment alone, for the live refresh."""
    return render(request, "dispatch/_bin.html", _shown(request))


@_verb
def start(request: HttpRequest, position: int) -> HttpResponse:
    def act(worker: Worker, now: datetime) -> None:
        flow.start(worker, position, file=file_shown(request.POST), by=worker, now=now)

    return _answer(request, act, said=_("%(reference)s is in hand."), kind=Event.Kind.STARTED)


@_verb
def done(request: HttpRequest, position: int) -> HttpResponse:
    typed = Typed(opener="done", confirmed=_confirmed(request), corrected="corrected" in request.POST)

    def act(worker: Worker, now: datetime) -> None:
        flow.mark_done(
            worker,
            position,
            file=file_shown(request.POST),
            confirmed=typed.confirmed,
            right_first_time=not typed.corrected,
            by=worker,
            now=now,
        )

    return _answer(request, act, said=_("%(reference)s is done."), kind=Event.Kind.DONE, typed=typed)


@_verb
def stuck(request: HttpRequest, position: int) -> HttpResponse:
    typed = Typed(opener="stuck", reason=request.POST.get("reason", ""))

    def act(worker: Worker, now: datetime) -> None:
        andon.stuck(worker, position, reason=typed.reason, file=file_shown(request.POST), by=worker, now=now)

    said = _("Help is called for %(reference)s. It stays in its slot; go on with the next one.")
    return _answer(request, act, said=said, kind=Event.Kind.STUCK, typed=typed)


@_verb
def end_help(request: HttpRequest, call: int) -> HttpResponse:
    """The help call on a file in one's own bin, whoever came."""
    typed = Typed(opener="end_help", reason=request.POST.get("cause", ""))

    def act(worker: Worker, now: datetime) -> None:
        mine = HelpCall.objects.filter(pk=call, file__slot__bin=worker.pk).first()
        if mine is None:
            raise andon.HelpCallEnded(_("There is no such help call in your bin any more. Nothing was changed."))
        andon.end(mine, cause=typed.reason, by=worker, now=now)

    said = _("The help call on %(reference)s has ended. Start it again in its turn.")
    return _answer(request, act, said=said, kind=Event.Kind.UNSTUCK, typed=typed)


@_verb
def shelve(request: HttpRequest, position: int) -> HttpResponse:
    with wall_time_of(ruled_by(_person(request))):
        form = ShelveForm(request.POST)
        is_valid = form.is_valid()
    typed = Typed(
        opener="shelve",
        reason=request.POST.get("reason", ""),
        wake=request.POST.get("wake", ""),
        wake_at=request.POST.get("wake_at", ""),
        errors=errors_of(form),
    )
    if not is_valid:
        return _page(request, typed=typed, status=422)

    def act(worker: Worker, now: datetime) -> None:
        shelf.shelve(
            worker,
            position,
            reason=typed.reason,
            wake_at=form.wakes_at,
            file=file_shown(request.POST),
            by=worker,
            now=now,
        )

    told = _("%(reference)s is on your shelf and comes back by itself.")
    return _answer(request, act, said=told, kind=Event.Kind.SHELVED, typed=typed)


@_verb
def take_back(request: HttpRequest, place: int) -> HttpResponse:
    """Off one's own shelf before its day."""

    def act(worker: Worker, now: datetime) -> str:
        mine = ShelfPlace.objects.filter(pk=place, worker=worker).select_related("file").first()
        if mine is None:
            raise refusals.SlotEmpty(_("This file is not on your shelf any more. Nothing was changed."))
        shelf.rouse(mine, by=worker, now=now)
        mine.file.refresh_from_db(fields=["kept_for"])
        if mine.file.kept_for_id == worker.pk:
            return _("%(reference)s waits at the head of the queue, kept for you.")
        return _("%(reference)s waits at the head of the queue.")

    return _answer(request, act, kind=Event.Kind.WOKEN)


@_verb
def pass_back(request: HttpRequest, position: int) -> HttpResponse:
    typed = Typed(opener="pass_back", reason=request.POST.get("reason", ""))

    def act(worker: Worker, now: datetime) -> None:
        flow.pass_back(worker, position, reason=typed.reason, file=file_shown(request.POST), by=worker, now=now)

    said = _("%(reference)s is back in the queue, in its old place.")
    return _answer(request, act, said=said, kind=Event.Kind.PASSED_BACK, typed=typed)


@_verb
def away(request: HttpRequest) -> HttpResponse:
    """At once, or as a planned absence where it says from when."""
    with wall_time_of(ruled_by(_person(request))):
        form = LeaveForm(request.POST)
        is_valid = form.is_valid()
    typed = Typed(
        opener="away",
        note=request.POST.get("note", ""),
        starts_at=request.POST.get("starts_at", ""),
        until=request.POST.get("until", ""),
        errors=errors_of(form),
    )
    if not is_valid:
        return _page(request, typed=typed, status=422)
    note, starts_at, until = (form.cleaned_data[name] for name in ("note", "starts_at", "until"))

    def plan(worker: Worker, now: datetime) -> str:
        absences.plan(worker, starts_at=starts_at, ends_at=until, note=note, is_for_files=True, by=worker, now=now)
        return _("Your absence is planned. It begins by itself.")

    def act(worker: Worker, now: datetime) -> str:
        flow.away(worker, note=note, until=until, by=worker, now=now)
        return _("You are away, and your bin is empty.")

    if starts_at:
        return _answer(request, plan, kind=Event.Kind.PLANNED, typed=typed)
    return _answer(request, act, kind=Event.Kind.AWAY, typed=typed)


@_verb
def cancel_absence(request: HttpRequest, absence: int) -> HttpResponse:
    """A planned absence of one's own, by whomever it was planned."""

    def act(worker: Worker, now: datetime) -> str:
        absences.cancel(absence, worker=worker, by=worker, now=now)
        return _("The absence is removed.")

    return _answer(request, act, kind=Event.Kind.CANCELLED)


@_verb
def back(request: HttpRequest) -> HttpResponse:
    def act(worker: Worker, now: datetime) -> None:
        flow.back(worker, by=worker, now=now)

    return _answer(request, act, said=_("You are here again, and your bin fills itself."), kind=Event.Kind.BACK)


@_verb
def undo_act(request: HttpRequest) -> HttpResponse:
    def act(worker: Worker, now: datetime) -> str:
        return undo.undo_by_number(number(request.POST.get("event", "")), by=worker, now=now)

    return _answer(request, act)


def _answer(
    request: HttpRequest,
    act: Callable[[Worker, datetime], str | None],
    *,
    said: str = "",
    kind: str = "",
    typed: Typed | None = None,
) -> HttpResponse:
    """Do it, and answer with what the bin is now, what was done (by `said`, unless the act says it), and how to undo it."""
    now = timezone.now()
    try:
        said = act(_person(request), now) or said
    except SOMETHING_MISSING as refused:
        return _page(request, notice=str(refused), typed=typed, status=422)
    except FILE_IS_STILL_THERE as refused:
        return _page(request, notice=str(refused), typed=typed, status=409)
    except (refusals.Refused, moves.QueueMissing) as refused:
        return _page(request, notice=str(refused), wrote=(typed.reason or typed.note) if typed else "", status=409)
    _person(request).refresh_from_db(fields=["is_present", "away_until"])
    said = said % {"reference": request.POST.get("reference", "")}
    event = undo.act_of(_person(request), kind=kind, file=file_shown(request.POST), at=now) if kind else None
    if request.htmx:  # type: ignore[attr-defined]
        return _page(request, said=said, event=event)
    messages.success(request, said, extra_tags=str(event or ""))
    response = redirect("bin")
    response.status_code = 303
    return response


def _page(
    request: HttpRequest,
    *,
    notice: str = "",
    wrote: str = "",
    said: str = "",
    event: int | None = None,
    typed: Typed | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page; to htmx the fragment and, out of band, what there is to say.

    `wrote` is text that was meant for a file which is no longer there: shown to be copied, never put into another file's form.
    """
    template = "dispatch/_bin_answer.html" if request.htmx else "dispatch/bin.html"  # type: ignore[attr-defined]
    told = {"status": status, "notice": notice, "wrote": wrote, "said": said, "event": event}
    return render(request, template, _shown(request, typed=typed) | told, status=status)


def _shown(request: HttpRequest, *, typed: Typed | None = None) -> dict[str, object]:
    try:
        bin = my_bin(_person(request), now=timezone.now())
    except Queue.DoesNotExist:
        bin = None
    return {
        "bin": bin,
        "typed": typed or Typed(),
        "absences": _absences(bin, _person(request)),
        "improvement": _improvement(bin, _person(request)),
        "causes": _causes(bin, _person(request)),
    }


def _absences(shown: MyBin | None, person: Worker) -> list[tuple[Absence, datetime, datetime]]:
    """Of oneself, planned by whomever, with begin and end in the zone of the team."""
    if shown is None:
        return []
    zone = shown.now.tzinfo
    planned = absences.to_come(person, now=shown.now)
    return [(each, each.starts_at.astimezone(zone), each.ends_at.astimezone(zone)) for each in planned]


def _improvement(shown: MyBin | None, person: Worker) -> Improvement | None:
    """Asked only where there is nothing to work on."""
    if shown is None or shown.front or not (shown.is_present and shown.has_slots):
        return None
    team = person.works_in if shown.lent else person.team
    return improving.improvement(person, team, now=shown.now) if team and not team.is_front_office else None


def _causes(shown: MyBin | None, person: Worker) -> list[str]:
    """What help calls ended with lately, to choose from; asked only where one is to be ended."""
    if shown is None or person.team_id is None or not any(each.is_stuck for each in shown.others):
        return []
    return andon.recent_causes(ruled_by(person) or person.team_id)


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user


def _confirmed(request: HttpRequest) -> frozenset[int]:
    return frozenset(number(text) for text in request.POST.getlist("confirmed"))
