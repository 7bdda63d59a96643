"""The training plan of a team: seen by who answers for it and by managers, and decided by who answers for it."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from dispatch import pairings, refusals, rights, training, undo
from dispatch.matrix import end_of, zone_of
from dispatch.models import Event
from dispatch.orphaning import Orphaning
from dispatch.orphans import Orphans
from dispatch.views.skills import EARLIEST, LATEST, level_of, reader_of
from dispatch.views.typed import errors_of
from skills.models import Level, Pairing, Skill, Team, Worker

ISO_DAY = ["%Y-%m-%d"]
WRITE_DAY = gettext_lazy("Write days like 2026-11-24.")


class PairingForm(forms.Form):
    """Of the team alone: who else is chosen is refused."""

    skill = forms.ModelChoiceField(
        Skill.objects.all(), to_field_name="slug", error_messages={"required": gettext_lazy("Choose the skill.")}
    )
    learner = forms.ModelChoiceField(
        Worker.objects.none(), to_field_name="username", error_messages={"required": gettext_lazy("Choose who learns.")}
    )
    teacher = forms.ModelChoiceField(
        Worker.objects.none(),
        to_field_name="username",
        error_messages={"required": gettext_lazy("Choose who teaches.")},
    )
    since = forms.DateField(input_formats=ISO_DAY, required=False, error_messages={"invalid": WRITE_DAY})
    until = forms.DateField(
        input_formats=ISO_DAY, error_messages={"invalid": WRITE_DAY, "required": gettext_lazy("Say the last day.")}
    )
    until_level = forms.ChoiceField(choices=[(each.name, each.name) for each in Level][1:], initial="U")

    def __init__(self, *args: object, team: Team, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for name in ("learner", "teacher"):
            self.fields[name].queryset = Worker.objects.filter(team=team, is_active=True)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, object]:
        for name in ("since", "until"):
            day: date | None = self.cleaned_data.get(name)
            if day and not EARLIEST <= day <= LATEST:
                self.add_error(name, _("Write a year from 2000 to 2199."))
        return self.cleaned_data


@rights.only(rights.may_see_skills)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, team: str) -> HttpResponse:
    """The plan; a POST plans a pairing."""
    found, reader = _team(request, team), reader_of(request)
    if request.method != "POST":
        return _page(request, found)
    if not rights.may_set_levels(reader, found):
        raise PermissionDenied
    form = PairingForm(request.POST, team=found)
    if not form.is_valid():
        return _page(request, found, notice=" ".join(dict.fromkeys(errors_of(form).values())), status=422)
    given, now, zone = form.cleaned_data, timezone.now(), zone_of(found)
    try:
        made = pairings.plan(
            given["learner"],
            given["teacher"],
            given["skill"],
            starts_at=_start_of(given["since"], zone=zone) if given["since"] else now,
            ends_at=end_of(given["until"], zone),
            until_level=level_of(given["until_level"]) or Level.U,
            by=reader,
            now=now,
        )
    except pairings.AlreadyLearning as refused:
        return _page(request, found, notice=str(refused), status=409)
    except refusals.Refused as refused:
        return _page(request, found, notice=str(refused), status=422)
    said = _("%(learner)s learns %(skill)s with %(teacher)s.") % {
        "learner": made.learner.get_short_name(),
        "skill": made.skill,
        "teacher": made.teacher.get_short_name(),
    }
    return _done(request, found, said, kind=Event.Kind.PAIRED, now=now)


@rights.only(rights.may_see_skills)
@never_cache
def end(request: HttpRequest, team: str, pairing: int) -> HttpResponse:
    found, reader = _team(request, team), reader_of(request)
    if request.method != "POST":
        return redirect("training", team)
    mine = get_object_or_404(Pairing.objects.select_related("learner", "skill"), pk=pairing, team=found)
    if not rights.may_set_levels(reader, found):
        raise PermissionDenied
    now = timezone.now()
    try:
        pairings.end(mine, is_confirmed="confirmed" in request.POST, by=reader, now=now)
    except Orphaning as orphaning:
        return _page(request, found, notice=str(orphaning), orphans=orphaning.orphans, ending=mine, status=409)
    except refusals.Refused as refused:
        return _page(request, found, notice=str(refused), status=409)
    said = _("%(learner)s learns %(skill)s no longer.") % {
        "learner": mine.learner.get_short_name(),
        "skill": mine.skill,
    }
    return _done(request, found, said, kind=Event.Kind.UNPAIRED, now=now)


def _team(request: HttpRequest, team: str) -> Team:
    found = get_object_or_404(Team, slug=team)
    if not rights.may_see_training(reader_of(request), found):
        raise PermissionDenied
    return found


def _start_of(day: date, *, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _page(
    request: HttpRequest,
    team: Team,
    *,
    notice: str = "",
    orphans: tuple[Orphans, ...] = (),
    ending: Pairing | None = None,
    status: int = 200,
) -> HttpResponse:
    shown = training.plan(team, reader=reader_of(request), now=timezone.now())
    context = {
        "plan": shown,
        "team": team,
        "notice": notice,
        "orphans": orphans,
        "ending": ending,
        "status": status,
        "typed": request.POST,
        "letters": ["L", "U", "O"],
    }
    return render(request, "dispatch/training.html", context, status=status)


def _done(request: HttpRequest, team: Team, said: str, *, kind: str, now: datetime) -> HttpResponse:
    event = undo.act_of(reader_of(request), kind=kind, file=None, at=now)
    messages.success(request, said, extra_tags=str(event or ""))
    response = redirect("training", team.slug)
    response.status_code = 303
    return response
