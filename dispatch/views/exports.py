"""Exports over HTTP: a page on which to choose, and the tables themselves, streamed as CSV or as a workbook.

A table that is under way takes a thread from the pages, so only a few are at a time; whoever comes then is told to try again.
"""

import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import IO
from zoneinfo import ZoneInfo

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import exports, rights, sheets
from dispatch.exports import Export
from dispatch.models import FileType, Queue, State
from dispatch.views.search import query_of
from skills.models import Team, Worker

KINDS = ("csv", "xlsx")
DAYS = 30  # that are suggested
MOST_DAYS = 1_100  # three years at a time
AT_A_TIME = 3  # in one process
SECONDS_TO_WAIT = 10

_counting = threading.Lock()
_number_under_way = 0


class CannotBe(Exception):
    """This cannot be exported as it was asked for. The message says what to change."""


@rights.only(rights.may_see_files)
@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Where span and format are chosen."""
    return _page(request)


@rights.only(rights.may_see_files)
@never_cache
@require_safe
def files(request: HttpRequest) -> HttpResponseBase:
    """What a search with these words and filters finds, all of it."""
    teams, types = list(Team.objects.all()), list(FileType.objects.all())
    now = timezone.now()
    query = query_of(request.GET, teams=teams, types=types, reader=_person(request), now=now)
    try:
        if query.notices:  # a filter that means nothing would take more away than was wanted
            raise CannotBe(query.notices[0])
        return _table(request, exports.files(query.asked), name=f"files-{now:%Y-%m-%d}")
    except CannotBe as why:
        return _page(request, notice=str(why), status=422)


@rights.only(rights.may_see_boards)
@never_cache
@require_safe
def events(request: HttpRequest, team: str) -> HttpResponseBase:
    found = get_object_or_404(Team, slug=team)
    try:
        first, last = _span(request, found)
        export = exports.events(found, first=first, last=last, reader=_person(request))
        return _table(request, export, name=f"events-{found.slug}-{first}-{last}")
    except CannotBe as why:
        return _page(request, team=found, notice=str(why), status=422)


@rights.only(rights.may_see_boards)
@never_cache
@require_safe
def figures(request: HttpRequest, team: str) -> HttpResponseBase:
    queue = get_object_or_404(Queue.objects.select_related("team", "calendar__current"), team__slug=team)
    try:
        first, last = _span(request, queue.team)
        rows = exports.figures(queue, first=first, last=last, now=timezone.now())
        return _answer(request, rows, name=f"figures-{queue.team.slug}-{first}-{last}")
    except CannotBe as why:
        return _page(request, team=queue.team, notice=str(why), status=422)


@rights.only(rights.may_see_skills)
@never_cache
@require_safe
def skills(request: HttpRequest, team: str) -> HttpResponseBase:
    """The matrix has an address of its own for each format."""
    found = get_object_or_404(Team, slug=team)
    try:
        return redirect(f"matrix_{_kind(request)}", found.slug)
    except CannotBe as why:
        return _page(request, team=found, notice=str(why), status=422)


# --- What is asked for -------------------------------------------------------------------------------------------------------


def _page(request: HttpRequest, *, team: Team | None = None, notice: str = "", status: int = 200) -> HttpResponse:
    teams, person = list(Team.objects.all()), _person(request)
    team = team or next((each for each in teams if each.slug == request.GET.get("team")), None)
    team = team or person.team or person.leads.first() or next(iter(teams), None)
    today = timezone.now().astimezone(_zone(team)).date()
    context = {
        "teams": teams,
        "team": team,
        "has_queue": team is not None and Queue.objects.filter(team=team).exists(),
        "is_of_few": team is not None and exports.is_of_few(team),
        "least_people": exports.LEAST_PEOPLE,
        "states": State.choices,
        "typed": {
            "state": request.GET.get("state", ""),
            "from": request.GET.get("from") or f"{today - timedelta(days=DAYS - 1)}",
            "to": request.GET.get("to") or f"{today}",
            "as": request.GET.get("as", KINDS[0]),
        },
        "today": today,
        "notice": notice,
    }
    response = render(request, "dispatch/exports.html", context, status=status)
    if status == 429:
        response["Retry-After"] = str(SECONDS_TO_WAIT)
    return response


def _span(request: HttpRequest, team: Team) -> tuple[date, date]:
    """Days of the team, both of them whole; the last month without a word. Raises CannotBe."""
    today = timezone.now().astimezone(_zone(team)).date()
    last = _day(request, "to") or today
    first = _day(request, "from") or last - timedelta(days=DAYS - 1)
    if last < first:
        raise CannotBe(_("These days end before they begin. Choose a last day that comes after the first."))
    if (min(last, today) - first).days >= MOST_DAYS:
        raise CannotBe(
            _("At most %(most)d days at a time. Choose fewer, and take the others after them.") % {"most": MOST_DAYS}
        )
    return first, last


def _day(request: HttpRequest, name: str) -> date | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 2000 <= day.year <= 2199:
        raise CannotBe(_("“%(value)s” is no day. Write days like 2026-11-24.") % {"value": text[:40]})
    return day


def _zone(team: Team | None) -> ZoneInfo:
    name = Queue.objects.filter(team=team).values_list("calendar__current__zone", flat=True).first() if team else None
    return ZoneInfo(name or timezone.get_current_timezone_name())


def _kind(request: HttpRequest) -> str:
    kind = request.GET.get("as", KINDS[0])
    if kind not in KINDS:
        raise CannotBe(_("There is no such format. Choose CSV or Excel."))
    return kind


# --- The table ----------------------------------------------------------------------------------------------------------------


def _table(request: HttpRequest, export: Export, *, name: str) -> HttpResponseBase:
    """Raises CannotBe."""
    if _kind(request) == "xlsx" and export.is_longer_than(sheets.MOST_ROWS - 1):
        raise _too_long()
    return _answer(request, export.rows(), name=name)


def _answer(request: HttpRequest, rows: Iterable[sheets.Row], *, name: str) -> HttpResponseBase:
    """429 while too many are under way. Raises CannotBe."""
    kind = _kind(request)
    if _number_under_way >= AT_A_TIME:
        notice = _("Several tables are being exported just now. Try again in a moment.")
        return _page(request, notice=notice, status=429)
    if kind == "csv":
        response: HttpResponseBase = StreamingHttpResponse(_streamed(rows), content_type=sheets.CSV)
    else:
        response = FileResponse(_workbook(rows), content_type=sheets.XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def _streamed(rows: Iterable[sheets.Row]) -> Iterator[bytes]:
    with _under_way():
        yield from sheets.as_csv(rows, delimiter=sheets.delimiter())


def _workbook(rows: Iterable[sheets.Row]) -> IO[bytes]:
    """Whole, before anything is sent: on disk, and gone when it is closed. Raises CannotBe."""
    content = tempfile.TemporaryFile()  # noqa: SIM115  # whoever sends it closes it
    try:
        with _under_way():
            sheets.as_xlsx(rows, to=content)
    except sheets.TooLong as too_long:  # by what came in since it was counted
        content.close()
        raise _too_long() from too_long
    except BaseException:
        content.close()
        raise
    content.seek(0)
    return content


@contextmanager
def _under_way() -> Iterator[None]:
    """Counted from the first row to the last, or to where nobody waits for it any more."""
    global _number_under_way
    with _counting:
        _number_under_way += 1
    try:
        yield
    finally:
        with _counting:
            _number_under_way -= 1


def _too_long() -> CannotBe:
    most = number_format(sheets.MOST_ROWS - 1, force_grouping=True)
    return CannotBe(
        _("Excel takes %(most)s rows in a sheet, and this has more. Take CSV, or ask for less.") % {"most": most}
    )


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
