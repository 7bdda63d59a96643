"""Search: any file, by whatever one remembers of it. A page without scripts, and the list alone to htmx as one types."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from dispatch import directory, rights
from dispatch.asked import LONGEST, Asked
from dispatch.models import FileType, Queue, State
from dispatch.search import find
from skills.models import Team, Worker

TYPES_OFFERED = 5
PROMISES = {
    "overdue": gettext_lazy("Overdue"),
    "today": gettext_lazy("Today"),
    "week": gettext_lazy("This week"),
    "range": gettext_lazy("From – to"),
}


@dataclass
class Query:
    """What the address asks for, and in sentences what of it was left aside because it means nothing here."""

    asked: Asked
    notices: list[str]


@rights.only(rights.may_see_files)
@never_cache
@vary_on_headers("HX-Request")
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    types = list(FileType.objects.select_related("team").order_by("team__name", "name"))
    teams = list(Team.objects.all())
    query = query_of(request.GET, teams=teams, types=types, reader=_person(request), now=now)
    found = find(query.asked, now=now)
    context = {
        "asked": query.asked,
        "types_in": _types_in(request.GET, query.asked, types),
        "notices": query.notices,
        "found": found,
        "sure": [row for row in found.rows if not row.is_guess],
        "guesses": [row for row in found.rows if row.is_guess],
        "export": f"{reverse('export_files')}?{request.GET.urlencode()}",
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "dispatch/_found.html", context)
    choices = {"teams": teams, "types": types, "states": State.choices, "promises": PROMISES.items()}
    typed = {name: request.GET.get(name, "")[:LONGEST] for name in ("state", "team", "type", "promise", "from", "to")}
    return render(request, "dispatch/search.html", context | {"typed": typed, "longest": LONGEST} | choices)


def _types_in(given: QueryDict, asked: Asked, types: list[FileType]) -> list[tuple[FileType, str]]:
    """The file types that what was typed speaks of, each with the address that looks for the rest among its files."""
    if asked.file_type_id:
        return []
    of_team = [each for each in types if asked.team_id in (None, each.team_id)]
    found = []
    for file_type, rest in directory.types_in(asked.text, of_team, most=TYPES_OFFERED):
        address = given.copy()
        address["type"], address["q"] = file_type.slug, rest
        found.append((file_type, f"{reverse('search')}?{address.urlencode()}"))
    return found


def query_of(given: QueryDict, *, teams: list[Team], types: list[FileType], reader: Worker, now: datetime) -> Query:
    text = " ".join(given.get("q", "").replace("\0", "").split())
    query = Query(Asked(text=text[:LONGEST].strip()), [])
    if len(text) > LONGEST:
        query.notices.append(_("Only the first %(number)d characters are looked for.") % {"number": LONGEST})
    state, team, file_type = (given.get(name, "") for name in ("state", "team", "type"))
    team_ids = {each.slug: each.pk for each in teams}
    type_ids = {each.slug: each.pk for each in types}
    for value, known, left_aside in (
        (state, State.values, _("There is no state “%(value)s”, so files in every state are looked for.")),
        (team, team_ids, _("There is no team “%(value)s”, so the files of all teams are looked for.")),
        (file_type, type_ids, _("There is no file type “%(value)s”, so files of all types are looked for.")),
    ):
        if value and value not in known:
            query.notices.append(left_aside % {"value": value[:LONGEST]})
    query.asked = replace(
        query.asked,
        state=state if state in State.values else None,
        team_id=team_ids.get(team),
        file_type_id=type_ids.get(file_type),
    )
    if given.get("promise"):
        _add_promise(query, given, today=now.astimezone(_zone(query.asked.team_id or reader.team_id)))
    return query


def _add_promise(query: Query, given: QueryDict, *, today: datetime) -> None:
    """Days are those of the team that is looked in, or else of the reader's own."""
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    promise = given["promise"]
    if promise == "overdue":
        query.asked = replace(query.asked, due_before=today, only_open=True)
    elif promise == "today":
        query.asked = replace(query.asked, due_from=midnight, due_before=midnight + timedelta(days=1))
    elif promise == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        query.asked = replace(query.asked, due_from=monday, due_before=monday + timedelta(days=7))
    elif promise == "range":
        _add_range(query, given, zone=midnight.tzinfo)
    else:
        query.notices.append(_("There is no such choice of promises, so every promise will do."))


def _add_range(query: Query, given: QueryDict, *, zone: object) -> None:
    assert isinstance(zone, ZoneInfo)
    first, last = _day(given.get("from", ""), query), _day(given.get("to", ""), query)
    if first and last and last < first:
        query.notices.append(_("These days end before they begin, so every promise will do."))
        return
    query.asked = replace(
        query.asked,
        due_from=datetime.combine(first, time.min, zone) if first else None,
        due_before=datetime.combine(last + timedelta(days=1), time.min, zone) if last else None,
    )


def _day(text: str, query: Query) -> date | None:
    """Years beyond what a clock of any zone can say are no days either."""
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day and not 1900 <= day.year <= 9000:
        query.notices.append(_("“%(value)s” is no day. Write days like 2026-11-24.") % {"value": text[:LONGEST]})
        return None
    return day


def _zone(team_id: int | None) -> ZoneInfo:
    name = Queue.objects.filter(team=team_id).values_list("calendar__current__zone", flat=True).first()
    return ZoneInfo(name or timezone.get_current_timezone_name())


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
