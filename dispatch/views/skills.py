"""The skills matrix of a team: read by everybody, as far as it concerns them, and set in place by who answers for the team.

An act answers htmx with what changed on the page, and a plain form with a redirect to the matrix. What would leave files that
nobody can do is a question (409), what is missing or wrong the form once more (422).
"""

from dataclasses import dataclass, replace
from datetime import date

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from dispatch import levels, refusals, rights, undo
from dispatch.levels import Certificate, Wanted
from dispatch.matrix import end_of, matrix, zone_of
from dispatch.models import Event
from dispatch.orphaning import Orphaning
from dispatch.orphans import Orphans
from dispatch.views.typed import errors_of, number
from skills.models import Level, LevelChange, Skill, Team, Worker

EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)
LETTERS = [("", ""), *((each.name, each.name) for each in Level)]


class LevelForm(forms.Form):
    """A level by its letter, empty for none; `was` is the one that was shown. Without `until` in it the certificate stays."""

    level = forms.ChoiceField(choices=LETTERS, required=False)
    was = forms.ChoiceField(choices=LETTERS, required=False)
    until = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("Write the last day like 2026-11-24, or leave it empty.")},
    )

    def clean_until(self) -> date | None:
        until: date | None = self.cleaned_data["until"]
        if until and not EARLIEST <= until <= LATEST:
            raise forms.ValidationError(_("Write a year from 2000 to 2199."))
        return until


@dataclass(frozen=True)
class Told:
    """What there is to say when something could not be saved, and what was typed."""

    notice: str = ""
    orphans: tuple[Orphans, ...] = ()
    level: str | None = None
    until: str | None = None
    people: str | None = None
    status: int = 200


NOTHING_TOLD = Told()


@rights.only(rights.may_see_skills)
@never_cache
@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    """To one's own team, or all of them to choose from."""
    person = reader_of(request)
    own = person.team or person.leads.first()
    if own and "all" not in request.GET:
        return redirect("matrix", own.slug)
    return render(request, "dispatch/skills.html", {"teams": Team.objects.all()})


@rights.only(rights.may_see_skills)
@never_cache
@require_safe
def page(request: HttpRequest, team: str) -> HttpResponse:
    found = get_object_or_404(Team, slug=team)
    shown = matrix(found, reader=reader_of(request), now=timezone.now())
    return render(request, "dispatch/matrix.html", {"matrix": shown, "team": found})


@rights.only(rights.may_see_skills)
@never_cache
@require_safe
def person(request: HttpRequest, team: str, username: str) -> HttpResponse:
    """All skills of one person, and from here one that they have not got yet."""
    found, worker = _who(team, username)
    if not rights.may_see_gaps(reader_of(request), worker):
        raise PermissionDenied
    if chosen := request.GET.get("skill"):
        return redirect("level_of", team, username, get_object_or_404(Skill, slug=chosen).slug)
    shown = matrix(found, reader=reader_of(request), worker=worker, now=timezone.now())
    context = {
        "matrix": shown,
        "team": found,
        "row": shown.rows[0],
        "others": Skill.objects.exclude(pk__in=[column.skill.pk for column in shown.columns]),
        "pairs": list(zip(shown.columns, shown.rows[0].marks, strict=True)),
    }
    return render(request, "dispatch/levels.html", context)


