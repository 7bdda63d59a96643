"""The skills matrix as a file, out and in. What is brought is shown first, and saved as a whole when that is confirmed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from dispatch import levels, matrix_tables, refusals, rights, sheets, tables
from dispatch.levels import Certificate, Wanted
from dispatch.matrix import Matrix, end_of, matrix, zone_of
from dispatch.matrix_tables import Brought
from dispatch.orphaning import Orphaning
from dispatch.orphans import Orphans
from dispatch.tables import Problem
from dispatch.views.skills import level_of, reader_of
from skills.models import Level, Skill, Team


@dataclass(frozen=True)
class Told:
    """What became of what was brought."""

    notice: str = ""
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    changes: tuple[Brought, ...] = ()
    orphans: tuple[Orphans, ...] = ()
    status: int = 200


NOTHING_TOLD = Told()


@rights.only(rights.may_see_skills)
@never_cache
@require_safe
def as_csv(request: HttpRequest, team: str) -> HttpResponse:
    return _file(_shown(request, get_object_or_404(Team, slug=team)), matrix_tables.as_csv, sheets.CSV, "csv")


@rights.only(rights.may_see_skills)
@never_cache
@require_safe
def as_xlsx(request: HttpRequest, team: str) -> HttpResponse:
    return _file(_shown(request, get_object_or_404(Team, slug=team)), matrix_tables.as_xlsx, sheets.XLSX, "xlsx")


@rights.only(rights.may_see_skills)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def bring(request: HttpRequest, team: str) -> HttpResponse:
    """A file is looked at and shown; what was shown is saved when it comes back confirmed."""
    found = get_object_or_404(Team, slug=team)
    if not rights.may_set_levels(reader_of(request), found):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, found)
    if "change" in request.POST:
        return _save(request, found)
    return _look(request, found)


def _look(request: HttpRequest, team: Team) -> HttpResponse:
    upload = request.FILES.get("table")
    if upload is None:
        return _page(request, team, Told(_("Choose a file first."), status=422))
    if (upload.size or 0) > matrix_tables.LARGEST:
        return _page(
            request, team, Told(_("This file is larger than 5 MB. A matrix is small; is it another one?"), status=422)
        )
    shown = _shown(request, team)
    try:
        table = tables.read(io.BytesIO(upload.read()), wanted=matrix_tables.BESIDE)
        changes, problems, notices = matrix_tables.read(table, shown)
    except tables.Unreadable as unreadable:
        return _page(request, team, Told(str(unreadable), status=422))
    if problems:
        notice = _("Nothing was saved. Put these right and bring the file again.")
        return _page(request, team, Told(notice, problems=tuple(sorted(problems)), notices=tuple(notices), status=422))
    if not changes:
        notices = [*notices, _("The file says what is so already. There is nothing to change.")]
    return _page(request, team, Told(notices=tuple(notices), changes=tuple(changes)))


def _save(request: HttpRequest, team: Team) -> HttpResponse:
    shown, zone = _shown(request, team), zone_of(team)
    changes = _changes(request, shown)
    if changes is None:
        return _page(
            request, team, Told(_("What was to be saved cannot be read any more. Bring the file again."), status=422)
        )
    wanted = [
        Wanted(
            each.row.worker,
            each.skill,
            level=each.level,
            was=each.was,
            certified_until=end_of(each.until, zone) if each.until else Certificate.KEPT,
        )
        for each in changes
    ]
    try:
        is_confirmed = "confirmed" in request.POST
        events = levels.set_levels(wanted, is_confirmed=is_confirmed, by=reader_of(request), now=timezone.now())
    except Orphaning as orphaning:
        told = Told(str(orphaning), changes=tuple(changes), orphans=orphaning.orphans, status=409)
        return _page(request, team, told)
    except refusals.Refused as refused:
        return _page(request, team, Told(str(refused), status=409))
    said = ngettext("%(number)d level was changed.", "%(number)d levels were changed.", len(events))
    messages.success(request, said % {"number": len(events)}, extra_tags=str(events[-1].pk) if events else "")
    response = redirect("matrix", team.slug)
    response.status_code = 303
    return response


def _changes(request: HttpRequest, shown: Matrix) -> list[Brought] | None:
    """As the page sent them, "ada|marine|L|U|2026-12-31" each; None where one of them is none."""
    rows = {row.worker.username: row for row in shown.rows if row.may_set}
    skills = {skill.slug: skill for skill in Skill.objects.all()}
    found = []
    for line in request.POST.getlist("change"):
        try:
            username, skill, was, level, until = line.split("|")
            day = date.fromisoformat(until) if until else None
            found.append(Brought(rows[username], skills[skill], level_of(was), level_of(level), day))
        except (KeyError, ValueError):
            return None
    return found


def _shown(request: HttpRequest, team: Team) -> Matrix:
    return matrix(team, reader=reader_of(request), now=timezone.now())


def _page(request: HttpRequest, team: Team, told: Told = NOTHING_TOLD) -> HttpResponse:
    lines = [
        (
            each,
            "|".join(
                [each.row.worker.username, each.skill.slug, _letter(each.was), _letter(each.level), _iso(each.until)]
            ),
        )
        for each in told.changes
    ]
    context = {"team": team, "told": told, "lines": lines, "now": timezone.now().astimezone(zone_of(team))}
    return render(request, "dispatch/matrix_import.html", context, status=told.status)


def _file(shown: Matrix, write: Callable[[Matrix], bytes], content_type: str, ending: str) -> HttpResponse:
    response = HttpResponse(write(shown), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="skills-{shown.team.slug}.{ending}"'
    return response


def _letter(level: int | None) -> str:
    return Level(level).name if level else ""


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""