@rights.only(rights.may_see_skills)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, team: str, username: str, skill: str) -> HttpResponse:
    """One person in one skill: the level with its history and, for who may, the form to set it."""
    found, worker = _who(team, username)
    of_skill, reader = get_object_or_404(Skill, slug=skill), reader_of(request)
    if not rights.may_see_gaps(reader, worker):
        raise PermissionDenied
    if request.method != "POST":
        return _one(request, found, worker, of_skill)
    if worker.team is None or not rights.may_set_levels(reader, worker.team):
        raise PermissionDenied
    form = LevelForm(request.POST)
    typed = Told(level=request.POST.get("level", ""), until=request.POST.get("until"))
    if not form.is_valid():
        notice = " ".join(errors_of(form).values())
        return _one(request, found, worker, of_skill, replace(typed, notice=notice, status=422))
    now, until = timezone.now(), form.cleaned_data["until"]
    wanted = Wanted(
        worker,
        of_skill,
        level=level_of(form.cleaned_data["level"]),
        was=level_of(form.cleaned_data["was"]),
        certified_until=(end_of(until, zone_of(worker.team)) if until else None)
        if "until" in request.POST
        else Certificate.KEPT,
    )
    try:
        events = levels.set_levels([wanted], is_confirmed="confirmed" in request.POST, by=reader, now=now)
    except Orphaning as orphaning:
        told = replace(typed, notice=str(orphaning), orphans=orphaning.orphans, status=409)
        return _one(request, found, worker, of_skill, told)
    except levels.CertificateImpossible as refused:
        return _one(request, found, worker, of_skill, replace(typed, notice=str(refused), status=422))
    except refusals.Refused as refused:
        return _one(request, found, worker, of_skill, Told(str(refused), status=409))
    said = _("%(name)s, %(skill)s: %(level)s.") % {
        "name": worker.get_short_name(),
        "skill": of_skill,
        "level": Level(wanted.level).label if wanted.level else _("no level"),
    }
    return _saved(request, found, said=said, event=events[0] if events else None, worker=worker, skill=of_skill)


@rights.only(rights.may_see_skills)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def target(request: HttpRequest, team: str, skill: str) -> HttpResponse:
    """How many of the team should be able to do it alone."""
    found, of_skill = get_object_or_404(Team, slug=team), get_object_or_404(Skill, slug=skill)
    if not rights.may_set_levels(reader_of(request), found):
        raise PermissionDenied
    if request.method != "POST":
        return _target(request, found, of_skill)
    text = request.POST.get("people", "").strip()
    try:
        people = number(text) if text else None
        event = levels.set_target(found, of_skill, people=people, by=reader_of(request), now=timezone.now())
    except levels.TargetImpossible as refused:
        return _target(request, found, of_skill, Told(str(refused), people=text, status=422))
    said = (
        _("%(skill)s: the target is %(people)s.") % {"skill": of_skill, "people": people}
        if people
        else _("%(skill)s has no target any more.") % {"skill": of_skill}
    )
    return _saved(request, found, said=said, event=event, skill=of_skill)


@rights.only(rights.may_see_skills)
@never_cache
def undo_act(request: HttpRequest, team: str) -> HttpResponse:
    found = get_object_or_404(Team, slug=team)
    if request.method != "POST":
        return redirect("matrix", team)
    reader, event_id = reader_of(request), number(request.POST.get("event", ""))
    mine = Event.objects.select_related("team").filter(pk=event_id, by=reader).first()
    if not rights.may_set_levels(reader, mine.team if mine else found):
        raise PermissionDenied
    together = levels.set_together(event_id)
    try:
        if len(together) > 1:
            undo.undo_levels(together, by=reader, now=timezone.now())
            return _undone_together(request, found, len(together))
        said = undo.undo_by_number(event_id, by=reader, now=timezone.now())
    except refusals.Refused as refused:
        if request.htmx:  # type: ignore[attr-defined]
            return render(request, "dispatch/_level_refused.html", {"notice": str(refused)}, status=409)
        messages.error(request, str(refused))
        return _see(found)
    event = Event.objects.get(pk=event_id)
    if event.kind in (Event.Kind.PAIRED, Event.Kind.UNPAIRED):
        messages.success(request, said)
        return _see(found, "training")
    worker, skill = _concerned(event)
    return _saved(request, found, said=said, event=None, worker=worker, skill=skill)


def _undone_together(request: HttpRequest, team: Team, number: int) -> HttpResponse:
    """The whole matrix anew: much of it has changed."""
    said = ngettext("Undone: %(number)d level is as it was.", "Undone: %(number)d levels are as they were.", number)
    messages.success(request, said % {"number": number})
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(reverse("matrix", args=[team.slug]))
    return _see(team)


# --- What they share ------------------------------------------------------------------------------------------------------


def reader_of(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    prefetch_related_objects([request.user], "leads")  # the rules ask for them again and again
    return request.user


def level_of(letter: str) -> int | None:
    return Level[letter].value if letter else None


def _who(team: str, username: str) -> tuple[Team, Worker]:
    """The team, and a person who is at home or works there."""
    at_work = Q(team__slug=team) | Q(works_in__slug=team), Q(is_active=True, roles__contains=["worker"])
    worker = get_object_or_404(Worker.objects.select_related("team", "works_in"), *at_work, username=username)
    found = worker.team if worker.team and worker.team.slug == team else worker.works_in
    assert found is not None  # one of them is
    return found, worker


def _one(request: HttpRequest, team: Team, worker: Worker, skill: Skill, told: Told = NOTHING_TOLD) -> HttpResponse:
    """The page; to htmx the panel alone."""
    shown = matrix(team, reader=reader_of(request), worker=worker, skill=skill, now=timezone.now())
    row, column, mark = shown.rows[0], shown.columns[0], shown.rows[0].marks[0]
    context = {
        "matrix": shown,
        "team": team,
        "row": row,
        "column": column,
        "mark": mark,
        "told": told,
        "now": shown.now,
        "chosen": mark.letter if told.level is None else told.level,
        "until": (f"{mark.until:%Y-%m-%d}" if mark.until else "") if told.until is None else told.until,
        "letters": [each.name for each in Level],
        "url": reverse("level_of", args=[team.slug, worker.username, skill.slug]),
    }
    context["may_close"] = request.htmx  # type: ignore[attr-defined]
    template = "dispatch/_level_asked.html" if request.htmx else "dispatch/level.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=told.status)


def _target(request: HttpRequest, team: Team, skill: Skill, told: Told = NOTHING_TOLD) -> HttpResponse:
    shown = matrix(team, reader=reader_of(request), skill=skill, now=timezone.now())
    column = shown.columns[0]
    context = {
        "team": team,
        "column": column,
        "told": told,
        "people": (column.target or "") if told.people is None else told.people,
        "url": reverse("coverage_target", args=[team.slug, skill.slug]),
    }
    context["may_close"] = request.htmx  # type: ignore[attr-defined]
    template = "dispatch/_target.html" if request.htmx else "dispatch/target.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=told.status)


def _saved(
    request: HttpRequest,
    team: Team,
    *,
    said: str,
    event: Event | None,
    worker: Worker | None = None,
    skill: Skill | None = None,
) -> HttpResponse:
    """To htmx what changed on the page: the cell, how the skill is covered, the latest changes, and how to undo it."""
    if not request.htmx or skill is None:  # type: ignore[attr-defined]
        messages.success(request, said, extra_tags=str(event.pk if event else ""))
        return _see(team)
    reader, now = reader_of(request), timezone.now()
    shown = matrix(team, reader=reader, worker=worker, skill=skill, changes_of_all=True, now=now)
    context = {
        "matrix": shown,
        "team": team,
        "row": shown.rows[0] if worker and shown.rows else None,  # whoever was lent here may be home again
        "column": shown.columns[0],
        "changes": shown.changes,
        "said": said,
        "event": event.pk if event else None,
    }
    return render(request, "dispatch/_level_answer.html", context)


def _see(team: Team, name: str = "matrix") -> HttpResponse:
    response = redirect(name, team.slug)
    response.status_code = 303
    return response


def _concerned(event: Event) -> tuple[Worker | None, Skill | None]:
    """The cell of the matrix that an act was about, or the skill whose target it set."""
    told = event.receipt or {}
    if event.kind == Event.Kind.LEVELLED:
        change = LevelChange.objects.select_related("worker", "skill").get(pk=told["change"])
        return change.worker, change.skill
    return None, Skill.objects.filter(pk=told.get("skill", 0)).first()
